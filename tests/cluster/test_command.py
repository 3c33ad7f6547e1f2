"""scripts/cluster: one command, and three hosts share their rooms; Ctrl-C, and nothing is left.

Usage: test_command.py SOURCE_TREE BUILD_FOLDER
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

TREE, BUILD = sys.argv[1:3]
del sys.argv[1:3]
os.environ["TONI_BUILD"] = BUILD
sys.path.insert(0, os.path.join(TREE, "tests", "integration"))

# pylint: disable=wrong-import-position
from toni_host import Client

DEADLINE = 60


def free_ports():
    """The first of a hundred that nobody has, as far as one can tell."""
    for port in range(20000 + os.getpid() % 100 * 100, 32000, 100):
        try:
            for used in (0, 1, 2, 10, 11, 12, 20, 21, 22, 79):
                socket.create_server(("127.0.0.1", port + used)).close()
            return port
        except OSError:
            continue
    raise AssertionError("no ports")


def processes_of(group):
    """The processes whose command line has this in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as line:
                if group.encode() in line.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            continue
    return found


class TestCommand(unittest.TestCase):
    def test_three_hosts_share_their_rooms_until_ctrl_c(self):
        port = free_ports()
        command = subprocess.Popen(
            [os.path.join(TREE, "scripts", "cluster"), "--build", BUILD, "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )
        try:
            self.shared(command, port)
            os.killpg(command.pid, signal.SIGINT)  # as a terminal does
            said, log = command.communicate(timeout=DEADLINE)
        except BaseException:
            command.terminate()
            print(command.communicate(timeout=DEADLINE), file=sys.stderr)
            raise
        self.assertEqual(command.returncode, 0, log)
        self.assertEqual(re.findall(r"page (http://\S+)", said),
                         ["http://127.0.0.1:%d/" % (port + at) for at in (1, 11, 21)])
        folder = re.search(r"-c (/\S+)/left.conf", said).group(1)
        self.assertFalse(os.path.exists(folder))
        self.assertEqual(processes_of(folder), [])
        self.assertNotIn("level=error", log)

    def shared(self, command, port):
        self.wait(command, port)
        left = Client("127.0.0.1:%d" % port)
        right = Client("127.0.0.1:%d" % (port + 20))
        for client in (left, right):
            client.send("join:lobby")
            while not client.read().startswith("Joined room"):
                pass
        right.deadline, end = 0.5, time.monotonic() + DEADLINE
        while True:  # the room's first member on a host is joined before Redis has heard of it
            left.send("msg:lobby:hello")
            try:
                while not right.read().endswith(": hello"):
                    pass
                break
            except AssertionError:
                self.assertLess(time.monotonic(), end, "nothing comes across")
        left.close()
        right.sock.close()
        for at in (1, 11, 21):
            with urllib.request.urlopen("http://127.0.0.1:%d/" % (port + at), timeout=DEADLINE) as page:
                self.assertIn(b"<html", page.read().lower())

    def wait(self, command, port):
        end = time.monotonic() + DEADLINE
        for at in (2, 12, 22):
            while True:
                try:
                    urllib.request.urlopen("http://127.0.0.1:%d/readyz" % (port + at), timeout=5).close()
                    break
                except OSError:
                    self.assertIsNone(command.poll(), "scripts/cluster has ended")
                    self.assertLess(time.monotonic(), end, "a host is not ready")
                    time.sleep(0.05)


if __name__ == "__main__":
    unittest.main(verbosity=2)
