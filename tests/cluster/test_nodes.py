"""A node ends: as in a crash, and its clients come back elsewhere and lack nothing untold; or in peace, also while Redis
hangs. The others know that it is gone."""

import random
import time
import unittest

from hosts import GHOST_S, SLACK, ClusterTestCase, cluster_conf, sized
from test_cluster_asks import ASKING, Asker
from toni_host import Host, say

NODES = "toni_cluster_nodes"  # others, for a host
RENEW_S = 3  # how often a host looks who has a lease
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


class TestNodeKilledInBursts(ClusterTestCase):
    """Twenty times, each at another moment of what it publishes."""

    nodes = 2
    bursts = 20

    def kill_in_a_burst(self, rooms, dice):
        members = [member for member in self.load.members if member.address == self.hosts[1].address]
        sent = self.load.sent
        self.load.publish(rooms, RATE * 10)
        self.load.until(lambda: self.load.sent > sent, "the burst has begun")
        time.sleep(dice.uniform(0, 0.1))
        self.hosts[1].kill()
        self.load.pause()
        self.load.until(lambda: all(member.sock is None for member in members), "its clients see their connections end")
        self.hosts[1] = self.node(1)
        self.wait_up(self.hosts[1])
        self.load.ask(lambda: self.move_publishers(self.hosts[1].address))
        back, unrecovered = self.load.answers["back"], self.load.unrecovered
        self.load.come_back(members, [self.hosts[1].address])
        self.load.until(lambda: self.load.answers["back"] >= back + len(members), "all have come back")
        if self.load.unrecovered > unrecovered:  # while a busy machine keeps Redis waiting they are told so, and the host logs it
            self.assertIn("a server of the cluster is away", self.unrecovered())

    def move_publishers(self, address):
        for publisher in self.load.publishers:
            if publisher.sock is None:
                publisher.address = address
                self.load._open(publisher)

    def test_nothing_is_lost_untold_and_nothing_comes_twice(self):
        seed = random.randrange(1 << 32)
        say("seed %d" % seed)
        dice = random.Random(seed)
        rooms = self.crowd(20, 2)
        for _ in range(self.bursts):
            self.kill_in_a_burst(rooms, dice)
        self.load.fence(rooms, hosts=[self.hosts[0].address, self.hosts[1].address])
        self.load.stop()
        self.load.judge.verdict()
        self.assertEqual(self.load.judge.gaps, 0)
        self.assertGreater(self.load.judge.received, self.bursts)
        say("%d messages to clients" % self.load.judge.received)
        self.eventually(lambda: int(self.redis.cli("hlen", "toni:l:")) == 2, "those that were killed have no lease", GHOST_S)
        self.end_well()


class TestNodeBegins(ClusterTestCase):
    nodes = 2
    history = None
    newcomers = 5

    def node(self, index, **conf):
        return super().node(index, gateways=[ASKING], **conf)

    def launch(self, index):
        """A node that is not waited for."""
        host = Host(cluster_conf("node-%d" % index, self.servers_of(index), gateways=[ASKING])).launch()
        self.addCleanup(host.kill)
        self.hosts.append(host)
        return host

    def asker(self, host):
        asker = Asker(host)
        self.addCleanup(asker.client.drop)
        return asker

    def end_of_lease(self, name):
        """By the clock of Redis, in ms."""
        lines = self.redis.cli("hvals", "toni:l:").splitlines()
        return next((int(line[32:48], 16) for line in lines if line[48:] == name), 0)

    def test_it_is_seen_before_the_others_would_have_renewed_their_leases(self):
        """A lease ends as much later as it is renewed after the last time: that is by less, once another has begun. It may
        begin when that is due anyhow, so there are several."""
        first = self.asker(self.hosts[0])
        ends = [self.end_of_lease("node-0")]

        def sees(name=None):
            end = self.end_of_lease("node-0")
            ends.extend([end] if end != ends[-1] else [])
            return name in first.ask("nodes").split() if name else len(ends) > 1

        for number in range(1, self.newcomers + 1):
            del ends[:-1]
            self.eventually(sees, "it has just been renewed", GHOST_S)
            del ends[:-1]
            host = self.launch(1 + number)
            self.eventually(lambda number=number: sees("node-%d" % (1 + number)), "it is seen", GHOST_S)
            sees()
            host.wait_log(msg="ready")
            there = self.asker(host)
            self.assertEqual(there.ask("join %s tea" % there.id), "OK")
            self.assertEqual(first.ask("room tea 0 0"), "OK %d" % number)
            if any(after - before < 1000 * RENEW_S - 100 for before, after in zip(ends, ends[1:])):
                break
        else:
            self.fail("none was seen earlier: %s" % ends)
        for asker in first, there:
            asker.client.drop()
        self.end_well()

    def test_where_a_field_of_the_leases_is_none(self):
        self.redis.cli("hset", "toni:l:", "foreign", "field", "7", "damaged")
        asker = self.asker(self.hosts[0])
        host = self.launch(2)
        host.wait_log(msg=lambda text: "are no leases of toni" in text, level="warn")
        self.hosts[0].wait_log(msg=lambda text: "are no leases of toni" in text, level="warn")
        names = ["node-0", "node-1", "node-2"]
        self.eventually(lambda: sorted(asker.ask("nodes").split()[1:]) == names, "all are seen", GHOST_S)
        host.wait_log(msg="ready")
        asker.client.drop()
        self.end_well()
        self.assertEqual(self.redis.cli("hget", "toni:l:", "foreign").strip(), "field")


class TestNodeStops(ClusterTestCase):
    def leases(self):
        return int(self.redis.cli("hlen", "toni:l:"))

    def test_its_lease_is_given_back(self):
        for host in (self.hosts[0], self.hosts[2]):
            self.eventually(lambda: self.figure(host, NODES) == 2, "three", GHOST_S)
        self.hosts[1].stop()
        stopped = time.monotonic()
        self.assertEqual(self.leases(), 2)
        for host in (self.hosts[0], self.hosts[2]):
            self.eventually(lambda: self.figure(host, NODES) == 1, "the others know that it is gone", (RENEW_S + 1) * SLACK)
        say("gone for the others after %.1f s" % (time.monotonic() - stopped))
        self.hosts[1] = self.node(1)
        self.wait_up(self.hosts[1])
        self.eventually(lambda: self.leases() == 3, "three again")
        self.end_well()
        self.assertEqual(self.leases(), 0)

    def test_while_redis_hangs(self):
        """It ends in time: what it has published has a result after a second, and the lease is waited for as long."""
        rooms = self.crowd(MEMBERS, ROOMS)
        self.load.publish(rooms, RATE)
        time.sleep(1)
        self.redis.pause()
        asked = time.monotonic()
        self.hosts[1].stop()
        took = time.monotonic() - asked
        say("it took %.1f s to end" % took)
        self.assertLess(took, 4 * SLACK)
        time.sleep(1.5)
        asked = time.monotonic()
        self.hosts[2].stop()  # which knows by now that Redis hangs
        took = time.monotonic() - asked
        say("another, later, %.1f s" % took)
        self.assertLess(took, 4 * SLACK)
        self.load.pause()
        self.redis.go_on()
        self.wait_up(self.hosts[0])
        self.load.stop()
        self.load.judge.verdict()
        self.hosts[0].stop()
        # What was not said then is over by itself.
        self.eventually(lambda: self.redis.cli("hlen", "toni:l:") == "0" or self.is_over(), "no lease is left", GHOST_S)

    def is_over(self):
        """A lease that nobody looks at any more: whoever asks next finds it over."""
        now = int(self.redis.cli("time").splitlines()[0]) * 1000
        lines = self.redis.cli("hvals", "toni:l:").splitlines()
        return all(int(line[32:48], 16) < now for line in lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
