"""Runs one load against one system and hands back what the generator found."""

import json
import os
import subprocess

from systems import Toni

RUN_S = 300


class Wrong(Exception):
    """A run that could not be done."""


# With --real-time nobody on the machine goes before these. The server is first, so that all it needs is its own.
REAL_TIME = {"server": "30", "generator": "20", "other generator": "10"}


class Bench:
    """Where things are and who runs on which core."""

    def __init__(self, build, server_core, load_core, baseline=None, load_prefix=(), is_real_time=False):
        """@param load_prefix  What the generator is started by, such as chrt."""
        self.build = build
        self.load_prefix = load_prefix
        self.load_pid = None  # of the generator that runs, or ran last
        self.builds = {"toni": build}
        if baseline:
            self.builds["baseline"] = baseline
        self.server_core = server_core
        self.load_core = load_core
        self.is_real_time = is_real_time

    def precedence(self, who):
        """What a program is started by."""
        return ["chrt", "--fifo", REAL_TIME[who]] if self.is_real_time else []

    def tonis(self, **settings):
        """Toni, of each build; gateways of the benchmarks are of one build for all."""
        return [
            Toni(build, tools=self.build, name=name, **settings)
            for name, build in self.builds.items()
        ]

    def load_command(self, server, arguments, core, who):
        command = [os.path.join(self.build, "libexec", "toni", "toni-bench"), "measure"]
        command += [*server.where(), *server.system.load, *arguments]
        if core:
            command = ["taskset", "-c", core, *command]
        return [*self.precedence(who), *self.load_prefix, *command]

    def along(self, server, arguments):
        """Another generator, which has what the server leaves of its core: neither the server nor the generator that measures
        waits for it. For read_report."""
        command = self.load_command(server, arguments, self.server_core, "other generator")
        if not self.is_real_time:
            command = ["nice", "-n", "19", *command]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, system, arguments, cores=None, at_gate=None, prefix=()):
        """@param at_gate: called with the gate's name and the server before the measured window and
        behind it."""
        prefix = [*self.precedence("server"), *prefix]
        with system.serve(cores or self.server_core, prefix) as server:
            command = self.load_command(server, arguments, self.load_core, "generator")
            if at_gate:
                command.append("--gate")
            load = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.load_pid = load.pid
            try:
                return self.read_report(load, server, at_gate)
            finally:
                if load.poll() is None:
                    load.kill()
                load.communicate()

    @staticmethod
    def read_report(load, server, at_gate):
        for line in load.stdout:
            report = json.loads(line)
            if "gate" not in report:
                report["log"] = server.log_tail()
                return report
            at_gate(report["gate"], server)
            load.stdin.write("\n")
            load.stdin.flush()
        raise Wrong(
            "%s: %s%s" % (server.system.name, load.stderr.read().strip(), server.log_tail())
        )


def faults_of(report, needs_one_order):
    """What is wrong with what was received, in words; empty if nothing is."""
    window, faults = report["window"], []
    if window["delivered"] != window["expected"]:
        faults.append("%d of %d deliveries" % (window["delivered"], window["expected"]))
    faults += ["%d %s" % (count, name) for name, count in report["faults"].items() if count]
    faults += ["%d closed (%s)" % (count, code) for code, count in report["closed"].items()]
    for name, count in report["slow"]["faults"].items():
        if count and name != "lost":
            faults.append("%d %s to slow readers" % (count, name))
    if needs_one_order and not report["one_order"]:
        faults.append("members of a room got its messages in different orders")
    if not report["right"] and not faults:
        faults.append("not everything could be published")
    return faults
