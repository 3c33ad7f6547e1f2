"""scripts/bench --cluster: what it costs to share rooms. Three nodes over one Redis, clients dealt to them in turn, and
every room on all three; toni beside Socket.IO with its Redis adapter, and beside one host of each that is alone.

Processor time is that of all nodes together; the Redis's stands beside it."""

import contextlib
import os
import statistics
import subprocess
import tempfile
import time

from running import Bench, faults_of
from scenarios import Scenario
from systems import ROOT, Server, SocketIo, Toni, free_port, node_finds, which, write

NODES = 3
READY_S = 2  # until rooms are subscribed

ENGINE = """\
cluster = {{ engine = "redis"; node = "node-{port}"; }};
modules = (
  {{ name = "engine"; global = true;
    providers = ( {{ service = "redis"; library = "redis_engine.so"; options = {{ servers = [ "127.0.0.1:{redis}" ]; }}; }} );
    exports = [ "redis" ]; }},
"""

SCENARIOS = (
    Scenario(
        "rooms",
        "100 rooms of 30; 200 messages outstanding",
        {"connections": 3000, "rooms": 100, "publishers": 100, "messages": 30000, "warm-up": 2000, "window": 6000, "size": 64},
        peer_share=0.1,
        quick=300,
    ),
    Scenario(
        "small",
        "1,000 rooms of 3; 200 messages outstanding",
        {"connections": 3000, "rooms": 1000, "publishers": 1000, "messages": 60000, "warm-up": 4000, "window": 600, "size": 64},
        peer_share=0.2,
        quick=300,
    ),
    Scenario(
        "paced",
        "100 rooms of 30; 500 messages a second",
        {"connections": 3000, "rooms": 100, "publishers": 100, "messages": 5000, "rate": 500, "size": 64},
        quick=300,
    ),
)


def redis_program():
    """Also where scripts/setup gives it its name."""
    return which("redis-server") or which("valkey-server") or os.path.join(ROOT, "build", "redis", "redis-server")


class Redis:
    """One that keeps nothing."""

    def __init__(self, core):
        self.port, self.folder = free_port(), tempfile.TemporaryDirectory(prefix="toni-bench-")
        command = [redis_program(), "--port", str(self.port), "--save", "",
                   "--bind", "127.0.0.1", "--dir", self.folder.name]
        if core:
            command = ["taskset", "-c", core, *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class SharedToni(Toni):
    name = "toni"

    def __init__(self, build, redis=None):
        super().__init__(build)
        self.redis = redis

    def command(self, port, folder):
        command = super().command(port, folder)
        if self.redis:
            with open(command[-1], encoding="utf-8") as conf:
                text = conf.read()
            write(command[-1], text.replace("modules = (\n", ENGINE.format(port=port, redis=self.redis)))
        return command


class SharedSocketIo(SocketIo):
    def __init__(self, build, redis=None):
        super().__init__(build)
        self.redis = redis

    def missing(self):
        return super().missing() or (
            None if node_finds("@socket.io/redis-adapter") else "its Redis adapter (scripts/setup bench)"
        )

    def command(self, port, folder):
        return super().command(port, folder) + ([str(self.redis)] if self.redis else [])


def used_s(pid):
    """Processor time of a process."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Processor time between the gates."""

    def __init__(self, pids):
        self.pids, self.at = pids, {}

    def at_gate(self, name, _server):
        self.at[name] = [used_s(pid) for pid in self.pids]

    def used(self):
        return [after - before for before, after in zip(self.at["begin"], self.at["end"])]


def measure(bench, kind, nodes, scenario, share):
    """One run: what it found, in numbers."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis(bench.server_core)) if nodes > 1 else None
        if redis:
            time.sleep(0.3)
        system = kind(bench.build, redis and redis.port)
        servers = [stack.enter_context(Server(system, bench.server_core)) for _ in range(nodes)]
        if redis:
            time.sleep(READY_S)
        watch = Watch([server.pid for server in servers] + ([redis.process.pid] if redis else []))
        ports = ["--port=%d" % server.port for server in servers[1:]]
        command = bench.load_command(servers[0], [*ports, *scenario.arguments(share), "--gate"])
        load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            report = Bench.read_report(load, servers[0], watch.at_gate)
        finally:
            if load.poll() is None:
                load.kill()
            load.communicate()
        used = watch.used()
        return {
            "per_cpu_s": report["window"]["delivered"] / max(0.01, sum(used[:nodes])),
            "redis": (used[nodes] / max(0.01, sum(used[:nodes]))) if redis else 0.0,
            "p50": report["latency_us"]["p50"], "p99": report["latency_us"]["p99"],
            "faults": faults_of(report, needs_one_order=kind is SharedToni),
        }


def text(bench, rounds, is_quick):
    kinds = [kind for kind in (SharedToni, SharedSocketIo) if not kind(bench.build).missing()]
    lines = []
    for scenario in SCENARIOS:
        lines += ["%s: %s" % (scenario.name, scenario.says),
                  "%-22s %22s %14s %12s %12s" % ("", "deliveries per cpu-s", "Redis's part", "p50, us", "p99, us")]
        load = scenario.with_load(messages=scenario.quick) if is_quick else scenario
        found = {}
        for _ in range(rounds):
            for kind in kinds:
                for nodes in (1, NODES):
                    share = 1.0 if kind is SharedToni or "rate" in load.load else load.peer_share
                    found.setdefault((kind, nodes), []).append(measure(bench, kind, nodes, load, share))
        for (kind, nodes), runs in found.items():
            middle = {key: statistics.median(run[key] for run in runs) for key in ("per_cpu_s", "redis", "p50", "p99")}
            lines.append("%-22s %22s %13.0f%% %12.0f %12.0f" % (
                "%s, %s" % (kind.name, "alone" if nodes == 1 else "%d over Redis" % nodes),
                format(round(middle["per_cpu_s"]), ","), middle["redis"] * 100, middle["p50"], middle["p99"]))
            lines += ["  wrong: " + fault for fault in sorted({fault for run in runs for fault in run["faults"]})]
        lines.append("")
    return "\n".join(lines)
