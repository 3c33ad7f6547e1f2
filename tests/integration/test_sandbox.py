"""The host as it is in toni.service: with the system calls, files and rights that the unit leaves it, but
without a systemd. It starts, serves, is reloaded and restarted, and leaves nothing."""

import ctypes.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from toni_generations import Generations
from toni_host import (
    BUILD,
    CAN_BECOME_ANOTHER_USER,
    CHAT,
    DEADLINE,
    ECHO,
    FIXTURES,
    PLUGINS,
    SANITIZER,
    TONI,
    Client,
    configuration,
    exchange,
    main,
    request,
)

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = os.path.join(HERE, "..", "..", "systemd", "toni.service.in")
SANDBOX = os.path.join(HERE, "sandbox.py")
NOBODY = pwd.getpwnam("nobody")

PROBE = """
import errno, os, socket, sys
def fails(what, *wanted):
    try:
        what()
    except OSError as error:
        assert error.errno in wanted, error
    else:
        raise SystemExit("%s worked" % what)
fails(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), errno.EPERM)
fails(lambda: open("/etc/toni-was-here", "w"), errno.EROFS, errno.EACCES)
fails(lambda: os.mkdir("/usr/toni-was-here"), errno.EROFS, errno.EACCES)
fails(lambda: os.setuid(0), errno.EPERM)
fails(lambda: os.listdir("/root"), errno.EACCES)
assert sorted(os.listdir("/dev")) == ["full", "null", "random", "urandom", "zero"], os.listdir("/dev")
assert not os.path.exists("/proc/sys")
open("/tmp/written", "w").close()
"""


def can_be_had():
    return (CAN_BECOME_ANOTHER_USER and ctypes.util.find_library("seccomp") is not None
            and shutil.which("systemd-analyze") is not None
            and subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0)


@unittest.skipUnless(can_be_had(), "needs root, libseccomp, systemd-analyze and mount namespaces")
class TestSandbox(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-", dir=BUILD)  # not below /tmp
        self.addCleanup(shutil.rmtree, self.folder, True)
        os.chmod(self.folder, 0o755)
        for name in "run", "state", "tmp":
            os.mkdir(self.inside(name))
            os.chown(self.inside(name), NOBODY.pw_uid, NOBODY.pw_gid)

    def inside(self, name):
        return os.path.join(self.folder, name)

    def text(self, *more):
        return configuration(
            [ECHO, *more], limits={"drain_ms": 300, "close_ms": 200}, http="127.0.0.1:0", admin="127.0.0.1:0",
            control=self.inside("run/control.sock"),
            listen=["127.0.0.1:0", "unix:%s/run/echo.sock" % self.folder], plugin_path=[FIXTURES, PLUGINS])

    def start(self):
        program = self.inside("starter")
        with open(program, "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\nexec %s %s %s %s %s "$@"\n' % (sys.executable, SANDBOX, UNIT, self.folder, TONI))
        os.chmod(program, 0o755)
        host = Generations(self.text(), folder=self.folder)
        host.options = ()
        host.program = program
        self.addCleanup(host.kill)
        host.launch()
        host.wait_log(msg="ready")
        return host

    def check_serves(self, host):
        for address in host.addresses:
            client = Client(address, "/echo")
            self.addCleanup(client.drop)
            self.assertEqual(client.ask("hello"), "hello")
        self.assertEqual(exchange(host.admin_address, request("/healthz")).status, 200)

    def test_the_sandbox_is_one(self):
        done = subprocess.run(
            [SANDBOX, UNIT, self.folder, "/usr/bin/python3", "-c", PROBE], capture_output=True, text=True,
            timeout=DEADLINE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(os.path.exists(self.inside("tmp/written")))

    @unittest.skipIf(SANITIZER, "a sanitizer's runtime makes other system calls")
    def test_start_reload_restart_stop(self):
        host = self.start()
        with open("/proc/%d/status" % host.pid, encoding="ascii") as status:
            fields = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
        self.assertEqual((fields["Seccomp"], fields["NoNewPrivs"]), ("2", "1"))
        self.check_serves(host)
        host.configure(self.text(CHAT))
        self.assertIn("1 added", host.answer_of(host.ask("reload"), 0))
        with self.assertRaises(urllib.error.HTTPError) as got:
            urllib.request.urlopen("http://%s/chat/r" % host.http_address, timeout=DEADLINE)
        self.assertEqual(got.exception.code, 405)
        host.restart()
        self.check_serves(host)
        serving = host.serving()
        self.assertNotEqual(serving, host.pid)
        self.assertIn("serving", host.answer_of(host.ask("status"), 0))
        os.kill(serving, signal.SIGTERM)
        host.wait_gone(serving)
        self.assertEqual(host.faults(), [])
        self.assertEqual([os.listdir(self.inside(name)) for name in ("run", "tmp")], [[], []])


if __name__ == "__main__":
    main()
