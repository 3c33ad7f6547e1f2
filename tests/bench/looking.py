"""Looks into toni while it delivers: samples by perf, system calls by strace, each over exactly the
measured window. Instructions are counting.py's."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

import scenarios
from counting import TOP, needs
from systems import Toni


PROFILED = (
    *scenarios.DELIVERY,
    *scenarios.UPLOAD,
    *scenarios.STEADY,
    scenarios.CONNECT,
)


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
        lines += call_lines(calls, report["window"], scenario.load.get("ahead", 1))
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


def call_lines(path, window, ahead):
    """From strace's table: % time, seconds, usecs/call, calls, [errors,] name. Where messages go ahead
    of each that is delivered, per one of those."""
    lines = []
    with open(path, encoding="utf-8") as table:
        for row in (line.split() for line in table):
            if len(row) >= 5 and row[3].isdigit() and row[-1] != "total":
                lines.append(
                    "  %-16s %9s calls, %.4f per delivery, %.3f per broadcast"
                    % (
                        row[-1],
                        row[3],
                        int(row[3]) / window["delivered"] / ahead,
                        int(row[3]) / window["sent"] / ahead,
                    )
                )
    return lines[:TOP]


def profile_text(bench, wanted):
    """Samples and system calls of deliveries, uploads, steady loads and handshakes."""
    folder = tempfile.mkdtemp(prefix="toni-bench-profile-")
    try:
        text = []
        for scenario in (s for s in PROFILED if s.name.split(",")[0] in wanted):
            for old in glob.glob(os.path.join(folder, "*")):
                os.unlink(old)
            text += [scenario.name, *profile(bench, scenario, folder)]
        return "\n".join(text)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
