"""TLS on `listen.websocket`, with clients that others wrote (python3-websockets, curl, `openssl s_client`) and with bytes
that none of them sends: what is agreed on, what is refused, how a connection ends."""

import asyncio
import os
import select
import socket
import ssl
import struct
import subprocess
import time

import websockets

from tls_material import Authority
from toni_host import (
    CLOSE,
    DEADLINE,
    ECHO,
    PROBE,
    TEXT,
    Client,
    Host,
    OneHostTestCase,
    both,
    close_payload,
    configuration,
    exchange,
    frame,
    main,
    metrics,
    open_socket,
    request,
    scaled,
)

ALERT, HANDSHAKE = 21, 22
PROTOCOL_VERSION, HANDSHAKE_FAILURE, NO_APPLICATION_PROTOCOL = 70, 40, 120


class TlsTestCase(OneHostTestCase):
    """One host for all tests of a class: one plain address, one with TLS, and certificates for three names."""

    workers = 1
    limits = None
    tls = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host("")
        cls.ca = Authority(os.path.join(cls.host.folder, "tls"))
        pairs = [
            cls.ca.issue("first", "DNS:localhost,DNS:first.example"),
            cls.ca.issue("second", "DNS:second.example,DNS:*.wild.example"),
            cls.ca.issue("third.example"),
        ]
        secure = {"address": "127.0.0.1:0", "tls": dict({"certificates": pairs}, **cls.tls)}
        with open(cls.host.conf, "w", encoding="utf-8") as out:
            out.write(
                configuration(
                    (ECHO, PROBE), cls.workers, cls.limits, ["127.0.0.1:0", secure], admin="127.0.0.1:0"
                )
            )
        cls.host.start()
        cls.plain, cls.address = cls.host.addresses

    def client(self, path="/echo", **how):
        client = Client(self.address, path, tls=how.pop("tls", None) or self.ca.context(), **how)
        self.addCleanup(client.sock.close)
        return client

    def echoes(self, client, text="hello"):
        client.send(text)
        client.expect(text)

    def s_client(self, *arguments, give="", name="localhost"):
        """What `openssl s_client` prints: both streams."""
        command = ["openssl", "s_client", "-connect", self.address, "-CAfile", self.ca.path]
        command += ["-servername", name] if name else ["-noservername"]
        done = subprocess.run(
            [*command, *arguments], input=give, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=DEADLINE,
        )  # fmt: skip
        return done.stdout

    def figure(self, name):
        return metrics(self.host)[name]


def hello(version, ciphers, extensions=b""):
    """A ClientHello in its record."""
    listed = b"".join(struct.pack(">H", cipher) for cipher in ciphers)
    body = struct.pack(">H", version) + bytes(32) + b"\0" + struct.pack(">H", len(listed)) + listed + b"\x01\0"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return struct.pack(">BHH", HANDSHAKE, 0x0301, len(message)) + message


def to_the_end(sock):
    """All that comes until the other side ends."""
    came = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return came
        if not part:
            return came
        came += part


@both
class Agreed(TlsTestCase):
    """What clients get that do all right."""

    def test_python_websockets_gets_its_messages_back(self):
        async def talk():
            where = "wss://localhost:%s/echo" % self.address.rsplit(":", 1)[1]
            async with websockets.connect(
                where, ssl=self.ca.context(), max_size=None, compression=None, ping_interval=None
            ) as client:
                for size in (0, 1, 125, 16383, 16384, 16385, 65536, 200000, 1000000):
                    await client.send("x" * size)
                    self.assertEqual(len(await client.recv()), size)

        asyncio.run(asyncio.wait_for(talk(), DEADLINE))

    def test_messages_come_whole_and_in_order_however_they_are_cut(self):
        client = self.client()
        texts = ["%d:%s" % (i, "m" * (i * 37 % 3000)) for i in range(scaled(2000, 400))]
        sent = b"".join(frame(TEXT, text) for text in texts)
        got = []
        at = 0
        for cut in (1, 2, 5, 100, 16384, 70000):
            client.sock.sendall(sent[at : at + cut])
            at += cut
        done = 0
        while at < len(sent):
            client.sock.sendall(sent[at : at + 30000])
            at += 30000
            while len(got) < len(texts) and done < at - 100000:
                got.append(client.read())
                done += len(got[-1])
        while len(got) < len(texts):
            got.append(client.read())
        self.assertEqual(got, texts)

    def test_a_whole_write_of_many_records_is_read_to_its_end(self):
        client = self.client()
        big = "b" * 1000000
        client.send(big)
        client.send("last")
        client.expect(big, "last")

    def test_who_reads_late_gets_all_of_it(self):
        client = self.client(receive_buffer=4096)
        texts = ["%d %s" % (i, "s" * 20000) for i in range(60)]
        for text in texts:
            client.send(text)
        time.sleep(0.3)
        for text in texts:
            client.expect(text)

    def test_both_versions_are_spoken(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            client = self.client(tls=self.ca.context(version=version))
            self.assertEqual(client.sock.version(), name)
            self.echoes(client)

    def test_curl_agrees_on_http_1_1_and_gets_its_answer(self):
        port = self.address.rsplit(":", 1)[1]
        done = subprocess.run(
            ["curl", "-sv", "--cacert", self.ca.path, "https://localhost:%s/echo" % port],
            capture_output=True, text=True, timeout=DEADLINE,
        )  # fmt: skip
        self.assertIn("connect with a WebSocket client", done.stdout)
        self.assertIn("HTTP/1.1 426", done.stderr)
        self.assertRegex(done.stderr, "ALPN.*accepted.*http/1.1")

    def test_the_name_chooses_the_certificate(self):
        for name, subject in (
            ("localhost", "first"),
            ("first.example", "first"),
            ("second.example", "second"),
            ("SECOND.Example", "second"),
            ("a.wild.example", "second"),
            ("third.example", "third.example"),
            ("a.b.wild.example", "first"),
            ("unknown.example", "first"),
        ):
            with self.subTest(name=name):
                self.assertRegex(self.s_client(name=name), r"subject=CN ?= ?%s\n" % subject)
        self.assertRegex(self.s_client(name=None), r"subject=CN ?= ?first\n")

    def test_a_handshake_byte_by_byte_is_done(self):
        sock = open_socket(self.address)
        self.addCleanup(sock.close)
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.ca.context().wrap_bio(come, go, server_hostname="localhost")

        def push():
            for byte in go.read():
                sock.sendall(bytes([byte]))

        def until_done(step):
            while True:
                try:
                    done = step()
                    push()
                    return done
                except ssl.SSLWantReadError:
                    push()
                    part = sock.recv(65536)
                    self.assertTrue(part, "closed in the handshake")
                    come.write(part)

        until_done(tls.do_handshake)
        until_done(lambda: tls.write(request("/echo")))
        answer = until_done(lambda: tls.read(65536))
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        until_done(lambda: tls.write(frame(TEXT, "slow")))
        self.assertEqual(until_done(lambda: tls.read(100)), frame(TEXT, "slow", mask=None))

    def test_the_first_message_may_come_with_the_handshake(self):
        client = self.client(also=frame(TEXT, "early") + frame(TEXT, "too"))
        client.expect("early", "too")

    def test_a_session_is_resumed_on_every_worker(self):
        first = self.client()
        self.echoes(first)
        reused = 0
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            context = self.ca.context(version=version)
            first = self.client(tls=context)
            self.echoes(first)
            session = first.sock.session
            for _ in range(2 * self.workers):
                again = self.client(tls=context, session=session)
                self.echoes(again)
                self.assertTrue(again.sock.session_reused, version)
                reused += 1
        self.assertGreaterEqual(self.figure("toni_tls_handshakes_resumed_total"), reused)

    def test_there_is_no_early_data(self):
        path = os.path.join(self.host.folder, "session.pem")
        self.s_client("-tls1_3", "-sess_out", path, "-ign_eof", give="GET / HTTP/1.1\r\n\r\n")
        text = subprocess.run(["openssl", "sess_id", "-in", path, "-noout", "-text"], capture_output=True, text=True).stdout
        self.assertIn("TLSv1.3", text)
        self.assertRegex(text, "Max Early Data: 0")

    def test_there_is_no_renegotiation(self):
        said = self.s_client("-tls1_2", give="R\n")
        self.assertRegex(said, "no renegotiation|no_renegotiation")
        self.assertIn("Compression: NONE", said)
        self.echoes(self.client())

    def test_the_figures_tell(self):
        before = self.figure("toni_tls_handshakes_total")
        self.echoes(self.client())
        self.eventually(
            lambda: self.figure("toni_tls_handshakes_total") == before + 1, "one handshake more in the figures"
        )
        left = self.figure(
            'toni_tls_certificate_expiry_seconds{address="%s",name="second.example"}' % self.address
        )
        self.assertTrue(29 * 86400 < left <= 30 * 86400, left)
        self.assertEqual(self.figure("toni_tls_handshakes_running"), 0)


@both
class Ends(TlsTestCase):
    """How a connection over TLS ends."""

    def probe(self):
        client = self.client("/probe")
        client.read()
        client.send("id")
        return client, client.read().split("=", 1)[1]

    def ended(self, client_id):
        return self.host.wait_log(msg="disconnected", instance="probe", client=client_id)

    def test_close_notify_follows_the_close_frame(self):
        client = self.client()
        client.send_frame(CLOSE, close_payload(1000))
        self.assertEqual(client.read_frame().opcode, CLOSE)
        # SSLEOFError without close_notify: see Client
        self.assertEqual(client.sock.recv(100), b"")

    def test_all_that_was_sent_goes_out_before_the_end(self):
        client = self.client(receive_buffer=4096)
        texts = ["%d %s" % (i, "e" * 20000) for i in range(40)]
        for text in texts:
            client.send(text)
        client.send_frame(CLOSE, close_payload(1000))
        for text in texts[:1]:
            client.expect(text)
        last = None
        while True:
            got = client.read_data()
            if got.opcode == CLOSE:
                break
            last = got
        self.assertEqual(client.sock.recv(100), b"")
        self.assertTrue(last is None or last.payload.decode() in texts)

    def test_truncation_is_told_from_an_end(self):
        def truncated():
            return self.figure("toni_tls_truncated_total")

        # Those of other tests may have ended so, too.
        self.eventually(
            lambda: not any(
                value for name, value in metrics(self.host).items() if name.startswith("toni_connections{")
            ),
            "nobody is connected",
        )
        before = truncated()
        client, client_id = self.probe()
        client.sock.unwrap()  # close_notify, and no close frame
        client.sock.close()
        self.assertEqual(self.ended(client_id)["reason"], "lost")
        self.assertEqual(truncated(), before)
        client, client_id = self.probe()
        client.sock.sendall(frame(TEXT, "x" * 1000)[:500])
        plain = socket.socket(fileno=client.sock.detach())
        plain.close()  # TCP ends within a message
        self.assertEqual(self.ended(client_id)["reason"], "lost")
        self.eventually(lambda: truncated() == before + 1, "it was counted")

    def test_close_notify_alone_ends_it_though_tcp_stays(self):
        sock = open_socket(self.address)
        self.addCleanup(sock.close)
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.ca.context().wrap_bio(come, go, server_hostname="localhost")

        def run(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    sock.sendall(go.read())
                    part = sock.recv(65536)
                    if not part:
                        return None
                    come.write(part)
                finally:
                    sock.sendall(go.read())

        run(tls.do_handshake)
        run(lambda: tls.write(request("/echo")))
        run(lambda: tls.read(65536))

        def end():
            tls.unwrap()
            return "ended"

        self.assertEqual(run(end), "ended")  # the host has said close_notify, too: RFC 8446, section 6.1
        self.assertEqual(to_the_end(sock), b"")

    def test_the_host_goes_on_after_garbage_in_the_middle(self):
        client, client_id = self.probe()
        plain = socket.socket(fileno=client.sock.detach())
        plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that nobody has encrypted
        plain.settimeout(DEADLINE)
        came = to_the_end(plain)
        self.assertEqual(came[:1], bytes([ALERT + 2]), "an alert, encrypted as all of TLS 1.3")
        plain.close()
        self.assertEqual(self.ended(client_id)["reason"], "lost")
        self.echoes(self.client())


@both
class Strangers(TlsTestCase):
    """What is refused, and what that costs others."""

    limits = {"tls_handshakes": 20, "handshake_ms": scaled(3000, 10000)}

    def failed(self, reason):
        return self.figure('toni_tls_handshakes_failed_total{reason="%s"}' % reason)

    def answered(self, data, alert, reason):
        before = self.failed(reason)
        with open_socket(self.address) as sock:
            sock.sendall(data)
            came = to_the_end(sock)
        self.assertEqual(came[:1], bytes([ALERT]), came)
        self.assertEqual(came[-2:], bytes([2, alert]), came)
        self.eventually(lambda: self.failed(reason) == before + 1, "counted as " + reason)

    def test_old_versions_are_refused(self):
        self.answered(hello(0x0301, [0xC013, 0x002F]), PROTOCOL_VERSION, "version")
        self.answered(hello(0x0302, [0xC013, 0x002F]), PROTOCOL_VERSION, "version")

    def test_no_common_cipher_is_refused(self):
        self.answered(hello(0x0303, [0x002F, 0x0005]), HANDSHAKE_FAILURE, "cipher")

    def test_another_protocol_is_refused(self):
        said = self.s_client("-alpn", "h2,spdy/3")
        self.assertRegex(said, "no application protocol")
        self.assertGreaterEqual(self.failed("alpn"), 1)

    def test_a_client_that_does_not_trust_us_is_counted(self):
        def counted():  # if its reset is faster than its alert, it is lost
            return self.failed("alert") + self.failed("lost")

        before = counted()
        with self.assertRaises(ssl.SSLError):
            Client(self.address, "/echo", tls=ssl.create_default_context())
        self.eventually(lambda: counted() == before + 1, "counted as alert")

    def test_plain_http_on_a_tls_port_is_told(self):
        for data in (request("/echo"), b"OPTIONS * HTTP/1.1\r\n\r\n", b"HELO example.org\r\n"):
            answer = exchange(self.address, data)
            self.assertEqual(answer.status, 400)
            self.assertEqual(answer.body, b"this port speaks TLS: use wss:// or https://\n")

    def test_other_bytes_are_closed(self):
        for data in (b"\0" * 100, b"\x80\x2e\x01\x03\x01", b"\xff", b"\x16\x03\x01\xff\xff" + b"x" * 100):
            with open_socket(self.address) as sock:
                sock.sendall(data)
                try:
                    sock.shutdown(socket.SHUT_WR)
                except OSError:  # it is closed already
                    pass
                self.assertNotIn(b"HTTP", to_the_end(sock))
        self.echoes(self.client())

    def test_tls_on_a_plain_port_is_closed_and_said(self):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            Client(self.plain, "/echo", tls=self.ca.context())
        self.host.wait_log(msg=lambda text: text.startswith("a client speaks TLS on an address that is plain"))

    def test_a_handshake_that_is_not_finished_is_ended(self):
        before = self.failed("late")
        with open_socket(self.address, deadline=DEADLINE + 10) as sock:
            sock.sendall(hello(0x0303, [0xC02B])[:20])
            self.assertEqual(to_the_end(sock), b"")
        self.eventually(lambda: self.failed("late") == before + 1, "counted as late")

    def test_so_many_handshakes_may_be_under_way(self):
        """One more, and the oldest of the address that has the most is ended."""
        before = self.failed("busy")
        held = [open_socket(self.address) for _ in range(20)]
        try:
            for sock in held:
                sock.sendall(hello(0x0303, [0xC02B])[:20])
            self.eventually(lambda: self.figure("toni_tls_handshakes_running") == 20, "20 are under way")
            time.sleep(0.1)  # each has 20 ms at least
            self.echoes(self.client())
            self.eventually(lambda: self.failed("busy") == before + 1, "counted as busy")
            ended, _, _ = select.select(held, [], [], DEADLINE)
            self.assertEqual([to_the_end(sock) for sock in ended], [b""], "one is closed without a word")
            self.assertEqual(self.figure("toni_tls_handshakes_running"), 19)
        finally:
            for sock in held:
                sock.close()
        self.eventually(lambda: self.figure("toni_tls_handshakes_running") == 0, "none is under way")

    def test_a_flood_of_hellos_keeps_nobody_waiting(self):
        """Whoever is connected is served while others do nothing but begin handshakes."""
        client = self.client()
        files = self.host.open_files()
        context = ssl.create_default_context()
        real = ssl.MemoryBIO()
        tls = context.wrap_bio(ssl.MemoryBIO(), real, server_hostname="localhost")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        data = real.read()
        held, slowest = [], 0
        end = time.monotonic() + scaled(2, 4)
        sent = 0
        try:
            while time.monotonic() < end:
                for _ in range(20):
                    sock = open_socket(self.address)
                    sock.sendall(data)
                    held.append(sock)
                    sent += 1
                began = time.monotonic()
                self.echoes(client)
                slowest = max(slowest, time.monotonic() - began)
                while len(held) > 200:
                    held.pop(0).close()
        finally:
            for sock in held:
                sock.close()
        self.assertGreater(sent, 100)
        self.assertLess(slowest, scaled(1, 5), "an echo took too long")
        # Those that have waited for their first step are not under way yet, and are counted as lost once they are.
        self.eventually(lambda: self.host.open_files() <= files, "all are closed")
        self.eventually(lambda: self.figure("toni_tls_handshakes_running") == 0, "none is under way")
        self.echoes(self.client())


if __name__ == "__main__":
    main(beside=2)
