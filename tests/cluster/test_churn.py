"""One room is joined and left a thousand times a second from four threads: at the end there are as many members as there
should be, and as many subscriptions."""

import threading
import time
import unittest

from hosts import ClusterTestCase, sized
from toni_host import SLOWNESS, Client, scaled

ROUNDS = sized(scaled(1000, 200), 15000)  # of each thread: a join and a leave
THREADS = 4
ROOM = "busy"
RATE = 1000.0  # of all


class TestChurn(ClusterTestCase):
    workers = 4

    def churn(self, number, failures):
        try:
            client = Client(self.hosts[number % self.nodes].address, "/cluster")
            begun = time.monotonic()
            for turn in range(ROUNDS):
                time.sleep(max(0.0, begun + turn * THREADS / RATE - time.monotonic()))
                client.send("join " + ROOM)
                client.send("leave " + ROOM)
                self.until(client, "left " + ROOM)
            if number % 2 == 0:
                client.send("join " + ROOM)
                # Whoever has heard himself is heard on his host: what others say from then on he gets.
                client.send("say %s here-%d" % (ROOM, number))
                while not client.read().endswith(" here-%d" % number):
                    pass
            self.clients[number] = client
        except BaseException as failure:
            failures.append(failure)

    def until(self, client, answer):
        while (text := client.read()) != answer:
            assert not text.startswith("not "), text

    def test_counts_are_exact(self):
        failures, self.clients = [], [None] * THREADS
        self.load.publish([ROOM], 100)
        threads = [threading.Thread(target=self.churn, args=(number, failures)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(failures)
        self.load.pause()
        stayed = {self.hosts[number % self.nodes].address: 0 for number in range(self.nodes)}
        for number in range(0, THREADS, 2):
            stayed[self.hosts[number % self.nodes].address] += 1
        for host in self.hosts:
            client = Client(host.address, "/cluster")
            self.assertEqual(client.ask("count " + ROOM), "count %s %d" % (ROOM, stayed[host.address]))
            client.close()
        nodes = sum(count > 0 for count in stayed.values())
        self.eventually(lambda: self.subscribers().get(ROOM, 0) == nodes, "%d nodes subscribe" % nodes, 10 * SLOWNESS)
        # Whoever stayed is reached; whoever left isn't.
        speaker = Client(self.hosts[1].address, "/cluster")
        speaker.send("say %s last" % ROOM)
        for number in range(0, THREADS, 2):
            while not self.clients[number].read().endswith(" last"):
                pass
        for number in range(1, THREADS, 2):
            self.assertEqual(self.clients[number].ask("leave fence"), "left fence")
        for client in (speaker, *self.clients):
            client.sock.close()
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
