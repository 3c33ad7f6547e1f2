"""A host as one node of a cluster, over a small engine of the tests' own: what is sent on one host reaches members on
all, in one order; and what an engine that is slow, wrong, exchanged or away costs. The engine's server is a process of
its own (socket_engine.py); what Redis adds is tested in tests/cluster."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from test_admin import ask
from toni_host import Client, Host, PatientTestCase, configuration, gateway, halt, main, run_toni, say, scaled

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "socket_engine.py")
UP, AWAY = "a server of the cluster is up", "a server of the cluster is away"


class Server:
    """One server of the engine."""

    def __init__(self, folder, name="server", slots=1023):
        self.path = os.path.join(folder, name)
        self.slots = slots
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, SERVER, self.path, str(self.slots)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def signal(self, number):
        if number == signal.SIGSTOP:
            halt(self.process)
        else:
            self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


own_rooms = itertools.count()


def read_until(client, *texts):
    """Until all of them have come."""
    missing = set(texts)
    while missing:
        missing.discard(client.read())


def engine(server, **options):
    return gateway("tie", "socket_engine.so", None, kind="service", options={"server": server.path, **options})


def cluster_conf(server, node, gateways=(), options=None, cluster=None, **more):
    conf = {"engine": "tie", "node": node, **(cluster or {})}
    return configuration(
        [*gateways, gateway("rooms", "rooms_gateway.so", "/rooms"), engine(server, **(options or {}))],
        workers=2, cluster=conf, admin="127.0.0.1:0", **more,
    )


class ClusterTestCase(PatientTestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-tie-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = Server(self.folder)
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.kill())

    def start(self, node, **more):
        host = Host(cluster_conf(self.server, node, **more)).start()
        self.addCleanup(host.kill)
        self.hosts.append(host)
        return host

    def run(self, result=None):
        """Of a test that fails the hosts' logs are shown."""
        before = len(result.failures) + len(result.errors)
        self.hosts = []
        result = super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for host in self.hosts:
                say(host.text())
        return result

    def client(self, host, room=None):
        client = Client(host.address, "/rooms")
        self.addCleanup(client.sock.close)
        client.read()
        if room:
            client.name = self.own_name(client)
            client.send("join:" + room)
            read_until(client, "Joined room: " + room, client.name + " joined")
        return client

    def own_name(self, client):
        """As a room of its own hears it: of another one it may hear first that somebody has come just before."""
        room = "own-%d" % next(own_rooms)
        client.send("join:" + room)
        texts = {client.read(), client.read()} - {"Joined room: " + room}
        client.send("leave:" + room)
        read_until(client, "Left room: " + room)
        (text,) = texts
        return text.removesuffix(" joined")


class TestTwoHosts(ClusterTestCase):
    def test_who_joins_hears_itself_and_the_others(self):
        left, right = self.start("left"), self.start("right")
        one = self.client(left, "tea")
        other = self.client(right, "tea")
        self.assertEqual(one.read(), other.name + " joined")
        one.send("msg:tea:hello")
        self.assertEqual(one.read(), "[tea] %s: hello" % one.name)
        self.assertEqual(other.read(), "[tea] %s: hello" % one.name)

    def test_one_order_everywhere(self):
        """Four write at a time, two on each host, in two rooms: all read the same, byte for byte."""
        hosts = [self.start("left"), self.start("right")]
        count = scaled(200, 60)
        for room in ("tea", "mate"):
            # Each has heard itself: so its host hears the room.
            members = [self.client(host, room) for host in hosts for _ in range(2)]
            threads = [threading.Thread(target=self.write, args=(member, room, number, count)) for number, member in enumerate(members)]
            for thread in threads:
                thread.start()
            read = [self.read_all(member, len(members) * count) for member in members]
            for thread in threads:
                thread.join()
            for number, texts in enumerate(read):
                self.assertEqual(texts, read[0], "member %d reads what the first does" % number)
            for number in range(len(members)):
                mine = [text for text in read[0] if text.split(": ")[1].startswith("%d/" % number)]
                self.assertEqual([text.rsplit("/", 1)[1] for text in mine], [str(i) for i in range(count)])

    def write(self, member, room, number, count):
        for i in range(count):
            member.send("msg:%s:%d/%d" % (room, number, i))

    def read_all(self, member, count):
        texts = []
        while len(texts) < count:
            text = member.read()
            if text.startswith("["):
                texts.append(text)
            else:
                self.assertTrue(text.endswith(" joined"), text)
        return texts


class TestNamespaces(ClusterTestCase):
    """What a namespace says of itself in gateways.conf."""

    def said(self, sender, text, *readers):
        sender.send("msg:tea:" + text)
        for reader in (sender, *readers):
            self.assertEqual(reader.read(), "[tea] %s: %s" % (sender.name, text))

    def test_one_without_the_cluster_is_each_hosts_own(self):
        apart = {"namespaces": [{"name": "", "cluster": False}]}
        left, right = self.start("left", **apart), self.start("right", **apart)
        here, there = self.client(left, "tea"), self.client(right, "tea")
        self.said(here, "left alone")
        self.said(there, "right alone")
        self.server.kill()
        left.wait_log(msg=AWAY)
        self.said(here, "still")

    def test_a_local_only_one_goes_on_alone_and_heals(self):
        alone = {"namespaces": [{"name": "", "local_only": True}]}
        left, right = self.start("left", **alone), self.start("right", **alone)
        here = self.client(left, "tea")
        there = self.client(right, "tea")
        beside = self.client(left, "tea")
        for client, other in ((here, there), (here, beside), (there, beside)):
            self.assertEqual(client.read(), other.name + " joined")
        self.said(here, "all", beside, there)
        self.server.kill()
        left.wait_log(msg=AWAY)
        self.said(here, "alone", beside)
        ups = [len(host.log(msg=UP)) for host in (left, right)]
        self.server.start()
        for host, before in zip((left, right), ups):
            host.wait_lines(before + 1, msg=UP)
        self.said(here, "healed", beside, there)


class TestEngine(ClusterTestCase):
    """What an engine does to its host."""

    def test_it_is_exchanged_while_messages_are_published(self):
        """Every message comes to both hosts once, and in order, over any number of exchanges."""
        left, right = self.start("left"), self.start("right")
        sender, reader = self.client(left, "tea"), self.client(right, "tea")
        results = []

        def exchange():
            for number in range(5):
                conf = cluster_conf(self.server, "left", options={"misbehaves": "not in way %d" % number})
                left.configure(conf)
                results.append(run_toni("reload", "-c", left.conf))

        thread = threading.Thread(target=exchange)
        thread.start()
        number = 0
        while thread.is_alive() or number < 100:
            sender.send("msg:tea:%d" % number)
            self.assertEqual(reader.read(), "[tea] %s: %d" % (sender.name, number))
            number += 1
        thread.join()
        for result in results:
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertIn("1 swapped", result.stdout)

    def test_one_that_says_nonsense_harms_nothing(self):
        host = self.start("left", options={"misbehaves": "nonsense"})
        self.client(host).send("join:first")  # whose greeting is what the engine is wrong about
        host.wait_log(msg="the engine said what makes no sense, which is ignored")
        host.wait_lines(2, msg=UP)
        client = self.client(host, "tea")
        for number in range(20):
            client.send("msg:tea:%d" % number)
            self.assertEqual(client.read(), "[tea] %s: %d" % (client.name, number))
        self.assertTrue(host.log(msg="the engine said what makes no sense, which is ignored"))
        host.stop()

    def test_leases_that_nobody_can_have_are_passed_over(self):
        host = self.start("left", options={"misbehaves": "leases"})
        host.wait_log(msg="the engine said what makes no sense, which is ignored", function="lease_reply")
        client = self.client(host, "tea")
        client.send("msg:tea:hello")
        self.assertEqual(client.read(), "[tea] %s: hello" % client.name)
        self.assertTrue(host.log(msg="this node is one of the cluster"))
        self.assertEqual(host.log(msg="another node is seen"), [])
        host.stop()

    def test_a_boot_number_that_others_would_pass_over_is_no_lease(self):
        host = self.start("left", options={"misbehaves": "boot"})
        host.wait_log(msg="the engine said what makes no sense, which is ignored", function="lease_reply")
        host.wait_log(msg="this node is one of the cluster")
        host.wait_log(msg=UP)
        self.assertEqual(len(host.log(msg="this node is one of the cluster")), 1)
        host.stop()

    def test_one_that_refuses_to_begin_keeps_the_host_from_starting(self):
        for how, why in (("create", "it is told to fail"), ("attach", "the engine can't be attached"), ("names", "it does not name 1 to 64 servers")):
            with self.subTest(how):
                host = Host(cluster_conf(self.server, "left", options={"misbehaves": how})).launch()
                self.addCleanup(host.kill)
                self.assertEqual(host.wait_exit(), 1)
                self.assertIn(why, host.text())

    def test_one_that_refuses_to_follow_another_does_not_fill_the_log(self):
        host = self.start("left")
        client = self.client(host, "tea")
        refused = "the engine can't be attached"
        host.expect_error(msg=refused)
        self.exchange(host, {"misbehaves": "attach"})
        host.wait_log(msg=refused, attempts="4")
        self.assertEqual([line["attempts"] for line in host.log(msg=refused)], ["1", "2", "4"])
        before = len(host.log(msg=UP))
        self.exchange(host, {})
        host.wait_lines(before + 1, msg=UP)
        client.send("msg:tea:again")
        self.assertEqual(client.read(), "[tea] %s: again" % client.name)
        host.stop()

    def exchange(self, host, options):
        host.configure(cluster_conf(self.server, "left", options=options))
        result = run_toni("reload", "-c", host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_one_that_hangs_is_named_and_left_behind(self):
        host = self.start("left", options={"misbehaves": "hang"}, limits={"callback_ms": 200}, cluster={"ready": True})
        client = self.client(host)
        client.send("join:tea")
        held = host.wait_log(msg=lambda text: text.startswith("a function of the cluster's engine has not returned"))
        self.assertEqual((held["instance"], held["callback"]), ("tie", "publish"))
        # The host serves, and what would wait for nothing is refused.
        other = self.client(host)
        other.send("msg:tea:hello")
        self.assertIn("too much is waiting", other.read())
        self.assertEqual(ask(host.admin_address, "/readyz").status, 503)
        host.process.terminate()
        host.expect_error(msg=lambda text: "does not return" in text)
        self.assertEqual(host.wait_exit(), 1)

    def test_the_server_goes_and_comes_back(self):
        """What is sent meanwhile is refused; then all is as before, with another life of the data."""
        host = self.start("left")
        client = self.client(host, "tea")
        self.server.kill()
        host.wait_log(msg=AWAY)
        client.send("msg:tea:to nobody")
        self.assertIn("too much is waiting", client.read())
        before = len(host.log(msg=UP))
        self.server.start()
        host.wait_lines(before + 1, msg=UP)
        client.send("msg:tea:again")
        self.assertEqual(client.read(), "[tea] %s: again" % client.name)
        host.stop()

    def test_a_host_without_servers_starts(self):
        self.server.kill()
        host = self.start("left")
        self.assertTrue(host.log(msg=lambda text: text.startswith("not all servers of the cluster's engine")))
        client = self.client(host)
        client.send("join:tea")
        self.assertEqual(client.read(), "Joined room: tea")
        host.stop()

    def test_what_waits_at_the_end_has_its_result(self):
        """The server does not answer any more, and the host stops in time all the same."""
        host = self.start("left")
        client = self.client(host, "tea")
        self.server.signal(signal.SIGSTOP)
        self.addCleanup(self.server.signal, signal.SIGCONT)
        for number in range(100):
            client.send("msg:tea:%d" % number)
        client.send("leave:tea")
        read_until(client, "Left room: tea")
        host.stop()
        self.assertTrue(host.log(msg=lambda text: "may be lost" in text))


class TestConfiguration(ClusterTestCase):
    def check(self, conf):
        path = os.path.join(self.folder, "gateways.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(conf)
        return run_toni("check", "-c", path)

    def test_faults(self):
        for cluster, fault in (
            ({"engine": "tia"}, "`engine` of `cluster` is `tia`, which no module provides; did you mean `tie`?"),
            ({"engine": "rooms"}, "`engine` of `cluster` is `rooms`, whose library offers no interface"),
            ({"node": ""}, "`node` of `cluster` has 0 bytes"),
            ({"receipt_ms": 0}, "`receipt_ms`"),
            ({"engin": "tie"}, "did you mean `engine`?"),
        ):
            with self.subTest(fault):
                result = self.check(cluster_conf(self.server, "left", cluster=cluster))
                self.assertEqual(result.returncode, 2)
                self.assertIn(fault, result.stderr)
                self.assertRegex(result.stderr, r"gateways\.conf:\d+: ")

    def test_a_reload_changes_nothing_of_it(self):
        host = self.start("left")
        host.configure(cluster_conf(self.server, "right"))
        result = run_toni("reload", "-c", host.conf)
        self.assertEqual(result.returncode, 2)
        self.assertIn("cluster is not what the host started with", result.stdout + result.stderr)
        host.expect_error(msg="reload refused")
        host.stop()

    def test_a_node_that_finds_all_slots_taken_says_so_and_its_rooms_go_on(self):
        self.server.kill()
        self.server = Server(self.folder, slots=1)
        left = self.start("left")
        left.wait_log(msg="this node is one of the cluster")
        right = self.start("right")
        right.wait_log(msg="other nodes have all slots of the cluster: this one asks again when it would renew")
        one, other = self.client(left, "tea"), self.client(right, "tea")
        self.assertEqual(one.read(), other.name + " joined")
        other.send("msg:tea:hello")
        self.assertEqual(one.read(), "[tea] %s: hello" % other.name)
        self.assertFalse(right.log(msg="this node is one of the cluster"))
        left.stop()
        right.stop()


if __name__ == "__main__":
    main()
