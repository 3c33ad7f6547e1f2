"""Behind Debian's nginx, as docs/behind-a-proxy.md sets it up at the least: over TCP and over Unix sockets."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import unittest

from toni_host import (
    DEADLINE, ECHO, GREETING, GUARD, ROOMS, Client, Host, HostTestCase, configuration, main,
    open_socket, request, service,
)

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "chat.example.org"
ORIGIN = ("Origin", "https://" + NAME)
MIB = 1 << 20
PROBE = service("probe", "http_probe_service.so", "/probe", limits={"http_body_bytes": 1000})

UNBUFFERED = """\
    location /unbuffered {
        proxy_pass http://%s;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_set_header Host $host;
    }
"""

# What a distribution's nginx.conf has around a server; all that it writes stays in a folder.
AROUND = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def nginx():
    """Where scripts/setup has put it, or Debian."""
    return shutil.which(
        "nginx", path=os.pathsep.join((os.path.join(SOURCE, "build", "nginx", "usr", "sbin"),
                                       os.environ["PATH"], "/usr/sbin"))
    )


def server_of_the_readme(folder, websocket, http_address):
    """Its lines, with the addresses of this host."""
    with open(os.path.join(SOURCE, "docs", "behind-a-proxy.md"), encoding="utf-8") as text:
        server = re.search(r"```nginx\n(.*?)```", text.read(), re.DOTALL).group(1)
    for said, meant in (("127.0.0.1:9001", http_address), ("127.0.0.1:9000", websocket)):
        assert said in server, "the page names another address than %s" % said
        server = server.replace(said, meant)
    server = server.replace("location /rooms", "location ~ ^/(rooms|echo|guard)$")
    more = "{\n    listen unix:%s/nginx;\n" % folder + UNBUFFERED % http_address
    return server.replace("{", more, 1)


class Proxy:
    def __init__(self, folder, websocket, http_address):
        self.address = "unix:%s/nginx" % folder
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as out:
            server = server_of_the_readme(folder, websocket, http_address)
            out.write(AROUND.format(folder=folder, server=server))
        self.process = subprocess.Popen(
            [nginx(), "-e", "stderr", "-p", folder, "-c", conf], stderr=subprocess.PIPE, text=True
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.log = self.process.communicate(timeout=DEADLINE)[1]


class HTTPOverUnix(http.client.HTTPConnection):
    def __init__(self, address):
        super().__init__(NAME, timeout=DEADLINE)
        self.address = address

    def connect(self):
        self.sock = open_socket(self.address)


class BehindNginx:
    gateways = (ROOMS, ECHO, GUARD, PROBE)

    @classmethod
    def setUpClass(cls):
        unittest.TestCase.setUpClass()
        if not nginx():
            raise AssertionError("there is no nginx: run scripts/setup test")
        cls.host = Host("")
        websocket, http_address = cls.addresses(cls.host.folder)
        with open(cls.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration(cls.gateways, listen=websocket, http=http_address, hosts=[NAME]))
        cls.host.start()
        cls.proxy = Proxy(cls.host.folder, *map(cls.upstream, (cls.host.address, cls.host.http_address)))
        cls.until_it_listens()

    @classmethod
    def until_it_listens(cls):
        while True:
            try:
                open_socket(cls.proxy.address).close()
                return
            except OSError:
                if cls.proxy.process.poll() is not None:
                    raise AssertionError(cls.proxy.process.stderr.read()) from None

    @classmethod
    def tearDownClass(cls):
        cls.proxy.stop()
        cls.host.stop()
        unittest.TestCase.tearDownClass()

    def client(self, path="/rooms", headers=(ORIGIN,), **how):
        client = Client(self.proxy.address, path, headers=headers, Host=NAME, **how)
        self.addCleanup(client.sock.close)
        return client

    def ask(self, method, path, body=None, headers=()):
        connection = HTTPOverUnix(self.proxy.address)
        self.addCleanup(connection.close)
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        answer.content = answer.read()
        return answer

    def test_rooms(self):
        first, second = self.client(), self.client()
        for client in (first, second):
            client.expect(GREETING)
            client.send("join:r")
            client.expect("Joined room: r")
        name = first.read().split(" ")[0]
        first.read()
        second.read()
        first.send("msg:r:hello")
        for client in (first, second):
            client.expect("[r] %s: hello" % name)
        first.close()

    def test_large_messages(self):
        client = self.client("/echo")
        for size in (65536, 1000000):
            data = os.urandom(size)
            self.assertTrue(client.ask(data) == data, "of %d bytes" % size)

    def handshake(self, path, origin=ORIGIN):
        """The status of its answer, after which nginx keeps the connection."""
        with open_socket(self.proxy.address) as sock:
            sock.sendall(request(path, headers=(origin,), Host=NAME))
            return int(sock.recv(4096).split(b" ")[1])

    def test_refusals_of_a_handshake_come_through(self):
        self.assertEqual(self.handshake("/rooms", ("Origin", "https://elsewhere.example.org")), 403)
        self.assertEqual(self.handshake("/guard"), 401)
        self.assertEqual(self.handshake("/rooms?%25"), 101)

    def test_services_answer(self):
        for _ in range(20):
            self.assertEqual(self.ask("GET", "/probe").status, 200)
        self.assertEqual(self.ask("POST", "/probe", b"x" * 1000).status, 200)
        self.assertEqual(self.ask("GET", "/nowhere").status, 404)

    def test_an_answer_before_the_body_was_read_comes_through(self):
        """Neither side may lose it to a reset; more than 1 MiB nginx refuses by itself."""
        for path, status in (("/nowhere", 404), ("/probe", 413)):
            for size in (65536, 200000, MIB):
                seen = [self.ask("POST", path, b"x" * size).status for _ in range(20)]
                self.assertEqual(seen, [status] * 20, "of %d bytes to %s" % (size, path))

    def test_also_if_nginx_sends_the_body_as_it_comes(self):
        for size in (65536, MIB):
            for _ in range(20):
                sock = open_socket(self.proxy.address)
                with sock:
                    head = "POST /unbuffered HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
                    sock.sendall((head % (NAME, size)).encode())
                    sock.sendall(b"x" * size)
                    self.assertIn(b" 404 ", sock.recv(65536).split(b"\r\n", 1)[0])


class TestOverTCP(BehindNginx, HostTestCase):
    @staticmethod
    def addresses(folder):
        return "127.0.0.1:0", "127.0.0.1:0"

    @staticmethod
    def upstream(address):
        return address


class TestOverUnixSockets(BehindNginx, HostTestCase):
    @staticmethod
    def addresses(folder):
        return "unix:%s/websocket" % folder, "unix:%s/http" % folder

    @staticmethod
    def upstream(address):
        return address


if __name__ == "__main__":
    main()
