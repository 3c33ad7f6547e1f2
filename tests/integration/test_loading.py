"""What a library does while it is loaded hurts nobody: another process maps it first, and a fault names it."""

import os
import shutil
import signal
import tempfile
import time
import unittest

from toni_host import ECHO, FIXTURES, PLUGINS, TONI, Client, Host, configuration, gateway, main, run_toni, scaled

HINT = "a constructor, which must take nothing that the host may hold"


class LoadingTestCase(unittest.TestCase):
    def start(self, library, program=TONI, **limits):
        """A host with a gateway whose library is a file of its own, and a client of it."""
        self.host = Host("")
        self.host.program = program
        self.addCleanup(self.host.kill)
        self.library = os.path.join(self.host.folder, "loaded.so")
        self.limits = limits
        self.replace(library)
        self.configure()
        self.host.start()
        self.client = Client(self.host.address, "/swap")
        self.addCleanup(self.client.drop)

    def configure(self, top=""):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            providers = [gateway("loaded", self.library, "/swap"), ECHO]
            out.write(configuration(providers, limits=self.limits, plugin_path=[FIXTURES, PLUGINS]))
            out.write(top)

    def replace(self, library):
        new = self.library + ".new"
        shutil.copy(os.path.join(FIXTURES, library), new)
        os.rename(new, self.library)

    def said(self, command, code):
        result = run_toni(command, "-c", self.host.conf)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def serves_on(self, version="version 2"):
        self.client.send("x")
        self.assertEqual(self.client.read(), version)

    def mapped(self):
        """How many copies of the library the host has mapped."""
        with open("/proc/%d/maps" % self.host.pid, encoding="utf-8") as maps:
            return len({line.split()[5] for line in maps if line.rstrip().endswith("/loaded.so")})


class TestConstructors(LoadingTestCase):
    def refused(self, library, *words):
        self.replace(library)
        for command in ("check", "reload"):
            text = self.said(command, 2)
            for word in ("gateways.conf", "loaded.so", *words):
                self.assertIn(word, text)
        self.host.expect_error(msg="reload refused")
        self.assertEqual(self.mapped(), 1)
        self.serves_on()

    def test_one_that_crashes(self):
        self.start("constructor_good.so")
        self.refused("constructor_crashes.so", "ended the checking process: SIGABRT", HINT)

    def test_one_that_exits(self):
        self.start("constructor_good.so")
        self.refused("constructor_exits.so", "ended the checking process: exit status 0", HINT)

    def test_one_that_hangs(self):
        self.start("constructor_good.so", hook_ms=1000)
        self.refused("constructor_hangs.so", "took longer than hook_ms (1000 ms)", HINT)

    def test_a_file_with_a_hole(self):
        self.start("constructor_good.so")
        with open(self.library, "rb") as file:
            whole = file.read()
        with open(self.library + ".hole", "wb") as file:
            file.write(whole[:0x1000] + bytes(0x1000) + whole[0x2000:])
        os.rename(self.library + ".hole", self.library)
        for command in ("check", "reload"):
            self.assertIn("loaded.so", self.said(command, 2))
        self.host.expect_error(msg="reload refused")
        self.serves_on()

    def test_all_that_are_wrong_are_told_at_once(self):
        host = Host(
            configuration(
                [
                    gateway("a", "constructor_crashes.so", "/a"),
                    gateway("b", "constructor_exits.so", "/b"),
                    gateway("c", "bad_magic.so", "/c"),
                    gateway("d", "constructor_good.so", "/d"),
                ]
            )
        )
        self.addCleanup(host.kill)
        result = run_toni("check", "-c", host.conf)
        self.assertEqual(result.returncode, 2)
        for word in ("SIGABRT", "exit status 0", "magic number"):
            self.assertEqual(result.stderr.count(word), 1, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 3, result.stderr)

    def test_at_the_start_too(self):
        host = Host(configuration([gateway("a", "constructor_exits.so", "/a")]))
        self.addCleanup(host.kill)
        host.launch()
        self.assertEqual(host.wait_exit(), 2)
        self.assertTrue(any("ended the checking process" in line for line in host.faults()))

    def test_one_signal_ends_a_start_that_waits(self):
        host = Host(configuration([gateway("a", "constructor_hangs.so", "/a")], limits={"hook_ms": 60000}))
        self.addCleanup(host.kill)
        host.launch()
        time.sleep(0.3)
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(scaled(5, 30)), 0)

    def test_the_process_that_tries_has_nothing_of_the_host(self):
        self.start("constructor_good.so")
        self.replace("constructor_looks.so")
        self.assertIn("1 swapped", self.said("reload", 0))
        self.serves_on()


class TestHost(LoadingTestCase):
    def test_nothing_is_mapped_of_what_has_another_fault(self):
        self.start("constructor_good.so")
        self.replace("early_thread.so")
        self.configure(top="wrokers = 1;\n")
        for _ in range(3):
            self.assertIn("`wrokers`", self.said("reload", 2))
        self.host.expect_error(msg="reload refused")
        self.assertEqual(self.mapped(), 1)
        self.serves_on()

    def test_the_program_may_be_gone(self):
        """An upgrade has removed what runs: the process that tries libraries is of the version that runs."""
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        program = os.path.join(folder, "toni")
        shutil.copy(TONI, program)
        self.start("constructor_good.so", program=program)
        os.unlink(program)
        self.replace("constructor_looks.so")
        self.assertIn("1 swapped", self.said("reload", 0))
        self.serves_on()
        self.replace("constructor_crashes.so")
        self.host.expect_error(msg="reload refused")
        self.assertIn("ended the checking process: SIGABRT", self.said("reload", 2))
        self.serves_on()

    def test_check_of_threads_that_a_constructor_begins(self):
        self.start("early_thread.so")
        for _ in range(5):
            self.said("check", 0)

    def test_one_that_hangs_in_the_host_alone(self):
        """It is left behind; the host serves, loads nothing more, and ends without it."""
        self.start("constructor_good.so", hook_ms=1000)
        self.replace("constructor_hangs_later.so")
        self.host.expect_error(msg="reload refused")
        self.assertIn("has not been loaded within hook_ms (1000 ms)", self.said("reload", 2))
        self.host.wait_log(msg=lambda m: "has not returned" in m, hook="load")
        self.serves_on()
        self.replace("constructor_good.so")
        self.assertIn("this host can load nothing more; `toni restart`", self.said("reload", 2))
        self.serves_on()
        self.host.process.send_signal(signal.SIGTERM)
        self.client.expect_close(1001)
        self.assertEqual(self.host.wait_exit(scaled(10, 60)), 1)

    def test_a_warning_is_in_the_answer_and_keeps_nothing_from_running(self):
        self.start("constructor_good.so")
        self.replace("shows_symbols.so")
        text = self.said("check", 0)
        self.assertIn("warning: library", text)
        self.assertIn("shows more than its one symbol", text)
        text = self.said("reload", 0)
        self.assertIn("1 swapped", text)
        self.assertIn("shows more than its one symbol", text)
        self.host.wait_log(level="warn", msg="reload: a warning")


if __name__ == "__main__":
    main()
