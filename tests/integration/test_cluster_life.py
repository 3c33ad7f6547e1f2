"""A host of a cluster over its life: receipts, what gateways are told, a restart, readiness, and what there is to see.
Over the engine of test_cluster_host."""

import json
import signal
import threading
import time

from test_admin import ask, promtool, scrape
from test_cluster_host import AWAY, ClusterTestCase, cluster_conf
from toni_generations import Generations
from toni_host import DEADLINE, SLOWNESS, Client, gateway, main, run_toni

RENEW_S, LEASE_S = 3, 10  # of a lease

SAYING = gateway("saying", "cluster_gateway.so", "/saying", gap_notice="gap {count} {room}")


class Member:
    """A client of the gateway whose messages say where they are. What it reads is sorted: messages of rooms, receipts,
    answers."""

    def __init__(self, case, address):
        self.client = Client(address, "/saying")
        case.addCleanup(self.client.sock.close)
        self.messages, self.receipts, self.answers = [], [], []

    def send(self, text):
        self.client.send(text)

    def read(self):
        text = self.client.read()
        kind = {"m": self.messages, "=": self.receipts}.get(text[0], self.answers)
        kind.append(text.split(" ")[3] if kind is self.messages else text[1:] if kind is self.receipts else text)

    def read_until(self, is_so):
        while not is_so():
            self.read()

    def ask(self, text, answer):
        self.send(text)
        self.read_until(lambda: answer in self.answers)
        self.answers.remove(answer)


class LifeTestCase(ClusterTestCase):
    def start(self, node, **more):
        return super().start(node, gateways=[SAYING], **more)

    def member(self, host, room=None):
        member = Member(self, host.address)
        if room:
            member.ask("join " + room, "joined " + room)
        return member

    def server_is(self, host, up):
        """Until /readyz says so, of a host that is to say that."""
        wanted = 200 if up else 503
        self.eventually(lambda: ask(host.admin_address, "/readyz").status == wanted, "/readyz says %d" % wanted)


class TestReceipts(LifeTestCase):
    """Each receipt comes once, whatever happens meanwhile."""

    def check_once(self, teller, keys):
        teller.read_until(lambda: len(teller.receipts) >= len(keys))
        self.assertEqual(sorted(text.split()[0] for text in teller.receipts), sorted(keys))

    def test_it_counts_who_is_here(self):
        host = self.start("left")
        teller = self.member(host)
        others = [self.member(host, "tea") for _ in range(3)]
        teller.send("tell tea one")
        teller.read_until(lambda: teller.receipts)
        self.assertEqual(teller.receipts, ["one 3"])
        for other in others:
            other.read_until(lambda other=other: other.messages)
            self.assertEqual(other.messages, ["one"])
        teller.send("tell nobody two")
        teller.read_until(lambda: len(teller.receipts) == 2)
        self.assertEqual(teller.receipts[1], "two 0")

    def test_when_the_server_does_not_answer(self):
        host = self.start("left")
        teller = self.member(host, "tea")
        self.server.signal(signal.SIGSTOP)
        keys = ["k%d" % number for number in range(50)]
        for key in keys:
            teller.send("tell tea " + key)
        self.check_once(teller, [key for key in keys if "-%s TONI_ERR_BUSY" % key not in teller.answers])
        self.server.signal(signal.SIGCONT)
        host.stop()

    def test_while_the_engine_is_exchanged(self):
        host = self.start("left")
        teller = self.member(host, "tea")
        results = []

        def exchange():
            for number in range(4):
                host.configure(cluster_conf(self.server, "left", [SAYING], {"misbehaves": "not in way %d" % number}))
                results.append(run_toni("reload", "-c", host.conf))

        thread = threading.Thread(target=exchange)
        thread.start()
        keys = []
        while thread.is_alive() or len(keys) < 20:
            keys.append("k%d" % len(keys))
            teller.send("tell tea " + keys[-1])
            teller.read_until(lambda: "+" + keys[-1] in teller.answers)
            teller.read_until(lambda: len(teller.receipts) == len(keys))
        thread.join()
        self.check_once(teller, keys)
        self.assertEqual(teller.receipts, [key + " 1" for key in keys])
        self.assertEqual(teller.messages, keys)
        for result in results:
            self.assertIn("1 swapped", result.stdout, result.stderr)

    def test_a_host_that_stops_waits_for_none(self):
        host = self.start("left")
        teller = self.member(host, "tea")
        self.server.signal(signal.SIGSTOP)
        self.addCleanup(self.server.signal, signal.SIGCONT)
        for number in range(50):
            teller.send("tell tea k%d" % number)
        teller.ask("leave tea", "left tea")
        host.stop()


class TestBounds(LifeTestCase):
    def test_what_never_fits_is_too_big(self):
        """8 MiB may wait for a server: a message that takes all of it is not to be sent again and again."""
        host = self.start("left", limits={"message_bytes": 16 << 20})
        member = self.member(host, "tea")
        for size, result in ((8 << 20, "TONI_ERR_TOO_BIG"), ((8 << 20) - 64, "TONI_ERR_TOO_BIG")):
            member.send("say tea k " + "x" * (size - 64))  # what the gateway puts in front is as much, about
            member.read_until(lambda: member.answers)
            self.assertEqual(member.answers.pop(), "-k " + result)
        member.send("say tea k " + "x" * (7 << 20))
        member.read_until(lambda: member.answers)
        self.assertEqual(member.answers.pop(), "+k")


class TestExchange(LifeTestCase):
    def test_an_engine_is_exchanged_that_is_still_beginning(self):
        limits = {"swap_ms": 10000}
        host = self.start("left", limits=limits)
        member = self.member(host, "tea")
        for how in ("slow", "slow, too", "not"):
            host.configure(cluster_conf(self.server, "left", [SAYING], {"misbehaves": how}, limits=limits))
            result = run_toni("reload", "-c", host.conf)
            self.assertIn("1 swapped", result.stdout, result.stderr)
        self.eventually(lambda: self.is_heard(member), "it hears itself")
        host.stop()

    def is_heard(self, member):
        member.ask("leave tea", "left tea")
        member.ask("join tea", "joined tea")
        member.send("tell tea one")
        member.read_until(lambda: member.receipts or "-one TONI_ERR_BUSY" in member.answers)
        return member.receipts and member.receipts.pop() == "one 1"


class TestTold(LifeTestCase):
    def test_of_a_server_that_goes_and_of_what_is_lost(self):
        host = self.start("left")
        member = self.member(host, "tea")
        self.server.signal(signal.SIGSTOP)
        for number in range(7):
            member.ask("say tea k%d" % number, "+k%d" % number)
        self.eventually(lambda: self.lost(host) == 7, "it is told of 7")
        self.server.kill()
        host.wait_log(msg=lambda text: text.startswith("told of %s: 0, " % self.server.path))
        self.server.start()
        up = "told of %s: 2, 0 lost" % self.server.path
        host.wait_lines(2, msg=up)  # the first is of the start
        self.assertEqual(len(host.log(msg=up)), 2)
        self.assertEqual(self.lost(host), 7)

    def lost(self, host):
        lines = host.log(msg=lambda text: text.startswith("told of "))
        return sum(int(line["msg"].split(" ")[4]) for line in lines)

    def test_of_a_node_that_is_gone(self):
        left, right = self.start("left"), self.start("right")
        left.wait_log(msg="another node is seen", node="right")
        right.kill()
        left.wait_log(deadline=DEADLINE + 15, msg="told that right is gone")

    def test_of_a_node_that_stops_at_its_next_renewal(self):
        """And one that takes its place has no namesake then."""
        left, right = self.start("left"), self.start("right")
        left.wait_log(msg="another node is seen", node="right")
        right.stop()
        stopped = time.monotonic()
        self.assertTrue(right.log(msg="this node is no longer one of the cluster", level="info"))
        self.assertEqual(right.log(level="warn"), [])
        left.wait_log(msg="told that right is gone")
        self.assertLess(time.monotonic() - stopped, RENEW_S + 2 * SLOWNESS)
        again = self.start("right")
        left.wait_lines(2, msg="another node is seen", node="right")
        again.wait_log(msg="another node is seen", node="left")
        for host in (left, again):
            self.assertEqual([line["reason"] for line in host.log(msg="another node is seen")][-1], "")


class TestRestart(LifeTestCase):
    """A host of a cluster gives way to its successor."""

    def test_nobody_is_refused_and_the_others_lose_nothing(self):
        left = Generations(cluster_conf(self.server, "left", [SAYING]))
        self.addCleanup(left.kill)
        left.start()
        self.hosts.append(left)
        right = self.start("right")
        reader, writer = self.member(right, "tea"), self.member(right)
        keys, results = ["first"], []
        reader.ask("say tea first", "+first")  # a join takes effect once the engine has heard of it, as this shows
        reader.read_until(lambda: reader.messages)
        thread = threading.Thread(target=lambda: results.extend(left.restart() for _ in range(3)))
        thread.start()
        while thread.is_alive() or len(keys) < 50:
            keys.append("k%d" % len(keys))
            visitor = Member(self, left.address)  # one is always there to take it
            visitor.send("say tea " + keys[-1])
            visitor.read_until(lambda visitor=visitor: visitor.answers)
            self.assertEqual(visitor.answers, ["+" + keys[-1]])
            reader.read_until(lambda: len(reader.messages) == len(keys))
            visitor.client.sock.close()
        thread.join()
        self.assertEqual(len(results), 3)
        self.assertEqual(reader.messages, keys)
        self.assertEqual(reader.answers, [])  # no gap
        writer.ask("say tea last", "+last")
        left.stop()

    def test_each_has_a_lease_of_its_own_and_gives_it_back(self):
        left = Generations(cluster_conf(self.server, "left", [SAYING]))
        self.addCleanup(left.kill)
        left.start()
        self.hosts.append(left)
        right = self.start("right")
        is_here = dict(msg="this node is one of the cluster")
        for number in range(1, 4):
            left.restart()
            left.wait_lines(number + 1, **is_here)
            left.wait_lines(number, msg="this node is no longer one of the cluster", level="info")
            right.wait_lines(number, msg="another node is gone", node="left")
        # The newest one's was not given back with the others: it is there when it would have been renewed.
        right.wait_log(deadline=DEADLINE + 15, msg="another node is seen", slot=left.log(**is_here)[-1]["slot"])
        self.eventually(lambda: scrape(right.admin_address)("cluster_nodes") == 1, "the newest is there")
        seen = len(right.log(msg="another node is gone"))
        time.sleep(LEASE_S + 1)
        self.assertEqual(len(right.log(msg="another node is gone")), seen)
        self.assertEqual(scrape(right.admin_address)("cluster_nodes"), 1)
        left.stop()


class TestFigures(LifeTestCase):
    def test_ready_says_whether_the_server_is_there(self):
        host = self.start("left", cluster={"ready": True})
        self.server_is(host, True)
        self.server.kill()
        self.server_is(host, False)
        self.assertEqual(scrape(host.admin_address)("ready"), 0, "who alerts on the metric sees it, too")
        self.assertEqual(ask(host.admin_address, "/healthz").status, 200)
        self.server.start()
        self.server_is(host, True)

    def test_without_ready_it_says_nothing_of_it(self):
        host = self.start("left")
        self.server.kill()
        host.wait_log(msg=AWAY)
        self.assertEqual(ask(host.admin_address, "/readyz").status, 200)

    def status(self, host):
        result = run_toni("status", "--format=json", "-c", host.conf)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)["cluster"]

    def test_metrics_and_status(self):
        left, right = self.start("left"), self.start("right")
        left.wait_log(msg="another node is seen", node="right")
        member = self.member(left, "tea")
        for number in range(5):
            member.ask("say tea k%d" % number, "+k%d" % number)
        member.read_until(lambda: len(member.messages) == 5)
        name = self.server.path
        published = 5 + 1  # and that it is there, which it has told the other hosts
        self.eventually(
            lambda: scrape(left.admin_address)("cluster_publishes_total", server=name, result="ok") == published,
            "all are ok")
        metrics = scrape(left.admin_address)
        self.assertEqual(promtool(metrics.text), "")
        self.assertEqual(metrics("cluster_nodes"), 1)
        self.assertEqual(metrics("cluster_pending", server=name), 0)
        status = self.status(left)
        self.assertEqual((status["engine"], status["node"], status["nodes"]), ("tie", "left", 1))
        self.assertGreater(status["slot"], 0)
        (server,) = status["servers"]
        self.assertEqual((server["name"], server["state"], server["ok"], server["pending"]), (name, "up", published, 0))
        self.server.kill()
        self.eventually(lambda: self.status(left)["servers"][0]["state"] == "down", "the status says that it is down")
        metrics = scrape(left.admin_address)
        self.assertEqual(promtool(metrics.text), "")
        self.assertEqual(metrics("cluster_server_state", server=name), 0)


if __name__ == "__main__":
    main()
