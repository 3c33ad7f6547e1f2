"""Whoever waits for a message waits no longer than its deadline, though the other side pings for ever."""

import itertools
import socket
import threading
import unittest

from toni_host import Client

PING_S, DEADLINE_S = 0.05, 0.5
PINGS = 200  # far longer than the deadline


class Pinging:
    """A server of one client, which lets it in and then pings."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.has_gone = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with self.listener, self.listener.accept()[0] as sock:
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            for _ in itertools.takewhile(lambda _: not self.has_gone.wait(PING_S), range(PINGS)):
                sock.sendall(b"\x89\x00")


class Waiting(unittest.TestCase):
    def test_pings_put_no_deadline_off(self):
        server = Pinging()
        client = Client(server.address, deadline=DEADLINE_S)
        with self.assertRaisesRegex(AssertionError, "nothing from the host"):
            client.read()
        self.assertGreater(client.pings, 0)
        server.has_gone.set()
        server.thread.join()
        client.sock.close()


if __name__ == "__main__":
    unittest.main()
