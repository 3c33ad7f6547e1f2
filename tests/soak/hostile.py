"""Clients that mean no good, of every kind at once, for tests/soak/soak.py: a process of its own
that opens, holds and drops connections until SIGTERM, then prints what it did, as JSON.

Usage: hostile.py WEBSOCKET_PORT HTTP_PORT CONNECTIONS. They come from 127.0.0.2."""

import asyncio
import base64
import collections
import json
import os
import random
import signal
import socket
import struct
import sys

FROM = "127.0.0.2"
TO = "127.0.0.1"
HOLD_S = 20  # how long one that waits is held, unless the host ends it
ROOM = "r0"  # of the honest
TEXT, CONTINUED = 1, 0

KINDS = {}


def kind(call):
    KINDS[call.__name__] = call
    return call


class Peer:
    """One connection, with a small receive buffer, so that what is not read waits in the host."""

    def __init__(self, sock, reader, writer):
        self.sock, self.reader, self.writer = sock, reader, writer

    @classmethod
    async def open(cls, port):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        try:
            sock.bind((FROM, 0))
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (TO, port)), 10)
            return cls(sock, *await asyncio.open_connection(sock=sock, limit=8192))
        except BaseException:
            sock.close()
            raise

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def hold(self):
        """Until the host ends it, reading what it says."""

        async def read():
            while await self.reader.read(4096):
                pass

        await asyncio.wait_for(read(), HOLD_S)

    async def wait_unread(self):
        self.writer.transport.pause_reading()
        await asyncio.sleep(HOLD_S)

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def head(path, *lines, method="GET", host="127.0.0.1"):
    return "\r\n".join(["%s %s HTTP/1.1" % (method, path), "Host: " + host, *lines, "", ""]).encode()


def upgrade(path):
    key = base64.b64encode(os.urandom(16)).decode()
    return head(
        path,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + key,
    )


def frame(opcode, payload, final=True):
    first = bytes([opcode | (0x80 if final else 0)])
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + struct.pack(">H", size)
    else:
        length = b"\xff" + struct.pack(">Q", size)
    return first + length + bytes(4) + payload  # a mask of zeros changes nothing


async def websocket(targets, path):
    peer = await Peer.open(targets.websocket)
    try:
        await peer.send(upgrade(path))
        answer = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), HOLD_S)
        if b" 101 " not in answer:
            raise ConnectionError(answer[:64])
        return peer
    except BaseException:
        peer.close()
        raise


# --- On the listener of WebSockets


@kind
async def silent(targets):
    peer = await Peer.open(random.choice((targets.websocket, targets.http)))
    try:
        await peer.hold()
    finally:
        peer.close()


@kind
async def half_request(targets):
    peer = await Peer.open(random.choice((targets.websocket, targets.http)))
    try:
        await peer.send(upgrade("/rooms")[: random.randrange(4, 60)])
        await peer.hold()
    finally:
        peer.close()


@kind
async def slow_bytes(targets):
    peer = await Peer.open(random.choice((targets.websocket, targets.http)))
    try:
        for byte in upgrade("/rooms")[:HOLD_S]:
            await peer.send(bytes([byte]))
            await asyncio.sleep(1)
    finally:
        peer.close()


@kind
async def unread_echo(targets):
    """Asks for answers and takes none."""
    peer = await websocket(targets, "/echo")
    try:
        peer.writer.transport.pause_reading()
        message = frame(TEXT, b"x" * 16384)
        await asyncio.wait_for(peer.send(message * 256), HOLD_S)
        await asyncio.sleep(HOLD_S)
    finally:
        peer.close()


@kind
async def unread_room(targets):
    """A member of a room of the honest who reads nothing."""
    peer = await websocket(targets, "/rooms")
    try:
        await peer.send(frame(TEXT, b"join:" + ROOM.encode()))
        await peer.wait_unread()
    finally:
        peer.close()


@kind
async def unfinished_message(targets):
    peer = await websocket(targets, "/echo")
    try:
        await peer.send(frame(TEXT, b"x" * 60000, final=False))
        for _ in range(14):
            await peer.send(frame(CONTINUED, b"x" * 60000, final=False))
        await peer.hold()
    finally:
        peer.close()


@kind
async def flood(targets):
    peer = await websocket(targets, "/rooms")
    try:
        burst = frame(TEXT, b"msg:h:" + b"x" * 32) * 200
        await peer.send(frame(TEXT, b"join:h"))

        async def pour():
            while True:
                await peer.send(burst)
                await asyncio.sleep(0)  # drain does not give way while the socket takes all

        pouring = asyncio.ensure_future(pour())
        try:
            await peer.hold()
        finally:
            pouring.cancel()
            await asyncio.gather(pouring, return_exceptions=True)
    finally:
        peer.close()


@kind
async def joins_and_goes(targets):
    peer = await websocket(targets, "/rooms")
    try:
        for i in range(40):
            await peer.send(frame(TEXT, b"join:h%d" % i) + frame(TEXT, b"leave:h%d" % (i // 2)))
    finally:
        peer.close(reset=True)


@kind
async def reset_in_the_middle(targets):
    peer = await websocket(targets, "/rooms")
    try:
        whole = frame(TEXT, b"msg:h:" + b"x" * 900)
        await peer.send(whole * 3 + whole[: random.randrange(1, 900)])
    finally:
        peer.close(reset=True)


# --- On the listener of HTTP


async def ask(targets, data, wait=True):
    peer = await Peer.open(targets.http)
    try:
        await peer.send(data)
        if wait:
            await peer.hold()
    finally:
        peer.close()


@kind
async def many_parameters(targets):
    await ask(targets, head("/?" + "&".join(map(str, range(500)))), wait=False)


@kind
async def foreign_host(targets):
    await ask(targets, head("/toni.json", "Connection: close", host="evil.example"))


@kind
async def folded_header(targets):
    await ask(
        targets, head("/chat/h", "Content-Length: 1", "  0", "Connection: close", method="POST")
    )


@kind
async def expect_without_body(targets):
    await ask(
        targets,
        head("/chat/h", "Content-Length: 100", "Expect: 100-continue", method="POST"),
        wait=random.random() < 0.5,
    )


@kind
async def body_that_stops(targets):
    await ask(targets, head("/chat/h", "Content-Length: 100000", method="POST") + b'{"sender": "')


@kind
async def body_too_large(targets):
    await ask(
        targets,
        head("/chat/h", "Content-Length: 2000000", "Connection: close", method="POST")
        + b"x" * 2000000,
    )


# --- All at once


class Targets:
    def __init__(self, websocket_port, http_port):
        self.websocket, self.http = websocket_port, http_port


async def repeat(call, targets, counts):
    """One at a time, for ever; those that are over at once come again after a moment."""
    while True:
        try:
            await call(targets)
            counts[call.__name__, "done"] += 1
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            counts[call.__name__, "ended"] += 1
        await asyncio.sleep(0.05)


async def main():
    targets, connections = Targets(int(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
    counts, over = collections.Counter(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    calls = list(KINDS.values())
    tasks = [
        asyncio.ensure_future(repeat(calls[i % len(calls)], targets, counts))
        for i in range(max(connections, len(calls)))
    ]
    stopping = asyncio.ensure_future(over.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [repr(task.exception()) for task in tasks if task.done()]  # none ends by itself
    done = {name: counts[name, "done"] + counts[name, "ended"] for name in KINDS}
    print(json.dumps({"attacks": done, "failed": failed[:3]}), flush=True)
    os._exit(0)  # with all connections as they are, which is one more thing that clients do


if __name__ == "__main__":
    asyncio.run(main())
