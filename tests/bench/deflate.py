"""What permessage-deflate costs toni: memory of a connection, and instructions and bytes of a
broadcast. The load generator doesn't know the extension, so this has clients of its own: slow ones,
but neither figure depends on that."""

import base64
import os
import random
import resource
import selectors
import shutil
import socket
import statistics
import struct
import tempfile
import zlib

import counting
from systems import Server, Toni

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
CONNECTIONS, MEMBERS, BROADCASTS = 4000, 1000, 20
PATIENCE_S = 120


def document(number, size):
    """JSON as a gateway might send it: names that repeat, numbers that don't."""
    dice, items = random.Random(number), []
    while sum(map(len, items)) < size:
        items.append(
            '{"id":%d,"user":"user-%d","price":%.2f,"side":"%s","time":"2026-11-24T10:%02d:%02dZ"},'
            % (dice.randrange(10**9), dice.randrange(500), dice.random() * 1000,
               dice.choice(("buy", "sell")), dice.randrange(60), dice.randrange(60))
        )
    return "".join(items)[:size]


def frame(payload, compressed):
    """A text, masked with zeros."""
    first = 0x81
    if compressed:
        compress = zlib.compressobj(6, zlib.DEFLATED, -15)
        payload = (compress.compress(payload) + compress.flush(zlib.Z_SYNC_FLUSH))[:-4]
        first |= 0x40
    size = len(payload)
    head = bytes([first, 0x80 | size]) if size < 126 else struct.pack(">BBH", first, 0xFE, size)
    return head + bytes(4) + payload


class Client:
    def __init__(self, port, offers):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread, self.came, self.bytes = b"", 0, 0
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                "GET /rooms HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n"
                % (key, OFFER if offers else "")
            ).encode()
        )
        while b"\r\n\r\n" not in self.unread:
            self.unread += self.socket.recv(4096)
        head, self.unread = self.unread.split(b"\r\n\r\n", 1)
        self.agreed = b"permessage-deflate" in head
        self.count()

    def count(self):
        """Counts the messages that came whole."""
        at = 0
        while len(self.unread) - at >= 4:
            size, start = self.unread[at + 1], at + 2
            if size == 126:
                size, start = struct.unpack_from(">H", self.unread, at + 2)[0], at + 4
            if len(self.unread) - start < size:
                break
            self.came += bool(self.unread[at] & 0x80)
            at = start + size
        self.unread = self.unread[at:]

    def receive(self):
        part = self.socket.recv(262144)
        if not part:
            raise RuntimeError("closed by the server")
        self.bytes += len(part)
        self.unread += part
        self.count()

    def wait(self, came):
        while self.came < came:
            self.receive()


class Crowd:
    """Clients that have got their greeting."""

    def __init__(self, server, count, offers, agreed):
        self.clients = [Client(server.port, offers) for _ in range(count)]
        for client in self.clients:
            client.wait(1)
            if client.agreed != agreed:
                raise RuntimeError("not what was to be agreed on")
        self.selector = selectors.DefaultSelector()
        for client in self.clients:
            self.selector.register(client.socket, selectors.EVENT_READ, client)

    def wait(self, came):
        """Until every client has got so many messages."""
        waiting = {client for client in self.clients if client.came < came}
        while waiting:
            events = self.selector.select(PATIENCE_S)
            if not events:
                raise RuntimeError("%d clients wait in vain" % len(waiting))
            for key, _ in events:
                key.data.receive()
                if key.data.came >= came:
                    waiting.discard(key.data)

    def close(self):
        for client in self.clients:
            client.socket.close()
        self.selector.close()


def pss_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))


# (what is set, whether clients offer the extension)
CASES = {
    "off": ('deflate = "off";', True),
    "on, not offered": ('deflate = "on";', False),
    "on, agreed": ('deflate = "on";', True),
}


def toni(bench, case):
    return Toni(bench.build, provider=CASES[case][0])


def memory(bench, case):
    """Bytes for each connection: idle, and when each has sent and got a message of 4 KiB."""
    with Server(toni(bench, case), bench.server_core) as server:
        offers, agreed = CASES[case][1], case == "on, agreed"
        warm = Crowd(server, 200, offers, agreed)  # what the first ones cost the host itself
        talk(warm, agreed)
        warm.close()
        before = pss_bytes(server.pid)
        crowd = Crowd(server, CONNECTIONS, offers, agreed)
        idle = pss_bytes(server.pid)
        talk(crowd, agreed)
        used = pss_bytes(server.pid)
        crowd.close()
    return (idle - before) / CONNECTIONS, (used - before) / CONNECTIONS


def talk(crowd, compressed):
    """Each joins a room of its own, says 4 KiB there and hears it."""
    text = document(1, 4096)
    for number, client in enumerate(crowd.clients):
        client.socket.sendall(
            frame(b"join:own-%d" % number, False)
            + frame(b"msg:own-%d:%s" % (number, text.encode()), compressed)
        )
        client.wait(4)


def instructions(bench, case, size):
    """Of one broadcast to MEMBERS, with callgrind, and the bytes that a member receives."""
    folder = tempfile.mkdtemp(prefix="toni-bench-deflate-")
    out = os.path.join(folder, "out")
    prefix = ["valgrind", "--tool=callgrind", "--quiet", "--callgrind-out-file=" + out]
    callgrind = counting.Callgrind(bench)
    try:
        with Server(toni(bench, case), bench.server_core, prefix) as server:
            crowd = Crowd(server, MEMBERS, CASES[case][1], case == "on, agreed")
            for client in crowd.clients:
                client.socket.sendall(frame(b"join:all", False))
            crowd.clients[-1].wait(3)
            crowd.wait(3)  # greeting, answer, and at least its own line
            settle(crowd)
            publish(crowd, 0, size)  # makes what is made once
            callgrind.at_gate("begin", server)
            before = sum(client.bytes for client in crowd.clients)
            for number in range(BROADCASTS):
                publish(crowd, number + 1, size)
            callgrind.at_gate("end", server)
            received = sum(client.bytes for client in crowd.clients) - before
            crowd.close()
        total = sum(counting.self_costs(out + ".1").values())
    finally:
        callgrind.finish()
        shutil.rmtree(folder, ignore_errors=True)
    return total / BROADCASTS, received / BROADCASTS / MEMBERS


def settle(crowd):
    """Reads what members hear of those who joined after them."""
    while crowd.selector.select(0.5):
        for key, _ in crowd.selector.select(0):
            key.data.receive()


def publish(crowd, number, size):
    came = {client: client.came + 1 for client in crowd.clients}
    text = document(number, size).encode()
    crowd.clients[0].socket.sendall(frame(b"msg:all:" + text, False))
    waiting = set(crowd.clients)
    while waiting:
        for key, _ in crowd.selector.select(PATIENCE_S):
            key.data.receive()
            if key.data.came >= came[key.data]:
                waiting.discard(key.data)


def text(bench, rounds):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    lines = ["memory of a connection, bytes (Pss, %d connections, medians of %d)"
             % (CONNECTIONS, rounds)]
    lines.append("%-18s %10s %30s" % ("", "idle", "after 4 KiB each way"))
    for case in CASES:
        found = [memory(bench, case) for _ in range(rounds)]
        lines.append("%-18s %10.0f %30.0f"
                     % (case, *(statistics.median(column) for column in zip(*found))))
    if counting.needs("valgrind", "callgrind_control"):
        return "\n".join(lines + ["without valgrind: no instructions"])
    lines += ["", "a broadcast to %d members" % MEMBERS]
    lines.append("%-18s %8s %16s %24s" % ("", "bytes", "instructions", "received by each, bytes"))
    for size in (2048, 4096, 32768):
        for case in CASES:
            lines.append("%-18s %8d %16.0f %24.0f"
                         % (case, size, *instructions(bench, case, size)))
    return "\n".join(lines)
