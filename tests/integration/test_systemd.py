"""What toni and a service manager say to each other, without one: the sockets are opened, and the
notes read, by this test."""

import array
import os
import select
import shutil
import signal
import socket
import tempfile
import time

from toni_generations import Generations
from toni_host import (
    DEADLINE,
    ECHO,
    FIXTURES,
    PLUGINS,
    PROBE,
    SLOWNESS,
    TONI,
    Client,
    PatientTestCase,
    Response,
    configuration,
    gateway,
    is_accepted,
    main,
    open_plain_socket,
    own_context,
    own_material,
    request,
    scaled,
    service,
)

UNUSED = "a listening socket from outside is closed: its address is not in `listen`"

# Becomes toni, as the service manager's child does: LISTEN_PID is its own.
STARTER = """#!/usr/bin/python3
import os, sys
fds = %(fds)r
for number, fd in enumerate(fds):
    os.dup2(fd, 100 + number)
for number in range(len(fds)):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
if fds:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.environ.update({key: value.replace("$$", str(os.getpid())) for key, value in %(more)r.items()})
os.environ["NOTIFY_SOCKET"] = %(notify)r
os.execv(%(toni)r, [%(toni)r] + sys.argv[1:])
"""


class Manager:
    """Reads the notes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path.replace("@", "\0", 1) if path.startswith("@") else path)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.notes = []

    def read(self):
        """The next note, as (pid, {key: value}). A barrier is passed: what it came with is closed."""
        if not select.select([self.socket], [], [], DEADLINE)[0]:
            raise AssertionError("no note came; before: %r" % self.notes)
        data, control, _, _ = self.socket.recvmsg(4096, 4096)
        pid, fds = None, []
        for level, kind, value in control:
            if kind == socket.SCM_CREDENTIALS:
                pid = array.array("i", value)[0]
            elif kind == socket.SCM_RIGHTS:
                fds += array.array("i", value)
        for fd in fds:
            os.close(fd)
        fields = dict(line.split("=", 1) for line in data.decode().splitlines())
        self.notes.append((pid, fields))
        return self.notes[-1]

    def expect(self, case, pid, **wanted):
        got, fields = self.read()
        case.assertEqual((got, {key: fields.get(key) for key in wanted}), (pid, wanted))
        return fields

    def expect_silence(self, case):
        case.assertEqual(select.select([self.socket], [], [], 0)[0], [])


class SystemdTestCase(PatientTestCase):
    notify = None  # the manager's socket; None: a file

    def start(self, text, sockets=(), **environment):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        notify = self.notify or os.path.join(self.folder, "notify")
        self.manager = Manager(notify)
        self.addCleanup(self.manager.socket.close)
        host = Generations(text)
        host.program = os.path.join(self.folder, "starter")
        host.pass_fds = tuple(sock.fileno() for sock in sockets)
        with open(host.program, "w", encoding="utf-8") as out:
            out.write(STARTER % {
                "fds": list(host.pass_fds),
                "more": environment,
                "notify": notify,
                "toni": TONI,
            })
        os.chmod(host.program, 0o755)
        self.addCleanup(host.kill)
        return host.launch()

    def text(self, *more, listen="127.0.0.1:0", limits=None, **settings):
        return configuration(
            [ECHO, *more], limits={"drain_ms": 300, "close_ms": 200, **(limits or {})}, listen=listen,
            plugin_path=[FIXTURES, PLUGINS], **settings)

    def check_serves(self, address):
        client = Client(address, "/echo")
        self.addCleanup(client.drop)
        self.assertEqual(client.ask("hello"), "hello")


class TestNotes(SystemdTestCase):
    def test_ready_and_stopping(self):
        host = self.start(self.text())
        self.manager.expect(self, host.pid, READY="1", STATUS="Serving")
        host.wait_log(msg="ready")
        self.manager.expect_silence(self)
        os.kill(host.pid, signal.SIGTERM)
        self.manager.expect(self, host.pid, STOPPING="1")
        host.ends_well()
        self.manager.expect_silence(self)

    def test_nothing_before_it_is_ready(self):
        until = os.path.join(tempfile.gettempdir(), "toni-test-%d" % os.getpid())
        host = self.start(self.text(gateway("waiting", "waiting_gateway.so", "/waiting",
                                            options={"hook": "ready", "until": until})))
        host.wait_log(msg="waiting")
        self.manager.expect_silence(self)
        with open(until, "w", encoding="utf-8"):
            self.addCleanup(os.unlink, until)
        self.manager.expect(self, host.pid, READY="1")
        host.stop()

    def test_a_restart_names_the_successor(self):
        host = self.start(self.text())
        self.manager.expect(self, host.pid, READY="1")
        host.wait_log(msg="ready")
        host.restart()
        successor = host.serving()
        self.manager.expect(self, successor, READY="1")
        self.manager.expect(self, host.pid, MAINPID=str(successor))
        self.manager.expect(self, host.pid, BARRIER="1")  # it waits until that was read
        self.assertEqual(host.wait_gone(host.pid), 0)
        self.manager.expect_silence(self)  # the service does not stop
        os.kill(successor, signal.SIGTERM)
        self.manager.expect(self, successor, STOPPING="1")
        self.assertEqual(host.wait_gone(successor), 0)

    def test_a_reload(self):
        host = self.start(self.text())
        self.manager.expect(self, host.pid, READY="1")
        host.wait_log(msg="ready")
        for gateways, code in (([gateway("more", "echo_gateway.so", "/more")], 0),
                               ([gateway("lost", "lost.so", "/lost")], 2)):
            host.expect_error(msg="reload refused")
            host.configure(self.text(*gateways))
            before = time.monotonic_ns() // 1000
            host.answer_of(host.ask("reload"), code)
            fields = self.manager.expect(self, host.pid, RELOADING="1")
            self.assertGreaterEqual(int(fields["MONOTONIC_USEC"]), before)
            self.assertLess(int(fields["MONOTONIC_USEC"]), time.monotonic_ns() // 1000)
            self.manager.expect(self, host.pid, READY="1", STATUS="Serving")
        host.stop()

    def test_a_restart_that_fails_tells_nothing(self):
        host = self.start(self.text())
        host.expect_error(msg=lambda text: True)
        self.manager.expect(self, host.pid, READY="1")
        host.wait_log(msg="ready")
        host.configure(self.text(gateway("failing", "create_fails.so", "/failing")))
        host.restart(code=1)
        self.manager.expect_silence(self)
        host.stop()


class TestWatchdog(SystemdTestCase):
    """WatchdogSec= of the unit: the manager ends a service that shows no sign for so long."""

    ASKED_US = 2000000 * SLOWNESS

    def next_sign(self, pid):
        """The next of the process: the notes before it, of others, are passed."""
        while self.manager.read() != (pid, {"WATCHDOG": "1"}):
            pass

    def signs_within(self, seconds):
        count, end = 0, time.monotonic() + seconds
        while select.select([self.manager.socket], [], [], max(0, end - time.monotonic()))[0]:
            count += self.manager.read()[1].get("WATCHDOG") == "1"
        return count

    def test_signs_come_unless_a_worker_is_held_up(self):
        host = self.start(self.text(PROBE), WATCHDOG_USEC=str(self.ASKED_US))
        for _ in range(5):
            began = time.monotonic()
            self.next_sign(host.pid)
            self.assertLess(time.monotonic() - began, self.ASKED_US / 1e6)
        client = Client(host.wait_log(msg="listening", protocol="websocket")["address"], "/probe")
        self.addCleanup(client.drop)
        client.read()
        client.send("slow:60000")
        host.wait_log(msg=lambda text: text.startswith("a callback has not returned yet"))
        self.signs_within(self.ASKED_US / 1e6)  # those on their way, and up to half of that time
        self.assertEqual(self.signs_within(self.ASKED_US / 1e6), 0)
        os.kill(host.pid, signal.SIGKILL)

    def test_a_successor_goes_on_with_them(self):
        """WATCHDOG_PID names the process that was replaced."""
        host = self.start(self.text(), WATCHDOG_USEC=str(self.ASKED_US), WATCHDOG_PID="$$")
        self.next_sign(host.pid)
        host.restart()
        successor = host.serving()
        for _ in range(3):
            self.next_sign(successor)
        os.kill(successor, signal.SIGTERM)
        self.assertEqual(host.wait_gone(successor), 0)

    def test_those_of_another_process_are_none_of_its_business(self):
        for more in ({"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "-1"}):
            with self.subTest(more):
                host = self.start(self.text(), **more)
                self.manager.expect(self, host.pid, READY="1")
                self.assertEqual(self.signs_within(0.5), 0)
                host.stop()


class TestNotesToAnAbstractSocket(SystemdTestCase):
    notify = "@toni-test-%d" % os.getpid()

    def test_they_come(self):
        host = self.start(self.text())
        self.manager.expect(self, host.pid, READY="1")
        host.stop()
        self.manager.expect(self, host.pid, STOPPING="1")


class TestActivation(SystemdTestCase):
    def listening(self, family, where):
        sock = socket.socket(family)
        self.addCleanup(sock.close)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)
        sock.listen()
        return sock

    def test_sockets_go_to_their_addresses(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        path = os.path.join(folder, "sock")
        ipv4 = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        ipv6 = self.listening(socket.AF_INET6, ("::1", 0))
        local = self.listening(socket.AF_UNIX, path)
        http = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        stray = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        names = ["127.0.0.1:%d" % sock.getsockname()[1] for sock in (ipv4, http, stray)]
        listen = [names[0], "[::1]:%d" % ipv6.getsockname()[1], "unix:" + path, "127.0.0.1:0"]
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(datagram.close)
        early = socket.create_connection(ipv4.getsockname())  # before there is a host
        self.addCleanup(early.close)
        host = self.start(
            self.text(service("probe", "http_probe_service.so", "/probe"), listen=listen,
                      http=names[1]),
            (http, stray, local, ipv6, ipv4, datagram),
            LISTEN_FDNAMES="web:stray:file:six:four:data")
        host.wait_log(msg="ready")
        self.assertEqual(host.wait_log(msg=UNUSED)["address"], names[2])
        self.assertEqual(host.log(msg=UNUSED)[0]["name"], "stray")
        line = host.wait_log(msg="a descriptor of the service manager is closed: it is no listening "
                                 "stream socket")
        self.assertEqual(line["name"], "data")
        self.assertEqual(host.addresses[:3], listen[:3])
        for address in host.addresses:
            self.check_serves(address)
        for _ in range(2):
            before = host.serving()
            host.restart()
            self.assertEqual(host.wait_gone(before), 0)
            for address in host.addresses[-4:]:
                self.check_serves(address)
        with open("/proc/%d/environ" % host.serving(), "rb") as environ:
            self.assertNotIn(b"LISTEN_", environ.read())
        host.stop()
        # they are the manager's: who connects waits for the next host, and the file is there
        self.assertTrue(os.path.exists(path))
        for sock in (ipv4, ipv6, http):
            socket.create_connection(sock.getsockname()[:2], DEADLINE).close()
            select.select([sock], [], [], DEADLINE)
            sock.accept()[0].close()

    def activated(self, close_ms, behind=None, **group):
        """A host that has both of its addresses from the manager; nobody else connects to it. behind: of which proxies; group:
        more of each address."""
        listening = [self.listening(socket.AF_INET, ("127.0.0.1", 0)) for _ in range(2)]
        names = ["127.0.0.1:%d" % sock.getsockname()[1] for sock in listening]
        where = [{"address": name, **group} if group else name for name in names]
        host = self.start(self.text(service("probe", "http_probe_service.so", "/probe"), listen=where[0], http=where[1],
                                    limits={"drain_ms": 60000, "handshake_ms": 60000, "close_ms": close_ms}, **(behind or {})),
                          listening)
        host.wait_log(msg="ready")
        return host, *names

    def newcomer(self, address, *sent):
        """One that the host has accepted, and that has sent no more than this."""
        sock = open_plain_socket(address)
        self.addCleanup(sock.close)
        for part in sent:
            sock.sendall(part)
        self.eventually(lambda: is_accepted(sock), "it is accepted")
        return sock

    def test_whoever_comes_before_a_stop_is_answered_and_told(self):
        """The sockets stay, so a stop may be half of a restart: nobody is refused."""
        host, websocket, http = self.activated(close_ms=30000)
        client = Client(websocket, "/echo")
        self.addCleanup(client.drop)
        head = request("/echo")
        silent, speaking = self.newcomer(websocket), self.newcomer(websocket, head[:30])
        asking = self.newcomer(http)
        os.kill(host.pid, signal.SIGTERM)
        client.expect_close(1001, "going away")
        for sock, rest in ((silent, head), (speaking, head[30:])):
            late = Client.over(sock, rest)
            late.expect_close(1001, "going away")
        self.is_answered(asking)
        host.ends_well()

    def is_answered(self, sock):
        """HTTP answers, and ends the connection."""
        sock.sendall(b"GET /probe/hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = b""
        while part := sock.recv(65536):
            answer += part
        self.assertEqual(Response(answer).status, 200, answer)

    def test_so_is_who_has_shaken_no_hands_yet(self):
        host, websocket, http = self.activated(close_ms=30000, tls=own_material()[1])
        talking, asking = self.newcomer(websocket), self.newcomer(http)
        os.kill(host.pid, signal.SIGTERM)
        host.wait_log(msg="stopping")
        with own_context().wrap_socket(talking, server_hostname="localhost") as sock:
            Client.over(sock, request("/echo")).expect_close(1001, "going away")
        with own_context().wrap_socket(asking, server_hostname="localhost") as sock:
            self.is_answered(sock)
        host.ends_well()

    def test_whoever_stays_silent_holds_a_stop_up_for_close_ms_alone(self):
        host, websocket, http = self.activated(close_ms=scaled(300, 600))
        silent = [self.newcomer(websocket), self.newcomer(websocket, b"GET"), self.newcomer(http)]
        os.kill(host.pid, signal.SIGTERM)
        host.ends_well()  # and not after drain_ms, which the log would tell
        for sock in silent:
            self.assertEqual(sock.recv(1), b"")

    def test_nor_longer_does_whoever_sends_no_proxy_header(self):
        behind = {"proxy_header": "proxy-protocol", "trusted_proxies": ["127.0.0.1"]}
        host, *addresses = self.activated(close_ms=scaled(300, 600), behind=behind)
        silent = [self.newcomer(address) for address in addresses]
        os.kill(host.pid, signal.SIGTERM)
        host.ends_well()  # and not after handshake_ms
        for sock in silent:
            self.assertEqual(sock.recv(1), b"")

    def test_without_names(self):
        sock = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        stray = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        address = "127.0.0.1:%d" % sock.getsockname()[1]
        host = self.start(self.text(listen=address), (stray, sock))
        self.assertEqual(host.wait_log(msg=UNUSED)["name"], "")
        host.wait_log(msg="ready")
        self.check_serves(address)
        host.stop()

    def test_a_number_that_is_none(self):
        sock = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        for wrong in ("", "one", "1x", "-1", "99999999999999999999"):
            host = self.start(self.text(), (sock,), LISTEN_FDS=wrong)
            host.expect_error(msg="the sockets of the service manager can't be used")
            self.assertEqual(host.wait_gone(host.pid), 1)

    def test_those_of_another_process(self):
        sock = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        os.environ.update(LISTEN_PID="1", LISTEN_FDS="1")
        self.addCleanup(os.environ.pop, "LISTEN_PID")
        self.addCleanup(os.environ.pop, "LISTEN_FDS")
        host = self.start(self.text())
        host.wait_log(msg="ready")
        self.assertEqual(host.log(msg=UNUSED), [])
        sock.close()
        host.stop()


if __name__ == "__main__":
    main()
