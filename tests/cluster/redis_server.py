"""A real server for the tests of a cluster: redis-server, or valkey-server where TONI_CLUSTER_SERVER says so. It is on a
port of its own, in a folder of its own, and can be killed, stopped, and started again with what it had or without.

Commands go to it by the client that its makers wrote."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time

import jitter
from proxy import Proxy
from redis_servers import free_port, programs
from toni_host import DEADLINE, _libc, _PR_SET_PDEATHSIG, halt

PROGRAM = os.environ.get("TONI_CLUSTER_SERVER") or next(iter(programs().values()), None)
CLI = PROGRAM and os.path.basename(PROGRAM).replace("-server", "-cli")

_running = set()


@atexit.register
def _kill_leftovers():
    for process in list(_running):
        process.kill()


class Redis:
    """in_place_of: one that has been killed, which hosts then find this one for. settings: as in redis.conf, such as save="" or
    maxmemory="5mb"."""

    def __init__(self, in_place_of=None, **settings):
        self.port = in_place_of.port if in_place_of else free_port()
        self.address = in_place_of.address if in_place_of else self._address()
        self.folder = tempfile.mkdtemp(prefix="toni-redis-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.settings = {"save": "", "appendonly": "no", **settings}
        self.process = None

    def _address(self):
        """As hosts name it: all of them the same, also where they come by a proxy."""
        return Proxy(self.port).address if jitter.MOST_S else "127.0.0.1:%d" % self.port

    def start(self):
        """Returns once it takes commands."""
        assert PROGRAM, "neither redis-server nor valkey-server is here: scripts/setup test installs it"
        options = []
        for name, value in {
            "port": self.port, "bind": "127.0.0.1", "dir": self.folder, "daemonize": "no", **self.settings,
        }.items():
            options += ["--" + name.replace("_", "-"), *(value if isinstance(value, tuple) else (str(value),))]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
            )
        _running.add(self.process)
        end = time.monotonic() + DEADLINE
        while True:
            asked = subprocess.run([CLI, "-p", str(self.port), "ping"], capture_output=True, text=True, check=False)
            if asked.stdout.strip() == "PONG":
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                    raise AssertionError("%s does not answer; its log:\n%s" % (PROGRAM, log.read()))
            time.sleep(0.02)

    def cli(self, *words):
        """The answer to one command, as text."""
        done = subprocess.run(
            [CLI, "-p", str(self.port), *map(str, words)], capture_output=True, text=True, timeout=DEADLINE, check=True
        )
        return done.stdout.rstrip("\n")

    def pause(self):
        halt(self.process)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """As a crash: what wasn't saved is gone."""
        if self.process:
            self.process.kill()
            self.process.wait()
            _running.discard(self.process)
            self.process = None
