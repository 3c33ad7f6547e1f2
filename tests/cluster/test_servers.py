"""Two servers of Redis share the rooms of three hosts, one of which names them in another order. One of the servers is lost:
its rooms are refused and told of what is lost, those of the other don't notice."""

import json
import time
import unittest

from hosts import BACK_S, REFUSED_S, SILENT_S, ClusterTestCase, sized
from toni_host import run_toni, say

MEMBERS, ROOMS, RATE = sized(60, 3000), sized(20, 100), sized(200, 2000)
AWAY_S = sized(1.5, 20)
DOWN, UP = 0, 2  # of toni_cluster_server_state
NAMES = {DOWN: "down", UP: "up"}  # in `toni status`


class SeveralServers(ClusterTestCase):
    servers = 2

    def servers_of(self, index):
        named = super().servers_of(index)
        return named[::-1] if index == 1 else named

    def spread(self, rooms):
        """{server: its rooms}: all hosts have each room at the same one, and none at another. A host that has not subscribed
        yet may have got from the history what was said."""
        self.eventually(lambda: self.subscriptions_to(rooms) == self.nodes * len(rooms), "all subscribe")
        homes = {}
        for redis in self.redises:
            found = self.subscribers(redis)
            homes[redis] = [room for room in rooms if room in found]
            self.assertEqual({room: found[room] for room in homes[redis]}, dict.fromkeys(homes[redis], self.nodes))
            self.assertTrue(homes[redis])
        self.assertEqual(sorted(sum(homes.values(), [])), sorted(rooms))
        return homes

    def subscriptions_to(self, rooms):
        return sum(count for redis in self.redises for room, count in self.subscribers(redis).items() if room in rooms)

    def with_leases(self):
        """The server that hosts have their leases at, and the other."""
        return sorted(self.redises, key=lambda redis: redis.cli("exists", "toni:l:") != "1")

    def hosts_say(self, states):
        """{server: state}, by the metrics and `toni status` of each host."""
        for host in self.hosts:
            for redis, state in states.items():
                self.eventually(lambda: self.figure(host, "toni_cluster_server_state", redis) == state,
                                "%s is %s" % (redis.address, NAMES[state]))
            status = json.loads(run_toni("status", "--format=json", "-c", host.conf).stdout)["cluster"]
            self.assertEqual({server["name"]: server["state"] for server in status["servers"]},
                             {redis.address: NAMES[state] for redis, state in states.items()})

    def told(self, redis):
        """What gateways have been told of a server."""
        return [line["msg"] for host in self.hosts
                for line in host.log(msg=lambda text: text.startswith("told of %s: " % redis.address))]

    def gaps(self, rooms):
        """{room: gaps that its members were told of}."""
        gaps = dict.fromkeys(rooms, 0)
        for (_, room), track in self.load.judge.tracks.items():
            if room in gaps:
                gaps[room] += track.gaps
        return gaps

    def only_its_rooms_suffer(self, redis, other, lose, regain, within_s):
        rooms = self.crowd(MEMBERS, ROOMS)
        homes = self.spread(rooms)
        self.load.publish(rooms, RATE)
        time.sleep(1)
        before = self.told(other)
        lost = time.monotonic()
        lose()
        self.load.until(lambda: self.load.last_refused > lost, "a publish is refused", within_s)
        self.hosts_say({redis: DOWN, other: UP})
        time.sleep(AWAY_S)
        self.load.fence(homes[other])  # they are served meanwhile
        regain()
        there = time.monotonic()
        for host in self.hosts:
            self.wait_up(host, BACK_S)
        say("back %.2f s after it was there again" % (time.monotonic() - there))
        self.answered()
        self.settle(rooms)
        self.hosts_say({redis: UP, other: UP})
        load = self.load
        self.assertFalse(load.lost_clients)
        self.assertEqual(set(load.refused), {"TONI_ERR_BUSY"})
        self.assertLessEqual(set(load.refused_in), set(homes[redis]))
        self.assertTrue(load.refused_in)
        # All that was sent to rooms of the other has its place, and nobody was told of a gap there.
        placed = dict.fromkeys(rooms, 0)
        for room, _, _ in load.judge.places.values():
            placed[room] += 1
        self.assertEqual({room: placed[room] for room in homes[other]}, {room: load.sent_in[room] for room in homes[other]})
        self.assertEqual(self.gaps(homes[other]), dict.fromkeys(homes[other], 0))
        for host in self.hosts:
            self.assertEqual(self.figure(host, "toni_cluster_lost_total", other), 0)
        self.assertEqual(self.told(other), before)
        for host in self.hosts:
            self.assertTrue(host.log(msg=lambda text: text.startswith("told of %s: 0, " % redis.address)))
        self.end_well()
        return homes


class TestOneIsKilled(SeveralServers):
    def test_only_its_rooms_are_refused_and_begin_anew(self):
        redis, other = self.with_leases()
        homes = self.only_its_rooms_suffer(redis, other, redis.kill, redis.start, REFUSED_S)
        of_room = MEMBERS // ROOMS
        for room, gaps in self.gaps(homes[redis]).items():
            self.assertGreaterEqual(gaps, of_room, "members of %s who were told that it began anew" % room)


class TestOneStandsStill(SeveralServers):
    def test_only_its_rooms_are_refused(self):
        other, redis = self.with_leases()
        self.only_its_rooms_suffer(redis, other, redis.pause, redis.go_on, SILENT_S)


if __name__ == "__main__":
    unittest.main(verbosity=2)
