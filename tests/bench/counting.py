"""Counts toni's instructions while it works, with callgrind, over exactly the measured window: the
same whatever else the machine does."""

import collections
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace

import cluster
import scenarios
from certificate import Certificate
from systems import Toni

TOP = 10


def needs(*tools):
    """The tools that are not there."""
    return [tool for tool in tools if not shutil.which(tool)]


# Under valgrind a server can't keep up with a rate: the next message goes when the last has come.
# Nor does it need to stand still to be given a full turn where the generator is always ahead of it.
UNTIL_DELIVERED, AS_IT_COMES = ("lone", "single"), ("upload", "connect", "lone", "many")

# Of the messages, by the first word of a scenario's name; a tenth of those of others.
SHARES = {"single": 0.2, "upload": 0.05, "connect": 0.05, "lone": 0.02, "many": 0.3}

# Valgrind takes its time to let connections come, and some descriptors.
CONNECTIONS_MAX = 3000


def scaled(scenario):
    kind = scenario.name.removeprefix("tls, ").split(",")[0]
    load = dict(scenario.load)
    load["messages"] = max(3, int(load["messages"] * SHARES.get(kind, 0.1)))
    load["connections"] = min(load["connections"], CONNECTIONS_MAX)
    load["settle-ms"] = 1500
    load["patience-ms"] = 60000
    load.pop("rate", None)
    if kind in UNTIL_DELIVERED:
        load["window"] = 1
    arguments = replace(scenario, load=load).arguments()
    return arguments if kind in AS_IT_COMES else ["--burst", *arguments]


class Callgrind:
    """Counts the instructions of a server between the gates. The kernel's are not seen."""

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
                scaled(load),
                at_gate=self.at_gate_from_off,
                prefix=[*prefix, "--callgrind-out-file=" + out],
            )
            found.append(sum(self_costs(out + ".1").values()) / report["window"]["delivered"])
        return found

    def count(self, system, scenario, more=()):
        """@return Instructions in the window, the generator's report, and whose they are: objects
        and functions, those that cost most first."""
        out = os.path.join(self.folder, scenario.name + "-" + system.name)
        prefix = ["valgrind", "--tool=callgrind", "--quiet", "--callgrind-out-file=" + out]
        report = self.bench.run(
            system,
            [*scaled(scenario), *more],
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


def count_one(callgrind, system, scenario, more=()):
    """Per delivery and per broadcast; where messages go ahead of each that is delivered, per one of
    those, for which the delivery is not counted."""
    total, report, objects, functions = callgrind.count(system, scenario, more)
    window, ahead = report["window"], scenario.load.get("ahead", 1)
    return {
        "instructions_per_delivery": total / window["delivered"] / ahead,
        "instructions_per_broadcast": total / window["sent"] / ahead,
        "deliveries": window["delivered"],
        "objects": [{"percent": share, "name": name} for share, name in objects],
        "functions": [{"percent": share, "name": name} for share, name in functions],
    }


def count_lines(system, scenario, found, unit):
    lines = [
        "%-16s %-15s %11.1f instructions per %s, %13.1f per %s"
        % (
            scenario.name,
            system.name,
            found["instructions_per_delivery"],
            unit[0],
            found["instructions_per_broadcast"],
            unit[1],
        ),
        "         "
        + ", ".join("%(name)s %(percent).1f %%" % thing for thing in found["objects"][:6]),
    ]
    if isinstance(system, Toni):
        lines += ["         %(percent)5.1f %%  %(name)s" % thing for thing in found["functions"]]
    return lines


def plan(bench, others, wanted):
    """What to count: (scenario, systems, what is told the generator besides, units)."""
    tonis, rooms = bench.tonis(), ("delivery", "broadcast")
    everybody = [*tonis, *others]
    found = [(s, everybody, (), rooms) for s in scenarios.DELIVERY if s.name in wanted]
    if "upload" in wanted:
        found += [(s, everybody, (), ("message", "message sent")) for s in scenarios.UPLOAD]
    if "steady" in wanted:
        found.append((scenarios.LONE, everybody, (), ("delivery", "message")))
    if "connect" in wanted:
        systems = [system for system in everybody if system.takes_part("connect")]
        found.append((scenarios.CONNECT, systems, (), ("connection", "connection begun")))
    if "tls" in wanted:
        certificate = Certificate()
        secured = [s.over_tls(certificate) for s in everybody if s.speaks_tls]
        found += [(s, secured, (), rooms) for s in scenarios.TLS_DELIVERY]
        found.append((scenarios.TLS_CONNECT, secured, (), ("connection", "connection begun")))
    if "many" in wanted:
        crowd = bench.tonis(gateway="others", limits=scenarios.crowd_limits())
        found.append((scenarios.MANY, crowd, ("--publish=" + scenarios.TO_ALL,), rooms))
        for system in others:
            if system.takes_part("many"):
                found.append((scenarios.MANY, [system], system.crowd_load, rooms))
    if "except" in wanted:
        pairs = bench.tonis(gateway="others")
        found += [(s, pairs, (), rooms) for s in scenarios.EXCEPT]
    if "events" in wanted:
        events = bench.tonis(gateway="events")
        found += [(s, events, (), rooms) for s in scenarios.EVENTS]
    if "cluster" in wanted:
        nodes = [cluster.ToniNodes(build, 1, name + ", a node") for name, build in bench.builds.items()]
        systems = [*tonis, *(node for node in nodes if not node.missing())]
        found += [(s, systems, (), rooms) for s in scenarios.CLUSTER_ONE]
    return found


def count_standby(callgrind, bench):
    counts, lines = {}, []
    for scenario in scenarios.STANDBY_DELIVERY:
        # Pings are due half a minute after somebody came: in the window, or not, by chance.
        for toni in bench.tonis(limits={"ping_ms": 0}):
            crowded, alone = callgrind.count_with_standby(toni, scenario)
            by_name = counts.setdefault("standby: " + scenario.name, {})
            by_name[toni.name] = {"crowded": crowded, "alone": alone}
            lines.append(
                "%-8s %-10s %9.1f instructions per delivery while 10,000 connections in 100,000 rooms"
                " stand by, %.1f with nobody else: %+.1f %%"
                % (scenario.name, toni.name, crowded, alone, 100 * (crowded / alone - 1))
            )
    return counts, lines


def count_text(bench, others, wanted):
    """The instruction counts of what is wanted and can be counted."""
    missing = needs("valgrind", "callgrind_control")
    if missing:
        return None, "not there: %s (Debian: valgrind)" % ", ".join(missing)
    callgrind = Callgrind(bench)
    counts, text = {}, []
    try:
        others = [system for system in others if system.countable]
        for scenario, systems, more, unit in plan(bench, others, wanted):
            for system in systems:
                found = count_one(callgrind, system, scenario, more)
                counts.setdefault(scenario.name, {})[system.name] = found
                text += count_lines(system, scenario, found, unit)
        if "standby" in wanted:
            found, lines = count_standby(callgrind, bench)
            counts.update(found)
            text += lines
    finally:
        callgrind.finish()
    return counts, "\n".join(text)
