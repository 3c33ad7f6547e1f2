"""A member of a room that reads nothing for a while, under each policy for full outboxes."""

import collections
import select
import threading
import urllib.request

from toni_host import (
    DEADLINE, PING, PONG, PROBE, TEXT, Client, HostTestCase, both, frame, gateway, main,
)

COUNT, SIZE = 1000, 16000
MOST = 50


def room_of(policy):
    return gateway(
        policy, "probe_gateway.so", "/" + policy,
        limits={"outbox_policy": policy, "outbox_messages": MOST, "outbox_bytes": 10 * MOST * SIZE},
    )


@both
class TestPolicies(HostTestCase):
    gateways = (PROBE, room_of("drop_oldest"), room_of("drop_newest"), room_of("latest"))
    admin = "127.0.0.1:0"

    @staticmethod
    def number_of(text):
        return int(text.partition(":")[0])

    def figures(self):
        """What is counted now, whatever the labels."""
        host, port = self.host.admin_address.split(":")
        found = collections.Counter()
        with urllib.request.urlopen("http://%s:%s/metrics" % (host, port), timeout=DEADLINE) as answer:
            for line in answer.read().decode().splitlines():
                name, _, value = line.partition(" ")
                if not line.startswith("#"):
                    found[name.partition("{")[0].removeprefix("toni_")] += float(value.split()[-1])
        return found

    def figure(self, name):
        return self.figures()[name]

    def all_is_flushed(self):
        """Whether each message was written, was dropped, or waits, as a flush has left it."""
        now = self.figures()
        flushed = now["messages_sent_total"] + now["messages_dropped_total"] + now["outbox_messages"]
        return now["pending_bytes"] == 0 and now["messages_targeted_total"] == flushed

    @staticmethod
    def has_something(client):
        return bool(client.buffer or select.select([client.sock], [], [], 0.05)[0])

    def stall(self, policy):
        """Tells a room of two COUNT numbered texts, while one of them does not read; and then what
        it got, once it reads again, and what the other one got."""
        slow = Client(self.host.address, "/" + policy, receive_buffer=8192)
        self.addCleanup(slow.sock.close)
        quick, teller = self.client("/probe"), self.client("/probe")
        slow.read()
        self.assertEqual(slow.ask("join:" + policy), "ok")
        self.assertEqual(quick.ask("join:" + policy), "ok")
        got = []
        for number in range(COUNT):
            text = "%d:" % number + "x" * SIZE
            self.assertEqual(teller.ask("tell:%s:%s" % (policy, text)), "targeted=2")
            got.append(quick.read() == text)
            if number % 20 == 0:  # no worker lags behind: what it had to catch up with is a burst
                self.eventually(self.all_is_flushed, "all are delivered")
        self.assertEqual(got, [True] * COUNT)
        # What comes to the slow one's worker once that one reads finds space.
        self.eventually(self.all_is_flushed, "the last, too")
        numbers = []
        while self.figure("outbox_messages") > 0:  # a direct send would not be taken
            if self.has_something(slow):  # the figure follows the write: it may have gone already
                numbers.append(self.number_of(slow.read()))
        slow.send("id")
        while True:
            text = slow.read()
            if text.startswith("id="):
                break
            numbers.append(self.number_of(text))
        self.assertEqual(numbers, sorted(set(numbers)), "out of order, or twice")
        self.assertEqual(numbers[0], 0)
        counts = dict.fromkeys(("slow_consumer", "drop_oldest", "drop_newest", "latest"), 0)
        counts[policy] = COUNT - len(numbers)
        self.assertEqual(
            teller.ask("room:" + policy),
            "members=2 targets=2 sequence=%d " % COUNT
            + " ".join("%s=%d" % count for count in counts.items()),
            "what the room lost is what the slow one did not get",
        )
        slow.close()
        return numbers

    def dropped(self, numbers):
        return [number for number in range(COUNT) if number not in set(numbers)]

    def test_drop_oldest(self):
        numbers = self.stall("drop_oldest")
        self.assertEqual(numbers[-MOST:], list(range(COUNT - MOST, COUNT)))
        dropped = self.dropped(numbers)
        self.assertGreater(len(dropped), 0)
        # one gap: between what the kernel had taken and the newest
        self.assertEqual(dropped, list(range(dropped[0], dropped[0] + len(dropped))))

    def test_drop_newest(self):
        numbers = self.stall("drop_newest")
        self.assertLess(len(numbers), COUNT)
        self.assertEqual(numbers, list(range(len(numbers))))

    def test_latest(self):
        numbers = self.stall("latest")
        self.assertLess(len(numbers), COUNT)
        self.assertEqual(numbers[-1], COUNT - 1)
        self.assertEqual(numbers[:-1], list(range(len(numbers) - 1)))

    def test_the_kernel_holds_little_for_who_reads_nothing(self):
        """What it holds is held once for each client, and no policy reaches it."""
        slow = Client(self.host.address, "/drop_oldest", receive_buffer=8192)
        self.addCleanup(slow.reset)
        teller = self.client("/probe")
        slow.read()
        self.assertEqual(slow.ask("join:held"), "ok")
        for _ in range(MOST // 2):
            self.assertEqual(teller.ask("tell:held:" + "x" * SIZE), "targeted=1")
        self.eventually(
            lambda: self.figure("outbox_messages") > MOST // 4, "most of them wait in the outbox"
        )

    def test_a_pong_comes_behind_what_waits_and_no_more(self):
        """Whoever reads more slowly than its room is fed, in every turn, gets its pong all the same: else
        it might take the host for lost. What comes after its ping may be dropped, or follows the pong."""
        slow = Client(self.host.address, "/drop_oldest", receive_buffer=8192)
        self.addCleanup(slow.sock.close)
        feeder = Client(self.host.address, "/drop_oldest")
        slow.read()
        self.assertEqual(slow.ask("join:behind"), "ok")
        # The host reads a few of these in each turn, until it has read them all.
        thread = threading.Thread(
            target=feeder.send_raw, args=(frame(TEXT, b"burst:behind:1000") * 4000,)
        )
        thread.start()
        self.eventually(lambda: self.figure("outbox_messages") > 0, "it is behind")
        slow.send_frame(PING, b"still there?")
        read = 0
        while True:
            got = slow.read_frame()
            if got.opcode == PONG:
                break
            read += 2 + len(got.payload)
        self.assertEqual(got.payload, b"still there?")
        self.assertLess(read, 4 << 20, "bytes that came before it, of 24 million")
        thread.join()
        feeder.reset()


if __name__ == "__main__":
    main()
