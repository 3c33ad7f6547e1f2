"""HTTP: requests to services on `listen.http`, the chat service, and what a broken or slow client
or service may and may not do to the others."""

import concurrent.futures
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from toni_host import (
    CHAT,
    DEADLINE,
    ECHO,
    FIXTURES,
    PLUGINS,
    ROOMS,
    SLOWNESS,
    Client,
    Host,
    HostTestCase,
    Response,
    both,
    configuration,
    exchange,
    gateway,
    main,
    open_socket,
    run_toni,
    scaled,
    service,
)

HTTP_PROBE = service("http_probe", "http_probe_service.so", "/probe")
NEIGHBOUR = service("neighbour", "http_probe_service.so", "/probes/deep")
SLEEPER = service("sleeper", "http_probe_service.so", "/sleeper")
SMALL = service("small", "http_probe_service.so", "/small", {"http_body_bytes": 1000})
SHORT = service("short", "chat_service.so", "/short", options={"max_length": 5})
JSON = {"Content-Type": "application/json"}
MIB = 1 << 20


class HttpTestCase(HostTestCase):
    gateways = (ROOMS, ECHO, CHAT, HTTP_PROBE, NEIGHBOUR, SLEEPER, SMALL, SHORT)
    http = "127.0.0.1:0"

    @property
    def url(self):
        return "http://" + self.host.http_address

    def connection(self):
        name, port = self.host.http_address.rsplit(":", 1)
        made = http.client.HTTPConnection(name, int(port), timeout=DEADLINE)
        self.addCleanup(made.close)
        return made

    def ask(self, method, path, body=None, headers=(), connection=None):
        """An answer, with its `content` read."""
        connection = connection or self.connection()
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        answer.content = answer.read()
        return answer

    def parts(self, *arguments, **named):
        answer = self.ask(*arguments, **named)
        self.assertEqual(answer.status, 200)
        return dict(line.split("=", 1) for line in answer.content.decode().splitlines())

    def post(self, channel, sender, message, **how):
        body = json.dumps({"sender": sender, "message": message})
        return self.ask("POST", "/chat/" + channel, body, JSON, **how)

    def raw(self, data):
        """Sends bytes and reads to the end of the connection."""
        return exchange(self.host.http_address, data)

    def open(self):
        sock = open_socket(self.host.http_address)
        self.addCleanup(sock.close)
        return sock

    def http_goes_on(self):
        self.assertEqual(self.ask("GET", "/probe").status, 200)


@both
class TestChat(HttpTestCase):
    def refused(self, answer, status, *words):
        self.assertEqual(answer.status, status, answer.content)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        told = json.loads(answer.content)
        for word in words:
            self.assertIn(word, told["error"])
        return told

    def test_curl_posts_to_a_channel_and_its_members_get_it(self):
        member, other = self.client(), self.client()
        self.join(member, "general")
        self.join(other, "elsewhere")
        done = subprocess.run(
            ["curl", "-sS", "-w", " %{http_code}", "-H", "Content-Type: application/json"]
            + ["-d", '{"sender": "ann", "message": "hello: there"}', self.url + "/chat/general"],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self.assertEqual(done.stdout, '{"targeted":1} 202', done.stderr)
        member.expect("[general] ann: hello: there")
        self.fence(other)

    def test_targeted_is_the_number_of_members(self):
        for count in range(3):
            self.assertEqual(json.loads(self.post("many", "a", "b").content), {"targeted": count})
            self.join(self.client(), "many")

    def test_names_of_channels_are_percent_encoded(self):
        for channel, path in (
            ("käse & brot", "k%C3%A4se%20%26%20brot"),
            ("a/b", "a%2Fb"),
            ("a/b", "a/b"),
            ("100%?", "100%25%3f"),
            ("x" * 255, "x" * 255),
        ):
            with self.subTest(path=path):
                member = self.client()
                self.join(member, channel)
                self.assertEqual(self.post(path, "ann", "hi").status, 202)
                member.expect("[%s] ann: hi" % channel)
                member.close()
                self.eventually(
                    lambda p=path: json.loads(self.post(p, "a", "").content) == {"targeted": 0},
                    "the member is gone",
                )

    def test_any_text_goes_through(self):
        member = self.client()
        self.join(member, "texts")
        for text in ("", "ß€😀", "a\nb\t\"c\"", "%s%n", "x" * 2000):
            self.assertEqual(self.post("texts", "é: ", text).status, 202)
            member.expect("[texts] é: : " + text)

    def test_bad_names_of_channels(self):
        for path in ("x" * 256, "a%00b", "a%0Ab", "%C3", "%ff"):
            with self.subTest(path=path):
                self.refused(self.post(path, "a", "b"), 400, "channel")

    def test_no_channel(self):
        for path in ("/chat", "/chat/", "/chat?a=b"):
            self.refused(self.ask("POST", path, "{}", JSON), 404, "channel")

    def test_malformed_json_says_what_is_wrong_and_where(self):
        for body, line, column in (
            ("", 1, 0),
            ("{", 1, 1),
            ('{"sender": "a",\n "message": oops}', 2, 16),
            ('{"sender": "a", "message": "b"} x', 1, 33),
            ('{"sender": "a", "sender": "b", "message": "c"}', 1, 25),
            (b'{"sender": "\xff", "message": "b"}', 1, 12),
            ('{"sender": "\\€", "message": "b"}'.encode(), 1, 13),
            ('{"sender": "\\u12€", "message": "b"}'.encode(), 1, 16),
        ):
            with self.subTest(body=body):
                told = self.refused(self.ask("POST", "/chat/x", body, JSON), 400, "malformed JSON")
                self.assertEqual(told["line"], line)
                self.assertLessEqual(abs(told["column"] - column), 2, told)

    def test_members_that_are_missing_or_of_another_type(self):
        for body, word in (
            ("[]", "object"),
            ("{}", "`sender`"),
            ('{"sender": "a"}', "`message`"),
            ('{"message": "a"}', "`sender`"),
            ('{"sender": 1, "message": "a"}', "`sender`"),
            ('{"sender": "a", "message": null}', "`message`"),
            ('{"sender": "a", "message": ["b"]}', "`message`"),
        ):
            with self.subTest(body=body):
                self.refused(self.ask("POST", "/chat/x", body, JSON), 400, word)

    def test_max_length(self):
        def post(message):
            body = json.dumps({"sender": "a", "message": message}, ensure_ascii=False)
            return self.ask("POST", "/short/x", body.encode(), JSON)

        self.assertEqual(post("12345").status, 202)
        self.refused(post("123456"), 400, "5 bytes")
        self.refused(post("ääa€"), 400, "5 bytes")
        self.refused(self.post("x", "a", "y" * 2001), 400, "2000 bytes")

    def test_nobody_posts_as_a_client(self):
        member = self.client()
        name = self.join(member, "general")
        for sender in (name, name.upper(), name + ": hello"):
            self.refused(self.post("general", sender, "hello"), 400, "client")
        self.refused(self.post("general", "s" * 256, "hello"), 400, "255")
        self.refused(self.post("general", "a\x1b[2J", "hello"), 400, "control")
        self.fence(member)

    def test_other_methods(self):
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = self.ask(method, "/chat/x")
            self.refused(answer, 405, "POST")
            self.assertEqual(answer.headers["Allow"], "POST")

    def test_other_content_types(self):
        for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/jsonx"}):
            self.refused(self.ask("POST", "/chat/x", "{}", headers), 415, "application/json")
        for kind in ("application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"):
            answer = self.ask(
                "POST", "/chat/x", '{"sender": "a", "message": ""}', {"Content-Type": kind}
            )
            self.assertEqual(answer.status, 202)

    def test_many_posts_at_once_all_arrive(self):
        member = self.client()
        self.join(member, "crowd")
        count = scaled(400, 100)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda n: self.post("crowd", "a", str(n)), range(count)))
        self.assertEqual({answer.status for answer in answers}, {202})
        got = {member.read() for _ in range(count)}
        self.assertEqual(got, {"[crowd] a: %d" % n for n in range(count)})


@both
class TestRequests(HttpTestCase):
    def test_what_a_service_reads(self):
        parts = self.parts(
            "PUT", "/probe/a%2Fb/%C3%A4?x=1&q=a%26b+c&Q=2", b"four", {"X-PROBE": "value"}
        )
        self.assertEqual(
            parts,
            {
                "method": "PUT",
                "path": "/probe/a/b/ä",
                "subpath": "/a/b/ä",
                "address": "127.0.0.1",
                "q": "a&b c",
                "x-probe": "value",
                "bytes": "4",
                "body": "four",
            },
        )

    def test_methods(self):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            self.assertEqual(self.parts(method, "/probe")["method"], method)

    def test_a_path_ends_at_a_border(self):
        for path, subpath in (
            ("/probe", ""),
            ("/probe/", "/"),
            ("/probe/s/deep", "/s/deep"),
            ("/probes/deep", ""),
            ("/probes/deep/x", "/x"),
            ("/probe//x", "//x"),
            ("/%70robe/x", "/x"),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.parts("GET", path)["subpath"], subpath)

    def test_404(self):
        for path in ("/prob", "/probes", "/probes/deeper", "/probex", "/Probe", "/rooms", "//probe"):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual(answer.status, 404)
                self.assertTrue(answer.content)

    def test_the_absolute_form(self):
        answer = self.raw(
            b"GET http://any.example/probe/x?q=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        self.assertIn(b"subpath=/x\n", answer.body)

    def test_targets_that_are_none(self):
        for target in (b"/probe/%", b"/probe/%4", b"/probe/%zz", b"probe"):
            with self.subTest(target=target):
                answer = self.raw(
                    b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                self.assertEqual(answer.status, 400)
        self.http_goes_on()

    def test_methods_that_nobody_knows(self):
        for method in ("TRACE", "BREW", "get", "CONNECT"):
            with self.subTest(method=method):
                answer = self.ask(method, "/probe")
                self.assertEqual(answer.status, 405)
                self.assertIn("POST", answer.headers["Allow"])

    def test_head_is_get_without_the_body(self):
        answer = self.ask("GET", "/probe/fill?bytes=1234")
        head = self.ask("HEAD", "/probe/fill?bytes=1234")
        self.assertEqual((len(answer.content), head.content), (1234, b""))
        self.assertEqual(head.headers["Content-Length"], "1234")
        self.assertEqual(head.headers["Content-Type"], answer.headers["Content-Type"])
        self.assertEqual(self.ask("HEAD", "/nowhere").status, 404)

    def test_options(self):
        answer = self.ask("OPTIONS", "/probe/only_post")
        self.assertEqual((answer.status, answer.content), (204, b""))
        self.assertEqual(answer.headers["Allow"], "POST")
        self.assertEqual(self.ask("OPTIONS", "/probe/own_options").content, b"OPTIONS")
        answer = self.ask("OPTIONS", "/chat/general")
        self.assertEqual((answer.status, answer.headers["Allow"]), (204, "POST"))
        answer = self.raw(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(answer.status, 204)
        self.assertIn("GET", answer.headers["allow"])
        self.assertEqual(self.ask("OPTIONS", "/nowhere").status, 404)

    def test_answers_that_have_no_body(self):
        for code in (b"204", b"205", b"304"):
            answer = self.raw(b"GET /probe/status?code=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % code
                              + b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertEqual(answer.status, int(code))
            self.assertNotIn("content-type", answer.headers)
            self.assertEqual(answer.headers.get("content-length", "0"), "0")
            self.assertEqual(Response(answer.body).status, 200)

    def test_405_of_a_service(self):
        answer = self.ask("GET", "/probe/only_post")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"))
        answer = self.ask("POST", "/probe/only_post", b"")
        self.assertEqual((answer.status, answer.content), (204, b""))

    def test_header_fields_of_an_answer(self):
        answer = self.ask("GET", "/probe/headers")
        self.assertEqual((answer.status, answer.content), (201, b"the second answer"))
        self.assertEqual(answer.headers["X-One"], "1")
        self.assertEqual(answer.headers["X-Two"], "two words")
        self.assertEqual(answer.headers["Content-Type"], "text/plain")
        self.assertTrue(answer.headers["Date"])

    def test_keep_alive(self):
        connection = self.connection()
        self.ask("GET", "/probe", connection=connection)
        sock = connection.sock
        for n in range(20):
            self.ask("POST", "/probe", b"x" * n, connection=connection)
            self.ask("GET", "/nowhere", connection=connection)
            self.ask("HEAD", "/probe", connection=connection)
            self.assertIs(connection.sock, sock)
        answer = self.raw(b"GET /probe HTTP/1.0\r\n\r\n")
        self.assertEqual(answer.status, 200)

    def test_requests_in_one_go_are_answered_in_order(self):
        sock = self.open()
        each = b"GET /probe/%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /probe/9 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        sock.sendall(b"".join(each % n for n in range(9)) + last)
        got = b"".join(iter(lambda: sock.recv(65536), b""))
        found = [int(part[:1]) for part in got.split(b"\nsubpath=/")[1:]]
        self.assertEqual(found, list(range(10)))

    def test_large_answers(self):
        answer = self.ask("GET", "/probe/fill?bytes=%d" % (8 * MIB))
        self.assertEqual(answer.content, b"x" * (8 * MIB))

    def test_a_service_that_fails(self):
        for _ in range(3):
            answer = self.ask("POST", "/probe/fail", b"x")
            self.assertEqual((answer.status, answer.headers["X-One"]), (500, None))
            self.assertNotIn(b"well", answer.content)
        line = self.host.wait_log(instance="http_probe", callback="on_request")
        self.assertEqual((line["path"], line["error"]), ("/probe/fail", "TONI_ERR_LIMIT"))
        self.http_goes_on()
        self.host_goes_on()

    def test_a_service_that_does_not_answer(self):
        self.assertEqual(self.ask("GET", "/probe/silent").status, 500)
        line = self.host.wait_log(instance="http_probe", path="/probe/silent")
        self.assertIn("without an answer", line["msg"])
        self.http_goes_on()

    def test_the_log_says_what_is_there(self):
        self.host.wait_log(msg="listening", protocol="http")
        self.host.wait_log(msg="service ready", service="chat", path="/chat")
        self.host.wait_log(msg="service ready", service="neighbour", path="/probes/deep")


class TestGatewayAndService(HttpTestCase):
    gateways = (gateway("both", "both_gateway.so", "/both"), HTTP_PROBE)

    def test_one_instance_answers_on_both(self):
        client = Client(self.host.address, "/both")
        self.addCleanup(client.drop)
        self.assertEqual(client.ask("hi"), "1 messages, 0 requests")
        answer = self.ask("GET", "/both/below")
        self.assertEqual((answer.status, answer.content), (200, b"1 messages, 1 requests"))
        self.assertEqual(client.ask("hi"), "2 messages, 1 requests")
        self.assertEqual(self.ask("GET", "/bother").status, 404)
        client.close()
        self.assertEqual(
            [row.split()[0:4] for row in run_toni("status", "-c", self.host.conf).stdout.splitlines() if " both " in row][0][:4],
            ["gateway", "and", "service", "both"],
        )

    def test_a_service_must_not_have_its_path(self):
        text = configuration(
            [gateway("both", "both_gateway.so", "/both"), service("probe", "http_probe_service.so", "/both/deep")],
            plugin_path=[FIXTURES, PLUGINS],
            http="127.0.0.1:0",
        )
        path = os.path.join(self.host.folder, "other.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        result = run_toni("check", "-c", path)
        self.assertEqual(result.returncode, 2)
        self.assertIn("which overlaps with `/both` of service `both`", result.stderr)


class TestBodies(HttpTestCase):
    def chunked(self, path, size, end=b"0\r\n\r\n"):
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % path
        whole, rest = divmod(size, 10000)
        chunks = b"2710\r\n" + b"x" * 10000 + b"\r\n"
        body = chunks * whole + (b"%x\r\n" % rest + b"x" * rest + b"\r\n" if rest else b"")
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + body + end

    def test_up_to_the_limit(self):
        self.assertEqual(self.parts("POST", "/probe", b"x" * MIB)["bytes"], str(MIB))
        self.assertEqual(self.parts("POST", "/small", b"x" * 1000)["bytes"], "1000")
        for path, size in ((b"/probe", MIB), (b"/small", 1000)):
            answer = self.raw(self.chunked(path, size))
            self.assertIn(b"\nbytes=%d\n" % size, answer.body)

    def test_413(self):
        self.assertEqual(self.ask("POST", "/small", b"x" * 1001).status, 413)
        for path, size in ((b"/probe", MIB + 1), (b"/small", 1001), (b"/small", 100000)):
            answer = self.raw(self.chunked(path, size))
            self.assertEqual(answer.status, 413)
        self.http_goes_on()

    def test_413_comes_before_the_body(self):
        for length in (b"1048577", b"18446744073709551615"):
            sock = self.open()
            sock.sendall(b"POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length)
            sock.sendall(b"\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(Response(sock.recv(65536)).status, 413)

    def test_expect_continue(self):
        sock = self.open()
        sock.sendall(
            b"POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        self.assertTrue(sock.recv(65536).startswith(b"HTTP/1.1 100"))
        sock.sendall(b"abc")
        self.assertIn(b"body=abc\n", b"".join(iter(lambda: sock.recv(65536), b"")))

    def test_a_body_that_stops_half_way_reaches_no_service(self):
        for end in (lambda s: s.shutdown(socket.SHUT_WR), lambda s: s.close()):
            sock = self.open()
            sock.sendall(b"POST /probe/fail HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
            time.sleep(0.05)
            end(sock)
        sock = self.open()
        sock.sendall(self.chunked(b"/probe/fail", 5, end=b"5\r\nab"))
        sock.close()
        self.http_goes_on()
        self.assertEqual(self.host.log(callback="on_request"), [])

    def test_broken_chunks(self):
        answer = self.raw(self.chunked(b"/probe/fail", 5, end=b"zz\r\n"))
        self.assertIn(answer.status if answer else 400, (400,))
        self.http_goes_on()

    def test_heads_that_may_be_taken_for_two_things(self):
        # whatever the host answers, it must not read on: a request could hide in the body
        chunked = b"Transfer-Encoding: chunked\r\n"
        hidden = b"5\r\nhello\r\n0\r\n\r\nGET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n"
        length = b"Content-Length: %d\r\n"
        for fields in (
            length % 5 + length % 6,
            length % 0 + length % len(hidden),
            length % len(hidden) + length % 0,
            length % len(hidden) + chunked,
            chunked + length % 0,
            chunked + b"Transfer-Encoding: identity\r\n",
            b"Transfer-Encoding: identity\r\n" + chunked,
            b"Transfer-Encoding: gzip\r\n",
            b"Transfer-Encoding: gzip, chunked\r\n",
            b"Transfer-Encoding:\r\n",
            b"Host: b\r\n" + length % 5,
            b"Content-Length : 5\r\n",
            b"X-Probe: a\rb\r\n" + length % 5,
        ):
            for path in (b"/probe", b"/nowhere"):
                with self.subTest(fields=fields, path=path):
                    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (path, fields)
                    answer = self.raw(head + hidden)
                    self.assertIn(answer.status, (400, 501))
                    self.assertNotIn(b"method=", answer.body)
        for head in (b"GET /probe HTTP/1.1\r\n\r\n", b"POST /probe HTTP/1.0\r\n" + chunked + b"\r\n"):
            self.assertEqual(self.raw(head + hidden).status, 400)
        self.assertEqual(self.raw(b"GET /probe HTTP/1.0\r\n\r\n").status, 200)
        answer = self.raw(self.chunked(b"/probe", 5).replace(b"chunked", b"Chunked"))
        self.assertEqual(answer.status, 200)
        self.http_goes_on()

    def test_heads_that_are_too_large(self):
        for head in (
            b"GET /probe HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"x" * 100000 + b"\r\n\r\n",
            b"GET /probe?" + b"x" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /probe HTTP/1.1\r\nHost: localhost\r\n" + b"X-Many: x\r\n" * 10000 + b"\r\n",
        ):
            answer = self.raw(head)
            # the rest of the head may still be on its way, and resets the answer
            self.assertIn(answer.status if answer else 431, (413, 414, 431))
        self.assertEqual(self.ask("GET", "/probe", headers={"X-Large": "x" * 8000}).status, 200)

    def test_what_is_no_http(self):
        for data in (b"\x16\x03\x01\x02\x00\x01" * 20, b"hello\r\n\r\n", b"\r\n" * 1000 + b"\0"):
            sock = self.open()
            sock.sendall(data)
            sock.close()
        self.http_goes_on()


@both
class TestDeadlines(HttpTestCase):
    limits = {"http_request_ms": 600, "callback_ms": 100}

    def ends(self, *pieces, every=0.1):
        """Sends a piece now and then until the host ends it: seconds and what was read."""
        sock = self.open()
        began = time.monotonic()
        got = b""
        sock.settimeout(every)
        while time.monotonic() - began < DEADLINE:
            try:
                if pieces:
                    sock.sendall(pieces[0])
                    pieces = pieces[1:] or pieces
                part = sock.recv(65536)
                if not part:
                    break
                got += part
            except socket.timeout:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        else:
            self.fail("still open; read %r" % got)
        return time.monotonic() - began, got

    def in_time(self, seconds):
        self.assertGreater(seconds, 0.5)
        self.assertLess(seconds, 3 * SLOWNESS)

    def test_a_connection_that_says_nothing(self):
        self.in_time(self.ends()[0])

    def test_a_head_byte_by_byte(self):
        self.in_time(self.ends(b"GET /probe HTTP/1.1\r\nHost: localhost\r\n", b"X")[0])

    def test_a_request_line_byte_by_byte(self):
        self.in_time(self.ends(b"G")[0])

    def test_a_body_byte_by_byte(self):
        head = b"POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        seconds, got = self.ends(head, b"x")
        self.in_time(seconds)
        self.assertTrue(got == b"" or got.startswith(b"HTTP/1.1 408"), got)
        self.http_goes_on()

    def test_an_answer_that_nobody_reads(self):
        sock = open_socket(self.host.http_address, receive_buffer=4096)
        self.addCleanup(sock.close)
        sock.sendall(b"GET /probe/fill?bytes=50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sock.settimeout(DEADLINE)
        self.assertEqual(sock.recv(1), b"H")
        files = self.host.open_files()
        self.eventually(lambda: self.host.open_files() < files, "the connection is closed")

    def test_a_service_has_more_time_than_the_client(self):
        answer = self.ask("GET", "/sleeper/sleep?ms=1500")
        self.assertEqual(answer.content, b"slept\n")
        line = self.host.wait_log(instance="sleeper", callback="on_request")
        self.assertGreaterEqual(int(line["took_ms"]), 1400)


@both
class TestTimeOfEachRequest(HttpTestCase):
    limits = {"http_request_ms": 2000}

    def test_each_request_of_a_connection_has_a_time_of_its_own(self):
        connection = self.connection()
        self.ask("GET", "/probe", connection=connection)
        sock = connection.sock
        for _ in range(6):
            time.sleep(0.4)
            self.ask("GET", "/probe", connection=connection)
        self.assertIs(connection.sock, sock)


@both
class TestBlocking(HttpTestCase):
    limits = {"callback_ms": 60000}

    def test_a_blocking_service_holds_up_no_websocket_client(self):
        client = self.client("/echo")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            slow = [pool.submit(self.ask, "GET", "/sleeper/sleep?ms=1500") for _ in range(2)]
            self.host.wait_log(msg="asleep", instance="sleeper")
            longest, echoes = 0, 0
            while not all(each.done() for each in slow):
                began = time.monotonic()
                self.assertEqual(client.ask("x"), "x")
                longest = max(longest, time.monotonic() - began)
                echoes += 1
        self.assertEqual({each.result().status for each in slow}, {200})
        self.assertGreater(echoes, 20)
        self.assertLess(longest, 1.2)  # an echo that waits for the service takes longer

    def test_callbacks_of_one_service_run_one_at_a_time(self):
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: self.ask("GET", "/sleeper/sleep?ms=100"), range(4)))
        self.assertGreaterEqual(time.monotonic() - began, 0.4)

    def test_many_requests_at_once(self):
        count = scaled(300, 100)
        socks = [self.open() for _ in range(count)]
        for n, sock in enumerate(socks):
            sock.sendall(b"GET /probe/%d HTTP/1.1\r\nHost: localhost\r\n" % n)
        for sock in socks:
            sock.sendall(b"Connection: close\r\n\r\n")
        for n, sock in enumerate(socks):
            got = b"".join(iter(lambda s=sock: s.recv(65536), b""))
            self.assertIn(b"subpath=/%d\n" % n, got)


SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gateways.conf")


@both
class TestShipped(HttpTestCase):
    """The gateways.conf that comes along, on free ports."""

    @classmethod
    def setUpClass(cls):
        unittest.TestCase.setUpClass()
        with open(SHIPPED, encoding="utf-8") as shipped:
            text = shipped.read()
        for old, new in (
            ("127.0.0.1:9000", "127.0.0.1:0"),
            ("127.0.0.1:9001", "127.0.0.1:0"),
            ("127.0.0.1:9002", "127.0.0.1:0"),
            ("workers = 0", "workers = %d" % cls.workers),
        ):
            assert old in text, old
            text = text.replace(old, new)
        cls.host = Host(text).start()

    def test_curl_reaches_a_websocket_client(self):
        member = self.client()
        self.join(member, "general")
        done = subprocess.run(
            ["curl", "-sS", "--json", '{"sender": "ann", "message": "hello"}']
            + [self.url + "/chat/general"],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self.assertEqual(done.stdout, '{"targeted":1}', done.stderr)
        member.expect("[general] ann: hello")

    def test_announce_sends_through_the_injected_service(self):
        member, other = self.client(), self.client()
        name = self.join(member, "general")
        self.join(other, "elsewhere")
        announcer = self.client("/announce")
        announcer.send("general:the time is 12:00")
        sender, _, text = member.read().partition("] ")[2].partition(": ")
        self.assertEqual(text, "the time is 12:00")
        self.assertEqual(len(sender), len(name))
        self.assertNotEqual(sender, name)
        self.fence(other)

    def test_announce_answers_errors_in_one_line(self):
        announcer = self.client("/announce")
        for text, word in (
            ("nothing", "CHANNEL:TEXT"),
            (":empty", "Not announced"),
            ("a\nb:text", "Not announced"),
            ("general:" + "x" * 2001, "Not announced"),
        ):
            answer = announcer.ask(text)
            self.assertIn(word, answer)
            self.assertNotIn("\n", answer)
        member = self.client()
        self.join(member, "general")
        announcer.send_frame(2, b"general:binary")
        announcer.send("general:text")
        self.assertTrue(member.read().endswith(": text"))

    def test_the_log_says_what_is_there(self):
        for name in ("rooms", "echo", "announce"):
            self.host.wait_log(msg="gateway ready", gateway=name)
        self.host.wait_log(msg="service ready", service="chat", path="/chat", module="chat")


class TestStop(HttpTestCase):
    def start(self, limits=None, gateways=None):
        # one of its own for each test
        gateways = gateways or self.gateways
        self.host = Host(configuration(gateways, 2, limits, http=self.http)).start()
        self.addCleanup(self.host.kill)

    @classmethod
    def setUpClass(cls):
        unittest.TestCase.setUpClass()

    @classmethod
    def tearDownClass(cls):
        unittest.TestCase.tearDownClass()

    def test_a_running_request_is_answered_before_the_end(self):
        self.start({"drain_ms": 60000})
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        go_on = os.path.join(folder, "go-on")
        # some of them are on the thread that waits
        idle = [self.open() for _ in range(16)]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slow = pool.submit(self.ask, "GET", "/sleeper/wait?until=" + go_on)
            self.host.wait_log(msg="waiting")
            idle += [self.open() for _ in range(4)]  # these surely are on others
            self.host.process.send_signal(signal.SIGTERM)
            self.host.wait_log(msg="stopping")
            with self.assertRaises(OSError):
                self.eventually(lambda: self.ask("GET", "/probe") and False, "refused")
            for sock in idle:
                sock.sendall(b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answered = select.select(idle, [], [], DEADLINE)[0]
            self.assertFalse(slow.done())
            answer = Response(answered[0].recv(65536))
            self.assertEqual(answer.status, 503)
            self.assertTrue(answer.headers["retry-after"])
            self.assertEqual(answer.headers["connection"], "close")
            self.assertIsNone(self.host.process.poll())
            with open(go_on, "w", encoding="utf-8"):
                pass
            self.assertEqual(slow.result().content, b"waited\n")
            self.assertEqual(slow.result().headers["Connection"], "close")
        self.host.ends_well()

    def test_connections_that_wait_hold_nothing_up(self):
        self.start()
        idle, half = self.connection(), self.open()
        self.ask("GET", "/probe", connection=idle)
        half.sendall(b"GET /pro")
        began = time.monotonic()
        self.host.stop()
        self.assertLess(time.monotonic() - began, 3 * SLOWNESS)

    def test_clients_that_went_away_hold_nothing_up(self):
        # what they sent and that they are gone arrives at once
        self.start({"http_request_ms": 60000, "drain_ms": 60000})
        for _ in range(50):
            sock = self.open()
            sock.sendall(b"POST /probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
            sock.close()
        began = time.monotonic()
        self.host.stop()
        self.assertLess(time.monotonic() - began, 5 * SLOWNESS)

    def test_a_request_that_does_not_end_is_left_behind_after_drain_ms(self):
        self.start({"drain_ms": 300})
        sock = self.open()
        sock.sendall(b"GET /sleeper/sleep?ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.host.wait_log(msg="asleep")
        self.host.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.wait_exit(), 1)
        self.assertEqual(len(self.host.log(level="error", instance="sleeper")), 1)

    def test_no_request_reaches_a_service_that_has_ended(self):
        # one request stays for ever; while `hanging` takes its time to end, after the services,
        # the other connections go on asking
        gateways = (
            '{ gateway = "hanging"; library = "hanging.so"; options = { hang = "destroy"; }; }',
            service("greeter", "greeter.so", None),
            HTTP_PROBE,
            SLEEPER,
        )
        limits = {"drain_ms": 300, "hook_ms": 1500 * SLOWNESS}
        self.start(limits, gateways)
        self.host.expect_error(instance="sleeper")
        self.open().sendall(b"GET /sleeper/sleep?ms=600000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.host.wait_log(msg="asleep")
        idle, half = self.open(), self.open()  # on other threads than the one that sleeps
        half.sendall(b"POST /probe/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab")
        idle.sendall(b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(Response(idle.recv(65536)).status, 200)
        self.host.process.send_signal(signal.SIGTERM)
        self.host.wait_log(msg="hanging in destroy")
        for sock, data in ((half, b"cd"), (idle, b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n")):
            sock.sendall(data)
            self.assertEqual(Response(sock.recv(65536)).status, 503)
        self.assertEqual(self.host.wait_exit(), 1)
        self.assertEqual(self.host.faults(), [])

    def test_drain_ms_begins_when_the_hooks_have_returned(self):
        hanging = '{ gateway = "hanging"; library = "hanging.so"; options = { hang = "stopping"; }; }'
        limits = {"drain_ms": 1000, "hook_ms": 1200}
        self.start(limits, (hanging, service("greeter", "greeter.so", None), SLEEPER))
        self.open().sendall(b"GET /sleeper/sleep?ms=600000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.host.wait_log(msg="asleep")
        self.host.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.wait_exit(), 1)
        hook = self.host.time_of(hook="stopping", instance="hanging")
        drain = self.host.time_of(msg="drain_ms is over: the rest is closed at once")
        self.assertGreater(drain - hook, 0.9)

    def test_a_second_signal_ends_at_once(self):
        self.start()
        sock = self.open()
        sock.sendall(b"GET /sleeper/sleep?ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.host.wait_log(msg="asleep")
        self.host.process.send_signal(signal.SIGTERM)
        self.host.wait_log(msg="stopping")
        self.host.process.send_signal(signal.SIGINT)
        self.assertEqual(self.host.wait_exit(), 1)


class TestAddresses(unittest.TestCase):
    def test_several_addresses_and_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "http.sock")
            host = Host(
                configuration([ROOMS, HTTP_PROBE], http=["127.0.0.1:0", "[::1]:0", "unix:" + path])
            ).start()
            try:
                lines = host.log(msg="listening", protocol="http")
                self.assertEqual(len(lines), 3)
                for line, peer in zip(lines, (b"127.0.0.1", b"::1", b"")):
                    answer = exchange(
                        line["address"],
                        b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                    )
                    self.assertIn(b"\naddress=" + peer + b"\n", answer.body)
                host.stop()
                self.assertFalse(os.path.exists(path))
            finally:
                host.kill()

    def test_an_address_in_use_leaves_nothing_bound(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            with tempfile.TemporaryDirectory() as folder:
                free = os.path.join(folder, "ws.sock")
                conf = os.path.join(folder, "gateways.conf")
                with open(conf, "w", encoding="utf-8") as out:
                    out.write(configuration([ROOMS], listen="unix:" + free, http=address))
                done = run_toni("run", "-c", conf)
                self.assertEqual(done.returncode, 1)
                self.assertIn(address, done.stderr)
                self.assertIn("listen.http", done.stderr)
                self.assertFalse(os.path.exists(free))

    def test_one_address_for_both_is_a_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            conf = os.path.join(folder, "gateways.conf")
            with open(conf, "w", encoding="utf-8") as out:
                out.write(configuration([ROOMS], listen="127.0.0.1:9", http="127.0.0.1:9"))
            done = run_toni("check", "-c", conf)
            self.assertEqual(done.returncode, 2)
            self.assertIn("gateways.conf:1", done.stderr)
            self.assertIn("listed already", done.stderr)

    def test_more_connections_than_the_limit_wait(self):
        """If they have asked: who says nothing makes room, see test_strangers.py."""
        host = Host(
            configuration([ROOMS, HTTP_PROBE], limits={"http_connections": 8}, http="127.0.0.1:0")
        ).start()
        try:
            ask = b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            os.kill(host.pid, signal.SIGSTOP)  # so that all have asked before it sees the first
            socks = [open_socket(host.http_address) for _ in range(50)]
            for sock in socks:
                self.addCleanup(sock.close)
                sock.sendall(ask)
            os.kill(host.pid, signal.SIGCONT)
            for sock in socks:
                self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200"))
            host.stop()
        finally:
            host.kill()


if __name__ == "__main__":
    main(beside=2)
