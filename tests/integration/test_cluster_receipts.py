"""Receipts in a cluster: whom a message reached on all hosts, and what is said when a host, or the engine, does not
answer. Over the engine of test_cluster_host."""

import signal
import sys

from test_cluster_asks import AsksTestCase
from toni_host import halt, main, scaled


class TestReceipts(AsksTestCase):
    def hosts_of(self, *names):
        """A client on each, all in the room `tea`; each host sees all others."""
        hosts = [self.start(name) for name in names]
        clients = [self.asker(host) for host in hosts]
        for client in clients:
            self.wait_for_nodes(client, names)
        for client in clients:
            self.assertEqual(client.ask("join %s tea" % client.id), "OK")
            # What it says in the room comes back: so its host hears the room.
            client.client.send("tell tea heard")
            texts = sorted(client.client.read() for _ in range(2))
            self.assertEqual(texts[1], "heard")
            for other in clients[: clients.index(client)]:
                self.assertEqual(other.client.read(), "heard")
        return hosts, clients

    def tell(self, client, text="x", room="tea", is_member=True):
        """@return The receipt. The message itself comes before or behind it."""
        client.client.send("tell %s %s" % (room, text))
        texts = [client.client.read() for _ in range(2 if is_member else 1)]
        if is_member:
            texts.remove(text)
        return texts[0]

    def test_it_is_the_sum_of_all_hosts(self):
        hosts, clients = self.hosts_of("left", "middle", "right")
        self.assertEqual(self.tell(clients[0]), "OK 3 3 3 0")
        for client in clients[1:]:
            self.assertEqual(client.client.read(), "x")
        more = [self.asker(hosts[2]) for _ in range(5)]
        for client in more:
            self.assertEqual(client.ask("join %s tea" % client.id), "OK")
        self.assertEqual(self.tell(clients[0]), "OK 8 8 3 0")
        # Of a host where nobody is nothing is expected, the sender's own included.
        self.assertEqual(clients[0].ask("leave %s tea" % clients[0].id), "OK")
        self.wait_until(lambda: self.tell(clients[0], is_member=False) == "OK 7 7 2 0")
        self.assertEqual(self.tell(clients[0], room="empty", is_member=False), "OK 0 0 0 0")

    def test_each_of_many_at_a_time_is_exact(self):
        _, (here, there) = self.hosts_of("left", "right")
        count = scaled(500, 100)
        for number in range(count):
            here.client.send("tell tea %d" % number)
        texts = [here.client.read() for _ in range(2 * count)]
        self.assertEqual([text for text in texts if text.isdigit()], [str(number) for number in range(count)])
        self.assertEqual([text for text in texts if not text.isdigit()], ["OK 2 2 2 0"] * count)
        self.assertEqual([there.client.read() for _ in range(count)], [str(number) for number in range(count)])

    def test_a_host_that_stands_still_is_counted_and_named(self):
        hosts, clients = self.hosts_of("left", "middle", "right")
        halt(hosts[2].process)
        self.addCleanup(hosts[2].process.send_signal, signal.SIGCONT)
        self.assertEqual(self.tell(clients[0]), "ERR_TIMEOUT 2 2 2 1 right")
        hosts[2].process.send_signal(signal.SIGCONT)
        self.assertEqual(clients[2].client.read(), "x")  # it got it all the same
        self.wait_until(lambda: self.tell(clients[0], "y") == "OK 3 3 3 0")

    def test_what_the_engine_does_not_answer_is_unknown(self):
        _, (here, _) = self.hosts_of("left", "right")
        self.server.signal(signal.SIGSTOP)
        self.assertEqual(self.tell(here, is_member=False), "ERR_TIMEOUT 0 0 0 unknown right")
        self.server.signal(signal.SIGCONT)

    def test_what_is_under_way_when_the_engine_ends_has_an_answer_each(self):
        """Taken by the engine, unknown, not taken, or refused at once; and none is left without one."""
        _, (here, _) = self.hosts_of("left", "right")
        count = 200
        for number in range(count):
            here.client.send("tell tea %d" % number)
            if number == count // 2:
                self.server.kill()
        answers = []
        while len(answers) < count:
            text = here.client.read()
            if not text.isdigit():
                answers.append(text)
        self.assertLessEqual({text.split()[0] for text in answers}, {"OK", "ERR_TIMEOUT", "ERR_BUSY", "refused"})
        self.assertEqual(here.ask("nodes").split()[0], "OK")  # and nothing behind them


class TestAlone(AsksTestCase):
    def test_it_is_of_one_host(self):
        here = self.asker(self.start("left"))
        self.assertEqual(here.ask("join %s tea" % here.id), "OK")
        here.client.send("tell tea x")
        self.assertEqual(sorted(here.client.read() for _ in range(2)), ["OK 1 1 1 0", "x"])


if __name__ == "__main__":
    sys.exit(main())
