"""Whose connection it is, behind proxies: X-Forwarded-For, Forwarded and the PROXY protocol, from
trusted peers alone, on plain sockets, and through TLS that toni speaks itself: a PROXY header comes before that, a field
within. Real proxies: test_behind_a_proxy.py.

127.0.0.1 is the proxy, 127.0.0.2 somebody else on the network."""

import re
import socket
import struct
import time
import unittest

from toni_generations import DRAINS, Generations
from toni_host import (
    DEADLINE, OVER_TLS, PROBE, Client, Host, Refused, Response, configuration, main, metrics,
    open_plain_socket, over_tls, own_context, request, run_toni, service,
)

HTTP_PROBE = service("http", "http_probe_service.so", "/http")
PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
INET, INET6, UNIX = 0x11, 0x21, 0x31


def v1(client="203.0.113.7", port=56324):
    family = "TCP6" if ":" in client else "TCP4"
    return ("PROXY %s %s %s %d 443\r\n" % (family, client, client, port)).encode()


def v2(client="203.0.113.7", family=INET, command=0x21, more=b"", block=None):
    if block is None:
        size = {INET: socket.AF_INET, INET6: socket.AF_INET6}[family]
        block = 2 * socket.inet_pton(size, client) + struct.pack(">HH", 56324, 443)
    block += more
    return SIGNATURE + struct.pack(">BBH", command, family, len(block)) + block


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


class Proxied(unittest.TestCase):
    workers = 1
    way = "x-forwarded-for"
    trusted = [PROXY + "/32"]

    def start(self, *more, limits=None, made=Host, **how):
        text = configuration(
            (PROBE, HTTP_PROBE, *more), self.workers, {"close_ms": 200, **(limits or {})},
            http=over_tls("127.0.0.1:0"),
            admin="127.0.0.1:0", trusted_proxies=self.trusted, proxy_header=self.way, **how
        )
        self.host = made(text).start()
        self.addCleanup(self.host.kill)
        return self.host

    def client(self, address=None, **how):
        client = Client(address or self.host.address, "/probe", **how)
        self.addCleanup(client.sock.close)
        return client

    @staticmethod
    def seen_by(client):
        return re.search(r" address=(\S*) subprotocol", client.read()).group(1)

    def websocket(self, headers=(), source=PROXY):
        """The address that a gateway sees."""
        return self.seen_by(self.client(headers=headers, source=source))

    def begin(self, address, *pieces, source=PROXY):
        """A connection, and what goes before TLS."""
        sock = open_plain_socket(address, source=source)
        self.addCleanup(sock.close)
        for piece in pieces:
            sock.sendall(piece)
        return sock

    def go_on(self, sock):
        """The same connection, from TLS on."""
        if not OVER_TLS:
            return sock
        sock = own_context().wrap_socket(sock, server_hostname="localhost")
        self.addCleanup(sock.close)
        return sock

    def send(self, address, *pieces, source=PROXY, before=b""):
        """before: what goes before TLS, in one segment with what follows."""
        sock = self.begin(address, source=source)
        sock.sendall(before, socket.MSG_MORE)
        sock = self.go_on(sock)
        for piece in pieces:
            sock.sendall(piece)
        return sock

    @staticmethod
    def read_to_the_end(sock):
        raw = bytearray()
        try:
            while part := sock.recv(65536):
                raw += part
        except ConnectionResetError:
            pass
        return bytes(raw)

    def http(self, headers=(), source=PROXY, before=b"", status=200):
        """The address that a service sees."""
        lines = ["GET /http HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += ["%s: %s" % header for header in headers]
        sock = self.send(
            self.host.http_address, ("\r\n".join(lines) + "\r\n\r\n").encode(), source=source, before=before
        )
        answer = Response(self.read_to_the_end(sock))
        self.assertEqual(answer.status, status)
        found = re.search(rb"^address=(.*)$", answer.body, re.MULTILINE)
        return found.group(1).decode() if found else answer.body


class Fields(Proxied):
    name = "X-Forwarded-For"

    @staticmethod
    def of(*nodes):
        return ", ".join(nodes)

    def seen(self, headers, source=PROXY):
        """Both ways must say the same."""
        by_gateway, by_service = self.websocket(headers, source), self.http(headers, source)
        self.assertEqual(by_gateway, by_service)
        return by_gateway

    def test_a_trusted_proxy_says_whose_it_is(self):
        self.start()
        for nodes, expected in (
            (["203.0.113.7"], "203.0.113.7"),
            (["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
            (["6.6.6.6", "203.0.113.7", PROXY], "203.0.113.7"),
            (["2001:db8::7"], "2001:db8::7"),
            (["::ffff:203.0.113.7"], "203.0.113.7"),
            (["203.0.113.7", "unknown"], PROXY),
            ([PROXY], PROXY),
            (["nonsense"], PROXY),
        ):
            nodes = [self.quoted(node) for node in nodes]
            self.assertEqual(self.seen([(self.name, self.of(*nodes))]), expected, nodes)
        self.assertEqual(self.seen([]), PROXY)
        self.assertEqual(self.seen([(self.name, "")]), PROXY)
        lines = [(self.name, self.of(node)) for node in ("6.6.6.6", "203.0.113.7", PROXY)]
        self.assertEqual(self.seen(lines), "203.0.113.7")
        self.host.stop()

    def test_others_change_nothing(self):
        self.start()
        forged = [(name, value) for name in ("X-Forwarded-For", "X-Real-IP", "Client-IP")
                  for value in ("203.0.113.7", PROXY)]
        forged += [("Forwarded", "for=203.0.113.7"), ("X-Forwarded-Host", "elsewhere.example")]
        self.assertEqual(self.seen(forged, STRANGER), STRANGER)
        self.assertEqual(self.seen([("Forwarded", 'for="')], STRANGER), STRANGER)
        for address in (self.host.address, self.host.http_address):
            for header in (v1(), v2()):
                answer = self.read_to_the_end(self.begin(address, header + request("/probe"), source=STRANGER))
                self.assertNotIn(b" 101 ", answer)
        self.host.stop()

    def test_the_other_field_of_a_trusted_proxy_changes_nothing(self):
        self.start()
        other = [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "6.6.6.6")]
        other = [field for field in other if field[0] != self.name]
        self.assertEqual(self.seen(other), PROXY)
        self.assertEqual(self.seen([*other, (self.name, self.of("203.0.113.7"))]), "203.0.113.7")
        self.host.stop()

    @staticmethod
    def quoted(node):
        return node

    def test_on_one_connection_each_request_has_its_own(self):
        self.start()
        sock = self.send(self.host.http_address)
        for address in ("203.0.113.7", "203.0.113.8", None):
            field = "%s: %s\r\n" % (self.name, self.of(address)) if address else ""
            sock.sendall(("GET /http HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % field).encode())
            answer = b""
            while b"q=" not in answer:
                answer += sock.recv(65536)
            self.assertIn(b"\naddress=%s\n" % (address or PROXY).encode(), answer)
        self.host.stop()

    def test_limits_by_address_are_the_clients(self):
        self.start(limits={"connections_per_address": 2})
        kept = []
        for last in range(3):  # the proxy itself has six
            for _ in range(2):
                kept.append(self.client(headers=[(self.name, self.of("203.0.113.%d" % last))]))
        with self.assertRaises(Refused) as refused:
            self.client(headers=[(self.name, self.of("203.0.113.1"))])
        self.assertEqual(refused.exception.response.status, 503)
        kept[2].close()
        self.wait_connections(5)
        self.client(headers=[(self.name, self.of("203.0.113.1"))])
        self.host.stop()

    def wait_connections(self, count):
        end = time.monotonic() + DEADLINE
        while metrics(self.host)['toni_connections{gateway="probe"}'] != count:
            self.assertLess(time.monotonic(), end, "connections are not %d" % count)
            time.sleep(0.01)

    def test_silent_connections_of_a_proxy_are_not_one_address(self):
        """connections_per_address bounds handshakes that have not begun, too."""
        self.start(limits={"connections_per_address": 2})
        silent = [self.send(self.host.address) for _ in range(10)]
        for i, sock in enumerate(silent):
            sock.sendall(request("/probe", headers=[(self.name, self.of("203.0.113.%d" % i))]))
            self.assertIn(b" 101 ", sock.recv(4096))
        self.host.stop()

    def test_a_reload_changes_whom_to_trust(self):
        self.start()
        field = [(self.name, self.of("203.0.113.7"))]
        self.assertEqual(self.seen(field), "203.0.113.7")
        with open(self.host.conf, encoding="utf-8") as conf:
            text = conf.read()
        with open(self.host.conf, "w", encoding="utf-8") as conf:
            conf.write(text.replace(PROXY + "/32", STRANGER + "/32"))
        self.assertEqual(run_toni("reload", "-c", self.host.conf).returncode, 0)
        self.assertEqual(self.seen(field), PROXY)
        self.assertEqual(self.seen(field, STRANGER), "203.0.113.7")
        self.host.stop()


class TestXForwardedFor(Fields):
    pass


class TestXForwardedForWith4Workers(Fields):
    workers = 4


class TestForwarded(Fields):
    way = "forwarded"
    name = "Forwarded"

    @staticmethod
    def of(*nodes):
        return ", ".join("for=" + node for node in nodes)

    @staticmethod
    def quoted(node):
        return '"[%s]:4711"' % node if ":" in node else node

    def test_one_that_can_not_be_read_is_refused(self):
        self.start()
        for value in ('for="', 'for=", for=203.0.113.7', "for=1.2.3.4;for=5.6.7.8", "for"):
            with self.assertRaises(Refused, msg=value) as refused:
                self.client(headers=[("Forwarded", value)])
            self.assertEqual(refused.exception.response.status, 400)
            self.assertIn(b"Forwarded", self.http([("Forwarded", value)], status=400))
        self.host.wait_log(level="warn", msg=lambda text: "its field Forwarded can't be read" in text)
        self.host.stop()


del Fields


class Protocol(Proxied):
    way = "proxy-protocol"

    def seen(self, header):
        sock = self.send(self.host.address, request("/probe"), before=header)
        by_gateway = self.read_address(sock)
        by_service = self.http(before=header)
        self.assertEqual(by_gateway, by_service)
        return by_gateway

    def read_address(self, sock):
        raw = b""
        while b" subprotocol=" not in raw:
            part = sock.recv(65536)
            self.assertTrue(part, "closed after %r" % raw)
            raw += part
        return re.search(rb" address=(\S*) subprotocol", raw).group(1).decode()

    def test_it_says_whose_it_is(self):
        self.start()
        unix = b"/run/client".ljust(108, b"\0") + bytes(108)
        for header, expected in (
            (v1(), "203.0.113.7"),
            (v1("2001:db8::7"), "2001:db8::7"),
            (v1("::ffff:203.0.113.7"), "203.0.113.7"),
            (v1(port=0), "203.0.113.7"),
            (b"PROXY UNKNOWN\r\n", PROXY),
            (b"PROXY UNKNOWN 1.2.3.4 and more\r\n", PROXY),
            (v2(), "203.0.113.7"),
            (v2("2001:db8::7", INET6), "2001:db8::7"),
            (v2("::ffff:203.0.113.7", INET6), "203.0.113.7"),
            (v2(more=tlv(1, b"h2") + tlv(4, bytes(300)) + tlv(0xE0, b"x")), "203.0.113.7"),
            (v2(command=0x20, family=0, block=b""), PROXY),
            (v2(command=0x20), PROXY),
            (v2(family=0, block=b""), PROXY),
            (v2(family=UNIX, block=unix), ""),
        ):
            self.assertEqual(self.seen(header), expected, header)
        self.host.stop()

    def test_fields_change_nothing(self):
        """Never two ways at once; also not if the client itself has a trusted address."""
        self.start()
        for client in ("203.0.113.7", PROXY):
            fields = [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")]
            sock = self.send(self.host.address, request("/probe", headers=fields), before=v1(client))
            self.assertEqual(self.read_address(sock), client)
            self.assertEqual(self.http(fields, before=v1(client)), client)
        self.host.stop()

    def test_byte_by_byte(self):
        self.start()
        for header in (v1(), v2(more=tlv(4, b"x" * 20)), v2("2001:db8::7", INET6)):
            sock = self.go_on(self.begin(self.host.address, *[bytes([byte]) for byte in header]))
            for byte in request("/probe"):
                sock.sendall(bytes([byte]))
            self.assertIn(self.read_address(sock), ("203.0.113.7", "2001:db8::7"))
        self.host.stop()

    def test_what_is_none_ends_the_connection(self):
        self.start()
        for header in (
            b"GET /probe HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00",
            b"PROXY TCP4 203.0.113.7 203.0.113.1 65536 443\r\n",
            b"PROXY TCP4 203.0.113.7 203.0.113.1 1 2 3\r\n",
            b"PROXY TCP4 203.0.113\0.7 203.0.113.1 1 2\r\n",
            b"PROXY TCP6 203.0.113.7 203.0.113.1 1 2\r\n",
            b"PROXY UNKNOWN " + b"x" * 100,
            v2(block=b"short"),
            v2(family=0x12, block=v2()[16:]),
            v2(command=0x22),
            v2(more=b"\x04\xff\xff"),
            v2(more=tlv(3, b"\0\0\0\0")),
            SIGNATURE + b"\x21\x11\xff\xff",
        ):
            for address in (self.host.address, self.host.http_address):
                sock = self.begin(address, header)
                self.assertEqual(self.read_to_the_end(sock), b"", header)
        line = self.host.wait_log(level="warn", msg=lambda text: "no PROXY header is read" in text)
        self.assertEqual(line["address"], PROXY)
        self.host.stop()

    def test_one_that_does_not_come_is_late(self):
        self.start(limits={"handshake_ms": 300})
        for address in (self.host.address, self.host.http_address):
            for began in (b"", b"PROXY TCP4 ", v2()[:-1]):
                sock = self.begin(address, began)
                self.assertEqual(self.read_to_the_end(sock), b"")
        self.assertEqual(self.seen(v1()), "203.0.113.7")
        self.host.stop()

    def test_a_health_check_that_says_nothing_is_no_fault(self):
        self.start()
        for address in (self.host.address, self.host.http_address):
            for said in (b"", v2(command=0x20, family=0, block=b"")):
                self.begin(address, said).close()
        self.assertEqual(self.seen(v1()), "203.0.113.7")
        self.assertEqual(self.host.log(level="warn"), [])
        self.host.stop()

    def test_others_are_as_they_ever_were(self):
        self.start()
        self.assertEqual(self.websocket(source=STRANGER), STRANGER)
        self.assertEqual(self.http(source=STRANGER), STRANGER)
        for header in (v1(), v2()):
            sock = self.begin(self.host.address, header + request("/probe"), source=STRANGER)
            answer = self.read_to_the_end(sock)
            if OVER_TLS:  # of what begins with no letter TLS says nothing
                self.assertRegex(answer, rb"\A(HTTP/1.1 400 |\Z)")
            else:
                self.assertIn(b" 400 ", answer.split(b"\r\n")[0])
        self.host.stop()

    def test_limits_by_address_are_the_clients(self):
        self.start(limits={"connections_per_address": 2})
        socks = [self.send(self.host.address, request("/probe"), before=v2("203.0.113.%d" % (i // 2)))
                 for i in range(6)]
        for sock in socks:
            self.read_address(sock)
        refused = self.send(self.host.address, request("/probe"), before=v2("203.0.113.1"))
        self.assertIn(b" 503 ", self.read_to_the_end(refused))
        self.host.stop()

    def test_so_many_wait_and_no_more(self):
        self.start()
        silent = [self.begin(self.host.address) for _ in range(300)]
        self.assertEqual(self.seen(v1()), "203.0.113.7")
        ended = 0
        for sock in silent[:44]:
            self.assertEqual(self.read_to_the_end(sock), b"")
            ended += 1
        self.assertGreaterEqual(ended, 44)
        silent[-1].sendall(v1())
        last = self.go_on(silent[-1])
        last.sendall(request("/probe"))
        self.assertEqual(self.read_address(last), "203.0.113.7")
        self.host.stop()

    @unittest.skipUnless(OVER_TLS, "about TLS")
    def test_a_handshake_of_tls_that_does_not_come_is_late(self):
        self.start(limits={"handshake_ms": 300, "http_request_ms": 300})
        for address in (self.host.address, self.host.http_address):
            for began in (v1(), v2(), v1() + b"\x16\x03\x01\x02"):
                self.assertEqual(self.read_to_the_end(self.begin(address, began)), b"")
        self.assertEqual(self.seen(v1()), "203.0.113.7")
        self.host.stop()

    @unittest.skipUnless(OVER_TLS, "about TLS")
    def test_who_speaks_no_tls_behind_it_is_told(self):
        self.start()
        for address in (self.host.address, self.host.http_address):
            answer = self.read_to_the_end(self.begin(address, v2() + request("/probe")))
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.host.stop()

    @unittest.skipUnless(OVER_TLS, "about TLS")
    def test_one_within_tls_is_none(self):
        """A client that writes one itself is not believed."""
        self.start()
        for address in (self.host.address, self.host.http_address):
            for header in (v1("6.6.6.6"), v2("6.6.6.6")):
                sock = self.send(address, header + request("/probe"), before=v1())
                self.assertRegex(self.read_to_the_end(sock), rb"\A(HTTP/1.1 400 |\Z)")
        self.host.stop()

    def test_a_stop_ends_those_that_have_not_said_it(self):
        self.start()
        silent = [self.begin(self.host.address), self.begin(self.host.http_address)]
        self.assertEqual(self.seen(v1()), "203.0.113.7")
        self.host.stop()
        for sock in silent:
            self.assertEqual(self.read_to_the_end(sock), b"")

    def test_over_a_restart(self):
        """One that has not said it yet is kept by the host that has accepted it."""
        self.start(made=Generations)
        late = [self.begin(self.host.address), self.begin(self.host.http_address)]
        self.assertEqual(self.seen(v1()), "203.0.113.7")
        self.host.restart()
        self.host.wait_log(msg=DRAINS)
        for sock in late:
            sock.sendall(v1())
        late = [self.go_on(sock) for sock in late]
        late[0].sendall(request("/probe"))
        self.assertEqual(self.read_address(late[0]), "203.0.113.7")
        late[1].sendall(b"GET /http HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"\naddress=203.0.113.7\n", self.read_to_the_end(late[1]))
        self.assertEqual(self.host.wait_gone(self.host.process.pid), 0)
        self.assertEqual(self.seen(v1()), "203.0.113.7")  # the successor


class TestProtocol(Protocol):
    pass


class TestProtocolWith4Workers(Protocol):
    workers = 4


del Protocol


class TestUnix(Proxied):
    """Whoever connects to a Unix socket is trusted only if that is said."""

    def on_unix(self, headers=(), before=b""):
        sock = self.go_on(self.begin(self.host.address, before, source=None))
        sock.sendall(request("/probe", headers=headers))
        raw = b""
        while b" subprotocol=" not in raw:
            part = sock.recv(65536)
            self.assertTrue(part, raw)
            raw += part
        return re.search(rb" address=(\S*) subprotocol", raw).group(1).decode()

    def start_on(self, trusted, way):
        self.trusted, self.way = trusted, way
        host = Host("")
        text = configuration((PROBE,), listen="unix:%s/toni" % host.folder,
                             trusted_proxies=trusted, proxy_header=way, limits={"close_ms": 200})
        with open(host.conf, "w", encoding="utf-8") as conf:
            conf.write(text)
        self.host = host.start()
        self.addCleanup(host.kill)

    def test_trusted(self):
        self.start_on(["unix"], "x-forwarded-for")
        self.assertEqual(self.on_unix([("X-Forwarded-For", "6.6.6.6, 203.0.113.7")]), "203.0.113.7")
        self.assertEqual(self.on_unix([("X-Forwarded-For", "203.0.113.7, unix:")]), "203.0.113.7")
        self.assertEqual(self.on_unix(), "")
        self.host.stop()

    def test_trusted_with_the_protocol(self):
        self.start_on(["unix"], "proxy-protocol")
        self.assertEqual(self.on_unix(before=v2()), "203.0.113.7")
        self.assertEqual(self.on_unix(before=b"PROXY UNKNOWN\r\n"), "")
        self.host.stop()

    def test_not_trusted(self):
        self.start_on(["10.0.0.0/8"], "x-forwarded-for")
        self.assertEqual(self.on_unix([("X-Forwarded-For", "203.0.113.7")]), "")
        self.host.stop()


del Proxied

if __name__ == "__main__":
    main(beside=4)
