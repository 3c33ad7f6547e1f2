"""Clients and rooms of three hosts over two servers of Redis: what one asks another is carried out where the client is,
and whoever does not answer is named. With two hosts, and what an engine can do to it, is in test_cluster_asks.py."""

import signal

from hosts import SLACK, ClusterTestCase
from test_cluster_asks import ASKING, Asker
from toni_host import DEADLINE, halt, main, scaled

NAMES = ["node-0", "node-1", "node-2"]
OF_HOST = scaled(7, 4)  # members
PAGE = 3
# For so long hosts that stand still are waited for: twice, while their leases last, which is 10 s.
ANSWER_MS = 3000


class TestThreeHosts(ClusterTestCase):
    servers = 2
    history = None

    def node(self, index, **conf):
        return super().node(index, gateways=[ASKING], cluster={"receipt_ms": ANSWER_MS}, **conf)

    def setUp(self):
        super().setUp()
        self.askers = []
        self.clients = [self.asker(host) for host in self.hosts]
        for client in self.clients:
            self.eventually(lambda: sorted(client.ask("nodes").split()[1:]) == NAMES, "each sees the others")

    def asker(self, host):
        asker = Asker(host)
        self.askers.append(asker)
        self.addCleanup(asker.client.drop)
        return asker

    def end_well(self):
        for asker in self.askers:
            asker.client.drop()
        super().end_well()

    def crowd_in(self, room):
        """So many members on each host: their ids, in order."""
        ids = []
        for host in self.hosts:
            for _ in range(OF_HOST):
                member = self.asker(host)
                self.assertEqual(member.ask("join %s %s" % (member.id, room)), "OK")
                ids.append(member.id)
        return sorted(ids)

    def pages(self, client, room):
        """All members, page by page; each says how many there are."""
        ids, total = [], 3 * OF_HOST
        while len(ids) < total:
            words = client.ask("room %s %s %d" % (room, ids[-1] if ids else "0", PAGE)).split()
            self.assertEqual(words[:2], ["OK", str(total)])
            self.assertEqual(len(words) - 2, min(PAGE, total - len(ids)))
            ids += words[2:]
        return ids

    def test_each_host_reaches_the_clients_of_each_other(self):
        for here in self.clients:
            for there in self.clients:
                if there is here:
                    continue
                self.assertEqual(here.ask("send %s from %s" % (there.id, here.id)), "OK")
                self.assertEqual(there.client.read(), "from " + here.id)
                self.assertEqual(here.ask("join %s tea" % there.id), "OK")
                self.assertEqual(here.ask("room tea 0 10"), "OK 1 " + there.id)
                self.assertEqual(here.ask("leave %s tea" % there.id), "OK")
                self.assertEqual(here.ask("room tea 0 10"), "OK")
        first, second, third = self.clients
        self.assertEqual(third.ask("close %s 4321" % first.id), "OK")
        first.client.expect_close(4321, "asked")
        for client in (second, third):
            self.eventually(lambda: client.ask("send %s x" % first.id) == "ERR_NOT_FOUND", "it is gone for all")
        self.end_well()

    def test_pages_of_members_go_over_all_hosts(self):
        ids = self.crowd_in("tea")
        for client in self.clients:
            self.assertEqual(self.pages(client, "tea"), ids)
        self.end_well()

    def test_hosts_that_stand_still_are_named_and_the_others_counted(self):
        self.crowd_in("tea")
        here = self.clients[0]
        here.client.deadline = DEADLINE + 2 * ANSWER_MS / 1000
        for standing in (self.hosts[2], self.hosts[1]):
            halt(standing.process)
            self.addCleanup(standing.process.send_signal, signal.SIGCONT)
            stopped = [name for name, host in zip(NAMES, self.hosts) if host is standing or host is self.hosts[2]]
            words = here.ask("room tea 0 0").split()
            self.assertEqual(words[:2], ["ERR_TIMEOUT", str((3 - len(stopped)) * OF_HOST)])
            self.assertEqual(sorted(words[2:]), stopped)
        for standing in self.hosts[1:]:
            standing.process.send_signal(signal.SIGCONT)
        self.eventually(lambda: here.ask("room tea 0 0") == "OK %d" % (3 * OF_HOST), "all answer again", 10 * SLACK)
        self.end_well()


if __name__ == "__main__":
    main()
