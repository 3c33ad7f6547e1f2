"""Hosts on file systems that are full, read-only or noexec: real ones, in a mount namespace of the host's own.

Root needs nothing for that. Others need user namespaces; where a system forbids these the tests say so and are skipped:
then run them as root."""

import ctypes
import os
import re
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
    run_toni,
)

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 8, 1 << 14, 1 << 18
LOST = "lines of the log are lost: stderr refused them; is its disk full?"


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), "%s: %s" % (what, os.strerror(ctypes.get_errno())))


def mount(kind, where, flags=0, options=""):
    check(libc.mount(b"none", os.fsencode(where), kind, flags, options.encode()), "mount")


def enter_namespace():
    """Of mounts; who is not root becomes the same user in a user namespace of its own, who may mount."""
    user, group = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWNS | (0 if user == 0 else CLONE_NEWUSER)), "unshare")
    if user != 0:
        for name, line in (("setgroups", "deny"), ("uid_map", "%d %d 1" % (user, user)),
                           ("gid_map", "%d %d 1" % (group, group))):
            with open("/proc/self/" + name, "w", encoding="ascii") as out:
                out.write(line)
    mount(b"none", "/", MS_REC | MS_PRIVATE)


def can_be_had():
    """Tried in a child. Root can, so for root nothing is skipped."""
    child = os.fork()
    if child == 0:
        try:
            enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@unittest.skipUnless(os.geteuid() == 0 or can_be_had(), "this user may have no mount namespace: run it as root")
class MountsTestCase(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)

    def mounting(self, flags=0, options="size=16m"):
        """For before_exec: the folder for copies is a file system of its own."""

        def prepare():
            enter_namespace()
            mount(b"tmpfs", self.temporary, flags, options + ",mode=777")
            os.environ["TMPDIR"] = self.temporary

        return prepare

    def within(self, host):
        """That folder, as the host sees it."""
        return "/proc/%d/root%s" % (host.pid, self.temporary)

    def fill(self, folder):
        """Leaves no room at all."""
        with open(os.path.join(folder, "filler"), "wb", buffering=0) as out:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        out.write(bytes(size))
                except OSError:
                    pass


class TestTheStart(MountsTestCase):
    def refused(self, because, **how):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        conf = os.path.join(folder, "gateways.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO]))
        for command in "check", "run":
            ended = run_toni(command, "-c", conf, before_exec=self.mounting(**how))
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn(because, ended.stderr)
            self.assertIn("TMPDIR", ended.stderr)

    def test_noexec(self):
        self.refused("the temporary folder is mounted noexec: let TMPDIR name another", flags=MS_NOEXEC)

    def test_read_only(self):
        self.refused("can't be copied into a temporary folder: Read-only file system; ", flags=MS_RDONLY)

    @unittest.skipIf(SANITIZER, "its libraries are larger: test_read_only shows the same way")
    def test_full(self):
        self.refused("can't be copied into a temporary folder: No space left on device; ", options="size=16k")


class TestWhileItServes(MountsTestCase):
    def start(self):
        self.host = Host("", before_exec=self.mounting())
        self.addCleanup(self.host.kill)
        self.library = os.path.join(self.host.folder, "swapped.so")
        shutil.copy(os.path.join(FIXTURES, "swap_1.so"), self.library)
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO, gateway("swapped", self.library, "/swap")]))
        self.host.start()
        shutil.copy(os.path.join(FIXTURES, "swap_2.so"), self.library + ".new")
        os.rename(self.library + ".new", self.library)
        self.host.expect_error(msg="reload refused")
        client = Client(self.host.address, "/echo")
        self.addCleanup(client.drop)
        return client

    def reload(self):
        return run_toni("reload", "-c", self.host.conf)

    def test_a_disk_that_becomes_full_refuses_a_swap_and_nothing_else(self):
        client = self.start()
        before = sorted(os.listdir(self.within(self.host)))
        self.fill(self.within(self.host))
        refused = self.reload()
        self.assertEqual(refused.returncode, 2, refused.stdout)
        self.assertIn("No space left on device", refused.stderr)
        self.assertEqual(client.ask("still here"), "still here")
        os.unlink(os.path.join(self.within(self.host), "filler"))
        self.assertEqual(sorted(os.listdir(self.within(self.host))), before)
        done = self.reload()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 swapped", done.stdout)
        self.assertEqual(client.ask("still here"), "still here")
        self.host.stop()


class TestLog(MountsTestCase):
    """stderr is a file on a disk that is full for a while."""

    def start(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.conf = os.path.join(folder, "gateways.conf")
        self.socket = "unix:" + os.path.join(folder, "s")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO], listen=self.socket, admin=self.socket + ".admin"))
        mounting = self.mounting(options="size=64m")

        def prepare():
            mounting()
            log = os.open(os.path.join(self.temporary, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 2)

        self.process = subprocess.Popen([TONI, "run", "--allow-root", "-c", self.conf], cwd=folder, preexec_fn=prepare)
        self.pid = self.process.pid
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        end = time.monotonic() + DEADLINE
        while run_toni("status", "-c", self.conf).returncode != 0:
            self.assertIsNone(self.process.poll())
            self.assertLess(time.monotonic(), end)

    def lost(self):
        asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        page = exchange(self.socket + ".admin", asked).body.decode()
        return int(re.search(r"^toni_log_lines_lost_total (\d+)$", page, re.M).group(1))

    def test_clients_are_served_and_the_log_says_later_what_is_lost(self):
        self.start()
        folder = self.within(self)
        self.fill(folder)
        end = time.monotonic() + DEADLINE
        while self.lost() < 30:  # the last page of the log had room
            self.assertEqual(run_toni("reload", "-c", self.conf).returncode, 0)
            self.assertLess(time.monotonic(), end)
        client = Client(self.socket, "/echo")
        self.assertEqual(client.ask("x"), "x")
        client.close()
        os.unlink(os.path.join(folder, "filler"))
        self.assertEqual(run_toni("reload", "-c", self.conf).returncode, 0)
        with open(os.path.join(folder, "log"), encoding="utf-8") as log:
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.process.wait(DEADLINE), 0)
            text = log.read()
        self.assertIn(LOST, text)
        self.assertIn('msg="stopped"', text.splitlines()[-1])


if __name__ == "__main__":
    main()
