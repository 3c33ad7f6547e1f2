"""HTTP clients that mean no good, or know no better: what they send costs no more than its share, and
who is only told no is told so in a way that it can read."""

import re
import signal
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from toni_host import (
    CHAT,
    DEADLINE,
    ECHO,
    SLOWNESS,
    Host,
    HostTestCase,
    Response,
    configuration,
    exchange,
    main,
    open_socket,
    service,
)

PROBE = service("http_probe", "http_probe_service.so", "/probe")
MIB = 1 << 20


class StrangersTestCase(HostTestCase):
    gateways = (ECHO, CHAT, PROBE)
    http = "127.0.0.1:0"
    admin = "127.0.0.1:0"

    def raw(self, data):
        return exchange(self.host.http_address, data)

    def open(self):
        sock = open_socket(self.host.http_address)
        self.addCleanup(sock.close)
        return sock

    def figure(self, name):
        answer = exchange(
            self.host.admin_address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        return int(re.search(rb"^%s (\d+)$" % name.encode(), answer.body, re.MULTILINE)[1])

    def running(self):
        return self.figure("toni_http_requests_running")


def get(target, fields=b""):
    head = b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    return head + fields + b"\r\n"


def post(path, fields, body=b""):
    return b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n" + body


class TestHeads(StrangersTestCase):
    def test_a_request_ends_with_its_connection(self):
        # libmicrohttpd forgets some that it has no memory for
        heads = (
            get(b"/probe?" + b"&".join(b"%d" % i for i in range(500))),
            get(b"/" + b"a" * 20000 + b"?" + b"&".join(b"%d" % i for i in range(500))),
            get(b"/probe", b"".join(b"a%d: b\r\n" % i for i in range(500))),
            get(b"/probe", b"Cookie: " + b"; ".join(b"a%d=b" % i for i in range(500)) + b"\r\n"),
            post(b"/probe", b"Content-Length: 100\r\n", b"x"),
            b"GET /probe?" + b"&" * 300 + b" HTTP/1.1\r\nHost: loc",
        )
        for head in heads * 20:
            sock = open_socket(self.host.http_address)
            sock.sendall(head)
            sock.close()
        self.eventually(lambda: self.running() == 0, "all requests are over")
        self.assertEqual(self.raw(get(b"/probe")).status, 200)

    def test_a_head_that_does_not_fit_is_refused_at_once(self):
        began = time.monotonic()
        for count in (241, 300, 450, 500, 1000, 10000):
            with self.subTest(parameters=count):
                self.assertEqual(self.raw(get(b"/probe?" + b"&" * (count - 1))).status, 414)
        for size in (15361, 20000, 40000):
            with self.subTest(target=size):
                self.assertEqual(self.raw(get(b"/probe?" + b"x" * (size - 7))).status, 414)
        for count in (440, 450, 460, 470, 500):
            with self.subTest(fields=count):
                fields = b"".join(b"a%d: b\r\n" % i for i in range(count))
                self.assertEqual(self.raw(get(b"/probe", fields)).status, 431)
                cookies = b"Cookie: " + b"; ".join(b"a%d=b" % i for i in range(count)) + b"\r\n"
                self.assertEqual(self.raw(get(b"/probe", cookies)).status, 431)
        # far from http_request_ms, which would end them too
        self.assertLess(time.monotonic() - began, 8 * SLOWNESS)

    def test_a_head_that_fits_is_answered(self):
        for target in (b"/probe?" + b"&" * 239, b"/probe?" + b"x" * 15353):
            for fields in (b"", b"X-Large: " + b"x" * 12000 + b"\r\n"):
                self.assertEqual(self.raw(get(target, fields)).status, 200)
        fields = b"".join(b"a%d: b\r\n" % i for i in range(350))
        self.assertEqual(self.raw(get(b"/probe", fields)).status, 200)

    def test_a_folded_length_or_coding_is_refused(self):
        # libmicrohttpd of Debian 12 takes the fold for a part of the name, so the body for a request
        hidden = b"GET /probe?hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for fields in (
            b"Content-Length:\r\n %d\r\n" % len(hidden),
            b"content-length: 4\r\n\t%d\r\n" % (len(hidden) % 10),
            b"Transfer-Encoding: \r\n\tchunked\r\n",
            b"TRANSFER-ENCODING: chunked\r\n x\r\n",
        ):
            with self.subTest(fields=fields):
                sock = self.open()
                sock.sendall(post(b"/probe", fields, hidden))
                sock.shutdown(socket.SHUT_WR)
                answers = b"".join(iter(lambda: sock.recv(65536), b""))
                # later versions take it for what it is, and answer once
                self.assertEqual(answers.count(b"HTTP/1.1 "), 1, answers)
                self.assertNotIn(b"\nmethod=GET", answers)

    def test_a_client_that_asks_whether_it_may_send_nothing_is_answered(self):
        ask = b"GET /probe HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        nothing = b"Content-Length: 00\r\n"
        for rest in (b"\r\n", b"\r\nx", b"\r\n" + get(b"/probe"), nothing + b"\r\nx"):
            sock = self.open()
            sock.sendall(ask + rest)
            answer = Response(b"".join(iter(lambda s=sock: s.recv(65536), b"")))
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["connection"], "close")

    def test_such_a_client_does_not_fill_the_log(self):
        before = len(self.host.text())
        ask = b"GET /chat/" + b"%01" * 1000 + b" HTTP/1.1\r\nHost: localhost\r\n"
        for _ in range(300):
            sock = open_socket(self.host.http_address)
            sock.sendall(ask + b"Expect: 100-continue\r\n\r\nx")
            sock.recv(100)
            sock.close()
        self.assertLess(len(self.host.text()) - before, 50000)


class TestUnreadBodies(StrangersTestCase):
    """The answer goes out before the body was read: the client must be able to read it."""

    def sizes(self):
        return (65536, 3 * 65536, MIB, 2 * MIB)

    def test_urllib_reads_the_refusal(self):
        seen = []
        for path, status in (("/nowhere", 404), ("/probe", 413)):
            for size in self.sizes():
                size += MIB if status == 413 else 0
                for _ in range(5):
                    url = "http://%s%s" % (self.host.http_address, path)
                    ask = urllib.request.Request(url, data=b"x" * size)
                    try:
                        seen.append(urllib.request.urlopen(ask, timeout=DEADLINE).status)
                    except urllib.error.HTTPError as answer:
                        seen.append(answer.code)
                        answer.close()
                    self.assertEqual(seen[-1], status, "of %d bytes to %s" % (size, path))

    def test_curl_reads_the_refusal_of_chunks(self):
        for path, size, status in (("/nowhere", 2 * MIB, "404"), ("/probe", 3 * MIB, "413")):
            for expect in ("Expect:", "X-None: x"):
                done = subprocess.run(
                    ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", expect]
                    + ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"]
                    + ["http://%s%s" % (self.host.http_address, path)],
                    input=b"x" * size,
                    capture_output=True,
                    timeout=DEADLINE,
                )
                self.assertEqual(done.stdout.decode(), status, done.stderr)

    def test_who_never_ends_is_ended(self):
        sock = self.open()
        sock.sendall(post(b"/nowhere", b"Content-Length: 1000000000\r\n"))
        sent = 0
        try:
            while sent < 256 * MIB:
                sent += sock.send(b"x" * 65536)
        except OSError:
            pass
        self.assertLess(sent, 256 * MIB)

    def test_who_says_nothing_more_is_ended(self):
        files = self.host.open_files()
        sock = self.open()
        sock.sendall(post(b"/nowhere", b"Content-Length: 1000000\r\n", b"x" * 70000))
        sock.settimeout(30 * SLOWNESS)
        answer = Response(b"".join(iter(lambda: sock.recv(65536), b"")))
        self.assertEqual(answer.status, 404)
        self.eventually(lambda: self.host.open_files() <= files, "its socket is closed", 30)

    def test_no_more_of_them_than_there_are_places(self):
        files = self.host.open_files()
        held = [self.open() for _ in range(300)]
        for sock in held:
            sock.sendall(post(b"/nowhere", b"Content-Length: 1000000\r\n", b"x" * 70000))
        for sock in held:
            self.assertTrue(sock.recv(20).startswith(b"HTTP/1.1 404"))
        self.eventually(lambda: self.host.open_files() <= files + 140, "the oldest are closed")


class TestStop(StrangersTestCase):
    def test_who_is_read_to_the_end_holds_up_no_stop(self):
        host = Host(
            configuration(self.gateways, http="127.0.0.1:0", limits={"drain_ms": 60000})
        ).start()
        self.addCleanup(host.kill)
        for _ in range(20):
            sock = open_socket(host.http_address)
            self.addCleanup(sock.close)
            sock.sendall(post(b"/nowhere", b"Content-Length: 1000000\r\n", b"x" * 70000))
            self.assertTrue(sock.recv(20).startswith(b"HTTP/1.1 404"))
        began = time.monotonic()
        host.stop()
        self.assertLess(time.monotonic() - began, 4 * SLOWNESS)


class TestHostThatStandsStill(StrangersTestCase):
    """The process is stopped for longer than a request may take, or the machine sleeps: that is not the clients' time."""

    limit_s = 1 * SLOWNESS
    limits = {"http_request_ms": 1000 * limit_s}

    def test_who_is_in_a_request_is_answered(self):
        files, head = self.host.open_files(), get(b"/nowhere")
        sock = self.open()
        sock.sendall(head[:10])
        self.eventually(lambda: self.host.open_files() > files, "the host has it")
        self.host.process.send_signal(signal.SIGSTOP)
        time.sleep(3 * self.limit_s)
        self.host.process.send_signal(signal.SIGCONT)
        time.sleep(self.limit_s / 4)  # so that whoever is late is told so
        sock.sendall(head[10:])
        self.assertEqual(sock.recv(12), b"HTTP/1.1 404")


class TestBursts(StrangersTestCase):
    """All places, and the spare ones, are taken while nobody is old enough to be ended for another."""

    limits = {"http_connections": 20, "http_request_ms": 600000}

    def test_they_keep_nobody_out_over_http(self):
        for _ in range(3):
            burst = [self.open() for _ in range(100)]
            self.assertEqual(self.raw(get(b"/http_probe")).status, 404)
            for sock in burst:
                sock.close()

    def test_they_keep_nobody_out_of_the_admins_address(self):
        burst = [open_socket(self.host.admin_address) for _ in range(100)]
        self.assertGreaterEqual(self.running(), 0)
        for sock in burst:
            sock.close()


class TestBodiesTogether(StrangersTestCase):
    limits = {"http_body_bytes": 4 * MIB, "http_body_bytes_total": 8 * MIB}

    def hold(self, size):
        sock = self.open()
        sock.sendall(post(b"/probe", b"Content-Length: %d\r\n" % (size + 1), b"x" * size))
        return sock

    def bytes(self):
        return self.figure("toni_http_body_bytes")

    def test_they_have_a_bound(self):
        held = [self.hold(2 * MIB) for _ in range(3)]
        self.eventually(lambda: self.bytes() == 6 * MIB, "three bodies are counted")
        refused = self.raw(post(b"/probe", b"Content-Length: %d\r\n" % (3 * MIB), b"x" * 3 * MIB))
        self.assertEqual(refused.status, 503)
        self.assertTrue(refused.headers["retry-after"])
        self.assertLessEqual(self.bytes(), 8 * MIB)
        held.pop().close()
        self.eventually(lambda: self.bytes() == 4 * MIB, "one is gone")
        for sock in held:  # those that were there are served
            sock.sendall(b"x")
            self.assertTrue(sock.recv(65536).startswith(b"HTTP/1.1 200"))
            sock.close()
        self.eventually(lambda: self.bytes() == 0, "nothing is held")
        whole = post(b"/probe", b"Connection: close\r\nContent-Length: %d\r\n" % (4 * MIB))
        self.assertEqual(self.raw(whole + b"x" * 4 * MIB).status, 200)

    def test_who_holds_most_gives_way_to_who_holds_less(self):
        held = [self.hold(2 * MIB) for _ in range(4)]
        self.eventually(lambda: self.bytes() == 8 * MIB, "all is taken")
        for size in (1, 1000, 60000):
            small = post(b"/probe", b"Connection: close\r\nContent-Length: %d\r\n" % size)
            self.assertEqual(self.raw(small + b"x" * size).status, 200)
            self.eventually(lambda: self.bytes() == 6 * MIB, "one has given way")
        self.assertEqual(self.ended(held), [503])
        for sock in held:
            sock.close()
        self.eventually(lambda: self.bytes() == 0, "nothing is held")

    def ended(self, held):
        """What those were answered that have been ended."""
        statuses = []
        for sock in held:
            sock.settimeout(0.2)
            try:
                statuses.append(Response(sock.recv(65536)).status)
            except socket.timeout:
                pass
        return statuses


if __name__ == "__main__":
    main()
