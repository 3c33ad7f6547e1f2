"""Memory that runs out while the host serves: it refuses what it has no memory for, lives, and serves again."""

import contextlib
import ctypes
import mmap
import os
import signal
import socket
import ssl
import tempfile
import time
import unittest

from toni_host import (
    CHAT,
    DEADLINE,
    ECHO,
    FIXTURES,
    GREETING,
    ROOMS,
    SANITIZER,
    Client,
    Host,
    Refused,
    configuration,
    exchange,
    gateway,
    main,
    run_toni,
    say,
    service,
)
from tls_material import Authority

PRELOAD = os.path.join(FIXTURES, "preload_no_memory.so")
GONE = (AssertionError, OSError, Refused)  # what a client may meet for want of memory


class Terms(ctypes.Structure):
    """As tests/fixtures/preload/no_memory.c has them."""

    _fields_ = [("one_in", ctypes.c_uint), ("failed", ctypes.c_uint), ("left", ctypes.c_uint)]


def get(address, target, body=None):
    """The status of an HTTP answer; None: silence."""
    head = "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % ("POST" if body else "GET", target)
    if body:
        head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    try:
        answer = exchange(address, head.encode() + b"\r\n" + (body or b""), deadline=2)
    except GONE:
        return None
    return answer.status if answer else None


@contextlib.contextmanager
def talking(address, path):
    """A client that is not waited for."""
    client = Client(address, path, deadline=0.3)
    try:
        yield client
    finally:
        client.drop()


@unittest.skipIf(SANITIZER, "a sanitizer has an allocator of its own, which ends the process")
class NoMemoryTestCase(unittest.TestCase):
    def setUp(self):
        with tempfile.NamedTemporaryFile(prefix="toni-test-", delete=False) as file:
            file.write(bytes(ctypes.sizeof(Terms)))
        self.addCleanup(os.unlink, file.name)
        with open(file.name, "r+b") as again:
            self.mapping = mmap.mmap(again.fileno(), 0)
        self.terms = Terms.from_buffer(self.mapping)

        def preload():
            os.environ["LD_PRELOAD"] = PRELOAD
            os.environ["TONI_NO_MEMORY"] = file.name

        self.host = Host("", before_exec=preload)
        self.addCleanup(self.host.kill)
        self.configure()
        self.host.start()

    def ends_well(self):
        """Asked to stop, it does. What the log says of memory is no fault."""
        self.host.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.wait_exit(), 0, self.host.text())

    def configure(self, message_bytes=65536):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(
                configuration(
                    [
                        ROOMS, CHAT, gateway("echo", "echo_gateway.so", "/echo", {"message_bytes": message_bytes}),
                        gateway("guard", "guard_gateway.so", "/guard"),
                        service("kept", "kept_service.so", None), service("streams", "stream_service.so", None),
                        gateway("idle", "idle_gateway.so", "/idle", options={"a": message_bytes % 10}),  # is swapped
                    ],
                    workers=2, http="127.0.0.1:0", admin="127.0.0.1:0",
                    limits={"close_ms": 500, "drain_ms": 3000},
                )
            )

    def member(self):
        client = Client(self.host.address, deadline=5)
        self.addCleanup(client.sock.close)
        client.expect(GREETING)
        client.send("join:red")
        client.expect("Joined room: red")
        return client

    def serves(self):
        """Everything works, as if nothing had been."""
        self.assertIsNone(self.host.process.poll(), self.host.text())
        one, other = self.member(), self.member()
        other.send("msg:red:hello")
        for client in one, other:
            while not client.read().endswith("hello"):
                pass
        with contextlib.closing(Client(self.host.address, "/echo")) as client:
            for size in 1, 5000, 60000:
                client.send("x" * size)
                client.expect("x" * size)
        self.assertEqual(get(self.host.http_address, "/chat/red", b'{"sender": "a", "message": "b"}'), 202)
        self.assertEqual(get(self.host.admin_address, "/metrics"), 200)
        status = run_toni("status", "-c", self.host.conf)
        self.assertEqual(status.returncode, 0, status.stderr)
        self.configure(message_bytes=70000)
        reload = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(reload.returncode, 0, reload.stderr)

    def attempt_everything(self, number):
        """What clients and operators do, whatever comes of it."""
        try:
            with talking(self.host.address, "/rooms") as client:
                client.send("join:red")
                client.send("msg:red:%s" % ("x" * (number % 40) * 100))
                client.send("leave:red")
                client.read()
        except GONE:
            pass
        try:
            with talking(self.host.address, "/echo") as client:
                client.send("x" * (number * 997 % 60000))
                client.read()
        except GONE:
            pass
        get(self.host.http_address, "/chat/red", b'{"sender": "a", "message": "b"}')
        get(self.host.admin_address, "/metrics")


class TestSomeAllocationsFail(NoMemoryTestCase):
    def test_the_host_lives_and_serves(self):
        for one_in in 400, 40, 8:
            self.terms.one_in = one_in
            end, enough = time.monotonic() + 2, self.terms.failed + 50
            number = 0
            while time.monotonic() < end or (self.terms.failed < enough and number < 5000):
                self.attempt_everything(number)
                number += 1
            self.assertIsNone(self.host.process.poll(), self.host.text())
            say("one of %d failed: %d so far, in %d rounds" % (one_in, self.terms.failed, number))
        self.terms.one_in = 0
        self.assertGreater(self.terms.failed, 100)
        self.serves()
        self.ends_well()

    def test_a_reload_is_done_whole_or_refused(self):
        codes = []
        staying = self.member()
        for number in range(40):
            self.configure(message_bytes=65536 + number)
            self.terms.one_in = 20 + 40 * number
            codes.append(run_toni("reload", "-c", self.host.conf, deadline=30).returncode)
            self.assertIsNone(self.host.process.poll(), self.host.text())
        self.terms.one_in = 0
        say("exit codes of reloads: %s, %d allocations failed" % (codes, self.terms.failed))
        self.assertIn(0, codes)
        self.assertTrue(any(codes))
        staying.send("msg:red:still here")
        while not staying.read().endswith("still here"):
            pass
        self.serves()
        self.ends_well()

    def test_a_restart_takes_over_or_leaves_the_host_as_it_was(self):
        self.terms.one_in = 30
        asked = run_toni("restart", "-c", self.host.conf, deadline=60)
        self.terms.one_in = 0
        self.assertNotEqual(asked.returncode, 0)
        self.serves()
        self.ends_well()


class TestOneAllocationFails(NoMemoryTestCase):
    """The first, the second, and so on, of all that is made for a few clients and requests."""

    def handshakes(self, path, **how):
        try:
            Client(self.host.address, path, deadline=2, **how).drop()
        except GONE:
            return 1
        return 0

    def echoes(self):
        try:
            with talking(self.host.address, "/echo") as client:
                client.deadline = 2
                client.send("x" * 60000)
                return 0 if client.read() == "x" * 60000 else 1
        except GONE:
            return 1

    def answers(self, target, status, body=None):
        return 0 if get(self.host.http_address, target, body) == status else 1

    def is_gone(self, member):
        try:
            member.send("leave:fence")
            while member.read() != "Left room: fence":
                pass
        except GONE:
            return 1
        return 0

    def what_ends(self, members):
        """How many clients and requests of those that could fail."""
        members[0].send("msg:red:" + "x" * 3000)
        ended = self.handshakes("/guard", headers=[("Authorization", "Bearer good")])
        ended += self.echoes()
        ended += self.answers("/chat/red", 202, b'{"sender": "a", "message": "b"}')
        ended += self.answers("/kept/task?ms=1", 200)
        ended += self.answers("/kept/job", 200)
        self.terms.left = 0  # the rest asks who is left
        return ended + sum(self.is_gone(member) for member in members)

    def test_it_ends_one_client_or_one_request(self):
        members = [self.member() for _ in range(4)]
        self.assertEqual(self.what_ends(members), 0)
        found, misses = {0: 0, 1: 0}, 0
        for number in range(1, 2000):
            before = self.terms.failed
            self.terms.left = number
            ended = self.what_ends(members)
            self.assertIsNone(self.host.process.poll(), self.host.text())
            self.assertLessEqual(ended, 1, "the allocation %d; the log:\n%s" % (number, self.host.text()[-3000:]))
            if self.terms.failed == before:
                misses += 1
                if misses == 5:  # there are no more; how many there are differs a little
                    break
                continue
            found[ended] += 1
            members = [member for member in members if not self.is_gone(member)]
            members += [self.member() for _ in range(4 - len(members))]
        say("%d allocations failed one by one: %d ended nobody, %d one client or request"
            % (sum(found.values()), found[0], found[1]))
        self.assertGreater(found[1], 20)
        self.serves()
        self.ends_well()

    def test_a_swap_ends_nobody(self):
        members = [self.member() for _ in range(4)]
        codes = {0: 0, 1: 0, 2: 0}
        for number in range(1, 3000, 7):
            self.configure(message_bytes=65536 + number)
            before = self.terms.failed
            self.terms.left = number
            code = run_toni("reload", "-c", self.host.conf, deadline=30).returncode
            self.terms.left = 0
            codes[code] += 1
            self.assertEqual(sum(self.is_gone(member) for member in members), 0)
            if self.terms.failed == before:
                break
        say("reloads with one allocation that fails: %d done, %d and %d refused" % (codes[0], codes[1], codes[2]))
        self.serves()
        self.ends_well()


class TestOneAllocationOfTlsFails(NoMemoryTestCase):
    """OpenSSL's among them, from a handshake to the end of the client that it is for."""

    def configure(self, message_bytes=65536):
        self.ca = Authority(os.path.join(self.host.folder, "tls"))
        secure = {"address": "127.0.0.1:0", "tls": self.ca.issue("host", "DNS:localhost")}
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO], workers=2, listen=["127.0.0.1:0", secure]))

    def is_served(self):
        try:
            client = Client(self.host.addresses[1], "/echo", tls=self.ca.context(), deadline=2)
            self.addCleanup(client.sock.close)
            client.send("x" * 3000)
            return client.read() == "x" * 3000
        except (*GONE, ssl.SSLError):
            return False

    def test_it_ends_one_client(self):
        staying = Client(self.host.addresses[0], "/echo")
        self.addCleanup(staying.sock.close)
        ended = misses = 0
        for number in range(1, 3000):
            before = self.terms.failed
            self.terms.left = number
            ended += not self.is_served()
            self.terms.left = 0
            self.assertIsNone(self.host.process.poll(), self.host.text()[-3000:])
            misses += self.terms.failed == before
            if misses == 5:
                break
        say("%d allocations failed one by one, and ended %d clients" % (self.terms.failed, ended))
        self.assertGreater(ended, 100)
        self.assertLessEqual(ended, self.terms.failed)
        self.assertEqual(staying.ask("still here"), "still here")
        self.assertTrue(self.is_served())
        self.ends_well()


class TestOneAllocationBeforeHttpFails(NoMemoryTestCase):
    """Of those that are made for an HTTP connection before libmicrohttpd has it: for its PROXY header, or its TLS."""

    HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"

    def configure(self, message_bytes=65536):
        self.ca = Authority(os.path.join(self.host.folder, "tls"))
        secure = {"address": "127.0.0.1:0", "tls": self.ca.issue("host", "DNS:localhost")}
        text = configuration(
            [ECHO, service("probe", "http_probe_service.so", "/probe")], workers=2,
            http=["127.0.0.1:0", secure], trusted_proxies=["127.0.0.1"], proxy_header="proxy-protocol",
            limits={"drain_ms": 3600000, "http_request_ms": 1000, "handshake_ms": 1000},
        )  # fmt: skip
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(text)

    def is_answered(self, address, context):
        """In two parts, so that the header is waited for."""
        host, port = address.rsplit(":", 1)
        try:
            with socket.create_connection((host, int(port)), timeout=5) as sock:
                sock.sendall(self.HEADER[:20])
                time.sleep(0.01)
                sock.sendall(self.HEADER[20:])
                with context.wrap_socket(sock, server_hostname="localhost") if context else sock as client:
                    client.sendall(b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return client.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False

    def test_it_ends_one_connection_which_counts_no_longer(self):
        plain, secure = (line["address"] for line in self.host.log(msg="listening", protocol="http"))
        ended = 0
        for address, context in ((plain, None), (secure, self.ca.context())):
            self.assertTrue(self.is_answered(address, context), self.host.text())
            misses = 0
            for number in range(1, 3000):
                before = self.terms.failed
                self.terms.left = number
                ended += not self.is_answered(address, context)
                self.terms.left = 0
                self.assertIsNone(self.host.process.poll(), self.host.text()[-3000:])
                misses += self.terms.failed == before
                if misses == 5:
                    break
            self.assertTrue(self.is_answered(address, context))
        say("%d allocations failed one by one, and ended %d connections" % (self.terms.failed, ended))
        self.assertGreater(ended, 20)
        self.assertLessEqual(ended, self.terms.failed)
        # A host that leaves waits for all that count: with drain_ms of an hour it never would end.
        restart = run_toni("restart", "-c", self.host.conf, deadline=60)
        self.assertEqual(restart.returncode, 0, restart.stderr)
        self.addCleanup(os.kill, int(restart.stdout.split()[-1]), signal.SIGKILL)
        self.assertEqual(self.host.process.wait(DEADLINE), 0)


class TestEveryAllocationFails(NoMemoryTestCase):
    def test_who_is_there_stays_and_who_comes_is_refused(self):
        staying = self.member()
        self.terms.one_in = 1
        for number in range(3):
            self.attempt_everything(number)
        self.assertIsNone(self.host.process.poll(), self.host.text())
        with self.assertRaises(GONE):
            Client(self.host.address, deadline=0.5)
        self.terms.one_in = 0
        self.host.wait_log(msg="connection refused: out of memory")
        staying.send("msg:red:still here")
        while not staying.read().endswith("still here"):
            pass
        self.serves()
        self.ends_well()

    def test_a_stop_reaches_everybody(self):
        clients = [self.member() for _ in range(20)]
        self.terms.one_in = 1
        self.host.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.expect_close(1001)
        self.assertEqual(self.host.wait_exit(), 0, self.host.text())


if __name__ == "__main__":
    main(beside=4)
