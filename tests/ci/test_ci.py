"""`.ci/run` with steps that are stand-ins: what runs beside the tests fails it, and nothing goes on when it has ended.

Usage: test_ci.py SOURCE_TREE
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TREE = sys.argv[1]
del sys.argv[1:2]
DEADLINE = 60
STEPS = ("setup", "check", "other_debian", "build", "test", "soak", "checks/installed", "checks/packages", "checks/systemd",
         "checks/hardening")


class TestCi(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-ci-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.makedirs(self.folder + "/build")
        os.makedirs(self.folder + "/bin")
        for step in STEPS:
            self.does("scripts/" + step, "true")
        self.does("bin/ctest", "true")
        self.does(".ci/run", "")
        shutil.copyfile(TREE + "/.ci/run", self.folder + "/.ci/run")

    def does(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as out:
            out.write("#!/bin/bash\nset -e\n%s\n" % text)
        os.chmod(path, 0o755)

    def goes_on(self):
        """For a step: something that it has started, and waits for."""
        return "sleep 3600 & echo $! >>'%s/pids'; touch '%s/begun'; wait" % (self.folder, self.folder)

    def start(self):
        environment = {**os.environ, "PATH": self.folder + "/bin:" + os.environ["PATH"]}
        return subprocess.Popen([self.folder + "/.ci/run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env=environment)

    def nothing_goes_on(self):
        with open(self.folder + "/pids", encoding="ascii") as pids:
            for pid in map(int, pids):
                end = time.monotonic() + DEADLINE
                while self.is_there(pid):
                    if time.monotonic() > end:
                        os.kill(pid, signal.SIGKILL)
                        self.fail("what ran beside goes on")
                    time.sleep(0.02)

    def is_there(self, pid):
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as status:
                return status.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_all_pass(self):
        with self.start() as run:
            self.assertIn("=== passed in", run.communicate(timeout=DEADLINE)[0])
        self.assertEqual(run.returncode, 0)

    def test_what_fails_beside_fails_all(self):
        for step, text in (("scripts/build", "[ $1 != tsan ]"), ("scripts/build", "[ $1 != release ]"), ("bin/ctest", "exit 8")):
            with self.subTest(step=step, text=text):
                self.does(step, text)
                with self.start() as run:
                    self.assertNotIn("=== passed in", run.communicate(timeout=DEADLINE)[0])
                self.assertNotEqual(run.returncode, 0)
                self.does(step, "true")

    def test_nothing_goes_on_when_a_step_fails(self):
        self.does("scripts/build", self.goes_on())
        self.does("scripts/test", "until [ -e '%s/begun' ]; do sleep 0.02; done; exit 1" % self.folder)
        with self.start() as run:
            run.communicate(timeout=DEADLINE)
        self.assertNotEqual(run.returncode, 0)
        self.nothing_goes_on()

    def test_nothing_goes_on_when_it_is_ended(self):
        self.does("scripts/other_debian", self.goes_on())
        self.does("scripts/check", "until [ -e '%s/begun' ]; do sleep 0.02; done; kill -TERM $PPID" % self.folder)
        with self.start() as run:
            run.communicate(timeout=DEADLINE)
        self.assertNotEqual(run.returncode, 0)
        self.nothing_goes_on()


if __name__ == "__main__":
    unittest.main(verbosity=2)
