"""A host as one node of a cluster, over a small engine of the tests' own: what is sent on one host reaches members on
all, in one order; and what an engine that is slow, wrong, exchanged or away costs. The engine's server is a process of
its own (socket_engine.py); what Redis adds is tested in tests/cluster."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from toni_host import DEADLINE, FIXTURES, Client, Host, configuration, gateway, main, run_toni, scaled

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "socket_engine.py")


class Server:
    """One server of the engine."""

    def __init__(self, folder, name="server"):
        self.path = os.path.join(folder, name)
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, SERVER, self.path], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


def engine(server, **options):
    return gateway("tie", "socket_engine.so", None, kind="service", options={"server": server.path, **options})


def cluster_conf(server, node, gateways=(), options=None, cluster=None, **more):
    conf = {"engine": "tie", "node": node, **(cluster or {})}
    return configuration(
        [*gateways, gateway("rooms", "rooms_gateway.so", "/rooms"), engine(server, **(options or {}))],
        workers=2, cluster=conf, admin="127.0.0.1:0", **more,
    )


class ClusterTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-tie-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = Server(self.folder)
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.kill())

    def start(self, node, **more):
        host = Host(cluster_conf(self.server, node, **more)).start()
        self.addCleanup(host.kill)
        return host

    def client(self, host, room=None):
        client = Client(host.address, "/rooms")
        self.addCleanup(client.sock.close)
        client.read()
        if room:
            client.send("join:" + room)
            self.name = None
            texts = [client.read(), client.read()]
            assert "Joined room: " + room in texts, texts
            client.name = next(text for text in texts if text.endswith(" joined")).rsplit(" ", 1)[0]
        return client


class TestTwoHosts(ClusterTestCase):
    def test_who_joins_hears_itself_and_the_others(self):
        left, right = self.start("left"), self.start("right")
        one = self.client(left, "tea")
        other = self.client(right, "tea")
        self.assertEqual(one.read(), other.name + " joined")
        one.send("msg:tea:hello")
        self.assertEqual(one.read(), "[tea] %s: hello" % one.name)
        self.assertEqual(other.read(), "[tea] %s: hello" % one.name)
        left.stop()
        right.stop()


if __name__ == "__main__":
    main()
