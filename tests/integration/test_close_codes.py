"""How connections end: the close code on the wire, and the one on_disconnect with its reason."""

import socket
import time
import unittest

from toni_host import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ECHO,
    OVER_TLS,
    PING,
    PONG,
    PROBE,
    REFUSE,
    ROOMS,
    SLOWNESS,
    TEXT,
    Client,
    Host,
    HostTestCase,
    both,
    close_payload,
    configuration,
    frame,
    gateway,
    main,
)

# What is wrong: bytes on the wire. All are answered with 1002.
PROTOCOL_ERRORS = {
    **{"opcode %#x" % op: frame(op, b"x") for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "reserved bit 1": frame(TEXT, "x", rsv=4),
    "reserved bit 2": frame(TEXT, "x", rsv=2),
    "reserved bit 3": frame(TEXT, "x", rsv=1),
    "all reserved bits": frame(BINARY, b"x", rsv=7),
    "reserved bit on a ping": frame(PING, b"x", rsv=4),
    "reserved bit on a continuation": frame(TEXT, "x", fin=False) + frame(CONTINUATION, "y", rsv=4),
    "ping in fragments": frame(PING, b"x", fin=False),
    "pong in fragments": frame(PONG, b"x", fin=False),
    "close in fragments": frame(CLOSE, close_payload(1000), fin=False),
    "continuation of nothing": frame(CONTINUATION, "x"),
    "first continuation of nothing": frame(CONTINUATION, "x", fin=False),
    "continuation after a whole message": frame(TEXT, "later") + frame(CONTINUATION, "x"),
    "text within a message": frame(TEXT, "x", fin=False) + frame(TEXT, "y"),
    "binary within a message": frame(TEXT, "x", fin=False) + frame(BINARY, b"y"),
    "close of one byte": frame(CLOSE, b"\x03"),
    **{
        "close code %d" % code: frame(CLOSE, close_payload(code))
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}

# The same, of control frames and lengths.
BAD_LENGTHS = {
    "ping of 126 bytes": frame(PING, b"x" * 126),
    "pong of 126 bytes": frame(PONG, b"x" * 126),
    "close of 126 bytes": frame(CLOSE, close_payload(1000, "x" * 124)),
    "ping with a 64-bit length": frame(PING, b"x", wide=64),
    "length past 2^63": frame(BINARY, b"", length=2**63),
}
PROTOCOL_ERRORS.update(BAD_LENGTHS)
PROTOCOL_ERRORS["no mask"] = frame(TEXT, "x", mask=None)

NOT_UTF8 = {
    "lone continuation": b"\x80",
    "cut off at the end": b"ok \xe2\x82",
    "overlong": b"\xc0\x80",
    "overlong in three": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "past the last": b"\xf4\x90\x80\x80",
    "byte 0xff": b"a\xffb",
    "broken far in": b"x" * 5000 + b"\xc3\x28",
    "cut off far in": b"x" * 5000 + b"\xf0\x9f\x8e",
}


class Endings(HostTestCase):
    gateways = (ROOMS, ECHO, PROBE, REFUSE, gateway("judging", "judging_gateway.so", "/judging"))

    def setUp(self):
        self.witness = self.client("/probe")
        self.assertEqual(self.witness.ask("join:" + self.id()), "ok")

    def probe(self):
        """A client of probe in two rooms, of which the witness is in one."""
        client = self.client("/probe")
        self.assertEqual(client.ask("join:" + self.id()), "ok")
        self.assertEqual(client.ask("join:other"), "ok")
        return client

    def ended(self, client, reason, code=None):
        """Its on_disconnect ran, while it was in its rooms; the room was told, once; then it was
        gone; and the others noticed nothing else."""
        line = self.disconnected(client.id)
        self.assertEqual(line["reason"], reason)
        if code is not None:
            self.assertEqual(line["code"], str(code))
        self.assertEqual(sorted(line["rooms"].split(",")), sorted([self.id(), "other"]))
        self.witness.expect(client.id + " gone")
        self.eventually(
            lambda: self.witness.ask("members:" + self.id()) == "members=" + self.witness.id,
            "the client is out of its room",
        )
        self.assertEqual(self.witness.ask("id"), "id=" + self.witness.id)
        self.assertEqual(len(self.host.log(msg="disconnected", client=client.id)), 1)


@both
class TestCloseCodes(Endings):
    # the client closes

    def test_code_and_reason_of_the_client_are_echoed(self):
        for code, reason in ((1000, ""), (1000, "bye"), (1001, "leaving"), (1003, ""), (1007, ""),
                             (1011, "x"), (1012, ""), (1013, "later"), (1014, ""), (3000, "three"), (3999, ""), (4000, "ü" * 61),
                             (4999, "r" * 123)):
            with self.subTest(code=code, reason=reason):
                client = self.client("/rooms")
                client.send_frame(CLOSE, close_payload(code, reason))
                client.expect_close(code, answer=False)
                client.expect_end()

    def test_a_close_without_a_code(self):
        client = self.probe()
        client.send_frame(CLOSE)
        client.expect_close((None, 1000), answer=False)
        client.expect_end()
        self.ended(client, "client", 1005)

    def test_close_of_the_client_is_seen_by_the_gateway(self):
        for code in (1000, 1001, 4999):
            client = self.probe()
            client.send_frame(CLOSE, close_payload(code, "why"))
            client.expect_close(code, answer=False)
            client.expect_end()
            self.ended(client, "client", code)

    def test_answers_to_what_was_sent_before_a_close_come_first(self):
        client = self.probe()
        client.send_raw(frame(TEXT, "id") * 50 + frame(CLOSE, close_payload(1000)))
        closed = client.expect_close(1000, answer=False)
        self.assertEqual(closed.before, [("id=" + client.id).encode()] * 50)
        client.expect_end()
        self.ended(client, "client", 1000)

    def test_what_is_sent_after_a_close_is_not_heard(self):
        client = self.probe()
        client.send_raw(
            frame(CLOSE, close_payload(1000)) + frame(TEXT, "tell:%s:too late" % self.id())
        )
        client.expect_close(1000, answer=False)
        client.expect_end()
        self.ended(client, "client", 1000)

    # protocol errors

    def test_1002_for_each_protocol_error(self):
        for name, data in PROTOCOL_ERRORS.items():
            with self.subTest(error=name):
                client = self.client("/echo")
                client.send_raw(data)
                client.expect_close(1002)
        self.host_goes_on()

    def test_protocol_errors_are_seen_by_the_gateway(self):
        for name in ("opcode 0x3", "reserved bit 1", "continuation of nothing", "close code 1005",
                     "close of one byte", "close code 5000"):
            with self.subTest(error=name):
                client = self.probe()
                client.send_raw(PROTOCOL_ERRORS[name])
                client.expect_close(1002)
                self.ended(client, "protocol_error", 1002)

    def test_bad_lengths_are_seen_by_the_gateway_and_end_nobody_else(self):
        for name, data in BAD_LENGTHS.items():
            with self.subTest(error=name):
                client = self.probe()
                client.send_raw(data)
                client.expect_close(1002)
                self.ended(client, "protocol_error", 1002)

    def test_nothing_of_a_broken_message_reaches_the_gateway(self):
        client = self.probe()
        client.send_raw(
            frame(TEXT, "tell:%s:half" % self.id(), fin=False) + frame(TEXT, "id")
        )
        closed = client.expect_close(1002)
        self.assertEqual(closed.before, [])
        self.ended(client, "protocol_error", 1002)

    # text

    def test_1007_for_text_that_is_not_utf8(self):
        for path in ("/echo", "/rooms"):
            for name, data in NOT_UTF8.items():
                with self.subTest(path=path, text=name):
                    client = self.client(path)
                    client.send_frame(TEXT, data)
                    closed = client.expect_close(1007)
                    self.assertEqual(closed.before, [])

    def test_1007_in_fragments(self):
        for name, data in NOT_UTF8.items():
            with self.subTest(text=name):
                client = self.client("/echo")
                client.send_raw(
                    frame(TEXT, data[:-1], fin=False)
                    + frame(CONTINUATION, data[-1:], fin=False)
                    + frame(CONTINUATION, b"")
                )
                self.assertEqual(client.expect_close(1007).before, [])

    def test_1007_for_a_reason_that_is_not_utf8(self):
        client = self.probe()
        client.send_frame(CLOSE, close_payload(1000, b"\xff\xfe"))
        client.expect_close(1007)
        self.ended(client, "protocol_error", 1007)

    def test_1007_is_seen_by_the_gateway(self):
        client = self.probe()
        client.send_frame(TEXT, b"tell:\xff")
        client.expect_close(1007)
        self.ended(client, "protocol_error", 1007)

    def test_binary_may_hold_anything(self):
        client = self.client("/echo")
        for data in NOT_UTF8.values():
            client.send(data)
            client.expect(data)

    # the gateway

    def test_1011_for_a_callback_that_failed_and_nothing_else(self):
        client = self.probe()
        client.send("fail")
        client.expect_close(1011)
        self.ended(client, "server", 1011)
        self.host.wait_log(instance="probe", level=lambda level: level in ("warn", "error"))
        self.assertTrue(self.witness.ask("later").startswith("path=/probe "))

    def test_a_refused_call_that_is_handed_on_closes_nobody(self):
        client = self.probe()
        client.send("handon:" + "x" * 256)  # no name of a room
        client.send("handon:\t")
        client.send("handon:nobody there")
        self.assertTrue(client.ask("later").startswith("path=/probe "))
        self.host.wait_log(
            instance="probe", msg="a callback failed, its client stays", callback="on_message",
            error="TONI_ERR_INVALID",
        )

    def judging(self):
        return self.client("/judging")

    def test_on_error_keeps_a_client(self):
        client = self.judging()
        for error, name in ((-12, "TONI_ERR_FAILED"), (-1, "TONI_ERR_INVALID"), (-4711, "TONI_ERR_UNKNOWN")):
            self.assertEqual(client.ask("%d 0" % error), "where=1 error=" + name)
        self.assertEqual(client.ask("0 4000"), "fine")

    def test_on_error_chooses_the_code(self):
        """What the gateway sent from there goes out first."""
        for answer, code in ((4000, 4000), (1008, 1008), (1, 1011), (1006, 1011), (-1, 1011)):
            with self.subTest(answer=answer):
                client = self.judging()
                self.assertEqual(client.ask("-1 %d" % answer), "where=1 error=TONI_ERR_INVALID")
                client.expect_close(code)

    def test_a_callback_that_fails_after_a_disconnect_is_a_failed_one(self):
        """What the gateway is told is what the client was."""
        client = self.probe()
        client.send("byefail:4000:over")
        client.expect_close(1011)
        self.ended(client, "server", 1011)

    def test_disconnect_sends_what_was_sent_before(self):
        for code, reason in ((1000, ""), (1001, "gone"), (4000, "over: and out"), (3000, "x" * 123)):
            with self.subTest(code=code):
                client = self.probe()
                client.send("bye:%d:%s" % (code, reason))
                closed = client.expect_close(code, reason)
                self.assertEqual(closed.before, [b"goodbye"])
                self.ended(client, "server", code)

    def test_disconnect_after_a_burst_sends_all_of_it(self):
        client = self.probe()
        client.send_raw(frame(TEXT, "sendburst:700") + frame(TEXT, "bye:4000:over"))
        closed = client.expect_close(4000, "over")
        self.assertEqual(closed.before, [b"%d" % n for n in range(700)] + [b"goodbye"])
        self.ended(client, "server", 4000)

    def test_remove_client_sends_what_was_sent_before(self):
        client = self.probe()
        client.send("remove")
        closed = client.expect_close(1000)
        self.assertEqual(closed.before, [b"removed"])
        self.ended(client, "server", 1000)

    def test_a_client_that_does_not_answer_a_close_is_ended_all_the_same(self):
        client = self.probe()
        client.send("bye:4000:over")
        client.expect_close(4000, "over", answer=False)
        client.expect_end()
        self.ended(client, "server", 4000)

    # on_connect refuses

    def test_refusals_of_on_connect(self):
        for code in (1008, 1013, 1011):
            for silent in ("", "&silent"):
                with self.subTest(code=code):
                    client = self.client("/refuse?code=%d%s" % (code, silent))
                    closed = client.expect_close(code, "no: %d" % code)
                    self.assertEqual(closed.before, [])
        self.host_goes_on()

    def test_refusals_of_on_connect_with_frames_behind_the_handshake(self):
        client = self.client("/refuse?code=1008", also=frame(TEXT, "hello") * 20)
        client.expect_close(1008, "no: 1008")
        self.host_goes_on()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        assert not cls.host.log(msg="wrong"), "on_disconnect was called for a refused client"
        lines = [line["client"] for line in cls.host.log(msg="disconnected")]
        assert len(lines) == len(set(lines)), "on_disconnect was called twice: %s" % lines

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host.expect_error(instance="probe")  # the callback that fails


@both
class TestWhoeverCloses(Endings):
    """What was sent before goes out first and whole, then the close frame, then TCP ends."""

    limits = {"close_ms": 8000 * SLOWNESS}
    SOON = 2 * SLOWNESS

    def slow(self, count=20, size=60000):
        """A client that has read nothing of so many messages."""
        client = Client(self.host.address, "/probe", receive_buffer=4096)
        self.addCleanup(client.sock.close)
        client.read()
        client.id = client.ask("id").split("=", 1)[1]
        for room in (self.id(), "other"):
            self.assertEqual(client.ask("join:" + room), "ok")
        messages = [b"%06d" % n + b"x" * size for n in range(count)]
        for message in messages:
            self.assertEqual(self.witness.ask("tell:other:" + message.decode()), "targeted=1")
        return client, messages

    def test_a_client_that_closes_while_messages_wait_gets_them_whole(self):
        client, messages = self.slow()
        client.send_frame(CLOSE, close_payload(4321, "enough"))
        closed = client.expect_close(4321, "enough", answer=False)
        self.assertEqual(closed.before, messages)
        started = time.monotonic()
        client.expect_end()
        self.assertLess(time.monotonic() - started, self.SOON)
        self.ended(client, "client", 4321)

    def test_one_large_message_is_not_cut_either(self):
        client, messages = self.slow(1, 900000)
        client.send_frame(CLOSE, close_payload(1000))
        self.assertEqual(b"".join(client.expect_close(1000, answer=False).before), messages[0])
        client.expect_end()

    def test_a_protocol_error_while_messages_wait_is_told_behind_them(self):
        client, messages = self.slow()
        client.send_raw(frame(3, b"x"))
        self.assertEqual(client.expect_close(1002).before, messages)
        self.ended(client, "protocol_error", 1002)

    @unittest.skipIf(OVER_TLS, "it ends one direction of TCP alone")
    def test_an_error_and_the_end_at_once(self):
        client = self.probe()
        client.send_raw(frame(TEXT, "id") + frame(TEXT, b"x", rsv=4))
        client.sock.shutdown(socket.SHUT_WR)
        closed = client.expect_close(1002, answer=False)
        self.assertEqual(closed.before, [b"id=" + client.id.encode()])
        client.expect_end()
        self.ended(client, "protocol_error", 1002)

    def test_tcp_ends_as_soon_as_both_have_said_close(self):
        for how in ("client", "server", "error"):
            with self.subTest(how=how):
                client = self.probe()
                started = time.monotonic()
                if how == "client":
                    client.send_frame(CLOSE, close_payload(1000))
                    client.expect_close(1000, answer=False)
                    client.expect_end()
                elif how == "server":
                    client.send("bye:4000:over")
                    client.expect_close(4000, "over")
                else:
                    client.send_raw(frame(PING, b"x" * 126))
                    client.expect_close(1002)
                self.disconnected(client.id)
                self.assertLess(time.monotonic() - started, self.SOON)

    def test_a_close_that_comes_in_pieces_is_seen(self):
        """However it is cut, behind a message that is cut, and though that looks like a close."""
        looks_like_one = frame(BINARY, b"x" * 20 + b"\x88\x80\0\0\0\0", mask=b"\0\0\0\0")
        data = looks_like_one + frame(CLOSE, close_payload(4000, "over"))
        other = self.client("/probe")  # once it is answered, what came before was read
        for cuts in ((27, 34), (30, 33), (1, 40), (8, len(data) - 1)):
            with self.subTest(cuts=cuts):
                client = self.probe()
                client.send("bye:4000:over")
                client.expect_close(4000, "over", answer=False)
                started = time.monotonic()
                at = 0
                for cut in (*cuts, len(data)):
                    client.send_raw(data[at:cut])
                    self.assertEqual(other.ask("id"), "id=" + other.id)
                    at = cut
                client.expect_end()
                self.assertLess(time.monotonic() - started, self.SOON)
                self.ended(client, "server", 4000)

    def test_who_floods_after_the_close_and_then_ends_is_gone(self):
        """Of what comes after a close the host reads a mebibyte; the end behind that is seen all the same."""
        files = self.host.open_files()
        client = self.probe()
        client.send("bye:4000:over")
        client.expect_close(4000, "over", answer=False)
        flood = frame(BINARY, b"x" * 60000)
        client.sock.settimeout(self.SOON)
        for _ in range(1048576 // len(flood) + 2):
            client.send_raw(flood)
        client.sock.shutdown(socket.SHUT_WR)
        self.eventually(lambda: self.host.open_files() <= files, "its socket is closed", self.SOON)
        self.ended(client, "server", 4000)

    def test_a_reset_while_messages_wait(self):
        client, _ = self.slow()
        started = time.monotonic()
        client.reset()
        self.ended(client, "lost")
        self.assertLess(time.monotonic() - started, self.SOON)


@both
class TestLost(Endings):
    def test_end_without_a_close_frame_is_lost(self):
        client = self.probe()
        client.drop()
        self.ended(client, "lost")

    def test_reset_is_lost(self):
        client = self.probe()
        client.reset()
        self.ended(client, "lost")

    def test_end_in_the_middle_of_a_frame_is_lost(self):
        data = frame(TEXT, "tell:%s:never" % self.id() + "x" * 5000)
        for cut in (1, 3, 6, 20, 2000, len(data) - 1):
            with self.subTest(cut=cut):
                client = self.probe()
                client.send_raw(data[:cut])
                client.drop()
                self.ended(client, "lost")

    def test_end_in_the_middle_of_a_fragmented_message_is_lost(self):
        client = self.probe()
        client.send_frame(TEXT, "tell:%s:never" % self.id(), fin=False)
        client.drop()
        self.ended(client, "lost")


@both
class TestTooLarge(Endings):
    gateways = (
        ROOMS,
        gateway("echo", "echo_gateway.so", "/echo", limits={"message_bytes": 1000}),
        gateway("probe", "probe_gateway.so", "/probe", limits={"message_bytes": 2000}),
    )

    def test_limit_is_the_largest_that_passes(self):
        for message in ("x" * 1000, b"x" * 1000, "ü" * 500):
            client = self.client("/echo")
            client.send(message)
            client.expect(message)
            client.close()

    def test_one_more_byte_is_1009(self):
        for opcode in (TEXT, BINARY):
            client = self.client("/echo")
            client.send_frame(opcode, b"x" * 1001)
            self.assertEqual(client.expect_close(1009).before, [])

    def test_one_more_byte_in_fragments_is_1009(self):
        client = self.client("/echo")
        client.send_raw(
            frame(TEXT, "x" * 500, fin=False)
            + frame(CONTINUATION, "x" * 500, fin=False)
            + frame(CONTINUATION, "x")
        )
        self.assertEqual(client.expect_close(1009).before, [])

    def test_a_length_that_is_only_claimed_is_1009_without_waiting_for_it(self):
        for length in (1 << 20, 1 << 31, 1 << 40):
            with self.subTest(length=length):
                client = self.client("/echo")
                client.send_frame(BINARY, b"x" * 1100, length=length)
                client.expect_close(1009, answer=False)  # in the middle of a frame it can't answer
                client.drop()

    def test_much_more_than_the_limit_still_reads_1009(self):
        client = self.client("/echo")
        client.send_frame(BINARY, b"x" * 300000)
        client.expect_close(1009)

    def test_other_gateways_have_their_own_limit(self):
        client = self.client("/rooms")
        name = self.join(client, "large")
        client.send("msg:large:" + "x" * 100000)
        client.expect("[large] %s: " % name + "x" * 100000)

    def test_1009_is_seen_by_the_gateway(self):
        client = self.probe()
        client.send("x" * 2001)
        client.expect_close(1009)
        line = self.disconnected(client.id)
        self.assertIn(line["reason"], ("server", "protocol_error"))
        self.ended(client, line["reason"], 1009)


@both
class TestSlowConsumer(Endings):
    gateways = (
        ROOMS,
        gateway("probe", "probe_gateway.so", "/probe",
                limits={"outbox_messages": 64, "outbox_bytes": 262144}),
    )

    def test_1008_and_nobody_else_notices(self):
        room, filler = "slow", "x" * 16000
        publisher, healthy = self.client("/probe"), self.client("/probe")
        slow = Client(self.host.address, "/probe", receive_buffer=8192)
        self.addCleanup(slow.sock.close)
        slow.read()
        slow.id = slow.ask("id").split("=", 1)[1]
        for client in (healthy, slow):
            self.assertEqual(client.ask("join:" + room), "ok")
        self.assertEqual(slow.ask("join:" + self.id()), "ok")

        sent = 0
        while publisher.ask("tell:%s:%06d %s" % (room, sent, filler)) == "targeted=2":
            healthy.expect("%06d %s" % (sent, filler))
            sent += 1
            self.assertLess(sent, 5000, "the slow client was never cut off")
        healthy.expect("%06d %s" % (sent, filler))

        closed = slow.expect_close(1008, "slow consumer")
        whole = b"".join(closed.before)
        wanted = "".join("%06d %s" % (n, filler) for n in range(sent)).encode()
        self.assertEqual(whole, wanted[: len(whole)], "what came before is in order, without gaps")
        self.assertEqual(len(whole) % (len(filler) + 7), 0, "the last message is whole")
        line = self.disconnected(slow.id)
        self.assertEqual((line["reason"], line["code"]), ("server", "1008"))
        self.witness.expect(slow.id + " gone")
        healthy.expect(slow.id + " gone")
        self.assertEqual(publisher.ask("tell:%s:after" % room), "targeted=1")
        healthy.expect("after")


@both
class TestStopCloses(HostTestCase):
    """SIGTERM while clients are there: a host for each test."""

    gateways = (ROOMS, ECHO, PROBE)

    def test_1001_for_all_and_one_on_disconnect_each(self):
        rooms = [self.client("/rooms") for _ in range(5)]
        echoes = [self.client("/echo") for _ in range(5)]
        probes = [self.client("/probe") for _ in range(5)]
        for client in probes:
            self.assertEqual(client.ask("join:last"), "ok")
        half = self.client("/echo")
        half.send_raw(frame(TEXT, "never finished")[:7])
        self.host.process.terminate()
        for client in rooms + echoes:
            self.assertEqual(client.expect_close(1001).before, [])
        half.expect_close(1001, answer=False)  # in the middle of a frame it can't answer
        half.drop()
        for client in probes:
            closed = client.expect_close(1001)
            for text in closed.before:
                self.assertRegex(text, rb"\A\S+ gone\Z")
        self.host.ends_well()
        lines = self.host.log(msg="disconnected", reason="drain", code="1001", rooms="last")
        self.assertEqual(
            sorted(line["client"] for line in lines), sorted(client.id for client in probes)
        )
        self.assertEqual(len(self.host.log(msg="disconnected")), 5)

    def setUp(self):
        self.host = Host(configuration(self.gateways, self.workers)).start()
        self.addCleanup(self.host.kill)

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def test_what_was_sent_before_goes_out_first(self):
        client = self.client("/probe")
        client.send("sendburst:900")
        self.assertEqual(client.read(), "0")
        self.host.process.terminate()
        closed = client.expect_close(1001)
        self.assertEqual(closed.before, [b"%d" % n for n in range(1, 900)])
        self.host.ends_well()


if __name__ == "__main__":
    main(beside=2)
