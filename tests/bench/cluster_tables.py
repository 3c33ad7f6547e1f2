"""What a series found about several nodes over one Redis, as tables."""

import statistics

import scenarios
from layout import limit_lines, spread, table, thousands

PER_CPU_S = "window.deliveries_per_cpu_s"
THREE = "toni, %d nodes" % scenarios.CLUSTER_NODES
NODE = "toni, a node"


def redis_us(results, scenario, system):
    """Redis's processor time for each message; empty without a Redis."""
    each = [
        1e6 * report["redis_cpu_s"] / report["window"]["sent"]
        for report in results.of(scenario, system)
        if "redis_cpu_s" in report
    ]
    return "%.1f" % statistics.median(each) if each else ""


def row(results, scenario, system, held):
    """@param held: Whose deliveries per processor-second are divided by this one's."""
    rates = results.values(scenario, system, PER_CPU_S)
    sent, used = (
        results.values(scenario, system, "window." + key) for key in ("sent", "server_cpu_s")
    )
    by_rounds = results.ratio(PER_CPU_S, (scenario, held), (scenario, system))
    return [
        system,
        thousands(statistics.median(rates)),
        spread(rates),
        "%.2f" % by_rounds if by_rounds else "",
        "%.2f" % statistics.median(1e6 * s / n for s, n in zip(used, sent)),
        redis_us(results, scenario, system),
        thousands(results.median(scenario, system, "window.deliveries_per_s")),
        thousands(results.median(scenario, system, "latency_us.p50")),
        thousands(results.median(scenario, system, "latency_us.p99")),
        thousands(results.median(scenario, system, "late_us.p99")),
    ]


def head(held):
    return (
        ["", "per node cpu s", "lowest-highest", "%s is, by rounds" % held, "cpu us a message"]
        + ["redis's", "per s", "p50 us", "p99 us", "sent late, p99 us"]
    )


def scenario_text(results, scenario, held):
    systems = results.systems_of(scenario.name)
    if not systems:
        return []
    rows = [row(results, scenario.name, system, held) for system in systems]
    parts = ["%s: %s" % (scenario.name, scenario.says), table(head(held), rows)]
    return ["\n".join(parts + added_lines(results, scenario) + limit_lines(results, scenario.name))]


def added_lines(results, scenario):
    """What a node pays for a message beyond a host that is alone."""
    if scenario not in scenarios.CLUSTER_ONE or not results.of(scenario.name, NODE):
        return []
    added = []
    for alone, node in zip(results.of(scenario.name, "toni"), results.of(scenario.name, NODE)):
        cost = [1e6 * r["window"]["server_cpu_s"] / r["window"]["sent"] for r in (alone, node)]
        added.append(cost[1] - cost[0])
    return [
        "Over Redis a message costs the node %.2f us more by rounds (%.2f to %.2f)."
        % (statistics.median(added), min(added), max(added))
    ]


def flood_text(results):
    rows = []
    for messages, reports in results.floods.items():
        each = {key: [report[key] for report in reports] for key in reports[0]}
        rows.append(
            [
                scenarios.FLOODS[messages],
                thousands(statistics.median(each["publishes_per_s"])),
                spread(each["publishes_per_s"]),
                thousands(statistics.median(each["publishes_per_redis_cpu_s"])),
                spread(each["publishes_per_redis_cpu_s"]),
                "%.2f" % statistics.median(each["redis_us"]),
                "%.2f" % statistics.median(each["engine_us"]),
            ]
        )
    names = ["", "per s", "lowest-highest", "per redis cpu s", "lowest-highest", "redis us", "engine us"]
    says = "the engine alone, pipelined: 256 bytes, 1,000 rooms, 1,000 unanswered at most"
    return ["\n".join([says, table(names, rows)])] if rows else []


def texts(results):
    """One text for each scenario that has results."""
    parts = []
    for scenario in (scenarios.CLUSTER, scenarios.CLUSTER_STEADY):
        parts += scenario_text(results, scenario, THREE)
    for scenario in scenarios.CLUSTER_ONE:
        parts += scenario_text(results, scenario, NODE)
    return parts + flood_text(results)
