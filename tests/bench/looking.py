"""Looks into toni while it delivers: instruction counts by callgrind, samples by perf, system calls by strace, each over
exactly the measured window."""

import collections
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import scenarios
from systems import Toni

TOP = 10


def needs(*tools):
    """The tools that are not there."""
    return [tool for tool in tools if not shutil.which(tool)]


def scaled(scenario, share):
    load = dict(scenario.load)
    load["messages"] = max(20, int(load["messages"] * share))
    load["settle-ms"] = 1500
    load["patience-ms"] = 60000
    if "rate" in load:  # valgrind can't keep up with a rate: the next message when the last has come
        del load["rate"]
        load["window"] = 1
    return ["--burst", *("--%s=%s" % pair for pair in load.items())]


class Callgrind:
    """Counts the instructions of a server between the gates. The kernel's are not seen."""

    SHARE = {"fan": 0.1, "rooms": 0.1, "echo": 0.1, "single": 0.2}

    def __init__(self, bench):
        self.bench = bench
        self.folder = tempfile.mkdtemp(prefix="toni-bench-count-")

    def control(self, option, pid):
        subprocess.run(["callgrind_control", option, str(pid)], check=True, capture_output=True)

    def at_gate(self, name, server):
        if name == "begin":
            self.control("--zero", server.pid)
        elif name == "end":
            self.control("--dump", server.pid)

    def count(self, scenario):
        """@return Instructions in the window, the generator's report, and the functions that cost most."""
        out = os.path.join(self.folder, scenario.name)
        prefix = ["valgrind", "--tool=callgrind", "--quiet", "--callgrind-out-file=" + out]
        report = self.bench.run(
            Toni(self.bench.build), scaled(scenario, self.SHARE[scenario.name]), at_gate=self.at_gate, prefix=prefix
        )
        dump = out + ".1"  # the first on request; the last, at the end, has no number
        costs = self_costs(dump)
        total = sum(costs.values())
        top = sorted(((100 * cost / total, name) for name, cost in costs.items()), reverse=True)[:TOP]
        return total, report, top

    def finish(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def self_costs(path):
    """Instructions by function, without those of what it calls, from a file of callgrind. (callgrind_annotate takes what
    a thread's first function calls for its own.)"""
    names, costs = {}, collections.Counter()
    thing = function = ""
    skip = False  # the line behind calls= has the cost of the callee
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, sign, value = line.rstrip("\n").partition("=")
            if sign and key in ("ob", "cob", "fn", "cfn"):
                kind, number, name = key[-2:], *re.match(r"\((\d+)\) ?(.*)", value).groups()
                name = names.setdefault((kind, number), name)
                if key == "ob":
                    thing = os.path.basename(name)
                elif key == "fn":
                    function = "%s [%s]" % (name, thing)
            elif key == "calls":
                skip = True
            elif re.match(r"[-+*\d]", line):
                if not skip:
                    costs[function] += int(line.split()[-1])
                skip = False
    return costs


def count_text(bench, wanted):
    """The instruction counts of the four deliveries."""
    missing = needs("valgrind", "callgrind_control")
    if missing:
        return None, "not there: %s (Debian: valgrind)" % ", ".join(missing)
    callgrind = Callgrind(bench)
    counts, text = {}, []
    try:
        for scenario in (s for s in scenarios.DELIVERY if s.name in wanted):
            total, report, top = callgrind.count(scenario)
            window = report["window"]
            counts[scenario.name] = {
                "instructions_per_delivery": total / window["delivered"],
                "instructions_per_broadcast": total / window["sent"],
                "deliveries": window["delivered"],
                "top": [{"percent": share, "function": name} for share, name in top],
            }
            text.append("%-8s %9.1f instructions per delivery, %12.1f per broadcast" % (
                scenario.name, total / window["delivered"], total / window["sent"]))
            text += ["         %5.1f %%  %s" % pair for pair in top]
    finally:
        callgrind.finish()
    return counts, "\n".join(text)


class Attached:
    """A tool that attaches to the server at the first gate and lets go at the second."""

    def __init__(self, command):
        self.command = command
        self.process = None

    def at_gate(self, name, server):
        if name == "begin":
            self.process = subprocess.Popen(
                [*self.command, "-p", str(server.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(0.5)  # until it has attached to all threads
        elif name == "end":
            self.process.send_signal(signal.SIGINT)
            self.process.wait()


def profile(bench, scenario, folder):
    """@return The lines of perf and those of strace, or why there are none."""
    lines = []
    data, calls = os.path.join(folder, "perf.data"), os.path.join(folder, "calls")
    arguments = scenario.arguments()
    if needs("perf"):
        lines.append("  no perf: not installed (Debian: linux-perf)")
    else:
        bench.run(Toni(bench.build), arguments, at_gate=Attached(["perf", "record", "-q", "-F", "2000", "-o", data]).at_gate)
        report = subprocess.run(
            ["perf", "report", "-q", "--stdio", "--no-children", "-s", "dso,symbol", "-i", data],
            capture_output=True, text=True, check=False,
        ).stdout
        lines += ["  " + re.sub(r"\s{2,}", "  ", line.strip()) for line in report.splitlines() if "%" in line][:TOP]
    if needs("strace"):
        lines.append("  no strace: not installed (Debian: strace)")
    else:
        report = bench.run(Toni(bench.build), arguments, at_gate=Attached(["strace", "-f", "-c", "-o", calls]).at_gate)
        lines += call_lines(calls, report["window"])
    return lines


def call_lines(path, window):
    """From strace's table: % time, seconds, usecs/call, calls, [errors,] name."""
    lines = []
    with open(path, encoding="utf-8") as table:
        for row in (line.split() for line in table):
            if len(row) >= 5 and row[3].isdigit() and row[-1] != "total":
                lines.append("  %-16s %9s calls, %.4f per delivery, %.3f per broadcast" % (
                    row[-1], row[3], int(row[3]) / window["delivered"], int(row[3]) / window["sent"]))
    return lines[:TOP]


def profile_text(bench, wanted):
    """Samples and system calls of the four deliveries."""
    folder = tempfile.mkdtemp(prefix="toni-bench-profile-")
    try:
        text = []
        for scenario in (s for s in scenarios.DELIVERY if s.name in wanted):
            for old in glob.glob(os.path.join(folder, "*")):
                os.unlink(old)
            text += [scenario.name, *profile(bench, scenario, folder)]
        return "\n".join(text)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
