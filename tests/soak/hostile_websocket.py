"""Hostile clients of WebSocket gateways that keep to the protocol, or stop in the middle of it."""

import asyncio
import random

from peers import CONTINUED, HOLD_S, TEXT, Peer, WebSocket, frame, head, kind, upgrade

ROOM = "r0"  # of the honest

# --- Before the connection is open


def either(targets):
    return random.choice((targets.websocket, targets.http))


@kind
async def silent(targets):
    async with Peer(either(targets)) as peer:
        await peer.hold()


@kind
async def half_request(targets):
    async with Peer(either(targets)) as peer:
        await peer.send(upgrade("/rooms")[: random.randrange(4, 60)])
        await peer.hold()


@kind
async def slow_bytes(targets):
    async with Peer(either(targets)) as peer:
        for byte in upgrade("/rooms")[:HOLD_S]:
            await peer.send(bytes([byte]))
            await asyncio.sleep(1)


@kind
async def huge_head(targets):
    async with Peer(either(targets)) as peer:
        await peer.send(upgrade("/rooms", *["X-%d: %s" % (i, "x" * 1000) for i in range(100)]))
        await peer.hold()


@kind
async def endless_head(targets):
    async with Peer(either(targets)) as peer:
        await peer.send(head("/rooms")[:-2])
        await peer.pour(b"X: y\r\n" * 1000)


@kind
async def gone_before_the_answer(targets):
    async with Peer(targets.websocket) as peer:
        peer.resets = random.random() < 0.5
        await peer.send(upgrade("/rooms"))


# --- Open


@kind
async def unread_echo(targets):
    """Asks for answers and takes none."""
    async with WebSocket(targets, "/echo") as peer:
        peer.stop_reading()
        await asyncio.wait_for(peer.send(frame(TEXT, b"x" * 16384) * 256), HOLD_S)
        await asyncio.sleep(HOLD_S)


@kind
async def unread_room(targets):
    """A member of a room of the honest who reads nothing."""
    async with WebSocket(targets, "/rooms") as peer:
        await peer.send(frame(TEXT, b"join:" + ROOM.encode()))
        peer.stop_reading()
        await asyncio.sleep(HOLD_S)


@kind
async def unfinished_message(targets):
    async with WebSocket(targets, "/echo") as peer:
        await peer.send(frame(TEXT, b"x" * 60000, first=0))
        for _ in range(14):
            await peer.send(frame(CONTINUED, b"x" * 60000, first=0))
        await peer.hold()


@kind
async def upload_that_stops(targets):
    """Many large messages, the last of them cut off anywhere, also in the frame's head."""
    async with WebSocket(targets, "/rooms") as peer:
        whole = frame(TEXT, b"x" * 60000)
        await peer.send(whole * 20 + whole[: random.choice((1, 3, 6, random.randrange(8, 60000)))])
        await peer.hold()


@kind
async def slow_upload(targets):
    """Announces a large message, and sends a byte a second of it."""
    async with WebSocket(targets, "/echo") as peer:
        await peer.send(frame(TEXT, size=1000000))
        for _ in range(HOLD_S):
            await peer.send(b"x")
            await asyncio.sleep(1)


@kind
async def flood(targets):
    async with WebSocket(targets, "/rooms") as peer:
        await peer.send(frame(TEXT, b"join:h"))
        await peer.pour(frame(TEXT, b"msg:h:" + b"x" * 32) * 200)


@kind
async def joins_and_goes(targets):
    async with WebSocket(targets, "/rooms") as peer:
        peer.resets = True
        for i in range(40):
            await peer.send(frame(TEXT, b"join:h%d" % i) + frame(TEXT, b"leave:h%d" % (i // 2)))


@kind
async def reset_in_the_middle(targets):
    async with WebSocket(targets, "/rooms") as peer:
        peer.resets = True
        whole = frame(TEXT, b"msg:h:" + b"x" * 900)
        await peer.send(whole * 3 + whole[: random.randrange(1, 900)])


@kind
async def half_shut(targets):
    """Says that it sends no more, and stays."""
    async with WebSocket(targets, "/rooms") as peer:
        await peer.send(frame(TEXT, b"join:h"))
        peer.writer.write_eof()
        await peer.hold()
