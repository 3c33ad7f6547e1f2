"""`toni bench` against the host: what it counts, what it says of gateways that do wrong, and of itself."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from tls_material import Authority
from toni_host import (
    BUILD,
    DEADLINE,
    ECHO,
    GUARD,
    REFUSE,
    ROOMS,
    TONI,
    Host,
    HostTestCase,
    configuration,
    gateway,
    main,
    run_toni,
    scaled,
)

EVENTS = gateway("events", os.path.join(BUILD, "tests", "bench", "events_gateway.so"), "/events")
OTHERS = gateway("others", os.path.join(BUILD, "tests", "bench", "others_gateway.so"), "/others")
TWISTED = gateway("twisted", "twisted_gateway.so", "/twisted")
SHORT = ("--duration=300ms", "--warm-up=0")
RATE = scaled(2000, 300)

FIELDS = {"right", "ended_early", "seconds", "plan", "connections", "messages", "slow", "faults", "generator"}
PERCENTILES = ["p50", "p90", "p99", "p99.9", "max"]


class BenchTestCase(HostTestCase):
    gateways = (ECHO, ROOMS, REFUSE, TWISTED, EVENTS, OTHERS)

    def url(self, path):
        return "ws://%s%s" % (self.host.address, path)

    def bench(self, path, *options, code=0, duration=SHORT):
        """The report of a run, which must end with that exit code."""
        url = self.url(path) if path.startswith("/") else path
        done = run_toni("bench", url, *duration, *options, "--format=json", deadline=4 * DEADLINE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(set(report), FIELDS)
        self.assertEqual(report["right"], code == 0)
        return report

    def faults(self, path, *options):
        """Those that are not 0."""
        report = self.bench(path, *options, code=1)
        return {name: count for name, count in report["faults"].items() if count}, report

    def check_latencies(self, times):
        values = [times[name] for name in PERCENTILES]
        self.assertEqual(values, sorted(values))
        self.assertGreater(values[0], 0)


class Loads(BenchTestCase):
    def test_echo_in_a_closed_loop(self):
        report = self.bench("/echo", "--connections=8", "--outstanding=3")
        messages = report["messages"]
        self.assertEqual(report["plan"]["outstanding"], 3)
        self.assertEqual(report["connections"]["opened"], 8)
        self.assertGreater(messages["received"], 0)
        self.assertLessEqual(abs(messages["sent"] - messages["received"]), 24)
        self.check_latencies(messages["latency_us"])
        self.check_latencies(report["connections"]["handshake_us"])

    def test_echo_at_a_rate(self):
        """As many as are due, from several threads, also where the start is slow."""
        options = ("--connections=20", "--rate=%d" % RATE, "--threads=2", "--size=2000")
        report = self.bench("/echo", *options)
        wanted = RATE * 0.3
        sent = report["messages"]["sent"] + report["generator"]["unsent"] + report["messages"]["held_back"]
        self.assertAlmostEqual(sent, wanted, delta=wanted / 20 + 2)
        self.assertEqual(len(report["generator"]["threads"]), 2)
        self.assertGreater(report["generator"]["late_us"]["count"], 0)

    def test_rooms(self):
        """Everybody of a room gets what its publisher sends; slow ones are counted apart."""
        options = ("--connections=40", "--rooms=4", "--publishers=8", "--slow=20%", "--threads=2")
        report = self.bench("/rooms", *options)
        messages = report["messages"]
        # 8 are slow, of ten in each room. (That nothing was lost is told by the exit code.) However slow the machine is, of
        # each publisher one message at most is on its way at the end.
        self.assertGreater(messages["received"], 4 * (messages["sent"] - 8))
        self.assertEqual(report["plan"]["slow"], 8)

    def test_rooms_that_leave_the_sender_out(self):
        """--others expects no message of its own; without it, that is lost."""
        options = ("--connections=6", "--rooms=2", "--rate=100")
        report = self.bench("/others", "--others", *options)
        self.assertGreater(report["messages"]["received"], 0)
        faults, report = self.faults("/others", "--timeout=500ms", *options)
        self.assertEqual(faults, {"lost": report["messages"]["sent"]})

    def test_slow_readers_read(self):
        options = ("--connections=4", "--rooms=1", "--slow=0.25", "--slow-rate=20000", "--size=1000")
        report = self.bench("/rooms", *options, "--rate=100")
        self.assertGreater(report["slow"]["received"], 0)

    def test_events_are_matched_by_their_ids(self):
        report = self.bench("/events", "--event=echo", '--data={"text":"{client} {message}"}', "--connections=3")
        self.assertGreater(report["messages"]["received"], 0)
        self.check_latencies(report["messages"]["latency_us"])

    def test_events_to_a_room(self):
        report = self.bench(
            "/events", "--rooms=1", "--connections=5", "--event=say",
            '--join={"event":"join","data":{"room":"{room}"}}',
            '--data={"room":"{room}","text":"{message}"}',
        )
        self.assertGreaterEqual(report["messages"]["received"], 5)

    def test_an_event_that_fails_is_an_error(self):
        faults, report = self.faults("/events", "--event=unknown", "--connections=1")
        self.assertEqual(set(faults), {"errors"})
        self.assertGreater(report["messages"]["received"], 0)

    def test_templates_of_ones_own(self):
        """Without a mark the answers are matched by their order."""
        report = self.bench("/twisted?how=count", "--message={client}:{number}", "--connections=2", "--outstanding=4")
        self.assertGreater(report["messages"]["received"], 8)

    def test_handshakes(self):
        report = self.bench("/echo", "--handshakes", "--connections=4")
        self.assertGreater(report["connections"]["opened"], 4)
        self.check_latencies(report["connections"]["handshake_us"])
        paced = self.bench("/echo", "--handshakes", "--connections=4", "--connect-rate=50")
        self.assertLessEqual(paced["connections"]["opened"], 16)

    def test_connections_come_at_a_rate(self):
        report = self.bench("/echo", "--connections=10", "--connect-rate=50")
        self.assertGreaterEqual(report["connections"]["seconds"], 0.17)

    def test_text_for_people(self):
        done = run_toni("bench", self.url("/echo"), *SHORT, "--connections=2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^  latency +p50 .*, p90 .*, p99 .*, p99\.9 .*, max ")
        self.assertIn("\nRight: nothing was lost", done.stdout)
        self.assertNotIn("\r", done.stdout)

    def test_the_bar_is_for_terminals(self):
        leader, follower = pty.openpty()
        run = subprocess.Popen(
            [TONI, "bench", self.url("/echo"), "--duration=1s", "--warm-up=0", "--connections=1"],
            stdout=subprocess.DEVNULL, stderr=follower,
        )
        os.close(follower)
        shown = b""
        try:
            while part := os.read(leader, 4096):
                shown += part
        except OSError:  # the other side is closed
            pass
        os.close(leader)
        self.assertEqual(run.wait(DEADLINE), 0)
        self.assertRegex(shown.decode(), r"\r\x1b\[K\[#+\.*\] [01] of 1 s  1 open  \d+ sent/s  \d+ received/s")
        self.assertTrue(shown.endswith(b"\r\x1b[K"))


class Wrong(BenchTestCase):
    """The fixture answers one of sixteen messages wrongly."""

    def of(self, how, *options):
        return self.faults("/twisted?how=" + how, "--connections=2", "--rate=%d" % RATE, "--timeout=%dms" % scaled(1500, 5000), *options)

    def test_lost(self):
        faults, report = self.of("drop")
        self.assertEqual(set(faults), {"lost"})
        self.assertAlmostEqual(faults["lost"], report["messages"]["sent"] / 16, delta=2)

    def test_doubled(self):
        faults, _ = self.of("twice")
        self.assertEqual(set(faults), {"doubled"})

    def test_out_of_order(self):
        """What comes late is not lost; but for the last, whose next is not sent any more."""
        faults, _ = self.of("swap")
        self.assertGreater(faults.pop("disordered"), 0)
        self.assertLessEqual(faults.pop("lost", 0), 2)
        self.assertEqual(faults, {})

    def test_damaged(self):
        self.assertEqual(set(self.of("damage")[0]), {"damaged"})

    def test_strayed(self):
        self.assertEqual(set(self.of("stray")[0]), {"strayed", "lost"})

    def test_closed(self):
        """Counted by code and reason, of which nothing reaches a terminal that could harm it."""
        faults, report = self.of("close")
        self.assertEqual(faults["closed"], 2)
        self.assertEqual(report["connections"]["closed"], {"4001 enough ?[31m": 2})
        self.assertTrue(report["ended_early"])

    def test_never_answered(self):
        report = self.bench(
            "/twisted?how=silent", "--connections=2", "--timeout=%dms" % scaled(500, 2000), "--outstanding=2", code=1,
            duration=("--duration=%dms" % scaled(700, 3000), "--warm-up=0"),
        )
        self.assertGreaterEqual(report["faults"]["timed_out"], 4)
        self.assertEqual(report["messages"]["received"], 0)

    def test_a_gateway_with_a_language_of_its_own(self):
        """It answers, but nothing that holds the message: it is said how to say what it takes."""
        done = run_toni("bench", self.url("/events"), *SHORT, "--timeout=%dms" % scaled(300, 2000), deadline=4 * DEADLINE)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("Nothing that came back holds what was sent", done.stdout)
        self.assertIn("--event", done.stdout)

    def test_refused(self):
        faults, report = self.faults("/nowhere", "--connections=3")
        self.assertEqual(faults, {"refused": 3})
        self.assertEqual(report["connections"]["refused"], {"404 Not Found: no gateway on this path": 3})

    def test_closed_at_once(self):
        _, report = self.faults("/refuse?code=4003", "--connections=2")
        self.assertEqual(report["connections"]["closed"], {"4003 no: 4003": 2})

    def test_nobody_listens(self):
        _, report = self.faults("ws://127.0.0.1:1/", "--connections=2")
        self.assertEqual(report["connections"]["refused"], {"can't connect: Connection refused": 2})


class Death(BenchTestCase):
    def test_a_host_that_is_killed_in_the_middle(self):
        with tempfile.TemporaryDirectory() as folder:
            host = Host(configuration([ECHO]), folder).start()
            run = subprocess.Popen(
                [TONI, "bench", "ws://%s/echo" % host.address, "--duration=60", "--warm-up=0", "--format=json",
                 "--connections=5"],
                stdout=subprocess.PIPE, text=True,
            )
            self.eventually(lambda: self.connected(host) == 5, "all are connected")
            host.kill()
            out, _ = run.communicate(timeout=DEADLINE)
        report = json.loads(out)
        self.assertEqual(run.returncode, 1)
        self.assertTrue(report["ended_early"])
        self.assertEqual(report["connections"]["closed"], {"1006 without a close frame": 5})

    def connected(self, host):
        status = json.loads(run_toni("status", "-c", host.conf, "-f", "json").stdout)
        return sum(instance.get("clients", 0) for instance in status["instances"])

    def test_a_signal_ends_it_with_its_report(self):
        run = subprocess.Popen(
            [TONI, "bench", self.url("/echo"), "--duration=60", "--warm-up=0", "--format=json", "--connections=3"],
            stdout=subprocess.PIPE, text=True,
        )
        self.eventually(lambda: self.connected(self.host) == 3, "all are connected")
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=DEADLINE)
        report = json.loads(out)
        self.assertEqual(run.returncode, 0, out)
        self.assertTrue(report["ended_early"])


class StandingStill(BenchTestCase):
    """A host that does nothing for a quarter of the time."""

    def run_while_it_stands(self, *options):
        with tempfile.TemporaryDirectory() as folder:
            host = Host(configuration([ECHO]), folder).start()
            self.addCleanup(host.kill)
            run = subprocess.Popen(
                [TONI, "bench", "ws://%s/echo" % host.address, "--duration=3", "--warm-up=0", "--format=json",
                 "--connections=4", *options],
                stdout=subprocess.PIPE, text=True,
            )
            self.eventually(lambda: Death.connected(self, host) == 4, "all are connected")
            host.process.send_signal(signal.SIGSTOP)
            time.sleep(0.8)
            host.process.send_signal(signal.SIGCONT)
            out, _ = run.communicate(timeout=DEADLINE)
            host.stop()
        self.assertEqual(run.returncode, 0, out)
        return json.loads(out)["messages"]

    def test_at_a_rate_all_that_was_due_meanwhile_has_waited(self):
        """A tenth of all and more wait for 0.2 s or longer, however late they could be sent."""
        messages = self.run_while_it_stands("--rate=200")
        self.assertGreater(messages["latency_us"]["p90"], 100e3)
        self.assertGreater(messages["sent"], 200)


class Limit(BenchTestCase):
    def test_a_rate_that_it_can_not_reach(self):
        """It says so, and why; what it could do is right all the same."""
        report = self.bench("/echo", "--rate=50000000", "--connections=2", "--timeout=60s", duration=("--duration=200ms", "--warm-up=0"))
        self.assertTrue(report["generator"]["was_the_limit"])
        self.assertTrue(any("could not send fast enough" in why for why in report["generator"]["why"]),
                        report["generator"]["why"])

    def test_it_says_so_to_people(self):
        done = run_toni("bench", self.url("/echo"), "--rate=50000000", "--connections=2", "--duration=200ms",
                        "--warm-up=0", "--timeout=60s")
        self.assertIn("LIMIT: these are figures of the generator, not of the server:\n", done.stdout)


class Ways(BenchTestCase):
    """Other ways to connect."""

    gateways = (ECHO,)

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="toni-bench-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.socket = os.path.join(cls.folder, "toni.sock")
        cls.listen = ["127.0.0.1:0", "[::1]:0", "unix:" + cls.socket]
        super().setUpClass()

    def test_ipv6(self):
        address = next(a for a in self.host.addresses if a.startswith("["))
        self.bench("ws://%s/echo" % address, "--connections=2")

    def test_a_unix_socket(self):
        self.bench("unix:%s:/echo" % self.socket, "--connections=2")

    def test_several_sources(self):
        self.bench("/echo", "--connections=4", "--source=127.0.0.2", "--source=127.0.0.3")
        faults, report = self.faults("/echo", "--connections=1", "--source=192.0.2.1")
        self.assertEqual(faults, {"refused": 1})
        self.assertIn("can't connect: Cannot assign requested address", report["connections"]["refused"])


class Tls(BenchTestCase):
    def test_certificates_are_checked(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(folder)
            pair = authority.issue("localhost", "DNS:localhost")
            host = Host(configuration([ECHO], listen={"address": "127.0.0.1:0", "tls": pair}), folder).start()
            self.addCleanup(host.kill)
            port = host.address.rsplit(":", 1)[1]
            by_name, by_address = ("wss://%s:%s/echo" % (name, port) for name in ("localhost", "127.0.0.1"))
            self.bench(by_name, "--connections=2", "--ca=" + authority.path)
            self.bench(by_address, "--connections=2", "--insecure")
            for url, options in ((by_name, ()), (by_address, ("--ca=" + authority.path,))):
                _, report = self.faults(url, "--connections=1", *options)
                self.assertRegex(" ".join(report["connections"]["refused"]), "^the handshake was not taken: TLS: ")
            host.stop()


class Guarded(BenchTestCase):
    gateways = (GUARD,)

    def test_tokens(self):
        self.bench("/guard", "--token=good", "--connections=2")
        with tempfile.NamedTemporaryFile("w", suffix=".token") as file:
            file.write("good\nand more\n")
            file.flush()
            self.bench("/guard", "--token=@" + file.name, "--connections=2")
        self.bench("/guard", "--header=Authorization:  Bearer good", "--connections=2")
        _, report = self.faults("/guard", "--token=bad", "--connections=2")
        self.assertRegex(" ".join(report["connections"]["refused"]), "^403 Forbidden: ")
        self.assertEqual(report["faults"]["refused"], 2)


class CommandLine(unittest.TestCase):
    def refused(self, *options):
        done = run_toni("bench", *options)
        self.assertEqual((done.returncode, done.stdout), (2, ""), options)
        return done.stderr

    def test_help(self):
        done = run_toni("bench", "--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Usage: toni bench [OPTION...] [URL]", done.stdout)
        for option in ("--rate", "--rooms", "--slow", "--insecure", "--token", "--format"):
            self.assertIn(option, done.stdout)
        self.assertIn("  bench ", run_toni("--help").stdout)

    def test_what_makes_no_sense(self):
        for options, said in (
            (["http://a/"], "it begins with none of ws://, wss:// and unix:/"),
            (["--rate=0"], "is not a number of times a second"),
            (["--rate=5", "--outstanding=2"], "one of them"),
            (["--rooms=9", "--connections=3"], "fewer --connections than --rooms"),
            (["--rooms=1", "--message=hello"], "must hold {message}"),
            (["--slow=100%"], "nobody would be measured"),
            (["--duration=5x"], "is not a time"),
            (["--size=3"], "is not a number from 34"),
            (["--event=a", "--data={"], "--data is not JSON"),
            (["--header=no field"], "is not a field"),
            (["--header=A: b\r\nC: d"], "is not a field"),
            (["--source=nowhere"], "expected an address"),
            (["--insecure"], "are for wss://"),
            (["--connections=999999"], "descriptors"),
            (["a", "b"], "unexpected argument: b"),
        ):
            with self.subTest(options):
                self.assertIn(said, re.sub(r"\s+", " ", self.refused(*options)))


if __name__ == "__main__":
    main(beside=3)
