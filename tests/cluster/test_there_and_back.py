"""A name leads to another Redis for a while, then back to the first, which never ended: a virtual address, or DNS. What was
said meanwhile is lost, and the first has no trace of that: nobody may hear that he has all."""

import unittest

from hosts import BACK_S, ClusterTestCase
from load import PATH
from proxy import CUT, OPEN
from toni_host import Client

SAID = 5
TIMES = 2  # what a server has heard of the other the first time does not do for the second


class Member:
    """Somebody in the room, by joining it or by coming back to it; what he is sent is sorted."""

    def __init__(self, host, position=None):
        self.client = Client(host.address, PATH)
        self.heard, self.gaps, self.position = [], 0, position
        self.client.send("back room " + position if position else "join room")
        self.answer = self.read_until(lambda words: words[0] in ("joined", "back"))

    def read_until(self, is_it):
        while True:
            words = self.client.read().split(" ")
            if words[0] == "m":
                self.position = words[1]
                self.heard.append(words[3])
            elif words[0] == "gap":
                self.gaps += 1
            if is_it(words):
                return words

    def hear(self, key):
        self.read_until(lambda words: words[0] == "m" and words[3] == key)

    def say(self, key):
        self.client.send("say room " + key)
        self.hear(key)


class TestThereAndBack(ClusterTestCase):
    nodes = 2
    proxied = (0, 1)

    def lead_to(self, redis):
        for proxy in self.proxies.values():
            proxy.set(CUT)
        for host in self.hosts:
            self.eventually(lambda: not self.is_up(host), "the host sees that its server is away")
        for proxy in self.proxies.values():
            proxy.target = ("127.0.0.1", redis.port)
            proxy.set(OPEN)
        for host in self.hosts:
            self.wait_up(host, BACK_S)

    def test_nobody_has_recovered_what_was_said_elsewhere(self):
        other = self.server()
        left, right = (Member(host) for host in self.hosts)
        # Whoever has heard himself is heard on his host: from then on each gets what the other says.
        left.say("left")
        right.say("right")
        left.hear("right")
        left.heard.clear()
        right.heard.clear()
        for turn in range(TIMES):
            for number in range(SAID):
                left.say("here-%d-%d" % (turn, number))
            right.hear("here-%d-%d" % (turn, SAID - 1))
            gone = right.position
            self.lead_to(other)
            left.say("elsewhere-%d" % turn)
            right.hear("elsewhere-%d" % turn)
            gaps = left.gaps, right.gaps
            self.lead_to(self.redis)
            back = Member(self.hosts[1], gone)
            self.assertEqual(back.answer[2:], ["0", "0"], self.warnings())
            left.say("back-%d" % turn)
            right.hear("back-%d" % turn)
            back.hear("back-%d" % turn)
            self.assertGreater(left.gaps, gaps[0])
            self.assertGreater(right.gaps, gaps[1])
        wanted = []
        for turn in range(TIMES):
            wanted += ["here-%d-%d" % (turn, number) for number in range(SAID)]
            wanted += ["elsewhere-%d" % turn, "back-%d" % turn]
        self.assertEqual(left.heard, wanted)  # and what was said before is told to nobody again
        self.assertEqual(right.heard, wanted)
        for host in self.hosts:  # once each way: who comes second changes nothing
            self.eventually(lambda: self.figure(host, "toni_cluster_other_data_total") == 2 * TIMES, "it is counted")
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
