"""Who is the first of a room on its host has joined when the engine hears of that, not when it has subscribed: what is
said in between comes, or is told. Subscriptions are made slow here, so that all of it is said in between."""

import unittest

from hosts import ClusterTestCase, sized
from jitter import MOST_S
from load import PATH
from toni_host import Client, say

ROOMS = sized(100, 3000)
TOGETHER = 20  # a client that is told of more losses than 32 at a time is told of some of them together
# What the left host publishes waits for its own subscription: time enough for the right host's question, and by then
# the right host's subscription is still on its way.
SLOW_S = [slow_s + 2 * MOST_S for slow_s in (0.1, 0.4)]  # that question's time, and that of what is before it


class Talker:
    """A client of one host; what it is sent is sorted."""

    def __init__(self, host):
        self.client = Client(host.address, PATH)
        self.joined, self.accepted = set(), set()
        self.got, self.gaps = [], []

    def read(self):
        words = self.client.read().split(" ")
        if words[0] == "joined":
            self.joined.add(words[1])
        elif words[0][0] == "+":
            self.accepted.add(words[0][1:])
        elif words[0] == "m":
            self.got.append(words[2])
        elif words[0] == "gap":
            self.gaps.append(words[2])
        else:
            raise AssertionError("unexpected: %s" % words)

    def join(self, room):
        self.client.send("join " + room)
        while room not in self.joined:
            self.read()


class Joins(ClusterTestCase):
    nodes = 2
    proxied = (0, 1)

    def hear(self, talker, rooms):
        """Reads until it has heard of each room."""
        try:
            while set(rooms) - set(talker.got) - set(talker.gaps):
                talker.read()
        except AssertionError as missing:
            never = sorted(set(rooms) - set(talker.got) - set(talker.gaps))
            raise AssertionError("%s\nof %s nothing; %d broadcasts are lost\n%s"
                                 % (missing, never, self.lost(), self.warnings())) from None  # fmt: skip

    def speak(self):
        """One client on each host joins, and the first says something at once: room by room. @return Both, once
        nothing more can come."""
        for index, proxy in self.proxies.items():
            proxy.slow_subscriptions_s = SLOW_S[index]
        left, right = (Talker(host) for host in self.hosts)
        rooms = []
        while len(rooms) < ROOMS:
            for room in ["room-%d" % number for number in range(len(rooms), len(rooms) + TOGETHER)]:
                left.join(room)
                right.join(room)
                left.client.send("say %s %s" % (room, room))
                rooms.append(room)
            for talker in (left, right):
                self.hear(talker, rooms)
        self.assertEqual(left.accepted, set(rooms))
        say("%d rooms: left got %d and %d gaps, right %d and %d gaps"
            % (ROOMS, len(left.got), len(left.gaps), len(right.got), len(right.gaps)))
        for proxy in self.proxies.values():
            proxy.slow_subscriptions_s = 0
        return left, right, rooms


class TestWithHistory(Joins):
    def test_all_that_is_said_after_a_join_comes_once(self):
        left, right, rooms = self.speak()
        for talker in (left, right):
            self.assertEqual(sorted(talker.got), sorted(rooms))
            self.assertEqual(talker.gaps, [])
        self.end_well()


class TestWithoutHistory(Joins):
    history = None

    def test_it_comes_or_is_told(self):
        left, right, rooms = self.speak()
        # What a host publishes itself waits for its own subscription: so that always comes.
        self.assertEqual(sorted(left.got), sorted(rooms))
        self.assertEqual(left.gaps, [])
        self.assertEqual(sorted(right.got + right.gaps), sorted(rooms))
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
