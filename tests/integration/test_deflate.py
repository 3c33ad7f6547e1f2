"""permessage-deflate (RFC 7692): what is agreed on, what is compressed, and what is not taken."""

import asyncio
import os
import unittest
import urllib.request
import zlib

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from toni_host import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEADLINE,
    ECHO,
    PING,
    PONG,
    TEXT,
    HostTestCase,
    Refused,
    both,
    deflated,
    frame,
    gateway,
    inflated,
    main,
    scaled,
    say,
    websocket_uri,
)

MIB = 1 << 20
SIZES = (0, 1, 2, 125, 126, 127, 639, 640, 641, 656, 657, 1023, 1024, 1025, 4096, 16383, 16384,
         16385, 65531, 65532, 65533, 65535, 65536, 65537, 131072, 262144)
OFFER = "permessage-deflate; client_max_window_bits"
ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

DEFLATING_ECHO = gateway("deflating_echo", "echo_gateway.so", "/deflating", deflate="on")
DEFLATING_ALL = gateway("all", "echo_gateway.so", "/all", deflate="on", deflate_above=0)
DEFLATING_PROBE = gateway("deflating_probe", "probe_gateway.so", "/deflating_probe", deflate="on")
PLAIN_PROBE = gateway("plain_probe", "probe_gateway.so", "/plain_probe")
SMALL = gateway("small", "echo_gateway.so", "/small", deflate="on", limits={"message_bytes": 20000})
GATEWAYS = (ECHO, DEFLATING_ECHO, DEFLATING_ALL, DEFLATING_PROBE, PLAIN_PROBE, SMALL)


def _numbers(size):
    text, number = [], 1
    for _ in range(size // 5):
        number = number * 1103515245 + 12345 & 0x7FFFFFFF
        text.append("%05x " % (number >> 12))
    return "".join(text)


_PROSE = _numbers(MIB)


def prose(size):
    """Text that shrinks, but not to nothing."""
    return _PROSE[:size]


class DeflateTestCase(HostTestCase):
    gateways = GATEWAYS

    def probe(self, path, **how):
        """A client of one of the probe gateways, with its id."""
        opened = self.client(path, **how)
        opened.read()
        opened.id = opened.ask("id").split("=", 1)[1]
        return opened


class TestTerms(DeflateTestCase):
    def answer(self, offer, path="/deflating"):
        """What an offer is answered; the connection must work either way."""
        client = self.client(path, deflate=offer)
        text = prose(3000)
        self.assertEqual(client.ask(text), text)
        self.assertEqual(client.compressed, 1 if self.sends_compressed(client) else 0)
        if client.deflates:
            client.send_deflated(text)
            client.expect(text)
        client.close()
        return client.response.headers.get("sec-websocket-extensions")

    def sends_compressed(self, client):
        answer = client.response.headers.get("sec-websocket-extensions", "")
        return bool(answer) and ("server_max_window_bits" not in answer or answer.endswith("=15"))

    def test_it_is_off_by_default(self):
        self.assertIsNone(self.answer(OFFER, "/echo"))
        self.assertIsNone(self.answer("permessage-deflate", "/echo"))

    def test_who_does_not_offer_it_gets_none(self):
        client = self.client("/deflating")
        self.assertNotIn("sec-websocket-extensions", client.response.headers)
        text = prose(5000)
        self.assertEqual(client.ask(text), text)

    def test_neither_side_keeps_its_window(self):
        for offer in (
            OFFER,
            "permessage-deflate",
            "permessage-deflate;server_no_context_takeover",
            "permessage-deflate ; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits=10",
            'permessage-deflate; client_max_window_bits="10"',
            "permessage-deflate\t;\tclient_max_window_bits\t=\t10\t",
            "x-unknown; a=1,\tpermessage-deflate",
            "permessage-deflate, x-unknown",
        ):
            self.assertEqual(self.answer(offer), ANSWER, offer)

    def test_a_window_is_promised_by_sending_nothing_compressed(self):
        for bits in range(8, 16):
            self.assertEqual(
                self.answer("permessage-deflate; server_max_window_bits=%d" % bits),
                ANSWER + "; server_max_window_bits=%d" % bits,
            )

    def test_the_first_offer_that_can_be_met_counts(self):
        for offer in (
            "permessage-deflate; unknown, permessage-deflate",
            "permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits",
            "permessage-deflate, permessage-deflate; server_max_window_bits=9",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate; client_max_window_bits, permessage-deflate; x",
        ):
            self.assertEqual(self.answer(offer), ANSWER, offer)

    def test_what_section_7_1_does_not_allow_is_declined(self):
        for offer in (
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=x",
            "x-webkit-deflate-frame",
        ):
            self.assertIsNone(self.answer(offer), offer)

    def test_what_is_malformed_is_refused(self):
        for offer in (
            "permessage-deflate; =8",
            "permessage-deflate; a b",
            'permessage-deflate; client_max_window_bits="8',
        ):
            for path in ("/echo", "/deflating"):
                with self.assertRaises(Refused) as refused:
                    self.client(path, deflate=offer)
                self.assertEqual(refused.exception.response.status, 400, offer)

    def test_a_list_may_be_long(self):
        offers = ", ".join(["x-unknown-%d" % number for number in range(400)])
        self.assertIsNone(self.answer(offers))
        self.assertEqual(self.answer(offers + ", permessage-deflate"), ANSWER)

    def test_offers_in_several_headers(self):
        client = self.client(
            "/deflating",
            headers=[("Sec-WebSocket-Extensions", "x-other"),
                     ("Sec-WebSocket-Extensions", "permessage-deflate")],
        )
        self.assertEqual(client.response.headers["sec-websocket-extensions"], ANSWER)

    def test_rsv1_without_an_agreement_is_1002(self):
        for path, offer in (("/echo", OFFER), ("/deflating", None)):
            client = self.client(path, deflate=offer)
            client.send_raw(frame(TEXT, deflated("x" * 100), rsv=4))
            client.expect_close(1002)
        self.assertEqual(self.client("/echo").ask("on"), "on")


@both
class TestMessages(DeflateTestCase):
    def test_what_is_longer_than_the_threshold_is_compressed(self):
        client = self.client("/deflating", deflate=OFFER)
        for size, compressed in ((1, 0), (1023, 0), (1024, 0), (1025, 1), (5000, 2)):
            self.assertEqual(client.ask(prose(size)), prose(size))
            self.assertEqual(client.compressed, compressed, size)
        everything = self.client("/all", deflate=OFFER)
        self.assertEqual(everything.ask("aaaaaaaaaaaaaaaaaaaa"), "a" * 20)
        self.assertEqual(everything.compressed, 1)

    def test_what_does_not_shrink_goes_as_it_is(self):
        client = self.client("/all", deflate=OFFER)
        for message in ("", "x", os.urandom(1), os.urandom(5000), os.urandom(200000)):
            self.assertEqual(client.ask(message), message)
        self.assertEqual(client.compressed, 0)

    def test_sizes_both_ways(self):
        client = self.client("/all", deflate=OFFER)
        for size in SIZES:
            for message in (prose(size), b"b" * size, os.urandom(size)):
                client.send_deflated(message)
                self.assertTrue(client.read() == message, size)
                client.send(message)
                self.assertTrue(client.read() == message, size)

    def test_one_mib_inflated_is_taken_and_one_byte_more_is_1009(self):
        for message in ("x" * MIB, prose(MIB), os.urandom(MIB)):
            client = self.client("/deflating", deflate=OFFER)
            client.send_deflated(message)
            self.assertTrue(client.read() == message)
            client.send_deflated(message + message[:1])
            client.expect_close(1009, "message too big")

    def test_each_message_is_compressed_in_itself(self):
        client = self.client("/deflating", deflate=OFFER)
        text = prose(4000)
        client.send_raw(frame(TEXT, deflated(text), rsv=4) * 50)
        self.assertEqual(client.read_many(50), [text] * 50)
        self.assertEqual(client.compressed, 50)

    def test_fragments_of_a_compressed_message(self):
        client = self.client("/deflating", deflate=OFFER)
        text = prose(10000) + "ü☃🎈"
        data = deflated(text)
        for pieces in (2, 3, 7, 100):
            step = len(data) // pieces + 1
            parts = [data[at : at + step] for at in range(0, len(data), step)]
            out = b"".join(
                frame(CONTINUATION if n else TEXT, part, fin=n + 1 == len(parts), rsv=0 if n else 4)
                + (frame(PING, b"between") if n + 1 < len(parts) else b"")
                for n, part in enumerate(parts)
            )
            client.send_raw(out)
            got = client.read_data()
            while got.opcode == PONG:
                self.assertEqual(got.payload, b"between")
                got = client.read_data()
            self.assertEqual(inflated(got.payload).decode(), text)

    def test_fragments_that_are_empty(self):
        client = self.client("/deflating", deflate=OFFER)
        data = deflated("hello")
        client.send_raw(
            frame(TEXT, b"", fin=False, rsv=4)
            + frame(CONTINUATION, data, fin=False)
            + frame(CONTINUATION, b"")
        )
        client.expect("hello")
        client.send_raw(frame(TEXT, b"plain", fin=False) + frame(CONTINUATION, b""))
        client.expect("plain")

    def test_a_compressed_frame_in_single_bytes(self):
        client = self.client("/deflating", deflate=OFFER)
        for byte in frame(TEXT, deflated(prose(300)), rsv=4):
            client.send_raw(bytes([byte]))
        client.expect(prose(300))

    def test_the_examples_of_the_rfc(self):
        """Section 7.2.3: what may come besides what zlib makes."""
        client = self.client("/deflating", deflate=OFFER)
        hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
        for data in (
            hello,
            b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",  # a block without compression
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",  # a block that says it is the last
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",  # two blocks
        ):
            client.send_raw(frame(TEXT, data, rsv=4))
            client.expect("Hello")
        client.send_raw(frame(TEXT, hello[:3], rsv=4, fin=False) + frame(CONTINUATION, hello[3:]))
        client.expect("Hello")
        client.send_raw(frame(TEXT, b"\x00", rsv=4))
        client.expect("")

    def test_a_large_compressed_message_has_rsv1_in_its_first_frame_alone(self):
        client = self.client("/deflating", deflate=OFFER)
        text = prose(800000)
        client.send(text)
        frames = client.read_fragments()
        self.assertGreater(len(frames), 3)
        self.assertTrue(frames[0].compressed)  # of the others the reader refuses it
        self.assertLessEqual(max(len(f.payload) for f in frames), 65536)
        self.assertEqual(inflated(b"".join(f.payload for f in frames)).decode(), text)

    def test_control_frames_are_as_ever(self):
        client = self.client("/deflating", deflate=OFFER)
        for payload in (b"", b"x", b"y" * 125):
            client.send_frame(PING, payload)
            client.expect_pong(payload)
        client.send_raw(frame(TEXT, deflated(prose(500)), rsv=4) + frame(PING, b"p"))
        got = {client.read_data().opcode, client.read_data().opcode}
        self.assertEqual(got, {TEXT, PONG})
        client.send_frame(PING, b"data frames alone may be compressed", rsv=4)
        client.expect_close(1002)

    def test_what_is_not_deflate_is_1007(self):
        whole = deflated(prose(2000))
        for data in (b"\xff" * 50, b"", whole[:-20], whole[:500], whole + b"\x07", b"\x06"):
            client = self.client("/deflating", deflate=OFFER)
            client.send_raw(frame(TEXT, data, rsv=4))
            client.expect_close(1007, "not compressed as agreed")

    def test_a_window_from_the_last_message_is_1007(self):
        client = self.client("/deflating", deflate=OFFER)
        compress = zlib.compressobj(6, zlib.DEFLATED, -15)
        text = prose(2000).encode()
        first, second = (
            (compress.compress(text) + compress.flush(zlib.Z_SYNC_FLUSH))[:-4] for _ in range(2)
        )
        client.send_raw(frame(TEXT, first, rsv=4))
        client.expect(text.decode())
        client.send_raw(frame(TEXT, second, rsv=4))
        client.expect_close(1007)

    def test_text_is_checked_when_it_is_inflated(self):
        for data in (b"\xff", b"ok\xc3", b"x" * 70000 + b"\xe2\x98", b"\xed\xa0\x80"):
            client = self.client("/deflating", deflate=OFFER)
            client.send_raw(frame(TEXT, deflated(data), rsv=4))
            client.expect_close(1007, "text is not UTF-8")
            client = self.client("/deflating", deflate=OFFER)
            client.send_raw(frame(BINARY, deflated(data), rsv=4))
            client.expect(data)

    def test_rsv1_in_a_later_frame_is_1002(self):
        data = deflated(prose(3000))
        for first, second in ((4, 4), (0, 4)):
            client = self.client("/deflating", deflate=OFFER)
            client.send_raw(
                frame(BINARY, data[:100], rsv=first, fin=False)
                + frame(CONTINUATION, data[100:], rsv=second)
            )
            client.expect_close(1002)

    def test_other_reserved_bits_are_1002(self):
        for rsv in (1, 2, 3, 5, 6, 7):
            client = self.client("/deflating", deflate=OFFER)
            client.send_raw(frame(TEXT, deflated("x"), rsv=rsv))
            client.expect_close(1002)

    def test_the_rest_after_a_fault_is_not_handled(self):
        client = self.client("/small", deflate=OFFER)
        client.send_deflated("a" * 20000)
        self.assertTrue(client.read() == "a" * 20000)
        client.send_raw(
            frame(TEXT, deflated("b" * 20001), rsv=4) + frame(TEXT, deflated("c"), rsv=4)
        )
        closed = client.expect_close(1009)
        self.assertEqual(closed.before, [])

    def test_more_compressed_bytes_than_could_be_allowed_are_1009(self):
        """Endless blocks of nothing are no message, either."""
        client = self.client("/small", deflate=OFFER)
        nothing = b"\x00\x00\x00\xff\xff" * 2000
        client.send_raw(frame(TEXT, nothing, rsv=4, fin=False))
        for _ in range(4):
            client.send_raw(frame(CONTINUATION, nothing, fin=False))
        client.expect_close(1009)


class TestBombs(DeflateTestCase):
    def rss(self):
        with open("/proc/%d/status" % self.host.pid, encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status)
        return int(fields["VmHWM"].split()[0]) * 1024

    def test_a_bomb_ends_with_1009_before_it_is_inflated_whole(self):
        bomb = deflated(bytes(100_000_000), level=9)
        self.assertLess(len(bomb), 110_000)
        warm = self.client("/deflating", deflate=OFFER)
        warm.send_deflated("x" * MIB)
        warm.read()
        before = self.rss()
        for _ in range(10):
            client = self.client("/deflating", deflate=OFFER)
            client.send_raw(frame(BINARY, bomb, rsv=4))
            client.expect_close(1009, "message too big")
        grown = self.rss() - before
        say("10 bombs of 100 MB: peak %d KiB more" % (grown // 1024))
        self.assertLess(grown, scaled(8, 64) * MIB)
        self.assertEqual(warm.ask("still here"), "still here")

    def test_a_bomb_in_fragments(self):
        bomb = deflated(bytes(20_000_000), level=9)
        client = self.client("/deflating", deflate=OFFER)
        parts = [bomb[at : at + 1000] for at in range(0, len(bomb), 1000)]
        client.send_raw(
            b"".join(
                frame(CONTINUATION if n else BINARY, part, fin=n + 1 == len(parts), rsv=0 if n else 4)
                for n, part in enumerate(parts)
            )
        )
        client.expect_close(1009)

    def test_a_bomb_past_the_end_of_the_first_kilobytes(self):
        """Most of it comes out of the last few bytes."""
        head = os.urandom(10000)
        client = self.client("/small", deflate=OFFER)
        client.send_raw(frame(BINARY, deflated(head + bytes(10_000_000), level=9), rsv=4))
        client.expect_close(1009)


@both
class TestRooms(DeflateTestCase):
    def members(self, room):
        """One of each kind: compressing, plain by choice, plain by the gateway, of a small window."""
        clients = [
            self.probe("/deflating_probe", deflate=OFFER),
            self.probe("/deflating_probe"),
            self.probe("/plain_probe", deflate=OFFER),
            self.probe("/deflating_probe", deflate="permessage-deflate; server_max_window_bits=9"),
            self.probe("/deflating_probe", deflate="permessage-deflate"),
        ]
        for client in clients:
            self.assertEqual(client.ask("join:" + room), "ok")
        return clients

    def test_one_room_for_all_in_one_order(self):
        clients, sender = self.members("mixed"), self.probe("/plain_probe")
        texts = []
        for number in range(scaled(200, 60)):
            size = (10, 1024, 1025, 3000, 70000, 20)[number % 6]
            texts.append("%d %s" % (number, prose(size)))
        for text in texts:
            sender.send("tell:mixed:" + text)
        for client in clients:
            for text in texts:
                self.assertTrue(client.read() == text)
        large = sum(len(text) > 1024 for text in texts)
        self.assertEqual([client.compressed for client in clients], [large, 0, 0, 0, large])

    def test_a_room_that_nobody_compresses_for_any_more(self):
        clients, sender = self.members("emptier"), self.probe("/deflating_probe", deflate=OFFER)
        text = prose(5000)
        self.assertEqual(sender.ask("tell:emptier:" + text), "targeted=5")
        for client in clients:
            client.expect(text)
        for client in (clients[0], clients[4]):
            self.assertEqual(client.ask("leave:emptier"), "ok")
        for _ in range(3):
            self.assertEqual(sender.ask("tell:emptier:" + text), "targeted=3")
        for client in clients[1:4]:
            client.expect(text, text, text)
            self.assertEqual(client.compressed, 0)

    def test_a_target_that_is_more_than_a_room(self):
        clients, text = self.members("targeted"), prose(4000)
        self.assertEqual(clients[1].ask("except:targeted:" + text), "targeted=4")
        for client in clients[:1] + clients[2:]:
            client.expect(text)
        self.assertEqual([client.compressed for client in clients], [1, 0, 0, 0, 1])

    def test_a_close_comes_after_what_is_compressed(self):
        client, sender = self.probe("/deflating_probe", deflate=OFFER), self.probe("/plain_probe")
        self.assertEqual(client.ask("join:closing"), "ok")
        text = prose(100000)
        self.assertEqual(sender.ask("tell:closing:" + text), "targeted=1")
        client.send_frame(CLOSE, b"\x03\xe8")
        client.expect(text)
        client.expect_close(1000, answer=False)


@both
class TestPython(DeflateTestCase, unittest.IsolatedAsyncioTestCase):
    """With python3-websockets."""

    async def open(self, path, **how):
        uri, tls = websocket_uri(self.host.address, path)
        socket = await websockets.connect(
            uri,
            open_timeout=DEADLINE,
            ping_interval=None,
            max_size=2 * MIB,
            **tls,
            **how,
        )
        self.addAsyncCleanup(socket.close)
        return socket

    # The client of version 14 and later has other names for what was agreed on than the one before it.

    def answered(self, socket):
        headers = socket.response.headers if hasattr(socket, "response") else socket.response_headers
        return headers.get("Sec-WebSocket-Extensions")

    def extensions(self, socket):
        return socket.protocol.extensions if hasattr(socket, "protocol") else socket.extensions

    async def same(self, socket, message):
        await socket.send(message)
        got = await asyncio.wait_for(socket.recv(), DEADLINE)
        self.assertIs(type(got), type(message))
        self.assertTrue(got == message, "%d bytes came back changed" % len(message))

    async def test_with_and_without(self):
        for how in ({"compression": "deflate"}, {"compression": None}):
            for path in ("/deflating", "/all", "/echo"):
                socket = await self.open(path, **how)
                agreed = path != "/echo" and how["compression"] is not None
                self.assertEqual(self.answered(socket), ANSWER if agreed else None)
                for size in (0, 1, 125, 126, 65535, 65536, 65537, MIB):
                    await self.same(socket, prose(size))
                    await self.same(socket, b"\x00" * size)
                    await self.same(socket, os.urandom(size))

    async def test_fragments(self):
        socket = await self.open("/all", compression="deflate")
        parts = [prose(size) for size in (10, 0, 3000, 70000, 1)]
        await socket.send(parts)
        got = await asyncio.wait_for(socket.recv(), DEADLINE)
        self.assertEqual(got, "".join(parts))

    async def test_windows(self):
        for bits in (9, 12, 15):
            for no_context in (False, True):
                factory = ClientPerMessageDeflateFactory(
                    server_max_window_bits=bits,
                    client_max_window_bits=bits,
                    server_no_context_takeover=no_context,
                    client_no_context_takeover=no_context,
                )
                socket = await self.open("/all", compression=None, extensions=[factory])
                self.assertEqual(len(self.extensions(socket)), 1)
                for size in (0, 100, 40000, 200000):
                    await self.same(socket, prose(size))

    async def test_many_clients_of_one_room(self):
        path = "/deflating_probe"
        clients = [
            await self.open(path, compression="deflate" if n % 2 else None) for n in range(20)
        ]
        for client in clients:
            await client.recv()
            await client.send("join:python")
            self.assertEqual(await client.recv(), "ok")
        texts = ["%d %s" % (n, prose(100 * n)) for n in range(scaled(100, 30))]
        sender = await self.open("/plain_probe", compression=None)
        for text in texts:
            await sender.send("tell:python:" + text)
        for client in clients:
            for text in texts:
                self.assertEqual(await asyncio.wait_for(client.recv(), DEADLINE), text)


class TestMetrics(DeflateTestCase):
    admin = "127.0.0.1:0"

    def test_a_broadcast_is_compressed_once_whoever_gets_it(self):
        clients = [self.probe("/deflating_probe", deflate=OFFER) for _ in range(10)]
        for client in clients:
            self.assertEqual(client.ask("join:metrics"), "ok")
        before = self.metrics()
        sender, text = self.probe("/plain_probe"), prose(10000)
        self.assertEqual(sender.ask("tell:metrics:" + text), "targeted=10")
        for client in clients:
            client.expect(text)
        after = self.metrics()
        change = {name: after[name] - before[name] for name in after}
        self.assertEqual(change['toni_deflate_messages_total{result="shrunk"}'], 1)
        self.assertEqual(change['toni_deflate_messages_total{result="sent_as_is"}'], 0)
        self.assertEqual(change['toni_deflate_bytes_total{side="before"}'], 10000)
        self.assertLess(change['toni_deflate_bytes_total{side="after"}'], 7000)
        echo = self.client("/all", deflate=OFFER)
        noise = os.urandom(2000)
        self.assertEqual(echo.ask(noise), noise)
        before, after = after, self.metrics()
        change = {name: after[name] - before[name] for name in after}
        self.assertEqual(change['toni_deflate_messages_total{result="sent_as_is"}'], 1)
        self.assertEqual(change['toni_deflate_bytes_total{side="after"}'], 0)

    def metrics(self):
        with urllib.request.urlopen("http://%s/metrics" % self.host.admin_address) as answer:
            lines = answer.read().decode().splitlines()
        return {
            line.split()[0]: int(line.split()[1])
            for line in lines
            if line.startswith("toni_deflate_")
        }


if __name__ == "__main__":
    main(beside=2)
