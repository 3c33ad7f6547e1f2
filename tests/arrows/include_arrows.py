#!/usr/bin/python3
"""Reads the #include lines of the tree and fails on one that points back.

    include <- base <- cluster <- ws <- rooms <- config <- tls <- plugin <- instance <- graph <- swap <- net <- clustering <- http <- new <- watch <- host

and on a library or a call that has one place in the project and turns up in another, or has none. What each rule is for is in
docs/architecture.md. Usage: include_arrows.py TREE
"""

import re
import sys
from pathlib import Path

CORE_ORDER = ["base", "cluster", "ws", "rooms", "config", "tls", "plugin", "instance", "graph", "swap", "net", "clustering", "http", "new", "watch", "host"]

# In these folders no file is in a circle of includes.
NO_CIRCLES = ("core/clustering/", "core/net/", "core/ws/")

# In these folders files have an order, too: a file includes those before it. X.h and X.c are one.
FILE_ORDER = {
    "core/cluster": [
        "terms", "client_id", "list", "chance", "wire", "envelope", "payload", "control_wire", "control", "control_private", "control_table", "control_nodes",
        "control_sends", "control_asks", "control_receipts", "control_incoming", "output", "rendezvous", "recovery", "history_log", "room_order", "publishes",
        "subscriptions", "server_state", "checks", "lease", "node", "room_state", "node_private", "node_leases",
        "node_patience", "node_publishes", "node_messages", "node_joins", "node_rooms", "node_tops", "node_history", "node_recovery", "node_servers", "node_life",
    ],
    "core/rooms": [
        "limits", "naming", "transport", "lane_figures", "spares", "registry", "receipt", "request", "identity", "guard_notes",
        "remote", "topic", "coming", "budget", "batch", "outbox", "gap_notice", "marks", "dropping", "lane", "pins", "backlog", "missed", "receiver", "direct", "audience", "spare_commands",
        "revocations", "histories", "shared", "rules", "room_rules", "history_rules", "history", "room", "gap", "metadata", "room_table", "room_history", "broadcast", "memberships", "comeback", "joining", "client", "client_log", "client_list",
        "client_set", "target", "addressees", "multicast", "pages", "history_change", "remote_out", "send", "remote_entries", "returning", "remote_in", "connections", "crowd", "largest", "revoking", "asked", "api",
    ],
}  # fmt: skip

# A library's header -> (where it may be included, how that is said, in how many files at most)
ONE_PLACE = {
    "libwebsockets.h": (re.compile(r"(?!)"), "no file", None),
    "microhttpd.h": (re.compile(r"core/http/[^/]*"), "core/http", None),
    "libconfig.h": (re.compile(r"core/config/[^/]*"), "one file in core/config", 1),
    **{
        "openssl/%s.h" % name: (re.compile(r"core/tls/[^/]*|(plugins|bench)/.*"), "core/tls, plugins and bench", None)
        for name in (
            "bio", "core_names", "crypto", "err", "evp", "ocsp", "pem", "rand", "ssl", "types", "x509", "x509v3",
        )
    },
    "zlib.h": (re.compile(r"core/ws/[^/]*"), "one file in core/ws", 1),
    "nettle/base64.h": (re.compile(r"core/ws/handshake\.c"), "core/ws/handshake.c", None),
    "nettle/memops.h": (re.compile(r"core/http/admin_token\.c"), "core/http/admin_token.c", None),
    "nettle/sha1.h": (re.compile(r"core/ws/handshake\.c"), "core/ws/handshake.c", None),
    "jansson.h": (
        re.compile(r"core/(config/gap_notice|host/(describe|graph|parts|status)_json|http/(events_json|host_json|json_text|workbench_json))\.[ch]|(plugins|sdk/events|bench)/.*"),
        "core/config/gap_notice.c, core/host/*_json.c, core/http/*json*.c, plugins, sdk/events and bench",
        None,
    ),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
DLOPEN = re.compile(r"\bdlm?open\s*\(")
COARSE_CLOCK = re.compile(r"\b(time\s*\(\s*(NULL|0|nullptr|&\w+)\s*\)|X509_cmp_current_time\s*\()")
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def without_comments_and_strings(text):
    """The same text with the same line numbers; an #include's "name" is no string."""

    def blank(match):
        found = match.group()
        line_start = text.rfind("\n", 0, match.start()) + 1
        is_include = re.match(r"\s*#\s*include\s*$", text[line_start : match.start()])
        if found.startswith('"') and is_include:
            return found
        return " " + "\n" * found.count("\n")

    return COMMENT_OR_STRING.sub(blank, text)


def sources(tree):
    for part in ("include", "core", "bench", "plugins", "sdk"):
        for path in sorted((tree / part).rglob("*")):
            if path.suffix in (".c", ".cc", ".h", ".hh", ".hpp") and path.is_file():
                yield path


def resolve(tree, path, quoted, name):
    """Which file of the tree an #include means, or None for a system header."""
    folders = [tree / "core", tree / "include", tree / "plugins/include", tree / "bench"]
    if quoted:
        folders.insert(0, path.parent)
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).resolve().relative_to(tree).as_posix()
    return None


def rank(file):
    """Where a file stands in the order; None if it is not part of it."""
    parts = file.split("/")
    if parts[0] == "include":
        return 0
    if parts[0] == "core" and parts[1] in CORE_ORDER:
        return 1 + CORE_ORDER.index(parts[1])
    return None


def place(file):
    """The folder and the place of a file that is in FILE_ORDER; the place is None if it is missing there."""
    folder, _, name = file.rpartition("/")
    order = FILE_ORDER.get(folder)
    if order is None:
        return None, None
    stem = name.rpartition(".")[0]
    return folder, order.index(stem) if stem in order else None


def judge_files(source, target):
    """As judge, of two files in a folder where these have an order."""
    source_folder, source_place = place(source)
    target_folder, target_place = place(target)
    if source_folder is None or source_folder != target_folder:
        return None
    if source_place is None or target_place is None:
        return f"FILE_ORDER does not say where in {source_folder} this is"
    if target_place > source_place:
        return f"an arrow that points back in {source_folder}: see FILE_ORDER"
    return None


def judge(source, target):
    """What is wrong with `source` including `target`, both files of the tree; None if nothing is."""
    part = source.split("/")[0]
    if part == "plugins":
        own_folder = "/".join(source.split("/")[:2]) + "/"
        if not target.startswith(("include/toni/", "plugins/include/", own_folder)):
            return "a plugin includes toni/, toni-plugins/ and system headers only"
    elif part == "sdk":
        if not target.startswith(("include/toni/", "sdk/")):
            return "the SDK includes toni/ and system headers only"
    elif part == "bench":
        if not target.startswith(("core/base/", "bench/")):
            return "the generator includes core/base and system headers only: it is no part of a host"
    elif rank(source) is None:
        return "core/ has no such folder: " + ", ".join(CORE_ORDER)
    elif rank(target) is None:
        return "the host and its contract include nothing from there"
    elif source.startswith("core/base/") and target.startswith("include/"):
        return "core/base knows nothing of toni/"
    elif source.startswith("core/cluster/") and not target.startswith(("core/base/", "core/cluster/")):
        return "core/cluster stands on core/base alone"
    elif rank(target) > rank(source):
        return "an arrow that points back: include <- " + " <- ".join(CORE_ORDER)
    return judge_files(source, target)


def circles(includes):
    """Of files that include each other, directly or not: (file, line, text). A .c and its .h are one."""
    reached = {}
    for unit in includes:
        seen, todo = set(), [unit]
        while todo:
            for other in includes.get(todo.pop(), {}):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        reached[unit] = seen
    for unit, others in includes.items():
        for other, (source, number, name) in others.items():
            if unit in reached.get(other, ()):
                yield source, number, f"{name}: a circle: that includes this one, directly or not"


def findings(tree):
    """Every broken rule as (file, line, text)."""
    tree = Path(tree).resolve()
    found = []
    users = {}  # what may be in one file only -> the files it is in, each with its first line
    includes = {}  # of the folders without circles: unit -> included unit -> where

    for path in sources(tree):
        source = path.relative_to(tree).as_posix()
        text = without_comments_and_strings(path.read_text(encoding="utf-8"))
        for number, line in enumerate(text.split("\n"), start=1):
            if source.startswith("core/") and DLOPEN.search(line):
                users.setdefault("calls dlopen", {}).setdefault(source, number)
            if COARSE_CLOCK.search(line):
                found.append((source, number, "time(2) is behind at the turn of a second: see core/base/clock.h"))
            include = INCLUDE.match(line)
            if not include:
                continue
            quoted, name = include.group(1) == '"', include.group(2)
            if name in ONE_PLACE:
                place, said, most = ONE_PLACE[name]
                if not place.fullmatch(source):
                    found.append((source, number, f"{name}: only {said} includes it"))
                elif most:
                    users.setdefault(f"includes {name}", {}).setdefault(source, number)
                continue
            target = resolve(tree, path, quoted, name)
            if target:
                fault = judge(source, target)
                if fault:
                    found.append((source, number, f"{name}: {fault}"))
                unit, other = source.rsplit(".", 1)[0], target.rsplit(".", 1)[0]
                if unit != other and source.startswith(NO_CIRCLES) and target.startswith(NO_CIRCLES):
                    includes.setdefault(unit, {}).setdefault(other, (source, number, name))
            elif quoted:
                found.append((source, number, f"{name}: no such file in this tree"))

    found.extend(circles(includes))
    for use, files in users.items():
        if len(files) > 1:
            for source, number in files.items():
                others = ", ".join(sorted(set(files) - {source}))
                found.append((source, number, f"only one file {use}, and so does {others}"))
    return sorted(found)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: include_arrows.py TREE")
    tree = Path(sys.argv[1])
    count = sum(1 for _ in sources(tree))
    if count == 0:
        sys.exit(f"include_arrows: no sources below {tree}")
    found = findings(tree)
    for source, number, text in found:
        print(f"{source}:{number}: {text}")
    print(f"include_arrows: {count} files, {len(found)} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
