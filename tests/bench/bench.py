"""scripts/bench: measures what a delivery costs, toni beside other servers; see
docs/performance.md."""

import argparse
import datetime
import json
import os
import platform
import shutil
import sys

import counting
import deflate
import looking
import scenarios
import tables
from running import Bench
from series import Series, say
from systems import OTHERS

ALWAYS = ("shared_batches", "bare_send")  # built along: no reason to leave them out
DEFAULT_ROUNDS = 5


def names_of(known, what):
    def read(text):
        names = list(known) if text == "all" else [name for name in text.split(",") if name]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    "no %s `%s`; there are: all, %s" % (what, name, ", ".join(known))
                )
        return names

    return read


def read_arguments():
    lines = ["scenarios:", *("  %-9s %s" % pair for pair in scenarios.SAYS.items())]
    lines += ["", "others: %s" % ", ".join(OTHERS)]
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures toni beside other servers, in turns: the server on one core, the load"
        " on another. What counts is deliveries per second of the server's processor time.",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--scenarios",
        type=names_of(scenarios.NAMES, "scenario"),
        default=list(scenarios.NAMES),
        metavar="NAMES",
        help="which, with commas between them (all)",
    )
    add(
        "--with",
        dest="others",
        type=names_of(OTHERS, "server"),
        default=list(ALWAYS),
        metavar="NAMES",
        help="what else to measure, or `all` (%s)" % ",".join(ALWAYS),
    )
    add(
        "--rounds",
        type=int,
        default=None,
        metavar="N",
        help="medians are of so many (%d)" % DEFAULT_ROUNDS,
    )
    add("--json", action="store_true", help="print every run as JSON, instead of tables")
    add(
        "--count",
        action="store_true",
        help="count instructions with callgrind instead of measuring times",
    )
    add(
        "--profile",
        action="store_true",
        help="show where the time goes, with perf and strace, instead",
    )
    add(
        "--deflate",
        action="store_true",
        help="show what permessage-deflate costs, in memory and instructions, instead",
    )
    add(
        "--quick",
        action="store_true",
        help="one small round, to see that all works: its times mean nothing",
    )
    add("--policy", metavar="NAME", help="outbox_policy of toni (what toni takes by itself)")
    add(
        "--slow-peers",
        action="store_true",
        help="let the peers meet slow readers too; some take gigabytes",
    )
    add(
        "--build",
        default="build/release",
        metavar="DIR",
        help="where toni was built (build/release)",
    )
    add(
        "--baseline",
        metavar="DIR",
        help="another build of toni, such as one from before a change, to measure in turns with it",
    )
    add(
        "--real-time",
        action="store_true",
        help="go before all else that runs on the machine, which then stands still; for root",
    )
    add("--server-core", default="0", metavar="N", help="(0)")
    add("--load-core", default="1", metavar="N", help="(1)")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else DEFAULT_ROUNDS)
    return options


def usable_others(names, build):
    systems = [OTHERS[name](build) for name in names]
    for system in systems:
        missing = system.missing()
        if missing:
            say("without %s: not there: %s" % (system.name, missing))
    return [system for system in systems if not system.missing()]


def make_bench(options):
    """Without a core for each side, or without taskset, nobody is pinned."""
    build = os.path.abspath(options.build)
    baseline = options.baseline and os.path.abspath(options.baseline)
    cores = {str(core) for core in os.sched_getaffinity(0)}
    if shutil.which("taskset") and {options.server_core, options.load_core} <= cores:
        return Bench(
            build,
            options.server_core,
            options.load_core,
            baseline,
            is_real_time=options.real_time,
        )
    say(
        "not pinned: no taskset, or no cores %s and %s; server and load disturb each other"
        % (options.server_core, options.load_core)
    )
    return Bench(build, None, None, baseline, is_real_time=options.real_time)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_average": os.getloadavg(),
    }


def look(options, bench):
    """--count and --profile."""
    found = machine()
    if options.profile:
        print(looking.profile_text(bench, options.scenarios))
        return 0
    others = usable_others(options.others, bench.build)
    counts, text = counting.count_text(bench, others, options.scenarios)
    if counts is None:
        say(text)
        return 1
    print(json.dumps({"machine": found, "counts": counts}, indent=1) if options.json else text)
    return 0


def measure(options, bench):
    found = machine()
    results = Series(bench, usable_others(options.others, bench.build), options).run_rounds(
        options.scenarios, options.rounds
    )
    if options.json:
        print(json.dumps(tables.series_json(results, options.quick, found), indent=1))
    else:
        print("%(date)s, %(processor)s, %(cores)d cores, Linux %(kernel)s" % found)
        print(
            "load of the machine before: %.1f; %d rounds, medians\n"
            % (found["load_average"][0], options.rounds)
        )
        print(tables.series_text(results, options.quick))
    for fault in results.faults:
        say("wrong: %s" % fault)
    return 1 if results.faults else 0


def main():
    options = read_arguments()
    bench = make_bench(options)
    if options.deflate:
        print(deflate.text(bench, options.rounds))
        return 0
    return look(options, bench) if options.count or options.profile else measure(options, bench)


if __name__ == "__main__":
    sys.exit(main())
