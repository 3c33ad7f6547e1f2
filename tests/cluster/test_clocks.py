"""Wall clocks are an hour off: those of hosts, from the beginning or set while they run, and that of Redis. Leases are counted
on monotonic clocks, and by Redis's own; so nothing changes but what docs/cluster.md says."""

import mmap
import os
import struct
import tempfile
import time
import unittest

from hosts import ClusterTestCase
from toni_host import FIXTURES, SANITIZER

PRELOAD = os.path.join(FIXTURES, "preload_clock.so")
HOUR = 3600
RENEW_S, LEASE_S = 3, 10
GONE, LOST = "another node is gone", "this node is no longer one of the cluster"


class Clock:
    """The wall clock of a process that is started with it."""

    def __init__(self, case, seconds=0):
        with tempfile.NamedTemporaryFile(prefix="toni-test-", delete=False) as file:
            file.write(struct.pack("=q", seconds))
        self.path = file.name
        case.addCleanup(os.unlink, self.path)
        with open(self.path, "r+b") as again:
            self.mapping = mmap.mmap(again.fileno(), 0)

    def step(self, seconds):
        self.mapping[:] = struct.pack("=q", seconds)

    def preload(self):
        os.environ["LD_PRELOAD"] = PRELOAD
        os.environ["TONI_CLOCK"] = self.path


@unittest.skipIf(SANITIZER, "what is loaded before a sanitizer's runtime keeps that from starting")
class TestClocks(ClusterTestCase):
    def before_host(self, index):
        return Clock(self, (index - 1) * HOUR).preload

    def test_one_order_leases_and_histories(self):
        hours = [time.strptime(host.lines[-1][1]["time"][:19], "%Y-%m-%dT%H:%M:%S") for host in self.hosts]
        apart = time.mktime(hours[2]) - time.mktime(hours[0])
        self.assertAlmostEqual(apart, 2 * HOUR, delta=120)
        rooms = self.crowd(12, 3)
        self.load.publish(rooms, 100)
        time.sleep(1)
        away = [member for member in self.load.members if member.address == self.hosts[0].address]
        self.load.ask(lambda: [self.load._close(member) for member in away])
        time.sleep(RENEW_S + 1)
        self.load.come_back(away, [host.address for host in self.hosts[1:]])
        self.load.until(lambda: self.load.answers["back"] >= len(away), "all have come back")
        self.answered()
        self.settle(rooms)
        self.assertEqual((self.load.recovered, self.load.unrecovered), (len(away), 0))
        self.assertEqual(self.load.judge.gaps, 0)
        self.assertEqual(len(self.load.judge.places), self.load.sent)
        for host in self.hosts:
            self.assertEqual(self.figure(host, "toni_cluster_nodes"), 2)
            self.assertFalse(host.log(msg=GONE))
        self.end_well()


class StepTestCase(ClusterTestCase):
    """Clocks are set while messages go on."""

    nodes = 2

    def setUp(self):
        super().setUp()
        self.rooms = self.crowd(20, 2)
        self.load.publish(self.rooms, 100)
        for host in self.hosts:
            host.wait_log(msg="another node is seen")
        self.identities = self.slots()

    def slots(self):
        """Which slot and boot number each node has, as Redis has it."""
        words = self.redis.cli("hgetall", "toni:l:").split()
        return {(slot, lease[:32]) for slot, lease in zip(words[::2], words[1::2])}

    def is_well_for(self, seconds):
        """Nothing is refused, nothing is missed, nobody has lost what it has."""
        time.sleep(seconds)
        self.load.fence(self.rooms)
        self.assertEqual(dict(self.load.refused), {})
        self.assertEqual(self.load.judge.gaps, 0)
        for host in self.hosts:
            self.assertEqual(host.log(msg=LOST), [])
            self.assertEqual(len(host.log(msg="a server of the cluster is up")), 1)
        self.assertEqual(self.slots(), self.identities)

    def nobody_was_gone(self):
        for host in self.hosts:
            self.assertEqual(host.log(msg=GONE), [])


@unittest.skipIf(SANITIZER, "what is loaded before a sanitizer's runtime keeps that from starting")
class TestHostsThatAreSet(StepTestCase):
    def before_host(self, index):
        self.clock = Clock(self)
        return self.clock.preload

    def test_an_hour_forward_and_back(self):
        for seconds in (HOUR, -HOUR, 0):
            self.clock.step(seconds)
            self.is_well_for(RENEW_S + 1)
        self.is_well_for(LEASE_S)
        self.nobody_was_gone()
        self.settle(self.rooms)
        self.end_well()


@unittest.skipIf(SANITIZER, "what is loaded before a sanitizer's runtime keeps that from starting")
class TestRedisThatIsSet(StepTestCase):
    def server(self):
        self.clock = Clock(self)
        before = dict(os.environ)
        self.clock.preload()
        try:
            return super().server()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def test_back(self):
        self.clock.step(-HOUR)
        self.assertAlmostEqual(int(self.redis.cli("time").split()[0]), time.time() - HOUR, delta=60)
        self.is_well_for(LEASE_S + RENEW_S)
        self.nobody_was_gone()
        self.settle(self.rooms)
        self.end_well()

    def test_forward(self):
        """All leases are over at once: who asks first is told that the others are gone, and finds them again."""
        self.clock.step(HOUR)
        for host in self.hosts:
            self.eventually(
                lambda host=host: self.figure(host, "toni_cluster_nodes") == 1 and self.slots() == self.identities,
                "all are seen again", 3 * RENEW_S)
        self.is_well_for(RENEW_S)
        self.settle(self.rooms)
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
