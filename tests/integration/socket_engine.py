"""One server of the fixture engine (tests/fixtures/socket_engine.c): a process that keeps the order of rooms as
toni/engine.h asks for it, at a Unix socket. All numbers are 8 bytes, the lowest first; a string is its size and its
bytes; a frame is its size, a letter, and what belongs to it.

Usage: socket_engine.py PATH SLOTS. SLOTS: of nodes, at most."""

import selectors
import socket
import struct
import sys
import time

APPLIED, REPEAT, LOST, OTHER, NOT_RUN = 0, 1, 2, 3, 5


class Room:
    def __init__(self, epoch, incarnation):
        self.epoch, self.incarnation = epoch, incarnation
        self.offset = 0
        self.numbers = {}
        self.entries = []


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        (value,) = struct.unpack_from("<Q", self.data, self.at)
        self.at += 8
        return value

    def text(self):
        size = self.number()
        self.at += size
        return self.data[self.at - size : self.at]


def packed(*parts):
    return b"".join(struct.pack("<Q", part) if isinstance(part, int) else struct.pack("<Q", len(part)) + part for part in parts)


class Client:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.data = b""
        self.rooms = set()
        self.node = 0

    def send(self, letter, *parts):
        body = letter + packed(*parts)
        try:
            self.sock.sendall(struct.pack("<Q", len(body)) + body)
        except OSError:
            pass  # reading finds it out

    def read(self):
        try:
            more = self.sock.recv(1 << 20)
        except OSError:
            more = b""
        if not more:
            self.server.drop(self)
            return
        self.data += more
        while len(self.data) >= 8:
            (size,) = struct.unpack_from("<Q", self.data)
            if len(self.data) < 8 + size:
                break
            frame, self.data = self.data[8 : 8 + size], self.data[8 + size :]
            getattr(self, "on_" + frame[:1].decode())(Reader(frame[1:]))

    def on_h(self, frame):
        request, proposed, self.node = frame.number(), frame.number(), frame.number()
        server = self.server
        server.incarnation = server.incarnation or proposed
        server.engine_id = server.engine_id or proposed
        for other in list(server.clients):
            if other is not self and other.node == self.node:
                server.drop(other)
        self.send(b"H", request, server.incarnation, server.engine_id)

    def on_p(self, frame):
        number, incarnation, node, proposed, after, epoch, is_repeat, kind, keep = (frame.number() for _ in range(9))
        name, body = frame.text(), frame.text()
        server = self.server
        if incarnation != server.incarnation:
            return self.send(b"P", number, OTHER, 0, 0, 0)
        room = server.rooms.get(name)
        if not room or room.incarnation != incarnation:
            if is_repeat:
                return self.send(b"P", number, LOST, 0, 0, 0)
            if after:
                return self.send(b"P", number, NOT_RUN, 0, 0, 0)
            room = server.rooms[name] = Room(proposed, incarnation)
        if is_repeat and (epoch != room.epoch and (epoch or node not in room.numbers)):
            return self.send(b"P", number, LOST, 0, 0, 0)
        if number <= room.numbers.get(node, 0):
            at = room.offset if number == room.numbers[node] and room.last_node == node else 0
            return self.send(b"P", number, REPEAT, room.epoch, at, 0)
        if after > room.numbers.get(node, 0):
            return self.send(b"P", number, NOT_RUN, 0, 0, 0)
        room.numbers[node], room.last_node = number, node
        room.offset += 1
        if keep:
            room.entries = (room.entries + [(room.offset, kind, body)])[-keep:]
        receivers = [client for client in server.clients if name in client.rooms]
        for client in receivers:
            client.send(b"M", name, room.epoch, room.offset, kind, body)
        return self.send(b"P", number, APPLIED, room.epoch, room.offset, len(receivers))

    def names(self, frame):
        return frame.number(), [frame.text() for _ in range(frame.number())]

    def on_s(self, frame):
        for name in self.names(frame)[1]:
            self.rooms.add(name)
            self.send(b"S", name, 1)

    def on_u(self, frame):
        for name in self.names(frame)[1]:
            self.rooms.discard(name)
            self.send(b"S", name, 0)

    def top(self, name):
        room = self.server.rooms.get(name)
        return (room.epoch, room.offset) if room and room.incarnation == self.server.incarnation else (0, 0)

    def on_t(self, frame):
        request, names = self.names(frame)
        self.send(b"T", request, len(names), *(part for name in names for part in self.top(name)))

    def on_y(self, frame):
        request, limit, epoch, offset, is_last = (frame.number() for _ in range(5))
        name = frame.text()
        top = self.top(name)
        entries = self.server.rooms[name].entries if top[0] and (is_last or top[0] == epoch) else []
        if is_last:
            entries = entries[-limit:] if limit else []
        else:
            entries = [entry for entry in entries if entry[0] > offset][:limit]
        self.send(b"Y", request, *top, len(entries), *(part for entry in entries for part in entry))

    def on_o(self, frame):
        request, incarnation = frame.number(), frame.number()
        if incarnation != self.server.incarnation:
            self.send(b"O", request, OTHER)
            return
        self.send(b"O", request, APPLIED)
        self.send(b"E", request)

    def on_l(self, frame):
        request, ttl, incarnation, node, slot, boot, may_restore, floor, step, id_key = (frame.number() for _ in range(10))
        name, server, now = frame.text(), self.server, time.monotonic()
        if incarnation != server.incarnation:
            self.send(b"F", request, OTHER)
            return
        server.leases = {s: lease for s, lease in server.leases.items() if lease[2] > now}
        server.id_key = server.id_key or id_key
        held = server.leases.get(slot)
        if ttl == 0:
            if held and held[:2] == (node, boot):
                del server.leases[slot]
            self.send(b"L", request, 0, 0, 0, 0)
            return
        if not (held and held[1] == boot) and not (may_restore and slot and not held):
            slot = next((s for s in range(1, server.slots + 1) if s not in server.leases), 0)
            if slot == 0:
                self.send(b"L", request, 0, 0, 0, 0)
                return
            boot = server.boot = max(server.boot, floor, int(time.time() * 1000)) + step
        server.leases[slot] = (node, boot, now + ttl / 1000, name)
        leases = [(n, b, s, max(0, int((until - now) * 1000)), text) for s, (n, b, until, text) in server.leases.items()]
        self.send(b"L", request, slot, boot, server.id_key, len(leases), *(part for lease in leases for part in lease))


class Server:
    def __init__(self, path, slots):
        self.slots = slots
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.clients, self.rooms, self.leases = [], {}, {}
        self.incarnation = self.engine_id = self.id_key = self.boot = 0

    def drop(self, client):
        if client in self.clients:
            self.clients.remove(client)
            self.selector.unregister(client.sock)
            client.sock.close()

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    client = Client(self, self.listener.accept()[0])
                    self.clients.append(client)
                    self.selector.register(client.sock, selectors.EVENT_READ, client)
                elif key.data in self.clients:
                    key.data.read()


if __name__ == "__main__":
    server = Server(sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    server.serve()
