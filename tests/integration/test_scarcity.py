"""Descriptors, disk and rights that run out while the host serves: it goes on, says so, and all works again afterwards."""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from toni_host import (
    DEADLINE,
    ECHO,
    FIXTURES,
    SANITIZER,
    TONI,
    Client,
    Host,
    configuration,
    exchange,
    gateway,
    main,
    open_socket,
    parse_log_line,
    request,
    run_toni,
    without_root_rights,
)

LOST = "lines of the log are lost: stderr refused them; is its disk full?"


def swap_library(version):
    return os.path.join(FIXTURES, "swap_%d.so" % version)


class ScarcityTestCase(unittest.TestCase):
    def start(self, before_exec=None, **more):
        """A host with a plugin in a file of its own, whose copies lie in a folder of the test."""
        self.temporary = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)

        def prepare():
            os.environ["TMPDIR"] = self.temporary
            if before_exec:
                before_exec()

        self.host = Host("", before_exec=prepare)
        self.addCleanup(self.host.kill)
        self.library = os.path.join(self.host.folder, "swapped.so")
        shutil.copy(swap_library(1), self.library)
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO, gateway("swapped", self.library, "/swap")], **more))
        self.host.start()
        return self.host

    def change_library(self):
        fresh = self.library + ".new"
        shutil.copy(swap_library(2), fresh)
        os.rename(fresh, self.library)

    def reload(self):
        return run_toni("reload", "-c", self.host.conf)

    def serves(self, client):
        self.assertEqual(client.ask("still here"), "still here")

    def is_changed(self):
        """What a reload then does is done whole."""
        done = self.reload()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 swapped", done.stdout)


class TestDescriptors(ScarcityTestCase):
    def limit(self, files=None):
        """Lets the host open no further descriptor; or, without an argument, as many as before."""
        if not files:
            self.was = resource.prlimit(self.host.pid, resource.RLIMIT_NOFILE)
            files = (max(map(int, os.listdir("/proc/%d/fd" % self.host.pid))) + 1, self.was[1])
        resource.prlimit(self.host.pid, resource.RLIMIT_NOFILE, files)

    def take_the_rest(self):
        """Connects until one is not accepted: some numbers below the limit may be free."""
        taken = []
        while not self.host.log(msg="accepting paused"):
            taken.append(open_socket(self.host.address))
            self.addCleanup(taken[-1].close)
            time.sleep(0.01)
            self.assertLess(len(taken), 1000)
        return taken

    def test_who_comes_waits_and_who_is_there_is_served(self):
        host = self.start()
        client, leaving = Client(host.address, "/echo"), Client(host.address, "/echo")
        self.limit()
        taken = self.take_the_rest()
        waiting = open_socket(host.address)
        self.addCleanup(waiting.close)
        waiting.sendall(request("/echo"))
        self.serves(client)
        for sock in taken:
            sock.close()
        leaving.close()
        self.assertTrue(waiting.recv(100).startswith(b"HTTP/1.1 101 "))
        self.limit(self.was)
        client.close()
        host.stop()

    def test_a_reload_that_can_open_nothing_is_refused(self):
        host = self.start()
        host.expect_error(msg="reload refused")
        client = Client(host.address, "/echo")
        self.change_library()
        self.limit()
        taken = self.take_the_rest()
        host.process.send_signal(signal.SIGHUP)
        said = host.wait_log(msg="reload refused")
        self.assertIn("open files", said.get("fault") or said.get("reason"))
        self.assertNotEqual(self.reload().returncode, 0)
        self.serves(client)
        for sock in taken:
            sock.close()
        self.limit(self.was)
        self.is_changed()
        self.serves(client)
        client.close()
        host.stop()


class TestDisk(ScarcityTestCase):
    def test_copies_of_plugins_that_find_no_room(self):
        host = self.start()
        host.expect_error(msg="reload refused")
        client = Client(host.address, "/echo")
        self.change_library()
        before = os.listdir(self.temporary)
        was = resource.prlimit(host.pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        refused = self.reload()
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("can't be copied into a temporary folder", refused.stderr)
        self.serves(client)
        resource.prlimit(host.pid, resource.RLIMIT_FSIZE, was)
        self.assertEqual(os.listdir(self.temporary), before)
        self.is_changed()
        client.close()
        host.stop()
        self.assertEqual(os.listdir(self.temporary), [])

    @unittest.skipIf(SANITIZER, "a sanitizer keeps what it knows in a file, and finds no room for it")
    def test_the_start_says_that_there_is_no_room(self):
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            conf = os.path.join(folder, "gateways.conf")
            with open(conf, "w", encoding="utf-8") as out:
                out.write(configuration([ECHO]))

            def limit():
                os.environ["TMPDIR"] = folder
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

            for command in "check", "run":
                ended = run_toni(command, "-c", conf, before_exec=limit)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn("can't be copied into a temporary folder: File too large", ended.stderr)
            self.assertEqual(os.listdir(folder), ["gateways.conf"])


class TestLog(unittest.TestCase):
    """Hosts whose stderr is a file."""

    def start(self, log):
        folder = tempfile.TemporaryDirectory(prefix="toni-test-")
        self.addCleanup(folder.cleanup)
        self.conf = os.path.join(folder.name, "gateways.conf")
        self.socket = os.path.join(folder.name, "s")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO], listen="unix:" + self.socket, admin="unix:" + self.socket + ".admin"))
        self.process = subprocess.Popen([TONI, "run", "--allow-root", "-c", self.conf], stderr=log, cwd=folder.name)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        end = time.monotonic() + DEADLINE
        while run_toni("status", "-c", self.conf).returncode != 0:
            self.assertIsNone(self.process.poll())
            self.assertLess(time.monotonic(), end)

    def serves(self):
        client = Client("unix:" + self.socket, "/echo")
        self.assertEqual(client.ask("x"), "x")
        client.close()

    def lost(self):
        asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        page = exchange("unix:" + self.socket + ".admin", asked).body.decode()
        return int(re.search(r"^toni_log_lines_lost_total (\d+)$", page, re.M).group(1))

    def ends_well(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(DEADLINE), 0)

    def test_on_a_full_device(self):
        with open("/dev/full", "wb") as full:
            self.start(full)
        self.serves()
        self.assertGreater(self.lost(), 3)
        self.ends_well()

    def test_on_a_disk_that_is_full_for_a_while(self):
        with tempfile.NamedTemporaryFile("rb", prefix="toni-test-") as log:
            with open(log.name, "ab") as end:
                self.start(end)
            room = os.path.getsize(log.name) + 150
            was = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            end = time.monotonic() + DEADLINE
            while self.lost() < 3:
                self.assertEqual(run_toni("reload", "-c", self.conf).returncode, 0)
                self.assertLess(time.monotonic(), end)
            self.serves()
            self.assertEqual(os.path.getsize(log.name), room)
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, was)
            self.assertEqual(run_toni("reload", "-c", self.conf).returncode, 0)
            lost = self.lost()
            self.ends_well()
            lines = log.read().decode().splitlines()
        told = [fields for fields in map(parse_log_line, lines) if fields and fields.get("msg") == LOST]
        self.assertEqual([int(fields["lines"]) for fields in told], [lost])
        self.assertEqual(parse_log_line(lines[-1])["msg"], "stopped")
        torn = [line for line in lines if not (parse_log_line(line) or {}).get("msg")]
        self.assertLessEqual(len(torn), 1, torn)


@unittest.skipIf(SANITIZER, "a sanitizer writes its reports beside the host")
class TestRights(ScarcityTestCase):
    def test_a_folder_that_becomes_read_only_keeps_no_host_from_serving_and_ending(self):
        host = self.start(before_exec=without_root_rights)
        client = Client(host.address, "/echo")
        os.chmod(host.folder, 0o555)
        os.chmod(self.temporary, 0o555)
        self.addCleanup(os.chmod, self.temporary, 0o755)
        self.serves(client)
        status = run_toni("status", "-c", host.conf)
        self.assertEqual(status.returncode, 0, status.stderr)
        client.close()
        host.stop()


if __name__ == "__main__":
    main()
