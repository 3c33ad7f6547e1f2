"""Clients of a cluster, on one thread: members, who hand all that they get to the judge, and publishers, who send at a
pace. They speak to fixtures/cluster_gateway.c."""

import collections
import selectors
import socket
import threading
import time

from judge import Judge
from toni_host import DEADLINE, PONG, TEXT, frame, open_socket, request, small_frames

PATH = "/cluster"
PADDING = "x" * 100
LATENCY_OF_EVERY = 16  # members; to measure costs time, too


class Client:
    __slots__ = ("number", "address", "sock", "buffer", "unsent", "rooms", "closed")

    def __init__(self, number, address):
        self.number, self.address = number, address
        self.sock, self.buffer, self.unsent = None, bytearray(), bytearray()
        self.rooms = []  # that it is to be in
        self.closed = None


def opened(address):
    """The handshake's answer is read by whoever reads."""
    sock = open_socket(address)
    sock.sendall(request(PATH))
    return sock


class Load(threading.Thread):
    """Runs from start() to stop(). What other threads ask for is done on its own (ask), since the judge is there.
    addresses: of the hosts."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self.addresses = list(addresses)
        self.judge = Judge()
        self.selector = selectors.DefaultSelector()
        self.members, self.publishers = [], []
        self.rooms, self.rate, self.verb, self.padding = [], 0, "say", PADDING
        self.asked = collections.deque()
        self.wake_end, self.wake = socket.socketpair()
        self.wake.setblocking(False)
        self.selector.register(self.wake, selectors.EVENT_READ, None)
        self.is_over, self.failure = False, None
        # A client is told of 32 gaps at a time, and of the others by `*`. That is said of what goes to the whole namespace,
        # too, so it excuses no hole where members are in few rooms.
        self.are_rooms_many = False
        self.sent = self.accepted = 0
        self.sent_in = collections.Counter()  # by the room
        self.refused = collections.Counter()  # by the error's name
        self.refused_in = collections.Counter()  # by the room, of what publish() sends
        self.refused_at = collections.Counter()  # by the host's address
        self.last_refused = self.last_accepted = 0.0
        self.receipts = 0
        self.recovered, self.unrecovered = 0, 0
        self.latencies = []
        self.fences = collections.Counter()  # of a fence's key: how many have got it
        self.counts = {}  # of (client, room): what a host said
        self.lost_clients = []
        self.answers = collections.Counter()  # of what was done: how often

    # ------------------------------------------------------------ from other threads

    def ask(self, run):
        """Has run() called on the load's thread; its result."""
        done = threading.Event()
        box = []

        def task():
            try:
                box.append((run(), None))
            except BaseException as failure:  # whoever asked is told
                box.append((None, failure))
            done.set()

        self.asked.append(task)
        self.wake_end.send(b"w")
        if not done.wait(DEADLINE * 4):
            raise AssertionError("the load does not answer: %s" % self.failure)
        result, failure = box[0]
        if failure:
            raise failure
        return result

    def connect(self, count, rooms_of, hosts=None):
        """More members; rooms_of(number) are a member's rooms. Returns once they are in."""
        addresses = hosts or self.addresses

        def run(how_many):
            joins = 0
            for _ in range(how_many):
                member = Client(len(self.members), addresses[len(self.members) % len(addresses)])
                member.rooms = list(rooms_of(member.number))
                joins += len(member.rooms)
                self.members.append(member)
                self._open(member)
                for room in member.rooms:
                    self.judge.joins(member.number, room)
                    self._send(member, "join " + room)
            return joins

        wanted = self.answers["joined"]
        for first in range(0, count, 100):
            wanted += self.ask(lambda: run(min(100, count - first)))
        self.until(lambda: self.answers["joined"] >= wanted, "%d joins" % wanted)

    def publish(self, rooms, rate, publishers=None, verb="say"):
        """From now on so many messages a second, all rooms in turn, by publishers on all hosts in turn."""

        def run():
            self.rooms, self.verb = list(rooms), verb
            self.rate, self.begun, self.due = rate, time.monotonic(), 0
            while len(self.publishers) < (publishers or len(self.addresses)):
                number = len(self.publishers)
                publisher = Client("p%d" % number, self.addresses[number % len(self.addresses)])
                self._open(publisher)
                self.publishers.append(publisher)

        self.ask(run)

    def pause(self):
        self.ask(lambda: setattr(self, "rate", 0))

    def until(self, done, what, deadline=DEADLINE * 2):
        end = time.monotonic() + deadline
        while not done():
            if self.failure:
                raise self.failure
            if time.monotonic() > end:
                raise AssertionError("not within %.0f s: %s" % (deadline, what() if callable(what) else what))
            time.sleep(0.02)

    def fence(self, rooms, deadline=DEADLINE * 2, hosts=None):
        """Each publisher publishes to each of the rooms until all of its members have got one and the same message of his: so
        they have got all that he has said before, or have been told. What another has said may still be on its way from
        his host."""
        members = collections.Counter(room for member in self.members for room in member.rooms)
        left, serial, end = set(rooms), 0, time.monotonic() + deadline
        addresses = hosts or self.addresses
        while left:
            serial += 1
            keys = {room: [] for room in left}

            def run():
                for publisher in self.publishers:
                    if publisher.sock and publisher.address in addresses:
                        for room in left:
                            key = "fence-%s-%d-%s-%d" % (room, serial, publisher.number, time.monotonic_ns())
                            keys[room].append(key)
                            self._send(publisher, "%s %s %s" % (self.verb, room, key))
                            self._count_sent(room)

            self.ask(run)
            until = min(end, time.monotonic() + 2)
            while left and time.monotonic() < until:
                left = {room for room in left if min(self._fenced(keys[room])) < members[room]}
                time.sleep(0.02)
            if self.failure:
                raise self.failure
            if time.monotonic() > end and left:
                room = min(left)
                raise AssertionError(
                    "%d rooms have members without the last message after %.0f s; %s has %d members, %s got it"
                    % (len(left), deadline, room, members[room], self._fenced(keys[room]))
                )

    def _fenced(self, keys):
        """How many have got each of them."""
        return [self.fences[key] for key in keys] or [0]

    def come_back(self, members, addresses):
        """These open a new connection each, and join with where they were."""

        def run():
            for number, member in enumerate(members):
                tracks = {room: self.judge.leaves(member.number, room) for room in member.rooms}
                self._close(member)
                member.address = addresses[number % len(addresses)]
                member.closed = None
                self._open(member)
                for room, track in tracks.items():
                    self.judge.comes_back(member.number, room, track)
                    epoch = track.epoch or "0" * 16
                    self._send(member, "back %s %s:%016x" % (room, epoch, track.offset))

        self.ask(run)

    def stop(self):
        """Ends it, and raises if something was wrong with the load itself."""
        self.is_over = True
        self.wake_end.send(b"w")
        self.join(DEADLINE)
        for client in self.members + self.publishers:
            if client.sock:
                client.sock.close()
        self.selector.close()
        self.wake.close()
        self.wake_end.close()
        if self.failure:
            raise self.failure

    def percentiles_ms(self):
        ordered = sorted(self.latencies)
        if not ordered:
            return 0.0, 0.0
        return ordered[len(ordered) // 2] * 1e3, ordered[len(ordered) * 99 // 100] * 1e3

    # ------------------------------------------------------------ on its thread

    def run(self):
        try:
            while not self.is_over:
                self._turn()
        except BaseException as failure:  # until(), stop() and ask() tell
            self.failure = failure

    def _turn(self):
        for key, events in self.selector.select(self._publish_due()):
            if key.data is None:
                self.wake.recv(4096)
            elif key.data.sock is key.fileobj:
                self._serve(key.data, events)
        while self.asked:
            self.asked.popleft()()

    def _publish_due(self):
        """Sends what is due; how long nothing will be."""
        if not self.rate:
            return 1.0
        now = time.monotonic()
        due = int((now - self.begun) * self.rate)
        while self.due < due:
            number = self.due
            self.due += 1
            publisher = self.publishers[number % len(self.publishers)]
            if publisher.sock is None:
                continue
            room = self.rooms[number % len(self.rooms)]
            key = "%s-%d@%d" % (publisher.number, number, time.monotonic_ns())
            self._send(publisher, "%s %s %s %s" % (self.verb, room, key, self.padding))
            self._count_sent(room)
        return max(0.0, self.begun + (self.due + 1) / self.rate - time.monotonic())

    def _count_sent(self, room):
        self.sent += 1
        self.sent_in[room] += 1

    def _count_refused(self, client, key, error):
        self.refused[error] += 1
        self.refused_at[client.address] += 1
        if not key.startswith("fence"):
            self.refused_in[self.rooms[int(key.split("-")[1].split("@")[0]) % len(self.rooms)]] += 1
        self.last_refused = time.monotonic()

    def _open(self, client):
        client.sock = opened(client.address)
        client.sock.setblocking(False)
        client.buffer, client.unsent = bytearray(), bytearray()
        self.selector.register(client.sock, selectors.EVENT_READ, client)

    def _close(self, client):
        if client.sock:
            self.selector.unregister(client.sock)
            client.sock.close()
            client.sock = None

    def _lost(self, client, why):
        client.closed = why
        self._close(client)
        self.lost_clients.append(client)

    def _send(self, client, text):
        if client.sock is None:
            return
        client.unsent += frame(TEXT, text)
        self._flush(client)

    def _flush(self, client):
        try:
            while client.unsent:
                sent = client.sock.send(client.unsent)
                del client.unsent[:sent]
        except BlockingIOError:
            pass
        except OSError as ended:
            self._lost(client, str(ended))
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        if self.selector.get_key(client.sock).events != wanted:
            self.selector.modify(client.sock, wanted, client)

    def _serve(self, client, events):
        if events & selectors.EVENT_WRITE:
            self._flush(client)
            if client.sock is None:
                return
        if not events & selectors.EVENT_READ:
            return
        try:
            part = client.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError as ended:
            self._lost(client, str(ended))
            return
        if not part:
            self._lost(client, "the connection ended")
            return
        client.buffer += part
        self._parse(client)

    def _parse(self, client):
        if client.buffer.startswith(b"HTTP/1.1 "):
            head = client.buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            assert client.buffer.startswith(b"HTTP/1.1 101 "), "refused: %r" % client.buffer
            del client.buffer[: head + 4]
        for first, payload in small_frames(client.buffer):
            if first == 0x81:
                self._text(client, payload.decode("ascii"))
            elif first == 0x89:
                client.unsent += frame(PONG, payload)
                self._flush(client)
            elif first == 0x88:
                self._lost(client, "closed: %r" % payload)
            else:
                raise AssertionError("frame %#x" % first)
            if client.sock is None:
                return

    def _text(self, client, text):
        if text.startswith("m "):
            _, position, room, key = text.split(" ", 4)[:4]
            epoch, offset = position.split(":")
            self.judge.message(client.number, room, epoch, int(offset, 16), key)
            if key.startswith("fence"):
                self.fences[key] += 1
            elif client.number % LATENCY_OF_EVERY == 0:
                self.latencies.append((time.monotonic_ns() - int(key.split("@")[1])) / 1e9)
            return
        if text[0] == "+":
            self.accepted += 1
            self.last_accepted = time.monotonic()
        elif text[0] == "-":
            self._count_refused(client, *text[1:].split(" "))
        elif text[0] == "=":
            self.receipts += 1
        else:
            self._answer(client, text.split(" "))

    def _answer(self, client, words):
        self.answers[words[0]] += 1
        if words[0] == "gap":  # COUNT ROOM
            if words[2] != "*":
                self.judge.gap(client.number, words[2])
            elif self.are_rooms_many:
                self.judge.gap_somewhere(client.number, client.rooms)
        elif words[0] == "back":  # ROOM RECOVERED COUNT
            is_recovered = words[2] == "1"
            self.recovered += is_recovered
            self.unrecovered += not is_recovered
            self.judge.recovered(client.number, words[1], is_recovered)
        elif words[0] == "count":
            self.counts[client.number, words[1]] = int(words[2])
        elif words[0] == "not":
            raise AssertionError("refused: %s" % " ".join(words))
