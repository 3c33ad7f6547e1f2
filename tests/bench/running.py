"""Runs one load against one system and hands back what the generator found."""

import json
import os
import subprocess

from systems import Toni

RUN_S = 300


class Wrong(Exception):
    """A run that could not be done."""


class Bench:
    """Where things are and who runs on which core."""

    def __init__(self, build, server_core, load_core, baseline=None, load_prefix=()):
        """@param load_prefix  What the generator is started by, such as chrt."""
        self.build = build
        self.load_prefix = load_prefix
        self.load_pid = None  # of the generator that runs, or ran last
        self.builds = {"toni": build}
        if baseline:
            self.builds["baseline"] = baseline
        self.server_core = server_core
        self.load_core = load_core

    def tonis(self, **settings):
        """Toni, of each build; gateways of the benchmarks are of one build for all."""
        return [
            Toni(build, tools=self.build, name=name, **settings)
            for name, build in self.builds.items()
        ]

    def load_command(self, server, arguments):
        command = [os.path.join(self.build, "libexec", "toni", "toni-bench"), "measure"]
        command += [*server.where(), *server.system.load, *arguments]
        if self.load_core:
            command = ["taskset", "-c", self.load_core, *command]
        return [*self.load_prefix, *command]

    def along(self, server, arguments):
        """Another generator, which gives way to the one that measures. For read_report."""
        command = ["nice", "-n", "10", *self.load_command(server, arguments)]
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
        with system.serve(cores or self.server_core, prefix) as server:
            command = self.load_command(server, arguments)
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
