"""The log where nobody reads it, where a flood comes, where stderr is closed, and under systemd; and
that a second signal ends the host whatever any of it is at."""

import array
import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import termios
import time
import unittest

from toni_host import (
    DEADLINE,
    ECHO,
    FIXTURES,
    PROBE,
    SLOWNESS,
    TONI,
    Client,
    Host,
    configuration,
    gateway,
    main,
    parse_log_line,
    scaled,
)

F_SETPIPE_SZ = 1031
LOST = "lines of the log are lost: stderr was not read in time"
HANGS = gateway("hangs", "constructor_hangs_later.so", "/hangs")


class Unread:
    """A host whose stderr the test gives; it is reached on a Unix socket, since its log says nothing."""

    def __init__(self, test, conf, stderr, **how):
        self.test = test
        self.folder = tempfile.TemporaryDirectory(prefix="toni-test-")
        test.addCleanup(self.folder.cleanup)
        self.address = "unix:" + os.path.join(self.folder.name, "s")
        self.conf = os.path.join(self.folder.name, "gateways.conf")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(conf(self.address))
        self.process = subprocess.Popen(
            [TONI, "run", "--allow-root", "-c", self.conf], stderr=stderr, cwd=self.folder.name, **how
        )
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)

    def client(self, path):
        """Waits for the host to listen."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                client = Client(self.address, path)
                self.test.addCleanup(client.sock.close)
                return client
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def wait_exit(self):
        return self.process.wait(DEADLINE)


def conf_of(gateways, **more):
    return lambda address: configuration(gateways, listen=address, **more)


def small_pipe(test):
    """(reading end, writing end) of a pipe that takes one page."""
    ends = os.pipe()
    for end in ends:
        test.addCleanup(close_quietly, end)
    fcntl.fcntl(ends[1], F_SETPIPE_SZ, 4096)
    return ends


def full_pipe(test):
    reading, writing = small_pipe(test)
    os.write(writing, b"x" * 4096)
    return reading, writing


def close_quietly(descriptor):
    try:
        os.close(descriptor)
    except OSError:
        pass


def read_lines(descriptor):
    """All lines to the end, parsed."""
    with os.fdopen(os.dup(descriptor), encoding="utf-8") as stream:
        return [parse_log_line(line.rstrip("\n")) for line in stream]


class TestNobodyReads(unittest.TestCase):
    """stderr is a pipe of one page. Each end of a client of probe logs a line of some 200 bytes: more
    than the pipe and the host's ring have room for."""

    ENDS = scaled(2500, 1800)

    def flooded(self, workers=2, **more):
        reading, writing = small_pipe(self)
        host = Unread(self, conf_of([PROBE, ECHO], workers=workers, **more), writing)
        host.client("/echo").sock.close()
        for _ in range(self.ENDS):
            client = Client(host.address, "/probe")
            client.sock.close()
        return host, reading, writing

    def test_clients_are_served_and_the_log_tells_what_is_lost(self):
        host, reading, writing = self.flooded()
        for _ in range(8):  # on both workers
            client = host.client("/echo")
            client.send("x")
            client.expect("x")
            client.sock.close()
        host.process.send_signal(signal.SIGTERM)
        os.close(writing)
        lines = read_lines(reading)
        self.assertEqual(host.wait_exit(), 0)
        self.assertNotIn(None, lines)
        lost = sum(int(line["lines"]) for line in lines if line["msg"] == LOST)
        told = [line for line in lines if line["msg"] == "disconnected"]
        self.assertGreater(lost, 0)
        # other lines may be among the lost, and the last clients may not have got as far
        self.assertLess(abs(self.ENDS - lost - len(told)), 50)

    def test_a_stop_comes_to_its_end(self):
        host, _, _ = self.flooded()
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(), 0)

    def test_a_second_signal_ends_it_while_a_callback_hangs(self):
        host, _, _ = self.flooded(limits={"drain_ms": 60000})
        client = host.client("/probe")
        client.read()
        client.send("slow:60000")
        for number in (signal.SIGTERM, signal.SIGINT):  # the same one within 100 ms would count once
            time.sleep(0.1)
            host.process.send_signal(number)
        started = time.monotonic()
        self.assertEqual(host.wait_exit(), 1)
        self.assertLess(time.monotonic() - started, 5 * SLOWNESS)


class TestSecondSignalAtTheStart(unittest.TestCase):
    """A plugin's constructor never returns, in the host alone."""

    LIMITS = {"hook_ms": 60000}

    def wait_until(self, process, is_so):
        end = time.monotonic() + DEADLINE
        while not is_so():
            self.assertIsNone(process.poll(), "the host has ended")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def is_loading(self, process):
        with open("/proc/%d/maps" % process.pid, encoding="utf-8") as maps:
            return "constructor_hangs_later.so" in maps.read()

    def end(self, process):
        self.wait_until(process, lambda: self.is_loading(process))
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        self.assertIsNone(process.poll(), "the constructor has returned")
        process.send_signal(signal.SIGINT)

    def test_it_ends_the_host(self):
        host = Host(configuration([ECHO, HANGS], limits=self.LIMITS)).launch()
        self.addCleanup(host.kill)
        self.end(host.process)
        self.assertEqual(host.wait_exit(), 1)
        (line,) = host.log(msg="stopped at once, by a second signal")
        self.assertEqual(line["signal"], "SIGINT")

    def test_also_while_nobody_reads_the_log(self):
        _, writing = full_pipe(self)
        host = Unread(self, conf_of([ECHO, HANGS], limits=self.LIMITS), writing)
        self.end(host.process)
        self.assertEqual(host.wait_exit(), 1)

    def test_also_while_a_fault_of_the_configuration_waits_for_stderr(self):
        """There are more faults than the pipe takes: once it is full, the main thread waits inside of
        stdio, whose lock it holds."""
        reading, writing = small_pipe(self)
        faults = "".join("nonsense_%03d = 1;\n" % number for number in range(100))
        host = Unread(self, lambda address: faults, writing)
        self.wait_until(host.process, lambda: self.waits_to_write(host.process, reading))
        host.process.send_signal(signal.SIGTERM)
        host.process.send_signal(signal.SIGINT)
        self.assertEqual(host.wait_exit(), 1)

    LONGEST_FAULT = 512

    def waits_to_write(self, process, reading):
        """Whether the pipe has no room for one more fault, and the main thread sleeps."""
        waiting = array.array("i", [0])
        fcntl.ioctl(reading, termios.FIONREAD, waiting)
        with open("/proc/%d/stat" % process.pid, encoding="utf-8") as stat:
            sleeps = stat.read().rpartition(")")[2].split()[0] == "S"
        return waiting[0] > 4096 - self.LONGEST_FAULT and sleeps


class TestStandardDescriptors(unittest.TestCase):
    def test_what_is_closed_at_the_start_becomes_dev_null(self):
        for closed in ((0, 1, 2), (2,), (0,)):
            with self.subTest(closed=closed):
                host = Unread(
                    self,
                    conf_of([PROBE]),
                    subprocess.DEVNULL,
                    preexec_fn=lambda closed=closed: [os.close(n) for n in closed],
                )
                client = host.client("/probe")
                client.read()
                for number in closed:
                    self.assertEqual(
                        os.readlink("/proc/%d/fd/%d" % (host.process.pid, number)), "/dev/null"
                    )
                self.assertTrue(client.ask("id").startswith("id="))
                host.process.terminate()
                self.assertEqual(host.wait_exit(), 0)


class TestJournal(unittest.TestCase):
    def lines(self, difference):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            status = os.fstat(theirs.fileno())
            stream = "%d:%d" % (status.st_dev, status.st_ino + difference)
            host = Unread(
                self, conf_of([PROBE]), theirs, env=dict(os.environ, JOURNAL_STREAM=stream)
            )
            client = host.client("/probe")
            client.read()
            client.send("fail")
            client.expect_close(1011)
            host.process.terminate()
            self.assertEqual(host.wait_exit(), 0)
            theirs.close()
            with ours.makefile(encoding="utf-8") as stream:
                return stream.read().splitlines()

    def test_lines_carry_their_priority(self):
        lines = self.lines(0)
        priorities = {"info": "<6>", "warn": "<4>"}
        levels = []
        for line in lines:
            fields = parse_log_line(line[3:])
            levels.append(fields["level"])
            self.assertEqual(line[:3], priorities[fields["level"]])
        self.assertIn("warn", levels)
        self.assertIn("info", levels)

    def test_only_where_stderr_is_the_journal(self):
        for line in self.lines(1):
            self.assertIsNotNone(parse_log_line(line))


class TestFloods(unittest.TestCase):
    """What clients can cause is written ten times, then once a second, for each instance."""

    FAILED = "a callback failed, its client is closed"
    OTHER = gateway("other", "probe_gateway.so", "/other")

    def make_it_fail(self, host, path):
        client = Client(host.address, path)
        client.read()
        client.send("fail")
        client.expect_close(1011)
        client.sock.close()

    def told(self, host, instance):
        """How many failures the log tells of."""
        lines = host.log(msg=self.FAILED, instance=instance)
        return len(lines) + sum(int(line.get("suppressed", 0)) for line in lines)

    def test_lines_of_one_instance_are_limited_and_those_left_out_are_told(self):
        host = Host(configuration([PROBE, self.OTHER])).start()
        self.addCleanup(host.kill)
        started = time.monotonic()
        for _ in range(60):
            self.make_it_fail(host, "/probe")
        took = time.monotonic() - started
        self.make_it_fail(host, "/other")
        host.wait_log(msg=self.FAILED, instance="other")
        written = host.log(msg=self.FAILED, instance="probe")
        self.assertGreaterEqual(len(written), 10)
        self.assertLessEqual(len(written), 10 + took + 1)
        time.sleep(1.1)
        self.make_it_fail(host, "/probe")
        end = time.monotonic() + DEADLINE
        while self.told(host, "probe") < 61 and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.told(host, "probe"), 61)
        self.assertTrue(host.log(msg=self.FAILED, suppressed=lambda count: count != ""))
        host.stop()

    def test_what_no_line_told_is_told_at_the_end(self):
        host = Host(configuration([PROBE])).start()
        self.addCleanup(host.kill)
        for _ in range(40):
            self.make_it_fail(host, "/probe")
        host.stop()
        lines = host.log(msg=self.FAILED)
        told = sum(int(line.get("suppressed", 0)) for line in lines)
        untold = host.log(
            msg="lines of the log were suppressed, since there were too many of their kind"
        )
        for line in untold:
            self.assertEqual(line["latest"], self.FAILED)
        self.assertEqual(len(lines) + told + sum(int(l["lines"]) for l in untold), 40)


if __name__ == "__main__":
    main(beside=3)
