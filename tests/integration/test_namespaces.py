"""Namespaces: rooms of one name in two modules are two rooms, and nobody reaches over, with clients of two kinds."""

import asyncio
import json
import time
import unittest

import websockets

from toni_host import DEADLINE, FIXTURES, Client, Host, gateway, main, metrics_text, run_toni


def probe(name):
    return gateway(name, "probe_gateway.so", "/" + name)


def module(name, providers, namespace=None):
    said = ' namespace = "%s";' % namespace if namespace is not None else ""
    return '{ name = "%s"; imports = [ "broadcast" ];%s providers = ( %s ); }' % (name, said, ", ".join(providers))


def modules_text(*modules, workers=2, limits=""):
    return (
        'listen = { websocket = "127.0.0.1:0"; admin = "127.0.0.1:0"; };\n'
        "workers = %d; %s\n" % (workers, limits)
        + 'plugin_path = [ "%s" ];\n' % FIXTURES
        + "modules = (\n%s\n);\n" % ",\n".join(modules)
    )


QUIZ = module("quiz", [probe("quiz")], "games")
POLL = module("poll", [probe("poll")], "games")
OPEN = module("open", [probe("open")])


class TestNamespaces(unittest.TestCase):
    def start(self, *modules):
        self.host = Host(modules_text(*modules)).start()
        self.addCleanup(self.host.kill)

    def configure(self, *modules):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(modules_text(*modules))

    def client(self, path, room=None):
        client = Client(self.host.address, path)
        self.addCleanup(client.drop)
        client.read()
        if room:
            self.assertEqual(client.ask("join:" + room), "ok")
        return client

    def test_a_room_is_its_namespace_s(self):
        self.start(QUIZ, POLL, OPEN)
        quiz, poll, opened = self.client("/quiz", "L1"), self.client("/poll", "L1"), self.client("/open", "L1")
        self.assertEqual(opened.ask("tell:L1:hello"), "hello")
        self.assertEqual(opened.read(), "targeted=1")
        quiz.send("tell:L1:to both")
        quiz.expect("to both", "targeted=2")
        poll.expect("to both")
        quiz.send("all:all of ours")
        quiz.expect("all of ours", "targeted=2")
        poll.expect("all of ours")
        opened.send("all:all of the others")
        opened.expect("all of the others", "targeted=1")
        self.assertEqual(opened.ask("count"), "count=1")
        self.assertEqual(quiz.ask("count"), "count=1")
        self.assertNotIn(",", opened.ask("members:L1"))
        self.assertIn(",", quiz.ask("members:L1"))
        quiz.close()
        self.assertTrue(poll.read().endswith(" gone"))
        opened.send("id")
        self.assertTrue(opened.read().startswith("id="))  # and nothing before

    def test_clients_that_others_wrote(self):
        self.start(QUIZ, OPEN)

        async def talk():
            base = "ws://" + self.host.address
            async with websockets.connect(base + "/quiz") as quiz, websockets.connect(base + "/open") as opened:
                for client in (quiz, opened):
                    await client.recv()
                    await client.send("join:L1")
                    assert await client.recv() == "ok"
                await quiz.send("tell:L1:secret")
                assert [await quiz.recv(), await quiz.recv()] == ["secret", "targeted=1"]
                await opened.send("tell:L1:open")
                assert [await opened.recv(), await opened.recv()] == ["open", "targeted=1"]

        asyncio.run(asyncio.wait_for(talk(), DEADLINE))

    def test_figures_and_status(self):
        self.start(QUIZ, OPEN)
        first, second = self.client("/quiz", "L1"), self.client("/open", "L1")
        self.assertEqual(first.ask("join:L2"), "ok")
        self.assertEqual(second.ask("count"), "count=1")
        metrics = metrics_text(self.host)
        for line in (
            "toni_rooms 3", 'toni_namespace_rooms{namespace=""} 1', 'toni_namespace_rooms{namespace="games"} 2',
        ):
            self.assertIn(line + "\n", metrics)
        status = json.loads(run_toni("status", "-c", self.host.conf, "--format=json").stdout)
        self.assertEqual(
            {one["name"]: one["namespace"] for one in status["instances"]}, {"quiz": "games", "open": ""}
        )
        self.assertEqual(status["rooms"], 3)
        self.assertEqual(
            [(room["namespace"], room["name"], room["members"]) for room in status["largest_rooms"]],
            [("", "L1", 1), ("games", "L1", 1), ("games", "L2", 1)],
        )
        text = run_toni("status", "-c", self.host.conf).stdout
        self.assertIn(", namespace games\n", text)
        self.assertTrue(text.endswith("\nMEMBERS  LARGEST ROOMS\n      1  L1\n      1  games/L1\n      1  games/L2\n"))
        self.assertIn("quiz; namespace games; imports broadcast", run_toni("check", "-c", self.host.conf).stdout)

    def test_the_log_names_rooms_as_status_does(self):
        self.host = Host(modules_text(QUIZ, OPEN, limits="limits = { memberships = 2; room_metadata_bytes = 100; };"))
        self.addCleanup(self.host.kill)
        self.host.start()
        for path, refused, full in ("/quiz", "games/L2", "games/L1"), ("/open", "L2", "L1"):
            client = self.client(path, "L1")
            other = self.client(path)
            self.assertEqual(client.ask("setmeta:L1:" + "x" * 90), "TONI_ERR_LIMIT")
            line = self.host.wait_log(msg=lambda text: text.startswith("metadata of a room was refused"), room=full)
            self.assertEqual(line["room_metadata_bytes"], "100")
            self.assertEqual(client.ask("join:kept"), "ok")
            self.assertEqual(other.ask("join:L2"), "TONI_ERR_LIMIT")
            self.host.wait_log(msg=lambda text: text.startswith("a join was refused"), room=refused)
            client.close()
            self.gone(path)
        self.host.stop()

    def gone(self, path):
        end = time.monotonic() + DEADLINE
        while 'toni_connections{gateway="%s"} 1\n' % path[1:] not in metrics_text(self.host):
            self.assertLess(time.monotonic(), end, "its client is there still")
            time.sleep(0.01)

    def test_a_reload_keeps_rooms_and_refuses_to_move_a_gateway(self):
        self.start(QUIZ, OPEN)
        client = self.client("/quiz", "L1")
        self.configure(QUIZ.replace('"/quiz"', '"/quiz2"'), OPEN)  # swapped
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(client.ask("rooms"), "rooms=L1")
        self.assertEqual(self.client("/quiz2").ask("members:L1").count(","), 0)
        self.host.expect_error(msg="reload refused")
        self.configure(module("quiz", [probe("quiz")], "other"), OPEN)
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 2)
        self.assertIn("gateway `quiz` runs in the namespace `games`", result.stdout + result.stderr)
        self.assertEqual(client.ask("rooms"), "rooms=L1")

    def test_a_gateway_that_was_removed_may_come_back_elsewhere(self):
        self.start(QUIZ, OPEN)
        client = self.client("/quiz", "L1")
        self.configure(OPEN)
        self.assertEqual(run_toni("reload", "-c", self.host.conf).returncode, 0)
        client.expect_close(1001)
        self.configure(module("quiz", [probe("quiz")]), OPEN)
        self.assertEqual(run_toni("reload", "-c", self.host.conf).returncode, 0)
        opened, back = self.client("/open", "L1"), self.client("/quiz", "L1")
        opened.send("tell:L1:together")
        opened.expect("together", "targeted=2")
        back.expect("together")

    def test_all_members_and_pages(self):
        self.start(QUIZ, POLL, OPEN)
        quiz = [self.client("/quiz", "L1") for _ in range(5)]
        poll, opened = self.client("/poll", "L1"), self.client("/open", "L1")
        self.assertEqual(quiz[0].ask("pages::"), "clients=6 rooms=1")
        self.assertEqual(quiz[0].ask("pages:quiz:"), "clients=5 rooms=1")
        self.assertEqual(quiz[0].ask("pages:poll:L1"), "clients=1 rooms=1")
        self.assertEqual(quiz[0].ask("pages:open:"), "clients=0 rooms=1")
        self.assertEqual(opened.ask("pages::L1"), "clients=1 rooms=1")
        poll.send("gateway:quiz:to the quiz")
        self.assertEqual(poll.read(), "targeted=5")
        for client in quiz:
            client.expect("to the quiz")
        self.assertEqual(poll.ask("gateway:open:x"), "targeted=0")  # of another namespace
        self.assertEqual(poll.ask("gateway::x"), "TONI_ERR_INVALID")
        self.assertEqual(quiz[0].ask("alljoin:L1:L2"), "joined=6")
        self.assertEqual(poll.ask("rooms"), "rooms=L1,L2")
        self.assertEqual(quiz[0].ask("allleave:L1"), "left=6")
        self.assertEqual(poll.ask("rooms"), "rooms=L2")
        quiz[0].send("allclose:L2")
        for client in quiz[1:] + [poll]:
            client.expect_close(4000)
        quiz[0].expect_close(4000)
        self.assertEqual(opened.ask("rooms"), "rooms=L1")

    def test_metadata_of_a_room(self):
        self.start(QUIZ, POLL, OPEN)

        async def talk():
            base = "ws://" + self.host.address

            async def ask(client, text):
                await client.send(text)
                return await client.recv()

            async with websockets.connect(base + "/quiz") as quiz, websockets.connect(base + "/poll") as poll, \
                    websockets.connect(base + "/open") as opened:
                for client in (quiz, poll, opened):
                    await client.recv()
                self.assertEqual(await ask(quiz, "setmeta:L1:early"), "TONI_ERR_NOT_FOUND")
                for client in (quiz, opened):
                    self.assertEqual(await ask(client, "join:L1"), "ok")
                self.assertEqual(await ask(quiz, "setmeta:L1:trees"), "ok")
                self.assertEqual(await ask(poll, "getmeta:L1"), "metadata=trees")  # of the same namespace
                self.assertEqual(await ask(opened, "getmeta:L1"), "metadata=")
                self.assertEqual(await ask(opened, "setmeta:L1:" + "x" * 1025), "TONI_ERR_TOO_BIG")
                self.assertEqual(await ask(opened, "setmeta:L1:" + "x" * 1024), "ok")
                self.assertIn("toni_room_metadata_bytes %d\n" % (64 + 5 + 64 + 1024), metrics_text(self.host))
                self.assertEqual(await ask(opened, "getmeta:L1"), "metadata=" + "x" * 1024)
                self.assertEqual(await ask(opened, "setmeta:L1:"), "ok")
                self.assertEqual(await ask(opened, "getmeta:L1"), "metadata=")

                self.configure(QUIZ.replace('"/quiz"', '"/quiz2"'), POLL, OPEN)  # swapped
                result = await asyncio.to_thread(run_toni, "reload", "-c", self.host.conf)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(await ask(quiz, "getmeta:L1"), "metadata=trees")

                self.assertEqual(await ask(quiz, "leave:L1"), "ok")
                self.assertEqual(await ask(poll, "getmeta:L1"), "TONI_ERR_NOT_FOUND")
                self.assertEqual(await ask(poll, "join:L1"), "ok")
                self.assertEqual(await ask(poll, "getmeta:L1"), "metadata=")
                self.assertIn("toni_room_metadata_bytes 0\n", metrics_text(self.host))

        asyncio.run(asyncio.wait_for(talk(), DEADLINE))

    def test_names_that_are_none(self):
        for name, words in (("a/b", "not legal"), ("", "is empty"), ("x" * 65, "too long"), ("a b", "not legal")):
            with self.subTest(name=name):
                host = Host(modules_text(OPEN, module("m", [probe("m")], name)))
                self.addCleanup(host.kill)
                result = run_toni("check", "-c", host.conf)
                self.assertEqual(result.returncode, 2)
                self.assertRegex(result.stderr, r"gateways.conf:6: `namespace` of module `m` .*" + words)


if __name__ == "__main__":
    main()
