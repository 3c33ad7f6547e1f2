"""scripts/soak: 10,000 connections for minutes, one in a hundred of them hostile in every way at
once. The honest lose nothing, wait no longer than without the hostile, and the host does not grow.

Host, honest and hostile are processes of their own. The honest are those of bench/, which
checks that every broadcast comes once and in order; the hostile are hostile.py."""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "bench"))

# pylint: disable=wrong-import-position
from memory import Memory
from processor import Share
from running import Bench, Wrong, faults_of
from systems import System, free_port, write

ROOM_MEMBERS = 100
RATE = 100  # broadcasts a second, each for one room
HOSTILE_SHARE = 100  # one in so many
SPARE_FILES = 600  # of the host: libraries, workers, HTTP, the reserve
CALM_S = 60
P99_TIMES = 1.5
HOST_FIRST, HONEST_FIRST = ["chrt", "--rr", "1"], ["chrt", "--rr", "2"]
GROWTH_TIMES = 1.05
GROWTH_FROM_MINUTE = 3  # until then the host fills what it keeps for later

CONF = """\
listen = {{ websocket = "127.0.0.1:{port}"; http = "127.0.0.1:{http}";
  admin = "127.0.0.1:{admin}"; }};
workers = {workers};
limits = {{ connections = {connections}; }};
modules = (
  {{ name = "chat";
    imports = [ "broadcast" ];
    providers = (
      {{ gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms";
        limits = {{ message_bytes = 65536; messages_per_second = 100; message_burst = 200; }}; }},
      {{ gateway = "echo"; library = "echo_gateway.so"; path = "/echo"; }},
      {{ gateway = "deflated"; library = "echo_gateway.so"; path = "/deflated"; deflate = "on"; }},
      {{ service = "chat"; library = "chat_service.so"; path = "/chat"; }}
    ); }}
);
"""


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), flush=True)


class Toni(System):
    name = "toni"

    def __init__(self, build, connections, workers):
        super().__init__(build)
        self.connections, self.workers = connections, workers
        self.http, self.admin = free_port(), free_port()

    def command(self, port, folder):
        text = CONF.format(
            port=port,
            http=self.http,
            admin=self.admin,
            workers=self.workers,
            connections=self.connections + 100,
        )
        conf = write(os.path.join(folder, "gateways.conf"), text)
        return [os.path.join(self.build, "bin", "toni"), "run", "--allow-root", "-l", "error", "-c", conf]


class Hostile:
    """hostile.py while it runs."""

    def __init__(self, server, count, kinds):
        ports = [str(server.port), str(server.system.http), str(count)]
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "hostile.py"), *ports, *kinds],
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self):
        """@return What it did by kind, and what is wrong with that, in words."""
        self.process.send_signal(signal.SIGTERM)
        try:
            report = json.loads(self.process.communicate(timeout=60)[0] or "{}")
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            report = {}
        if not report:
            return {}, ["the hostile ended early: status %s" % self.process.returncode]
        faults = ["a hostile client failed: " + text for text in report["failed"]]
        if report["unexpected"]:
            faults.append("%d times it got what it should not" % report["unexpected"])
        idle = [name for name, did in report["attacks"].items() if did["connections"] == 0]
        return report["attacks"], faults + ["nobody was " + name for name in idle]


class Watched:
    """What goes on between the gates of the load generator."""

    def __init__(self, hostile, kinds, bench):
        self.count, self.kinds, self.bench = hostile, kinds, bench
        self.hostile = self.memory = None
        self.attacks, self.faults, self.shares = {}, [], {}

    def at_gate(self, name, server):
        if name == "begin":
            self.memory = Memory(server.pid, server.system.admin, say)
            self.shares = {"the host": Share(server.pid), "the honest": Share(self.bench.load_pid)}
            self.hostile = Hostile(server, self.count, self.kinds) if self.count else None
        elif name == "end":
            for who, share in self.shares.items():
                say("%s %s" % (who, share.text()))
            self.stop()
            if server.process.poll() is not None:
                self.faults.append("the host has ended: %s" % server.log_tail())

    def stop(self):
        if self.memory:
            self.memory.stop()
        if self.hostile:
            self.attacks, self.faults = self.hostile.stop()
            self.hostile = None


def precedence():
    """What starts the honest where that is allowed. They would be elsewhere: an answer is there when
    it has come, and not when the host or another program leaves them a core to look at it."""
    allowed = subprocess.run([*HONEST_FIRST, "true"], stderr=subprocess.DEVNULL, check=False)
    return HONEST_FIRST if allowed.returncode == 0 else ()


def soak(options, hostile, seconds):
    """One run. @return The generator's report, and what was watched."""
    honest = options.connections - options.hostile
    rooms = max(1, honest // ROOM_MEMBERS)
    bench = Bench(options.build, None, None, load_prefix=precedence())
    watched = Watched(hostile, options.kinds, bench)
    arguments = [
        "--connections=%d" % honest,
        "--rooms=%d" % rooms,
        "--publishers=%d" % rooms,
        "--rate=%d" % RATE,
        "--messages=%d" % (RATE * seconds),
        "--warm-up=%d" % RATE,
        "--size=200",
        "--patience-ms=20000",
        "--settle-ms=1000",
    ]
    system = Toni(options.build, options.connections, options.workers)
    try:
        prefix = HOST_FIRST if options.first else ()
        report = bench.run(system, arguments, at_gate=watched.at_gate, prefix=prefix)
    finally:
        watched.stop()
    watched.faults += faults_of(report, needs_one_order=True)
    return report, watched


def p99_ms(report):
    return report["latency_us"]["p99"] / 1000


def growth_faults(memory):
    peaks = memory.peaks
    if len(peaks) <= GROWTH_FROM_MINUTE:
        return []
    base, highest = peaks[GROWTH_FROM_MINUTE - 1], max(peaks[GROWTH_FROM_MINUTE:])
    say("memory by minute, MiB: " + " ".join("%.1f" % (peak / 1024) for peak in peaks))
    if highest <= base * GROWTH_TIMES:
        return []
    for line in memory.table():
        say(line)
    return ["memory rose from %d KiB in minute 3 to %d KiB" % (base, highest)]


def run(options):
    faults, calm = [], None
    hostile = options.hostile
    if not options.losses_only:
        say("%d s without the hostile" % CALM_S)
        report, watched = soak(options, 0, CALM_S)
        faults += watched.faults
        calm = p99_ms(report)
        say("p99 %.2f ms" % calm)
    seconds = max(1, int(options.minutes * 60))
    say("%d s with %d hostile of %d connections" % (seconds, hostile, options.connections))
    report, watched = soak(options, hostile, seconds)
    faults += watched.faults
    window = report["window"]
    say(
        "%d broadcasts, %d of %d deliveries, p50 %.2f ms, p99 %.2f ms"
        % (
            window["sent"],
            window["delivered"],
            window["expected"],
            report["latency_us"]["p50"] / 1000,
            p99_ms(report),
        )
    )
    for name, did in watched.attacks.items():
        say("hostile: %-26s %6d times, %9.1f KiB" % (name, did["connections"], did["bytes"] / 1024))
    if not options.losses_only:
        if p99_ms(report) > calm * P99_TIMES:
            faults.append("p99 is %.2f times that without the hostile" % (p99_ms(report) / calm))
        faults += growth_faults(watched.memory)
    return faults


def files_allow():
    """How many connections: host and honest have as many files each as a process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Serves 10,000 connections, one in a hundred of them hostile in every way at once.",
    )
    add = parser.add_argument
    add("--minutes", type=float, default=10, metavar="N", help="how long (10)")
    add(
        "--losses-only",
        action="store_true",
        help="judge only what the honest got, neither how fast nor how much memory the host took",
    )
    add(
        "--first",
        action="store_true",
        help="the host has precedence over all but the honest, where the machine does other things",
    )
    add("--connections", type=int, default=10000, metavar="N", help="(10000, or what files allow)")
    add("--hostile", type=int, metavar="N", help="how many of them (one in 100)")
    add("--kinds", nargs="+", default=[], metavar="KIND", help="of hostile.py (all)")
    add("--workers", type=int, default=0, metavar="N", help="of the host; 0: one per core (0)")
    add("--build", default="build/release", metavar="DIR", help="(build/release)")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.connections > files_allow():
        options.connections = files_allow()
        say("%d connections: no more open files (ulimit -Hn)" % options.connections)
    if options.hostile is None:
        options.hostile = options.connections // HOSTILE_SHARE
    try:
        faults = run(options)
    except (Wrong, RuntimeError) as error:
        faults = [str(error)]
    for fault in faults:
        say("wrong: " + fault)
    if not faults:
        say("right")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
