"""HTTP over TLS on `listen.http`: the same answers, byte for byte, with clients that others wrote; both ways at
any speed; ends that are ends and those that are not; who is no client at all; other certificates."""

import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from tls_material import Authority
from toni_generations import Generations
from toni_host import DEADLINE, ECHO, FIXTURES, PLUGINS, SANITIZER, configuration, main, metrics_text, say, scaled, service

MIB = 1 << 20
PROBE = service("probe", "http_probe_service.so", "/probe")
STREAM = service("stream", "stream_service.so", "/stream")
NAMES = "DNS:localhost,IP:127.0.0.1"
BODY_MOST = 64 * MIB
IGNORE_UNEXPECTED_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
REQUEST = b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n"


def noise(size, seed=7):
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class HttpsTestCase(unittest.TestCase):
    workers = 1
    limits = {}

    @classmethod
    def setUpClass(cls):
        cls.material = tempfile.mkdtemp(prefix="toni-test-")
        cls.addClassCleanup(shutil.rmtree, cls.material, True)
        cls.authority = Authority(cls.material)
        cls.pair = cls.authority.issue("host", NAMES)

    def text(self, http="127.0.0.1:0", limits=None, **more):
        most = {"http_body_bytes": BODY_MOST, "http_body_bytes_total": 4 * BODY_MOST, "drain_ms": 5000}
        return configuration(
            [ECHO, PROBE, STREAM], self.workers, {**most, **self.limits, **(limits or {})},
            plugin_path=[FIXTURES, PLUGINS], http=[{"address": http, "tls": self.pair}], **more)

    def start(self, text=None, **how):
        self.host = Generations((text or self.text(**how)).replace("[ {", "( {").replace("} ]", "} )"))
        self.addCleanup(self.host.kill)
        self.host.launch()
        self.host.wait_log(msg="ready")
        self.port = int(self.host.http_address.rsplit(":", 1)[1])
        return self.host

    def context(self, **how):
        """An end without close_notify is an error, as for OpenSSL itself."""
        context = self.authority.context(**how)
        context.options &= ~IGNORE_UNEXPECTED_EOF
        return context

    def tcp(self, receive_buffer=None):
        sock = socket.socket()
        self.addCleanup(sock.close)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE)
        sock.connect(("127.0.0.1", self.port))
        return sock

    def open(self, **how):
        sock = self.context().wrap_socket(self.tcp(**how), server_hostname="localhost", suppress_ragged_eofs=False)
        self.addCleanup(sock.close)
        return sock

    def connection(self):
        made = http.client.HTTPSConnection("localhost", self.port, timeout=DEADLINE, context=self.context())
        self.addCleanup(made.close)
        return made

    def ask(self, connection, method, path, body=None, headers=None):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.content = answer.read()
        return answer

    def read_all(self, sock):
        """To the end: what came, and whether the end was one (close_notify)."""
        data = b""
        try:
            while True:
                part = sock.recv(65536)
                if not part:
                    return data, True
                data += part
        except (ssl.SSLError, ConnectionResetError):
            return data, False

    def goes_on(self):
        self.assertEqual(self.ask(self.connection(), "GET", "/probe").status, 200)


class TestAnswers(HttpsTestCase):
    workers = 4

    def test_many_requests_on_one_connection(self):
        host = self.start()
        self.assertEqual(host.log(msg="listening", protocol="http")[0]["tls"], "on")
        connection = self.connection()
        connection.connect()
        port = connection.sock.getsockname()[1]
        for number in range(50):
            answer = self.ask(connection, "POST", "/probe/a?q=%d" % number, b"x" * number)
            said = answer.content.decode()
            self.assertIn("q=%d\n" % number, said)
            self.assertIn("bytes=%d\n" % number, said)
            self.assertIn("address=127.0.0.1\n", said)  # the client's, not that of the pair
        self.assertEqual(connection.sock.getsockname()[1], port)
        self.assertEqual(self.ask(connection, "HEAD", "/probe").content, b"")
        self.assertEqual(self.ask(connection, "GET", "/nothing").status, 404)
        host.stop()

    def test_curl_and_s_client(self):
        host = self.start()
        for version in "--tlsv1.2 --tls-max 1.2", "--tlsv1.3":
            done = subprocess.run(
                ["curl", "-sS", "--http1.1", "--cacert", self.authority.path, *version.split(), "-w", "%{http_code} %{ssl_verify_result}",
                 "-o", os.devnull, "https://localhost:%d/" % self.port, "https://localhost:%d/toni.json" % self.port],
                capture_output=True, text=True, timeout=DEADLINE, check=False)
            self.assertEqual((done.stderr, done.returncode), ("", 0))
            self.assertTrue(done.stdout.startswith("200 0"), done.stdout)
        done = subprocess.run(
            ["openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", self.authority.path, "-servername", "localhost",
             "-connect", "127.0.0.1:%d" % self.port],
            input=b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", capture_output=True, timeout=DEADLINE, check=False)
        self.assertIn(b"HTTP/1.1 200 OK\r\n", done.stdout)
        host.stop()

    def test_whose_name_is_asked_for(self):
        """The address that the client has reached is one, though libmicrohttpd sees a pair of sockets."""
        host = self.start()
        for name, status in ("localhost", 200), ("127.0.0.1:%d" % self.port, 200), ("evil.example", 403):
            self.assertEqual(self.ask(self.connection(), "GET", "/probe", headers={"Host": name}).status, status)
        host.stop()

    def test_figures_and_the_page(self):
        host = self.start(admin="127.0.0.1:0")
        before = metrics_text(host)
        answer = self.ask(self.connection(), "GET", "/toni.json")
        self.assertEqual(json.loads(answer.content)["websocket"], [{"port": int(host.address.rsplit(":", 1)[1])}])
        plain = self.tcp()
        plain.sendall(REQUEST)
        while plain.recv(4096):
            pass
        after = metrics_text(host)
        for name, more in ("handshakes_total", 1), ('handshakes_failed_total{reason="plain"}', 1), ("truncated_total", 0):
            values = [float(re.search(r"^toni_tls_%s (\S+)$" % re.escape(name), text, re.M)[1]) for text in (before, after)]
            self.assertEqual(values[1] - values[0], more, name)
        self.assertRegex(after, r'toni_tls_certificate_expiry_seconds\{address="127.0.0.1:%d",name="' % self.port)
        host.stop()

    def test_both_sides_at_once_on_many_connections(self):
        host = self.start()
        count = scaled(40, 10)
        faults = []

        def work(seed):
            try:
                connection = self.connection()
                for number in range(10):
                    body = noise(20000 * (number % 4) + number, seed * 100 + number)
                    if self.ask(connection, "POST", "/probe/copy", body).content != body:
                        faults.append("other bytes")
            except Exception as fault:  # pylint: disable=broad-except
                faults.append(repr(fault))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        host.stop()


class TestBodies(HttpsTestCase):
    def test_large_ones_are_the_same_both_ways(self):
        host = self.start()
        connection = self.connection()
        for size in 0, 1, 16383, 16384, 16385, MIB, scaled(BODY_MOST, 4 * MIB):
            body = noise(size)
            answer = self.ask(connection, "POST", "/probe/copy", body)
            self.assertEqual((answer.status, len(answer.content), digest(answer.content)), (200, size, digest(body)))
        host.stop()

    def test_curl_uploads_and_downloads(self):
        host = self.start()
        path = os.path.join(host.folder, "body")
        body = noise(scaled(20 * MIB, 2 * MIB))
        with open(path, "wb") as out:
            out.write(body)
        done = subprocess.run(
            ["curl", "-sS", "--cacert", self.authority.path, "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@" + path,
             "https://localhost:%d/probe/copy" % self.port], capture_output=True, timeout=DEADLINE, check=True)
        self.assertEqual(digest(done.stdout), digest(body))
        host.stop()

    def test_a_slow_reader_gets_all_and_costs_little(self):
        host = self.start()
        before = host.pss_bytes()
        size = 20 * MIB
        slow = [self.open(receive_buffer=4096) for _ in range(10)]
        for sock in slow:
            sock.sendall(b"GET /probe/fill?bytes=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200 OK", sock.recv(100))
        idle = host.pss_bytes()
        slow = [self.open(receive_buffer=4096) for _ in range(10)]
        for sock in slow:
            sock.sendall(b"GET /stream/fill?bytes=%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % size)
        for sock in slow:
            self.assertIn(b"200 OK", sock.recv(15))
        self.goes_on()  # nobody waits for them
        time.sleep(0.5)
        stuck = host.pss_bytes()
        say("front: %d KiB for an idle connection, %d KiB for one that does not read" % (
            (idle - before) / 10 / 1024, (stuck - idle) / 10 / 1024))
        if not SANITIZER:
            self.assertLess(stuck - idle, 10 * 400 * 1024)
        data, is_whole = self.read_all(slow[0])
        self.assertTrue(is_whole)
        self.assertGreaterEqual(len(data), size)
        for sock in slow:
            sock.close()
        host.stop()

    def test_a_stream_whose_client_reads_slowly_is_not_stalled(self):
        self.start(text=self.text(admin="127.0.0.1:0", limits={"stalled_ms": 8000}))
        sock = self.open(receive_buffer=65536)
        sock.sendall(b"GET /stream/fill?bytes=40000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until = time.monotonic() + 14
        while time.monotonic() < until:
            self.assertTrue(sock.recv(2048))
            time.sleep(0.1)
        self.assertIn('toni_http_streams_total{outcome="stalled"} 0\n', metrics_text(self.host))
        sock.close()

    def test_one_byte_at_a_time(self):
        host = self.start()
        sock = self.open()
        for byte in b"POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc":
            sock.sendall(bytes([byte]))
        data, is_whole = self.read_all(sock)
        self.assertIn(b"body=abc\n", data)
        self.assertTrue(is_whole)
        host.stop()


class TestEnds(HttpsTestCase):
    limits = {"http_request_ms": 2000}

    def test_who_ends_its_side_is_answered(self):
        host = self.start()
        sock = self.open()
        sock.sendall(b"GET /probe/fill?bytes=300000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while len(data) < 300000:
            data += sock.recv(65536)
        plain = sock.unwrap()  # close_notify both ways
        self.assertEqual(plain.recv(1), b"")
        host.stop()

    def test_each_answer_that_ends_a_connection_ends_it_well(self):
        host = self.start()
        for path in "/probe", "/stream/fill?bytes=100000", "/nothing":
            for version in b"1.0", b"1.1":
                sock = self.open()
                sock.sendall(b"GET %s HTTP/%s\r\nHost: localhost\r\nConnection: close\r\n\r\n" % (path.encode(), version))
                data, is_whole = self.read_all(sock)
                self.assertTrue(is_whole, (path, version))
                self.assertTrue(data.startswith(b"HTTP/1.1 "))
        host.stop()

    def test_a_truncated_request_is_none(self):
        host = self.start()
        sock = self.open()
        sock.sendall(b"POST /probe/copy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        with socket.socket(fileno=os.dup(sock.fileno())) as plain:
            plain.shutdown(socket.SHUT_RDWR)  # no close_notify
        self.goes_on()
        host.stop()

    def test_a_stream_that_is_given_up_does_not_end_well(self):
        """Of an answer without a length the end is all that tells: it must not look like one."""
        host = self.start(limits={"stalled_ms": 500})
        sock = self.open(receive_buffer=4096)
        sock.sendall(b"GET /stream/fill?bytes=%d HTTP/1.0\r\nHost: localhost\r\n\r\n" % (50 * MIB))
        self.assertTrue(sock.recv(10))
        time.sleep(2)  # longer than stalled_ms: the host gives it up
        data, is_whole = self.read_all(sock)
        self.assertLess(len(data), 50 * MIB)
        self.assertFalse(is_whole)
        host.stop()

    def test_a_refusal_is_read_by_who_still_sends(self):
        host = self.start(limits={"http_body_bytes": 1000})
        sock = self.open()
        sock.sendall(b"POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n")
        sock.sendall(b"x" * 3000000)
        data, _ = self.read_all(sock)
        self.assertTrue(data.startswith(b"HTTP/1.1 413 "), data[:100])
        host.stop()

    def test_who_never_stops_sending_is_ended(self):
        """After its answer, whether that was HTTP's or said that this is HTTPS."""
        host = self.start()
        head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
        for name, connect in (("over TLS", self.open), ("plain", self.tcp)):
            with self.subTest(name):
                sock, sent = connect(), 0
                sock.sendall(head)
                with self.assertRaises((ssl.SSLError, OSError)):
                    while sent < 256 * MIB:
                        sent += sock.send(b"x" * 65536)
                self.assertLess(sent, 256 * MIB)
        self.goes_on()
        host.stop()

    def test_what_is_late_is_told(self):
        host = self.start()
        sock = self.open()
        sock.sendall(b"GET /probe HTTP/1.1\r\nHost: loc")
        data, is_whole = self.read_all(sock)
        self.assertTrue(data == b"" or data.startswith(b"HTTP/1.1 408 "), data)
        self.assertTrue(is_whole)
        host.stop()

    def test_a_stop_waits_for_a_slow_reader(self):
        host = self.start(limits={"http_request_ms": 10000})
        sock = self.open()
        sock.sendall(b"GET /probe/fill?bytes=2000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = sock.recv(100)
        os.kill(host.pid, signal.SIGTERM)
        host.wait_log(msg="stopping")
        rest, is_whole = self.read_all(sock)
        data += rest
        self.assertGreaterEqual(len(data.split(b"\r\n\r\n", 1)[1]), 2000000)
        self.assertTrue(is_whole)
        host.ends_well()


class TestStrangers(HttpsTestCase):
    limits = {"http_request_ms": 1500, "http_connections": 20}

    def test_plain_http_is_told(self):
        host = self.start()
        for request in REQUEST, b"POST /probe HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000:
            sock = self.tcp()
            sock.sendall(request)
            data = b""
            while part := sock.recv(4096):
                data += part
            head, text = data.split(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 400 Bad Request\r\n"))
            self.assertIn(b"Content-Length: %d" % len(text), head)
            self.assertIn(b"https://", text)
        self.goes_on()
        host.stop()

    def test_garbage_and_silence(self):
        host = self.start()
        silent = self.tcp()
        for data in b"\x16\x03\x01", b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\0" * 1000, b"\x80\x2e\x01":
            sock = self.tcp()
            try:
                sock.sendall(data)
                while sock.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        self.assertEqual(silent.recv(1), b"")
        self.goes_on()
        host.stop()

    def test_a_handshake_byte_by_byte(self):
        host = self.start(limits={"http_request_ms": 10000})
        sock = self.tcp()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    sock.sendall(bytes([byte]))
                incoming.write(sock.recv(65536))
        tls.write(REQUEST)
        for byte in outgoing.read():
            sock.sendall(bytes([byte]))
        incoming.write(sock.recv(65536))
        while True:
            try:
                self.assertIn(b"200 OK", tls.read(1000))
                break
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))
        host.stop()

    def test_old_versions_and_wrong_authorities(self):
        host = self.start()
        done = subprocess.run(["openssl", "s_client", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-connect", "127.0.0.1:%d" % self.port],
                              input="", capture_output=True, text=True, timeout=DEADLINE, check=False)
        self.assertIn("alert protocol version", done.stderr)
        with self.assertRaises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(self.tcp(), server_hostname="localhost")
        self.goes_on()
        host.stop()

    def test_who_says_nothing_makes_way(self):
        host = self.start(limits={"http_request_ms": 60000})
        silent = [self.tcp() for _ in range(60)]
        half = [self.tcp() for _ in range(10)]
        for sock in half:
            sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        for _ in range(5):
            self.goes_on()
        shaken = [self.open() for _ in range(30)]  # and who says nothing after its handshake
        self.goes_on()
        for sock in silent + half + shaken:
            sock.close()
        host.stop()

    def test_who_reads_nothing_of_an_answer_keeps_nobody_out(self):
        """Once its time is over its connection is closed, though what is on its way to it never goes."""
        host = self.start()
        stuck = []
        for _ in range(60):
            stuck.append(self.open(receive_buffer=4096))
            stuck[-1].sendall(b"GET /probe/fill?bytes=20000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stuck[-1].recv(1)
        self.goes_on()
        for sock in stuck:
            sock.close()
        host.stop()

    def test_a_flood_of_handshakes_harms_nobody(self):
        host = self.start(limits={"http_connections": 1000, "http_request_ms": 60000})
        ended = threading.Event()
        hello = []

        class Recorder:  # of a ClientHello
            def __init__(self, case):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = case.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    hello.append(outgoing.read())

        Recorder(self)

        def flood():
            while not ended.is_set():
                sock = socket.create_connection(("127.0.0.1", self.port), DEADLINE, ("127.0.0.2", 0))
                sock.sendall(hello[0])
                sock.close()

        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            connection = self.connection()
            for _ in range(scaled(200, 20)):
                self.assertEqual(self.ask(connection, "GET", "/probe").status, 200)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        host.stop()


class TestChanges(HttpsTestCase):
    def serial(self, sock):
        return sock.getpeercert()["serialNumber"]

    def test_a_reload_swaps_the_certificate_and_closes_nobody(self):
        host = self.start()
        old = self.open()
        first = self.serial(old)
        for _ in range(3):
            type(self).pair = self.authority.issue("host", NAMES)
            host.answer_of(host.ask("reload"), 0)
            new = self.open()
            self.assertNotEqual(self.serial(new), first)
        old.sendall(REQUEST)
        self.assertIn(b"200 OK", old.recv(1000))
        host.stop()

    def test_a_bad_one_leaves_the_old(self):
        host = self.start()
        first = self.serial(self.open())
        good = []
        for name in "certificate", "key":
            with open(self.pair[name], encoding="ascii") as text:
                good.append(text.read())
        self.authority.issue("host", NAMES, expired=True)
        self.assertIn("expired", host.answer_of(host.ask("reload"), 2))
        self.assertEqual(self.serial(self.open()), first)
        for name, text in zip(("certificate", "key"), good):
            with open(self.pair[name], "w", encoding="ascii") as out:
                out.write(text)
        host.expect_error(msg="reload refused")
        host.stop()

    def test_a_restart_refuses_nobody(self):
        host = self.start(limits={"drain_ms": 2000})
        ended = threading.Event()
        faults, done = [], [0]

        def work():
            while not ended.is_set():
                try:
                    connection = http.client.HTTPSConnection("localhost", self.port, timeout=DEADLINE, context=self.context())
                    if self.ask(connection, "GET", "/probe").status != 200:
                        faults.append("not 200")
                    connection.close()
                    done[0] += 1
                except Exception as fault:  # pylint: disable=broad-except
                    faults.append(repr(fault))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                host.restart()
                before = done[0]
                while done[0] < before + 20 and not faults:
                    time.sleep(0.01)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertEqual(faults, [])
        host.stop()


if __name__ == "__main__":
    main(beside=2)
