"""What a series found about what a host does besides delivering, as tables: taking messages in,
answering now and then, opening and closing connections, holding many of them."""

import scenarios
from layout import TONI_IS, best_peer, limit_lines, spread, table, thousands, toni_is

PER_CPU_S = "window.deliveries_per_cpu_s"
PER_S = "window.deliveries_per_s"
P50, P99 = "latency_us.p50", "latency_us.p99"
MIB, GIB = 1 << 20, 1 << 30


def busy_cells(results, scenario, system):
    return [
        "%.0f" % (100 * results.median(scenario, system, "window.server_busy")),
        "%.0f" % (100 * results.median(scenario, system, "window.generator_busy")),
    ]


# --- upload


def upload_row(results, scenario, system):
    ahead, size = scenario.load["ahead"], scenario.load["ahead-size"]
    rates = [rate * ahead for rate in results.values(scenario.name, system, PER_CPU_S)]
    rate = ahead * results.median(scenario.name, system, PER_CPU_S)
    per_s = ahead * results.median(scenario.name, system, "window.deliveries_per_s")
    return [
        system,
        thousands(rate),
        spread(rates),
        *toni_is(results, scenario.name, system, PER_CPU_S),
        thousands(1e9 / rate),
        thousands(rate * size / MIB),
        thousands(per_s),
        *busy_cells(results, scenario.name, system),
    ]


UPLOAD_HEAD = (
    ["", "per server cpu s", "lowest-highest", *TONI_IS]
    + ["ns each", "MiB per cpu s", "per s", "server %", "load %"]
)


def upload_text(results, quick):
    parts = []
    for scenario in scenarios.UPLOAD:
        shape = scenarios.quick(scenario) if quick else scenario
        systems = results.systems_of(scenario.name)
        if systems:
            rows = [upload_row(results, shape, system) for system in systems]
            parts += ["%s: %s" % (scenario.name, scenario.says), table(UPLOAD_HEAD, rows)]
            parts += limit_lines(results, scenario.name)
    return parts


# --- steady


def steady_row(results, scenario, system):
    return [
        system,
        thousands(results.median(scenario, system, P50)),
        spread(results.values(scenario, system, P50)),
        thousands(results.median(scenario, system, P99)),
        spread(results.values(scenario, system, P99)),
        "%.2f" % (results.cost_ns(scenario, system) / 1e3),
        thousands(results.median(scenario, system, "window.deliveries_per_s")),
        thousands(results.median(scenario, system, "late_us.p99")),
        busy_cells(results, scenario, system)[0],
    ]


STEADY_HEAD = (
    ["", "p50 us", "lowest-highest", "p99 us", "lowest-highest", "cpu us each"]
    + ["per s", "sent late, p99 us", "server %"]
)


def steady_line(results, scenario):
    """Toni beside the best of the peers, by each measure."""
    says = []
    for name, path, better in (
        ("p50", P50, min),
        ("p99", P99, min),
        ("processor time", PER_CPU_S, max),
    ):
        peer = best_peer(results, scenario, path, better)
        ratio = peer and results.ratio(path, (scenario, "toni"), (scenario, peer))
        if ratio:
            times = ratio if better is min else 1 / ratio
            says.append("%s %.3f times %s's" % (name, times, peer))
    return ["toni by rounds, of the best peer: " + ", ".join(says)] if says else []


def among_lines(results):
    """The p99 of those who are connected while handshakes come, of that without."""
    lines, p99 = [], "latency_us.p99"
    for rate, scenario in scenarios.TLS_AMONG.items():
        for system in results.systems_of(scenario.name):
            of_calm = results.ratio(p99, (scenario.name, system), (scenarios.TLS_STEADY.name, system))
            name = scenario.name + ": handshakes"
            if of_calm and results.of(name, system):
                lines.append(
                    "%s: among %d handshakes a second p99 is %.2f times, by rounds; %s of them a second came"
                    % (system, rate, of_calm, thousands(results.median(name, system, PER_S)))
                )
    return lines


def steady_text(results, quick):
    del quick  # a rate is a rate
    parts = []
    for scenario in (*scenarios.STEADY, scenarios.TLS_STEADY, *scenarios.TLS_AMONG.values()):
        systems = results.systems_of(scenario.name)
        if systems:
            rows = [steady_row(results, scenario.name, system) for system in systems]
            parts += ["%s: %s" % (scenario.name, scenario.says), table(STEADY_HEAD, rows)]
            parts += steady_line(results, scenario.name) + limit_lines(results, scenario.name)
    return parts + among_lines(results)


# --- connect


def connect_row(results, scenario, system):
    loads = zip(
        results.values(scenario, system, "window.generator_cpu_s"),
        results.values(scenario, system, "window.delivered"),
    )
    load_us = sorted(1e6 * seconds / count for seconds, count in loads if count)
    return [
        system,
        thousands(results.median(scenario, system, PER_CPU_S)),
        spread(results.values(scenario, system, PER_CPU_S)),
        *toni_is(results, scenario, system, PER_CPU_S),
        "%.1f" % (results.cost_ns(scenario, system) / 1e3),
        "%.1f" % load_us[len(load_us) // 2],
        thousands(results.median(scenario, system, "window.deliveries_per_s")),
        thousands(results.median(scenario, system, P50)),
        thousands(results.median(scenario, system, P99)),
        *busy_cells(results, scenario, system),
    ]


CONNECT_HEAD = (
    ["", "per server cpu s", "lowest-highest", *TONI_IS]
    + ["cpu us each", "load's us", "per s", "p50 us", "p99 us", "server %", "load %"]
)


def connect_text(results, quick):
    del quick
    parts = []
    for scenario in (scenarios.CONNECT, scenarios.TLS_CONNECT):
        name = scenario.name
        systems = results.systems_of(name)
        if systems:
            rows = [connect_row(results, name, system) for system in systems]
            says = "%s: %s; latency until the answer came" % (name, scenario.says)
            parts += [says, table(CONNECT_HEAD, rows), *limit_lines(results, name)]
    return parts


# --- many


def growth_bytes(results, system, after, before, count):
    name = scenarios.MANY.name
    pairs = zip(
        results.values(name, system, "memory_kib." + after),
        results.values(name, system, "memory_kib." + before),
    )
    grown = sorted(1024 * (a - b) / count for a, b in pairs)
    return grown[len(grown) // 2]


def many_row(results, system, count):
    name = scenarios.MANY.name
    idle = growth_bytes(results, system, "opened", "before", count)
    joined = growth_bytes(results, system, "connected", "opened", count)
    cost_ns = results.cost_ns(name, system)
    sent = results.values(name, system, "window.sent")
    walls = sorted(w / n for w, n in zip(results.values(name, system, "window.wall_s"), sent))
    wall_ms = 1e3 * walls[len(walls) // 2]
    million = scenarios.MILLION
    return [
        system,
        thousands(count),
        thousands(idle),
        thousands(joined),
        thousands(cost_ns),
        "%.1f" % (cost_ns * count / 1e6),
        "%.1f" % wall_ms,
        "%.1f" % (results.median(name, system, "latency_us.max") / 1e3),
        "%.2f" % ((idle + joined) * million / GIB),
        "%.2f" % (cost_ns * million / 1e9),
        *busy_cells(results, name, system),
    ]


MANY_HEAD = (
    ["", "connections", "bytes each", "in the room", "cpu ns each", "a message: cpu ms"]
    + ["until all have it: ms", "worst ms", "a million: GiB", "cpu s", "server %", "load %"]
)


def many_text(results, quick):
    scenario = scenarios.quick(scenarios.MANY) if quick else scenarios.MANY
    name, count = scenario.name, scenario.load["connections"]
    systems = results.systems_of(name)
    if not systems:
        return []
    rows = [many_row(results, system, count) for system in systems]
    return [
        "%s: %s" % (name, scenario.says),
        table(MANY_HEAD, rows),
        "Bytes are the server's (Pss), the kernel's sockets not included; `in the room` comes on top.",
        "A million is computed from these, and was not measured: it takes more descriptors.",
        *limit_lines(results, name),
    ]


# --- except


def except_rows(results):
    rows = []
    for with_except, without in scenarios.EXCEPT_PAIRS:
        for system in results.systems_of(with_except.name):
            if not results.of(without.name, system):
                continue
            cost = results.cost_ns(with_except.name, system)
            plain = results.cost_ns(without.name, system)
            by_rounds = results.ratio(
                PER_CPU_S, (without.name, system), (with_except.name, system)
            )
            rows.append(
                ["%s, %s" % (with_except.name, system), thousands(cost), thousands(plain)]
                + ["%.3f" % (cost / plain), "%.3f" % by_rounds]
            )
    return rows


EXCEPT_HEAD = ["", "ns for a delivery", "sender too", "times", "by rounds"]


def except_text(results, quick):
    del quick
    rows = except_rows(results)
    return [scenarios.SAYS["except"] + ":", table(EXCEPT_HEAD, rows)] if rows else []


# --- events


def events_rows(results):
    """What is wanted of echo is 0.7 of the raw path's messages per processor-second."""
    rows = []
    for events, raw in scenarios.EVENTS_PAIRS:
        for system in results.systems_of(events.name):
            if not results.of(raw.name, system):
                continue
            rate = results.median(events.name, system, PER_CPU_S)
            raw_rate = results.median(raw.name, system, PER_CPU_S)
            by_rounds = results.ratio(PER_CPU_S, (events.name, system), (raw.name, system))
            rows.append(
                ["%s, %s" % (events.name, system), thousands(rate), thousands(raw_rate)]
                + ["%.3f" % (rate / raw_rate), "%.3f" % by_rounds]
            )
    return rows


EVENTS_HEAD = ["", "per server cpu s", "bare text", "of that", "by rounds"]


def events_text(results, quick):
    del quick
    rows = events_rows(results)
    return [scenarios.SAYS["events"] + ":", table(EVENTS_HEAD, rows)] if rows else []


def texts(results, quick):
    """One text for each scenario that has results."""
    makers = (upload_text, steady_text, connect_text, many_text, except_text, events_text)
    return ["\n".join(part) for part in (make(results, quick) for make in makers) if part]
