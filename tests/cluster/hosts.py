"""Hosts of toni that share a Redis, each reached by a proxy if a test asks for it."""

import os
import re
import sys
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

# pylint: disable=wrong-import-position
from load import Load
from proxy import Proxy
from redis_server import Redis
from toni_host import (DEADLINE, SLOWNESS, Host, PatientTestCase, configuration, gateway, metrics, raise_file_limit,
                       service)

# What the issue allows, and as much again for a machine that others use, too.
SLACK = 2 * SLOWNESS
REFUSED_S, SILENT_S, BACK_S, GHOST_S = 1 * SLACK, 2 * SLACK, 5 * SLACK, 15 * SLACK

LONG = os.environ.get("TONI_CLUSTER") == "long"


def sized(short, long):
    """A figure of the short form, which CI runs, or of the long one."""
    return long if LONG else short


def cluster_conf(name, servers, history=None, workers=1, cluster=None, limits=None, engine_options=None, gateways=(),
                 namespace=None, **top):
    """gateways.conf of one node. history: of all rooms, {messages, seconds}; gateways: beside that of the load; namespace:
    more of the one that there is."""
    gateways = [
        gateway("cluster", "cluster_gateway.so", None, gap_notice="gap {count} {room}"),
        *gateways,
        service("redis", "redis_engine.so", None, options={"servers": servers, **(engine_options or {})}),
    ]
    kept = {"history": [{"rooms": "*", **history}]} if history else {}
    if kept or namespace:
        top["namespaces"] = [{"name": "", **kept, **(namespace or {})}]
    return configuration(
        gateways, workers, {"connections": 20000, **(limits or {})}, admin="127.0.0.1:0",
        cluster={"engine": "redis", "node": name, "ready": True, **(cluster or {})}, **top,
    )


class ClusterTestCase(PatientTestCase):
    """Three nodes and a Redis for each test; at its end the judge is asked, and hosts must end well."""

    nodes = 3
    servers = 1  # of Redis
    history = {"messages": 10000, "seconds": 300}
    redis_settings = {}
    proxied = ()  # indexes of nodes that are behind a proxy
    workers = 1

    def setUp(self):
        raise_file_limit()
        self.redises = [self.server() for _ in range(self.servers)]
        self.redis = self.redises[0]
        self.proxies = {index: self._proxy() for index in self.proxied}
        self.hosts = [self.node(index) for index in range(self.nodes)]
        for host in self.hosts:
            self.wait_up(host)
        self.load = Load([host.address for host in self.hosts])
        self.load.start()
        self.addCleanup(self._end_load)

    def server(self):
        redis = Redis(**self.redis_settings).start()
        self.addCleanup(redis.kill)
        return redis

    def _proxy(self):
        proxy = Proxy(self.redis.port)
        self.addCleanup(proxy.close)
        return proxy

    def _end_load(self):
        if self.load.is_alive():
            self.load.stop()

    def servers_of(self, index):
        """As a node names them."""
        return [self.proxies[index].address] if index in self.proxies else [redis.address for redis in self.redises]

    def node(self, index, **conf):
        host = Host(cluster_conf("node-%d" % index, self.servers_of(index), self.history, self.workers, **conf),
                    before_exec=self.before_host(index)).start()
        self.addCleanup(host.kill)
        return host

    def before_host(self, index):
        """What is done in a node's process before it is one; None: nothing."""

    def figure(self, host, name, server=None):
        """The sum of a figure over its labels, or over those of one server of Redis."""
        of_server = 'server="%s"' % server.address if server else ""
        return sum(value for key, value in metrics(host).items() if key.split("{")[0] == name and of_server in key)

    def subscribers(self, redis=None):
        """{room: how many nodes subscribe to it}, as the server has it."""
        redis = redis or self.redis
        channels = redis.cli("pubsub", "channels").split()
        lines = redis.cli("pubsub", "numsub", *channels).splitlines() if channels else []
        counts = dict(zip(lines[::2], map(int, lines[1::2])))
        return {name.split("/", 1)[1]: count for name, count in counts.items() if ":/" in name}

    def subscriptions(self):
        """Of all nodes, as the server has it."""
        clients = self.redis.cli("client", "list", "type", "pubsub")
        return sum(int(number) for number in re.findall(r" sub=(\d+) ", clients))

    def unrecovered(self):
        """Why clients have not recovered, and what hosts had to say."""
        counts = [{key: value for key, value in metrics(host).items() if "not_recovered" in key and value}
                  for host in self.hosts]
        return "%s\n%s" % (counts, self.warnings())

    def lost(self):
        """Broadcasts that were accepted and not ordered, as the hosts count them."""
        return sum(self.figure(host, "toni_cluster_lost_total") for host in self.hosts)

    def is_up(self, host):
        """Whether the host has its servers, as a balancer in front hears it."""
        try:
            urllib.request.urlopen("http://%s/readyz" % host.admin_address, timeout=DEADLINE).close()
            return True
        except urllib.error.HTTPError as refused:
            self.assertEqual(refused.code, 503)
            return False

    def wait_up(self, host, deadline=DEADLINE):
        self.eventually(lambda: self.is_up(host), "the server is up for this host", deadline)

    def crowd(self, members, rooms):
        """So many members, spread over hosts and rooms, all of which get what is published from now on."""
        names = ["room-%d" % number for number in range(rooms)]
        # Members are dealt to hosts in turn: so every room has some on each of them.
        self.load.connect(members, lambda number: [names[number // self.nodes % rooms]])
        self.load.publish(names, 0)
        self.load.fence(names)
        return names

    def answered(self):
        """No more messages; each has been accepted, or refused: then settle() comes behind all of them."""
        self.load.pause()
        self.load.until(lambda: self.load.accepted + sum(self.load.refused.values()) == self.load.sent, "all are answered")

    def settle(self, rooms, deadline=DEADLINE * 2):
        """No more messages; whoever is in a room gets its last one. Then the judge speaks."""
        self.load.pause()
        try:
            self.load.fence(rooms, deadline)
        except AssertionError as missing:
            closed = [client.closed for client in self.load.lost_clients]
            raise AssertionError("%s\nclosed: %s\n%s" % (missing, closed, self.warnings())) from None
        self.load.stop()
        self.load.judge.verdict()

    def assert_no_gaps(self):
        """Nobody was told that something is lost; hosts have said of what, and why."""
        self.assertEqual(self.load.judge.gaps, 0, self.warnings())

    def assert_nobody_lost(self):
        """No host has closed a client."""
        self.assertEqual([client.closed for client in self.load.lost_clients], [], self.warnings())

    def warnings(self):
        """What hosts had to say meanwhile."""
        lines = [line for host in self.hosts for line, fields, _ in host.lines if fields and fields["level"] != "info"]
        return "\n".join(lines[-40:])

    def end_well(self):
        for host in self.hosts:
            host.stop()
