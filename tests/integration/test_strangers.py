"""Who connects and says nothing keeps nobody else out, on no listener; and who pays is who has most."""

import errno
import os
import re
import resource
import selectors
import socket
import threading
import time

from test_admin import ask as ask_admin
from toni_host import (
    DEADLINE,
    ECHO,
    SLOWNESS,
    Client,
    Host,
    HostTestCase,
    configuration,
    exchange,
    main,
    open_socket,
    raise_file_limit,
    run_toni,
    say,
    scaled,
    service,
)

IP_BIND_ADDRESS_NO_PORT = 24
CROWD, HONEST = "127.0.0.7", "127.0.0.9"
GET = b"GET /toni.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def figure(host, name, listener):
    """Of /metrics."""
    text = ask_admin(host.admin_address, "/metrics").content
    return int(re.search(r'^%s\{listener="%s"\} (\d+)$' % (name, listener), text, re.M).group(1))


def has_ended(sock):
    """Whether the host has closed it, or reset it."""
    sock.setblocking(False)
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


class Silence(threading.Thread):
    """Opens `count` silent sockets of one address at once, then `per_second` more for ever; one of
    its own that is the oldest goes for each, if none was closed by the host."""

    def __init__(self, address, count, per_second=200, source=CROWD):
        super().__init__(daemon=True)
        name, port = address.rsplit(":", 1)
        self.to, self.source = (name, int(port)), source
        self.count, self.per_second = count, per_second
        self.sockets, self.closed = {}, 0
        self.over, self.full = threading.Event(), threading.Event()
        self.selector = selectors.EpollSelector()
        self.start()

    def add(self):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((self.source, 0))
        if sock.connect_ex(self.to) not in (0, errno.EINPROGRESS):
            sock.close()
            return
        self.sockets[sock.fileno()] = sock
        self.selector.register(sock, selectors.EVENT_READ)

    def remove(self, sock):
        self.selector.unregister(sock)
        self.sockets.pop(sock.fileno()).close()

    def look(self, seconds):
        """Who was closed by the host?"""
        for key, _ in self.selector.select(seconds):
            self.closed += 1
            self.remove(key.fileobj)

    def run(self):
        for number in range(self.count):
            self.add()
            if number % 100 == 0:
                self.look(0)
        self.full.set()
        began, added = time.monotonic(), 0
        while not self.over.is_set():
            self.look(0.02)
            due = int((time.monotonic() - began) * self.per_second)
            for _ in range(min(due - added, self.per_second)):
                if len(self.sockets) >= self.count:
                    self.remove(next(iter(self.sockets.values())))
                self.add()
            added = due
        for sock in list(self.sockets.values()):
            self.remove(sock)
        self.selector.close()

    def stop(self):
        self.over.set()
        self.join()


class SilenceCase(HostTestCase):
    def silence(self, address, count, **how):
        if raise_file_limit() < count + 200:
            self.skipTest("too few files may be open")
        crowd = Silence(address, count, **how)
        self.addCleanup(crowd.stop)
        self.assertTrue(crowd.full.wait(DEADLINE))
        return crowd

    def let_in(self, times=10):
        """Seconds that honest clients of another address take until they are answered, each."""
        took = []
        for _ in range(times):
            began = time.monotonic()
            client = Client(self.host.address, "/echo", source=HONEST)
            self.assertEqual(client.ask("here"), "here")
            took.append(time.monotonic() - began)
            client.drop()
        return took


class TestSilentWebSockets(SilenceCase):
    """More silent sockets than there are places, opened anew as they are closed."""

    gateways = (ECHO,)
    limits = {"connections": 100, "handshake_ms": 3600000}
    admin = "127.0.0.1:0"

    def test_who_speaks_is_let_in(self):
        stays = self.client("/echo", greeted=False, source=CROWD)
        crowd = self.silence(self.host.address, 1400)
        self.let_in()
        self.eventually(lambda: crowd.closed > 100, "silent sockets are closed")
        self.assertEqual(stays.ask("still"), "still")
        places = figure(self.host, "toni_places", "websocket")
        self.assertEqual(places, 100 + 1024)
        self.eventually(
            lambda: figure(self.host, "toni_places_waiting", "websocket") > 900, "nearly all wait"
        )
        self.assertLessEqual(figure(self.host, "toni_places_waiting", "websocket"), places)
        self.assertGreater(figure(self.host, "toni_places_evicted_total", "websocket"), 100)
        line = self.host.wait_log(level="warn", setting="listen.websocket")
        self.assertEqual((line["address"], line["places"]), (CROWD, str(places)))

    def test_the_address_that_has_most_pays(self):
        quiet = [open_socket(self.host.address, source=HONEST) for _ in range(20)]
        for sock in quiet:
            self.addCleanup(sock.close)
        crowd = self.silence(self.host.address, 1400)
        self.eventually(lambda: crowd.closed > 300, "silent sockets are closed")
        for sock in quiet:
            sock.setblocking(False)
            with self.assertRaises(BlockingIOError, msg="it was closed"):
                sock.recv(1)


class TestSilentSocketsAreMany(SilenceCase):
    """What docs/operations.md, Strangers, has figures of."""

    gateways = (ECHO,)
    workers = 2

    def test_6500_and_200_a_second(self):
        count = scaled(6500, 2000)
        alone = sorted(self.let_in())
        self.silence(self.host.address, count)
        took = sorted(self.let_in(20))
        say(
            "an honest client alone: %.1f ms, at most %.1f; beside %d silent ones: %.1f, at most %.1f"
            % (1e3 * alone[5], 1e3 * alone[-1], count, 1e3 * took[10], 1e3 * took[-1])
        )
        # 0.1 s is for a quiet machine
        self.assertLess(took[len(took) // 2], max(1, 10 * alone[len(alone) // 2]), took)


class TestLimitOfAnAddress(SilenceCase):
    """`connections_per_address` is for silence, too."""

    gateways = (ECHO,)
    limits = {"connections": 100, "connections_per_address": 5, "handshake_ms": 3600000}
    admin = "127.0.0.1:0"

    def test_no_more_than_that_are_silent(self):
        crowd = self.silence(self.host.address, 50)
        self.let_in()
        self.eventually(lambda: crowd.closed > 60, "silent sockets are closed")
        self.assertLessEqual(figure(self.host, "toni_places_waiting", "websocket"), 6)


class TestUnixPeers(SilenceCase):
    """They have no address: each counts by itself."""

    gateways = (ECHO,)
    limits = {"connections": 1, "handshake_ms": 3600000}

    @classmethod
    def setUpClass(cls):
        cls.path = "/tmp/toni-strangers-%d.sock" % os.getpid()
        cls.listen = ["127.0.0.1:0", "unix:" + cls.path]
        super().setUpClass()

    def test_one_of_them_does_not_pay_for_the_others(self):
        raise_file_limit()
        peers = [open_socket("unix:" + self.path) for _ in range(900)]
        for sock in peers:
            self.addCleanup(sock.close)
        strangers = []

        def come():
            strangers.append(open_socket(self.host.address, source=CROWD))
            self.addCleanup(strangers[-1].close)

        def are_fewer():
            """One more comes, since only then a place is looked for; who just came is spared."""
            come()
            numbers = [number for number, sock in enumerate(strangers) if has_ended(sock)]
            surplus = len(peers) + len(strangers) - 1025
            return len(numbers) >= surplus - 1 and numbers == list(range(len(numbers)))

        for _ in range(1025 - len(peers)):
            come()
        while len(strangers) < 299:  # not all at once: when all have just come, newcomers are refused
            self.eventually(are_fewer, "the crowd loses its surplus, the oldest first")
        self.assertEqual([sock for sock in peers if has_ended(sock)], [])


class TestIdleHttp(SilenceCase):
    gateways = (ECHO, service("sleeper", "http_probe_service.so", "/sleeper"))
    limits = {"http_connections": 50, "http_request_ms": 3600000}
    http = "127.0.0.1:0"
    admin = "127.0.0.1:0"

    def answered(self):
        self.assertEqual(exchange(self.host.http_address, GET, source=HONEST).status, 200)

    def test_who_asks_is_answered(self):
        crowd = self.silence(self.host.http_address, 200)
        for _ in range(5):
            self.answered()
        self.eventually(lambda: crowd.closed > 50, "silent connections are closed")
        self.assertEqual(figure(self.host, "toni_places", "http"), 50)
        self.assertLessEqual(figure(self.host, "toni_places_waiting", "http"), 50 + 20)
        self.assertGreater(figure(self.host, "toni_places_evicted_total", "http"), 50)

    def test_half_a_request_is_no_more(self):
        socks = [open_socket(self.host.http_address, source=CROWD) for _ in range(50)]
        for sock in socks:
            self.addCleanup(sock.close)
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        self.eventually(lambda: self.count_running() == 50, "all have begun to ask")
        time.sleep(0.1)  # each has 20 ms at least
        honest = open_socket(self.host.http_address, source=HONEST)
        self.addCleanup(honest.close)
        honest.sendall(b"GET /toni.json HTTP/1.1\r\nHost: localhost\r\n\r\n")  # and it stays
        self.assertTrue(honest.recv(100).startswith(b"HTTP/1.1 200"))
        with selectors.EpollSelector() as selector:
            for sock in socks:
                selector.register(sock, selectors.EVENT_READ)
            self.assertEqual(len(selector.select(DEADLINE)), 1, "one has paid")

    def count_running(self):
        text = ask_admin(self.host.admin_address, "/metrics").content
        return int(re.search(r"^toni_http_requests_running (\d+)$", text, re.M).group(1))

    def test_what_a_service_works_on_stays(self):
        asked = open_socket(self.host.http_address, source=CROWD)
        self.addCleanup(asked.close)
        asked.sendall(b"GET /sleeper/sleep?ms=3000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.eventually(lambda: self.count_running() == 1, "it has begun")
        crowd = self.silence(self.host.http_address, 150)
        self.eventually(lambda: crowd.closed > 50, "silent connections are closed")
        asked.settimeout(DEADLINE)
        self.assertTrue(asked.recv(100).startswith(b"HTTP/1.1 200"))


class TestSilentAdmin(SilenceCase):
    gateways = (ECHO,)
    admin = "127.0.0.1:0"

    def test_who_watches_is_answered(self):
        crowd = self.silence(self.host.admin_address, 60)
        for _ in range(5):
            response = exchange(
                self.host.admin_address,
                b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                source=HONEST,
            )
            self.assertEqual(response.status, 200)
        self.eventually(lambda: crowd.closed > 20, "silent connections are closed")


class TestReserve(SilenceCase):
    """What clients can't have: all that they may take is taken, and who watches is answered."""

    gateways = (ECHO,)
    limits = {"handshake_ms": 3600000, "http_request_ms": 3600000}
    http = "127.0.0.1:0"
    admin = "127.0.0.1:0"
    files = 300

    @classmethod
    def setUpClass(cls):
        super(HostTestCase, cls).setUpClass()
        cls.host = Host(
            configuration(cls.gateways, 2, cls.limits, http=cls.http, admin=cls.admin),
            before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (cls.files, cls.files)),
        ).start()

    def processor_seconds(self):
        with open("/proc/%d/stat" % self.host.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def watched(self):
        for path in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(ask_admin(self.host.admin_address, path).status, 200)
        done = run_toni("status", "-c", self.host.conf)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_who_watches_is_answered_and_nothing_spins(self):
        (line,) = self.host.log(level="warn", open_files=str(self.files))
        clients = []
        for _ in range(int(line["connections"])):
            clients.append(self.client("/echo", greeted=False))
        for address in (self.host.address, self.host.http_address):
            for _ in range(self.files):
                sock = open_socket(address, source=CROWD)
                self.addCleanup(sock.close)
        self.watched()
        self.assertLess(self.host.open_files(), self.files)
        before = self.processor_seconds()
        time.sleep(1)
        self.assertLess(self.processor_seconds() - before, 0.5 * SLOWNESS)
        self.watched()
        self.assertEqual(self.host.log(msg="accepting paused", reason=lambda why: "files" in why), [])
        for client in clients:
            self.assertEqual(client.ask("still"), "still")


if __name__ == "__main__":
    main()
