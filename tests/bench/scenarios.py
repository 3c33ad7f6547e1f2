"""What is measured: each scenario is a load, as options of the load generator."""

import resource
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Scenario:
    """`peer_share` is the part of the messages that peers get, which are slower: figures are per
    delivery anyway. `quick` is how many messages show that it works."""

    name: str
    says: str
    load: dict = field(default_factory=dict)
    peer_share: float = 1.0
    quick: int = 100

    def arguments(self, share=1.0):
        load = dict(self.load)
        load["messages"] = max(1, int(load["messages"] * share))
        return ["--%s" % k if v is None else "--%s=%s" % (k, v) for k, v in load.items()]

    def with_load(self, name=None, **load):
        changed = {key.replace("_", "-"): value for key, value in load.items()}
        return replace(self, name=name or self.name, load={**self.load, **changed})


FAN = Scenario(
    "fan",
    "one room of 1,000; 20 messages outstanding",
    {
        "connections": 1000,
        "rooms": 1,
        "publishers": 10,
        "messages": 4500,
        "window": 20000,
        "size": 64,
    },
    peer_share=0.07,
    quick=500,
)
ROOMS = Scenario(
    "rooms",
    "100 rooms of 10; 200 messages outstanding",
    {
        "connections": 1000,
        "rooms": 100,
        "publishers": 100,
        "messages": 50000,
        "window": 2000,
        "size": 64,
    },
    peer_share=0.12,
    quick=2000,
)
ECHO = Scenario(
    "echo",
    "1,000 rooms of 1; 100 messages outstanding",
    {
        "connections": 1000,
        "rooms": 1000,
        "publishers": 1000,
        "messages": 120000,
        "window": 100,
        "size": 64,
    },
    peer_share=0.15,
    quick=3000,
)
SINGLE = Scenario(
    "single",
    "one room of 1,000; 100 messages a second",
    {"connections": 1000, "rooms": 1, "publishers": 10, "messages": 250, "rate": 100, "size": 64},
    quick=30,
)
DELIVERY = (FAN, ROOMS, ECHO, SINGLE)

# The same where nobody gets his own messages, which is what chats send; beside it the same gateway,
# one of the benchmarks' own, where the sender gets them too. For toni alone.
TO_ALL = "all:{room}:{message}"
EXCEPT_FAN = replace(
    FAN.with_load("except, fan", others=None), says="fan, where a message leaves its sender out"
)
EXCEPT_ROOMS = replace(
    ROOMS.with_load("except, rooms", others=None),
    says="rooms, where a message leaves its sender out",
)
WITHOUT_EXCEPT_FAN = replace(
    FAN.with_load("not except, fan", publish=TO_ALL), says="the same, for the sender too"
)
WITHOUT_EXCEPT_ROOMS = replace(
    ROOMS.with_load("not except, rooms", publish=TO_ALL), says="the same, for the sender too"
)
EXCEPT_PAIRS = (
    (EXCEPT_FAN, WITHOUT_EXCEPT_FAN),
    (EXCEPT_ROOMS, WITHOUT_EXCEPT_ROOMS),
)
EXCEPT = tuple(scenario for pair in EXCEPT_PAIRS for scenario in pair)

# The same through sdk/events: a room is told, or the sender is answered; and beside it, by the same
# gateway, as bare text.
EVENTS_JOIN = '{"event":"join","data":{"room":"{room}"}}'
EVENTS_FAN = replace(
    FAN.with_load(
        "events, fan",
        join=EVENTS_JOIN,
        publish='{"event":"say","data":{"room":"{room}","text":"{message}"}}',
    ),
    says="fan, where an event of a client is told to the room as an event",
)
EVENTS_ECHO = replace(
    ECHO.with_load(
        "events, echo", join=EVENTS_JOIN, publish='{"event":"echo","id":7,"data":{"text":"{message}"}}'
    ),
    says="echo, where the event is answered",
)
RAW_FAN = replace(FAN.with_load("raw, fan", publish=TO_ALL), says="the same as bare text")
RAW_ECHO = replace(ECHO.with_load("raw, echo", publish="own:{message}"), says="the same as bare text")
EVENTS_PAIRS = ((EVENTS_FAN, RAW_FAN), (EVENTS_ECHO, RAW_ECHO))
EVENTS = tuple(scenario for pair in EVENTS_PAIRS for scenario in pair)

# Messages that come in and go nowhere: the gateway ignores them. Each batch of them is followed by one
# that is answered, in the same stream, which says that the server has taken the batch.
SIZES = {20: "20 bytes", 4096: "4 KiB", 65536: "64 KiB", 1 << 20: "1 MiB"}


def upload(size, ahead, messages):
    return Scenario(
        "upload, " + SIZES[size],
        "%s in, ignored by the gateway; {:,} of them, then one that is answered".format(ahead)
        % SIZES[size],
        {
            "connections": 100,
            "rooms": 100,
            "publishers": 100,
            "messages": messages,
            "window": 20,
            "ahead": ahead,
            "ahead-size": size,
        },
        peer_share=0.5,
    )


UPLOAD = (
    upload(20, 1000, 2000),
    upload(4096, 16, 3000),
    upload(65536, 4, 1000),
    upload(1 << 20, 1, 300),
)

# What a host does most of its life: an echo now and then, from a thousand clients in turn. An open
# loop: messages go out when they are due, whatever has come back.
STEADY_S = 3


def steady(rate):
    return Scenario(
        "steady, {:,} a second".format(rate),
        "echo at {:,} messages a second, of 1,000 clients in turn".format(rate),
        {**ECHO.load, "messages": STEADY_S * rate, "rate": rate},
        quick=1000,
    )


STEADY = tuple(steady(rate) for rate in (5000, 20000, 60000))

# One message at a time, for counting: most turns of a steady load have just one.
LONE = replace(ECHO.with_load("lone", window=1), says="echo, one message outstanding")

CONNECT = Scenario(
    "connect",
    "connections opened and closed, 64 at a time, and nothing else",
    {"connections": 1, "handshakes": None, "messages": 20000, "window": 64},
    peer_share=0.3,
    quick=200,
)

# The same over TLS 1.3, with fewer messages: each costs more, and the generator must decrypt them all.
# A server that tells all of each who joins takes longer for that, too.
TLS_SHARE, TLS_SETTLE_MS = 0.5, 1000


def over_tls(scenario):
    load = {**scenario.load, "settle-ms": TLS_SETTLE_MS}
    if "rate" not in load:
        load["messages"] = int(load["messages"] * TLS_SHARE)
    return replace(scenario, name="tls, " + scenario.name, load=load)


TLS_DELIVERY = tuple(over_tls(s) for s in DELIVERY)
TLS_CONNECT = replace(
    CONNECT.with_load("tls, connect", messages=3000),
    says="connections opened and closed, 64 at a time, each with a full handshake of TLS 1.3",
)

# What handshakes do to those who are connected. They are another generator's, and as long at it.
TLS_STEADY = replace(
    STEADY[0].with_load("tls, steady, 5,000 a second"), says=STEADY[0].says + "; no handshakes"
)
TLS_HANDSHAKES = (200, 500)


def tls_among(rate):
    return replace(
        TLS_STEADY,
        name="tls, steady among {:,} handshakes a second".format(rate),
        says="the same while {:,} others a second come and go".format(rate),
    )


TLS_AMONG = {rate: tls_among(rate) for rate in TLS_HANDSHAKES}


def tls_handshakes(rate, quick):
    """As options of the generator."""
    count = rate // 10 if quick else STEADY_S * rate
    return ["--handshakes", "--connections=1", "--join=", "--rate=%d" % rate, "--messages=%d" % count] + [
        "--warm-up=0",
        "--window=64",
        "--settle-ms=0",
    ]


# As many connections as a process may have; some descriptors are left for all else. (toni keeps some
# 1,220 for handshakes, HTTP and its own use.)
MANY_SPARE = 1300


def many_count():
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[1] - MANY_SPARE, 1000000)


def crowd_limits():
    """Toni's. Without pings, of which so many would be under way that it is never silent."""
    return {"connections": many_count() + 50, "ping_ms": 0}


MANY = Scenario(
    "many",
    "{:,} idle connections, then a message to all of them, one at a time".format(many_count()),
    {
        "connections": many_count(),
        "rooms": 1,
        "publishers": 1,
        "messages": 10,
        "warm-up": 1,
        "window": 1,
        "size": 64,
        "settle-ms": 1000,
        "patience-ms": 30000,
    },
    quick=3,
)
MILLION = 1000000

# Bursts: the server stands still while the window is filled, so each turn has the same to do,
# whatever the generator is doing meanwhile. A closed loop batches more or less by chance, and less
# with two workers, which are through sooner; the cost of a delivery goes with that.
BURST_SHARE = 0.4


def burst(scenario):
    load = dict(scenario.load)
    load["messages"] = int(load["messages"] * BURST_SHARE)
    return replace(scenario, name=scenario.name + ", bursts", load={**load, "burst": None})


# One whose rooms have members on both workers. (With an even number of rooms they have not: the
# connections are dealt to rooms and to workers in turn.)
ROOMS_ACROSS = ROOMS.with_load("rooms, 99 of them", rooms=99, publishers=99)

BURSTS = tuple(burst(s) for s in (FAN, ROOMS, ECHO))
WORKERS_BURSTS = (*BURSTS[:2], burst(ROOMS_ACROSS), BURSTS[2])

# Half of the members read nothing; and to compare with, the other half alone, and the same thousand
# of whom all read.
SLOW = Scenario(
    "slow",
    "500 of 1,000 members read nothing; 4,000 messages of 4 KiB",
    {
        "connections": 1000,
        "rooms": 1,
        "slow": 500,
        "publishers": 10,
        "messages": 4000,
        "window": 5000,
        "size": 4096,
        "warm-up": 20,
        "settle-ms": 1000,
    },
    quick=3000,
)
SLOW_WITHOUT = replace(SLOW.with_load("slow, none stalled", connections=500, slow=0), quick=300)
SLOW_ALL_READ = replace(SLOW.with_load("slow, all 1,000 read", slow=0), quick=300)

LARGE = Scenario(
    "large",
    "1 MiB to 1,000 members, one message at a time",
    {
        "connections": 1000,
        "rooms": 1,
        "publishers": 1,
        "messages": 4,
        "window": 1,
        "size": 1 << 20,
        "warm-up": 0,
    },
    quick=2,
)
LARGE_STALLED = LARGE.with_load("large, 500 stalled", slow=500)

# Who stands by must cost nothing: the same load with and without 10,000 connections that are in
# 100,000 rooms.
STANDBY = {"idle": 10000, "idle_joins": 10}
STANDBY_DELIVERY = (FAN, ROOMS)

# Memory: of connections, then of what they join. The rooms of the second load have 100 members.
MEMORY_MEMBERS = 100
MEMORY_ROOMS = Scenario(
    "memory, rooms of one",
    "10,000 connections that join 10 rooms each, of one member",
    {
        "connections": 1,
        "messages": 1,
        "warm-up": 0,
        "idle": 10000,
        "idle-joins": 10,
        "idle-share": 1,
    },
)
MEMORY_SHARED = MEMORY_ROOMS.with_load(
    "memory, rooms of %d" % MEMORY_MEMBERS, idle_share=MEMORY_MEMBERS
)

# Several nodes over one Redis: each room has four members on each of three nodes, and publishers are
# on all of them. The same on one host says what Redis adds.
CLUSTER = Scenario(
    "cluster",
    "three nodes, 100 rooms of 12; 400 messages of 256 bytes outstanding",
    {
        "connections": 1200,
        "rooms": 100,
        "publishers": 100,
        "messages": 20000,
        "window": 4800,
        "size": 256,
        "settle-ms": 1500,
    },
    peer_share=0.15,
    quick=500,
)
CLUSTER_STEADY = replace(
    CLUSTER.with_load("cluster, 200 a second", messages=1000, rate=200),
    says="the same at 200 messages a second, whatever has come back",
    peer_share=1.0,
)
CLUSTER_NODES = 3

# One node: what a message costs a host beyond the local path.
CLUSTER_ECHO = Scenario(
    "cluster, one member",
    "1,000 rooms of 1, 256 bytes; 200 messages outstanding; one node",
    {**ECHO.load, "messages": 60000, "window": 200, "size": 256, "settle-ms": 1500},
    quick=2000,
)
CLUSTER_FAN = Scenario(
    "cluster, fan",
    "one room of 1,000, 256 bytes; 20 messages outstanding; one node",
    {**FAN.load, "messages": 1500, "size": 256, "settle-ms": 1500},
    quick=300,
)
CLUSTER_ONE = (CLUSTER_ECHO, CLUSTER_FAN)

# What an engine publishes by itself: of a history of so many messages for each room; 0: without.
FLOODS = {0: "publishes without a history", 100: "publishes with a history of 100"}
FLOOD_COUNT = 200000

NAMES = (
    "fan",
    "rooms",
    "echo",
    "single",
    "upload",
    "steady",
    "connect",
    "tls",
    "many",
    "except",
    "events",
    "bursts",
    "slow",
    "large",
    "workers",
    "standby",
    "memory",
    "cluster",
)
SAYS = {
    **{s.name: s.says for s in (*DELIVERY, CONNECT, MANY, SLOW, LARGE)},
    "upload": "20 bytes, 4 KiB, 64 KiB and 1 MiB in, pipelined, ignored by the gateway",
    "steady": "echo at 5,000, 20,000 and 60,000 messages a second, whatever has come back",
    "tls": "fan, rooms, echo, single and connect over TLS 1.3, and steady while handshakes come",
    "except": "fan and rooms where a message leaves its sender out, and where it does not",
    "events": "fan and echo through events by name, and as bare text",
    "bursts": "fan, rooms and echo in bursts, so that each turn has the same to do",
    "workers": "the deliveries, and the bursts, with two workers on two cores",
    "standby": "fan and rooms while 10,000 connections and 100,000 rooms stand by",
    "cluster": "three nodes over one Redis, beside one host and Socket.IO on its Redis adapter",
    "memory": "of an idle connection, a membership and an idle room",
}


QUICK_CONNECTIONS = 200


def quick(scenario):
    """The same in small, to see that everything works."""
    load = dict(scenario.load)
    shrink = {
        "connections": 10,
        "rooms": 10,
        "publishers": 10,
        "slow": 10,
        "idle": 50,
        "window": 10,
        "ahead": 10,
    }
    for key, by in shrink.items():
        if load.get(key, 0) > 1:
            load[key] = max(1, load[key] // by)
    load["connections"] = min(load["connections"], QUICK_CONNECTIONS)
    load["messages"] = min(load["messages"], scenario.quick)
    load["settle-ms"] = 100
    return replace(scenario, load=load)
