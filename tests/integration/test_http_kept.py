"""HTTP exchanges that a service keeps: answered later by tasks, jobs, threads and receipts, once, in
time, or by the host."""

import concurrent.futures
import signal
import socket
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
    metrics,
    run_toni,
    scaled,
    service,
)
from test_http import HttpTestCase

KEPT = service("kept", "kept_service.so", None)
OTHER = service("other", "kept_service.so", "/other")
SHORT = service("short", "kept_service.so", "/short", {"http_kept_ms": 300})


class KeptTestCase(HttpTestCase):
    gateways = (ECHO, KEPT, OTHER, SHORT)
    admin = "127.0.0.1:0"

    def send(self, path, method="GET", headers=""):
        """A socket on which a request was sent."""
        sock = self.open()
        head = "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, path, headers)
        sock.sendall(head.encode())
        sock.settimeout(DEADLINE)
        return sock

    def metric(self, name):
        return metrics(self.host)[name]

    def outcome(self, label):
        return self.metric('toni_http_kept_total{outcome="%s"}' % label)

    def nothing_waits(self):
        self.eventually(lambda: self.metric("toni_http_kept") == 0, "nothing waits")


@both
class TestKept(KeptTestCase):
    def test_answered_by_a_task_a_job_a_thread_and_a_receipt(self):
        before = self.outcome("answered")
        for path in ("/kept/task?ms=50", "/kept/job", "/kept/thread", "/kept/receipt", "/kept/now"):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual((answer.status, answer.content), (200, b"kept 1, field 0\n"))
                self.assertEqual(answer.headers["X-Before"], "1")
                self.assertEqual(answer.headers["X-Late"], "1")
                self.assertEqual(answer.headers["Content-Type"], "text/plain")
        self.assertEqual(self.outcome("answered"), before + 5)
        self.nothing_waits()

    def test_a_connection_goes_on_after_a_late_answer(self):
        connection = self.connection()
        for number in range(5):
            answer = self.ask("POST", "/kept/job", b"x" * number * 1000, connection=connection)
            self.assertEqual(answer.status, 200)
            sock = connection.sock
        self.ask("GET", "/kept/plain", connection=connection)
        self.assertIs(connection.sock, sock)

    def test_head_and_a_body_that_is_announced(self):
        answer = self.ask("HEAD", "/kept/job")
        self.assertEqual((answer.status, answer.content), (200, b""))
        answer = self.ask("GET", "/kept/task?ms=20", headers={"Expect": "100-continue"})
        self.assertEqual(answer.status, 200)
        answer = self.ask("POST", "/kept/task?ms=20", b"abc", headers={"Expect": "100-continue"})
        self.assertEqual(answer.status, 200)

    def test_requests_that_follow_at_once_are_answered_in_order(self):
        sock = self.send("/kept/task?ms=100")
        sock.sendall(b"GET /kept/plain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = b"".join(iter(lambda: sock.recv(65536), b""))
        self.assertLess(got.index(b"kept 1"), got.index(b"TONI_OK"))

    def test_what_waits_holds_up_nobody(self):
        waiting = [self.send("/kept/task?ms=%d" % (1500 * SLOWNESS)) for _ in range(50)]
        self.eventually(lambda: self.metric("toni_http_kept") == 50, "they wait")
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.ask("GET", "/kept/plain").status, 200)
        self.assertLess(time.monotonic() - began, 1 * SLOWNESS)
        for sock in waiting:
            self.assertEqual(Response(sock.recv(65536)).status, 200)
        self.nothing_waits()

    def http_goes_on(self):
        self.assertEqual(self.ask("GET", "/kept/plain").status, 200)

    def test_the_second_answer_is_an_error(self):
        self.assertEqual(self.ask("GET", "/kept/twice").status, 200)
        self.host.wait_log(msg="answered: TONI_OK, kept 0", instance="kept")
        self.host.wait_log(msg="answered: TONI_ERR_NOT_FOUND, kept 0", instance="kept")
        self.http_goes_on()

    def test_once_kept_it_is_answered_by_its_id_alone(self):
        answer = self.ask("GET", "/short/both")
        self.assertEqual(answer.status, 504)
        self.host.wait_log(
            msg="by the exchange: TONI_ERR_INVALID, field TONI_ERR_INVALID, again TONI_ERR_INVALID"
        )
        self.assertEqual(self.ask("GET", "/kept/answered").content, b"TONI_ERR_INVALID")

    def test_a_callback_that_fails_is_answered_at_once(self):
        self.assertEqual(self.ask("GET", "/kept/fail").status, 500)
        self.host.wait_log(msg="a callback failed, its request is answered with 500", instance="kept")
        self.nothing_waits()

    def test_what_is_forgotten_is_answered_504(self):
        before = self.outcome("timeout")
        for path, least in (("/kept/forget?ms=400", 0.4), ("/short/forget?ms=60000", 0.3)):
            began = time.monotonic()
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, 504)
            self.assertGreaterEqual(time.monotonic() - began, least)
            self.assertLess(time.monotonic() - began, 2 * SLOWNESS)
            self.assertNotIn("X-Before", answer.headers)
        self.assertEqual(self.outcome("timeout"), before + 2)

    def test_an_answer_that_comes_too_late_is_an_error(self):
        self.assertEqual(self.ask("GET", "/short/task?ms=700").status, 504)
        self.host.wait_log(msg="answered: TONI_ERR_NOT_FOUND, kept 0", instance="short")

    def test_a_client_that_goes_is_noticed(self):
        before = self.outcome("client_gone")
        files = self.host.open_files()
        ends = (
            lambda sock: sock.close(),
            lambda sock: sock.shutdown(socket.SHUT_WR),  # says that it sends nothing more
            lambda sock: (sock.sendall(b"GET / HTTP/1.1\r\n"), sock.close()),
            lambda sock: (
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
                sock.close(),
            ),
        )
        for number, end in enumerate(ends):
            sock = self.send("/other/task?ms=%d" % (3000 * SLOWNESS))
            self.eventually(lambda: self.metric("toni_http_kept") == 1, "it waits")
            end(sock)
            self.eventually(
                lambda n=number: self.outcome("client_gone") == before + n + 1, "it has gone"
            )
            self.nothing_waits()
        self.eventually(lambda: self.host.open_files() <= files, "the sockets are closed")
        self.host.wait_log(msg="answered: TONI_ERR_NOT_FOUND, kept 0", instance="other")


@both
class TestKeptLimit(KeptTestCase):
    limits = {"http_kept": 3}

    def http_goes_on(self):
        self.assertEqual(self.ask("GET", "/kept/plain").status, 200)

    def test_beyond_http_kept_503_is_answered(self):
        waiting = [self.send("/kept/task?ms=%d" % (1000 * SLOWNESS)) for _ in range(3)]
        self.eventually(lambda: self.metric("toni_http_kept") == 3, "they wait")
        answer = self.ask("GET", "/other/task")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "5"))
        self.assertEqual(self.outcome("refused"), 1)
        self.assertEqual(self.host.log(msg="a callback failed, its request is answered with 500"), [])
        self.http_goes_on()
        for sock in waiting:
            self.assertEqual(Response(sock.recv(65536)).status, 200)
        self.assertEqual(self.ask("GET", "/kept/job").status, 200)


class TestKeptEnds(KeptTestCase):
    """A host of its own for each test."""

    def setUp(self):
        self.write(self.gateways)
        self.host = Host(self.text).start()
        self.addCleanup(self.host.kill)

    def write(self, gateways, **limits):
        self.text = configuration(gateways, 2, limits, http=self.http, admin=self.admin)

    @classmethod
    def setUpClass(cls):
        unittest.TestCase.setUpClass()

    @classmethod
    def tearDownClass(cls):
        unittest.TestCase.tearDownClass()

    def reload(self, *gateways):
        self.write(gateways)
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(self.text)
        done = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(done.returncode, 0, done.stderr)

    def wait_for(self, *paths):
        socks = [self.send(path) for path in paths]
        self.eventually(lambda: self.metric("toni_http_kept") == len(paths), "they wait")
        return socks

    def test_a_swap_and_a_removal_answer_503(self):
        kept, last, other, stays = self.wait_for(
            "/kept/forget", "/kept/stopping", "/other/forget", "/short/task?ms=100000"
        )
        options = service("kept", "kept_service.so", None, options={"a": 1})
        self.reload(ECHO, options, SHORT)
        got = Response(kept.recv(65536))
        self.assertEqual((got.status, got.headers["retry-after"]), (503, "5"))
        self.assertEqual(Response(last.recv(65536)).body, b"goodbye\n")
        self.assertEqual(Response(other.recv(65536)).status, 503)
        self.assertEqual(Response(stays.recv(65536)).status, 504)
        self.assertEqual(self.outcome("withdrawn"), 2)
        self.assertEqual(self.ask("GET", "/kept/job").status, 200)
        self.host.stop()

    def test_a_stop_waits_for_answers(self):
        late, last = self.wait_for("/kept/task?ms=%d" % (500 * SLOWNESS), "/other/stopping")
        self.host.process.send_signal(signal.SIGTERM)
        got = Response(last.recv(65536))
        self.assertEqual((got.status, got.body), (200, b"goodbye\n"))
        got = Response(late.recv(65536))
        self.assertEqual((got.status, got.headers["connection"]), (200, "close"))
        self.host.ends_well()


class TestKeptDrain(KeptTestCase):
    limits = {"drain_ms": 300}

    def test_what_is_left_after_drain_ms_is_answered_503(self):
        waiting = [self.send("/kept/forget") for _ in range(8)]
        self.eventually(lambda: self.metric("toni_http_kept") == 8, "they wait")
        self.host.process.send_signal(signal.SIGTERM)
        for sock in waiting:
            self.assertEqual(Response(sock.recv(65536)).status, 503)
        self.host.ends_well()

    @classmethod
    def tearDownClass(cls):
        cls.host.kill()


@both
class TestManyKept(KeptTestCase):
    limits = {"http_kept": 2000}

    def test_answers_and_clients_that_go_cross(self):
        count = scaled(400, 120)

        def one(number):
            sock = self.send("/kept/%s" % ("thread", "job", "task?ms=%d" % (number % 30))[number % 3])
            if number % 4 == 0:
                sock.close()
                return True
            return Response(sock.recv(65536)).status == 200

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(one, range(count))))
        self.nothing_waits()


@both
class TestCxxService(HttpTestCase):
    """A class of toni.hpp answers as a service in C does."""

    gateways = (ECHO, service("cxx", "cxx_service.so", "/cxx"))

    def test_at_once_later_and_by_a_stream(self):
        answer = self.ask("GET", "/cxx/now?say=hi")
        self.assertEqual((answer.status, answer.content, answer.headers["X-Count"]), (200, b"GET hi", "0"))
        answer = self.ask("GET", "/cxx/later")
        self.assertEqual((answer.status, answer.content, answer.headers["X-Waiting"]), (200, b"found", "1"))
        answer = self.ask("GET", "/cxx/stream?end")
        self.assertEqual((answer.status, answer.content), (200, b"data: one\n\ndata: two\n\n"))
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        self.host.wait_log(msg="stream ended", instance="cxx")

    def test_an_exception_is_answered_500_and_the_next_request_is_served(self):
        self.host.expect_error(msg="an exception in on_request: as asked")
        self.assertEqual(self.ask("GET", "/cxx/throw").status, 500)
        self.host.wait_log(msg="an exception in on_request: as asked", instance="cxx")
        self.assertEqual(self.ask("GET", "/cxx/now").status, 200)


if __name__ == "__main__":
    main(beside=2)
