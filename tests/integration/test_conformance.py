"""RFC 6455 and RFC 7692 as a suite of cases: framing, pings and pongs, reserved bits, opcodes, fragments,
UTF-8, closing, large messages, compression. The sections and their numbers are those of the suite that is
best known; the cases are written anew, and ask for the strict answer alone.

Every case of the sections 1 to 7 is sent in one piece, frame by frame, and byte by byte.
"""

import random
import zlib

from toni_host import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ECHO,
    PING,
    PONG,
    TEXT,
    HostTestCase,
    both,
    close_payload,
    deflated,
    frame,
    gateway,
    inflated,
    main,
    scaled,
)

KIB, MIB = 1 << 10, 1 << 20
DEFLATING = gateway("deflating", "echo_gateway.so", "/deflating", deflate="on", deflate_above=0)
LIMITS = {"message_bytes": 16 * MIB, "outbox_bytes": 64 * MIB, "outbox_messages": 100000, "message_ms": 60000}

HELLO = "Hello, world!"
GREEK = "κόσμε"
WHOLE, BY_FRAME, BY_BYTE = "whole", "frame by frame", "byte by byte"


def text(payload, **shape):
    return frame(TEXT, payload, **shape)


def fragments(*parts, opcode=TEXT):
    """A message, a frame for each part."""
    return [
        frame(CONTINUATION if i else opcode, part, fin=i == len(parts) - 1)
        for i, part in enumerate(parts)
    ]


def begun(*parts, opcode=TEXT):
    """The same without its end."""
    return [frame(CONTINUATION if i else opcode, part, fin=False) for i, part in enumerate(parts)]


class ConformanceTestCase(HostTestCase):
    gateways = (ECHO, DEFLATING)
    limits = LIMITS
    path = "/echo"
    offer = None
    ways = (WHOLE, BY_FRAME, BY_BYTE)

    def connect(self):
        opened = self.client(self.path, deflate=self.offer)
        self.assertEqual(opened.deflates, self.offer is not None)
        return opened

    def send(self, client, frames, way):
        pieces = frames if way == BY_FRAME else [b"".join(frames)]
        if way == BY_BYTE:
            pieces = [bytes([byte]) for byte in pieces[0]]
        try:
            for piece in pieces:
                client.send_raw(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass  # the host has ended; what it sent before is there

    def answers(self, client):
        """All that comes, up to a close. Messages are put together."""
        found, parts = [], []
        while not found or found[-1][0] != CLOSE:
            got = client.read_frame()
            if got.opcode >= CLOSE:
                found.append((got.opcode, got.payload))
                continue
            parts.append(got)
            if got.fin:
                payload = b"".join(part.payload for part in parts)
                found.append((parts[0].opcode, inflated(payload) if parts[0].compressed else payload))
                parts = []
        return found

    def case(self, frames, expected, closed=1000):
        """closed: the code with which the host has to end, or to answer the close that is in the frames. If
        there is none, and nothing is wrong, the case ends with 1000."""
        for way in self.ways:
            with self.subTest(path=self.path, way=way, frames=b"".join(frames)[:80]):
                client = self.connect()
                ours = any(f[0] == 0x80 | CLOSE for f in frames)
                ending = [] if ours or closed != 1000 else [frame(CLOSE, close_payload(1000))]
                self.send(client, frames + ending, way)
                *before, (_, last) = self.answers(client)
                self.assertEqual(before, expected)
                self.assertEqual(int.from_bytes(last[:2], "big"), closed)
                if closed != 1000 and not ours:
                    client.send_frame(CLOSE, last)
                client.expect_end()
                client.sock.close()

    def good(self, frames, *expected):
        self.case(list(frames), list(expected))

    def bad(self, frames, *expected, code=1002):
        self.case(list(frames), list(expected), code)

    def echoed(self, opcode, payload, pieces):
        """A message comes back whatever the size of its pieces."""
        client = self.connect()
        if isinstance(payload, str):
            payload = payload.encode()
        for piece in pieces:
            client.send_raw(piece)
        self.assertEqual(client.read(), payload.decode() if opcode == TEXT else payload)
        client.close()


def chopped(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)] or [data]


def compressed(payload, bits, level=6, ending=zlib.Z_SYNC_FLUSH):
    """As RFC 7692, section 7.2.1, has it, with a fresh context. zlib has no window of 8 bits."""
    if isinstance(payload, str):
        payload = payload.encode()
    compress = zlib.compressobj(level, zlib.DEFLATED, -max(bits, 9))
    made = compress.compress(payload) + compress.flush(ending)
    return made + b"\0" if ending == zlib.Z_FINISH else made[:-4]


# ---------------------------------------------------------------- 1 to 7


class Basics(ConformanceTestCase):
    def test_1_1_text_messages_of_all_borders(self):
        for size in (0, 125, 126, 127, 128, 65535, 65536):
            self.echoed(TEXT, "*" * size, [text("*" * size)])
        self.echoed(TEXT, "*" * 65536, chopped(text("*" * 65536), 997))

    def test_1_2_binary_messages_of_all_borders(self):
        for size in (0, 125, 126, 127, 128, 65535, 65536):
            self.echoed(BINARY, b"\xfe" * size, [frame(BINARY, b"\xfe" * size)])
        self.echoed(BINARY, b"\xfe" * 65536, chopped(frame(BINARY, b"\xfe" * 65536), 997))

    def test_2_pings_are_answered_with_their_payload(self):
        for payload in (b"", HELLO.encode(), b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
            self.good([frame(PING, payload)], (PONG, payload))

    def test_2_a_ping_of_126_bytes_is_none(self):
        self.bad([frame(PING, b"\xfe" * 126)])

    def test_2_pongs_that_nobody_asked_for_are_ignored(self):
        self.good([frame(PONG)])
        self.good([frame(PONG, "unsolicited pong payload")])
        self.good([frame(PONG, "unsolicited"), frame(PING, "ping payload")], (PONG, b"ping payload"))

    def test_2_ten_pings_at_once_are_all_answered(self):
        payloads = [b"payload-%d" % i for i in range(10)]
        self.good([frame(PING, p) for p in payloads], *((PONG, p) for p in payloads))

    def test_3_reserved_bits(self):
        hello = (TEXT, HELLO.encode())
        for rsv in (1, 2, 3, 5, 6, 7) + (() if self.offer else (4,)):
            self.bad([text(HELLO), text(HELLO, rsv=rsv), frame(PING)], hello)
            self.bad([frame(BINARY, b"\x00\xff", rsv=rsv)])
        for rsv in range(1, 8):
            self.bad([text(HELLO), frame(PING, HELLO, rsv=rsv)], hello)
            self.bad([frame(PONG, HELLO, rsv=rsv)])
            self.bad([frame(CLOSE, close_payload(1000), rsv=rsv)])
            self.bad([*begun("a"), frame(CONTINUATION, "b", rsv=rsv)])

    def test_4_reserved_opcodes(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            for payload in ("", HELLO):
                self.bad([frame(opcode, payload), frame(PING)])
                self.bad([text(HELLO), frame(opcode, payload), frame(PING)], (TEXT, HELLO.encode()))

    def test_5_frames_have_masks(self):
        for opcode in (TEXT, BINARY, PING, PONG):
            for payload in ("", HELLO):
                self.bad([frame(opcode, payload, mask=None)])
        self.bad([frame(CLOSE, close_payload(1000), mask=None)])

    def test_5_lengths_have_their_shortest_form(self):
        self.bad([text(HELLO, wide=16)])
        self.bad([text("*" * 126, wide=64)])
        self.bad([frame(PING, HELLO, wide=16)])
        self.bad([frame(BINARY, b"", length=1 << 63, wide=64)])

    def test_5_fragments_of_control_frames(self):
        for opcode in (PING, PONG, CLOSE):
            self.bad([frame(opcode, b"", fin=False)])
            self.bad([frame(opcode, b"fragment1", fin=False), frame(CONTINUATION, b"fragment2")])

    def test_5_fragments(self):
        message = (TEXT, b"fragment1fragment2")
        self.good(fragments("fragment1", "fragment2"), message)
        first, last = fragments("fragment1", "fragment2")
        self.good([first, frame(PING, "ping"), last], (PONG, b"ping"), message)
        self.good([first, frame(PONG, "pong"), last], message)
        self.good(fragments(*"fragment1fragment2"), message)
        self.good(fragments(b"\xff", b"", b"\xfe", opcode=BINARY), (BINARY, b"\xff\xfe"))
        self.good(fragments("", "", ""), (TEXT, b""))
        self.good(
            [*begun("1", "2"), frame(PING, "a"), *[frame(CONTINUATION, x, fin=False) for x in "34"],
             frame(PING, "b"), frame(CONTINUATION, "5")],
            (PONG, b"a"), (PONG, b"b"), (TEXT, b"12345"),
        )

    def test_5_nothing_to_continue(self):
        whole = text(HELLO)
        for fin in (True, False):
            orphan = frame(CONTINUATION, "non-continuation payload", fin=fin)
            self.bad([orphan, whole])
            self.bad([whole, orphan, whole], (TEXT, HELLO.encode()))
            self.bad([*fragments("a", "b"), orphan, whole], (TEXT, b"ab"))

    def test_5_a_message_within_another(self):
        for opcode in (TEXT, BINARY):
            for fin in (True, False):
                self.bad([*begun("fragment1"), frame(opcode, "fragment2", fin=fin)])

    def test_6_1_text_of_no_bytes(self):
        self.good([text("")], (TEXT, b""))
        self.good(fragments("", "", ""), (TEXT, b""))
        self.good(fragments("", "middle frame payload", ""), (TEXT, b"middle frame payload"))

    def test_6_2_text_in_fragments_between_and_within_characters(self):
        whole = ("Hello-µ@ßöäüàá-UTF-8!! " + GREEK).encode()
        self.good([text(whole)], (TEXT, whole))
        for at in range(len(whole) + 1):
            self.good(fragments(whole[:at], whole[at:]), (TEXT, whole))
        self.good(fragments(*(bytes([byte]) for byte in whole)), (TEXT, whole))

    def test_6_3_what_is_not_utf8_in_fragments(self):
        wrong = GREEK.encode() + b"\xed\xa0\x80" + b"edited"
        self.bad([text(wrong)], code=1007)
        self.bad(fragments(*(bytes([byte]) for byte in wrong)), code=1007)

    def test_6_4_the_first_bad_byte_is_the_last_that_is_read(self):
        """Neither the end of the message nor that of the frame is waited for."""
        for good, wrong in (
            (GREEK, b"\xf4\x90"), (GREEK, b"\xed\xa0"), ("", b"\xff"), ("a" * 100, b"\xc0"), ("é", b"\xe2\x82a"),
        ):
            payload = good.encode() + wrong
            self.bad(begun(good, wrong), code=1007)
            self.bad([text(payload, length=len(payload) + 50)], code=1007)

    def test_6_what_is_utf8(self):
        for code in (0, 0x24, 0x7F, 0x80, 0xA2, 0x7FF, 0x800, 0x20AC, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF,
                     0x10000, 0x1FFFE, 0x24B62, 0xFFFFF, 0x10FFFD, 0x10FFFF):
            payload = ("hello" + chr(code) + "world").encode()
            self.good([text(payload)], (TEXT, payload))

    def test_6_what_is_not(self):
        prefixes = [GREEK.encode()[:n] for n in range(1, len(GREEK.encode()))]
        cut = [p for p in prefixes if p.decode(errors="replace").endswith("\ufffd")]
        starts = [b"".join(bytes([byte, 0x20]) for byte in range(*r)) for r in
                  ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE))]
        truncated = [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf",
                     b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]
        overlong = [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xc1\xbf",
                    b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80"]
        too_high = [b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff",
                    b"\xfc\x84\x80\x80\x80\x80", b"\xfe\xfe\xff\xff"]
        surrogates = [b"\xed" + bytes([second, third]) for third in (0x80, 0xBF)
                      for second in (0xA0, 0xAD, 0xAE, 0xAF, 0xB0, 0xBE, 0xBF)]
        tails = [b"\x80", b"\xbf", b"\x80\xbf\x80", bytes(range(0x80, 0xC0))]
        pairs = [b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"]
        joined = [b"".join(truncated)]
        for payload in sum((cut, starts, truncated, joined, overlong, too_high, surrogates, tails, pairs), []):
            self.bad([text(payload)], code=1007)

    def test_7_1_nothing_after_a_close_is_answered(self):
        close = frame(CLOSE, close_payload(1000))
        self.good([text("Hello World!"), close], (TEXT, b"Hello World!"))
        self.good([close, close])
        self.good([close, frame(PING)])
        self.good([close, text("Hello World!")])
        self.good([*begun("fragment1"), close, frame(CONTINUATION, "fragment2")])

    def test_7_1_what_was_echoed_before_a_close_goes_out_first(self):
        client = self.connect()
        large = "BAsd7&jh23" * 26214
        client.send_raw(text(large) + text(HELLO) + frame(CLOSE, close_payload(1000)) + frame(PING))
        client.expect(large, HELLO)
        client.expect_close(1000, answer=False)
        client.expect_end()

    def test_7_3_close_frames_of_all_lengths(self):
        for reason in ("", "Hello World!", "*" * 123):
            self.good([frame(CLOSE, close_payload(1000, reason))])
        self.case([frame(CLOSE)], [], closed=0)
        self.bad([frame(CLOSE, b"a")])
        self.bad([frame(CLOSE, close_payload(1000, "*" * 124))])

    def test_7_5_a_reason_is_text(self):
        self.good([frame(CLOSE, close_payload(1000, GREEK))])
        for reason in (GREEK.encode() + b"\xed\xa0\x80edited", b"\xff", b"\xe2\x82"):
            self.bad([frame(CLOSE, close_payload(1000, reason))], code=1007)

    def test_7_7_codes_that_may_be_sent_come_back(self):
        for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999):
            self.case([frame(CLOSE, close_payload(code))], [], closed=code)

    def test_7_9_codes_that_may_not(self):
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            self.bad([frame(CLOSE, close_payload(code))])


class Plain(Basics):
    pass


class DeflateAgreed(Basics):
    """What is compressed is for sections 12 and 13: here nothing is that the client sends."""

    path = "/deflating"
    offer = "permessage-deflate"


# ---------------------------------------------------------------- 9 and 10


class Large(ConformanceTestCase):
    sizes = scaled((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), (64 * KIB, MIB))
    size = scaled(4 * MIB, 256 * KIB)

    def messages(self, size):
        yield TEXT, "*" * size
        yield BINARY, b"\xfe" * size

    def test_9_1_and_2_large_messages(self):
        for size in self.sizes:
            for opcode, payload in self.messages(size):
                self.echoed(opcode, payload, [frame(opcode, payload)])

    def test_9_3_and_4_large_messages_in_fragments(self):
        for size in (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, self.size):
            for opcode, payload in self.messages(self.size if size >= KIB else self.size // 16):
                self.echoed(opcode, payload, [b"".join(fragments(*chopped(payload, size), opcode=opcode))])

    def test_9_5_and_6_large_messages_in_small_writes(self):
        for size in (64, 128, 256, 512, KIB, 2 * KIB):
            for opcode, payload in self.messages(scaled(MIB, 128 * KIB)):
                self.echoed(opcode, payload, chopped(frame(opcode, payload), size))

    def test_9_7_and_8_a_thousand_messages_one_by_one(self):
        client = self.connect()
        for size in (0, 16, 64, 256, KIB, 4 * KIB):
            for _, payload in self.messages(size):
                for _ in range(scaled(1000, 100)):
                    self.assertEqual(client.ask(payload), payload)
        client.close()

    def test_10_fragments_of_1300_bytes(self):
        payload = "*" * 65536
        self.echoed(TEXT, payload, fragments(*chopped(payload, 1300)))


# ---------------------------------------------------------------- 12 and 13

OFFERS = (
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_no_context_takeover; client_max_window_bits",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits",
    "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits=8",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits, "
    "permessage-deflate; server_no_context_takeover; client_max_window_bits, "
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits, "
    "permessage-deflate; client_max_window_bits",
)


def bodies(size):
    """Of all kinds: the same again and again, text, and what does not shrink."""
    dice = random.Random(size)
    words = ["%05x" % dice.randrange(1 << 12) for _ in range(100)]
    yield "*" * size
    yield " ".join(dice.choice(words) for _ in range(size // 6 + 1))[:size]
    yield dice.randbytes(size)


def window(answer):
    """How large the client's window may be, by the host's answer."""
    for parameter in answer.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "client_max_window_bits":
            return int(value)
    return 15


class Compression(ConformanceTestCase):
    path = "/deflating"
    sizes = (16, 64, 256, KIB, 4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB)

    def exchange(self, offer, sizes, fragment=None, **how):
        """Whether something came compressed."""
        self.offer = offer
        client = self.connect()
        answer = client.response.headers["sec-websocket-extensions"]
        for size in sizes:
            for payload in bodies(size):
                opcode = TEXT if isinstance(payload, str) else BINARY
                made = compressed(payload, window(answer), **how)
                parts = chopped(made, fragment) if fragment else [made]
                frames = fragments(*parts, opcode=opcode)
                frames[0] = bytes([frames[0][0] | 0x40]) + frames[0][1:]
                client.send_raw(b"".join(frames))
                self.assertEqual(client.read(), payload, "%s, %d bytes" % (offer, size))
        client.close()
        return client.compressed

    def test_12_messages_of_all_sizes(self):
        self.assertGreater(self.exchange(OFFERS[0], self.sizes), 0)

    def test_12_in_fragments(self):
        for fragment in (1, 256, KIB, 4 * KIB, 32 * KIB):
            self.exchange(OFFERS[0], [size for size in self.sizes if size // fragment < 1000], fragment)

    def test_12_at_all_levels(self):
        for level in range(10):
            self.exchange(OFFERS[0], (0, 1, 125, 70000), level=level)

    def test_13_all_offers(self):
        for offer in OFFERS:
            self.exchange(offer, (16, KIB, 64 * KIB))

    def test_13_what_follows_a_last_block(self):
        for ending in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH):
            self.exchange(OFFERS[0], (16, 64 * KIB), ending=ending)

    def refused(self, code, *frames):
        self.offer = OFFERS[0]
        client = self.connect()
        client.send_raw(b"".join(frames))
        client.expect_close(code)

    def test_13_what_is_not_deflated(self):
        self.refused(1007, frame(TEXT, b"\xff\xff\xff\xff", rsv=4))
        self.refused(1007, frame(TEXT, deflated("cut off" * 100)[:-5], rsv=4))
        self.refused(1007, frame(TEXT, deflated(b"not \xff text"), rsv=4))
        self.refused(1007, frame(TEXT, deflated(b"cut off \xe2\x82"), rsv=4))

    def test_13_reserved_bits_of_fragments_and_control_frames(self):
        first, last = fragments(deflated(HELLO)[:3], deflated(HELLO)[3:])
        first = bytes([first[0] | 0x40]) + first[1:]
        self.refused(1002, first, bytes([last[0] | 0x40]) + last[1:])
        self.refused(1002, text("a", rsv=6))
        for opcode in (PING, PONG, CLOSE):
            self.refused(1002, frame(opcode, b"", rsv=4))

    def test_13_a_message_may_grow_up_to_the_limit_and_no_further(self):
        self.refused(1009, frame(BINARY, deflated(b"\0" * (LIMITS["message_bytes"] + 1)), rsv=4))


for case in (Plain, DeflateAgreed, Large, Compression):
    both(case)
del case, ConformanceTestCase, Basics, Plain, DeflateAgreed, Large, Compression

if __name__ == "__main__":
    main()
