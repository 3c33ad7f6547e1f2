"""Hostile clients that know the protocol and break it, or use all that it leaves open: the host says
what is wrong, and to who is right it answers as to anybody."""

import asyncio
import os
import random
import re
import zlib

from peers import (
    BINARY,
    CLOSE,
    COMPRESSED,
    CONTINUED,
    FINAL,
    PING,
    PONG,
    TEXT,
    Unexpected,
    WebSocket,
    answer,
    frame,
    kind,
    upgrade,
)

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"

BROKEN = (
    (frame(TEXT, b"x", mask=b""), PROTOCOL_ERROR),
    (frame(TEXT, b"x", first=FINAL | 0x20), PROTOCOL_ERROR),
    (frame(TEXT, b"x", first=FINAL | COMPRESSED), PROTOCOL_ERROR),
    (frame(PING, b"x", first=FINAL | COMPRESSED), PROTOCOL_ERROR),
    (frame(3, b"x"), PROTOCOL_ERROR),
    (frame(11, b"x"), PROTOCOL_ERROR),
    (frame(PING, b"x" * 126), PROTOCOL_ERROR),
    (frame(PING, b"x", first=0), PROTOCOL_ERROR),
    (frame(CONTINUED, b"x"), PROTOCOL_ERROR),
    (frame(TEXT, b"x", first=0) + frame(TEXT, b"x"), PROTOCOL_ERROR),
    (b"\x81\xfe\x00\x05" + bytes(4) + b"xxxxx", PROTOCOL_ERROR),  # longer than it must be
    (b"\x81\xff" + b"\xff" * 8 + bytes(4), PROTOCOL_ERROR),  # longer than it may be
    (frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
    (frame(CLOSE, b"\x03\xed"), PROTOCOL_ERROR),  # 1005
    (frame(CLOSE, b"\x13\x88"), PROTOCOL_ERROR),  # 5000
    (frame(CLOSE, b"\x03\xe8\xff"), NOT_UTF8),
    (frame(TEXT, b"\xc0\x80"), NOT_UTF8),
    (frame(TEXT, b"\xe2\x82", first=0) + frame(CONTINUED, b"x", first=0), NOT_UTF8),
    (frame(BINARY, size=1 << 40), TOO_BIG),
)


async def closes(peer, code):
    """The host says so in a close frame, and ends the connection."""
    said = await peer.read_to_the_end()
    if not re.search(rb"\x88[\x02-\x7d]" + re.escape(code.to_bytes(2, "big")), said, re.DOTALL):
        raise Unexpected("%r at the end, without a close of %d" % (said[-64:], code))


@kind
async def broken_frame(targets):
    data, code = random.choice(BROKEN)
    async with WebSocket(targets, "/echo") as peer:
        await peer.send(frame(TEXT, b"right", mask=os.urandom(4)) + data)
        await peer.exactly(answer(TEXT, b"right"))
        await closes(peer, code)


@kind
async def broken_and_goes_on(targets):
    """Behind what is wrong come things that nobody reads."""
    data, _ = random.choice(BROKEN)
    async with WebSocket(targets, "/echo") as peer:
        await peer.send(data)
        await peer.pour(os.urandom(16384))


@kind
async def garbage(targets):
    async with WebSocket(targets, random.choice(("/echo", "/rooms", "/deflated"))) as peer:
        await peer.pour(os.urandom(random.choice((1, 7, 1000, 50000))))


@kind
async def cut_anywhere(targets):
    """Who is right is answered, however the bytes come."""
    payload = os.urandom(random.choice((0, 1, 125, 126, 127, 1000)))
    half = len(payload) // 2
    data = (
        frame(BINARY, payload[:half], first=0, mask=os.urandom(4))
        + frame(PING, b"between", mask=os.urandom(4))
        + frame(CONTINUED, payload[half:], mask=os.urandom(4))
    )
    async with WebSocket(targets, "/echo") as peer:
        step = random.choice((1, 2, 5, 64))
        for i in range(0, len(data), step):
            await peer.send(data[i : i + step])
            await asyncio.sleep(0.001)
        await peer.exactly(answer(PONG, b"between") + answer(BINARY, payload))


class EarlyWebSocket(WebSocket):
    def __init__(self, targets, path, data):
        super().__init__(targets, path)
        self.request = upgrade(path) + data


@kind
async def early_frames(targets):
    """In one segment with the head."""
    async with EarlyWebSocket(targets, "/echo", frame(TEXT, b"early" * 100)) as peer:
        await peer.exactly(answer(TEXT, b"early" * 100))


@kind
async def fragment_storm(targets):
    async with WebSocket(targets, "/rooms") as peer:
        await peer.send(frame(TEXT, b"", first=0))
        await peer.pour(frame(CONTINUED, random.choice((b"", b"x")), first=0) * 500)


@kind
async def ping_flood(targets):
    async with WebSocket(targets, "/rooms") as peer:
        await peer.pour(frame(PING, b"x" * 125) * 100)


@kind
async def unread_pongs(targets):
    async with WebSocket(targets, "/echo") as peer:
        peer.stop_reading()
        await peer.pour(frame(PING, b"x" * 125) * 100, reads=False)


@kind
async def goes_on_after_its_close(targets):
    async with WebSocket(targets, "/rooms") as peer:
        await peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.pour(frame(TEXT, b"msg:h:x") * 100)


@kind
async def does_not_answer_a_close(targets):
    async with WebSocket(targets, "/echo") as peer:
        await peer.send(frame(TEXT, b"\xff"))
        await closes(peer, NOT_UTF8)


# --- Compressed


def deflated(data):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


BOMB = deflated(bytes(16 << 20))


@kind
async def bomb(targets):
    async with WebSocket(targets, "/deflated", DEFLATE) as peer:
        await peer.send(frame(BINARY, BOMB, first=FINAL | COMPRESSED))
        await closes(peer, TOO_BIG)


@kind
async def not_deflated(targets):
    async with WebSocket(targets, "/deflated", DEFLATE) as peer:
        await peer.send(frame(BINARY, b"\xff" * 100, first=FINAL | COMPRESSED))
        await peer.hold()
