"""Handshakes beside messages, and beside requests over HTTPS: steps of handshakes queue up behind what else a turn brings, and
whatever becomes of those that wait, the others are let in. The clients' TLS is OpenSSL's, by Python's ssl."""

import os
import selectors
import signal
import socket
import ssl
import struct
import time

from tls_material import Authority
from toni_host import (
    DEADLINE,
    ECHO,
    FIXTURES,
    PLUGINS,
    TEXT,
    Client,
    Host,
    OneHostTestCase,
    both,
    configuration,
    frame,
    halt,
    main,
    metrics,
    open_plain_socket,
    request,
    scaled,
    service,
)

SO_TIMESTAMPNS = 35  # Linux: the kernel notes when a segment has come; Python has no name for it
CROWD = scaled(60, 30)
PROBE = service("probe", "http_probe_service.so", "/probe")


def timestamped(sock):
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


def came_at(sock):
    """When the first bytes came that are there to be read, which are read: in nanoseconds."""
    sock.settimeout(DEADLINE)
    data, notes, _, _ = sock.recvmsg(65536, 1024)
    assert data, "the host has closed it"
    for level, kind, value in notes:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@qq", value)
            return seconds * 1000000000 + nanoseconds
    raise AssertionError("the kernel notes no times")


def to_the_end(sock):
    """Answers may come before it."""
    sock.settimeout(DEADLINE)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass


class Shaking:
    """A client in the middle of its handshake, which sends what it is told to when it is told to.
    asks: with what, once that is done. is_answered: says of all that has come whether the answer is there."""

    def __init__(self, address, context, asks, is_answered):
        self.asks, self.is_answered = asks, is_answered
        self.sock = timestamped(open_plain_socket(address))
        self.come, self.gone = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.come, self.gone, server_hostname="localhost")
        self.is_done = False
        self.step()
        self.hello = self.gone.read()
        self.read = b""

    def step(self):
        try:
            self.tls.do_handshake()
            self.is_done = True
        except ssl.SSLWantReadError:
            pass

    def say_hello(self):
        self.sock.sendall(self.hello)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def readable(self):
        """Whether it is over: it has its answer, or the host has closed it."""
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            return True
        self.come.write(data)
        if not self.is_done:
            self.step()
            if self.is_done:
                self.tls.write(self.asks)
        if self.is_done:
            try:
                while True:  # a record at a time
                    self.read += self.tls.read(65536)
            except ssl.SSLWantReadError:
                pass
        self.sock.sendall(self.gone.read())
        return self.has_answer()

    def has_answer(self):
        return self.is_answered(self.read)


def go_on(crowd, deadline=DEADLINE):
    """Until each has its answer, or was closed."""
    with selectors.DefaultSelector() as selector:
        for client in crowd:
            client.sock.setblocking(True)
            selector.register(client.sock, selectors.EVENT_READ, client)
        end = time.monotonic() + deadline
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(0.1):
                if key.data.readable():
                    selector.unregister(key.fileobj)
        assert not selector.get_map(), "%d clients still wait" % len(selector.get_map())


class TurnsCase(OneHostTestCase):
    workers = 1
    limits = None
    asks = request("/echo") + frame(TEXT, "in")

    @staticmethod
    def is_answered(data):
        return data.endswith(b"\x81\x02in")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host("")
        cls.ca = Authority(os.path.join(cls.host.folder, "tls"))
        cls.make(cls.host)
        cls.files = cls.host.open_files()

    @classmethod
    def make(cls, host):
        secure = {"address": "127.0.0.1:0", "tls": cls.ca.issue("host", "DNS:localhost")}
        host.configure(
            configuration([ECHO], cls.workers, cls.limits, ["127.0.0.1:0", secure], admin="127.0.0.1:0")
        )
        host.start()
        cls.plain, cls.secure = host.addresses

    def shaking(self):
        made = Shaking(self.secure, self.ca.context(), self.asks, self.is_answered)
        self.addCleanup(made.sock.close)
        return made

    def is_served(self):
        client = self.shaking()
        client.say_hello()
        go_on([client])
        self.assertTrue(client.has_answer())

    def crowd(self):
        """Clients that the host has accepted, and that have said nothing. Before them nobody is connected."""
        self.all_are_closed()
        made = [self.shaking() for _ in range(CROWD)]
        self.eventually(lambda: self.host.open_files() >= self.files + CROWD, "all are accepted")
        return made

    def all_are_closed(self):
        self.eventually(lambda: self.host.open_files() <= self.files, "all are closed")

    def say_hello_at_once(self, crowd):
        """The host finds them all in one turn."""
        halt(self.host.process)
        for client in crowd:
            client.say_hello()

    def go_on(self):
        self.host.process.send_signal(signal.SIGCONT)

    def none_is_left(self):
        self.eventually(lambda: metrics(self.host)["toni_tls_handshakes_running"] == 0, "none is under way")


class First(TurnsCase):
    def test_a_message_of_the_same_turn_comes_before_all_steps(self):
        """However many hellos the host has heard of before it."""
        crowd = self.crowd()
        client = Client(self.plain, "/echo")
        self.addCleanup(client.sock.close)
        timestamped(client.sock)
        self.say_hello_at_once(crowd)
        client.send("here")
        self.go_on()
        echoed = came_at(client.sock)
        self.assertLess(echoed, min(came_at(one.sock) for one in crowd))


# What may become of those that wait.


class Going:
    def test_who_goes_while_he_waits_holds_nobody_up(self):
        """By a reset, by an end, and by an end in the middle of a hello."""
        crowd = self.crowd()
        halt(self.host.process)
        for number, client in enumerate(crowd):
            client.sock.sendall(client.hello[: 40 if number % 4 == 2 else None])
            if number % 4 == 0:
                client.reset()
            elif number % 4 in (1, 2):
                client.sock.shutdown(socket.SHUT_WR)
        self.go_on()
        stay = crowd[3::4]
        go_on(stay)
        self.assertTrue(all(client.has_answer() for client in stay))
        for client in crowd:
            client.sock.close()
        self.none_is_left()
        self.all_are_closed()


class Late:
    def test_whose_time_is_over_while_he_waits_is_ended(self):
        """All of them at once, since the host stood still for longer; those who come then are served."""
        crowd = self.crowd()
        self.say_hello_at_once(crowd)
        time.sleep(1.5)
        self.go_on()
        for client in crowd:
            to_the_end(client.sock)
        self.none_is_left()
        self.is_served()


class Stopped:
    @classmethod
    def tearDownClass(cls):
        try:
            cls.host.ends_well()
        finally:
            cls.host.kill()

    def test_a_host_that_is_to_stop_while_they_wait_ends_well(self):
        crowd = self.crowd()
        self.say_hello_at_once(crowd)
        self.host.process.send_signal(signal.SIGTERM)
        self.go_on()
        for client in crowd:
            to_the_end(client.sock)


# Of `listen.websocket`, where workers do the TLS.


@both
class Waiting(TurnsCase):
    def test_all_that_come_at_once_are_let_in(self):
        """Also while another sends without a pause."""
        crowd = self.crowd()
        client = Client(self.plain, "/echo")
        self.addCleanup(client.sock.close)
        before = metrics(self.host)["toni_tls_handshakes_total"]
        self.say_hello_at_once(crowd)
        client.send_raw(frame(TEXT, "x" * 100) * 2000)
        self.go_on()
        go_on(crowd)
        self.assertTrue(all(one.has_answer() for one in crowd))
        for _ in range(2000):
            client.expect("x" * 100)
        self.assertEqual(metrics(self.host)["toni_tls_handshakes_total"], before + CROWD)
        self.none_is_left()


@both
class GoingClients(Going, TurnsCase):
    pass


@both
class LateClients(Late, TurnsCase):
    limits = {"handshake_ms": 1000}


@both
class StoppedClients(Stopped, TurnsCase):
    pass


# Of `listen.http`, whose TLS is done by a thread of its own.


class OverHttps:
    asks = b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n"

    @staticmethod
    def is_answered(data):
        return b"address=127.0.0.1\n" in data

    @classmethod
    def make(cls, host):
        secure = {"address": "127.0.0.1:0", "tls": cls.ca.issue("host", "DNS:localhost")}
        host.configure(
            configuration([ECHO, PROBE], cls.workers, cls.limits, http=secure, admin="127.0.0.1:0", plugin_path=[FIXTURES, PLUGINS])
        )
        host.start()
        cls.secure = host.http_address


class WaitingOverHttps(OverHttps, TurnsCase):
    def test_all_that_come_at_once_are_let_in(self):
        """Also while another sends without a pause."""
        crowd = self.crowd()
        before = metrics(self.host)["toni_tls_handshakes_total"]
        other = self.ca.context().wrap_socket(open_plain_socket(self.secure), server_hostname="localhost")
        self.addCleanup(other.close)
        body = os.urandom(200000)
        self.say_hello_at_once(crowd)
        other.sendall(b"POST /probe/copy HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.go_on()
        go_on(crowd)
        self.assertTrue(all(one.has_answer() for one in crowd))
        answer = b""
        while not answer.endswith(body):
            part = other.recv(65536)
            self.assertTrue(part, "closed after %d bytes" % len(answer))
            answer += part
        self.assertEqual(metrics(self.host)["toni_tls_handshakes_total"], before + CROWD + 1)


class GoingOverHttps(OverHttps, Going, TurnsCase):
    pass


class LateOverHttps(OverHttps, Late, TurnsCase):
    limits = {"http_request_ms": 1000}


class StoppedOverHttps(OverHttps, Stopped, TurnsCase):
    pass


if __name__ == "__main__":
    main(beside=2)
