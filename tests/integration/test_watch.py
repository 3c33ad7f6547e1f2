"""`toni run --watch`: what is saved is built and served to who is connected, and what goes wrong on the way is shown,
while what ran before goes on. A host that crashes or hangs is survived, and nothing is left behind."""

import asyncio
import ctypes
import logging
import os
import pty
import re
import select
import shutil
import signal
import socket
import time
import unittest

import websockets

from toni_host import DEADLINE, SANITIZER, TONI, Host, configuration, gateway, main, run_toni, say

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include")
COMPILE = "cc -shared -fPIC -fvisibility=hidden -I '%s' -o game.so.new src/game.c && mv game.so.new game.so" % INCLUDE

SOURCE = """
#include <stdlib.h>
#include <string.h>
#include <toni/toni.h>
#include <unistd.h>

static int32_t create(toni_context *context, void **self)
{
    (void)context, (void)self;
    return %(create)s;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    toni_str text;
    (void)self;
    toni_message_as_text(message, &text);
    if (toni_str_equal(text, TONI_LIT("exit")))
        exit(3);
    if (toni_str_equal(text, TONI_LIT("leave")))
        _exit(0);
    if (toni_str_equal(text, TONI_LIT("crash")))
        *(volatile int *)NULL = 1;
    while (toni_str_equal(text, TONI_LIT("hang")))
        pause();
    %(then)s
    toni_client_sendf(client, "%(answer)s");
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("game"), .path = TONI_LIT("/game"), .create = create,
            .on_message = on_message, );
"""

CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(game LANGUAGES C)
add_library(game MODULE src/game.c)
set_target_properties(game PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden)
target_include_directories(game PRIVATE "%s")
""" % INCLUDE

FOLDERS_MOST = 2000

CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)

# Sanitizers end the process in their own way.
CRASHED = {
    "": "watch: the host has crashed (SIGSEGV) in on_message of `game`",
    "asan": "watch: the host has ended (exit code 1) in on_message of `game`",
    "tsan": "watch: the host has ended (exit code 66) in on_message of `game`",
}[SANITIZER]

logging.getLogger("asyncio").setLevel(logging.ERROR)  # these tests wait in the loop


class Watch(Host):
    """A project of its own, and one `toni run --watch` for it."""

    options = ("--allow-root", "--watch")

    def __init__(self, **more):
        super().__init__("")
        self.project = os.path.join(self.folder, "project")
        self.conf = os.path.join(self.project, "gateways.conf")
        self.socket = os.path.join(self.project, ".game")
        os.makedirs(os.path.join(self.project, "src"))
        self.more = {"watch": {"build": COMPILE, "paths": ["src"]}, **more}
        self.configure()
        self.save("v1")

    def write(self, name, text):
        with open(os.path.join(self.project, name), "w", encoding="utf-8") as out:
            out.write(text)

    def configure(self, more="", socket_path=None, library="game.so"):
        self.socket = socket_path or self.socket
        self.write(
            "gateways.conf",
            configuration(
                [gateway("game", library, None)],
                listen="unix:" + self.socket,
                plugin_path=[".", "build"],
                limits={"callback_ms": 200, "close_ms": 200},
                **{key: value for key, value in self.more.items() if value},
            )
            + more,
        )

    def save(self, answer, then="", create="TONI_OK", name="src/game.c"):
        self.write(name, SOURCE % {"answer": answer, "then": then, "create": create})

    # What it says

    def mark(self):
        """What comes from here on is looked at by `says`."""
        with self.changed:
            return len(self.lines)

    def says(self, *texts, since=0, deadline=DEADLINE):
        """Waits for lines that hold these texts, in this order; the last of them. Then `said` is how many came."""
        end = time.monotonic() + deadline
        line = ""
        with self.changed:
            for text in texts:
                while True:
                    found = next((i for i, (line, _, _) in enumerate(self.lines[since:]) if text in line), None)
                    if found is not None:
                        line = self.lines[since + found][0]
                        since += found + 1
                        self.said = since
                        break
                    left = end - time.monotonic()
                    if self.ended or left <= 0:
                        raise AssertionError(
                            "no line %r; what was said:\n%s" % (text, "\n".join(line for line, _, _ in self.lines))
                        )
                    self.changed.wait(left)
        return line

    def count(self, text):
        with self.changed:
            return sum(text in line for line, _, _ in self.lines)

    def host_pid(self):
        return int(self.wait_log(msg="ready")["pid"])


def few_watches(most):
    """For before_exec: in a namespace of users of its own the process may have as many watches of inotify."""
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    for path, text in [
        ("/proc/self/uid_map", "0 %d 1" % user),
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/gid_map", "0 %d 1" % group),
        ("/proc/sys/user/max_inotify_watches", str(most)),
    ]:
        with open(path, "w", encoding="ascii") as out:
            out.write(text)


def can_have_few_watches():
    """Tried in a child."""
    child = os.fork()
    if child == 0:
        try:
            few_watches(1)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def is_there(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as status:
            return status.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class WatchTestCase(unittest.IsolatedAsyncioTestCase):
    def watch(self, start=True, **more):
        watch = Watch(**more)
        self.addCleanup(shutil.rmtree, watch.folder, ignore_errors=True)
        self.addCleanup(watch.kill)
        if start:
            watch.launch().says("watch: the host serves")
        return watch

    async def client(self, watch):
        client = await websockets.unix_connect(watch.socket, uri="ws://localhost/game", open_timeout=DEADLINE)
        self.addAsyncCleanup(client.close)
        return client

    async def ask(self, client, text="hello"):
        await client.send(text)
        return await asyncio.wait_for(client.recv(), DEADLINE)

    async def served(self, watch, since, client, answer):
        """What was saved is what this client is answered, after one build or several, if it was saved in steps."""
        while True:
            line = await asyncio.to_thread(watch.says, "watch: saved to served: ", since=since)
            since = watch.said
            if await self.ask(client) == answer:
                return int(re.search(r"served: (\d+) ms", line)[1])

    async def gone(self, *pids):
        end = time.monotonic() + DEADLINE
        while any(is_there(pid) for pid in pids):
            self.assertLess(time.monotonic(), end, "a process is left behind")
            await asyncio.sleep(0.02)


class TestSaves(WatchTestCase):
    async def test_what_is_saved_is_served_on_the_same_connection(self):
        watch = self.watch()
        client = await self.client(watch)
        self.assertEqual(await self.ask(client), "v1")
        since = watch.mark()
        watch.save("v2")
        ms = await self.served(watch, since, client, "v2")
        say("saved to served: %d ms" % ms)

        since = watch.mark()  # as many editors save
        watch.save("v3", name="src/.game.c.new")
        os.replace(watch.project + "/src/.game.c.new", watch.project + "/src/game.c")
        await self.served(watch, since, client, "v3")

        since = watch.mark()  # as `git checkout` of another branch does
        shutil.rmtree(watch.project + "/src")
        os.makedirs(watch.project + "/src/deep/er")
        watch.write("src/deep/er/a.h", "")
        watch.save("v4")
        await self.served(watch, since, client, "v4")
        since = watch.mark()
        watch.write("src/deep/er/a.h", "/* other */")
        watch.says("a.h was changed", "0 swapped", since=since)

        since = watch.mark()
        watch.save("v5")
        os.rename(watch.project + "/src/game.c", watch.folder + "/game.c")
        os.symlink(watch.folder + "/game.c", watch.project + "/src/game.c")
        await self.served(watch, since, client, "v5")
        since = watch.mark()
        watch.save("v6", name=watch.folder + "/game.c")
        await self.served(watch, since, client, "v6")
        self.assertEqual(watch.count("level=error"), 0)

    async def test_what_is_wrong_is_shown_and_what_ran_goes_on(self):
        watch = self.watch()
        client = await self.client(watch)
        since = watch.mark()
        watch.save("v2", then="this is no C;")
        watch.says("error: ", "watch: the build has failed (exit code 1): what ran before goes on", since=since)
        self.assertEqual(await self.ask(client), "v1")
        since = watch.mark()
        watch.save("v3")
        await self.served(watch, since, client, "v3")

        since = watch.mark()
        watch.configure("wrkers = 1;\n")
        watch.says("did you mean `workers`?", "watch: not served: what ran before goes on", since=since)
        self.assertEqual(await self.ask(client), "v3")
        since = watch.mark()
        watch.configure()
        watch.says("watch: saved to served", since=since)

        since = watch.mark()
        watch.save("v4", create='toni_fail(context, TONI_ERR_FAILED, "\\x1B[2Jno \\\\moon")')
        watch.says("create of the new version returned", "watch: not served", since=since)
        self.assertNotIn("\x1b", watch.text())
        self.assertEqual(await self.ask(client), "v3")
        since = watch.mark()
        watch.save("v5")
        await self.served(watch, since, client, "v5")

    async def test_a_save_during_a_swap_is_served_after_it(self):
        watch = self.watch()
        client = await self.client(watch)
        since = watch.mark()
        swapping, go_on = watch.folder + "/swapping", watch.folder + "/go_on"
        wait = "echo >%s; until [ -e %s ]; do sleep 0.02; done" % (swapping, go_on)
        watch.save("v2", create='(system("%s"), TONI_OK)' % wait)
        await self.written(swapping)
        watch.save("v3")
        watch.says("game.c was changed", "game.c was changed", since=since)
        with open(go_on, "w", encoding="utf-8"):
            pass
        watch.says("watch: saved to served", "watch: saved to served", since=since)
        self.assertEqual(await self.ask(client), "v3")

    async def test_a_first_build_that_fails_and_one_that_hangs(self):
        build = "if [ -e slow ]; then echo $$ >pid.o; sleep 3600; fi; " + COMPILE
        watch = self.watch(start=False, watch={"build": build, "paths": ["src"]})
        watch.save("v1", then="this is no C;")
        watch.launch().says("the build has failed (exit code 1): nothing runs; the next save builds again")
        since = watch.mark()
        watch.save("v2")
        watch.says("watch: saved to served", since=since)
        client = await self.client(watch)
        self.assertEqual(await self.ask(client), "v2")

        pids = []
        for version in ("v3", "v4"):  # each ends the one before
            since = watch.mark()
            watch.write("slow", "")
            watch.save(version)
            path = watch.project + "/pid.o"
            await self.written(path)
            with open(path, encoding="utf-8") as written:
                pids.append(int(written.read()))
            os.remove(path)
        os.remove(watch.project + "/slow")
        since = watch.mark()
        watch.save("v5")
        watch.says("the build that runs is ended for that", since=since)
        await self.served(watch, since, client, "v5")
        await self.gone(*pids)

    async def written(self, path):
        end = time.monotonic() + DEADLINE
        while not os.path.exists(path) or os.path.getsize(path) == 0:
            self.assertLess(time.monotonic(), end, path)
            await asyncio.sleep(0.02)

    async def test_a_build_among_the_sources_ends(self):
        build = "date +%%N >src/stamp.h; date +%%N >out; %s" % COMPILE
        watch = self.watch(start=False, watch={"build": build})  # paths: all, with game.so and the socket in it
        watch.launch().says("changes at every build", "watch: saved to served")
        client = await self.client(watch)
        since, builds = watch.mark(), watch.count("watch: date ")
        self.assertLess(builds, 8)
        watch.save("v2")
        await self.served(watch, since, client, "v2")
        self.assertLess(watch.count("watch: date "), builds + 8)

    async def test_more_folders_than_are_watched(self):
        watch = self.watch(start=False)
        for number in range(FOLDERS_MOST + 10):
            os.mkdir("%s/src/%d" % (watch.project, number))
        watch.launch().says("%d folders are watched, which is as many as there may be" % FOLDERS_MOST, "the host serves")
        since = watch.mark()
        watch.configure()  # it is among those that are
        watch.says("watch: saved to served", since=since)

    @unittest.skipUnless(can_have_few_watches(), "no namespace of users can be had, as in a chroot")
    async def test_a_kernel_that_watches_no_more(self):
        watch = self.watch(start=False)
        os.makedirs(watch.project + "/src/a/b/c/d")
        watch.before_exec = lambda: few_watches(4)
        watch.launch().says("4 folders are: the kernel watches no more", "msg=\"ready\"")
        self.assertIn("`sysctl fs.inotify.max_user_watches=", watch.says("watches no more"))
        self.assertEqual(watch.count("watches no more"), 1)

    async def test_a_new_project_of_cmake(self):
        watch = self.watch(start=False, watch=None)
        watch.write("CMakeLists.txt", CMAKE)
        watch.launch().says("watch: cmake -B", "watch: the host serves")
        client = await self.client(watch)
        self.assertEqual(await self.ask(client), "v1")
        since = watch.mark()
        watch.save("v2")
        watch.says("game.c was changed", "watch: cmake --build", since=since)
        ms = await self.served(watch, since, client, "v2")
        say("saved to served, by cmake: %d ms" % ms)
        self.assertEqual(watch.count("watch: cmake"), 2)


class TestFaultsOfTheHost(WatchTestCase):
    async def test_a_crash(self):
        watch = self.watch()
        client = await self.client(watch)
        await client.send("crash")
        watch.says(CRASHED + ": it is started anew")
        if not SANITIZER:
            where = watch.says("watch: addr2line")
            self.assertRegex(where, r"addr2line -i -e \S*game\.so 0x[0-9a-f]+ # prints the line of the source$")
        other = await self.client(watch)
        self.assertEqual(await self.ask(other), "v1")
        since = watch.mark()
        await other.send("crash")
        watch.says(CRASHED + " again, with nothing saved since: the next save starts it", since=since)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(watch.socket)  # nobody is refused meanwhile
        since = watch.mark()
        watch.save("v2")
        client = await websockets.connect("ws://localhost/game", sock=waiting, open_timeout=DEADLINE)
        self.addAsyncCleanup(client.close)
        await self.served(watch, since, client, "v2")
        await client.send("exit")
        watch.says("watch: the host has ended (exit code 1) in on_message of `game`: it is started anew")

    async def test_an_end_that_looks_well_is_not_repeated_for_ever(self):
        watch = self.watch()
        since = watch.mark()
        for what in ("started anew", "again, with nothing saved since: the next save starts it"):
            await (await self.client(watch)).send("leave")
            self.assertIn(what, watch.says("watch: the host has ended (exit code 0)", since=since))
            since = watch.said

    async def test_a_start_that_ends_well_is_not_repeated_for_ever(self):
        watch = self.watch(start=False)
        watch.save("v1", create="(_exit(0), TONI_OK)")
        watch.launch().says("watch: the host has ended (exit code 0) before it was ready: the next save starts it")
        since = watch.mark()
        watch.save("v2")
        watch.says("watch: saved to served", since=since)
        self.assertEqual(await self.ask(await self.client(watch)), "v2")
        self.assertEqual(watch.count("it is started anew"), 0)

    async def test_a_hang(self):
        watch = self.watch()
        client = await self.client(watch)
        await client.send("hang")
        watch.says(
            "watch: on_message of `game` hangs",
            "watch: the host was ended, since it hung in on_message of `game`: it is started anew",
        )
        self.assertEqual(await self.ask(await self.client(watch)), "v1")

    async def test_what_a_host_that_runs_cannot_take(self):
        watch = self.watch()
        client = await self.client(watch)
        since = watch.mark()
        watch.configure(socket_path=watch.socket + "-other")
        watch.says("a host that runs can't take that: it is started anew", "watch: saved to served", since=since)
        await asyncio.wait_for(client.wait_closed(), DEADLINE)
        self.assertEqual(client.close_code, 1001)
        self.assertEqual(await self.ask(await self.client(watch)), "v1")

        since = watch.mark()
        result = run_toni("restart", "-c", watch.conf)
        self.assertEqual((result.returncode, result.stdout), (0, "`toni run --watch` starts the host anew\n"))
        watch.says("the host has ended (exit code 0): it is started anew", "msg=\"ready\"", since=since)
        self.assertEqual(await self.ask(await self.client(watch)), "v1")

    async def test_a_configuration_without_a_control_socket(self):
        watch = self.watch(start=False)
        watch.configure('control = "";\n')
        watch.launch().says('says `control = ""`')
        self.assertEqual(watch.wait_exit(), 2)


class TestEnds(WatchTestCase):
    async def test_nothing_is_left_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(number=number):
                watch = self.watch()
                pid = watch.host_pid()
                await self.client(watch)
                watch.process.send_signal(number)
                watch.process.send_signal(number)  # as `timeout` does
                code = watch.process.wait(DEADLINE)
                self.assertEqual(code, -number if number == signal.SIGKILL else 0, watch.text())
                await self.gone(pid)
                left = set(os.listdir(watch.project)) - {"src", "gateways.conf", "game.so"}
                self.assertEqual(left, {".game"} if number == signal.SIGKILL else set())
                watch.kill()

    async def test_a_build_and_a_host_that_hang_are_ended(self):
        watch = self.watch(watch={"build": "if [ -e slow ]; then trap '' TERM; echo $$ >pid.o; "
                                           "while :; do sleep 1; done; fi; " + COMPILE, "paths": ["src"]})
        host = watch.host_pid()
        client = await self.client(watch)
        await client.send("hang")
        watch.write("slow", "")
        watch.save("v2")
        await TestSaves.written(self, watch.project + "/pid.o")
        with open(watch.project + "/pid.o", encoding="utf-8") as written:
            build = int(written.read())
        watch.process.send_signal(signal.SIGTERM)
        watch.process.wait(DEADLINE + 10)
        await self.gone(build, host)


class TestTerminal(WatchTestCase):
    def run_on_a_terminal(self, watch, **environment):
        """What a terminal shows until Ctrl-C has ended it."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update({"TERM": "xterm", **environment})
            os.execv(TONI, ["toni", "run", "--allow-root", "--watch", "-c", watch.conf])
        shown, end, is_asked = b"", time.monotonic() + DEADLINE, False
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            shown += part
            if b"the build has failed" in shown and not is_asked:
                is_asked = True
                os.write(terminal, b"\x03")
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, shown)
        return shown.decode("utf-8", "replace")

    async def test_colours_on_a_terminal(self):
        watch = self.watch(start=False)
        watch.save("v1", then="this is no C;")
        watch.more["watch"]["build"] = "printf '\\033[2J\\033]0;title\\007\\n'; " + COMPILE
        watch.configure()
        shown = self.run_on_a_terminal(watch, NO_COLOR="")
        self.assertIn("\x1b[31mwatch: the build has failed", shown)
        self.assertRegex(shown, "\x1b\\[[0-9;]*31m(\x1b\\[K)?error: ")  # the compiler's own
        self.assertIn("\\x1B[2J\\x1B]0;title\\x07", shown)
        self.assertEqual(shown.count("watch: stopping"), 1)
        self.assertNotIn("\x1b", self.run_on_a_terminal(watch, NO_COLOR="1"))


if __name__ == "__main__":
    main()
