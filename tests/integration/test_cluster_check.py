"""`toni check` of a host that is one node of a cluster: whether each server of the engine is there, and lets a host do what
it has to; and that it disturbs nobody who is at work there. Over Redis, and the engine of test_cluster_host."""

import os
import re
import socket
import subprocess
import tempfile
import time
import unittest

from redis_servers import ROOT, free_port, wait_for
from redis_servers import Server as Redis
from test_cluster_host import AWAY, UP, ClusterTestCase, cluster_conf
from test_redis_strangers import FakeRedis
from toni_host import (DEADLINE, SANITIZER, SLOWNESS, TONI, Client, Host, configuration, gateway, main, run_toni,
                       service)

ROOMS = gateway("rooms", "rooms_gateway.so", "/rooms")
SERVERS_S = 5  # what a server that does not answer is given
SLACK_S = 5 * SLOWNESS


def redis_conf(servers, options=None, **more):
    """Each server on a line of its own."""
    conf = configuration(
        [ROOMS, service("redis", "redis_engine.so", None, options={"servers": servers, **(options or {})})],
        cluster={"engine": "redis", "node": "left"}, admin="127.0.0.1:0", **more,
    )
    for server in servers:
        conf = conf.replace('"%s"' % server, '\n"%s"' % server)
    return conf


class CheckTestCase(ClusterTestCase):
    def redis(self, **options):
        server = Redis(**options)
        self.addCleanup(server.stop)
        return server

    def check(self, conf, *options):
        """What it printed to stderr, its exit code, and how long it took."""
        self.path = os.path.join(self.folder, "gateways.conf")
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(conf)
        began = time.monotonic()
        result = run_toni("check", "-c", self.path, *options)
        self.assertEqual(result.stdout == "", result.returncode != 0, result.stdout)
        return result.stderr, result.returncode, time.monotonic() - began

    def is_good(self, conf, *options):
        text, code, took = self.check(conf, *options)
        self.assertEqual((text, code), ("", 0))
        self.assertLess(took, SERVERS_S + SLACK_S)

    def is_refused(self, why, conf):
        """One fault, and offline none."""
        text, code, took = self.check(conf)
        self.assertEqual(code, 2, text)
        self.assertRegex(text, why)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertLess(took, SERVERS_S + SLACK_S)
        self.is_good(conf, "--offline")
        return text


class TestRedis(CheckTestCase):
    def line_of(self, text):
        """Of the file, that has this in it."""
        with open(self.path, encoding="utf-8") as file:
            return next(number for number, line in enumerate(file, 1) if text in line)

    def test_one_that_is_there_is_left_as_it_was(self):
        redis = self.redis()
        self.is_good(redis_conf([redis.address]))
        self.assertEqual(redis.call("KEYS", "*"), [])

    def test_a_cluster_at_work_does_not_notice(self):
        redis = self.redis()
        conf = redis_conf([redis.address])
        host = Host(conf).start()
        self.addCleanup(host.kill)
        host.wait_log(msg="this node is one of the cluster")
        client = Client(host.address, "/rooms")
        self.addCleanup(client.sock.close)
        client.read()
        client.send("join:tea")
        client.read_many(2)
        server, leases = redis.call("HGETALL", "toni:s:"), redis.call("HKEYS", "toni:l:")
        keys = set(redis.call("KEYS", "*"))
        for _ in range(5):
            self.is_good(conf)
        self.assertEqual(redis.call("HGETALL", "toni:s:"), server)
        self.assertEqual(redis.call("HKEYS", "toni:l:"), leases)
        self.assertEqual(set(redis.call("KEYS", "*")), keys)
        client.send("msg:tea:hello")
        self.assertIn("hello", client.read())
        self.assertEqual(len(host.log(msg=UP)), 1)
        self.assertFalse(host.log(msg=AWAY))
        self.assertFalse(host.log(msg="another node is seen"))
        host.stop()

    def test_hosts_at_work_that_name_other_servers(self):
        """Who names others would look for their rooms elsewhere."""
        first, second = self.redis(), self.redis()
        conf = redis_conf([first.address, second.address])
        host = Host(conf).start()
        self.addCleanup(host.kill)
        for redis in (first, second):
            wait_for("list", lambda redis=redis: redis.call("HLEN", "toni:d:") == 1)
        self.is_good(conf)
        self.is_good(redis_conf([second.address, first.address]))
        text, code, _ = self.check(redis_conf([second.address]))
        self.assertEqual((code, text.count("\n")), (0, 1), text)
        self.assertRegex(text, 'warning: server .*the host "(left)?" names other servers, ' + ", ".join(sorted((first.address, second.address))))
        host.stop()

    def test_of_several_the_bad_ones_are_named_with_their_lines(self):
        good, nobody, none = self.redis(), "127.0.0.1:%d" % free_port(), "no.such.name.invalid:6379"
        text, code, _ = self.check(redis_conf([nobody, good.address, none]))
        self.assertEqual(code, 2)
        first, second = text.splitlines()
        for line, server, why in ((first, nobody, "Connection refused"), (second, none, "no.such.name.invalid")):
            self.assertIn("%s:%d: server `%s`" % (self.path, self.line_of('"%s"' % server), server), line)
            self.assertIn(why, line)
            self.assertIn("`toni check --offline` asks no server", line)

    def test_those_that_do_not_answer_are_waited_for_together(self):
        servers = [self.redis() for _ in range(4)]
        for server in servers:
            server.halt()
        silent = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(silent.close)
        text, code, took = self.check(
            redis_conf([server.address for server in servers] + ["127.0.0.1:%d" % silent.getsockname()[1]]))
        self.assertEqual((code, text.count("\n")), (2, 5), text)
        self.assertEqual(text.count("it has not answered in time"), 5, text)
        self.assertLess(took, SERVERS_S + SLACK_S)

    @unittest.skipIf(SANITIZER == "tsan", "ThreadSanitizer has a thread of its own")
    def test_what_forks_has_one_thread(self):
        """Beside others a child may not even allocate until it executes a program; the one that tries the engine does."""
        silent = socket.create_server(("127.0.0.1", 0))
        silent.settimeout(DEADLINE)
        path = os.path.join(self.folder, "gateways.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(redis_conf(["127.0.0.1:%d" % silent.getsockname()[1]]))
        with subprocess.Popen([TONI, "check", "-c", path], stderr=subprocess.DEVNULL) as check:
            peer, _ = silent.accept()  # the child's
            threads = os.listdir("/proc/%d/task" % check.pid)
            peer.close()
            silent.close()
        self.assertEqual((threads, check.returncode), ([str(check.pid)], 2))

    def secret(self, text):
        path = os.path.join(self.folder, "password")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def test_what_it_refuses(self):
        redis = self.redis(requirepass="open sesame")
        self.is_refused("set `password_file`", redis_conf([redis.address]))
        path = self.secret("guess-1234")
        self.assertNotIn("guess-1234", self.is_refused("WRONGPASS", redis_conf([redis.address], {"password_file": path})))
        self.secret("open sesame")
        self.is_good(redis_conf([redis.address], {"password_file": path}))

    def test_what_its_user_may_not(self):
        redis, path = self.redis(), self.secret("secret")
        conf = redis_conf([redis.address], {"user": "toni", "password_file": path})
        for rules, words in (
            ("~toni:* &toni:* +@all -eval -evalsha", r"may not run eval, evalsha: ACL SETUSER toni \+eval \+evalsha"),
            ("~toni:* &toni:* +@all -xadd", r"may not run xadd: ACL SETUSER toni \+xadd"),
            ("~toni:* +@all resetchannels", "SUBSCRIBE: NOPERM"),
            ("~toni:[^rh]* &toni:* +@all", "NOPERM .*one of the keys|NOPERM No permissions to access a key"),
        ):
            with self.subTest(rules):
                redis.call("ACL", "SETUSER", "toni", "reset", "on", ">secret", *rules.split())
                self.is_refused(words, conf)

    def test_each_command_that_its_user_needs(self):
        """Those of the rule in the docs, which is enough; and each of them is missed."""
        with open(os.path.join(ROOT, "docs/shipped.md"), encoding="utf-8") as page:
            line = next(line for line in page if line.startswith("ACL SETUSER toni "))
        rules = line.split(" on ", 1)[1].replace(">PASSWORD", ">secret").split()
        commands = [rule for rule in rules if rule.startswith("+")]
        redis, path = self.redis(), self.secret("secret")
        conf = redis_conf([redis.address], {"user": "toni", "password_file": path, "database": 1})
        redis.call("ACL", "SETUSER", "toni", "reset", "on", *rules)
        self.is_good(conf)
        for command in commands:
            with self.subTest(command):
                redis.call("ACL", "SETUSER", "toni", "reset", "on", *[rule for rule in rules if rule != command])
                text, code, _ = self.check(conf)
                self.assertEqual((code, text.count("\n")), (2, 1), text)
                self.assertRegex(text, "`?%s'?" % re.escape(command[1:]))
        self.assertEqual(redis.call("KEYS", "*"), [])

    def test_what_it_has_not(self):
        for command in ("XADD", "EVALSHA", "HLEN"):
            with self.subTest(command):
                redis = self.redis(rename_command=(command, "HIDDEN"))
                self.is_refused("has no command %s: was it renamed" % command.lower(), redis_conf([redis.address]))

    def is_warned(self, conf, *words):
        """Nothing keeps a host from running, and each of these is a line."""
        text, code, _ = self.check(conf)
        self.assertEqual((code, text.count("\n")), (0, len(words)), text)
        for line, word in zip(sorted(text.splitlines()), sorted(words)):
            self.assertIn("warning: server `", line)
            self.assertIn(word, line)

    def test_settings_that_bite_later(self):
        redis = self.redis()
        conf = redis_conf([redis.address])
        redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        self.is_good(conf)  # as long as it has no limit
        redis.call("CONFIG", "SET", "maxmemory", "1gb")
        evicts = "`maxmemory-policy` is allkeys-lru, which throws rooms away when memory is full"
        self.is_warned(conf, evicts)
        redis.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 8mb 60")
        buffers = "`client-output-buffer-limit pubsub` is 1048576 8388608 60"
        self.is_warned(conf, buffers, evicts)
        redis.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
        redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.is_good(conf)
        redis.call("CONFIG", "SET", "maxmemory", "1")
        self.is_warned(conf, "its `maxmemory` is reached")
        self.assertEqual(redis.call("KEYS", "*"), [])

    def test_all_at_once(self):
        redis, path = self.redis(), self.secret("secret")
        redis.call("ACL", "SETUSER", "toni", "on", ">secret", *"~toni:* &toni:* +@all -xadd -hlen".split())
        redis.call("SET", "toni:s:", "what somebody else keeps there")
        redis.call("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        redis.call("CONFIG", "SET", "maxmemory", "1gb")
        redis.call("CONFIG", "SET", "min-replicas-to-write", "1")
        text, code, _ = self.check(redis_conf([redis.address], {"user": "toni", "password_file": path}))
        self.assertEqual((code, text.count("\n")), (2, 4), text)
        for words in ("may not run hlen, xadd: ACL SETUSER toni +hlen +xadd", "NOREPLICAS", "toni:s: is no hash", "volatile-ttl"):
            self.assertIn(words, text)

    def test_a_replica(self):
        redis, replica = self.redis(), self.redis()
        replica.follow(redis)
        self.is_refused("READONLY .*name the primary", redis_conf([replica.address]))

    def test_a_redis_cluster(self):
        redis = self.redis(cluster_enabled="yes", cluster_port=free_port())
        self.is_refused("Redis Cluster", redis_conf([redis.address]))

    def test_keys_of_something_else(self):
        redis = self.redis()
        redis.call("SET", "toni:s:", "what somebody else keeps there")
        self.is_refused("the key of the server: TONI_SERVER_KEY toni:s: is no hash; .*`prefix`, or delete it, which costs a gap",
                        redis_conf([redis.address]))
        self.is_good(redis_conf([redis.address], {"prefix": "mine"}))
        redis.call("DEL", "toni:s:")
        redis.call("RPUSH", "toni:l:", "what somebody else keeps there")
        self.is_refused("the key of leases: TONI_LEASES_KEY toni:l: is no hash; .*`prefix`, or delete it, which costs toni nothing",
                        redis_conf([redis.address]))

    def test_what_is_no_redis(self):
        for words, shown in ((b"TONI_VERSION 6.2", "the oldest that will do"), (b"ERR \x1b[2J oh", r"ERR \?\[2J oh")):
            with self.subTest(words):
                fake = FakeRedis(words)
                self.addCleanup(fake.close)
                self.is_refused(shown, redis_conf([fake.address]))

    def test_options_that_its_engine_refuses(self):
        text, code, _ = self.check(redis_conf(["a:b:c:d"]))
        self.assertEqual(code, 2)
        self.assertIn("the cluster's engine `redis` can't be used: `redis` can't be made ready: option `servers`", text)
        self.assertRegex(text, re.escape(self.path) + r":\d+: ")

    def test_a_reload_asks_no_server(self):
        """It must be taken while Redis is away, as a start is."""
        redis = self.redis()
        host = Host(redis_conf([redis.address])).start()
        self.addCleanup(host.kill)
        redis.halt()
        host.configure(redis_conf([redis.address], limits={"drain_ms": 5000}))
        began = time.monotonic()
        result = run_toni("reload", "-c", host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertLess(time.monotonic() - began, SLACK_S)


class TestEngines(CheckTestCase):
    """What an engine does wrong ends no check, and is named."""

    def conf(self, how, **limits):
        return cluster_conf(self.server, "left", options={"misbehaves": how}, limits=limits or None)

    def test_a_good_one(self):
        self.is_good(self.conf(""))

    def test_one_that_refuses(self):
        self.is_refused("it is told to fail", self.conf("create"))
        self.is_refused("the cluster's engine `tie` can't be used: a limit is reached", self.conf("attach"))
        self.is_refused("it does not name 1 to 64 servers", self.conf("names"))

    def test_one_that_crashes(self):
        self.is_refused("the cluster's engine `tie` ended the process that tried it: SIGABRT", self.conf("crash in hello"))

    def test_one_that_hangs(self):
        self.is_refused("the cluster's engine `tie` can't be used: its function `hello` has not returned", self.conf("hang in hello", hook_ms=200))

    def test_no_copies_are_left(self):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TMPDIR"] = folder
            self.addCleanup(os.environ.pop, "TMPDIR")
            for how in ("", "create", "crash in hello", "hang in hello"):
                self.check(self.conf(how, hook_ms=200))
            self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    main()
