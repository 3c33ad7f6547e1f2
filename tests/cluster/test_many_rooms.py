"""Redis restarts under very many rooms: no host stands still meanwhile, and all rooms are there again."""

import threading
import time
import unittest

from hosts import ClusterTestCase, sized
from toni_host import PING, PONG, SLOWNESS, Client, say

ROOMS = sized(5000, 100000)  # of each node
CLIENTS = 10  # of each node
STANDS_STILL_S = 1.0
BACK_S = sized(30, 120) * SLOWNESS


class Pulse(threading.Thread):
    """Pings a host again and again: the longest that it took to answer."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.client = Client(host.address, "/cluster")
        self.longest_s, self.is_over, self.failure = 0.0, False, None

    def run(self):
        try:
            while not self.is_over:
                begun = time.monotonic()
                self.client.send_frame(PING, b"pulse")
                while self.client.read_data().opcode != PONG:
                    pass
                self.longest_s = max(self.longest_s, time.monotonic() - begun)
                time.sleep(0.02)
        except BaseException as failure:
            self.failure = failure

    def stop(self):
        self.is_over = True
        self.join()
        self.client.sock.close()
        if self.failure:
            raise self.failure


class TestManyRooms(ClusterTestCase):
    history = {"messages": 10, "seconds": 300}  # without one a message has no position

    def node(self, index, **conf):
        return super().node(index, limits={"rooms_per_client": ROOMS, "memberships": 10 * ROOMS}, **conf)

    def test_no_host_stands_still(self):
        self.load.are_rooms_many = True
        of_client = ROOMS // CLIENTS
        for host in self.hosts:  # every node has all rooms
            self.load.connect(
                CLIENTS,
                lambda number: ["r-%d" % ((number % CLIENTS) * of_client + step) for step in range(of_client)],
                hosts=[host.address],
            )
        sample = ["r-%d" % number for number in range(0, ROOMS, ROOMS // 100)]
        self.load.publish(sample, 0)
        self.load.fence(sample, BACK_S)
        pulses = [Pulse(host) for host in self.hosts]
        for pulse in pulses:
            pulse.start()
        time.sleep(1)
        self.redis.kill()
        time.sleep(1)
        self.redis.start()
        begun = time.monotonic()
        for host in self.hosts:
            self.wait_up(host, BACK_S)
        self.eventually(lambda: self.subscriptions() >= self.nodes * ROOMS, "all rooms are subscribed", BACK_S)
        took = time.monotonic() - begun
        self.load.fence(sample, BACK_S)
        for pulse in pulses:
            pulse.stop()
        say("%d rooms on each of %d nodes back after %.2f s; the longest answer to a ping took %s ms"
            % (ROOMS, self.nodes, took, [round(pulse.longest_s * 1e3) for pulse in pulses]))
        self.assertLess(max(pulse.longest_s for pulse in pulses), STANDS_STILL_S * SLOWNESS)
        self.load.stop()
        self.load.judge.verdict()
        self.end_well()


if __name__ == "__main__":
    unittest.main(verbosity=2)
