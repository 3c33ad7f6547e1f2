"""A connection that means no good, and what it sends: for the kinds of hostile clients."""

import asyncio
import base64
import collections
import contextvars
import os
import socket
import struct

FROM = "127.0.0.2"
TO = "127.0.0.1"
HOLD_S = 15  # how long one that waits is held, unless the host ends it
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL, COMPRESSED = 0x80, 0x40

KINDS = {}


def kind(call):
    """Of hostile clients: one of them, from its first connection to its end."""
    KINDS[call.__name__] = call
    return call


class Unexpected(Exception):
    """The host has done what it should not."""


class Done:
    """What one kind has done."""

    def __init__(self):
        self.connections, self.bytes = 0, 0  # connections that came as far as the kind wants them


DONE = collections.defaultdict(Done)  # by kind
CURRENT = contextvars.ContextVar("kind")  # of the task, and of those that it makes


def done():
    return DONE[CURRENT.get()]


class Targets:
    def __init__(self, websocket_port, http_port):
        self.websocket, self.http = websocket_port, http_port


class Peer:
    """One connection, with a small receive buffer, so that what is not read waits in the host. It
    is dropped at the end of a `with`."""

    def __init__(self, port):
        self.port, self.resets = port, False
        self.sock = self.reader = self.writer = None

    async def __aenter__(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        try:
            self.sock.bind((FROM, 0))
            connecting = asyncio.get_running_loop().sock_connect(self.sock, (TO, self.port))
            await asyncio.wait_for(connecting, 10)
            self.reader, self.writer = await asyncio.open_connection(sock=self.sock, limit=8192)
            await self.greet()
            done().connections += 1
        except BaseException:
            self.drop()
            raise
        return self

    async def greet(self):
        """What comes before anything else."""

    async def __aexit__(self, *_):
        self.drop()

    def drop(self):
        if self.resets:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.writer:
            self.writer.transport.abort()
        else:
            self.sock.close()

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()
        done().bytes += len(data)

    async def read_to_the_end(self):
        """@return What the host said until it ended the connection, the last 4,096 bytes of it."""
        said = b""
        while part := await asyncio.wait_for(self.reader.read(4096), HOLD_S):
            said = (said + part)[-4096:]
        return said

    async def hold(self):
        await asyncio.wait_for(self.read_to_the_end(), HOLD_S)

    def stop_reading(self):
        self.writer.transport.pause_reading()

    async def pour(self, data, reads=True):
        """The same again and again, until the host ends the connection."""

        async def write():
            while True:
                await self.send(data)
                await asyncio.sleep(0)  # drain does not give way while the socket takes all

        pouring = asyncio.ensure_future(write())
        try:
            await (self.hold() if reads else asyncio.wait_for(pouring, HOLD_S))
        finally:
            pouring.cancel()
            await asyncio.gather(pouring, return_exceptions=True)


class WebSocket(Peer):
    """One that was accepted as a client of a gateway."""

    def __init__(self, targets, path, *lines):
        super().__init__(targets.websocket)
        self.request = upgrade(path, *lines)

    async def greet(self):
        await self.send(self.request)
        await self.accepted()

    async def accepted(self):
        answer = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), HOLD_S)
        if b" 101 " not in answer:
            raise ConnectionError(answer[:64])

    async def exactly(self, expected):
        """What the host says next."""
        said = await asyncio.wait_for(self.reader.readexactly(len(expected)), HOLD_S)
        if said != expected:
            raise Unexpected("%r instead of %r" % (said[:32], expected[:32]))


def head(path, *lines, method="GET", host="127.0.0.1"):
    return "\r\n".join(["%s %s HTTP/1.1" % (method, path), "Host: " + host, *lines, "", ""]).encode()


def upgrade(path, *lines):
    key = base64.b64encode(os.urandom(16)).decode()
    return head(
        path,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + key,
        *lines,
    )


def frame(opcode, payload=b"", first=FINAL, mask=bytes(4), size=None):
    """@param first  Bits of the first byte beside the opcode.
    @param mask  Zeros change nothing; b"": unmasked.
    @param size  That is said, instead of the payload's own."""
    if size is None:
        size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126:
        length = bytes([masked | size])
    elif size < 65536:
        length = bytes([masked | 126]) + struct.pack(">H", size)
    else:
        length = bytes([masked | 127]) + struct.pack(">Q", size)
    return bytes([first | opcode]) + length + mask + apply_mask(payload, mask)


def apply_mask(payload, mask):
    if not any(mask):
        return payload
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def answer(opcode, payload=b""):
    """As the host says it."""
    return frame(opcode, payload, mask=b"")
