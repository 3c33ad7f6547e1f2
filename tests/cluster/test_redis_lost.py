"""Redis ends, stands still, forgets, or comes back as somebody else: publishers are told, every loss is told, and nobody is
told that he has all when he hasn't."""

import signal
import time
import unittest

from hosts import BACK_S, REFUSED_S, SILENT_S, SLACK, ClusterTestCase, sized
from proxy import OPEN
from redis_server import Redis
from test_joins import Talker
from toni_host import SLOWNESS, say

MEMBERS, ROOMS, RATE = sized(60, 3000), sized(6, 100), sized(200, 2000)
BEFORE_S = sized(1, 10)
MANY_ROOMS = 200  # a client is told of 32 of them, and of the others together
STOPPED_S = sized(3, 30)
STILL_S, TIMES = 1.5, sized(3, 10)
GROWTH_BYTES = 20 << 20
PROBE_S = 1
ALARM = "the server has lost its data, or is another one: its rooms begin anew"


class RedisLost(ClusterTestCase):
    def publishing(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        self.load.publish(rooms, RATE)
        time.sleep(BEFORE_S)
        return rooms

    def is_refused_since(self, moment, within_s=REFUSED_S):
        """Publishes fail, the last one that didn't soon after it was gone."""
        self.load.until(lambda: self.load.last_refused > moment, "a publish is refused", within_s)
        time.sleep(0.2)
        self.assertLess(self.load.last_accepted - moment, within_s)

    def is_back_since(self, moment):
        for host in self.hosts:
            self.wait_up(host, BACK_S)
        say("back %.2f s after it was there again" % (time.monotonic() - moment))

    def is_told_within_two_probes(self, moment):
        """Though nobody publishes anything: each host warns, and counts it, and each member is told of a gap."""
        took = []
        for host in self.hosts:
            host.wait_log(level="warn", server=self.redis.address, reason=ALARM)
            took.append(min(at for _, fields, at in host.lines if fields and fields.get("reason") == ALARM) - moment)
            self.eventually(lambda: self.figure(host, "toni_cluster_other_data_total") == 1, "it is counted")
        say("told after %s s" % ["%.2f" % seconds for seconds in took])
        self.assertLess(max(took), 2 * PROBE_S * SLACK)
        self.load.until(lambda: self.load.judge.gaps >= MEMBERS, "each member is told of a gap")

    def nobody_was_cut_off(self):
        self.assert_nobody_lost()

    def script_flush_loses_nothing(self):
        rooms = self.publishing()
        for _ in range(3):
            self.assertEqual(self.redis.cli("script", "flush"), "OK")
            time.sleep(0.5)
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.assert_no_gaps()
        self.assertFalse(self.load.refused, self.load.refused)
        self.assertEqual((len(self.load.judge.places), self.lost()), (self.load.sent, 0), self.warnings())
        self.end_well()


class TestKilled(RedisLost):
    def test_a_restart_with_nothing_is_told_to_everybody(self):
        rooms = self.publishing()
        killed = time.monotonic()
        self.redis.kill()
        self.is_refused_since(killed)
        self.redis.start()
        self.is_back_since(time.monotonic())
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.assertGreaterEqual(self.load.judge.gaps, MEMBERS)  # the epoch is another: each was told
        self.end_well()


class TestSnapshot(RedisLost):
    def test_nobody_has_recovered_what_an_old_snapshot_does_not_hold(self):
        rooms = self.publishing()
        self.assertEqual(self.redis.cli("save"), "OK")
        time.sleep(BEFORE_S)  # more, that the snapshot hasn't
        self.load.pause()
        self.load.fence(rooms)
        away = self.load.members[: MEMBERS // 2]
        self.load.ask(lambda: [self.load._close(member) for member in away])
        before = dict(self.load.judge.tops)
        self.redis.kill()
        self.redis.start()
        self.is_back_since(time.monotonic())
        self.assertGreater(int(self.redis.cli("dbsize")), 0, "the snapshot was not loaded")
        self.load.publish(rooms, RATE)  # until offsets are above those that were lost
        self.load.until(
            lambda: all(self.load.judge.tops[room][0] != epoch and self.load.judge.tops[room][1] > offset
                        for room, (epoch, offset) in before.items()),
            "positions of a new epoch, above those that were lost", 60 * SLOWNESS,
        )
        self.load.come_back(away, self.load.addresses)
        self.load.until(lambda: self.load.answers["back"] >= len(away), "all have come back")
        self.settle(rooms)
        self.assertEqual((self.load.recovered, self.load.unrecovered), (0, len(away)))
        self.end_well()


class TestStopped(RedisLost):
    def test_sockets_live_publishes_fail_and_nothing_piles_up(self):
        rooms = self.publishing()
        before = [host.pss_bytes() for host in self.hosts]
        stopped = time.monotonic()
        self.redis.pause()
        self.is_refused_since(stopped, SILENT_S)  # a probe's turn, and its answer that doesn't come
        time.sleep(max(0.0, stopped + STOPPED_S - time.monotonic()))
        growth = [host.pss_bytes() - was for host, was in zip(self.hosts, before)]
        self.redis.go_on()
        self.is_back_since(time.monotonic())
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.assertLessEqual(self.load.accepted - len(self.load.judge.places), self.lost(), "neither placed nor counted as lost")
        say("grown by %s KiB" % [size >> 10 for size in growth])
        self.assertLess(max(growth), GROWTH_BYTES)
        self.end_well()


class TestMachineStoodStill(RedisLost):
    """Hosts and Redis together, as with a virtual machine that is moved: nobody could answer meanwhile."""

    def test_no_connection_is_given_up_and_nothing_is_lost(self):
        rooms = self.publishing()
        before = [self.figure(host, "toni_cluster_connections_total") for host in self.hosts]
        for _ in range(TIMES):
            self.redis.pause()
            time.sleep(0.02)  # what hosts ask now has no answer when they stand still
            for host in self.hosts:
                host.process.send_signal(signal.SIGSTOP)
            time.sleep(STILL_S)
            for host in self.hosts:
                host.process.send_signal(signal.SIGCONT)
            time.sleep(0.05)  # they find before Redis goes on that time has passed
            self.redis.go_on()
            time.sleep(BEFORE_S)
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.assert_no_gaps()
        self.assertEqual(self.lost(), 0)
        self.assertEqual([self.figure(host, "toni_cluster_connections_total") for host in self.hosts], before)
        self.end_well()


class TestForgotten(RedisLost):
    def test_flushall_is_told(self):
        rooms = self.publishing()
        self.assertEqual(self.redis.cli("flushall"), "OK")
        self.load.until(lambda: self.load.judge.gaps >= MEMBERS, "each member is told of a gap")
        self.is_back_since(time.monotonic())
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.end_well()

    def test_a_probe_finds_that_all_is_gone(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        for host in self.hosts:
            self.assertEqual(self.figure(host, "toni_cluster_other_data_total"), 0)
        gone = time.monotonic()
        self.assertEqual(self.redis.cli("flushall"), "OK")
        self.is_told_within_two_probes(gone)
        self.is_back_since(gone)
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.end_well()

    def test_flushall_is_told_in_each_of_very_many_rooms(self):
        """By the room, or by the notice that many rooms share; in any case before what comes next of it."""
        left, right = (Talker(host) for host in self.hosts[:2])
        rooms = {"room-%d" % number for number in range(MANY_ROOMS)}
        for room in rooms:
            right.join(room)
            right.client.send("say %s before" % room)
        while set(right.got) < rooms:
            right.read()
        self.assertEqual(self.redis.cli("flushall"), "OK")
        while not right.gaps:
            right.read()
        # What a host is asked to say before it knows is refused by the server.
        for host in self.hosts:
            self.eventually(lambda: self.figure(host, "toni_cluster_other_data_total") == 1, "the host knows")
        self.is_back_since(time.monotonic())
        right.got.clear()
        for room in rooms:
            left.client.send("say %s after" % room)
        while set(right.got) < rooms:
            right.read()
            self.assertTrue("*" in right.gaps or set(right.got) <= set(right.gaps), right.got[-1:])
        self.end_well()

    def test_script_flush_loses_nothing(self):
        self.script_flush_loses_nothing()


class TestFarAway(RedisLost):
    """Several messages of a room are on their way to a server when it forgets the script, and another host loads it between
    one and the next."""

    proxied = (0, 1, 2)
    DELAYS_S = 0.01, 0.03, 0.06

    def test_script_flush_loses_nothing(self):
        for proxy, delay_s in zip(self.proxies.values(), self.DELAYS_S):
            proxy.set(OPEN, delay_s)
        self.script_flush_loses_nothing()


class TestAnother(RedisLost):
    def test_another_redis_on_the_port_is_noticed(self):
        rooms = self.crowd(MEMBERS, ROOMS)
        other = Redis(in_place_of=self.redis)
        self.addCleanup(other.kill)
        self.redis.kill()
        for host in self.hosts:
            self.eventually(lambda: not self.is_up(host), "/readyz says that the server is away")
        other.start()
        there = time.monotonic()
        self.redis = other
        self.is_told_within_two_probes(there)
        self.is_back_since(there)
        self.settle(rooms)
        self.nobody_was_cut_off()
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
