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
        self.assertNotIn("sec-websocket-accept", response.headers)
        return response

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
        for key in ("AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==", "x3JJHMbDL1EzLkh9GBhXDw=="):
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
        """A client must not send before it has the answer; but what it has sent is heard as it was."""
        for path in ("/rooms", "/echo"):
            texts = ["leave:%04d" % n for n in range(400)]
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
        for cut in (1, 2, 5, 7, 8, 9, 150):
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

    def test_unknown_subprotocols_alone_are_never_chosen(self):
        try:
            client = Client(
                self.host.address, "/probe", headers=[("Sec-WebSocket-Protocol", "x.v1, y.v2")]
            )
        except Refused as refused:
            if refused.response:
                self.assertEqual(refused.response.status, 400)
        else:
            self.addCleanup(client.sock.close)
            self.assertNotIn("sec-websocket-protocol", client.response.headers)
        self.host_goes_on()

    # refused

    def test_404_for_other_paths(self):
        for path in ("/", "/nowhere", "/room", "/rooms2", "/rooms/", "/rooms/x", "/ROOMS",
                     "/?/rooms", "/" + "x" * 1000):
            with self.subTest(path=path[:20]):
                self.refused(request(path), 404)

    def test_405_for_other_methods(self):
        for method in ("POST", "PUT", "DELETE"):
            with self.subTest(method=method):
                response = self.refused(request(method=method), 405)
                self.assertEqual(response.headers["allow"], "GET")

    def test_405_for_other_methods_without_an_upgrade(self):
        for method in ("POST", "PUT", "DELETE"):
            with self.subTest(method=method):
                data = "%s /rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" % method
                response = self.refused(data.encode(), 405)
                self.assertEqual(response.headers["allow"], "GET")

    def test_426_for_what_is_not_an_upgrade(self):
        response = self.refused(b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n", 426)
        self.assertEqual(response.headers["upgrade"].lower(), "websocket")

    def test_404_for_a_plain_get_of_another_path(self):
        self.refused(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404)

    def test_426_with_the_one_version_for_bad_versions(self):
        for version in ("0", "8", "12", "14", "130", "x", ""):
            with self.subTest(version=version):
                response = self.refused(request(sec_websocket_version=version), 426)
                self.assertEqual(response.headers["sec-websocket-version"], "13")
        response = self.refused(request(without=["Sec-WebSocket-Version"]), 426)
        self.assertEqual(response.headers["sec-websocket-version"], "13")

    def test_400_for_bad_keys(self):
        for key in ("short", KEY[:-1], KEY + "=", KEY + KEY, "dGhlIHNhbXBsZSBub25jZQ??",
                    "dGhlIHNhbXBsZSBub25jZQAA"):
            with self.subTest(key=key):
                self.refused(request(sec_websocket_key=key), 400)

    def test_400_for_missing_headers(self):
        for name in ("Host", "Sec-WebSocket-Key", "Connection"):
            with self.subTest(name=name):
                self.refused(request(without=[name]), 400)
        self.refused(request(sec_websocket_key=""), 400)
        self.host_goes_on()

    def test_400_for_http_1_0(self):
        self.refused(request(version="1.0"), 400)

    def test_400_for_a_path_without_a_slash(self):
        self.refused(request("rooms"), 400)

    def test_other_upgrades_are_refused(self):
        for upgrade in ("h2c", "foo", "TLS/1.0"):
            with self.subTest(upgrade=upgrade):
                response = exchange(self.host.address, request(upgrade=upgrade))
                if response:
                    self.assertIn(response.status, (400, 403, 426))
        self.host_goes_on()

    def test_heads_past_every_bound_are_refused(self):
        for data in (
            request(headers=[("X-Long", "x" * 100000)]),
            request("/" + "x" * 100000),
            request(headers=[("X-%d" % n, "y" * 50) for n in range(2000)]),
            b"GET /rooms HTTP/1.1\r\n" + b"x" * 200000,
        ):
            response = exchange(self.host.address, data)
            if response:
                self.assertIn(response.status, (400, 403, 404, 414, 431))
        self.host_goes_on()

    def test_what_is_not_http_is_refused(self):
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            bytes(1000),
            b"\xff" * 1000,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"hello\r\n\r\n",
            b"\r\n\r\n\r\n\r\n",
            b"GET\r\n\r\n",
            frame(TEXT, "join:lobby") + b"\r\n\r\n",
        ):
            with self.subTest(data=data[:12]):
                with open_socket(self.host.address) as sock:
                    try:
                        sock.sendall(data)
                        sock.shutdown(socket.SHUT_WR)
                        answer = b""
                        while True:
                            part = sock.recv(4096)
                            if not part:
                                break
                            answer += part
                    except (ConnectionResetError, BrokenPipeError, OSError) as end:
                        self.assertNotIsInstance(end, socket.timeout)
                    self.assertNotIn(b" 101 ", answer)
        self.host_goes_on()

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
