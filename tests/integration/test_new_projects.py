"""What `toni new` writes: built against what is installed, with all warnings as errors, tested, checked, run, and
answering; by the commands that it prints, and of each kind, with events and without, in C and C++."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import websockets

from toni_host import BUILD, DEADLINE, Host, main

STRICT = "-Wall -Wextra -Wconversion -Wpedantic -Werror"
PROJECTS = {
    # Names that mean something to CMake, or are as long as can be: (arguments, what it answers like)
    "test": ((), "plain"),
    "check": (("--language", "c++"), "plain"),
    "events": (("--events",), "events"),
    "a" * 40: (("--events", "--language=c++"), "events"),
    "all": (("--kind", "service"), "service"),
    "x": (("--kind=service", "--language=c++"), "service"),
}


class Projects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="toni-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # Installed, then moved: nothing may remember where it was.
        for component in ("runtime", "sdk"):
            subprocess.run(
                ["cmake", "--install", BUILD, "--prefix", cls.folder / "installed", "--component", component],
                stdout=subprocess.DEVNULL, check=True,
            )
        cls.prefix = cls.folder / "a prefix"
        (cls.folder / "installed").rename(cls.prefix)
        cls.environment = dict(
            os.environ, PATH="%s:%s" % (cls.prefix / "bin", os.environ["PATH"]), CMAKE_GENERATOR="Ninja",
            CMAKE_BUILD_TYPE="Debug", CFLAGS=STRICT, CXXFLAGS=STRICT, CK_DEFAULT_TIMEOUT="60", HOME=str(cls.folder),
        )

    def run_in(self, folder, command):
        """By a shell, as it stands there. @return Its output."""
        result = subprocess.run(
            ["sh", "-e", "-c", command], cwd=folder, env=self.environment, capture_output=True, text=True, check=False
        )
        self.assertEqual(result.returncode, 0, "%s\n%s%s" % (command, result.stdout, result.stderr))
        return result.stdout

    def commands_of(self, said):
        return [line.strip() for line in said.splitlines() if line.startswith("  ")]

    def serve(self, folder):
        """`toni run` with the project's configuration, on ports that are free."""
        conf = (folder / "gateways.conf").read_text(encoding="utf-8")
        free = re.sub(r"127\.0\.0\.1:900[01]", "127.0.0.1:0", conf)
        self.assertNotEqual(free, conf)
        host = Host(free, folder=str(folder))
        host.program = str(self.prefix / "bin" / "toni")
        try:
            host.start()
        finally:
            (folder / "gateways.conf").write_text(conf, encoding="utf-8")
        self.addCleanup(host.kill)
        return host

    async def talk(self, host, name, messages):
        """@return What has come in answer to each, and before the first."""
        async with websockets.connect("ws://%s/%s" % (host.address, name)) as client:
            got = [await asyncio.wait_for(client.recv(), DEADLINE)]
            for message, answers in messages:
                await client.send(message)
                got += [await asyncio.wait_for(client.recv(), DEADLINE) for _ in range(answers)]
            return got

    def check_answers(self, folder, name, like):
        host = self.serve(folder)
        if like == "service":
            url = "http://%s/%s" % (host.http_address, name)
            with urllib.request.urlopen(url + "?name=Anna", timeout=DEADLINE) as answer:
                self.assertEqual(answer.read(), b"Good day, Anna!\n")
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(url, timeout=DEADLINE)
            self.assertEqual(refused.exception.code, 400)
            refused.exception.close()
        elif like == "plain":
            self.assertEqual(asyncio.run(self.talk(host, name, [("hi", 1)])), ["Good day", "hi"])
        else:
            event, data = name + ".say", {"text": "hi"}
            call = json.dumps({"event": event, "id": 1, "data": data})
            wrong = json.dumps({"event": event, "id": 2, "data": {"text": 7}})
            got = [json.loads(text) for text in asyncio.run(self.talk(host, name, [(call, 2), (wrong, 1)]))]
            self.assertEqual(got[0], {"event": name + ".greeting", "data": {"text": "Good day"}})
            self.assertIn({"event": name + ".said", "data": data}, got[1:3])
            self.assertIn({"id": 1, "data": {"heard": 1}}, got[1:3])
            self.assertEqual(got[3]["error"]["kind"], "unprocessable")
        host.stop()

    def test_the_printed_commands(self):
        """One after the other, as they stand there; then git sees the sources and nothing else."""
        said = self.run_in(self.folder, "toni new board")
        cd, configure, build, test, run = self.commands_of(said)
        self.assertEqual([cd, configure, build], ["cd board", "cmake -B build", "cmake --build build"])
        folder = self.folder / "board"
        before = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        self.run_in(self.folder, "\n".join((cd, configure, build, test)))
        self.assertRegex(run, r"^toni run( --allow-root)? --watch$")
        self.run_in(folder, "toni check -c gateways.conf")
        self.check_answers(folder, "board", "plain")
        status = self.run_in(folder, "git init -q . && git status --porcelain --untracked-files=all")
        self.assertEqual(sorted(line[3:] for line in status.splitlines()), before)
        # Where editors look for how it is compiled.
        commands = json.loads((folder / "build" / "compile_commands.json").read_text(encoding="utf-8"))
        self.assertIn(str(folder / "board_gateway.c"), [os.path.realpath(each["file"]) for each in commands])

    def test_not_on_the_path(self):
        """Then the commands say where toni is."""
        result = subprocess.run(
            [self.prefix / "bin" / "toni", "new", "far"], cwd=self.folder, capture_output=True, text=True, check=True,
            env=dict(self.environment, PATH=os.environ["PATH"]),
        )
        _, configure, _, _, run = self.commands_of(result.stdout)
        self.assertEqual(configure, "cmake -B build -D CMAKE_PREFIX_PATH='%s'" % self.prefix)
        self.assertTrue(run.startswith("'%s'/toni run" % (self.prefix / "bin")), run)

    def test_all_kinds(self):
        """One configuration for all, so that the test kit is built once."""
        together = self.folder / "together"
        together.mkdir()
        lines = ["cmake_minimum_required(VERSION 3.25)", "project(together LANGUAGES C CXX)", "enable_testing()"]
        for name, (arguments, _) in PROJECTS.items():
            self.run_in(together, " ".join(["toni", "new", name, *arguments]))
            lines.append("add_subdirectory(%s ${CMAKE_SOURCE_DIR}/%s/build)" % (name, name))
        (together / "CMakeLists.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.run_in(together, "cmake -B build && cmake --build build")
        tested = self.run_in(together, "ctest --test-dir build --output-on-failure --no-tests=error -j2")
        self.assertIn("100%% tests passed, 0 tests failed out of %d" % len(PROJECTS), tested)
        for name, (_, like) in PROJECTS.items():
            with self.subTest(name):
                self.run_in(together / name, "toni check -c gateways.conf")
                self.check_answers(together / name, name, like)


if __name__ == "__main__":
    main()
