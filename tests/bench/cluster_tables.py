"""What a series found about several nodes over one Redis, as tables."""

import statistics

import scenarios
from layout import limit_lines, spread, table, thousands

PER_CPU_S = "window.deliveries_per_cpu_s"
THREE = "toni, %d nodes" % scenarios.CLUSTER_NODES
NODE = "toni, a node"


def message_us(report, used_s):
    return 1e6 * used_s / report["window"]["sent"]


def node_us(results, scenario, system):
    """The nodes' processor time for each message, by rounds."""
    return [message_us(r, r["window"]["server_cpu_s"]) for r in results.of(scenario, system)]


def redis_us(results, scenario, system):
    """Redis's; empty without a Redis."""
    reports = [r for r in results.of(scenario, system) if "redis_cpu_s" in r]
    each = [message_us(r, r["redis_cpu_s"]) for r in reports]
    return "%.1f" % statistics.median(each) if each else ""


def row(results, scenario, system, held):
    """@param held: Whose deliveries per processor-second are divided by this one's."""
    rates = results.values(scenario, system, PER_CPU_S)
    by_rounds = results.ratio(PER_CPU_S, (scenario, held), (scenario, system))
    return [
        system,
        thousands(statistics.median(rates)),
        spread(rates),
        "%.2f" % by_rounds if by_rounds else "",
        "%.2f" % statistics.median(node_us(results, scenario, system)),
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
    alone, node = (node_us(results, scenario.name, system) for system in ("toni", NODE))
    added = [over_redis - by_itself for by_itself, over_redis in zip(alone, node)]
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
