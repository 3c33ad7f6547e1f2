"""What all tables of scripts/bench share: columns, numbers, and toni beside the others."""

from systems import OTHERS

TONI_IS = ["toni is", "by rounds"]


def thousands(number):
    return "{:,.0f}".format(number)


def spread(values):
    return "%s-%s" % (thousands(min(values)), thousands(max(values)))


def table(head, rows):
    """Columns under each other, the first to the left, all others to the right."""
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)


def toni_is(results, scenario, system, path):
    """Toni's median divided by a system's, and the median of the ratios of each round."""
    toni = results.median(scenario, "toni", path)
    other = results.median(scenario, system, path)
    by_rounds = results.ratio(path, (scenario, "toni"), (scenario, system))
    return [
        "%.3f" % (toni / other) if toni and other else "",
        "%.3f" % by_rounds if by_rounds else "",
    ]


def best_peer(results, scenario, path, better):
    """The peer whose median is `better`, min or max; None without peers."""
    peers = [
        system
        for system in results.systems_of(scenario)
        if system in OTHERS and OTHERS[system].is_peer
    ]
    return better(peers, key=lambda peer: results.median(scenario, peer, path)) if peers else None


def limit_lines(results, scenario):
    """For whom the load generator was slower than what it measured."""
    lines = []
    for system in results.systems_of(scenario):
        rounds = sum(results.values(scenario, system, "window.generator_was_the_limit"))
        if rounds:
            lines.append(
                "The load generator was the limit for %s in %d of %d rounds."
                % (system, rounds, len(results.of(scenario, system)))
            )
    return lines
