"""The clocks of hosts are an hour apart: nobody notices."""

import os
import struct
import tempfile
import time
import unittest

from hosts import ClusterTestCase
from toni_host import FIXTURES, SANITIZER

HOUR = 3600
RENEWED_S = 4  # leases are, each 3 s


@unittest.skipIf(SANITIZER, "what is loaded before a sanitizer's runtime keeps that from starting")
class TestClocks(ClusterTestCase):
    def before_host(self, index):
        with tempfile.NamedTemporaryFile(prefix="toni-test-", delete=False) as file:
            file.write(struct.pack("=q", (index - 1) * HOUR))
        self.addCleanup(os.unlink, file.name)

        def preload():
            os.environ["LD_PRELOAD"] = os.path.join(FIXTURES, "preload_clock.so")
            os.environ["TONI_CLOCK"] = file.name

        return preload

    def test_one_order_leases_and_histories(self):
        hours = [time.strptime(host.lines[-1][1]["time"][:19], "%Y-%m-%dT%H:%M:%S") for host in self.hosts]
        apart = time.mktime(hours[2]) - time.mktime(hours[0])
        self.assertAlmostEqual(apart, 2 * HOUR, delta=120)
        rooms = self.crowd(12, 3)
        self.load.publish(rooms, 100)
        time.sleep(1)
        away = [member for member in self.load.members if member.address == self.hosts[0].address]
        self.load.ask(lambda: [self.load._close(member) for member in away])
        time.sleep(RENEWED_S)
        self.load.come_back(away, [host.address for host in self.hosts[1:]])
        self.load.until(lambda: self.load.answers["back"] >= len(away), "all have come back")
        self.answered()
        self.settle(rooms)
        self.assertEqual((self.load.recovered, self.load.unrecovered), (len(away), 0))
        self.assertEqual(self.load.judge.gaps, 0)
        self.assertEqual(len(self.load.judge.places), self.load.sent)
        for host in self.hosts:
            self.assertEqual(self.figure(host, "toni_cluster_nodes"), 2)
            self.assertFalse(host.log(msg="another node is gone"))
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
