"""A Redis that takes nothing any more: what is wrong with it, and what mends that, is said where one looks, and once it is
mended all goes on."""

import re
import shutil
import socket
import unittest

from hosts import BACK_S, ClusterTestCase
from redis_servers import Client
from test_joins import Talker
from toni_host import run_toni

EVICTING = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")


class RefusalsCase(ClusterTestCase):
    nodes = 2

    def setUp(self):
        super().setUp()
        # A connection that was there before is let in and served, whatever others may do.
        self.admin = Client(socket.create_connection(("127.0.0.1", self.redis.port)))
        self.addCleanup(self.admin.__exit__)

    def does(self, *words):
        answer = self.admin(*words)
        self.assertFalse(str(answer).startswith("-"), "%s: %s" % (words, answer))
        return answer

    def sets(self, name, value):
        self.does("CONFIG", "SET", name, value)


class TestRefusals(RefusalsCase):
    def snapshots_fail(self):
        self.sets("save", "3600 1")
        shutil.rmtree(self.redis.folder)
        self.does("SET", "toni-test", "x")
        self.admin("BGSAVE")
        self.eventually(lambda: b"rdb_last_bgsave_status:err" in self.does("INFO", "persistence"), "a snapshot has failed")

    def runs_long(self):
        """A script of somebody else's, which keeps the server busy."""
        self.sets("busy-reply-threshold", "1")
        sock = socket.create_connection(("127.0.0.1", self.redis.port))
        self.addCleanup(sock.close)
        sock.sendall(b"EVAL 'while true do end' 0\r\n")
        self.eventually(lambda: str(self.admin("PING")).startswith("-BUSY"), "the script runs")

    def ends_script(self):
        self.does("SCRIPT", "KILL")
        self.eventually(lambda: self.admin("PING") == "+PONG", "the script has ended")

    def cases_for_new_connections(self):
        """The same, where those that are there don't notice."""
        return (
            (lambda: self.sets("requirepass", "secret"), lambda: self.sets("requirepass", ""),
             "CLIENT ID: NOAUTH .*set `password_file`"),
        )

    def cases(self):
        """(what breaks it, what mends it, what is said)"""
        return (
            (lambda: self.does("REPLICAOF", "127.0.0.1", "1"), lambda: self.does("REPLICAOF", "NO", "ONE"),
             "the hello: READONLY .*name the primary in `servers`|the server is a read-only replica"),
            (self.runs_long, self.ends_script, "BUSY .*SCRIPT KILL ends it"),
            (lambda: self.does("ACL", "SETUSER", "default", "-evalsha"), lambda: self.does("ACL", "SETUSER", "default", "+@all"),
             r"its user may not run evalsha: ACL SETUSER default \+evalsha"),
            (lambda: self.does("ACL", "SETUSER", "default", "-hlen"), lambda: self.does("ACL", "SETUSER", "default", "+@all"),
             r"its user may not run hlen: ACL SETUSER default \+hlen"),
            (lambda: self.does("ACL", "SETUSER", "default", "-xadd"), lambda: self.does("ACL", "SETUSER", "default", "+@all"),
             r"its user may not run xadd: ACL SETUSER default \+xadd"),
            (self.snapshots_fail, lambda: self.sets("stop-writes-on-bgsave-error", "no"),
             "the hello: MISCONF .*it can't write its snapshots"),
            (lambda: self.sets("min-replicas-to-write", "1"), lambda: self.sets("min-replicas-to-write", "0"),
             "the hello: NOREPLICAS .*`min-replicas-to-write`"),
        )

    def is_said(self, host, words):
        return re.search(words, host.text()) and re.search(words, run_toni("status", "-c", host.conf).stdout)

    def end_connections(self):
        for kind in ("normal", "pubsub"):
            self.does("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    def each_is_said_and_mended(self, cases, then):
        rooms = self.crowd(4, 2)
        self.load.publish(rooms, 100)
        for breaks, mends, words in cases:
            with self.subTest(words):
                breaks()
                then()
                for host in self.hosts:
                    self.eventually(lambda: not self.is_up(host), "it is away")
                    self.eventually(lambda: self.is_said(host, words), "it is said: " + words)
                mends()
                for host in self.hosts:
                    self.wait_up(host, BACK_S)
                    # What is over is not said of what comes next.
                    self.eventually(lambda: "said last" not in run_toni("status", "-c", host.conf).stdout, "it is said no more")
                self.load.fence(rooms)
        self.settle(rooms)
        self.assertEqual(set(self.load.refused), {"TONI_ERR_BUSY"})
        self.assertFalse(self.load.lost_clients)
        self.end_well()

    def test_each_is_said_and_mended(self):
        cases = [case for case in self.cases() if case[0] != self.runs_long]  # nobody's connections can be ended meanwhile
        self.each_is_said_and_mended([*self.cases_for_new_connections(), *cases], self.end_connections)

    def test_each_is_said_and_mended_while_hosts_are_at_work(self):
        self.each_is_said_and_mended(self.cases(), lambda: None)

    def test_scripts_that_are_thrown_away_cost_nothing(self):
        rooms = self.crowd(4, 2)
        self.load.publish(rooms, 200)
        for _ in range(5):
            self.does("SCRIPT", "FLUSH")
            self.load.fence(rooms)
        self.settle(rooms)
        self.assertEqual((self.lost(), dict(self.load.refused)), (0, {}))
        self.assert_no_gaps()
        self.end_well()


class TestFull(RefusalsCase):
    def figure_of(self, section, name):
        return int(re.search(rb"%s:(\d+)" % name, self.does("INFO", section)).group(1))

    def publishing(self):
        rooms = self.crowd(8, 4)
        self.load.padding = "x" * 4000
        self.load.publish(rooms, 200)
        return rooms

    def fill(self, policy):
        self.sets("maxmemory-policy", policy)
        self.sets("maxmemory", self.figure_of("memory", b"used_memory") + 300_000)

    def go_on(self, rooms):
        self.sets("maxmemory", 0)
        self.load.fence(rooms)

    def test_what_it_refuses_is_counted(self):
        rooms = self.publishing()
        lost = self.lost()
        self.fill("noeviction")
        self.load.until(lambda: self.lost() > lost, "broadcasts are refused, and counted")
        for host in self.hosts:
            self.assertTrue(self.is_up(host))
        self.go_on(rooms)
        self.settle(rooms)
        self.assertTrue(any("its `maxmemory` is reached" in line for host in self.hosts for line in host.text().splitlines()))
        self.assert_no_gaps()
        self.assertLessEqual(self.load.accepted - len(self.load.judge.places), self.lost())
        self.assertFalse(self.load.lost_clients)
        self.end_well()

    def test_with_each_policy_all_that_is_lost_is_told(self):
        """Whoever lacks something was told of it in its place: so says the judge. A room that was evicted begins anew, and what
        a host hears of that first it can't place in the old one."""
        rooms = self.publishing()
        for policy in EVICTING:
            with self.subTest(policy):
                evicted = self.figure_of("stats", b"evicted_keys")
                self.fill(policy)
                self.load.until(lambda: self.figure_of("stats", b"evicted_keys") > evicted, "keys are evicted")
                self.go_on(rooms)
        self.settle(rooms)
        self.assertGreater(self.load.judge.gaps, 0)
        self.assertFalse(self.load.lost_clients)
        self.end_well()

    def test_each_message_of_a_room_is_refused_once(self):
        """Redis runs none that is behind one that it has refused; such are not sent again, each time for one more refusal."""
        talker = Talker(self.hosts[0])
        talker.join("full")
        lost, count = self.lost(), 500
        self.sets("maxmemory-policy", "noeviction")
        self.sets("maxmemory", 1)
        self.does("CONFIG", "RESETSTAT")
        for number in range(count):
            talker.client.send("say full %d" % number)
        self.eventually(lambda: self.lost() == lost + count, "all are refused, and counted")
        runs = re.search(rb"cmdstat_hmget:calls=(\d+)", self.does("INFO", "commandstats"))  # one for each message
        self.assertLess(int(runs.group(1)), 1.1 * count)  # and a few that hosts ask for where rooms are
        self.sets("maxmemory", 0)
        talker.client.send("say full again")
        while not talker.got:
            talker.read()
        self.assertEqual((talker.got, talker.gaps), (["full"], []))
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
