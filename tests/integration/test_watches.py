"""Descriptors that a gateway has watched: what comes, what it closes itself, a swap, a stop."""

import asyncio
import os
import time
import unittest
import urllib.request

import websockets

from toni_host import DEADLINE, ECHO, Client, Host, configuration, gateway, main, run_toni, scaled


def watching(**options):
    return gateway("watching", "watching_gateway.so", "/watching", options=options or None)


class TestWatches(unittest.TestCase):
    def setUp(self):
        self.host = Host("")
        self.addCleanup(self.host.kill)
        self.configure(watching(version=1))
        self.host.start()

    def configure(self, *gateways):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO, *gateways], workers=2, admin="127.0.0.1:0"))

    def reload(self):
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def client(self):
        client = Client(self.host.address, "/watching")
        self.addCleanup(client.drop)
        return client

    def active(self):
        with urllib.request.urlopen("http://%s/metrics" % self.host.admin_address, timeout=DEADLINE) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith('toni_watches_active{instance="watching"}'):
                    return int(line.split()[1])
        raise AssertionError("no toni_watches_active")

    def test_what_comes_is_told(self):
        client, other = self.client(), self.client()
        for number in range(scaled(200, 50)):
            self.assertEqual(client.ask("say %d" % number), "heard %d" % number)
        self.assertEqual(other.ask("say mine"), "heard mine")
        self.assertEqual(self.active(), 2)
        client.send("end")
        self.assertEqual(sorted([client.read(), client.read()]), ["ok", "released "])
        self.assertEqual(self.active(), 1)

    def test_with_clients_that_others_wrote(self):
        async def talk(number):
            async with websockets.connect("ws://%s/watching" % self.host.address) as client:
                for turn in range(20):
                    await client.send("say %d.%d" % (number, turn))
                    assert await client.recv() == "heard %d.%d" % (number, turn)

        async def talk_all():
            await asyncio.wait_for(asyncio.gather(*(talk(number) for number in range(20))), DEADLINE)

        asyncio.run(talk_all())

    def test_what_can_not_be_watched(self):
        client = self.client()
        self.assertEqual(client.ask("file"), "TONI_ERR_INVALID")
        self.assertEqual(client.ask("closed"), "TONI_ERR_INVALID")
        self.assertEqual(client.ask("say still"), "heard still")

    def test_cancelling(self):
        client = self.client()
        client.send("unwatch")
        self.assertEqual(sorted([client.read(), client.read()]), ["ok", "released "])
        self.assertEqual(client.ask("unwatch"), "TONI_ERR_NOT_FOUND")
        client.send("say unheard")
        self.assertEqual(client.ask("again"), "ok")
        self.assertEqual(client.read(), "heard unheard")

    def test_a_plugin_that_closes_what_is_watched(self):
        client, other = self.client(), self.client()
        self.assertEqual(client.ask("close"), "ok")
        self.assertEqual(client.ask("say x"), "released ")  # it can't be read: so the gateway cancels
        self.assertEqual(other.ask("say fine"), "heard fine")

    def test_they_are_bounded(self):
        client = self.client()
        answers = [client.ask("again") for _ in range(64)]
        self.assertEqual(answers, ["ok"] * 63 + ["TONI_ERR_LIMIT"])
        self.assertEqual(self.active(), 64)

    def test_a_swap_cancels_and_the_new_version_watches_itself(self):
        clients = [self.client() for _ in range(5)]
        for client in clients:
            self.assertEqual(client.ask("say v1"), "heard v1")  # on_connect is over, which opens the pipe
        before = len(os.listdir("/proc/%d/fd" % self.host.process.pid))
        for version in range(2, 6):
            self.configure(watching(version=version))
            self.reload()
            for client in clients:
                client.send("say v%d" % version)
                while client.read() != "heard v%d" % version:
                    pass  # "released", of the old version
        self.assertEqual(self.active(), 5)
        end = time.monotonic() + DEADLINE  # the old versions close what they watched
        while len(os.listdir("/proc/%d/fd" % self.host.process.pid)) > before + 2:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        self.host.stop()


if __name__ == "__main__":
    main()
