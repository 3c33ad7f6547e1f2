"""Series of runs: systems in turns, several rounds, medians."""

import os
import statistics
import sys
import time

import cluster
import scenarios
from certificate import Certificate
from running import Wrong, faults_of
from systems import Toni


def say(text):
    print(text, file=sys.stderr, flush=True)


def get(report, path):
    for key in path.split("."):
        report = report[key]
    return report


class Results:
    """Reports by (scenario, system), in the order in which they came."""

    def __init__(self):
        self.reports = {}
        self.floods = {}  # what an engine publishes by itself, by the length of the history
        self.faults = []

    def add(self, scenario, system, report):
        self.reports.setdefault((scenario, system), []).append(report)

    def of(self, scenario, system):
        return self.reports.get((scenario, system), [])

    def values(self, scenario, system, path):
        return [get(report, path) for report in self.of(scenario, system)]

    def median(self, scenario, system, path):
        values = self.values(scenario, system, path)
        return statistics.median(values) if values else None

    def cost_ns(self, scenario, system):
        """Processor time of the server for one delivery; None if it was not measured."""
        rate = self.median(scenario, system, "window.deliveries_per_cpu_s")
        return 1e9 / rate if rate else None

    def ratio(self, path, over, under):
        """Median of the rounds' ratios; each is (scenario, system). What disturbs a round disturbs
        both."""
        pairs = zip(self.values(*over, path), self.values(*under, path))
        ratios = [a / b for a, b in pairs if b]
        return statistics.median(ratios) if ratios else None

    def systems_of(self, scenario):
        return [system for name, system in self.reports if name == scenario]

    def names(self):
        return list(dict.fromkeys(name for name, _ in self.reports))


# Scenarios with a method of their own.
OWN_ROUNDS = (
    "events",
    "upload",
    "steady",
    "connect",
    "tls",
    "many",
    "bursts",
    "workers",
    "slow",
    "large",
    "standby",
    "memory",
    "cluster",
)


class Series:
    def __init__(self, bench, others, options):
        self.bench = bench
        self.options = options
        self.results = Results()
        self.others = others
        self.wanted = ()
        self.certificate = None
        limits = {"outbox_policy": options.policy} if options.policy else None
        self.tonis = bench.tonis(limits=limits)
        self.toni = self.tonis[0]
        self.tonis_others = bench.tonis(limits=limits, gateway="others")
        self.tonis_events = bench.tonis(limits=limits, gateway="events")
        crowd = {**(limits or {}), **scenarios.crowd_limits()}
        self.tonis_crowd = bench.tonis(limits=crowd, gateway="others")
        self.toni_two = Toni(bench.build, workers=2, limits=limits)
        self.toni_dropping = Toni(bench.build, limits={"outbox_policy": "drop_oldest"})
        self.toni_dropping.name = "toni, drop_oldest"

    def shape(self, scenario):
        return scenarios.quick(scenario) if self.options.quick else scenario

    def run(self, scenario, system, label=None, cores=None, more=(), at_gate=None):
        """One run; what goes wrong with toni is a fault, with another a remark."""
        share = scenario.peer_share if system.is_peer and not self.options.quick else 1.0
        label = label or scenario.name
        began = time.monotonic()
        try:
            arguments = [*self.shape(scenario).arguments(share), *more]
            report = self.bench.run(system, arguments, cores=cores, at_gate=at_gate)
        except (Wrong, RuntimeError) as error:
            say("  %s, %s: %s" % (label, system.name, error))
            self.results.faults.append("%s, %s: no result" % (label, system.name))
            return
        say("  %s, %s: %.1f s" % (label, system.name, time.monotonic() - began))
        faults = faults_of(report, needs_one_order=isinstance(system, Toni))
        report["remarks"] = faults
        if faults:
            say("  %s, %s: %s" % (label, system.name, "; ".join(faults)))
            if not system.is_peer:
                say(report["log"])
                self.results.faults.append("%s, %s: %s" % (label, system.name, "; ".join(faults)))
        self.results.add(label, system.name, report)

    def delivery(self, scenario, with_two_workers):
        for system in (*self.tonis, *self.others):
            if system.takes_part(scenario.name):
                self.run(scenario, system)
        if with_two_workers:
            self.run(scenario, self.toni_two, cores=self.bench.server_core and self.both_cores())

    def except_(self):
        for scenario in scenarios.EXCEPT:
            for system in self.tonis_others:
                self.run(scenario, system)

    def events(self):
        for scenario in scenarios.EVENTS:
            for system in self.tonis_events:
                self.run(scenario, system)

    def in_turns(self, kind, several):
        for scenario in several:
            for system in (*self.tonis, *self.others):
                if system.takes_part(kind):
                    self.run(scenario, system)

    def upload(self):
        self.in_turns("upload", scenarios.UPLOAD)

    def steady(self):
        self.in_turns("steady", scenarios.STEADY)

    def connect(self):
        self.in_turns("connect", [scenarios.CONNECT])

    def tls(self):
        self.certificate = self.certificate or Certificate()
        systems = [
            system.over_tls(self.certificate)
            for system in (*self.tonis, *self.others)
            if system.speaks_tls
        ]
        for scenario in (*scenarios.TLS_DELIVERY, scenarios.TLS_CONNECT, scenarios.TLS_STEADY):
            for system in systems:
                self.run(scenario, system)
        for rate, scenario in scenarios.TLS_AMONG.items():
            for system in systems:
                self.among_handshakes(rate, scenario, system)

    def among_handshakes(self, rate, scenario, system):
        """Another generator's handshakes begin with the window, and end with it."""
        others = []

        def at_gate(name, server):
            if name == "begin":
                arguments = scenarios.tls_handshakes(rate, self.options.quick)
                others.append(self.bench.along(server, arguments))
            elif name == "end":
                report = self.bench.read_report(others[0], server, None)
                faults = faults_of(report, needs_one_order=False)
                if faults:
                    say("  %s, %s: handshakes: %s" % (scenario.name, system.name, "; ".join(faults)))
                if faults and not system.is_peer:
                    self.results.faults.append("%s: handshakes: %s" % (scenario.name, faults))
                self.results.add(scenario.name + ": handshakes", system.name, report)

        try:
            self.run(scenario, system, at_gate=at_gate)
        finally:
            for other in others:
                if other.poll() is None:
                    other.kill()
                other.communicate()

    def many(self):
        for system in self.tonis_crowd:
            self.run(scenarios.MANY, system, more=["--publish=" + scenarios.TO_ALL])
        for system in self.others:
            if system.takes_part("many"):
                self.run(scenarios.MANY, system, more=system.crowd_load)

    def bursts(self):
        for scenario in scenarios.BURSTS:
            for system in (*self.tonis, *self.others):
                if not system.is_peer and system.scenarios is None:
                    self.run(scenario, system)

    def workers(self):
        """The closed loops with one worker are those of the deliveries, if these are measured."""
        for scenario in scenarios.WORKERS_BURSTS:
            if "bursts" not in self.wanted or scenario not in scenarios.BURSTS:
                self.run(scenario, self.toni)
            self.run(scenario, self.toni_two, cores=self.bench.server_core and self.both_cores())

    def both_cores(self):
        """Two cores for two workers; the load shares one of them where there is no third."""
        return "%s,%s" % (self.bench.server_core, self.bench.load_core)

    def slow(self):
        for scenario in (scenarios.SLOW_WITHOUT, scenarios.SLOW_ALL_READ, scenarios.SLOW):
            self.run(scenario, self.toni)
        if not self.options.policy:
            self.run(scenarios.SLOW, self.toni_dropping)
        peers = (
            [system for system in self.others if system.is_peer] if self.options.slow_peers else []
        )
        for system in peers:
            self.run(scenarios.SLOW_WITHOUT, system)
            self.run(scenarios.SLOW, system)

    def large(self):
        self.run(scenarios.LARGE, self.toni)
        self.run(scenarios.LARGE_STALLED, self.toni)

    def standby(self):
        for scenario in scenarios.STANDBY_DELIVERY:
            self.run(scenario, self.toni, "standby: %s, nobody" % scenario.name)
            crowded = scenario.with_load(**scenarios.STANDBY)
            self.run(crowded, self.toni, "standby: %s, 10,000 connections" % scenario.name)

    def memory(self):
        for system in self.tonis:
            self.run(scenarios.MEMORY_ROOMS, system)
            self.run(scenarios.MEMORY_SHARED, system)

    def cluster(self):
        """Toni's nodes and Socket.IO's, in turns, and a host that is alone."""
        build, nodes = self.bench.build, scenarios.CLUSTER_NODES
        three = cluster.ToniNodes(build, nodes, "toni, %d nodes" % nodes)
        one = cluster.ToniNodes(build, 1, "toni, a node")
        peer = cluster.SocketIoNodes(build, nodes, "socketio, %d nodes" % nodes)
        with_peer = any(system.name == peer.name.split(",")[0] for system in self.others)
        missing = three.missing() or (with_peer and peer.missing())
        if missing:
            say("without cluster: not there: %s" % missing)
            return
        for scenario in (scenarios.CLUSTER, scenarios.CLUSTER_STEADY):
            self.run(scenario, self.toni)
            self.run_nodes(scenario, three)
            if with_peer:
                self.run_nodes(scenario, peer)
        for scenario in scenarios.CLUSTER_ONE:
            self.run(scenario, self.toni)
            self.run_nodes(scenario, one)
        self.flood()

    def run_nodes(self, scenario, system):
        """Notes Redis's processor time beside that of the nodes."""
        redis_s = {}

        def at_gate(name, server):
            redis_s[name] = cluster.cpu_s(server.redis.process.pid)

        self.run(scenario, system, at_gate=at_gate)
        if "end" in redis_s and self.results.of(scenario.name, system.name):
            report = self.results.of(scenario.name, system.name)[-1]
            report["redis_cpu_s"] = redis_s["end"] - redis_s["begin"]

    def flood(self):
        build = self.bench.build
        if not os.path.exists(cluster.driver_of(build)):
            say("without the engine's own publishes: not there: its driver, which needs Check")
            return
        count = scenarios.FLOOD_COUNT // (100 if self.options.quick else 1)
        for messages in scenarios.FLOODS:
            try:
                report = cluster.flood(
                    build, self.bench.server_core, self.bench.load_core, messages, count
                )
            except RuntimeError as error:
                self.results.faults.append("%s: %s" % (scenarios.FLOODS[messages], error))
                continue
            self.results.floods.setdefault(messages, []).append(report)

    def round(self, wanted):
        two = "workers" in wanted
        for scenario in scenarios.DELIVERY:
            if scenario.name in wanted:
                self.delivery(scenario, two)
            elif two:
                self.run(scenario, self.toni)
                self.run(
                    scenario, self.toni_two, cores=self.bench.server_core and self.both_cores()
                )
        if "except" in wanted:
            self.except_()
        for name in OWN_ROUNDS:
            if name in wanted:
                getattr(self, name)()

    def run_rounds(self, wanted, rounds):
        self.wanted = wanted
        for number in range(1, rounds + 1):
            say("round %d of %d" % (number, rounds))
            self.round(wanted)
        return self.results


def memory_figures(results, quick, system="toni"):
    """Bytes per idle connection, membership and idle room. A room of one costs a room and a
    membership, a room of many the same room and many memberships: two loads, two unknowns."""
    ones, shared = scenarios.MEMORY_ROOMS, scenarios.MEMORY_SHARED
    if not results.of(ones.name, system) or not results.of(shared.name, system):
        return None
    load = (scenarios.quick(ones) if quick else ones).load
    memberships = load["idle"] * load["idle-joins"]

    def growth(scenario, after, before):
        return statistics.median(
            (get(r, "memory_kib." + after) - get(r, "memory_kib." + before)) * 1024
            for r in results.of(scenario.name, system)
        )

    of_ones = growth(ones, "joined", "connected") / memberships  # room + membership
    of_shared = growth(shared, "joined", "connected") / memberships  # room / members + membership
    members = scenarios.MEMORY_MEMBERS
    membership = (of_shared * members - of_ones) / (members - 1)
    return {
        "idle_connection_bytes": growth(ones, "connected", "before") / load["idle"],
        "membership_bytes": membership,
        "idle_room_bytes": of_ones - membership,
        "idle_room_with_its_member_bytes": of_ones,
    }
