"""What a series found, as text for people and as JSON."""

import cluster_tables
import host_tables
import scenarios
from layout import TONI_IS, limit_lines, spread, table, thousands, toni_is
from series import memory_figures


RATE = "window.deliveries_per_cpu_s"


def delivery_rows(results, scenario):
    rows = []
    for system in results.systems_of(scenario):
        rates = results.values(scenario, system, RATE)
        rows.append(
            [
                system,
                thousands(results.median(scenario, system, RATE)),
                spread(rates),
                *toni_is(results, scenario, system, RATE),
                thousands(results.median(scenario, system, "window.deliveries_per_s")),
                thousands(results.median(scenario, system, "latency_us.p50")),
                thousands(results.median(scenario, system, "latency_us.p99")),
                "%.0f" % (100 * results.median(scenario, system, "window.server_busy")),
                "%.0f" % (100 * results.median(scenario, system, "window.generator_busy")),
            ]
        )
    return rows


DELIVERY_HEAD = [
    "",
    "per server cpu s",
    "lowest-highest",
    *TONI_IS,
    "per s",
    "p50 us",
    "p99 us",
    "server %",
    "load %",
]


def delivery_text(results, scenario, says):
    text = ["%s: %s" % (scenario, says), table(DELIVERY_HEAD, delivery_rows(results, scenario))]
    return "\n".join(text + limit_lines(results, scenario))


def workers_lines(results):
    lines = []
    for scenario in (*scenarios.DELIVERY, *scenarios.WORKERS_BURSTS):
        one, two = (scenario.name, "toni"), (scenario.name, "toni, 2 workers")
        ratio = results.ratio(RATE, one, two)
        if ratio:
            lines.append(
                "%-24s %6.0f ns with one worker, %6.0f ns with two: %.3f times; by rounds %.3f"
                % (
                    scenario.name,
                    results.cost_ns(*one),
                    results.cost_ns(*two),
                    results.cost_ns(*two) / results.cost_ns(*one),
                    ratio,
                )
            )
    return lines


def bursts_lines(results):
    lines = []
    for scenario in scenarios.BURSTS:
        for system in results.systems_of(scenario.name):
            if system == "toni, 2 workers":
                continue
            ratio = results.ratio(RATE, (scenario.name, "toni"), (scenario.name, system))
            lines.append(
                "%-14s %-15s %9s deliveries per cpu s; toni is %.3f, by rounds %.3f"
                % (
                    scenario.name,
                    system,
                    thousands(results.median(scenario.name, system, RATE)),
                    results.median(scenario.name, "toni", RATE)
                    / results.median(scenario.name, system, RATE),
                    ratio,
                )
            )
    return lines


def standby_lines(results):
    lines = []
    for scenario in scenarios.STANDBY_DELIVERY:
        alone = results.cost_ns("standby: %s, nobody" % scenario.name, "toni")
        crowded = results.cost_ns("standby: %s, 10,000 connections" % scenario.name, "toni")
        if alone and crowded:
            lines.append(
                "%-8s %6.0f ns with nobody else, %6.0f ns with 10,000 connections in 100,000 rooms:"
                " %+.1f %%" % (scenario.name, alone, crowded, 100 * (crowded / alone - 1))
            )
    return lines


def closed_text(report):
    closed = report["slow"]["closed"]
    if not closed:
        return "none closed"
    return ", ".join("%d closed with %s" % (count, code) for code, count in closed.items())


def compared(results, system, without):
    """The p99 of those who read beside that of a run in which all do; None without one."""
    base = "toni" if system.startswith("toni") else system
    if not results.of(without.name, base):
        return None
    p99 = "latency_us.p99"
    return "%s us: %.2f times, by rounds %.2f" % (
        thousands(results.median(without.name, base, p99)),
        results.median(scenarios.SLOW.name, system, p99) / results.median(without.name, base, p99),
        results.ratio(p99, (scenarios.SLOW.name, system), (without.name, base)),
    )


def slow_lines(results):
    lines = []
    slow = scenarios.SLOW.name
    for system in results.systems_of(slow):
        last = results.of(slow, system)[-1]
        lines += [
            "%s: peak resident %s KiB, share of memory at the end %s KiB"
            % (
                system,
                thousands(results.median(slow, system, "memory_kib.peak_resident")),
                thousands(results.median(slow, system, "memory_kib.after")),
            ),
            "    of the %d stalled: %s; they got %s of %s messages"
            % (
                last["slow"]["connections"],
                closed_text(last),
                thousands(last["slow"]["delivered"]),
                thousands(last["slow"]["connections"] * last["window"]["sent"]),
            ),
            "    p99 of the others: %s us" % thousands(results.median(slow, system, "latency_us.p99")),
        ]
        for says, without in (
            ("of the same 500 alone", scenarios.SLOW_WITHOUT),
            ("of the same 1,000 of whom all read", scenarios.SLOW_ALL_READ),
        ):
            text = compared(results, system, without)
            if text:
                lines.append("    %s: %s" % (says, text))
    return lines


def large_lines(results):
    lines = []
    for scenario in (scenarios.LARGE, scenarios.LARGE_STALLED):
        if not results.of(scenario.name, "toni"):
            continue
        last = results.of(scenario.name, "toni")[-1]
        joined = results.median(scenario.name, "toni", "memory_kib.joined")
        lines.append(
            "%-20s %s deliveries per cpu s, p99 %s us; share of memory %s KiB before, %s KiB behind;"
            " peak %s KiB; %s"
            % (
                scenario.name,
                thousands(results.median(scenario.name, "toni", "window.deliveries_per_cpu_s")),
                thousands(results.median(scenario.name, "toni", "latency_us.p99")),
                thousands(joined),
                thousands(results.median(scenario.name, "toni", "memory_kib.after")),
                thousands(results.median(scenario.name, "toni", "memory_kib.peak_resident")),
                closed_text(last),
            )
        )
    return lines


def memory_lines(results, quick):
    lines = []
    for system in results.systems_of(scenarios.MEMORY_ROOMS.name):
        figures = memory_figures(results, quick, system)
        lines += [system, *figure_lines(figures)] if figures else []
    return lines


def figure_lines(figures):
    return [
        "an idle connection          %7.0f bytes (%.2f KiB)"
        % (figures["idle_connection_bytes"], figures["idle_connection_bytes"] / 1024),
        "a membership                %7.0f bytes" % figures["membership_bytes"],
        "an idle room                %7.0f bytes, and with its one member %.0f"
        % (figures["idle_room_bytes"], figures["idle_room_with_its_member_bytes"]),
    ]


def series_text(results, quick):
    """All tables, those without a result left out."""
    parts = [
        delivery_text(results, s.name, s.says)
        for s in (*scenarios.DELIVERY, *scenarios.TLS_DELIVERY)
        if s.name in results.names()
    ]
    parts += host_tables.texts(results, quick)
    parts += cluster_tables.texts(results)
    blocks = (
        ("in bursts, so that each turn has the same to do:", bursts_lines(results)),
        ("processor time of a delivery, two workers on two cores:", workers_lines(results)),
        ("processor time of a delivery while others stand by:", standby_lines(results)),
        (scenarios.SLOW.says + ":", slow_lines(results)),
        (scenarios.LARGE.says + ":", large_lines(results)),
        ("memory of the host, kernel not included:", memory_lines(results, quick)),
    )
    parts += ["\n".join([title, *lines]) for title, lines in blocks if lines]
    return "\n\n".join(parts)


def series_json(results, quick, machine):
    return {
        "machine": machine,
        "runs": [
            {"scenario": scenario, "system": system, **report}
            for (scenario, system), reports in results.reports.items()
            for report in reports
        ],
        "memory": memory_figures(results, quick),
        "floods": results.floods,
        "faults": results.faults,
    }
