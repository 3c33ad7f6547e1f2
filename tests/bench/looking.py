"""Looks into toni while it delivers: instruction counts by callgrind, samples by perf, system calls
by strace, each over exactly the measured window."""

import collections
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import replace

import scenarios
from systems import SharedBatches, Toni

TOP = 10


def needs(*tools):
    """The tools that are not there."""
    return [tool for tool in tools if not shutil.which(tool)]


def scaled(scenario, share):
    load = dict(scenario.load)
    load["messages"] = max(20, int(load["messages"] * share))
    load["settle-ms"] = 1500
    load["patience-ms"] = 60000
    if (
        "rate" in load
    ):  # valgrind can't keep up with a rate: the next message when the last has come
        del load["rate"]
        load["window"] = 1
    return ["--burst", *replace(scenario, load=load).arguments()]


class Callgrind:
    """Counts the instructions of a server between the gates. The kernel's are not seen."""

    SHARE = {"single": 0.2}  # of the messages; of the other scenarios a tenth

    def __init__(self, bench):
        self.bench = bench
        self.folder = tempfile.mkdtemp(prefix="toni-bench-count-")

    def control(self, *arguments):
        command = ["callgrind_control", *(str(argument) for argument in arguments)]
        subprocess.run(command, check=True, capture_output=True)

    def at_gate(self, name, server):
        if name == "begin":
            self.control("--zero", server.pid)
        elif name == "end":
            self.control("--dump", server.pid)

    def at_gate_from_off(self, name, server):
        """For who was started without counting: then 10,000 connections join in seconds."""
        if name == "begin":
            self.control("-i", "on", server.pid)
        else:
            self.at_gate(name, server)

    def count_with_standby(self, system, scenario):
        """@return Instructions per delivery while others stand by, and while nobody does."""
        found = []
        # What so many joins leave behind in the allocator is put in order by the first messages.
        scenario = scenario.with_load(warm_up=1500)
        for load in (scenario.with_load(**scenarios.STANDBY), scenario):
            out = os.path.join(self.folder, "standby")
            prefix = ["valgrind", "--tool=callgrind", "--quiet", "--instr-atstart=no"]
            report = self.bench.run(
                system,
                scaled(load, self.SHARE.get(scenario.name, 0.1)),
                at_gate=self.at_gate_from_off,
                prefix=[*prefix, "--callgrind-out-file=" + out],
            )
            found.append(sum(self_costs(out + ".1").values()) / report["window"]["delivered"])
        return found

    def count(self, system, scenario):
        """@return Instructions in the window, the generator's report, and whose they are: objects
        and functions, those that cost most first."""
        out = os.path.join(self.folder, scenario.name + "-" + system.name)
        prefix = ["valgrind", "--tool=callgrind", "--quiet", "--callgrind-out-file=" + out]
        report = self.bench.run(
            system,
            scaled(scenario, self.SHARE.get(scenario.name, 0.1)),
            at_gate=self.at_gate,
            prefix=prefix,
        )
        dump = out + ".1"  # the first on request; the last, at the end, has no number
        costs = self_costs(dump)
        total = sum(costs.values())
        return total, report, shares(by_object(costs), total), shares(costs, total)

    def finish(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def self_costs(path):
    """Instructions by function, without those of what it calls, from a file of callgrind.
    (callgrind_annotate takes what a thread's first function calls for its own.)"""
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


def by_object(costs):
    objects = collections.Counter()
    for name, cost in costs.items():
        objects[re.search(r"\[(.*)\]$", name).group(1)] += cost
    return objects


def shares(costs, total):
    return [(100 * cost / total, name) for name, cost in costs.most_common(TOP)]


def count_one(callgrind, system, scenario):
    total, report, objects, functions = callgrind.count(system, scenario)
    window = report["window"]
    return {
        "instructions_per_delivery": total / window["delivered"],
        "instructions_per_broadcast": total / window["sent"],
        "deliveries": window["delivered"],
        "objects": [{"percent": share, "name": name} for share, name in objects],
        "functions": [{"percent": share, "name": name} for share, name in functions],
    }


def count_lines(system, scenario, found):
    lines = [
        "%-8s %-15s %9.1f instructions per delivery, %12.1f per broadcast"
        % (
            scenario.name,
            system.name,
            found["instructions_per_delivery"],
            found["instructions_per_broadcast"],
        ),
        "         "
        + ", ".join("%(name)s %(percent).1f %%" % thing for thing in found["objects"][:6]),
    ]
    if isinstance(system, Toni):
        lines += ["         %(percent)5.1f %%  %(name)s" % thing for thing in found["functions"]]
    return lines


def count_text(bench, wanted):
    """The instruction counts of the four deliveries, of two that leave the sender out, and of two
    while others stand by."""
    missing = needs("valgrind", "callgrind_control")
    if missing:
        return None, "not there: %s (Debian: valgrind)" % ", ".join(missing)
    callgrind = Callgrind(bench)
    counts, text = {}, []
    try:
        for scenario in (s for s in scenarios.DELIVERY if s.name in wanted):
            for system in (Toni(bench.build), SharedBatches(bench.build)):
                found = count_one(callgrind, system, scenario)
                counts.setdefault(scenario.name, {})[system.name] = found
                text += count_lines(system, scenario, found)
        for scenario in scenarios.EXCEPT if "except" in wanted else ():
            toni = Toni(bench.build, gateway="others")
            found = count_one(callgrind, toni, scenario)
            counts.setdefault(scenario.name, {})[toni.name] = found
            text += count_lines(toni, scenario, found)
        for scenario in scenarios.STANDBY_DELIVERY if "standby" in wanted else ():
            # Pings are due half a minute after somebody came: in the window, or not, by chance.
            toni = Toni(bench.build, limits={"ping_ms": 0})
            crowded, alone = callgrind.count_with_standby(toni, scenario)
            counts["standby: " + scenario.name] = {"crowded": crowded, "alone": alone}
            text.append(
                "%-8s %9.1f instructions per delivery while 10,000 connections in 100,000 rooms stand"
                " by, %.1f with nobody else: %+.1f %%"
                % (scenario.name, crowded, alone, 100 * (crowded / alone - 1))
            )
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
                [*self.command, "-p", str(server.pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
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
        bench.run(
            Toni(bench.build),
            arguments,
            at_gate=Attached(["perf", "record", "-q", "-F", "2000", "-o", data]).at_gate,
        )
        lines += ["  %s of the time in %s" % tuple(row) for row in perf_rows(data, "dso")]
        lines += ["  " + " ".join(row) for row in perf_rows(data, "dso,symbol")]
    if needs("strace"):
        lines.append("  no strace: not installed (Debian: strace)")
    else:
        report = bench.run(
            Toni(bench.build),
            arguments,
            at_gate=Attached(["strace", "-f", "-c", "-o", calls]).at_gate,
        )
        lines += call_lines(calls, report["window"])
    return lines


def perf_rows(data, keys):
    """The first rows of a report: share, then the keys."""
    text = subprocess.run(
        ["perf", "report", "-q", "--stdio", "--no-children", "-s", keys, "-i", data],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    rows = [line.strip().split() for line in text.splitlines() if "%" in line]
    return [[word for word in row if word != "-"] for row in rows][:TOP]


def call_lines(path, window):
    """From strace's table: % time, seconds, usecs/call, calls, [errors,] name."""
    lines = []
    with open(path, encoding="utf-8") as table:
        for row in (line.split() for line in table):
            if len(row) >= 5 and row[3].isdigit() and row[-1] != "total":
                lines.append(
                    "  %-16s %9s calls, %.4f per delivery, %.3f per broadcast"
                    % (
                        row[-1],
                        row[3],
                        int(row[3]) / window["delivered"],
                        int(row[3]) / window["sent"],
                    )
                )
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
