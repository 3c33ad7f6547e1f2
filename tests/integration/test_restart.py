"""Restarts: a successor gets the listening sockets, and nobody is refused; one that fails leaves
everything as it was."""

import asyncio
import http.client
import os
import re
import select
import shutil
import signal
import socket
import tempfile
import threading
import time
import unittest

import websockets

from toni_generations import DRAINS, FAILED, REFUSED, Generations
from toni_host import (
    CHAT,
    DEADLINE,
    ECHO,
    FIXTURES,
    GREETING,
    PLUGINS,
    ROOMS,
    SLOWNESS,
    TONI,
    Client,
    Response,
    configuration,
    gateway,
    is_accepted,
    main,
    open_plain_socket,
    open_socket,
    request,
    say,
    scaled,
    service,
)

HTTP_PROBE = service("probe", "http_probe_service.so", "/probe")


def is_signal_pending(pid):
    """Whether one was sent to the process that it has not taken yet."""
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return any(line.startswith("ShdPnd:") and int(line.split()[1], 16) for line in status)


def hanging(where):
    return gateway("hanging", "hanging.so", "/hanging", options={"hang": where})


class RestartTestCase(unittest.TestCase):
    workers = 1

    def start(self, gateways=(ROOMS, ECHO), limits=None, **more):
        self.gateways, self.limits, self.more = gateways, limits, more
        host = Generations(self.text())
        self.addCleanup(host.kill)
        host.start()
        return host

    def text(self, *more_gateways, **more_limits):
        """The configuration of start(), with more in it."""
        limits = {**(self.limits or {}), **more_limits}
        return configuration(
            [*self.gateways, *more_gateways],
            self.workers,
            limits,
            plugin_path=[FIXTURES, PLUGINS],
            **self.more,
        )

    def client(self, address, path="/echo"):
        client = Client(address, path)
        self.addCleanup(client.drop)
        return client

    def check_serves(self, host):
        self.assertEqual(self.client(host.address).ask("still here"), "still here")


# ---------------------------------------------------------------- load


class Tally:
    """What became of the attempts to connect."""

    def __init__(self):
        self.tried = self.answered = 0
        self.faults = {}

    def fault(self, what):
        self.faults[what] = self.faults.get(what, 0) + 1


async def raw_handshake(tally, host, port, head):
    """A TCP connection with a handshake in bytes: what is counted is what the network shows."""
    tally.tried += 1
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        tally.fault("connect: %s" % type(error).__name__)
        return
    try:
        writer.write(head)
        answer = await reader.readuntil(b"\r\n")
        if b" 101 " in answer or b" 200 " in answer:
            tally.answered += 1
        else:
            tally.fault("answer: %r" % answer)
    except (OSError, asyncio.IncompleteReadError) as error:
        tally.fault("before the answer: %s" % type(error).__name__)
    finally:
        writer.close()


async def library_client(tally, url):
    """The same with python3-websockets, to the greeting and a clean close."""
    tally.tried += 1
    try:
        async with websockets.connect(url, compression=None, open_timeout=DEADLINE) as socket_:
            if await socket_.recv() == GREETING:
                tally.answered += 1
            else:
                tally.fault("greeting")
    except websockets.exceptions.ConnectionClosed as error:
        tally.fault("closed: %s" % error)
    except (OSError, websockets.exceptions.InvalidHandshake, TimeoutError) as error:
        tally.fault("%s: %s" % (type(error).__name__, error))


async def load(ended, per_second, kinds):
    """Begins `per_second` attempts a second, of each kind in turn, until `ended` is set."""
    running, number, began = set(), 0, time.monotonic()
    while not ended.is_set():
        due = int((time.monotonic() - began) * per_second)
        for number in range(number, due):
            task = asyncio.ensure_future(kinds[number % len(kinds)]())
            running.add(task)
            task.add_done_callback(running.discard)
        number = max(number, due)
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)
    return number / (time.monotonic() - began)


class LoadTest:
    """500 new connections a second, three restarts in a row."""

    def test_nobody_is_refused(self):
        host = self.start((ROOMS, ECHO, HTTP_PROBE), {"drain_ms": 1500}, http="127.0.0.1:0")
        name, port = host.address.rsplit(":", 1)
        http_name, http_port = host.http_address.rsplit(":", 1)
        tallies = {"tcp": Tally(), "websockets": Tally(), "http": Tally()}
        ask = b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n"
        kinds = [lambda: raw_handshake(tallies["tcp"], name, int(port), request("/echo"))] * 7
        kinds += [lambda: library_client(tallies["websockets"], "ws://%s/rooms" % host.address)] * 2
        kinds += [lambda: raw_handshake(tallies["http"], http_name, int(http_port), ask)]
        ended, rates = threading.Event(), []
        thread = threading.Thread(
            target=lambda: rates.append(asyncio.run(load(ended, scaled(500, 100), kinds)))
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        for _ in range(3):
            before = sum(tally.tried for tally in tallies.values())
            host.restart()
            self.assertTrue(self.await_more(tallies, before + scaled(700, 150)))
        ended.set()
        thread.join()
        for kind, tally in tallies.items():
            say("%s, %d workers: %d tried, %d answered, faults %r"
                % (kind, self.workers, tally.tried, tally.answered, tally.faults))
        say("%.0f a second" % rates[0])
        for tally in tallies.values():
            self.assertEqual(tally.faults, {})
            self.assertEqual(tally.answered, tally.tried)
        self.assertEqual(len(set(host.ready())), 4)
        host.stop()

    def await_more(self, tallies, count):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if sum(tally.tried for tally in tallies.values()) >= count:
                return True
            time.sleep(0.01)
        return False


class TestLoad(LoadTest, RestartTestCase):
    workers = 1


class TestLoadOfFour(LoadTest, RestartTestCase):
    workers = 4


# ---------------------------------------------------------------- the old host's clients


class LeavingTest:
    COUNT = 100

    def test_clients_are_told_one_after_the_other(self):
        host = self.start(limits={"drain_ms": 2000 * SLOWNESS})
        clients = [self.client(host.address, "/rooms") for _ in range(self.COUNT)]
        for client in clients:
            client.expect(GREETING)
            client.send("join:hall")
            client.expect("Joined room: hall")
        clients[0].send("msg:hall:the last before the restart")
        host.restart()
        times, poll, waiting = [], select.poll(), {}
        for client in clients:
            poll.register(client.sock, select.POLLIN)
            waiting[client.sock.fileno()] = client
        texts = {client: [] for client in clients}
        while waiting:
            for fd, _ in poll.poll(DEADLINE * 1000):
                client = waiting[fd]
                while (got := client.read_data()).opcode != 8:
                    texts[client].append(got.payload.decode())
                    if not client.buffer:
                        break
                if got.opcode == 8:
                    times.append(time.monotonic())
                    self.assertEqual(got.payload[:2], b"\x03\xe9")
                    client.send_frame(8, got.payload)
                    client.expect_end()
                    poll.unregister(fd)
                    del waiting[fd]
        for client in clients:
            said = [text for text in texts[client] if "the last before" in text]
            self.assertEqual(len(said), 1, texts[client])
        # evenly over 1.6 s would be 12 or 13 in each 200 ms
        window = 0.2 * SLOWNESS
        densest = max(sum(1 for at in times if first <= at < first + window) for first in times)
        say("%d workers: from first to last %.2f s, at most %d within %.1f s"
            % (self.workers, times[-1] - times[0], densest, window))
        self.assertLess(densest, self.COUNT // 2)
        self.assertGreater(times[-1] - times[0], 0.8 * SLOWNESS)
        host.stop()

    def test_plugins_are_told_that_another_process_serves(self):
        host = self.start([gateway("swapped", "swap_1.so", "/swap")])
        first = host.process.pid
        host.restart()
        host.wait_gone(first)
        self.assertEqual(len(host.log(msg="stopping version 1: another process serves")), 1)
        host.stop()
        self.assertEqual(len(host.log(msg="stopping version 1: the host ends")), 1)

    def test_who_is_still_there_is_served(self):
        host = self.start(limits={"drain_ms": 60000})
        clients = [self.client(host.address, "/rooms") for _ in range(20)]
        for client in clients:
            client.expect(GREETING)
            client.send("join:hall")
            client.expect("Joined room: hall")
        host.restart()
        new = self.client(host.address, "/rooms")
        new.expect(GREETING)
        new.send("join:hall")
        # the last to be told are nearly a minute away
        for number in range(5):
            clients[0].send("msg:hall:%d after" % number)
        for client in clients[:10]:
            seen = []
            while not seen or not seen[-1].endswith(" 4 after"):
                text = client.read()
                seen += [text] if text.endswith(" after") else []
            self.assertEqual([text.split(": ")[1] for text in seen],
                             ["%d after" % number for number in range(5)])
        # the two hosts are two worlds
        new.send("msg:hall:new")
        while not (text := new.read()).endswith(": new"):
            self.assertNotIn("after", text)
        os.kill(host.process.pid, signal.SIGTERM)  # it need not take its time any more
        for client in clients:
            client.expect_close(1001)
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        self.assertEqual(new.ask("join:two"), "Joined room: two")
        host.stop()

    def test_a_handshake_that_was_not_finished_is_answered(self):
        host = self.start(limits={"drain_ms": 3000 * SLOWNESS})
        head = request("/echo")
        silent, half = open_socket(host.address), open_socket(host.address)
        half.sendall(head[:40])
        self.client(host.address).ask("so the two before it are accepted")
        host.restart()
        half.sendall(head[40:])
        silent.sendall(head)
        for sock in (half, silent):
            self.addCleanup(sock.close)
            self.assertTrue(sock.recv(12).startswith(b"HTTP/1.1 101"))
            data = b""
            while part := sock.recv(4096):
                data += part
                if b"\x88\x0c\x03\xe9going away" in data:
                    break
            self.assertIn(b"\x88\x0c\x03\xe9going away", data)
        host.stop()


class TestLeaving(LeavingTest, RestartTestCase):
    workers = 1


class TestLeavingOfFour(LeavingTest, RestartTestCase):
    workers = 4


class TestHttp(RestartTestCase):
    def start_http(self, **limits):
        return self.start((ECHO, HTTP_PROBE), limits, http="127.0.0.1:0", admin="127.0.0.1:0")

    def ask(self, address, path):
        connection = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=DEADLINE)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        return connection.getresponse()

    def test_requests_under_way_and_connections_that_are_there_are_answered(self):
        host = self.start_http(drain_ms=20000)
        held = self.client(host.address)  # so that the old host stays
        slow, idle, fresh = (open_socket(host.http_address) for _ in range(3))
        for sock in (slow, idle, fresh):
            self.addCleanup(sock.close)
        ask = b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n"
        idle.sendall(ask)
        self.assertEqual(Response(idle.recv(65536)).status, 200)
        asked = "GET /probe/sleep?ms=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (1000 * SLOWNESS)
        slow.sendall(asked.encode())
        host.wait_log(msg="asleep")
        host.restart()
        for sock in (idle, fresh):
            sock.sendall(ask)
            answer = Response(sock.recv(65536))
            self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
            self.assertEqual(sock.recv(100), b"")
        answer = Response(slow.recv(65536))
        self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
        self.assertIsNone(self.ask(host.http_address, "/probe").headers["connection"])
        held.close()
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        self.assertEqual(self.ask(host.http_address, "/probe").status, 200)
        host.stop()

    def test_a_connection_without_a_request_is_waited_for(self):
        host = self.start_http(drain_ms=20000)
        fresh = open_socket(host.http_address)
        self.addCleanup(fresh.close)
        self.ask(host.http_address, "/probe")
        host.restart()
        time.sleep(0.6)  # longer than a host without clients stays
        fresh.sendall(b"GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(Response(fresh.recv(65536)).status, 200)
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        host.stop()

    def test_whoever_sends_no_proxy_header_is_waited_for_until_drain_ms(self):
        host = self.start((ECHO, HTTP_PROBE), {"drain_ms": 500, "handshake_ms": 60000}, http="127.0.0.1:0",
                          proxy_header="proxy-protocol", trusted_proxies=["127.0.0.1"])
        for address in (host.address, host.http_address):
            sock = open_plain_socket(address)
            self.addCleanup(sock.close)
            while not is_accepted(sock):
                time.sleep(0.01)
        host.restart()
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        host.stop()

    def test_readiness_never_fails(self):
        host = self.start_http(drain_ms=500)
        until = os.path.join(host.folder, "go on")
        host.configure(self.text(gateway("waiting", "waiting_gateway.so", "/waiting",
                                         options={"hook": "ready", "until": until})))
        asked = host.ask("restart")
        host.wait_log(msg="waiting")
        self.assertEqual({self.ask(host.admin_address, "/readyz").status for _ in range(20)}, {200})
        with open(until, "w", encoding="utf-8"):
            pass
        host.answer_of(asked, 0)
        host.wait_gone(host.process.pid)
        self.assertEqual(self.ask(host.admin_address, "/readyz").status, 200)
        self.assertIn(b"toni_ready 1", self.ask(host.admin_address, "/metrics").read())
        host.stop()


# ---------------------------------------------------------------- failures


class TestFailures(RestartTestCase):
    """Each time the old host goes on, says why, and the next restart works."""

    def start_it(self, **limits):
        limits = {"drain_ms": 1000 * SLOWNESS, "hook_ms": 300, **limits}
        host = self.start((ROOMS, ECHO), limits)
        host.expect_error(msg=FAILED)
        self.kept = self.client(host.address)
        return host

    def check_goes_on(self, host):
        self.assertEqual(self.kept.ask("as before"), "as before")
        self.check_serves(host)
        self.assertEqual(host.serving(), host.process.pid)
        with open("/proc/%d/task/%d/children" % (host.pid, host.pid), encoding="ascii") as children:
            self.assertEqual(children.read(), "")
        host.configure(self.text())
        host.restart()
        self.check_serves(host)
        self.kept.expect_close(1001)
        host.stop()

    def test_a_configuration_with_faults(self):
        host = self.start_it()
        text = self.text(gateway("lost", "lost.so", "/lost")).replace("workers", "wrokers")
        host.configure(text)
        shown = host.restart(code=2)
        self.assertIn("wrokers", shown)
        self.assertIn("lost.so", shown)
        self.assertIn("exit code 2", shown)
        self.assertIn("exit code 2", host.wait_log(msg=FAILED)["reason"])
        host.lines = [line for line in host.lines if line[1]]  # the faults are no log lines
        self.check_goes_on(host)

    def test_all_faults_are_shown_however_many(self):
        restart_ms = max(30000, 14000 * SLOWNESS)
        host = self.start_it(restart_ms=restart_ms)
        host.configure(self.text() + "".join("unheard_of_%d = 1;\n" % i for i in range(4000)))
        shown = host.restart(code=2, deadline=restart_ms / 1000 + DEADLINE)
        for i in range(4000):
            self.assertIn("unknown setting `unheard_of_%d` " % i, shown)
        host.lines = [line for line in host.lines if line[1]]  # the faults are no log lines
        self.check_goes_on(host)

    def test_an_instance_that_says_why_it_fails(self):
        host = self.start_it()
        host.expect_error(msg="an instance could not be made ready")
        host.configure(self.text(gateway("failing", "create_says_why.so", "/failing")))
        self.assertIn("the moon is not up", host.restart(code=1))
        self.check_goes_on(host)

    def test_an_instance_that_fails(self):
        for library in ("create_fails", "start_fails"):
            with self.subTest(library=library):
                host = self.start_it()
                host.expect_error(msg="an instance could not be made ready")
                host.expect_error(instance=lambda name: name == "failing")
                host.configure(self.text(gateway("failing", library + ".so", "/failing")))
                shown = host.restart(code=1)
                self.assertIn("failing", shown)
                self.assertIn("exit code 1", shown)
                self.check_goes_on(host)

    def test_an_address_that_is_in_use(self):
        host = self.start_it()
        host.expect_error(msg=lambda text: text.startswith("can't listen"))
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.more = {"http": "127.0.0.1:%d" % other.getsockname()[1]}
            host.configure(self.text())
            self.assertIn("can't listen", host.restart(code=1))
        self.more = {}
        self.check_goes_on(host)

    def test_a_hook_that_hangs(self):
        for hook in ("create", "ready"):
            with self.subTest(hook=hook):
                limit = 1000 * SLOWNESS
                host = self.start_it(restart_ms=limit)
                host.expect_error(msg="an instance could not be made ready", hook=hook)
                host.configure(
                    self.text(service("greeter", "greeter.so", None), hanging(hook)))
                shown = host.restart(code=1)
                self.assertIn("not ready within %d ms" % limit, shown)
                self.check_goes_on(host)

    def test_one_that_is_told_to_end_while_it_starts(self):
        """By the old host, which has given it up, or by anybody: it takes nothing that the old one
        needs."""
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder)
        host = self.start((ECHO,), {"drain_ms": 300}, listen="unix:" + os.path.join(folder, "socket"))
        host.expect_error(msg=FAILED)
        go_on, waiting = self.waiting(host, "start")
        host.configure(self.text(waiting))
        asked = host.ask("restart")
        host.wait_log(msg="waiting")
        successor = host.successors()[-1]
        os.kill(successor, signal.SIGTERM)
        while is_signal_pending(successor):
            time.sleep(0.001)
        go_on()
        self.assertIn("exit code 1 before it was ready", host.answer_of(asked, 1))
        self.check_serves(host)
        host.answer_of(host.ask("status"), 0)
        self.assertEqual(host.serving(), host.pid)
        host.stop()

    def test_a_crash(self):
        host = self.start_it()
        host.configure(self.text(service("greeter", "greeter.so", None), hanging("start")))
        asked = host.ask("restart")
        host.wait_log(msg="hanging in start")
        os.kill(host.successors()[-1], signal.SIGKILL)
        self.assertIn("ended by signal 9", host.answer_of(asked, 1))
        self.check_goes_on(host)

    def test_a_second_restart_and_a_stop_meanwhile(self):
        host = self.start_it()
        host.configure(self.text(service("greeter", "greeter.so", None), hanging("start")))
        asked = host.ask("restart")
        host.wait_log(msg="hanging in start")
        host.expect_error(msg="an instance could not be made ready", hook="start")
        self.assertIn("under way already", host.restart(code=1))
        self.check_serves(host)
        self.kept.drop()
        successor = host.successors()[-1]
        os.kill(host.pid, signal.SIGTERM)
        self.assertIn("the host stops", host.answer_of(asked, 1))
        host.ends_well()
        self.assertFalse(os.path.exists("/proc/%d" % successor))

    def waiting(self, host, hook):
        """A gateway that waits in its hook until the test calls what comes along."""
        until = os.path.join(host.folder, "go on")

        def go_on():
            with open(until, "w", encoding="utf-8"):
                pass

        return go_on, gateway("waiting", "waiting_gateway.so", "/waiting",
                              options={"hook": hook, "until": until})

    def test_a_stop_as_the_successor_becomes_ready(self):
        """It is waited for, and leaves nothing behind."""
        host = self.start((ECHO,), {"drain_ms": 300})
        go_on, waiting = self.waiting(host, "start")
        host.configure(self.text(waiting))
        asked = host.ask("restart")
        host.wait_log(msg="waiting")
        successor = host.successors()[-1]
        with open("/proc/%d/maps" % successor, encoding="utf-8") as maps:
            copies = re.search(r"/\S*/toni-\w{6}(?=/\d+/)", maps.read()).group()
        os.kill(host.pid, signal.SIGTERM)
        self.assertIn("the host stops", host.answer_of(asked, 1))
        go_on()
        host.ends_well()
        self.assertFalse(os.path.exists("/proc/%d" % successor))
        self.assertFalse(os.path.exists(copies))

    def test_a_reload_meanwhile_and_the_other_way_round(self):
        host = self.start((ECHO,), {"drain_ms": 300})
        go_on, waiting = self.waiting(host, "create")
        host.configure(self.text(waiting))
        reload = host.ask("reload")
        host.wait_log(msg="waiting")
        self.assertIn("a reload is under way", host.restart(code=1))
        go_on()
        self.assertIn("1 added", host.answer_of(reload, 0))
        os.unlink(os.path.join(host.folder, "go on"))
        restart = host.ask("restart")
        host.wait_lines(2, msg="waiting")
        self.assertIn("a restart is under way", host.answer_of(host.ask("reload"), 1))
        os.kill(host.pid, signal.SIGHUP)
        host.wait_lines(2, msg="reload refused")
        go_on()
        host.answer_of(restart, 0)
        self.assertIn("0 added", host.answer_of(host.ask("reload"), 0))
        self.check_serves(host)
        host.stop()

    def test_a_restart_while_the_host_stops(self):
        host = self.start((ECHO,), {"drain_ms": 60000, "close_ms": 60000})
        silent = self.client(host.address)
        os.kill(host.pid, signal.SIGTERM)
        host.wait_log(msg="stopping")
        self.assertIn("stops already", host.restart(code=1))
        self.assertEqual(host.wait_log(msg=REFUSED)["reason"], "this host stops already")
        silent.expect_close(1001)
        silent.drop()  # until then what it sends is read
        host.ends_well()

    def test_the_old_host_dies_while_the_successor_starts(self):
        host = self.start((ECHO,))
        go_on, waiting = self.waiting(host, "start")
        host.configure(self.text(waiting))
        asked = host.ask("restart")
        host.wait_log(msg="waiting")
        host.process.kill()
        host.process.wait()
        asked.communicate(timeout=DEADLINE)
        self.assertNotEqual(asked.returncode, 0)
        with socket.create_connection(host.address.split(":"), DEADLINE) as early:
            go_on()
            host.wait_log(msg="restart: the host before this one has ended already, this one serves")
            early.sendall(request("/echo"))
            self.assertTrue(early.recv(100).startswith(b"HTTP/1.1 101"))
        os.kill(host.serving(), signal.SIGTERM)
        self.assertEqual(host.wait_gone(host.serving()), 0)
        host._finish()


class TestProgram(RestartTestCase):
    """What runs after a restart is what lies at the program's path then."""

    def start_copy(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        self.copy = os.path.join(folder, "toni")
        self.link = os.path.join(folder, "link")
        shutil.copy(TONI, self.copy)
        os.symlink(self.copy, self.link)
        self.gateways, self.limits, self.more = (ECHO,), {"drain_ms": 300}, {}
        host = Generations(self.text())
        host.program = self.link
        self.addCleanup(host.kill)
        return host.start()

    def inode(self, pid):
        return os.stat("/proc/%d/exe" % pid).st_ino

    def test_an_upgraded_program_at_the_same_path(self):
        host = self.start_copy()
        self.assertEqual(self.inode(host.pid), os.stat(self.copy).st_ino)
        shutil.copy(TONI, self.copy + ".new")
        os.rename(self.copy + ".new", self.copy)
        host.restart()
        self.assertEqual(self.inode(host.serving()), os.stat(self.copy).st_ino)
        # a link that leads to another version from now on
        other = self.copy + "-2"
        shutil.copy(TONI, other)
        os.symlink(other, self.link + ".new")
        os.rename(self.link + ".new", self.link)
        host.restart()
        self.assertEqual(self.inode(host.serving()), os.stat(other).st_ino)
        host.stop()

    def test_a_program_that_is_gone(self):
        host = self.start_copy()
        host.expect_error(msg=FAILED)
        os.rename(self.copy, self.copy + ".away")
        self.assertIn("can't be started: No such file", host.restart(code=1))
        self.check_serves(host)
        with open(self.copy, "w", encoding="utf-8") as out:
            out.write("no program")
        os.chmod(self.copy, 0o755)
        self.assertIn("can't be started: Exec format error", host.restart(code=1))
        os.rename(self.copy + ".away", self.copy)
        host.restart()
        self.check_serves(host)
        host.stop()


# ---------------------------------------------------------------- sockets


class TestSockets(RestartTestCase):
    def test_three_in_a_row_keep_ports_and_files(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        path = os.path.join(folder, "sock")
        listen = ["127.0.0.1:0", "127.0.0.1:0", "unix:" + path, "[::1]:0"]
        host = self.start(
            (ECHO,), {"drain_ms": 200}, listen=listen, http="127.0.0.1:0", admin="127.0.0.1:0")
        inode, counts = os.stat(path).st_ino, []
        known = len(host.log(msg="listening"))
        addresses = [line["address"] for line in host.log(msg="listening")]
        for _ in range(3):
            before = host.serving()
            host.restart()
            self.assertEqual(host.wait_gone(before), 0)
            fresh = [line["address"] for line in host.log(msg="listening")[-known:]]
            self.assertEqual(sorted(fresh), sorted(addresses))
            for address in host.addresses[:4]:
                self.assertEqual(self.client(address).ask("hello"), "hello")
            self.assertEqual(os.stat(path).st_ino, inode)
            with open("/proc/%d/environ" % host.serving(), "rb") as environ:
                self.assertEqual(environ.read().count(b"TONI_HANDOVER_FD="), 1)
            counts.append(len(os.listdir("/proc/%d/fd" % host.serving())))
        self.assertEqual(len(set(counts)), 1, counts)
        host.stop()
        self.assertFalse(os.path.exists(path))

    def test_addresses_that_come_and_go(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        gone, new = (os.path.join(folder, name) for name in ("gone", "new"))
        host = self.start(
            (ECHO,), {"drain_ms": 200}, listen=["127.0.0.1:0", "unix:" + gone], http="127.0.0.1:0")
        first, http_address = host.address, host.http_address
        self.more = {"listen": ["127.0.0.1:0", "unix:" + new, http_address]}
        host.configure(self.text())
        host.restart()
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        self.assertFalse(os.path.exists(gone))
        for address in (first, "unix:" + new, http_address):
            self.assertEqual(self.client(address).ask("hello"), "hello")
        host.wait_log(msg="a listening socket from outside is closed: its address is not in `listen`",
                      address="unix:" + gone)
        host.stop()

    def wait_mode(self, path, mode):
        """The successor gives it once it can fail no more, so after the command has its answer."""
        end = time.monotonic() + DEADLINE
        while os.stat(path).st_mode & 0o777 != mode:
            self.assertLess(time.monotonic(), end, oct(os.stat(path).st_mode))
            time.sleep(0.01)

    def test_the_mode_of_a_unix_socket_is_kept_and_a_new_one_comes_with_the_successor(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        path = os.path.join(folder, "socket")
        host = self.start((ECHO,), {"drain_ms": 200}, listen="unix:%s;mode=0640" % path)
        for mode in ("0640", "0604"):
            self.more = {"listen": "unix:%s;mode=%s" % (path, mode)}
            host.configure(self.text())
            host.restart()
            self.wait_mode(path, int(mode, 8))
            self.assertEqual(self.client("unix:" + path).ask("hello"), "hello")
        host.expect_error(msg=FAILED)
        host.expect_error(msg=lambda msg: msg.startswith("can't listen"))
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.more = {
                "listen": "unix:%s;mode=0600" % path,
                "http": "127.0.0.1:%d" % other.getsockname()[1],
            }
            host.configure(self.text())
            host.restart(code=1)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o604)  # one that fails leaves no trace
        host.stop()

    def test_a_signal_does_the_same(self):
        host = self.start((ECHO,), {"drain_ms": 200})
        os.kill(host.pid, signal.SIGUSR2)
        host.wait_log(msg=DRAINS)
        self.assertEqual(host.wait_gone(host.pid), 0)
        self.check_serves(host)
        host.stop()

    def test_no_time_to_drain(self):
        host = self.start((ECHO,), {"drain_ms": 0})
        client = self.client(host.address)
        host.restart()
        self.assertEqual(host.wait_gone(host.pid), 0)
        client.expect_close(1001, answer=False)
        self.check_serves(host)
        host.stop()

    def test_a_client_that_stays_is_closed_after_drain_ms(self):
        host = self.start((ECHO,), {"drain_ms": 500, "close_ms": 60000})
        client = self.client(host.address)
        host.restart()
        client.expect_close(1001, answer=False)
        host.wait_log(msg="drain_ms is over: the rest is closed at once", clients="1")
        self.assertEqual(host.wait_gone(host.pid), 0)
        host.stop()


if __name__ == "__main__":
    main(beside=2)
