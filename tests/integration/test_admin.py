"""Health and figures on `listen.admin`: what it answers while the host starts, serves and stops,
that the figures are exactly what clients did, and that who asks there holds up nobody."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from toni_host import (
    CHAT,
    CLOSE,
    DEADLINE,
    ECHO,
    GUARD,
    PROBE,
    REFUSE,
    ROOMS,
    SLOWNESS,
    TASKS,
    TEXT,
    Client,
    Host,
    HostTestCase,
    Refused,
    both,
    configuration,
    frame,
    gateway,
    main,
    open_socket,
    run_toni,
    scaled,
)

GREETING_SIZE = len("Connected. Send 'join:<room>' to join a room.")
CONNECTION_SECONDS = 10  # how long the host bears one connection to listen.admin
CONNECTIONS = 16  # at once, of one address

_SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def ask(address, path, method="GET"):
    """An answer, with its `content` read."""
    name, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(name.strip("[]"), int(port), timeout=DEADLINE)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        answer.content = answer.read().decode()
        return answer
    finally:
        connection.close()


class Metrics:
    """One scrape."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = _SAMPLE.match(line).groups()
            key = name, frozenset(_LABEL.findall(labels or ""))
            assert key not in self.samples, "twice: " + line
            self.samples[key] = float(value)

    def __call__(self, name, **labels):
        return self.samples["toni_" + name, frozenset(labels.items())]

    def total(self, name, **labels):
        """The sum of all samples that have these labels."""
        wanted = set(labels.items())
        return sum(
            value for (n, own), value in self.samples.items() if n == "toni_" + name and wanted <= own
        )


def scrape(address):
    answer = ask(address, "/metrics")
    assert answer.status == 200, answer.status
    return Metrics(answer.content)


def promtool(text):
    """What promtool finds wrong; it says nothing where there is nothing."""
    program = shutil.which("promtool")
    if not program:
        raise AssertionError(
            "there is no promtool, so nobody checks the metrics: scripts/setup test installs it"
        )
    done = subprocess.run(
        [program, "check", "metrics"],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )
    return done.stdout or ("" if done.returncode == 0 else "exit code %d" % done.returncode)


class AdminTestCase(HostTestCase):
    admin = "127.0.0.1:0"

    def ask(self, path, method="GET"):
        return ask(self.host.admin_address, path, method)

    def metrics(self):
        return scrape(self.host.admin_address)

    def shows(self, name, wanted, **labels):
        """A figure becomes this, and then stays so: what ends a connection is counted a moment
        after the client has seen it."""
        self.eventually(
            lambda: self.metrics()(name, **labels) == wanted,
            "%s %r is %s, now: %s" % (name, labels, wanted, self.metrics()(name, **labels)),
        )


class TestNamesThatAreGone(unittest.TestCase):
    def configure(self, *gateways):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration(gateways, admin="127.0.0.1:0"))

    def reload(self):
        done = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_they_vanish_and_go_on_when_they_come_again(self):
        self.host = Host("")
        self.addCleanup(self.host.kill)
        self.configure(ECHO, TASKS)
        self.host.start()
        client = Client(self.host.address, "/tasks")
        for _ in range(3):
            client.send("post")
            client.expect("post 0")
        client.drop()

        def labels():
            return {value for (_, own), _ in scrape(self.host.admin_address).samples.items() for _, value in own}

        def tasks_run():
            return scrape(self.host.admin_address)("tasks_run_total", instance="tasks")

        self.assertIn("tasks", labels())
        before = tasks_run()
        self.assertGreaterEqual(before, 4)  # and the one of `create`
        self.configure(ECHO)
        self.reload()
        self.assertNotIn("tasks", labels())
        self.assertIn("echo", labels())
        self.configure(ECHO, TASKS)
        self.reload()
        self.assertGreaterEqual(tasks_run(), before)
        self.host.stop()


class TestTasks(AdminTestCase):
    gateways = (TASKS,)

    def settled(self):
        """The metrics once all tasks but timers are over: one is counted a moment after it has answered."""
        found = []

        def is_settled():
            found[:] = [self.metrics()]
            return found[0]("tasks_pending", instance="tasks") == found[0]("timers_active", instance="tasks")

        self.eventually(is_settled, "tasks that are over")
        return found[0]

    def test_tasks_are_counted(self):
        client = self.client("/tasks", greeted=False)
        before = self.settled()
        self.assertEqual(client.ask("after:0"), "after 0")
        self.assertEqual(client.ask("post"), "post 0")
        client.send("after:600000")
        self.shows("timers_active", before("timers_active", instance="tasks") + 1, instance="tasks")
        now = self.settled()
        for name, more in (
            ("tasks_run_total", 2), ("tasks_cancelled_total", 0), ("jobs_run_total", 0),
            ("periods_skipped_total", 0), ("tasks_pending", 1),
        ):
            with self.subTest(name=name):
                self.assertEqual(
                    now(name, instance="tasks") - before(name, instance="tasks"), more
                )


class TestAnswers(AdminTestCase):
    gateways = (ROOMS, ECHO, CHAT)

    def test_health_and_readiness(self):
        for path, text in (("/healthz", "ok\n"), ("/readyz", "ready\n"), ("/readyz?x=y", "ready\n")):
            with self.subTest(path=path):
                answer = self.ask(path)
                self.assertEqual((answer.status, answer.content), (200, text))
                self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
                self.assertEqual(answer.headers["Cache-Control"], "no-store")
                self.assertEqual(answer.headers["Connection"], "close")

    def test_curl_and_localhost(self):
        port = self.host.admin_address.rsplit(":", 1)[1]
        done = subprocess.run(
            ["curl", "-sS", "-f", "--noproxy", "*", "http://localhost:%s/readyz" % port],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ready\n", ""))

    def test_metrics_are_in_the_text_format(self):
        answer = self.ask("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8"
        )
        self.assertTrue(answer.content.endswith("\n"))

    def test_promtool_finds_nothing(self):
        self.client().close()
        self.assertEqual(promtool(self.ask("/metrics").content), "")

    def test_promtool_would_find_something(self):
        self.assertNotEqual(promtool("toni_things_total 1\n"), "")

    def test_head_has_no_content(self):
        for path in ("/healthz", "/readyz", "/metrics"):
            answer = self.ask(path, "HEAD")
            self.assertEqual((answer.status, answer.content), (200, ""))
            self.assertGreater(int(answer.headers["Content-Length"]), 2)

    def test_other_paths_are_not_found(self):
        for path in ("/", "/metrics/", "/healthz/x", "/Metrics", "/rooms", "/chat/x", "//metrics"):
            for method in ("GET", "HEAD", "POST"):
                self.assertEqual(self.ask(path, method).status, 404, path)

    def test_other_methods_are_not_allowed(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
            answer = self.ask("/metrics", method)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(answer.headers["Allow"], "GET, HEAD")

    def test_a_body_is_not_read(self):
        sock = open_socket(self.host.admin_address)
        self.addCleanup(sock.close)
        sock.sendall(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nabc")
        self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 405 "))

    def test_who_still_sends_can_read_the_answer(self):
        seen = []
        for size in (65536, 1 << 20, 2 << 20):
            for _ in range(7):
                asking = urllib.request.Request(
                    "http://%s/healthz" % self.host.admin_address, data=b"x" * size
                )
                try:
                    urllib.request.urlopen(asking, timeout=DEADLINE)
                except urllib.error.HTTPError as answer:
                    seen.append(answer.code)
                    answer.close()
        self.assertEqual(seen, [405] * 21)

    def test_what_is_no_http_harms_nobody(self):
        for data in (b"\0" * 100, b"GET\r\n\r\n", b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n"):
            sock = open_socket(self.host.admin_address)
            self.addCleanup(sock.close)
            try:
                sock.sendall(data)
            except OSError:
                pass
        self.assertEqual(self.ask("/healthz").status, 200)

    def test_build_and_process(self):
        metrics = self.metrics()
        (labels,) = [dict(own) for (name, own) in metrics.samples if name == "toni_build_info"]
        self.assertEqual(metrics("build_info", **labels), 1)
        self.assertEqual(
            set(labels), {"version", "abi", "compiler", "libmicrohttpd", "libuv"}
        )
        for name, value in labels.items():
            self.assertRegex(value, r"\d+\.\d+", name)
        self.assertEqual(metrics("ready"), 1)
        process = {n: v for (n, _), v in metrics.samples.items() if n.startswith("process_")}
        self.assertLessEqual(abs(process["process_open_fds"] - self.host.open_files()), 4)
        self.assertGreater(process["process_max_fds"], 100)
        self.assertGreater(process["process_resident_memory_bytes"], 1 << 20)
        self.assertGreater(
            process["process_virtual_memory_bytes"], process["process_resident_memory_bytes"]
        )
        self.assertGreater(process["process_cpu_seconds_total"], 0)
        self.assertLess(abs(time.time() - process["process_start_time_seconds"]), DEADLINE * 20)


@both
class TestFigures(AdminTestCase):
    """One conversation after the other, on a host that nobody else talks to."""

    gateways = (
        ROOMS,
        ECHO,
        PROBE,
        REFUSE,
        GUARD,
        CHAT,
        gateway("idle", "probe_gateway.so", "/idle", limits={"idle_ms": 100}),
        gateway("strict", "echo_gateway.so", "/strict", limits={"message_bytes": 100}),
        gateway("slow", "probe_gateway.so", "/slow",
                limits={"outbox_messages": 64, "outbox_bytes": 262144}),
    )
    http = "127.0.0.1:0"

    def setUp(self):
        super().setUp()
        self.quiet()
        self.before = self.metrics()

    def quiet(self):
        """The clients of the test before are gone."""
        self.eventually(lambda: self.metrics().total("connections") == 0, "all are gone")
        self.eventually(lambda: self.metrics()("sockets") == 0, "all sockets are closed")

    def grew(self, wanted):
        """The figures that grew since the test began, once they are what they shall be; all others
        of these families did not."""
        families = {name for name, _ in wanted}

        def changes():
            now = self.metrics().samples
            return {
                (name[5:], labels): value - self.before.samples[name, labels]
                for (name, labels), value in now.items()
                if name[5:] in families and value != self.before.samples[name, labels]
            }

        wanted = {key: value for key, value in wanted.items() if value != 0}
        end = time.monotonic() + DEADLINE
        while changes() != wanted and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(changes(), wanted)

    @staticmethod
    def figure(name, **labels):
        return name, frozenset(labels.items())

    def test_a_conversation_is_counted_exactly(self):
        count, rounds = 5, 20
        clients = []
        received = sent = received_bytes = sent_bytes = 0

        def tells(text, members):
            nonlocal sent, sent_bytes
            sent += members
            sent_bytes += members * (len(text) + 2)

        def says(client, text):
            nonlocal received, received_bytes
            client.send(text)
            received += 1
            received_bytes += len(text)

        for number in range(count):
            client = self.client()
            tells("x" * GREETING_SIZE, 1)
            says(client, "join:r")
            client.expect("Joined room: r")
            tells("Joined room: r", 1)
            name = client.read().split(" ")[0]
            clients.append(client)
            tells(name + " joined", number + 1)
            for other in clients[:-1]:
                other.expect(name + " joined")
            client.name = name
        for number in range(rounds):
            text = "[r] %s: hello %d" % (clients[0].name, number)
            says(clients[0], "msg:r:hello %d" % number)
            tells(text, count)
            for client in clients:
                client.expect(text)
        metrics = self.metrics()
        self.assertEqual(metrics("connections", gateway="rooms"), count)
        self.assertEqual(metrics("connections", gateway="echo"), 0)
        self.assertEqual(metrics("sockets"), count)
        self.assertEqual(metrics("rooms"), 1)
        self.assertEqual(metrics("room_memberships"), count)
        self.assertEqual(metrics("outbox_messages"), 0)
        self.assertEqual(metrics("outbox_bytes"), 0)
        self.assertEqual(metrics("pending_bytes"), 0)
        for client in clients:
            client.close()
        self.grew(
            {
                self.figure("connections_accepted_total"): count,
                self.figure("connections_closed_total", reason="client"): count,
                self.figure("messages_received_total"): received,
                self.figure("received_bytes_total"): received_bytes,
                self.figure("messages_targeted_total"): sent,
                self.figure("messages_queued_total"): sent,
                self.figure("messages_sent_total"): sent,
                self.figure("sent_bytes_total"): sent_bytes + 4 * count,  # the answers to their closes
                self.figure("messages_dropped_total"): 0,
                self.figure("handshakes_refused_total"): 0,
                self.figure("callback_seconds_count", instance="rooms"): received + 2 * count,
            }
        )
        self.quiet()
        metrics = self.metrics()
        self.assertEqual(metrics("rooms"), 0)
        self.assertEqual(metrics("room_memberships"), 0)

    def test_a_slow_consumer_is_counted(self):
        healthy = Client(self.host.address, "/slow")
        self.addCleanup(healthy.sock.close)
        slow = Client(self.host.address, "/slow", receive_buffer=8192)
        self.addCleanup(slow.sock.close)
        for client in (healthy, slow):
            client.read()
        self.assertEqual(slow.ask("join:r"), "ok")
        told, answers = 0, 0
        while not self.metrics().total("messages_dropped_total", reason="slow_consumer"):
            for _ in range(20):
                told += healthy.ask("tell:r:" + "x" * 16000) == "targeted=1"
                answers += 1
            self.assertLess(told, 5000, "the slow client was never cut off")
        closed = slow.expect_close(1008, "slow consumer")
        got = len(closed.before)
        healthy.close()
        self.quiet()

        def dropped(reason):
            name = "messages_dropped_total"
            return self.metrics().total(name, reason=reason) - self.before.total(name, reason=reason)

        waited, late = dropped("slow_consumer"), dropped("closing")
        self.assertGreater(waited, 0)
        self.assertEqual(got + waited + late, told)
        self.grew(
            {
                self.figure("connections_closed_total", reason="slow_consumer"): 1,
                self.figure("connections_closed_total", reason="client"): 1,
                self.figure("messages_targeted_total"): told + answers + 3,
                self.figure("messages_queued_total"): told - late + answers + 3,
                self.figure("messages_sent_total"): got + answers + 3,
                self.figure("messages_dropped_total", gateway="slow", reason="slow_consumer"): waited,
                self.figure("messages_dropped_total", gateway="slow", reason="closing"): late,
            }
        )
        self.shows("outbox_bytes", 0)

    def is_queued(self, metrics):
        targeted, queued = (metrics(name) - self.before(name) for name in ("messages_targeted_total", "messages_queued_total"))
        return targeted == queued

    def balance(self, metrics):
        queued = metrics("messages_queued_total") - self.before("messages_queued_total")
        sent = metrics("messages_sent_total") - self.before("messages_sent_total")
        return queued - sent - metrics("outbox_messages")

    def test_what_waits_in_outboxes_is_shown(self):
        stuck, teller = self.client("/probe", receive_buffer=4096), self.client("/probe")
        self.assertEqual(stuck.ask("join:stuck"), "ok")
        for _ in range(8):
            self.assertEqual(teller.ask("tell:stuck:" + "x" * 400000), "targeted=1")
        # Its worker may be another than the teller's, and has it all only by and by.
        self.eventually(lambda: self.is_queued(self.metrics()), "all is queued")
        metrics = self.metrics()
        self.assertGreater(metrics("outbox_bytes"), 0)
        self.assertLessEqual(metrics("outbox_bytes"), 8 * 400100)
        self.assertIn(metrics("outbox_messages"), range(1, 9))
        # What a worker is at while the figures are read is in one of them and not yet in the other.
        self.eventually(lambda: self.balance(self.metrics()) == 0, "all that was queued is somewhere")
        stuck.reset()
        # Until then the kernel may take more of it: what it had not taken was dropped.
        lost = self.figure("connections_closed_total", reason="lost")
        self.grew({lost: 1})
        self.shows("outbox_bytes", 0)
        dropped = self.balance(self.metrics())
        self.assertIn(dropped, range(1, 9))
        self.grew({self.figure("messages_dropped_total", gateway="probe", reason="closed"): dropped, lost: 1})

    def test_refused_handshakes_are_counted_by_status(self):
        wanted = {}
        for status, path, how in (
            (404, "/nowhere", {}),
            (404, "/rooms/", {}),
            (426, "/rooms", {"Sec_WebSocket_Version": "12"}),
            (426, "/rooms", {"without": ("Upgrade", "Connection")}),
            (405, "/rooms", {"method": "POST"}),
            (400, "/rooms", {"Sec_WebSocket_Key": "short"}),
            (401, "/guard", {}),
            (403, "/guard", {"headers": (("Authorization", "Bearer bad"),)}),
        ):
            with self.assertRaises(Refused) as refused:
                Client(self.host.address, path, **how)
            self.assertEqual(refused.exception.response.status, status)
            key = self.figure("handshakes_refused_total", status=str(status))
            wanted[key] = wanted.get(key, 0) + 1
        self.grew({**wanted, self.figure("connections_accepted_total"): 0})

    def test_ends_are_counted_by_reason(self):
        self.client("/echo").close()
        self.client("/probe").reset()
        removed = self.client("/probe")
        removed.send("remove")
        removed.expect_close(1000)
        failed = self.client("/probe")
        failed.send("fail")
        failed.expect_close(1011)
        large = self.client("/strict")
        large.send("x" * 101)
        large.expect_close(1009)
        broken = self.client("/echo")
        broken.send_frame(TEXT, b"\xff")
        broken.expect_close(1007)
        malformed = self.client("/echo")
        malformed.send_frame(TEXT, b"x", rsv=4)
        malformed.expect_close(1002)
        refused = Client(self.host.address, "/refuse?code=4000")
        self.addCleanup(refused.sock.close)
        refused.expect_close(4000)
        idle = Client(self.host.address, "/idle")
        self.addCleanup(idle.sock.close)
        idle.read()
        idle.expect_close(1001, "idle")
        reasons = {"client": 1, "lost": 1, "plugin": 1, "fault": 1, "limit": 1,
                   "protocol_error": 2, "refused": 1, "idle": 1}
        self.grew(
            {
                self.figure("connections_accepted_total"): sum(reasons.values()),
                self.figure("callback_failures_total", instance="probe"): 1,
                **{
                    self.figure("connections_closed_total", reason=reason): count
                    for reason, count in reasons.items()
                },
            }
        )

    def post(self, path, body, kind="application/json"):
        name, port = self.host.http_address.rsplit(":", 1)
        connection = http.client.HTTPConnection(name, int(port), timeout=DEADLINE)
        self.addCleanup(connection.close)
        connection.request("POST", path, body, {"Content-Type": kind})
        return connection.getresponse().status

    def test_http_requests_are_counted_by_service_and_status(self):
        member = self.client()
        self.join(member, "r")
        good = json.dumps({"sender": "a", "message": "b"})
        self.assertEqual([self.post("/chat/r", good) for _ in range(3)], [202] * 3)
        self.assertEqual(self.post("/chat/r", "{"), 400)
        self.assertEqual(self.post("/nowhere", good), 404)
        self.grew(
            {
                self.figure("http_requests_total", service="chat", status="2xx"): 3,
                self.figure("http_requests_total", service="chat", status="4xx"): 1,
                self.figure("http_requests_total", service="", status="4xx"): 1,
                self.figure("callback_seconds_count", instance="chat"): 4,
                self.figure("callback_seconds_count", instance="rooms"): 2,
                self.figure("messages_targeted_total"): 3 + 3,
            }
        )
        self.shows("http_requests_running", 0)

    def test_the_times_of_callbacks_and_turns(self):
        client = self.client("/probe")
        client.send("slow:120")
        self.assertEqual(client.ask("id"), "id=" + client.id)
        now = self.metrics()

        def more(name, **labels):
            return now(name, **labels) - self.before(name, **labels)

        self.assertEqual(more("callback_seconds_count", instance="probe"), 4)
        self.assertEqual(
            more("callback_seconds_bucket", instance="probe", le="+Inf")
            - more("callback_seconds_bucket", instance="probe", le="0.1"),
            1,
        )
        self.assertGreaterEqual(more("callback_seconds_sum", instance="probe"), 0.12)
        self.assertEqual(more("callback_seconds_count", instance="echo"), 0)

        def long_turns():
            metrics = self.metrics()
            return sum(
                metrics("worker_turn_seconds_bucket", worker=str(worker), le="+Inf")
                - metrics("worker_turn_seconds_bucket", worker=str(worker), le="0.1")
                for worker in range(self.workers)
            )

        self.eventually(lambda: long_turns() > 0, "the turn of that callback is counted")

    def test_buckets_are_cumulative(self):
        client = self.client("/echo")
        for number in range(50):
            self.assertEqual(client.ask(str(number)), str(number))
        metrics = self.metrics()
        series = {}
        for (name, labels), value in metrics.samples.items():
            if name.endswith("_bucket"):
                bound = float(dict(labels)["le"].replace("+Inf", "inf"))
                series.setdefault((name[:-7], labels - {("le", dict(labels)["le"])}), {})[bound] = value
        self.assertGreater(len(series), 5)
        for (name, labels), buckets in series.items():
            counts = [buckets[bound] for bound in sorted(buckets)]
            self.assertEqual(len(counts), 12)
            self.assertEqual(counts, sorted(counts))
            self.assertEqual(counts[-1], metrics.samples[name + "_count", labels])

    def test_scrapes_under_load_see_figures_that_only_grow(self):
        crowd = self.crowd("/rooms", scaled(40, 12))
        rounds = scaled(200, 30)
        for member in crowd.members:
            crowd.send(member, "join:load")
        crowd.wait(lambda m: any(t.startswith(b"Joined") for t in m.texts), "joins")
        done, faults = threading.Event(), []

        def watch():
            last = self.metrics()
            while not done.is_set():
                now = self.metrics()
                faults.extend(
                    key
                    for key, value in now.samples.items()
                    if key[0].endswith(("_total", "_count", "_bucket", "_sum"))
                    and value < last.samples[key]
                )
                last = now

        watchers = [threading.Thread(target=watch) for _ in range(2)]
        for watcher in watchers:
            watcher.start()
        try:
            for number in range(rounds):
                for member in crowd.members[:4]:
                    crowd.send(member, "msg:load:%d" % number)
                if number % 10 == 9:
                    last = b": %d" % number
                    crowd.wait(
                        lambda m, l=last: sum(t.endswith(l) for t in m.texts) == 4, "broadcasts"
                    )
        finally:
            done.set()
            for watcher in watchers:
                watcher.join()
        self.assertEqual(faults, [])
        self.assertEqual(promtool(self.ask("/metrics").content), "")
        sent = sum(len(member.texts) for member in crowd.members)
        self.grew(
            {
                self.figure("messages_received_total"): len(crowd.members) + 4 * rounds,
                self.figure("messages_targeted_total"): sent,
                self.figure("messages_queued_total"): sent,
                self.figure("messages_sent_total"): sent,
                self.figure("messages_dropped_total"): 0,
            }
        )


class TestStart(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="toni-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = os.path.join(self.folder, "go_on")

    def launch(self, hook=None, **how):
        gateways = [ECHO]
        if hook:
            gateways.append(gateway("waiting", "waiting_gateway.so", "/waiting",
                                    options={"hook": hook, "until": self.file}))
        host = Host(configuration(gateways, admin=how.pop("admin", "127.0.0.1:0"), **how)).launch()
        self.addCleanup(host.kill)
        return host

    def go_on(self):
        with open(self.file, "w", encoding="ascii"):
            pass

    def check(self, host, ready, text):
        answer = ask(host.admin_address, "/readyz")
        self.assertEqual((answer.status, answer.content), (200 if ready else 503, text))
        self.assertEqual(ask(host.admin_address, "/healthz").status, 200)
        metrics = scrape(host.admin_address)
        self.assertEqual(metrics("ready"), ready)
        self.assertEqual(promtool(metrics.text), "")
        return metrics

    def test_not_ready_while_hooks_run(self):
        for hook in ("create", "start", "ready"):
            with self.subTest(hook=hook):
                host = self.launch(hook)
                host.wait_log(msg="waiting")
                metrics = self.check(host, 0, "starting\n")
                self.assertNotIn("toni_rooms", metrics.text)
                self.assertEqual(host.log(msg="ready"), [])
                self.go_on()
                host.wait_log(msg="ready")
                self.check(host, 1, "ready\n")
                host.stop()
                os.remove(self.file)

    def test_draining_while_a_client_holds_it_up(self):
        host = Host(
            configuration([ECHO], admin="127.0.0.1:0", limits={"close_ms": 60000, "drain_ms": 60000})
        ).start()
        self.addCleanup(host.kill)
        client = Client(host.address, "/echo")
        self.addCleanup(client.sock.close)
        self.check(host, 1, "ready\n")
        host.process.terminate()
        client.expect_close(1001, answer=False)
        metrics = self.check(host, 0, "draining\n")
        self.assertEqual(metrics("connections", gateway="echo"), 1)
        client.send_frame(CLOSE, b"\x03\xe9")
        host.ends_well()
        with self.assertRaises(ConnectionRefusedError):
            open_socket(host.admin_address)

    def test_draining_while_hooks_run(self):
        for hook, has_clients in (("stopping", True), ("destroy", False)):
            with self.subTest(hook=hook):
                host = self.launch(hook)
                host.wait_log(msg="ready")
                host.process.terminate()
                host.wait_log(msg="waiting")
                metrics = self.check(host, 0, "draining\n")
                self.assertEqual("toni_rooms" in metrics.text, has_clients)
                self.go_on()
                host.ends_well()
                os.remove(self.file)

    def test_who_hangs_there_does_not_hold_up_the_stop(self):
        host = self.launch()
        host.wait_log(msg="ready")
        silent, begun, unread = (open_socket(host.admin_address) for _ in range(3))
        for sock in (silent, begun, unread):
            self.addCleanup(sock.close)
        begun.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        unread.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(ask(host.admin_address, "/healthz").status, 200)
        started = time.monotonic()
        host.stop()
        self.assertLess(time.monotonic() - started, 2 * SLOWNESS)

    def test_a_failed_start_stops_answering(self):
        host = Host(
            configuration([ECHO, gateway("bad", "start_fails.so", "/bad")], admin="127.0.0.1:0")
        ).launch()
        self.addCleanup(host.kill)
        self.assertEqual(host.wait_exit(), 1)
        with self.assertRaises(ConnectionRefusedError):
            open_socket(host.admin_address)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            busy = "127.0.0.1:%d" % taken.getsockname()[1]
            path = os.path.join(self.folder, "admin.sock")
            host = self.launch(admin=["unix:" + path, busy])
            self.assertEqual(host.wait_exit(), 1)
            (line,) = host.log(level="error")
            self.assertEqual(line["address"], busy)
            self.assertIn("listen.admin", line["msg"])
            self.assertEqual(host.log(msg="listening"), [])
            self.assertFalse(os.path.exists(path), "the socket's file is left behind")

            host = self.launch(listen=busy, admin="127.0.0.1:0")
            self.assertEqual(host.wait_exit(), 1)
            with self.assertRaises(ConnectionRefusedError):
                open_socket(host.admin_address)

    def test_every_kind_of_address(self):
        path = os.path.join(self.folder, "admin.sock")
        host = self.launch(admin=["127.0.0.1:0", "[::1]:0", "unix:" + path])
        host.wait_log(msg="ready")
        lines = host.log(msg="listening", protocol="admin")
        self.assertEqual(len(lines), 3)
        for line in lines:
            with open_socket(line["address"]) as sock:
                sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(host.log(level="warn"), [])
        host.stop()
        self.assertFalse(os.path.exists(path))

    def test_without_it_nothing_listens(self):
        host = self.launch(admin=None)
        host.wait_log(msg="ready")
        self.assertEqual(len(host.log(msg="listening")), 1)
        host.stop()


class TestHangingClients(AdminTestCase):
    def test_they_are_ended_and_nobody_else_waits(self):
        """All connections are taken by who never asks, or asks byte by byte."""
        started = time.monotonic()
        socks = [open_socket(self.host.admin_address) for _ in range(CONNECTIONS)]
        for sock in socks:
            self.addCleanup(sock.close)
            sock.sendall(b"G")
        done = threading.Event()

        def drip():
            while not done.wait(1):
                for sock in socks[::2]:
                    try:
                        sock.sendall(b"X")
                    except OSError:
                        pass

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            self.host_goes_on()
            name, port = self.host.admin_address.rsplit(":", 1)
            late = http.client.HTTPConnection(name, int(port), timeout=DEADLINE * 2)
            self.addCleanup(late.close)
            late.request("GET", "/healthz")
            self.assertEqual(late.getresponse().status, 200)
            self.assertLess(time.monotonic() - started, CONNECTION_SECONDS + 5 * SLOWNESS)
        finally:
            done.set()
            dripping.join()


if __name__ == "__main__":
    main(beside=2)
