"""RFC 9110 and RFC 9112 where an HTTP server must do something that no other test asks for: one case a row."""

from toni_host import both, main
from test_http import HTTP_PROBE, ROOMS, HttpTestCase

LOCAL = b"Host: localhost\r\n"
LAST = LOCAL + b"Connection: close\r\n"
CHUNKED = b"POST /probe HTTP/1.1\r\n" + LAST + b"Transfer-Encoding: chunked\r\n\r\n"

# Debian 13's libmicrohttpd refuses extensions of chunks that are not the last one.
IGNORED_OR_REFUSED = (200, 400)

# What is sent, the status, and what is in the body of a 200.
ROWS = {
    "9112 7.1.1: a chunk extension that nobody knows is ignored": (
        CHUNKED + b"3;a=b\r\none\r\n4;c\r\nfour\r\n0\r\n\r\n", IGNORED_OR_REFUSED, b"\nbody=onefour\n"),
    "9112 7.1.1: so is one with a quoted value": (
        CHUNKED + b'3;a="b;c"\r\none\r\n0\r\n\r\n', IGNORED_OR_REFUSED, b"\nbody=one\n"),
    "9112 7.1.1: and one of the last chunk": (
        CHUNKED + b"3\r\none\r\n0;last\r\n\r\n", 200, b"\nbody=one\n"),
    "9112 7.1: a chunk's size is hexadecimal, of either case": (
        CHUNKED + b"a\r\n0123456789\r\nB\r\n0123456789A\r\n0\r\n\r\n", 200, b"\nbytes=21\n"),
    "9112 7.1: a chunk's size may begin with zeros": (
        CHUNKED + b"0003\r\none\r\n000\r\n\r\n", 200, b"\nbody=one\n"),
    "9112 7.1.2: trailers are no part of the body": (
        CHUNKED + b"3\r\none\r\n0\r\nX-Probe: trailing\r\n\r\n", 200, b"\nbody=one\n"),
    "9112 7.1: a chunk's size that no number holds": (
        CHUNKED + b"fffffffffffffffff\r\none\r\n0\r\n\r\n", (400, 413), b""),
    "9112 9.6: after `close` nothing more is read": (
        b"GET /probe/one HTTP/1.1\r\n" + LAST + b"\r\nGET /probe/two HTTP/1.1\r\n" + LAST + b"\r\n", 200, b"subpath=/one\n"),
    "9112 9.3: HTTP/1.0 ends with its answer": (b"GET /probe HTTP/1.0\r\n\r\n", 200, b"method=GET"),
    "9112 2.2: an empty line in front of a request": (
        b"\r\nGET /probe HTTP/1.1\r\n" + LAST + b"\r\n", 200, b"method=GET"),
    "9112 2.3: a higher minor version is read as HTTP/1.1": (
        b"GET /probe HTTP/1.2\r\n" + LAST + b"\r\n", (200, 505), b""),
    "9112 3.2: no Host": (b"GET /probe HTTP/1.1\r\nConnection: close\r\n\r\n", 400, b""),
    "9112 6.3: no length is no body": (b"POST /probe HTTP/1.1\r\n" + LAST + b"\r\n", 200, b"\nbytes=0\n"),
    "9110 7.8: an Upgrade that a service does not know is ignored": (
        b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 200, b"method=GET"),
    "9110 10.1.1: HTTP/1.0 does not wait for 100": (
        b"POST /probe HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", 200, b"\nbody=abc\n"),
    "9110 5.5: white space around a value is no part of it": (
        b"GET /probe HTTP/1.1\r\n" + LAST + b"X-Probe: \t seven \t\r\n\r\n", 200, b"\nx-probe=seven\n"),
    "9110 5.1: the names of fields have no case": (
        b"GET /probe HTTP/1.1\r\nhOST: localhost\r\ncONNECTION: CLOSE\r\nx-pROBE: seven\r\n\r\n", 200, b"\nx-probe=seven\n"),
}


@both
class TestRows(HttpTestCase):
    gateways = (ROOMS, HTTP_PROBE)

    def test_each(self):
        for name, (data, status, part) in ROWS.items():
            with self.subTest(name):
                answer = self.raw(data)
                self.assertIn(answer.status, status if isinstance(status, tuple) else (status,))
                if answer.status == 200:
                    self.assertIn(part, answer.body)
                self.assertNotRegex(answer.body, rb"HTTP/1\.\d \d{3} ")  # one answer, and no other behind it
        self.http_goes_on()

    def test_statuses_without_content_have_no_length(self):
        """RFC 9110, section 8.6; RFC 9112, section 6.1."""
        head = b"GET /probe/status?code=204 HTTP/1.1\r\n" + LAST + b"\r\n"
        for answer in (self.raw(head), self.raw(b"OPTIONS * HTTP/1.1\r\n" + LAST + b"\r\n")):
            self.assertEqual((answer.status, answer.body), (204, b""))
            self.assertNotIn("content-length", answer.headers)
            self.assertNotIn("transfer-encoding", answer.headers)

    def test_a_handshake_is_answered_by_a_head_alone(self):
        """RFC 9110, section 15.2: 101 has neither content nor a length of it."""
        client = self.client("/rooms")
        self.assertEqual(client.response.status, 101)
        self.assertNotIn("content-length", client.response.headers)
        self.assertNotIn("transfer-encoding", client.response.headers)

    def test_answers_carry_a_date(self):
        """RFC 9110, section 6.6.1."""
        for path in (b"/probe", b"/nowhere", b"/probe/fail"):
            answer = self.raw(b"GET %s HTTP/1.1\r\n%s\r\n" % (path, LAST))
            self.assertRegex(answer.headers["date"], r"\A\w{3}, \d\d \w{3} \d{4} [0-9:]{8} GMT\Z")


@both
class TestFrames(HttpTestCase):
    gateways = (ROOMS,)

    def test_the_host_masks_nothing(self):
        """RFC 6455, section 5.1: what it sends is read bit by bit."""
        client = self.client("/rooms", greeted=False)
        data = client.buffer or client.sock.recv(2)
        self.assertEqual(data[0], 0x81)
        self.assertLess(data[1], 126)  # neither the mask's bit nor a longer length


if __name__ == "__main__":
    main()
