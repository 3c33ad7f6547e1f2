"""Handshakes, good and bad, bit by bit on plain sockets."""

import re
import socket
import time

from toni_host import (
    ECHO,
    GREETING,
    GUARD,
    KEY,
    PROBE,
    ROOMS,
    TEXT,
    Client,
    HostTestCase,
    Refused,
    accept_value,
    both,
    exchange,
    frame,
    gateway,
    main,
    open_socket,
    request,
)


def is_probe_line(**wanted):
    """What probe says of a client's request."""
    fields = dict.fromkeys(("path", "query", "origin", "agent", "address", "subprotocol"), "")
    fields["path"] = "/probe"
    fields["x-probe"] = ""
    fields.update((key.replace("_", "-"), value) for key, value in wanted.items())
    return re.compile(
        " ".join(
            r"address=127\.0\.0\.1(:\d+)?" if key == "address" else re.escape(key + "=" + value)
            for key, value in fields.items()
        )
        + r"\Z"
    )


@both
class TestHandshake(HostTestCase):
    gateways = (ROOMS, ECHO, PROBE, GUARD)

    def refused(self, data, status):
        """The one answer, whole, then the end of the connection."""
        response = exchange(self.host.address, data)
        self.assertIsNotNone(response, "closed without an answer; expected %d" % status)
        self.assertEqual((response.version, response.status), ("HTTP/1.1", status))
        self.assertNotEqual(response.phrase, "")
        self.assertEqual(len(response.body), int(response.headers["content-length"]))
        self.assertEqual(response.headers["connection"], "close")
        self.assertRegex(response.headers["date"], r"\A\w{3}, \d\d \w{3} \d{4} [0-9:]{8} GMT\Z")
        self.assertNotIn("sec-websocket-accept", response.headers)
        return response

    def refused_line(self, line, status=400):
        """The same, of a good handshake with one more line."""
        data = request()[:-2] + line + b"\r\n\r\n"
        return self.refused(data, status)

    # accepted

    def test_accepted(self):
        client = self.client("/rooms")
        headers = client.response.headers
        self.assertEqual(client.response.version, "HTTP/1.1")
        self.assertEqual(headers["upgrade"].lower(), "websocket")
        self.assertEqual(headers["connection"].lower(), "upgrade")
        self.assertEqual(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.assertNotIn("sec-websocket-protocol", headers)
        self.fence(client)

    def test_each_key_gets_its_own_answer(self):
        for key in ("A" * 22 + "==", "/" * 21 + "w==", "x3JJHMbDL1EzLkh9GBhXDw=="):
            client = self.client("/rooms", sec_websocket_key=key)
            self.assertEqual(
                client.response.headers["sec-websocket-accept"], accept_value(key)
            )

    def test_deflate_is_off_by_default(self):
        client = self.client(
            "/rooms", headers=[("Sec-WebSocket-Extensions", "permessage-deflate")]
        )
        self.assertNotIn("sec-websocket-extensions", client.response.headers)
        self.fence(client)

    def test_forms_that_browsers_and_libraries_send(self):
        self.client("/rooms", connection="keep-alive, Upgrade")
        self.client("/rooms", connection="upgrade", upgrade="WebSocket")
        self.client("/rooms", headers=[("Cookie", "c=" + "x" * 2500)])
        self.client("/rooms?room=lobby&x=%20")
        self.client("/rooms", host="example.test:8080")
        self.client("/rooms", host="localhost:8080", headers=[("Origin", "http://localhost")])
        self.client("/rooms", upgrade="other/1, websocket")
        self.client("/rooms", headers=[("Connection", "keep-alive")])

    def test_empty_lines_in_front_and_targets_in_absolute_form(self):
        for data in (b"\r\n\r\n" + request("/rooms"), request("http://localhost/rooms"),
                     request("ws://localhost:8080/rooms?x=y")):
            with self.subTest(data=data[:20]):
                with open_socket(self.host.address) as sock:
                    sock.sendall(data)
                    self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 101 "))

    def test_the_host_of_a_target_in_absolute_form_counts(self):
        origin = ("Origin", "http://localhost")
        self.refused(request("http://example.test/rooms", headers=[origin]), 403)
        with open_socket(self.host.address) as sock:
            sock.sendall(request("http://localhost/rooms", host="example.test", headers=[origin]))
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 101 "))

    def test_a_head_of_16_kib(self):
        filler = 16384 - len(request("/rooms", headers=[("X-Long", "")]))
        self.client("/rooms", headers=[("X-Long", "x" * filler)])
        self.refused(request("/rooms", headers=[("X-Long", "x" * (filler + 1))]), 431)

    def test_head_in_single_bytes(self):
        with open_socket(self.host.address) as sock:
            for byte in request("/rooms"):
                sock.sendall(bytes([byte]))
            answer = b""
            while not answer.endswith(GREETING.encode()):
                part = sock.recv(4096)
                self.assertTrue(part, answer)
                answer += part
            self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)

    def test_frames_in_the_segment_of_the_handshake_are_answered_at_once(self):
        started = time.monotonic()
        client = self.client("/rooms", also=frame(TEXT, "join:early"))
        client.expect("Joined room: early")
        self.assertRegex(client.read(), r"\A\S+ joined\Z")
        self.assertLess(time.monotonic() - started, 2)
        self.fence(client)

    def test_many_frames_in_the_segment_of_the_handshake(self):
        """A client must not send before it has the answer; if it does, nothing is lost of it."""
        for path in ("/rooms", "/echo"):
            for count in (10, 100, 1000):
                texts = ["leave:%04d" % n for n in range(count)]
                client = self.client(path, also=b"".join(frame(TEXT, text) for text in texts))
                client.expect(*(t.replace("leave:", "Left room: ") if path == "/rooms" else t
                                for t in texts))

    def test_a_frame_behind_a_head_of_any_length(self):
        message = "".join(chr(33 + n % 90) for n in range(9000))
        for length in (0, 1, 100, 333, 1000, 4000, 9000, 15000):
            cookie = [("Cookie", "c" * length)] if length else []
            for size in (1, 125, 126, 1000, 9000):
                with self.subTest(head=length, message=size):
                    client = self.client("/echo", headers=cookie, also=frame(TEXT, message[:size]))
                    client.expect(message[:size])

    def test_part_of_a_frame_in_the_segment_of_the_handshake(self):
        data = frame(TEXT, "x" * 3000)
        for cut in (1, 2, 5, 7, 8, 9, 150, 2999):
            client = self.client("/echo", also=data[:cut])
            client.send_raw(data[cut:])
            client.expect("x" * 3000)

    # the client's request, as a gateway reads it

    def test_request_is_readable_in_on_connect(self):
        client = self.client(
            "/probe?a=1&b=two",
            headers=[
                ("Origin", "http://localhost"),
                ("User-Agent", "tester/1.0 (x; y)"),
                ("x-pRoBe", "seven"),
                ("Sec-WebSocket-Protocol", "probe.v1"),
            ],
        )
        self.assertRegex(
            client.hello,
            is_probe_line(
                query="a=1&b=two", origin="http://localhost", agent="tester/1.0 (x; y)",
                subprotocol="probe.v1", x_probe="seven",
            ),
        )

    def test_request_is_readable_later_and_kept_headers_too(self):
        client = self.client(
            "/probe?a=1&b=two",
            headers=[
                ("Origin", "http://localhost"),
                ("User-Agent", "tester/1.0"),
                ("X-Probe", "gone later"),
                ("x-keep", "kept"),
            ],
        )
        self.assertRegex(
            client.ask("later"),
            is_probe_line(query="a=1&b=two", origin="http://localhost", agent="tester/1.0"),
        )
        self.assertEqual(client.ask("keep"), "keep=kept")
        self.assertEqual(client.ask("keep"), "keep=kept")

    def test_a_query_is_decoded_as_browsers_do(self):
        for query, read in (("x=100%", "x=100%"), ("x=%zz", "x=%zz"), ("x=%41+b%2Bc", "x=A b+c"),
                            ("a|b^c", "a|b^c"), ("a=1&&b=%26", "a=1&b=&"), ("?", "?")):
            with self.subTest(query=query):
                self.assertRegex(self.client("/probe?" + query).hello, is_probe_line(query=read))

    def test_240_parameters_are_read_and_not_one_more(self):
        self.client("/probe?" + "&".join("p%d=%d" % (n, n) for n in range(240)))
        self.refused(request("/probe?" + "&".join("p%d" % n for n in range(241))), 414)

    def test_a_header_that_came_twice_is_one_list(self):
        client = self.client(
            "/probe",
            headers=[("X-Probe", "a"), ("x-keep", "1, 2"), ("x-probe", "b"), ("X-KEEP", " 3 ")],
        )
        self.assertRegex(client.hello, is_probe_line(x_probe="a, b"))
        self.assertEqual(client.ask("keep"), "keep=1, 2, 3")

    def test_no_header_hides_another(self):
        """Nor does one whose name is the beginning of another's."""
        for name in ("X", "C", "Auth", "Author", "Authorizatio"):
            with self.subTest(name=name):
                client = self.client("/guard", headers=[(name, "y"), ("Authorization", "Bearer good")])
                self.assertEqual(client.response.status, 101)

    def test_what_a_request_lacks_is_empty(self):
        client = self.client("/probe")
        self.assertRegex(client.hello, is_probe_line())
        self.assertRegex(client.ask("later"), is_probe_line())
        self.assertEqual(client.ask("keep"), "keep=")

    def test_requests_of_two_clients_are_apart(self):
        one = self.client("/probe?n=1", headers=[("X-Keep", "one")])
        two = self.client("/probe?n=2", headers=[("X-Keep", "two")])
        self.assertRegex(one.ask("later"), is_probe_line(query="n=1"))
        self.assertRegex(two.ask("later"), is_probe_line(query="n=2"))
        self.assertEqual((one.ask("keep"), two.ask("keep")), ("keep=one", "keep=two"))

    def test_subprotocol_is_the_first_of_the_client_that_is_known(self):
        for offered, chosen in (
            ("probe.v1", "probe.v1"),
            ("probe.v2", "probe.v2"),
            ("probe.v1, probe.v2", "probe.v1"),
            ("probe.v2, probe.v1", "probe.v2"),
            ("unknown, probe.v2, probe.v1", "probe.v2"),
        ):
            with self.subTest(offered=offered):
                client = self.client("/probe", headers=[("Sec-WebSocket-Protocol", offered)])
                self.assertEqual(client.response.headers["sec-websocket-protocol"], chosen)
                self.assertRegex(client.hello, is_probe_line(subprotocol=chosen))

    def test_subprotocols_in_several_lines_are_one_list(self):
        client = self.client("/probe", headers=[("Sec-WebSocket-Protocol", "x.v1"),
                                                ("sec-websocket-protocol", "y, probe.v2"),
                                                ("Sec-WebSocket-Protocol", "probe.v1")])
        self.assertEqual(client.response.headers["sec-websocket-protocol"], "probe.v2")

    def test_any_token_is_a_subprotocol(self):
        """Of any length and of any legal bytes: browsers can send a token of theirs in no other
        header."""
        offers = ["a%cb" % byte for byte in b"!#$%&'*+-.^_`|~09"]
        for offer in offers + ["x.v1, y.v2", "a" * 200, "bearer, eyJ" + "a" * 390,
                               "bearer." + "a" * 4096, "x, x", "", ","]:
            with self.subTest(offer=offer[:20]):
                for path in ("/rooms", "/probe"):
                    client = self.client(path, headers=[("Sec-WebSocket-Protocol", offer)])
                    self.assertNotIn("sec-websocket-protocol", client.response.headers)
        client = self.client(
            "/probe", headers=[("Sec-WebSocket-Protocol", "bearer.%s, probe.v1" % ("a" * 4096))]
        )
        self.assertEqual(client.response.headers["sec-websocket-protocol"], "probe.v1")

    def test_400_for_what_is_no_list_of_subprotocols(self):
        for offer in ("a b", "a;b", '"a"', "probe.v1, a/b", "a\tb", "probe.v1, \u00e4"):
            with self.subTest(offer=offer):
                self.refused(request("/probe", headers=[("Sec-WebSocket-Protocol", offer)]), 400)

    def test_extensions_of_any_length_in_any_number_of_lines(self):
        offer = ("permessage-deflate; client_no_context_takeover; server_no_context_takeover; "
                 "client_max_window_bits; server_max_window_bits=10")
        for lines in ([", ".join([offer] * 3)], [offer] * 20, ['x; y="z"', offer], [""]):
            self.client("/rooms", headers=[("Sec-WebSocket-Extensions", line) for line in lines])

    def test_400_for_what_is_no_list_of_extensions(self):
        for line in ("permessage-deflate;", "x; y=", 'x; y="', "x y", "x; =y", "x, (y)"):
            with self.subTest(line=line):
                self.refused(request(headers=[("Sec-WebSocket-Extensions", line)]), 400)

    # refused

    def test_404_for_other_paths(self):
        for path in ("/", "/nowhere", "/room", "/rooms2", "/rooms/", "/rooms/x", "/ROOMS",
                     "/?/rooms", "/" + "x" * 1000, "//rooms", "/./rooms", "/x/../rooms",
                     "/..%2frooms", "/rooms+", "/rooms%20", "http://localhost"):
            with self.subTest(path=path[:20]):
                self.refused(request(path), 404)

    def test_a_path_is_percent_decoded(self):
        self.client("/%72oo%6Ds")

    def test_400_for_paths_that_are_none(self):
        for path in ("/rooms%00", "/%zz", "/rooms%", "/%4", "rooms", "?rooms", "/rooms#x",
                     "/r\u00e4ume", "ftp://localhost/rooms", "http:///rooms", "http://a:b/rooms"):
            with self.subTest(path=path):
                self.refused(request(path), 400)

    def test_head_is_answered_without_a_body(self):
        for data in (request(method="HEAD"), b"HEAD /rooms HTTP/1.1\r\nHost: x\r\n\r\n"):
            response = exchange(self.host.address, data)
            self.assertEqual((response.status, response.body), (405, b""))
            self.assertGreater(int(response.headers["content-length"]), 0)

    def test_405_for_other_methods(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO", "get"):
            with self.subTest(method=method):
                response = self.refused(request(method=method), 405)
                self.assertEqual(response.headers["allow"], "GET")

    def test_405_for_other_methods_without_an_upgrade(self):
        for method in ("POST", "PUT", "DELETE"):
            with self.subTest(method=method):
                data = "%s /rooms HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                for body in ("", "hello", "x" * 100000):
                    whole = data % (method, len(body), body)
                    response = self.refused(whole.encode(), 405)
                    self.assertEqual(response.headers["allow"], "GET")

    def test_405_for_targets_that_are_no_path(self):
        self.refused(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405)
        self.refused(b"CONNECT localhost:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405)

    def test_426_for_what_is_not_an_upgrade_to_websocket(self):
        for data in (b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n", request(without=["Upgrade"]),
                     *(request(upgrade=upgrade) for upgrade in ("h2c", "foo", "TLS/1.0", ""))):
            with self.subTest(data=data):
                response = self.refused(data, 426)
                self.assertEqual(response.headers["upgrade"].lower(), "websocket")

    def test_404_for_a_plain_get_of_another_path(self):
        self.refused(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404)

    def test_426_with_the_one_version_for_bad_versions(self):
        for version in ("0", "8", "12", "14", "130", "013", "13, 8", "x", ""):
            with self.subTest(version=version):
                response = self.refused(request(sec_websocket_version=version), 426)
                self.assertEqual(response.headers["sec-websocket-version"], "13")
        response = self.refused(request(without=["Sec-WebSocket-Version"]), 426)
        self.assertEqual(response.headers["sec-websocket-version"], "13")

    def test_400_for_bad_keys(self):
        for key in ("", "short", KEY[:-1], KEY + "=", KEY + KEY, "dGhlIHNhbXBsZSBub25jZQ??",
                    "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZR=="):
            with self.subTest(key=key):
                self.refused(request(sec_websocket_key=key), 400)
        self.refused(request(headers=[("Sec-WebSocket-Key", KEY)]), 400)

    def test_400_for_missing_headers(self):
        for name in ("Host", "Sec-WebSocket-Key", "Connection"):
            with self.subTest(name=name):
                self.refused(request(without=[name]), 400)
        self.refused(request(connection="keep-alive"), 400)

    def test_400_for_bad_hosts(self):
        """RFC 9112, section 3.2."""
        for host in ("", "a b", "a/b", "a, b", "me@a", "a:b", "[::1"):
            with self.subTest(host=host):
                self.refused(request(host=host), 400)
        self.refused(request(headers=[("Host", "localhost")]), 400)
        self.refused(request(headers=[("hOST", "other")]), 400)

    def test_400_for_what_is_no_header(self):
        """RFC 9112, sections 2.2 and 5: what a proxy in front may read in another way."""
        for line in (b"X : y", b"X\t: y", b": y", b"X", b"X y: z", b"X(: y", b"X: y\r\n z",
                     b"X: y\r\n\tz", b"X: a\0b", b"X: a\x01", b"X: a\x7f", b"X: a\rb", b"X: a\nb"):
            with self.subTest(line=line):
                self.refused_line(line)
        self.refused(request().replace(b"\r\n", b"\n"), 400)

    def test_400_for_a_body(self):
        for line in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Content-Length: x",
                     b"Content-Length: 0\r\nContent-Length: 0",
                     b"Content-Length: 0\r\nTransfer-Encoding: chunked"):
            with self.subTest(line=line):
                self.refused_line(line)
        self.client("/rooms", headers=[("Content-Length", "0")])

    def test_400_for_http_1_0(self):
        self.refused(request(version="1.0"), 400)

    def test_heads_past_every_bound_are_refused(self):
        for data, status in (
            (request(headers=[("X-Long", "x" * 100000)]), 431),
            (request("/" + "x" * 100000), 414),
            (request(headers=[("X-%d" % n, "y") for n in range(100)]), 431),
            (request(headers=[("X-%d" % n, "y" * 50) for n in range(2000)]), 431),
            (b"GET /rooms HTTP/1.1\r\n" + b"x" * 200000, 431),
            (b"\r\n" * 100 + request(), 400),
        ):
            with self.subTest(data=data[:20], status=status):
                self.refused(data, status)

    def test_what_is_not_http_is_refused(self):
        for data, status in (
            (bytes(1000), 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            (b"GET /rooms HTTP/3.0\r\n", 505),
            (b"hello\r\n\r\n", 400),
            (b"GET\r\n\r\n", 400),
            (b"GET /rooms\r\n", 400),
            (b"GET /rooms http/1.1\r\n", 400),
            (b"GET  /rooms HTTP/1.1\r\n", 400),
            (b"GET /rooms HTTP/1.1 \r\n", 400),
            (frame(TEXT, "join:lobby") + b"\r\n\r\n", 400),
        ):
            with self.subTest(data=data[:12], status=status):
                self.refused(data, status)

    def test_heads_that_end_in_the_middle_end_the_connection(self):
        for data in (b"", b"\r\n\r\n", b"\xff" * 1000, request()[:-1], request()[:30]):
            with self.subTest(data=data[:12]):
                with open_socket(self.host.address) as sock:
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                    self.assertEqual(sock.recv(4096), b"")

    def test_clients_that_leave_in_the_middle_of_the_handshake(self):
        head = request("/rooms")
        before = self.host.open_files()
        for cut in (0, 1, 5, 20, len(head) - 4, len(head) - 1, len(head)):
            for how in ("drop", "reset"):
                sock = open_socket(self.host.address)
                sock.sendall(head[:cut])
                if how == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
        self.host_goes_on()
        self.eventually(
            lambda: self.host.open_files() <= before, "the descriptors of clients that left are closed"
        )

    # guards

    def test_guard_refuses_without_authorization(self):
        self.refused(request("/guard"), 401)

    def test_guard_refuses_bad_authorization(self):
        for value in ("Bearer bad", "Bearer good2", "Bearer", "Basic good"):
            with self.subTest(value=value):
                self.refused(request("/guard", headers=[("Authorization", value)]), 403)

    def test_guard_lets_good_authorization_through(self):
        for name in ("Authorization", "authorization", "AUTHORIZATION"):
            client = self.client("/guard", headers=[(name, "Bearer good")])
            self.assertEqual(client.response.status, 101)

    def test_guard_of_one_path_does_not_touch_others(self):
        self.client("/rooms")
        self.refused(request("/guard?Authorization=Bearer%20good"), 401)

    def test_refusals_leave_nothing_behind(self):
        before = self.host.open_files()
        for _ in range(50):
            exchange(self.host.address, request("/nowhere"))
            exchange(self.host.address, request("/guard"))
            exchange(self.host.address, request(sec_websocket_key="short"))
        self.eventually(lambda: self.host.open_files() <= before, "descriptors are closed")
        self.host_goes_on()


@both
class TestFull(HostTestCase):
    gateways = (gateway("rooms", "rooms_gateway.so", "/rooms", limits={"connections": 2}), ECHO)
    limits = {"connections": 4}

    def full(self, path):
        response = exchange(self.host.address, request(path))
        self.assertIsNotNone(response, "closed without an answer")
        self.assertEqual((response.version, response.status), ("HTTP/1.1", 503))
        self.assertRegex(response.headers["retry-after"], r"\A[1-9][0-9]*\Z")
        return True

    def test_503_with_retry_after_when_full_and_room_again_after_a_close(self):
        rooms = [self.client("/rooms") for _ in range(2)]
        self.full("/rooms")  # this gateway's own limit
        echoes = [self.client("/echo") for _ in range(2)]
        self.full("/echo")  # the host's limit
        self.full("/rooms")
        for client in rooms:
            self.fence(client)
        for client in echoes:
            self.assertEqual(client.ask("still here"), "still here")

        rooms[0].close()

        def let_in():
            try:
                return self.client("/rooms")
            except Refused as refused:
                self.assertEqual(refused.response.status, 503)
                return None

        again = self.eventually(let_in, "a new client is let in after another has left")
        self.fence(again)
        self.full("/rooms")
        for client in echoes + [again, rooms[1]]:
            client.close()


@both
class TestRefusedHoldNoPlace(HostTestCase):
    gateways = (gateway("guard", "guard_gateway.so", "/guard", limits={"connections": 1}),)

    def test_who_was_refused_and_stays_takes_no_place(self):
        for _ in range(3):
            sock = open_socket(self.host.address)
            self.addCleanup(sock.close)
            sock.sendall(request("/guard"))
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 401 "))
        client = self.client("/guard", headers=[("Authorization", "Bearer good")])
        self.assertEqual(client.response.status, 101)


if __name__ == "__main__":
    main()
