"""HTTP answers that are streamed: Server-Sent Events, back-pressure, clients that go or read nothing,
and what ends a stream."""

import concurrent.futures
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from toni_host import (
    DEADLINE,
    ECHO,
    SLOWNESS,
    Host,
    Response,
    both,
    configuration,
    main,
    open_socket,
    run_toni,
    scaled,
    service,
)
from test_http_kept import KeptTestCase

STREAM = service("stream", "stream_service.so", None)
OTHER = service("other", "stream_service.so", "/other")
SMALL = service("small", "stream_service.so", "/small", {"http_stream_bytes": 2000})
STALLED = service("stalled", "stream_service.so", "/stalled", {"stalled_ms": 700})
EVENT = b"event: tick\ndata: number %d\ndata: of many\n\n"


class StreamTestCase(KeptTestCase):
    gateways = (ECHO, STREAM, OTHER, SMALL, STALLED)

    def http_goes_on(self):
        self.assertEqual(self.ask("GET", "/stream/plain").status, 200)

    def streams(self, count):
        self.eventually(lambda: self.metric("toni_http_streams") == count, "%d streams" % count)

    def ended(self, label):
        return self.metric('toni_http_streams_total{outcome="%s"}' % label)

    def hold(self, path="/stream/hold"):
        """A stream that has begun, and its head."""
        sock = self.send(path)
        got = b""
        while b"held\n" not in got:
            part = sock.recv(65536)
            self.assertTrue(part, got)
            got += part
        return sock

    def rest(self, sock):
        """What comes until the end; b"" after a reset, too."""
        got = b""
        try:
            while part := sock.recv(65536):
                got += part
        except ConnectionResetError:
            pass
        return got


@both
class TestStreams(StreamTestCase):
    def test_curl_gets_events_as_they_come(self):
        curl = subprocess.Popen(
            ["curl", "-sSN", "-i", self.url + "/stream/events?count=5&ms=100"],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(curl.wait)
        self.addCleanup(curl.stdout.close)
        head, times = b"", []
        while not head.endswith(b"\r\n\r\n"):
            head += curl.stdout.readline()
        self.assertIn(b"Content-Type: text/event-stream\r\n", head)
        self.assertIn(b"Cache-Control: no-cache\r\n", head)
        for number in range(1, 6):
            event = b"".join(curl.stdout.readline() for _ in range(4))
            self.assertEqual(event, EVENT % number)
            times.append(time.monotonic())
        self.assertGreater(times[-1] - times[0], 0.3)  # all at once they would come at the end
        self.assertEqual(curl.stdout.read(), b"")
        self.assertEqual(curl.wait(), 0)

    def test_a_python_client_and_its_next_request(self):
        connection = self.connection()
        for _ in range(3):
            answer = self.ask("GET", "/stream/events?count=3&ms=5", connection=connection)
            self.assertEqual(answer.content, b"".join(EVENT % n for n in (1, 2, 3)))
            self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
        sock = connection.sock
        self.ask("GET", "/stream/plain", connection=connection)
        self.assertIs(connection.sock, sock)
        self.streams(0)

    def test_http_1_0_ends_with_its_connection(self):
        sock = self.open()
        sock.sendall(b"GET /stream/events?count=2&ms=5 HTTP/1.0\r\nHost: localhost\r\n\r\n")
        got = Response(self.rest(sock))
        self.assertEqual(got.body, EVENT % 1 + EVENT % 2)
        self.assertNotIn("transfer-encoding", got.headers)

    def test_head_has_no_content(self):
        connection = self.connection()
        for _ in range(3):
            answer = self.ask("HEAD", "/stream/hold", connection=connection)
            self.assertEqual((answer.status, answer.content), (200, b""))
            self.assertEqual(answer.headers["Connection"], "close")
            self.ask("GET", "/stream/plain", connection=connection)  # on another one
        self.streams(0)

    def test_a_stream_can_begin_later(self):
        answer = self.ask("GET", "/stream/later?ms=50")
        self.assertEqual((answer.status, answer.content), (202, b"late\n"))
        self.assertEqual(answer.headers["X-Late"], "1")

    def test_much_goes_through_a_small_buffer(self):
        size = scaled(20_000_000, 3_000_000)
        answer = self.ask("GET", "/other/fill?bytes=%d" % size)
        self.assertEqual(len(answer.content), size)
        self.host.wait_log(msg="drained", instance="other")
        self.host.wait_log(msg="ended with 0 left: then TONI_ERR_NOT_FOUND", instance="other")

    def test_what_is_larger_than_the_buffer_never_fits(self):
        answer = self.ask("GET", "/small/events?count=2&ms=5")
        self.assertEqual(answer.content, EVENT % 1 + EVENT % 2)
        sock = self.send("/small/fill?bytes=5000")  # 5000 at once
        self.streams(1)
        sock.close()
        self.streams(0)

    def test_all_that_is_refused(self):
        self.assertEqual(len(self.ask("GET", "/stream/table").content), 65536)
        for call, result in (
            ("write before", "TONI_ERR_INVALID"),
            ("end before", "TONI_ERR_INVALID"),
            ("begin 204", "TONI_ERR_INVALID"),
            ("begin 304", "TONI_ERR_INVALID"),
            ("begin 199", "TONI_ERR_INVALID"),
            ("begin type", "TONI_ERR_INVALID"),
            ("begin other", "TONI_ERR_NOT_FOUND"),
            ("begin", "TONI_OK"),
            ("begin again", "TONI_ERR_INVALID"),
            ("answer", "TONI_ERR_INVALID"),
            ("header", "TONI_ERR_INVALID"),
            ("event", "TONI_ERR_INVALID"),
            ("large", "TONI_ERR_TOO_BIG"),
            ("empty", "TONI_OK"),
            ("full", "TONI_OK"),
            ("over", "TONI_ERR_FULL"),
            ("end", "TONI_OK"),
            ("end again", "TONI_ERR_NOT_FOUND"),
            ("write after", "TONI_ERR_NOT_FOUND"),
            ("kept after", "TONI_OK"),
        ):
            with self.subTest(call=call):
                self.host.wait_log(msg="%s: %s" % (call, result), instance="stream")

    def test_a_callback_that_fails_streams_nothing(self):
        self.assertEqual(self.ask("GET", "/stream/fail").status, 500)
        self.streams(0)

    def test_a_client_that_goes_is_told(self):
        for end in (
            lambda sock: sock.close(),
            lambda sock: (
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
                sock.close(),
            ),
        ):
            gone = self.ended("client_gone")
            sock = self.hold()
            self.streams(1)
            end(sock)
            self.streams(0)
            self.assertEqual(self.ended("client_gone"), gone + 1)
        self.host.wait_log(msg="ended with 0 left: then TONI_ERR_NOT_FOUND", instance="stream")

    def test_another_request_ends_a_stream(self):
        sock = self.hold("/other/hold")
        self.assertEqual(self.ask("GET", "/other/stop").content, b"TONI_OK")
        self.assertTrue(sock.recv(100).endswith(b"0\r\n\r\n"))
        self.assertEqual(self.ask("GET", "/other/stop").content, b"TONI_ERR_NOT_FOUND")

    def test_a_client_that_reads_nothing_is_stalled(self):
        before = self.ended("stalled")
        sock = open_socket(self.host.http_address, receive_buffer=4096)
        self.addCleanup(sock.close)
        sock.sendall(b"GET /stalled/fill?bytes=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.streams(1)
        idle = self.hold("/stalled/hold")  # of this nothing waits to be read
        self.eventually(lambda: self.ended("stalled") == before + 1, "it is closed")
        self.streams(1)
        time.sleep(0.3)
        idle.close()
        self.streams(0)

    def test_a_client_that_reads_slowly_is_not(self):
        sock = open_socket(self.host.http_address, receive_buffer=4096)
        self.addCleanup(sock.close)
        size = 10_000_000  # more than the kernel takes
        sock.sendall(b"GET /stalled/fill?bytes=%d HTTP/1.0\r\nHost: localhost\r\n\r\n" % size)
        began = time.monotonic()
        while time.monotonic() - began < 2:  # far above stalled_ms
            self.assertTrue(sock.recv(500))
            time.sleep(0.05)
        self.assertEqual(self.metric("toni_http_streams"), 1)
        sock.close()
        self.streams(0)

    def test_streams_hold_up_nobody(self):
        held = [self.hold() for _ in range(scaled(100, 40))]
        began = time.monotonic()
        for _ in range(20):
            self.http_goes_on()
        self.assertLess(time.monotonic() - began, 1 * SLOWNESS)
        for sock in held:
            sock.close()
        self.streams(0)


@both
class TestStreamTime(StreamTestCase):
    limits = {"http_request_ms": 500}

    def test_a_stream_is_no_late_answer(self):
        sock = self.hold()
        time.sleep(1.5)
        self.ask("GET", "/stream/stop")
        self.assertTrue(sock.recv(100).endswith(b"0\r\n\r\n"))

    def test_the_rest_of_one_that_has_ended_has_the_time_of_an_answer(self):
        sock = open_socket(self.host.http_address, receive_buffer=4096)
        self.addCleanup(sock.close)
        sock.sendall(b"GET /stream/fill?bytes=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.streams(1)
        self.ask("GET", "/stream/stop")
        self.streams(0)
        self.eventually(lambda: self.metric("toni_http_requests_running") == 0, "it is closed")


@both
class TestStreamLimit(StreamTestCase):
    limits = {"http_streams": 2, "http_kept": 1}

    def test_beyond_http_streams_503_is_answered(self):
        held = [self.hold(), self.hold()]
        for path in ("/other/hold", "/other/later?ms=10"):
            answer = self.ask("GET", path)
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "5"))
        self.assertEqual(self.host.log(msg="a callback failed, its request is answered with 500"), [])
        for sock in held:
            sock.close()
        self.streams(0)
        self.assertEqual(self.ask("GET", "/other/later?ms=10").status, 202)


class TestStreamEnds(StreamTestCase):
    """A host of its own for each test."""

    def setUp(self):
        self.text = configuration(self.gateways, 2, http=self.http, admin=self.admin)
        self.host = Host(self.text).start()
        self.addCleanup(self.host.kill)

    @classmethod
    def setUpClass(cls):
        unittest.TestCase.setUpClass()

    @classmethod
    def tearDownClass(cls):
        unittest.TestCase.tearDownClass()

    def is_cut(self, sock):
        """It has ended, and not with the end of the answer."""
        self.assertNotIn(b"0\r\n\r\n", self.rest(sock))

    def test_a_swap_and_a_removal_cut_streams(self):
        swapped, removed, stays = self.hold(), self.hold("/other/hold"), self.hold("/small/hold")
        changed = service("stream", "stream_service.so", None, options={"a": 1})
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(
                configuration((ECHO, changed, SMALL, STALLED), 2, http=self.http, admin=self.admin)
            )
        done = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.is_cut(swapped)
        self.is_cut(removed)
        self.assertEqual(self.ended("withdrawn"), 2)
        self.assertEqual(self.ask("GET", "/small/stop").content, b"TONI_OK")
        self.assertTrue(stays.recv(100).endswith(b"0\r\n\r\n"))
        self.http_goes_on()
        self.host.stop()

    def test_limits_change_while_streams_begin(self):
        def begin(number):
            path = "/stream/job?ms=%d" % (number % 4)
            return self.ask("GET", path).content == b"late\n"

        def change(number):
            limits = {"http_stream_bytes": 5000 + number, "stalled_ms": 9000 + number}
            changed = service("stream", "stream_service.so", None, limits)
            with open(self.host.conf, "w", encoding="utf-8") as out:
                out.write(
                    configuration(
                        (ECHO, changed, *self.gateways[2:]), 2, http=self.http, admin=self.admin
                    )
                )
            return run_toni("reload", "-c", self.host.conf).returncode

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            begun = pool.map(begin, range(scaled(2000, 1000)))
            self.assertEqual([change(number) for number in range(8)], [0] * 8)
            self.assertTrue(all(begun))
        self.assertEqual(len(self.host.log(msg="limits changed")), 8)
        self.host.stop()

    def test_a_drain_ends_streams_at_once(self):
        held = [self.hold() for _ in range(20)]
        blocked = open_socket(self.host.http_address, receive_buffer=4096)
        self.addCleanup(blocked.close)
        blocked.sendall(b"GET /stream/fill?bytes=5000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.streams(21)
        began = time.monotonic()
        self.host.process.send_signal(signal.SIGTERM)
        for sock in held:
            self.is_cut(sock)
        self.assertLess(time.monotonic() - began, 2 * SLOWNESS)
        blocked.close()
        self.host.ends_well()

    def test_a_restart_ends_streams_too(self):
        sock = self.hold()
        began = time.monotonic()
        done = run_toni("restart", "-c", self.host.conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.is_cut(sock)
        self.assertLess(time.monotonic() - began, 5 * SLOWNESS)
        self.assertIsNotNone(self.host.process.wait(DEADLINE))
        os.kill(int(self.host.log(msg="ready")[-1]["pid"]), signal.SIGTERM)  # it has the log, too
        self.host.ends_well()


@both
class TestManyStreams(StreamTestCase):
    limits = {"http_streams": 2000}

    def test_writers_ends_and_clients_that_go_cross(self):
        def one(number):
            size = 200_000
            if number % 4 == 0:
                self.hold("/other/hold").close()
                return True
            if number % 4 == 1:
                sock = self.send("/stream/fill?bytes=%d" % size)
                sock.recv(100)
                sock.close()
                return True
            if number % 4 == 2:
                return len(self.ask("GET", "/stream/fill?bytes=%d" % size).content) == size
            return self.ask("GET", "/other/events?count=3&ms=1").content.count(b"tick") == 3

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(one, range(scaled(200, 80)))))
        self.streams(0)
        self.nothing_waits()


if __name__ == "__main__":
    main(beside=2)
