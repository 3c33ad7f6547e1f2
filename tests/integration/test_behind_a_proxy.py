"""Behind Debian's nginx and haproxy, as docs/behind-a-proxy.md sets them up: over TCP and over Unix sockets, with
1 and 4 workers, over swaps, and with TLS that goes through the proxy to toni. The client is 127.0.0.2; the proxy connects from 127.0.0.1."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

from test_nginx import AROUND, SOURCE, nginx
from toni_host import (
    DEADLINE, GREETING, PROBE, ROOMS, Client, Host, Response, TlsAddress, configuration, gateway, main, open_socket,
    own_material, request, run_toni, service, value_text,
)

NAME = "chat.example.org"
CLIENT, OTHER = "127.0.0.2", "127.0.0.3"
HTTP_PROBE = service("http", "http_probe_service.so", "/http")
LIMIT = 16  # connections of one address
IN_BUILD = os.path.join(SOURCE, "build", "haproxy")


def page():
    with open(os.path.join(SOURCE, "docs", "behind-a-proxy.md"), encoding="utf-8") as text:
        return text.read()


def block(kind, name):
    """What stands on the page, in a block of that name."""
    found = re.search(r"<!-- %s: %s -->\n```\w*\n(.*?)```" % (kind, name), page(), re.DOTALL)
    assert found, "the page has no block %s: %s" % (kind, name)
    return found.group(1)


def replaced(text, *pairs):
    for said, meant in pairs:
        assert said in text, "the page says nothing of %s" % said
        text = text.replace(said, meant)
    return text


def haproxy():
    """Where scripts/setup has put it, or Debian; and its environment."""
    found = shutil.which("haproxy", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))
    if found:
        return found, os.environ
    found = shutil.which("haproxy", path=os.path.join(IN_BUILD, "usr", "sbin"))
    assert found, "there is no haproxy: run scripts/setup test"
    libraries = [folder for folder, _, files in os.walk(IN_BUILD) if any(".so" in f for f in files)]
    return found, {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(libraries)}


def free_address():
    """Of loopback, that nobody else is likely to have."""
    return "127.%d.%d.1" % (random.randrange(32, 255), random.randrange(256))


class Proxy:
    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)

    def wait(self, address):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                open_socket(address).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.process.kill()
                    raise AssertionError(self.process.communicate()[1]) from None
                time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


class Behind(unittest.TestCase):
    workers = 1
    unix = False
    toni = "nginx"  # the block of toni's own

    def setUp(self):
        self.host = Host("")
        self.addCleanup(self.host.kill)
        self.write()
        self.host.start()
        self.front = free_address()
        self.websocket_front = self.http_front = self.front + ":18080"
        self.start_proxy()
        self.addCleanup(self.proxy.stop)
        self.proxy.wait(self.websocket_front)
        self.proxy.wait(self.http_front)

    def write(self, **more):
        """What the page has of `listen` and `hosts`, before this test's modules."""
        websocket, http_address = "127.0.0.1:0", "127.0.0.1:0"
        text = block("toni", self.toni)
        if self.unix:
            of_unix = block("toni", "unix")
            way = re.search(r"proxy_header = .*", text).group(0)
            text = re.sub(r"proxy_header = .*", way, of_unix)
            text = replaced(text, (";mode=0660;group=www-data", ""), ("/run/toni/", self.host.folder + "/"))
        else:
            text = replaced(text, ("127.0.0.1:9000", websocket), ("127.0.0.1:9001", http_address))
        text = self.of_listen(text)
        rest = configuration((PROBE, ROOMS, HTTP_PROBE, *more.pop("gateways", ())), self.workers,
                             {"connections_per_address": LIMIT, "close_ms": 200}, **more)
        with open(self.host.conf, "w", encoding="utf-8") as conf:
            conf.write(text + re.sub(r"^listen = .*\n", "", rest, count=1))

    def of_listen(self, text):
        return text

    def upstreams(self, text, unix_prefix):
        for said, meant in (("127.0.0.1:9000", self.host.address), ("127.0.0.1:9001", self.host.http_address)):
            text = replaced(text, (said, meant.replace("unix:", unix_prefix)))
        return text

    def client(self, path="/probe", source=CLIENT, **how):
        client = Client(self.websocket_front, path, source=source, Host=NAME, **how)
        self.addCleanup(client.sock.close)
        return client

    def refused(self, path, source=CLIENT, headers=()):
        """The status of the answer, after which a proxy may keep the connection."""
        with open_socket(self.websocket_front, source=source) as sock:
            sock.sendall(request(path, headers=headers, Host=NAME))
            return int(sock.recv(4096).split(b" ")[1])

    @staticmethod
    def seen_by(client):
        return re.search(r" address=(\S*) subprotocol", client.read()).group(1)

    def http(self, source=CLIENT, headers=()):
        sock = open_socket(self.http_front, source=source)
        self.addCleanup(sock.close)
        lines = ["GET /http HTTP/1.1", "Host: " + NAME, "Connection: close", *headers]
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        raw = bytearray()
        while part := sock.recv(65536):
            raw += part
        answer = Response(bytes(raw))
        self.assertEqual(answer.status, 200)
        return re.search(rb"address=(\S*)\n", answer.body).group(1).decode()

    def test_the_clients_address_is_known(self):
        for source in (CLIENT, OTHER):
            self.assertEqual(self.seen_by(self.client(source=source)), source)
            self.assertEqual(self.http(source), source)
        self.host.stop()

    def test_what_a_client_writes_changes_nothing(self):
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            for value in ("203.0.113.7", "127.0.0.1", "unknown", 'for="'):
                self.assertEqual(self.seen_by(self.client(headers=[(name, value)])), CLIENT)
                self.assertEqual(self.http(headers=["%s: %s" % (name, value)]), CLIENT)
        self.host.stop()

    def test_limits_are_each_clients(self):
        for source in (CLIENT, OTHER):
            kept = [self.client(source=source) for _ in range(LIMIT)]
            self.assertEqual(self.refused("/probe", source), 503)
            self.addCleanup(kept.clear)
        self.host.stop()

    def test_rooms_and_a_page_of_that_name(self):
        client = self.client("/rooms", headers=[("Origin", "https://" + NAME)])
        client.expect(GREETING)
        client.send("join:r")
        client.expect("Joined room: r")
        origin = ("Origin", "https://elsewhere.example")
        self.assertEqual(self.refused("/rooms", headers=[origin]), 403)
        self.host.stop()

    def test_over_a_swap(self):
        before = self.client("/rooms")
        before.expect(GREETING)
        self.write(gateways=[gateway("more", "echo_gateway.so", "/more")])
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        before.send("join:r")
        before.expect("Joined room: r")
        self.assertEqual(self.seen_by(self.client()), CLIENT)
        self.assertEqual(self.http(OTHER), OTHER)
        self.host.stop()


class BehindNginx(Behind):
    def start_proxy(self):
        server = self.upstreams(block("proxy", "nginx"), "unix:")
        server = replaced(server, ("listen 80;", "listen %s;" % self.http_front), ("(rooms|echo)", "(rooms|probe)"))
        conf = os.path.join(self.host.folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(AROUND.format(folder=self.host.folder, server=server))
        command = [nginx(), "-e", "stderr", "-p", self.host.folder, "-c", conf]
        self.proxy = Proxy(command)


class BehindHaproxy(Behind):
    of_page = "haproxy"

    def configure(self):
        text = self.upstreams(block("proxy", "haproxy"), "unix@")
        return replaced(text, ("bind :80", "bind " + self.http_front), ("/rooms /echo", "/rooms /probe"))

    def start_proxy(self):
        conf = os.path.join(self.host.folder, "haproxy.cfg")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(self.configure())
        program, environment = haproxy()
        self.proxy = Proxy([program, "-db", "-f", conf], environment)


class BehindProtocol(BehindHaproxy):
    toni = "protocol"

    def configure(self):
        self.websocket_front = self.front + ":18081"
        text = self.upstreams(block("proxy", "protocol"), "unix@")
        return replaced(text, ("bind :9080", "bind " + self.websocket_front),
                        ("bind :80", "bind " + self.http_front))


class BehindProtocol1(BehindProtocol):
    def configure(self):
        return replaced(super().configure(), ("send-proxy-v2", "send-proxy check"))


class BehindProtocolAndTls(BehindProtocol):
    """The clients' TLS ends in toni: the proxy looks into nothing."""

    def of_listen(self, text):
        own = value_text(own_material()[1])
        text, found = re.subn(r'(websocket|http) = ("[^"]*");', r"\1 = { address = \2; tls = %s; };" % own, text)
        self.assertEqual(found, 2)
        return text

    def start_proxy(self):
        super().start_proxy()
        self.websocket_front, self.http_front = TlsAddress(self.websocket_front), TlsAddress(self.http_front)


class BehindProtocol1AndTls(BehindProtocolAndTls, BehindProtocol1):
    pass


def variants():
    kinds = (BehindNginx, BehindHaproxy, BehindProtocol, BehindProtocol1, BehindProtocolAndTls, BehindProtocol1AndTls)
    for kind in kinds:
        for unix in (False, True):
            workers = 4 if unix else 1
            name = "%s%s" % (kind.__name__, "OverUnix" if unix else "OverTCP")
            yield name, type(name, (kind,), {"unix": unix, "workers": workers})


for each, made in variants():
    globals()[each] = made
del Behind, BehindNginx, BehindHaproxy, BehindProtocol, BehindProtocol1, made, each
del BehindProtocolAndTls, BehindProtocol1AndTls

if __name__ == "__main__":
    main()
