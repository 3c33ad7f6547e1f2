"""The README's commands do what it says, with the addresses that it says: in a network of this test's own, so that
nobody else has them.

Usage: test_readme.py SOURCE_TREE BUILD_FOLDER
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TREE, BUILD = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
IN_ITS_NETWORK = "TONI_TEST_README"
DEADLINE = 300  # on a machine that builds other things, too


def enter_network():
    """Starts this program anew where only it is."""
    if IN_ITS_NETWORK in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    os.environ[IN_ITS_NETWORK] = "1"
    os.execvp("unshare", ["unshare", "--net", *as_root, sys.executable, *sys.argv])


enter_network()
import websockets  # noqa: E402

del sys.argv[1:3]
README = TREE.joinpath("README.md").read_text(encoding="utf-8")


def block_with(text, language=""):
    """The one block of the README with a line that begins so."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    found = [body for kind, body in blocks if kind == language and re.search("(?m)^" + re.escape(text), body)]
    assert len(found) == 1, "%d blocks of the README have %r" % (len(found), text)
    return found[0]


def as_pattern(shown):
    """A shown line: … stands for anything; what differs each time is a time, a number of a process, or a client's name."""
    text = re.escape(shown).replace("…", ".*")
    text = re.sub(r"^time=\S+", r"time=\\S+", text)
    text = re.sub(r"pid=\d+|workers=\d+", lambda found: found.group(0).split("=")[0] + r"=\d+", text)
    return re.sub(r"\b[0-9a-f]{16}\b", "[0-9a-f]{16}", text)


def as_root(command):
    """These tests may be root's; who starts a host by hand rarely is."""
    return re.sub(r"\btoni run\b", "toni run --allow-root", command)


class Program:
    """A program whose output is read as it comes."""

    def __init__(self, command, folder, environment):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["sh", "-c", "exec " + command], cwd=folder, env=environment, stdin=subprocess.PIPE,
            stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True,
        )

    def said(self):
        text = os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")
        return re.sub(r"\x1b[\[7-8][0-9;?]*[A-Za-z]?|\r", "\n", text)

    def wait_for(self, pattern, count=1):
        end = time.monotonic() + DEADLINE
        while len(re.findall(pattern, self.said(), re.MULTILINE)) < count:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("no %r in:\n%s" % (pattern, self.said()))
            time.sleep(0.02)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self):
        """Also whoever has taken its place, as a host's successor does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(DEADLINE)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.stdin.close()
            self.output.close()


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="toni-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        prefix = cls.folder / "toni"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], stdout=subprocess.DEVNULL, check=True)
        cls.environment = dict(
            os.environ, CMAKE_PREFIX_PATH=str(prefix), PATH="%s:%s" % (prefix / "bin", os.environ["PATH"]), TERM="dumb"
        )
        cls.shipped = cls.folder / "shipped"
        cls.shipped.mkdir()
        shutil.copy(TREE / "gateways.conf", cls.shipped)

    def start(self, command, folder):
        program = Program(as_root(command), folder, self.environment)
        self.addCleanup(program.stop)
        return program

    def run_line(self, command, folder):
        result = subprocess.run(
            ["sh", "-e", "-c", as_root(command)], cwd=folder, env=self.environment, capture_output=True, text=True,
            timeout=DEADLINE, check=False,
        )
        self.assertEqual(result.returncode, 0, command + "\n" + result.stdout + result.stderr)

    def start_shipped(self):
        host = self.start("toni run", self.shipped)
        for shown in block_with("$ scripts/run").splitlines()[1:]:
            if shown != "…":
                host.wait_for("^" + as_pattern(shown) + "$")
        return host

    def test_the_host_and_the_conversation(self):
        self.start_shipped()
        lines = block_with("$ /usr/bin/python3 -m websockets").splitlines()
        client = self.start(lines[0][2:], self.folder)
        seen = {}
        for line in lines[1:]:
            if line.startswith("> "):
                client.type(line[2:])
            else:
                pattern = as_pattern(line) + r"\s*$"
                seen[pattern] = seen.get(pattern, 0) + 1
                client.wait_for(pattern, seen[pattern])

    def test_what_a_running_host_is_asked(self):
        commands = [line.split("#")[0].strip() for line in block_with("toni check -c").splitlines()]
        self.assertEqual(len([line for line in commands if line]), 6)
        host = None
        for command in commands:
            if command.startswith("toni run"):
                host = self.start_shipped()
            elif command:
                self.run_line(command, self.shipped)
        self.assertEqual(host.process.wait(DEADLINE), 0, "the one that was replaced")
        self.run_line("toni status", self.shipped)
        host.stop()
        end = time.monotonic() + DEADLINE
        while self.status() == 0:
            self.assertLess(time.monotonic(), end, "the successor did not end")
            time.sleep(0.05)

    def status(self):
        return subprocess.run(
            ["toni", "status"], cwd=self.shipped, env=self.environment, capture_output=True, check=False
        ).returncode

    def test_a_gateway_of_ones_own(self):
        """Each command as it stands; then a change, under the eyes of who is connected."""
        commands = block_with("toni new").splitlines()
        folder = self.folder
        for command in commands[:-1]:
            if command.startswith("cd "):
                folder = folder / command[3:]
            else:
                self.run_line(command, folder)
        self.assertEqual(commands[-1], "toni run --watch")
        watch = self.start(commands[-1], folder)
        watch.wait_for("ready")
        asyncio.run(self.see_a_change(folder / "board_gateway.c"))
        self.assertEqual(watch.stop(), 0)

    async def see_a_change(self, source):
        async with websockets.connect(self.address_of_board()) as client:
            greeting = json.loads(await asyncio.wait_for(client.recv(), DEADLINE))
            self.assertEqual(greeting["event"], "board.greeting")
            text = source.read_text(encoding="utf-8")
            self.assertEqual(text.count('"heard", heard'), 1)
            self.assertIn("heard", await self.answer(client))
            source.write_text(text.replace('"heard", heard', '"reached", heard'), encoding="utf-8")
            end = time.monotonic() + DEADLINE
            while "reached" not in await self.answer(client):
                self.assertLess(time.monotonic(), end, "the change was never served")
                await asyncio.sleep(0.1)

    @staticmethod
    def address_of_board():
        address = re.search(r"`(ws://[^`]*/board)`", README).group(1)
        return address

    @staticmethod
    async def answer(client):
        await client.send(json.dumps({"event": "board.say", "id": 1, "data": {"text": "hi"}}))
        while True:
            message = json.loads(await asyncio.wait_for(client.recv(), DEADLINE))
            if message.get("id") == 1:
                return message["data"]


if __name__ == "__main__":
    unittest.main()
