"""Nothing goes wrong: nothing is lost, nothing comes twice, one order for all, with publishers on all nodes. And how long
it takes, beside a host that is alone."""

import time
import unittest

from hosts import ClusterTestCase, sized
from load import Load
from toni_host import Host, configuration, gateway, say

MEMBERS, ROOMS, RATE, SECONDS = sized(150, 3000), sized(10, 100), sized(200, 2000), sized(5, 60)


class TestSteady(ClusterTestCase):
    def test_every_member_gets_every_message_once_and_in_one_order(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        self.load.publish(rooms, RATE)
        time.sleep(SECONDS)
        self.settle(rooms)
        load, judge = self.load, self.load.judge
        self.assert_no_gaps()
        self.assertFalse(load.refused, load.refused)
        self.assert_nobody_lost()
        self.assertEqual(load.accepted, load.sent)
        self.assertEqual(len(judge.places) + self.lost(), load.sent, "accepted, and neither placed nor counted as lost")
        self.assertEqual(len(judge.places), load.sent, "what was accepted and what has a place\n" + self.warnings())
        self.assertGreater(load.sent, RATE * SECONDS * 0.5, "the load did not keep its pace")
        alone = self.alone()
        say("three nodes over Redis: %d received, p50 %.2f ms, p99 %.2f ms" % (judge.received, *load.percentiles_ms()))
        say("a host alone:           %d received, p50 %.2f ms, p99 %.2f ms" % (alone.judge.received, *alone.percentiles_ms()))
        self.end_well()

    def alone(self):
        """The same load for one host without a cluster."""
        host = Host(configuration(
            [gateway("cluster", "cluster_gateway.so", None)], self.workers, {"connections": 20000},
            namespaces=[{"name": "", "history": [{"rooms": "*", **self.history}]}],
        )).start()
        self.addCleanup(host.kill)
        load = Load([host.address])
        load.start()
        names = ["room-%d" % number for number in range(ROOMS)]
        load.connect(MEMBERS, lambda number: [names[number % ROOMS]])
        load.publish(names, RATE, publishers=self.nodes)
        time.sleep(SECONDS)
        load.pause()
        load.fence(names)
        load.stop()
        load.judge.verdict()
        host.stop()
        return load


if __name__ == "__main__":
    unittest.main(verbosity=2)
