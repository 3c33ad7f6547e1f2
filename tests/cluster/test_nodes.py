"""A node ends as in a crash: its clients come back elsewhere and lack nothing untold; the others know that it is gone."""

import time
import unittest

from hosts import GHOST_S, ClusterTestCase, sized
from toni_host import say

NODES = "toni_cluster_nodes"  # others, for a host
MEMBERS, ROOMS, RATE = sized(60, 3000), sized(6, 100), sized(200, 2000)


class TestNodeKilled(ClusterTestCase):
    def come_back_well(self, count):
        """Each is told whether it has recovered; the judge holds it to that."""
        self.assertEqual(self.load.recovered + self.load.unrecovered, count)

    def test_its_clients_come_back_elsewhere_and_it_is_no_ghost(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        self.load.publish(rooms, RATE)
        time.sleep(1)
        self.load.ask(lambda: None)
        killed = time.monotonic()
        self.hosts[1].kill()
        theirs = [member for member in self.load.members if member.address == self.hosts[1].address]
        self.load.until(lambda: all(member.sock is None for member in theirs), "its clients see their connections end")
        time.sleep(0.5)  # they miss something
        rest = [self.hosts[0].address, self.hosts[2].address]
        self.load.come_back(theirs, rest)
        self.load.until(lambda: self.load.answers["back"] >= len(theirs), "all have come back")
        self.come_back_well(len(theirs))
        for host in (self.hosts[0], self.hosts[2]):
            self.eventually(lambda: self.figure(host, NODES) == 1, "the others know that it is gone", GHOST_S)
        say("gone for the others after %.1f s" % (time.monotonic() - killed))
        again = self.node(1)
        self.hosts[1] = again
        self.wait_up(again)
        for host in self.hosts:
            self.eventually(lambda: self.figure(host, NODES) == 2, "three again", GHOST_S)
        self.load.pause()
        self.load.fence(rooms, hosts=rest)
        self.load.stop()
        self.load.judge.verdict()
        self.assert_no_gaps()
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
