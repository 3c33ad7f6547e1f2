"""Who begins TLS handshakes and ends none keeps nobody else out, on no listener; and what a half-open one costs is bounded."""

import os
import selectors
import signal
import struct
import threading
import time
import unittest

from tls_material import Authority
from toni_host import (
    ECHO,
    SANITIZER,
    TEXT,
    Client,
    Host,
    OneHostTestCase,
    both,
    configuration,
    frame,
    main,
    metrics,
    open_plain_socket,
    raise_file_limit,
    request,
    say,
    scaled,
)

CROWD, HONEST = "127.0.0.7", "127.0.0.9"
ALERT, HANDSHAKE, APPLICATION = 21, 22, 23
ILLEGAL_PARAMETER = 47
X25519 = 29


def u16(number):
    return struct.pack(">H", number)


def extension(number, data):
    return u16(number) + u16(len(data)) + data


def message(kind, body, claim=None):
    return bytes([kind]) + struct.pack(">I", len(body) if claim is None else claim)[1:] + body


def hello(size=0, claim=None, has_share=True, versions=(0x0304,)):
    """A ClientHello of TLS 1.3, or 1.2, padded to a size. Without a share a host asks for a second one."""
    share = u16(X25519) + u16(32) + b"\x09" + bytes(31) if has_share else b""
    listed = b"".join(u16(version) for version in versions)
    extensions = (
        extension(10, u16(4) + u16(X25519) + u16(23))
        + extension(13, u16(6) + u16(0x0403) + u16(0x0804) + u16(0x0401))
        + extension(43, bytes([len(listed)]) + listed)
        + extension(51, u16(len(share)) + share)
    )
    ciphers = u16(0x1301) + u16(0xC02B)
    head = b"\x03\x03" + bytes(32) + b"\0" + u16(len(ciphers)) + ciphers + b"\x01\0"
    missing = size - 4 - len(head) - 2 - len(extensions) - 4
    if missing >= 0:
        extensions += extension(21, bytes(missing))
    return message(1, head + u16(len(extensions)) + extensions, claim)


def records(data, size=16384, version=0x0301):
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(struct.pack(">BHH", HANDSHAKE, version, len(part)) + part for part in parts)


BEGINNING = records(hello())[:9]
WHOLE = records(hello())


def come_until_ended(sock):
    came = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return came
        if not part:
            return came
        came += part


class Crowd(threading.Thread):
    """Sockets of one address that have said `data`, and no more: ten more each time, of which the host ends as many of the
    older ones. It goes on when the host has done so, closed them (`running` says how many it has), and let those that are
    left have their 20 ms: so the host has room for one more at any time, however late it is. Who does not wait for that may
    keep others out where so few places are (docs/operations.md, Strangers)."""

    each = 10
    slack = 8  # workers that end some at once may leave a few for who comes next; with both, fewer than may be beyond `places`
    pause_s = 0.05  # longer than a client has to speak

    def __init__(self, address, places, data, running):
        super().__init__(daemon=True)
        self.address, self.most, self.data, self.running = address, places + self.slack, data, running
        self.ended = 0
        self.over = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.start()

    @property
    def count(self):
        return len(self.selector.get_map())

    def add(self):
        try:
            sock = open_plain_socket(self.address, source=CROWD)
        except OSError:  # no place at the moment
            return
        self.selector.register(sock, selectors.EVENT_READ)
        try:
            sock.sendall(self.data)
        except OSError:
            self.remove(sock)

    def remove(self, sock):
        self.selector.unregister(sock)
        sock.close()

    def look(self):
        for key, _ in self.selector.select(0):
            try:
                if key.fileobj.recv(65536):
                    continue
            except OSError:
                pass
            self.ended += 1
            self.remove(key.fileobj)

    def run(self):
        while not self.over.wait(self.pause_s):
            for _ in range(self.each):
                self.add()
            self.look()
            while (self.count > self.most or self.running() > self.most) and not self.over.wait(0.005):
                self.look()
        for key in list(self.selector.get_map().values()):
            self.remove(key.fileobj)
        self.selector.close()

    def stop(self):
        self.over.set()
        self.join()


def start(workers=1, limits=None, **tls):
    """A host with TLS on every listener, beside a plain address for each but `http`."""
    host = Host("")
    authority = Authority(os.path.join(host.folder, "tls"))
    pair = authority.issue("host", "DNS:localhost,IP:127.0.0.1")
    secure = {"address": "127.0.0.1:0", "tls": dict(pair, **tls)}
    if tls:
        secure["tls"]["client_authorities"] = authority.path
    with open(host.conf, "w", encoding="utf-8") as out:
        out.write(
            configuration(
                [ECHO], workers, limits, ["127.0.0.1:0", secure], http=secure, admin=["127.0.0.1:0", secure]
            )
        )
    host.start()
    host.authority = authority
    host.plain, host.websocket = host.addresses
    host.admin = host.log(msg="listening", protocol="admin")[1]["address"]
    return host


class StrangersCase(OneHostTestCase):
    workers = 1
    limits = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = start(cls.workers, cls.limits)

    def figure(self, name):
        return metrics(self.host)[name]

    def failed(self, reason):
        return self.figure('toni_tls_handshakes_failed_total{reason="%s"}' % reason)

    def echoes(self):
        client = Client(self.host.websocket, "/echo", source=HONEST, tls=self.host.authority.context())
        try:
            self.assertEqual(client.ask("here"), "here")
        finally:
            client.sock.close()

    def answers(self, address):
        with open_plain_socket(address, source=HONEST) as sock:
            with self.host.authority.context().wrap_socket(sock, server_hostname="localhost") as tls:
                tls.sendall(b"GET /toni.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.assertTrue(come_until_ended(tls).startswith(b"HTTP/1.1 "))


@both
class Lockout(StrangersCase):
    """More half-open handshakes of one address than there may be, begun anew as they are ended."""

    places = 60
    limits = {"tls_handshakes": places, "http_connections": places, "handshake_ms": 3600000, "http_request_ms": 3600000}
    running_max = places + 23  # some that were ended are not closed yet

    def crowd(self, address, data):
        crowd = Crowd(address, self.places, data, lambda: self.figure("toni_tls_handshakes_running"))
        self.addCleanup(crowd.stop)
        return crowd

    def let_in(self, address, data, ask):
        crowd = self.crowd(address, data)
        self.eventually(lambda: crowd.ended > 20, "the crowd loses its oldest")
        refused, took = 0, []
        for _ in range(20):
            began = time.monotonic()
            try:
                ask()
            except OSError:
                refused += 1
            took.append(time.monotonic() - began)
            ended = crowd.ended
            self.eventually(lambda: crowd.ended > ended, "the crowd is renewed meanwhile")
            self.assertLessEqual(self.figure("toni_tls_handshakes_running"), self.running_max)
        crowd.stop()
        took.sort()
        say("    beside %d half-open ones: %.1f ms, at most %.1f" % (self.places, 1e3 * took[10], 1e3 * took[-1]))
        self.assertEqual(refused, 0, "an honest client of another address is let in")
        self.assertLess(took[10], scaled(5, 15))

    def test_who_begins_a_hello_keeps_nobody_out(self):
        before = self.failed("busy")
        self.let_in(self.host.websocket, BEGINNING, self.echoes)
        self.assertGreater(self.failed("busy"), before + 20)
        line = self.host.wait_log(level="warn", setting="tls_handshakes")
        self.assertEqual((line["address"], line["places"]), (CROWD, "60"))
        self.eventually(lambda: self.figure("toni_tls_handshakes_running") == 0, "none is under way")

    def test_who_sends_a_whole_hello_keeps_nobody_out(self):
        self.let_in(self.host.websocket, WHOLE, self.echoes)

    def test_nor_on_http(self):
        before = self.failed("busy")
        self.let_in(self.host.http_address, BEGINNING, lambda: self.answers(self.host.http_address))
        self.assertGreater(self.failed("busy"), before + 20)

    def test_nor_on_admin(self):
        self.let_in(self.host.admin, WHOLE, lambda: self.answers(self.host.admin))

    def test_the_address_with_most_pays(self):
        few = [open_plain_socket(self.host.websocket, source=HONEST) for _ in range(5)]
        for sock in few:
            self.addCleanup(sock.close)
            sock.sendall(BEGINNING)
        crowd = self.crowd(self.host.websocket, BEGINNING)
        self.eventually(lambda: crowd.ended > 100, "the crowd loses its oldest")
        for sock in few:
            sock.setblocking(False)
            with self.assertRaises(BlockingIOError, msg="it was closed"):
                sock.recv(1)


class Ends(StrangersCase):
    """Handshakes that are never done are counted by what ended them, alike on all listeners; one that no byte has come of
    has not begun."""

    limits = {"handshake_ms": scaled(500, 1500), "http_request_ms": scaled(500, 1500)}

    def all_failed(self):
        return {name: value for name, value in metrics(self.host).items() if name.startswith("toni_tls_handshakes_failed")}

    def counted(self, before, **reasons):
        """So many more, of these reasons and of no other."""
        wanted = dict(before)
        for reason, more in reasons.items():
            wanted['toni_tls_handshakes_failed_total{reason="%s"}' % reason] += more
        self.eventually(lambda: self.all_failed() != before, "something is counted")
        self.assertEqual(self.all_failed(), wanted)

    def begin(self, address):
        sock = open_plain_socket(address)
        self.addCleanup(sock.close)
        sock.sendall(BEGINNING)
        return sock

    def test_who_goes_is_lost(self):
        for address in (self.host.websocket, self.host.http_address, self.host.admin):
            with self.subTest(address=address):
                before = self.all_failed()
                self.begin(address).close()
                self.counted(before, lost=1)

    def test_who_does_not_end_it_in_time_is_late(self):
        for address in (self.host.websocket, self.host.http_address):
            with self.subTest(address=address):
                before = self.all_failed()
                self.assertEqual(come_until_ended(self.begin(address)), b"")
                self.counted(before, late=1)

    def test_who_says_nothing_has_begun_none(self):
        for address in (self.host.websocket, self.host.http_address):
            with self.subTest(address=address), open_plain_socket(address) as silent:
                before = self.all_failed()
                open_plain_socket(address).close()
                self.assertEqual(come_until_ended(silent), b"", "its time is over, and the other has been looked at")
                self.begin(address).close()
                self.counted(before, lost=1)


class StandsStill(StrangersCase):
    """The process is stopped for longer than clients have time, or the machine sleeps: that is not theirs."""

    limit_s = scaled(1, 3)
    limits = {"handshake_ms": 1000 * limit_s, "http_request_ms": 1000 * limit_s, "message_ms": 1000 * limit_s}

    def stand_still(self):
        self.host.process.send_signal(signal.SIGSTOP)
        time.sleep(3 * self.limit_s)
        self.host.process.send_signal(signal.SIGCONT)
        time.sleep(self.limit_s / 4)  # so that whoever is late is ended

    def test_who_is_in_a_handshake_goes_on(self):
        head = request("/echo")
        hellos = WHOLE, bytes([HANDSHAKE])
        parts = {
            "plain": (self.host.plain, head, b"H"), "websocket": (self.host.websocket, *hellos),
            "http": (self.host.http_address, *hellos), "admin": (self.host.admin, *hellos),
        }
        socks = {name: open_plain_socket(address) for name, (address, _, _) in parts.items()}
        for name, sock in socks.items():
            self.addCleanup(sock.close)
            sock.sendall(parts[name][1][:9])
        self.echoes()  # who came before is there, too
        self.stand_still()
        for name, sock in socks.items():
            with self.subTest(listener=name):
                sock.sendall(parts[name][1][9:])
                self.assertEqual(sock.recv(1), parts[name][2])

    def test_who_is_in_a_message_goes_on(self):
        client = Client(self.host.plain, "/echo")
        self.addCleanup(client.sock.close)
        sent = frame(TEXT, b"here")
        client.sock.sendall(sent[:7])
        self.echoes()
        self.stand_still()
        client.sock.sendall(sent[7:])
        self.assertEqual(client.read(), "here")


@both
class Claims(StrangersCase):
    """A hello may claim 16 KiB."""

    def listeners(self):
        for address in (self.host.websocket, self.host.http_address, self.host.admin):
            with self.subTest(address=address), open_plain_socket(address) as sock:
                yield sock

    def refused(self, sock):
        came = come_until_ended(sock)
        self.assertEqual(came[-7:], bytes([ALERT, 3, 3, 0, 2, 2, ILLEGAL_PARAMETER]), came)

    def test_one_that_claims_more_is_refused_by_its_head(self):
        for claim in (16385, 131000, 0xFFFFFF):
            for size in (1, 2, 3, 16384):
                for sock in self.listeners():
                    sock.sendall(records(hello(claim=claim)[:4], size))
                    self.refused(sock)

    def test_a_second_one_too(self):
        for sock in self.listeners():
            sock.sendall(records(hello(has_share=False)))
            self.assertEqual(sock.recv(1), bytes([HANDSHAKE]), "it is asked for another")
            sock.sendall(records(hello(claim=131000)[:4], 3))
            self.refused(sock)

    def test_a_large_one_is_answered(self):
        for size in (64, 1000, 16384):
            for sock in self.listeners():
                sock.sendall(records(hello(size=4 + 16384), size))
                self.assertEqual(sock.recv(1), bytes([HANDSHAKE]))

    def test_it_is_counted(self):
        before = self.failed("protocol")
        for sock in self.listeners():
            sock.sendall(records(hello(claim=131000)[:4]))
            self.refused(sock)
        self.eventually(lambda: self.failed("protocol") == before + 3, "counted as protocol")


@unittest.skipIf(SANITIZER, "the memory would be the sanitizer's")
class Cost(unittest.TestCase):
    """What docs/operations.md, Strangers, says that a half-open handshake takes at most."""

    count = 300
    most_kib, most_kib_with_chain = 80, 128
    chain = message(11, bytes.fromhex("007cfd007cfa") + bytes(31000), claim=32000)

    ways = {
        "9 bytes of a hello": [BEGINNING],
        "most of a large hello": [records(hello(size=16388))[:-1]],
        "most of a large hello in small records": [records(hello(size=16388), 64)[:-1]],
        "a whole hello": [WHOLE],
        "a large hello, then most of a large record": [
            records(hello(size=16388)),
            struct.pack(">BHH", APPLICATION, 0x0303, 16640) + bytes(16600),
        ],
        "a large hello, then most of another": [
            records(hello(size=16388, has_share=False)),
            records(hello(size=16388))[:-1],
        ],
        "a large hello of TLS 1.2, then most of a long chain": [
            records(hello(size=16388, versions=(0x0303,))),
            records(chain, version=0x0303),
        ],
    }

    def resident(self):
        with open("/proc/%d/status" % self.host.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def settled(self):
        """Once it no longer grows."""
        last, size = -1, self.resident()
        while size != last:
            time.sleep(0.3)
            last, size = size, self.resident()
        return size

    def measure(self, where, steps):
        limits = {"handshake_ms": 3600000, "http_request_ms": 3600000, "http_connections": 1000}
        self.host = start(1, limits, client_certificates="required")
        socks = []
        try:
            address = self.host.websocket if where == "websocket" else self.host.http_address
            socks = [open_plain_socket(address) for _ in range(self.count)]
            before = self.settled()
            for step in steps:
                for sock in socks:
                    sock.sendall(step)
                grown = self.settled() - before
            for sock in socks:
                sock.setblocking(False)
                try:
                    while sock.recv(65536):
                        pass
                    self.fail("it was ended, so this measures nothing")
                except BlockingIOError:
                    pass
            return grown / self.count
        finally:
            for sock in socks:
                sock.close()
            self.host.kill()

    def test_it_is_bounded(self):
        raise_file_limit()
        for where in ("websocket", "http"):
            for name, steps in self.ways.items():
                with self.subTest(where=where, way=name):
                    each = self.measure(where, steps)
                    say("    %s: %s: %.0f KiB" % (where, name, each))
                    self.assertLess(each, self.most_kib_with_chain if "chain" in name else self.most_kib)


if __name__ == "__main__":
    main()
