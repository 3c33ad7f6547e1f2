"""Clients and rooms of other hosts: what is asked on one host is done on the one where the client is, and answered; and
what is said when that host, or the engine, is gone. Over the engine of test_cluster_host."""

import collections
import signal
import sys
import threading

from test_cluster_host import ClusterTestCase, cluster_conf
from toni_host import Client, gateway, halt, main, run_toni, scaled

ASKING = gateway("asking", "asking_gateway.so", "/asking")


class Asker:
    """A client of the gateway that asks."""

    def __init__(self, host):
        self.client = Client(host.address, "/asking")
        self.id = self.ask("id")

    def ask(self, words):
        self.client.send(words)
        return self.client.read()


class AsksTestCase(ClusterTestCase):
    def start(self, node, **more):
        return super().start(node, gateways=[ASKING], **more)

    def asker(self, host):
        asker = Asker(host)
        self.addCleanup(asker.client.sock.close)
        return asker

    def wait_for_nodes(self, asker, names):
        """Until a host sees all others."""
        self.wait_until(lambda: sorted(asker.ask("nodes").split()[1:]) == sorted(names))

    def wait_until(self, is_so):
        self.eventually(is_so, "it is so", scaled(20, 60))

    def two(self):
        left, right = self.start("left"), self.start("right")
        here, there = self.asker(left), self.asker(right)
        self.wait_for_nodes(here, ["left", "right"])
        self.wait_for_nodes(there, ["left", "right"])
        return left, right, here, there


class TestAsks(AsksTestCase):
    def test_requests_wait_while_the_engine_is_exchanged(self):
        left, _, here, there = self.two()
        results = []

        def exchange():
            for number in range(4):
                left.configure(cluster_conf(self.server, "left", [ASKING], {"misbehaves": "not in way %d" % number}))
                results.append(run_toni("reload", "-c", left.conf).returncode)

        thread = threading.Thread(target=exchange)
        thread.start()
        answers = collections.Counter()
        while thread.is_alive():
            answers[here.ask("send %s hello" % there.id)] += 1
        thread.join()
        self.assertEqual(results, [0] * 4)
        # One that is under way when the engine goes may lose its answer, and then nobody knows. None was refused, nor
        # done twice.
        self.assertEqual(set(answers) - {"OK", "ERR_TIMEOUT"}, set(), answers)
        self.assertGreater(answers["OK"], 0)
        there.client.send("id")
        came = 0
        while there.client.read() != there.id:
            came += 1
        self.assertGreaterEqual(came, answers["OK"])
        self.assertLessEqual(came, answers["OK"] + answers["ERR_TIMEOUT"])

    def test_a_client_of_another_host_gets_what_is_sent_to_it(self):
        _, _, here, there = self.two()
        self.assertEqual(here.ask("send %s hello there" % there.id), "OK")
        self.assertEqual(there.client.read(), "hello there")
        self.assertEqual(here.ask("plain send %s once more" % there.id), "OK")
        self.assertEqual(there.client.read(), "once more")

    def test_joins_and_leaves_take_effect_where_the_client_is(self):
        _, _, here, there = self.two()
        self.assertEqual(here.ask("join %s tea" % there.id), "OK")
        self.assertEqual(here.ask("join %s tea" % here.id), "OK")
        ids = sorted([here.id, there.id])
        for asker in (here, there):
            self.assertEqual(asker.ask("room tea 0 10"), "OK 2 " + " ".join(ids))
            self.assertEqual(asker.ask("room tea 0 0"), "OK 2")
            self.assertEqual(asker.ask("room tea 0 1"), "OK 2 " + ids[0])
            self.assertEqual(asker.ask("room tea %s 10" % ids[0]), "OK 2 " + ids[1])
        self.assertEqual(here.ask("leave %s tea" % there.id), "OK")
        self.assertEqual(there.ask("room tea 0 10"), "OK 1 " + here.id)
        self.assertEqual(here.ask("plain join %s tea" % there.id), "OK")
        self.wait_until(lambda: here.ask("room tea 0 0") == "OK 2")

    def test_a_close_says_why_to_the_client(self):
        _, _, here, there = self.two()
        self.assertEqual(here.ask("close %s 4321" % there.id), "OK")
        there.client.expect_close(4321, "asked")
        self.wait_until(lambda: here.ask("send %s x" % there.id) == "ERR_NOT_FOUND")

    def test_errors_are_those_of_the_host_where_the_client_is(self):
        _, _, here, there = self.two()
        self.assertEqual(here.ask("join %s %s" % (there.id, "r" * 255)), "OK")
        self.assertEqual(here.ask("close %s 999" % there.id), "refused ERR_INVALID")
        self.assertEqual(here.ask("send %016x x" % (int(there.id, 16) ^ 1)), "ERR_NOT_FOUND")
        self.assertEqual(here.ask("plain send %016x x" % (int(there.id, 16) ^ 1)), "ERR_NOT_FOUND")

    def test_a_host_that_stands_still_is_named_and_one_that_is_gone_is_not(self):
        _, right, here, there = self.two()
        self.assertEqual(here.ask("join %s tea" % here.id), "OK")
        self.assertEqual(there.ask("join %s tea" % there.id), "OK")
        halt(right.process)
        self.addCleanup(right.process.send_signal, signal.SIGCONT)
        self.assertEqual(here.ask("room tea 0 0"), "ERR_TIMEOUT 1 right")
        self.assertEqual(here.ask("send %s x" % there.id), "ERR_TIMEOUT")
        self.wait_for_nodes(here, ["left"])  # its lease is over
        self.assertEqual(here.ask("room tea 0 0"), "OK 1")
        self.assertEqual(here.ask("send %s x" % there.id), "ERR_NOT_FOUND")

    def test_without_the_engine_this_host_answers_for_itself(self):
        _, _, here, there = self.two()
        self.assertEqual(here.ask("join %s tea" % here.id), "OK")
        self.server.kill()
        self.wait_until(lambda: here.ask("send %s x" % there.id) == "ERR_BUSY")
        self.assertEqual(here.ask("room tea 0 0"), "ERR_BUSY 1 right")
        self.assertEqual(here.ask("send %s to myself" % here.id), "to myself")
        self.assertEqual(here.client.read(), "OK")

    def test_two_hosts_with_one_name_are_two(self):
        hosts = [self.start("left"), self.start("left")]
        here, there = (self.asker(host) for host in hosts)
        for asker in (here, there):
            self.wait_for_nodes(asker, ["left", "left"])
        for host in hosts:
            host.wait_log(msg="another node is seen", node="left", reason="another node has the same name")
        for one, other in ((here, there), (there, here)):
            self.assertEqual(one.ask("send %s hello" % other.id), "OK")
            self.assertEqual(other.client.read(), "hello")
            self.assertEqual(one.ask("join %s tea" % other.id), "OK")
        self.assertEqual(here.ask("room tea 0 10"), "OK 2 " + " ".join(sorted([here.id, there.id])))

    def test_one_that_has_lost_its_lease_for_a_while_is_reached_by_the_same_id(self):
        _, _, here, there = self.two()
        self.server.signal(signal.SIGSTOP)
        self.wait_for_nodes(here, ["left"])
        self.server.signal(signal.SIGCONT)
        self.wait_for_nodes(here, ["left", "right"])
        self.wait_for_nodes(there, ["left", "right"])
        self.wait_until(lambda: here.ask("send %s again" % there.id) == "OK")
        self.assertEqual(there.client.read(), "again")


class TestAlone(AsksTestCase):
    def test_without_others_all_is_answered_here(self):
        host = self.start("left")
        here, other = self.asker(host), self.asker(host)
        self.assertEqual(here.ask("nodes"), "OK left")
        self.assertEqual(here.ask("join %s tea" % other.id), "OK")
        self.assertEqual(here.ask("room tea 0 10"), "OK 1 " + other.id)
        self.assertEqual(here.ask("send %s hello" % other.id), "OK")
        self.assertEqual(other.client.read(), "hello")


if __name__ == "__main__":
    sys.exit(main())
