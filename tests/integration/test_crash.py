"""Crashes and exits: the log names the instance, the callback and the client, with a backtrace, and
the process ends as it would have without that."""

import os
import signal
import tempfile
import time
import unittest

from toni_host import (
    DEADLINE,
    ECHO,
    SANITIZER,
    Client,
    Host,
    configuration,
    gateway,
    main,
)

INNOCENT = gateway("innocent", "crashing.so", "/innocent")
GUILTY = gateway("guilty", "crashing.so", "/guilty")
CRASHES = "the host crashes, in a call of a plugin"


class CrashTestCase(unittest.TestCase):
    def host(self, *gateways, workers=2):
        host = Host(configuration(gateways or [INNOCENT, GUILTY], workers=workers)).start()
        self.addCleanup(host.kill)
        return host

    def send(self, host, text, path="/guilty"):
        client = Client(host.address, path)
        self.addCleanup(client.sock.close)
        client.send(text)
        return client

    def ends_by(self, host, number):
        """The process ends by the signal; under AddressSanitizer by what that makes of it."""
        code = host.wait_exit()
        if SANITIZER:
            self.assertNotEqual(code, 0)
        else:
            self.assertEqual(code, -number)

    def line(self, host, number, **wanted):
        (line,) = host.log(msg=CRASHES)
        self.assertEqual(line["signal"], signal.Signals(number).name)
        for key, value in wanted.items():
            self.assertEqual(line.get(key), value, line)
        return line

    def frames(self, host):
        """The names of the files, without their folders."""
        frames = host.log(msg="frame")
        self.assertEqual([int(f["number"]) for f in frames], list(range(len(frames))))
        for frame in frames:
            self.assertRegex(frame["offset"], "^0x[0-9a-f]+$")
        return [os.path.basename(frame["file"]) for frame in frames]


class TestCallbacks(CrashTestCase):
    WAYS = {
        "segv": signal.SIGSEGV,
        "bus": signal.SIGBUS,
        "fpe": signal.SIGFPE,
        "abort": signal.SIGABRT,
        "ill": signal.SIGILL,
        "overflow": signal.SIGSEGV,
        "jump": signal.SIGSEGV,
    }

    def test_each_signal_names_instance_callback_client_and_worker(self):
        for way, number in self.WAYS.items():
            with self.subTest(way=way):
                host = self.host()
                self.send(host, way)
                self.ends_by(host, number)
                line = self.line(
                    host, number, instance="guilty", generation="1", callback="on_message"
                )
                self.assertRegex(line["client"], "^[0-9a-f]{16}$")
                self.assertIn(line["worker"], "01")
                self.assertTrue(line["library"].endswith("/crashing.so"), line)
                if way != "jump":  # which leaves no way back
                    self.assertIn("crashing.so", self.frames(host))
                self.assertLessEqual(len(self.frames(host)), 64)
                self.assertFalse(host.log(msg="stopped"))

    def test_the_backtrace_begins_where_it_crashed_and_leads_into_the_host(self):
        host = self.host()
        self.send(host, "segv")
        self.ends_by(host, signal.SIGSEGV)
        files = self.frames(host)
        self.assertEqual(files[0], "crashing.so")
        self.assertIn("toni", files)

    def test_what_was_logged_before_goes_out_first(self):
        host = self.host()
        self.send(host, "segv")
        self.ends_by(host, signal.SIGSEGV)
        messages = [fields["msg"] for _, fields, _ in host.lines if fields]
        self.assertLess(messages.index("ready"), messages.index(CRASHES))

    def test_a_signal_that_was_sent_names_who_sent_it(self):
        host = self.host()
        host.process.send_signal(signal.SIGABRT)
        self.ends_by(host, signal.SIGABRT)
        (line,) = host.log(msg="the host crashes, in no call of a plugin")
        self.assertEqual((line["signal"], line["sent_by"]), ("SIGABRT", str(os.getpid())))

    def test_a_thread_of_the_plugins_own_is_told_by_the_backtrace(self):
        host = self.host()
        self.send(host, "thread")
        self.ends_by(host, signal.SIGSEGV)
        (line,) = host.log(msg="the host crashes, in no call of a plugin")
        self.assertEqual(line["signal"], "SIGSEGV")
        self.assertEqual(self.frames(host)[0], "crashing.so")

    def test_a_second_version_is_told_by_its_generation(self):
        host = self.host()
        with open(host.conf, "w", encoding="utf-8") as out:
            out.write(
                configuration(
                    [INNOCENT, gateway("guilty", "crashing.so", "/guilty", options={"other": 1})],
                    workers=2,
                )
            )
        host.process.send_signal(signal.SIGHUP)
        host.wait_log(msg="reloaded")
        self.send(host, "segv")
        self.ends_by(host, signal.SIGSEGV)
        self.line(host, signal.SIGSEGV, instance="guilty", generation="2")


class TestTasksAndHooks(CrashTestCase):
    def test_tasks_and_jobs(self):
        for text, callback in (("later", "post"), ("job", "job")):
            with self.subTest(callback=callback):
                host = self.host()
                self.send(host, text)
                self.ends_by(host, signal.SIGSEGV)
                line = self.line(host, signal.SIGSEGV, instance="guilty", callback=callback)
                self.assertNotIn("worker", line)
                self.assertEqual(self.frames(host)[0], "crashing.so")

    def test_hooks(self):
        for hook in ("create", "destroy"):
            with self.subTest(hook=hook):
                bad = gateway("guilty", "crashing.so", "/guilty", options={"crash": hook})
                host = Host(configuration([INNOCENT, bad])).launch()
                self.addCleanup(host.kill)
                if hook == "destroy":
                    host.wait_log(msg="ready")
                    host.process.terminate()
                self.ends_by(host, signal.SIGSEGV)
                self.line(host, signal.SIGSEGV, instance="guilty", callback=hook, generation="1")

    def test_a_constructor_is_told_by_its_library(self):
        """It crashes in the host alone; the dynamic linker's lock is held."""
        bad = gateway("bad", "constructor_crashes_later.so", "/bad")
        host = Host(configuration([ECHO, bad])).launch()
        self.addCleanup(host.kill)
        self.ends_by(host, signal.SIGABRT)
        line = self.line(host, signal.SIGABRT, callback="load")
        self.assertTrue(line["library"].endswith("/constructor_crashes_later.so"), line)
        self.assertNotIn("instance", line)
        self.assertIn("constructor_crashes_later.so", self.frames(host))


class TestExit(CrashTestCase):
    def test_a_plugin_that_calls_exit_is_named_and_the_code_is_1(self):
        for text in ("exit", "quick_exit"):
            with self.subTest(text=text):
                host = self.host()
                self.send(host, text)
                self.assertEqual(host.wait_exit(), 1)
                (line,) = host.log(
                    msg="a plugin has called exit: the host ends with exit code 1", level="error"
                )
                self.assertEqual((line["instance"], line["callback"]), ("guilty", "on_message"))
                self.assertRegex(line["client"], "^[0-9a-f]{16}$")

    def ends_with_its_thread(self, host, callback):
        self.assertEqual(host.wait_exit(), 1)
        (line,) = host.log(
            msg="a plugin has ended a thread of the host (pthread_exit or pthread_cancel): the "
            "host ends with exit code 1",
            level="error",
        )
        self.assertEqual((line["instance"], line["callback"]), ("guilty", callback))

    def test_a_plugin_that_ends_a_thread_of_the_host_is_named_and_the_code_is_1(self):
        """Else the clients of that worker would wait for ever, and a stop, too."""
        for text, callback in (
            ("end_thread", "on_message"),
            ("cancel_thread", "on_message"),
            ("end_thread_of_jobs", "job"),
        ):
            with self.subTest(text=text):
                host = self.host()
                self.send(host, text)
                self.ends_with_its_thread(host, callback)

    def test_a_hook_that_ends_its_thread(self):
        bad = gateway("guilty", "crashing.so", "/guilty", options={"crash": "end_thread"})
        host = Host(configuration([INNOCENT, bad])).launch()
        self.addCleanup(host.kill)
        self.ends_with_its_thread(host, "create")

    # AddressSanitizer's own __cxa_throw needs libstdc++ to be there before a plugin brings it.
    @unittest.skipIf(SANITIZER == "asan", "AddressSanitizer ends the process itself")
    def test_an_exception_that_leaves_a_callback(self):
        host = self.host(gateway("guilty", "cxx_throwing.so", "/guilty"))
        self.send(host, "throw")
        self.ends_by(host, signal.SIGABRT)
        self.line(host, signal.SIGABRT, instance="guilty", callback="on_message")


@unittest.skipUnless(SANITIZER == "asan", "what AddressSanitizer does with it")
class TestSanitizer(CrashTestCase):
    def test_its_report_comes_after_ours(self):
        host = self.host()
        self.send(host, "segv")
        self.assertNotEqual(host.wait_exit(), 0)
        text = host.text()
        self.assertIn("AddressSanitizer", text)
        self.assertLess(text.index(CRASHES), text.index("AddressSanitizer"))


class TestCopies(CrashTestCase):
    """The folders of copies below TMPDIR."""

    def start(self):
        host = Host(
            configuration([GUILTY]), before_exec=lambda: os.environ.update(TMPDIR=self.temporary)
        ).start()
        self.addCleanup(host.kill)
        return host

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="toni-test-")
        self.addCleanup(folder.cleanup)
        self.temporary = folder.name

    def copies(self):
        return set(os.listdir(self.temporary))

    def test_what_a_crash_leaves_the_next_start_removes_and_nothing_of_the_living(self):
        living = self.start()
        (of_the_living,) = self.copies()
        crashing = self.start()
        self.assertEqual(len(self.copies()), 2)
        self.send(crashing, "segv")
        self.ends_by(crashing, signal.SIGSEGV)
        self.assertEqual(len(self.copies()), 2)
        next_one = self.start()
        self.assertEqual(len(self.copies()), 2)
        self.assertIn(of_the_living, self.copies())
        next_one.stop()
        self.assertEqual(self.copies(), {of_the_living})
        self.assertTrue(os.listdir(os.path.join(self.temporary, of_the_living, "0")))
        living.stop()
        self.assertEqual(self.copies(), set())


@unittest.skipIf(SANITIZER, "a sanitizer's own report waits for who reads it")
class TestNobodyReads(CrashTestCase):
    def test_a_crash_ends_the_host_in_time_though_nobody_reads_the_log(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        host = Host(
            configuration([GUILTY]), before_exec=lambda: os.dup2(writing, 2)
        )
        with open(host.conf, encoding="utf-8") as source:
            text = source.read().replace(
                '"127.0.0.1:0"', '"unix:%s"' % os.path.join(host.folder, "s")
            )
        with open(host.conf, "w", encoding="utf-8") as out:
            out.write(text)
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, b"x" * 4096)
        except BlockingIOError:
            pass
        os.set_blocking(writing, True)
        host.launch()
        self.addCleanup(host.kill)
        end = time.monotonic() + DEADLINE
        while True:
            try:
                client = Client("unix:" + os.path.join(host.folder, "s"), "/guilty")
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)
        self.addCleanup(client.sock.close)
        client.send("segv")
        self.ends_by(host, signal.SIGSEGV)


if __name__ == "__main__":
    main()
