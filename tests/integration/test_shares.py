"""What one client sends may take long to read, and the worker is others' as well: it is set aside in
the middle, and goes on later. Nobody loses anything by that, and nothing changes its place."""

import glob
import signal
import threading

from test_admin import AdminTestCase
from toni_host import (
    BINARY, CLOSE, CONTINUATION, ECHO, PING, PROBE, TEXT, both, close_payload, deflated, frame, gateway,
    main, scaled,
)

DEFLATE = "permessage-deflate; client_no_context_takeover"
LARGE = 1000000  # bytes, within message_bytes
DEFLATING = gateway("deflating", "echo_gateway.so", "/deflating", deflate="on")


def large(number):
    """Comes in 1 KB, and is a megabyte."""
    return bytes([number % 256]) * LARGE


def compressed(message):
    return frame(BINARY, deflated(message), rsv=4)


class SharesTestCase(AdminTestCase):
    gateways = (ECHO, DEFLATING)

    def deferred(self):
        return self.metrics()("receiving_deferred_total")

    def pile_up(self, client, data):
        """Sends what the kernel takes while the host stands still. @return The rest."""
        sent = 0
        client.sock.setblocking(False)
        try:
            while sent < len(data):
                sent += client.sock.send(data[sent : sent + 65536])
        except BlockingIOError:
            pass
        return data[sent:]

    def stand_still(self):
        self.host.process.send_signal(signal.SIGSTOP)
        self.eventually(lambda: set(self.thread_states()) == {"T"}, "all threads stand still")

    def thread_states(self):
        for path in glob.glob("/proc/%d/task/*/stat" % self.host.process.pid):
            with open(path, encoding="utf-8") as stat:
                yield stat.read().rpartition(")")[2].split()[0]

    def go_on(self):
        self.host.process.send_signal(signal.SIGCONT)

    def in_its_own_thread(self, work):
        """@return What ends it, and raises what it has raised."""
        raised = []

        def run():
            try:
                work()
            except BaseException as error:  # pylint: disable=broad-except
                raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def join():
            thread.join()
            if raised:
                raise raised[0]

        return join


@both
class TestInflating(SharesTestCase):
    def test_what_inflates_to_much_is_set_aside_and_keeps_its_place(self):
        before = self.deferred()
        heavy = [self.client("/deflating", greeted=False, deflate=DEFLATE) for _ in range(6)]
        numbers = range(scaled(8, 4))

        def send(client):
            for number in numbers:
                client.send_raw(compressed(large(number)) + frame(TEXT, "behind %d" % number))

        def check(client):
            for number in numbers:
                client.expect(large(number), "behind %d" % number)

        ends = [self.in_its_own_thread(lambda c=c, w=w: w(c)) for c in heavy for w in (send, check)]
        honest = self.client("/echo", greeted=False)
        for number in range(scaled(500, 100)):
            text = "honest %d" % number
            self.assertEqual(honest.ask(text), text)
        for end in ends:
            end()
        self.assertGreaterEqual(self.deferred() - before, len(heavy) * len(numbers))
        self.eventually(lambda: self.metrics()("inbound_bytes") == 0, "nothing is kept")

    def test_all_of_one_read_comes_in_order(self):
        client = self.client("/deflating", greeted=False, deflate=DEFLATE)
        numbers = range(10)
        data = b"".join(compressed(large(n)) + frame(TEXT, "behind %d" % n) for n in numbers)
        end = self.in_its_own_thread(lambda: client.send_raw(data))
        for number in numbers:
            client.expect(large(number), "behind %d" % number)
        end()

    def test_one_that_came_in_fragments(self):
        client = self.client("/deflating", greeted=False, deflate=DEFLATE)
        body, before = deflated(large(7)), self.deferred()
        client.send_raw(
            frame(BINARY, body[:300], fin=False, rsv=4)
            + frame(CONTINUATION, body[300:500], fin=False)
            + frame(CONTINUATION, body[500:])
            + frame(TEXT, "behind")
        )
        client.expect(large(7), "behind")
        self.assertGreater(self.deferred(), before)

    def test_one_that_becomes_too_large(self):
        client = self.client("/deflating", greeted=False, deflate=DEFLATE)
        client.send_raw(frame(TEXT, "first") + compressed(bytes(16 << 20)) + frame(TEXT, "never"))
        client.expect("first")
        client.expect_close(1009, "message too big")
        self.eventually(lambda: self.metrics()("inbound_bytes") == 0, "nothing is kept")

    def test_a_close_behind_it_is_answered_behind_it(self):
        client = self.client("/deflating", greeted=False, deflate=DEFLATE)
        client.send_raw(compressed(large(1)) + frame(CLOSE, close_payload(1000)))
        client.expect(large(1))
        client.expect_close(1000, answer=False)
        client.expect_end()

    def test_who_goes_in_the_middle_is_forgotten(self):
        for leave in ("drop", "reset"):
            clients = [
                self.client("/deflating", greeted=False, deflate=DEFLATE) for _ in range(10)
            ]
            for client in clients:
                client.send_raw(compressed(large(1)) * 5)
                getattr(client, leave)()
            self.shows("sockets", 0)
            self.shows("inbound_bytes", 0)
        self.assertEqual(self.client("/echo", greeted=False).ask("x"), "x")


@both
class TestFragments(SharesTestCase):
    def test_a_message_in_tens_of_thousands(self):
        client, before = self.client("/echo", greeted=False), self.deferred()
        count = 60000
        storm = frame(CONTINUATION, "x", fin=False) * (count - 2)
        data = frame(TEXT, "first") + frame(TEXT, "x", fin=False) + storm + frame(CONTINUATION, "x")
        self.stand_still()
        rest = self.pile_up(client, data + frame(TEXT, "last"))
        self.go_on()
        client.send_raw(rest)
        client.expect("first", "x" * count, "last")
        self.assertGreater(self.deferred(), before)


class TestPings(SharesTestCase):
    def test_a_flood_of_them_is_behind_what_came_before(self):
        client, before = self.client("/echo", greeted=False), self.deferred()
        pings, rounds = frame(PING) * 5000, range(10)
        client.answer_pings = False
        self.stand_still()
        rest = self.pile_up(client, b"".join(frame(TEXT, "message %d" % n) + pings for n in rounds))
        self.go_on()
        end, texts = self.in_its_own_thread(lambda: client.send_raw(rest)), []
        while len(texts) < len(rounds):
            got = client.read_frame()
            if got.opcode == TEXT:
                texts.append(got.payload.decode())
        end()
        self.assertEqual(texts, ["message %d" % number for number in rounds])
        self.assertGreater(self.deferred(), before)


class TestFloods(SharesTestCase):
    def test_who_sends_without_end_is_one_of_many(self):
        """More than a worker reads in a turn waits in each socket, all the time."""
        flood, before = frame(PING) * 100000, self.deferred()
        clients = [self.client("/echo", greeted=False) for _ in range(8)]
        honest = self.client("/echo", greeted=False)

        def drain(client, rest):
            client.send_raw(rest + frame(CLOSE, close_payload(1000)))
            while client._fill():
                client.buffer.clear()

        self.stand_still()
        rests = [self.pile_up(client, flood) for client in clients]
        self.go_on()
        ends = [self.in_its_own_thread(lambda a=a: drain(*a)) for a in zip(clients, rests)]
        for number in range(scaled(200, 50)):
            text = "honest %d" % number
            self.assertEqual(honest.ask(text), text)
        for end in ends:
            end()
        self.assertGreaterEqual(self.deferred() - before, len(clients))
        self.shows("inbound_bytes", 0)


class TestWhoIsKnownToFlood(SharesTestCase):
    gateways = (PROBE,)
    workers = 1

    def in_one_turn(self, *clients):
        """Each says its number to the room, one after the other. @return What the last one hears."""
        self.stand_still()
        for number, client in enumerate(clients):
            client.send("tell:hall:%d" % number)
        self.go_on()
        heard = []
        while len(heard) < len(clients):
            text = clients[-1].read()
            if not text.startswith("targeted="):
                heard.append(int(text))
        return heard

    def test_it_is_behind_the_others_the_next_time_and_then_one_of_them_again(self):
        flood, honest = self.client("/probe"), self.client("/probe")
        self.assertEqual(honest.ask("join:hall"), "ok")
        # Whoever was read last may be the first that epoll looks at again.
        self.assertEqual(flood.ask("tell:nobody:x"), "targeted=0")
        self.assertEqual(self.in_one_turn(flood, honest), [0, 1])
        flood.expect("targeted=1")

        before, count = self.deferred(), 2000
        self.stand_still()
        self.assertEqual(self.pile_up(flood, frame(TEXT, "tell:nobody:x") * count), b"")
        self.go_on()
        flood.expect(*["targeted=0"] * count)
        self.assertGreater(self.deferred(), before)

        self.assertEqual(self.in_one_turn(flood, honest), [1, 0])
        flood.expect("targeted=1")
        self.assertEqual(self.in_one_turn(flood, honest), [0, 1])


if __name__ == "__main__":
    main()
