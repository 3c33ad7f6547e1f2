"""What is between one node and Redis breaks: the others don't notice, and what was lost is mended or told."""

import re
import signal
import time
import unittest

from hosts import BACK_S, ClusterTestCase, sized
from proxy import BLACK_HOLE, CUT, OPEN
from toni_host import say

MEMBERS, ROOMS, RATE = sized(60, 3000), sized(6, 100), sized(200, 2000)
AWAY_S = sized(2, 20)
KILLS, KILLS_EVERY_S = sized(5, 50), sized(0.4, 2)
STOPPED_S = sized(4, 60)


class TestCutOff(ClusterTestCase):
    proxied = (1,)

    def is_alone_and_comes_back(self, mode):
        rooms = self.crowd(MEMBERS, ROOMS)
        self.load.publish(rooms, RATE)
        time.sleep(1)
        self.proxies[1].set(mode)
        self.eventually(lambda: not self.is_up(self.hosts[1]), "the node knows that it is cut off")
        time.sleep(AWAY_S)
        self.assertTrue(self.is_up(self.hosts[0]) and self.is_up(self.hosts[2]))
        refused = self.load.ask(lambda: dict(self.load.refused_at))
        self.assertEqual(set(refused), {self.hosts[1].address})
        healed = time.monotonic()
        self.proxies[1].set(OPEN)
        self.wait_up(self.hosts[1], BACK_S)
        say("back after %.2f s" % (time.monotonic() - healed))
        self.settle(rooms)
        self.assert_nobody_lost()
        # The others lack nothing, and the history has what the node has missed.
        self.assert_no_gaps()
        self.end_well()

    def test_only_the_node_that_is_cut_off_degrades(self):
        self.is_alone_and_comes_back(CUT)

    def test_only_the_node_whose_bytes_vanish_degrades(self):
        self.is_alone_and_comes_back(BLACK_HOLE)


class TestDelayed(ClusterTestCase):
    proxied = (1,)

    def test_a_slow_link_is_slow_and_nothing_else(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        self.proxies[1].set(OPEN, 0.05)
        self.load.publish(rooms, RATE)
        time.sleep(2)
        self.proxies[1].set(OPEN)
        self.settle(rooms)
        self.assert_no_gaps()
        self.assertFalse(self.load.refused, self.load.refused)
        self.assertEqual(len(self.load.judge.places), self.load.sent)
        self.end_well()


class TestSubscribers(ClusterTestCase):
    def test_subscriptions_that_redis_ends_are_made_again(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        self.load.publish(rooms, RATE)
        for _ in range(KILLS):
            time.sleep(KILLS_EVERY_S)
            self.redis.cli("client", "kill", "type", "pubsub")
        for host in self.hosts:
            self.wait_up(host, BACK_S)
        self.settle(rooms)
        self.assert_nobody_lost()
        self.assert_no_gaps()  # the history has it all
        self.assert_subscribed(rooms)
        self.end_well()

    def assert_subscribed(self, rooms):
        """Each node subscribes to each room once; before it does, it may have got from the history what was said last."""
        self.eventually(lambda: set(map(self.subscribers().get, rooms)) == {self.nodes}, "each subscribes to each room")


class TestStoppedReader(ClusterTestCase):
    redis_settings = {"client_output_buffer_limit": ("pubsub", "256kb", "64kb", "1")}
    # More than the sockets' own buffers hold; and what a client missed it still can read in time.
    padding = "x" * sized(16000, 2000)

    def node(self, index, **conf):
        # All that was missed comes at once: a client that takes its time for it is no slow consumer here.
        return super().node(index, limits={"outbox_bytes": 64 << 20, "outbox_messages": 100000}, **conf)

    def test_a_node_that_stands_still_is_cut_by_redis_and_misses_nothing_untold(self):
        rooms = self.crowd(2 * self.nodes, 2)
        self.load.padding = self.padding
        self.load.publish(rooms, 400)
        time.sleep(1)
        before = self.connections()
        self.hosts[2].process.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        self.hosts[2].process.send_signal(signal.SIGCONT)
        self.eventually(lambda: self.connections() > before, "it has connected anew", BACK_S)
        self.wait_up(self.hosts[2], BACK_S)
        self.settle(rooms)
        self.assert_nobody_lost()
        self.end_well()

    def connections(self):
        """That the server has accepted, those of this test's questions left out: the highest id of a node's."""
        return max(map(int, re.findall(r"(?m)^id=(\d+) ", self.redis.cli("client", "list", "type", "pubsub"))), default=0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
