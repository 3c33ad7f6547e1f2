"""The engine for Redis against real servers, and against what only looks like one."""

import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from redis_servers import ROOT, Engine, Sentinel, Server, free_port, programs, wait_for  # noqa: E402
from tls_material import Authority, openssl  # noqa: E402

APPLIED, REPEAT, LOST, OTHER_INCARNATION, READ_ONLY, NOT_RUN, ERROR = "0123456"
NONE = "0:0"


def pump(source, target, change=bytes):
    """One direction; whoever ends the other one closes both sockets."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(change(data))
        target.shutdown(socket.SHUT_WR)


class Case(unittest.TestCase):
    program = None

    def server(self, **options):
        server = Server(self.program, **options)
        self.addCleanup(server.stop)
        return server

    def engine(self, *options):
        engine = Engine(*options)
        self.addCleanup(engine.stop)
        return engine

    def pair(self, **options):
        """A server, and an engine that is connected to it."""
        server = self.server(**options)
        engine = self.engine(("servers", server.address))
        engine.connect()
        return server, engine

    def listen(self, serve_one):
        """Has each connection served by a function of its socket, on a thread of its own."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=run, args=(sock,), daemon=True).start()

        def run(sock):
            with sock:
                try:
                    serve_one(sock)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        return ("servers", "127.0.0.1:%d" % listener.getsockname()[1])

    def fails_to_say_hello(self, *options):
        """The answer, and what was logged."""
        engine = self.engine(*options)
        engine.open()
        engine.next("connected")
        engine.say("hello 0 1 77 a")
        told = engine.next("failed")
        self.assertEqual(told[3], "1")
        return told[4:], engine.logs

    def ends_at_hello(self, *options):
        """Why the connection ends that was made."""
        engine = self.engine(*options)
        engine.open()
        engine.next("connected")
        engine.say("hello 0 1 77 a")
        return engine.next("closed").line

    def fails_to_open(self, *options):
        """Why there is no connection."""
        engine = self.engine(*options)
        engine.open()
        return engine.next("closed").line


class Messages(Case):
    def test_order_repeats_and_what_comes_back(self):
        server, engine = self.pair()
        other = self.engine(("servers", "unix:" + server.path))
        other.connect(node=0xB)
        self.assertEqual(other.incarnation, engine.incarnation)
        other.subscribe("/a")
        self.assertEqual(engine.publish("/a", 1, "one"), [APPLIED, "77", "1", "1"])
        self.assertEqual(engine.publish("/a", 2, "two"), [APPLIED, "77", "2", "1"])
        self.assertEqual(engine.publish("/a", 2, "two", epoch="77"), [REPEAT, "77", "2", "0"])
        self.assertEqual(engine.publish("/a", 1, "one", epoch="77"), [REPEAT, "77", "0", "0"])
        self.assertEqual(engine.publish("/a", 3, "three", epoch="78"), [LOST, "0", "0", "0"])
        self.assertEqual(engine.publish("/new", 4, epoch="0"), [LOST, "0", "0", "0"])
        self.assertEqual(engine.publish("/a", 5, incarnation="123"), [OTHER_INCARNATION, "0", "0", "0"])
        for expected in ("one", "two"):
            self.assertEqual(other.next("message")[-1], expected)
        self.assertEqual(engine.tops("/a", "/new"), ["77:2", NONE])

    def test_numbers_of_64_bits(self):
        _, engine = self.pair()
        for last in (2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2):
            room = "/n%x" % last
            self.assertEqual(engine.publish(room, last, proposed=last), [APPLIED, "%x" % last, "1", "0"])
            self.assertEqual(engine.publish(room, last, epoch="%x" % last)[:3], [REPEAT, "%x" % last, "1"])
            self.assertEqual(engine.publish(room, last - 1)[0], REPEAT)
            self.assertEqual(engine.publish(room, last + 1, epoch="%x" % last)[:3], [APPLIED, "%x" % last, "2"])

    def test_offsets_of_64_bits(self):
        server, engine = self.pair()
        for last in (2**32 - 1, 2**53 - 1, 2**53, 2**63 - 1, 2**63):
            room = "/o%x" % last
            engine.publish(room, 1, keep=(5, 60))
            state = server.call("HGET", "toni:r:" + room, "s")
            server.call("HSET", "toni:r:" + room, "s", state[:32] + b"%016x" % last + state[48:])
            self.assertEqual(engine.publish(room, 2, "b", keep=(5, 60))[2], "%x" % (last + 1))
            self.assertEqual(engine.publish(room, 3, "c", keep=(5, 60))[2], "%x" % (last + 2))
            entries = ["%x:1:1:b" % (last + 1), "%x:1:1:c" % (last + 2)]
            self.assertEqual(engine.history(room, "77", last, 10)[1], entries)
            self.assertEqual(engine.history(room, "77", last + 1, 10)[1], entries[1:])
            self.assertEqual(engine.history(room, "-", 0, 1)[1], entries[1:])

    def test_numbers_of_nodes_are_bounded(self):
        server, engine = self.pair()
        for node in range(1, 400):
            engine.node = node
            self.assertEqual(engine.publish("/many", 1)[0], APPLIED)
        self.assertLessEqual(server.call("HLEN", "toni:r:/many"), 256 + 1)
        self.assertGreater(server.call("HLEN", "toni:r:/many"), 128)
        # The last ones are known still.
        self.assertEqual(engine.publish("/many", 1, epoch="77")[:3], [REPEAT, "77", "%x" % 399])

    def test_history(self):
        server, engine = self.pair()
        for i in range(1, 8):
            engine.publish("/h", i, "m%d" % i, keep=(5, 60))
        top, entries = engine.history("/h", "77", 3, 10)
        self.assertEqual((top, entries), ("77:7", ["%d:1:2:m%d" % (i, i) for i in (4, 5, 6, 7)]))
        self.assertEqual(engine.history("/h", "77", 0, 10)[1][0], "3:1:2:m3")
        self.assertEqual(engine.history("/h", "77", 3, 2)[1], ["4:1:2:m4", "5:1:2:m5"])
        self.assertEqual(engine.history("/h", "78", 3, 10), ("77:7", []))
        self.assertEqual(engine.history("/h", "-", 0, 2)[1], ["6:1:2:m6", "7:1:2:m7"])
        self.assertEqual(engine.history("/none", "77", 0, 2), (NONE, []))
        self.assertEqual(server.call("XLEN", "toni:h:/h"), 5)
        self.assertGreater(server.call("PTTL", "toni:h:/h"), 50_000)
        self.assertLessEqual(server.call("PTTL", "toni:h:/h"), 60_000)
        # One that was not kept makes a hole: what is before it is no history any more.
        engine.publish("/h", 8, "m8")
        self.assertEqual(engine.history("/h", "-", 0, 9), ("77:8", []))
        engine.publish("/h", 9, "m9", keep=(5, 60))
        self.assertEqual(engine.history("/h", "77", 4, 9)[1], ["9:1:2:m9"])

    def test_a_history_of_large_messages_comes_in_parts(self):
        _, engine = self.pair()
        for i in range(1, 21):
            engine.publish("/big", i, "@1000000", keep=(100, 60))
        _, entries = engine.history("/big", "77", 0, 100)
        self.assertEqual([entry.split(":")[0] for entry in entries], ["1", "2", "3", "4", "5"])
        _, entries = engine.history("/big", "-", 0, 100)
        self.assertEqual(entries[-1].split(":")[0], "14")  # 20, in hexadecimal

    def test_a_stream_of_another_epoch_is_no_history(self):
        server, engine = self.pair()
        for i in range(1, 4):
            engine.publish("/e", i, keep=(9, 60))
        server.call("DEL", "toni:r:/e")
        self.assertEqual(engine.publish("/e", 4, proposed=0x88)[:3], [APPLIED, "88", "1"])
        self.assertEqual(engine.history("/e", "88", 0, 9), ("88:1", []))
        self.assertEqual(engine.publish("/e", 5, "new", keep=(9, 60))[2], "2")
        self.assertEqual(engine.history("/e", "88", 1, 9), ("88:2", ["2:1:3:new"]))

    def test_a_key_of_somebody_else_costs_the_history_of_that_room_alone(self):
        server, engine = self.pair()

        def foreign(room, *words):
            for i in range(3):
                engine.publish(room, len(engine.published) + 1, keep=(9, 60))
                engine.published.append(room)
            server.call("DEL", "toni:h:" + room)
            self.assertFalse(str(server.call(words[0], "toni:h:" + room, *words[1:])).startswith("-"))
            self.assertEqual(engine.history(room, "77", 1, 9), ("77:3", []))
            self.assertEqual(engine.history(room, "-", 0, 9), ("77:3", []))

        engine.published = []
        foreign("/text", "SET", "what somebody else keeps there")
        foreign("/list", "RPUSH", "a", "b")
        self.assertEqual(len(engine.logs), 2, engine.logs)  # one for each key, and not for each question
        for words in ("asking for a history: WRONGTYPE", "toni:h:/text", "`prefix`"):
            self.assertIn(words, engine.logs[0])
        foreign("/stream", "XADD", "*", "name", "value")
        engine.publish("/good", 100, keep=(9, 60))
        self.assertEqual(engine.history("/good", "-", 0, 9)[1], ["1:1:1:x"])
        self.assertEqual(engine.connection, 1)

    def test_rooms_end_when_nobody_needs_them(self):
        server = self.server()
        engine = self.engine(("servers", server.address), ("room_life", "1min"))
        engine.connect()
        engine.publish("/life", 1)
        self.assertGreater(server.call("PTTL", "toni:r:/life"), 55_000)
        server.call("PEXPIRE", "toni:r:/life", 10_000)
        engine.tops("/life")  # whoever is subscribed to a room asks for it
        self.assertGreater(server.call("PTTL", "toni:r:/life"), 55_000)

    def test_subscriptions(self):
        server, engine = self.pair()
        rooms = ["/room-%d" % i for i in range(512)]
        engine.subscribe(*rooms)
        self.assertEqual(len(server.call("PUBSUB", "CHANNELS", "toni:r:*")), 512)
        engine.say("unsubscribe 0 /room-1 /never")
        self.assertEqual([engine.next("subscribed")[3:] for _ in range(2)], [["/room-1", "0"], ["/never", "0"]])
        self.assertEqual(engine.publish("/room-1", 1), [APPLIED, "77", "1", "0"])

    def test_what_others_publish_on_the_channel_is_dropped(self):
        server, engine = self.pair()
        engine.subscribe("/a")
        server.call("PUBLISH", "toni:r:/a", "hello")
        self.assertEqual(engine.publish("/a", 1)[0], APPLIED)
        self.assertEqual(engine.next("message")[4:6], ["77", "1"])
        self.assertTrue(any("prefix" in line for line in engine.logs), engine.logs)

    def test_probes(self):
        _, engine = self.pair()
        request = engine.probe()
        told = {tuple(engine.lines.get(timeout=10)[:1]): None for _ in range(2)}
        self.assertEqual(set(told), {("probe",), ("echo",)})
        engine.probe("1234")
        self.assertEqual(engine.next("probe")[4], OTHER_INCARNATION)
        self.assertEqual(request, 2)

    def test_leases(self):
        _, engine = self.pair()
        (slot, boot, key), leases = engine.lease(0xA, step=5)
        self.assertEqual((slot, key), ("1", "99"))
        self.assertGreaterEqual(int(boot, 16), int(time.time() * 1000) - 5000)
        self.assertEqual(engine.lease(0xA, 1, int(boot, 16), key=0x55)[0], ["1", boot, "99"])
        (slot2, boot2, _), leases = engine.lease(0xB, step=5, name="right")
        self.assertEqual((slot2, int(boot2, 16) >= int(boot, 16) + 5, len(leases)), ("2", True, 2))
        self.assertEqual({one.split(":")[4] for one in leases}, {"left", "right"})
        # Beyond what a double has, and with a carry into the upper half.
        for floor in (2**53, 2**53 + 2**33 - 2, 2**61 + 2**32 - 1, 2**62 - 9):
            (_, boot, _), _ = engine.lease(0xC, floor=floor, step=3)
            self.assertEqual(int(boot, 16), floor + 3)

    def test_boot_numbers_that_nobody_was_given_are_passed_over(self):
        """Those at the upper bound would leave no step for others; the highest of those that are here counts."""
        forged = (b"", b"forged", b"7" * 15, b"f" * 16, b"-" * 16, b"%016X" % 0xABCDEF, b"%016x" % (2**63 - 1),
                  b"%016x" % (2**63 - 2), b"%016x" % (2**62 + 1), b"0" * 16, b"5" * 100000)  # fmt: skip
        server, engine = self.pair()
        (slot, boot, _), _ = engine.lease(0xA, floor=2**50)
        highest = int(boot, 16)
        for number, value in enumerate(forged):
            with self.subTest(value[:20]):
                server.call("HSET", "toni:s:", "b", value)
                # Whoever renews gets what he has; whoever comes, what is above all.
                self.assertEqual(engine.lease(0xA, int(slot), int(boot, 16))[0][1], boot)
                self.assertEqual(server.call("HGET", "toni:s:", "b"), b"%016x" % highest)
                server.call("HSET", "toni:s:", "b", value)
                (_, given, _), _ = engine.lease(0xB00 + number, step=7)
                self.assertEqual(int(given, 16), highest + 7)
                highest += 7
                (_, given, _), _ = engine.lease(0xC00 + number, step=5, floor=2**63 - 1)
                self.assertEqual(int(given, 16), highest + 5)
                highest += 5
        (line,) = engine.logs  # and none for each
        for words in ("the field `b`", '"toni:s:"', "was made anew"):
            self.assertIn(words, line)

    def test_boot_numbers_begin_anew_where_no_step_would_be_left(self):
        server, engine = self.pair()
        server.call("HSET", "toni:s:", "b", b"%016x" % 2**62)
        given = [int(engine.lease(0xA + i, step=2**30)[0][1], 16) for i in range(4)]
        self.assertEqual(given[0], 2**62 + 2**30)
        self.assertTrue(all(boot < 2**62 for boot in given[1:]), given)
        self.assertEqual(given[1:], sorted(given[1:]))
        self.assertEqual(len(set(given)), 4)
        # Who has such a number keeps it, and takes nobody else's from the highest.
        self.assertEqual(int(engine.lease(0xA, 1, given[0])[0][1], 16), given[0])
        self.assertEqual(int(engine.lease(0x1A, step=3)[0][1], 16), given[3] + 3)

    def test_a_key_of_ids_that_is_none_is_that_of_whoever_asks(self):
        server, engine = self.pair()
        (slot, boot, key), _ = engine.lease(0xA)
        self.assertEqual(key, "99")
        for value in ("", "forged", "0" * 16, "F" * 16, "f" * 15, "f" * 17, "\u00e9" * 8):
            with self.subTest(value):
                server.call("HSET", "toni:s:", "k", value)
                self.assertEqual(engine.lease(0xA, int(slot), int(boot, 16))[0], [slot, boot, "99"])
                self.assertEqual(server.call("HGET", "toni:s:", "k"), b"%016x" % 0x99)
        (line,) = engine.logs
        for words in ("the field `k`", '"toni:s:"', "the key of clients' ids"):
            self.assertIn(words, line)

    def test_an_incarnation_that_is_none_begins_anew(self):
        for field in "ig":
            with self.subTest(field):
                server, engine = self.pair()
                before = engine.incarnation
                engine.publish("/d", 1)
                server.call("HSET", "toni:s:", field, "damaged")
                engine.say("close 0 %d" % engine.connection)
                self.assertNotEqual(engine.connect(), before)
                self.assertEqual(engine.tops("/d"), [NONE])
                wait_for("line", lambda: engine.logs)
                (line,) = engine.logs
                self.assertIn('the field `%s` of its hash "toni:s:" was damaged' % field, line)

    def test_keys_of_somebody_else_are_named_with_what_mends_that(self):
        server, engine = self.pair()
        node = "toni:n:%016x" % 0xA
        costs_nothing, costs_gaps = "take another `prefix`, or delete it, which costs toni nothing", "or delete it, which costs a gap"

        def hello():
            engine.open()
            engine.next("connected")
            engine.say("hello 0 1 77 a")

        def lease():
            engine.connect()
            engine.say("lease 0 9 %s aaaa 0 10000 0 0 0 1 1 left" % engine.incarnation)

        def probe():
            engine.connect()
            server.call("DEL", "toni:s:")
            server.call("RPUSH", "toni:s:", "what somebody else keeps there")
            engine.probe()

        for key, kind, does, doing, words in (
            ("toni:s:", "hash", hello, "the hello", costs_gaps),
            ("toni:l:", "hash", lease, "a lease", costs_nothing),
            (node, "text", hello, "the hello", costs_nothing),
            ("toni:s:", "hash", probe, "a probe", costs_gaps),
        ):
            with self.subTest(doing, key=key):
                engine.say("close 0 %d" % engine.connection)
                server.call("DEL", key)
                if does != probe:
                    server.call("RPUSH", key, "what somebody else keeps there")
                for _ in range(3):
                    does()
                    line = engine.next_of("closed").line
                    self.assertIn("%s: TONI_" % doing, line)
                    self.assertIn("_KEY %s is no %s; " % (key, kind), line)
                    self.assertIn(words, line)
                    if does == probe:
                        server.call("DEL", key)
                self.assertEqual(sum(doing in one and key in one for one in engine.logs), 1, engine.logs)
                server.call("DEL", key)
        engine.connect()
        self.assertEqual(engine.lease(0xA)[0][0], "1")

    def test_a_lease_is_over_and_may_be_restored(self):
        server, engine = self.pair()
        (slot, boot, _), _ = engine.lease(0xA, ttl=100)
        time.sleep(0.2)
        (_, boot_again, _), _ = engine.lease(0xA, int(slot), int(boot, 16), restore=1)
        self.assertEqual(boot_again, boot)
        server.call("HSET", "toni:l:", "1", "%016x%016x%016xold" % (0xA, int(boot, 16), 1))
        (_, another, _), _ = engine.lease(0xA, int(slot), int(boot, 16))
        self.assertGreater(int(another, 16), int(boot, 16))
        # One by a clock that is far ahead is cut.
        server.call("HSET", "toni:l:", "7", "%016x%016x%016xahead" % (0xC, 5, 2**41 * 2))
        _, leases = engine.lease(0xA, 1, int(another, 16), ttl=5000)
        self.assertLessEqual(max(int(one.split(":")[3]) for one in leases), 5000)

    def test_all_slots_are_taken(self):
        server, engine = self.pair()
        until = int(time.time() * 1000) + 5000
        for slot in range(1, 1024):
            server.call("HSET", "toni:l:", slot, "%016x%016x%016xn" % (slot, slot, until))
        engine.say("lease 0 9 %s aaaa 0 10000 0 0 0 1 1 left" % engine.incarnation)
        self.assertEqual(engine.next("lease")[3:], ["9", "0", "0", "0"])  # none; the connection stays
        server.call("HDEL", "toni:l:", 700)
        self.assertEqual(engine.lease(0xA)[0][0], "700")

    def test_a_field_that_is_no_lease_is_passed_over(self):
        until = "%016x" % (int(time.time() * 1000) + 100000)
        good = "%016x%016x" % (0xC, 0xD) + until
        for field, value in (
            ("5", ""),
            ("5", "short"),
            ("5", good[:-1]),
            ("5", "z" + good[1:] + "name"),
            ("5", good[:32] + "-" + good[33:] + "name"),
            ("5", good.upper() + "name"),
            ("5", good + "n" * 100000),
            ("foreign", good + "name"),
            ("0", good + "name"),
            ("1024", good + "name"),
            ("70000", good + "name"),
            ("0x10", good + "name"),
            ("1e2", good + "name"),
            (" 7", good + "name"),
            ("07", good + "name"),
            ("-1", good + "name"),
            (b"\xff\0" + b"x" * 1000, good + "name"),
        ):
            with self.subTest(field=field, value=value[:60]):
                server, engine = self.pair()
                server.call("HSET", "toni:l:", field, value)
                (slot, boot, _), leases = engine.lease(0xA)
                self.assertEqual((slot, len(leases)), ("1", 1))
                self.assertEqual(engine.lease(0xA, 1, int(boot, 16))[0][:2], ["1", boot])
                (slot, _, _), leases = engine.lease(0xB, name="right")
                self.assertEqual((slot, {one.split(":")[4] for one in leases}), ("2", {"left", "right"}))
                (line,) = engine.logs  # and none for each renewal
                self.assertIn("toni:l:", line)
                self.assertIn("HDEL", line)

    def test_very_many_fields_that_are_no_leases_are_taken_out(self):
        server, engine = self.pair()
        (slot, boot, _), _ = engine.lease(0xA)
        fill = "for i=1,ARGV[1] do redis.call('HSET',KEYS[1],ARGV[2]..i,'strange') end"
        server.call("EVAL", fill, 1, "toni:l:", 4000, "x")
        until = "%016x" % (int(time.time() * 1000) + 100000)
        server.call("HSET", "toni:l:", "7", "%016x%016x" % (0xC, 0xD) + until + "other", "8", "damaged")
        (again, boot_again, _), leases = engine.lease(0xA, int(slot), int(boot, 16))
        self.assertEqual((again, boot_again, len(leases)), (slot, boot, 2))
        self.assertEqual(server.call("HLEN", "toni:l:"), 4003)  # passed over, as few are
        server.call("EVAL", fill, 1, "toni:l:", 150000, "y")
        server.call("CONFIG", "RESETSTAT")
        (again, boot_again, _), leases = engine.lease(0xA, int(slot), int(boot, 16))
        self.assertEqual((again, boot_again, len(leases)), (slot, boot, 2))
        self.assertEqual(server.call("HLEN", "toni:l:"), 2)  # nobody's lease is lost
        self.assertNotIn(b"cmdstat_hgetall", server.call("INFO", "commandstats"))
        self.assertIn("4001 fields", engine.logs[0])
        wait_for("warning", lambda: len(engine.logs) > 1)
        self.assertIn("154001 fields", engine.logs[1])
        self.assertIn("toni:l:", engine.logs[1])
        self.assertEqual(engine.lease(0xB, name="right")[0][0], "2")

    def test_a_lease_that_was_damaged_is_restored(self):
        server, engine = self.pair()
        (slot, boot, _), _ = engine.lease(0xA)
        server.call("HSET", "toni:l:", slot, "damaged")
        (again, boot_again, _), leases = engine.lease(0xA, int(slot), int(boot, 16), restore=1)
        self.assertEqual((again, boot_again, len(leases)), (slot, boot, 1))
        engine.lease(0xA, int(slot), int(boot, 16), restore=1)
        self.assertEqual(len(engine.logs), 1)


class Lists(Case):
    """Hosts that name different servers look for the same rooms at different ones: whoever meets such a one says so."""

    def host(self, node, *servers):
        engine = self.engine(*[("servers", server) for server in servers])
        engine.connect(node=node)
        engine.lease(node, name="host-%x" % node)
        self.probes(engine)
        return engine

    def probes(self, *engines):
        for engine in engines:
            engine.probe()
            self.assertEqual({engine.next("probe", "echo")[0] for _ in range(2)}, {"probe", "echo"})

    def test_each_of_two_is_told_of_the_other(self):
        one, two = self.server(), self.server()
        left, right = self.host(0xA, one.address, two.address), self.host(0xB, one.address)
        both = ", ".join(sorted((one.address, two.address)))
        for _ in range(3):
            self.probes(left, right)
        for engine, name, theirs, own in ((left, "host-b", one.address, both), (right, "host-a", both, one.address)):
            (line,) = engine.logs
            for words in ('the host "%s" names other servers' % name, "It has %s; this one has %s." % (theirs, own), "`servers` and `masters`"):
                self.assertIn(words, line)
        # Where they meet at several servers it is said once, too.
        third = self.host(0xC, one.address, two.address, "127.0.0.1:%d" % free_port())
        for engine in (left, third):
            engine.say("open 1 77")
            engine.next("connected")
            engine.say("hello 1 700 1 %x" % engine.node)
            engine.say("probe 1 701 %s" % engine.next("hello")[4])
            engine.next_of("probe")
        self.assertEqual(two.call("HLEN", "toni:d:"), 2)
        self.assertEqual(sum("names other servers" in line for line in third.logs), 2, third.logs)  # left, and right

    def test_those_who_find_each_room_at_the_same_are_told_nothing(self):
        one, two = self.server(), self.server()
        for lists in ((one.address, two.address), (two.address, one.address)), ((one.address,), ("unix:" + one.path,)):
            for server in (one, two):
                server.call("DEL", "toni:d:")
            for node, servers in enumerate(lists, 1):
                engine = self.host(node, *servers)
                self.assertEqual(engine.logs, [])
            found = [server.call("HKEYS", "toni:d:") for server in (one, two)]
            self.assertEqual(len(set(sum(found, []))), 1, found)

    def test_a_host_that_is_gone_is_told_no_more(self):
        server, engine = self.pair()
        now = int(time.time())
        for value in ("%d gone\nelsewhere" % (now - 16), "%d ahead\nelsewhere" % (now + 1000), "damaged", "", "x" * 100000):
            with self.subTest(value[:20]):
                server.call("HSET", "toni:d:", "f" * 16, value)
                self.probes(engine)
                self.assertEqual(server.call("HEXISTS", "toni:d:", "f" * 16), 0)
        self.assertEqual(server.call("HLEN", "toni:d:"), 1)
        self.assertLessEqual(server.call("PTTL", "toni:d:"), 60_000)
        self.assertGreater(server.call("PTTL", "toni:d:"), 50_000)
        self.assertEqual(engine.logs, [])

    def test_what_somebody_else_keeps_there_ends_no_probe(self):
        server, engine = self.pair()
        now = int(time.time())
        server.call("RPUSH", "toni:d:", "what somebody else keeps there")
        self.probes(engine)
        server.call("DEL", "toni:d:")
        for i in range(70):
            server.call("HSET", "toni:d:", "%016x" % i, "%d host-%d\n%s" % (now, i, "x" * 2000))
        self.probes(engine)
        self.assertEqual(server.call("HLEN", "toni:d:"), 1)
        for i in range(50):
            server.call("HSET", "toni:d:", "%016x" % i, "%d host-%d\n%s" % (now, i, "x" * 2000))
        self.probes(engine, engine)
        wait_for("line", lambda: engine.logs)
        self.assertLessEqual(len(engine.logs), 3)
        self.assertTrue(all(len(line) < 1000 for line in engine.logs))

    def test_a_server_that_is_full_has_them_all_the_same(self):
        server, engine = self.pair(maxmemory_policy="noeviction")
        server.call("CONFIG", "SET", "maxmemory", "1")
        self.probes(engine)
        self.assertEqual(server.call("HLEN", "toni:d:"), 1)


class Batches(Case):
    """Publishes of one turn go to the server together: each has its own answer, as if it had gone alone."""

    def answers(self, engine, *lines):
        """Of publishes that are handed over in one turn: a pipe takes so much at once."""
        self.assertLess(sum(len(line) + 1 for line in lines), 4096)
        engine.say(*lines)
        told = [engine.next("published") for line in lines if line.startswith("publish")]
        self.assertEqual([one[3] for one in told], [line.split()[3] for line in lines if line.startswith("publish")])
        return [one[4:] for one in told]

    def test_they_are_few_commands(self):
        server, engine = self.pair()
        server.call("CONFIG", "RESETSTAT")
        told = self.answers(engine, *[engine.publish_line("/%d" % (i % 3), i) for i in range(1, 41)])
        self.assertEqual(told, [[APPLIED, "77", "%x" % ((i + 2) // 3), "0"] for i in range(1, 41)])
        self.assertIn(b"cmdstat_evalsha:calls=3,", server.call("INFO", "commandstats"))

    def test_each_has_its_own_room_history_and_answer(self):
        server, engine = self.pair()
        other = self.engine(("servers", server.address))
        other.connect(node=0xB)
        other.subscribe("/a", "/b")
        self.assertEqual(engine.publish("/a", 1, "one"), [APPLIED, "77", "1", "1"])
        other.next("message")
        line = engine.publish_line
        told = self.answers(
            engine,
            line("/a", 1, "one", epoch="77"),
            line("/b", 2, "two", proposed=0x88, keep=(5, 60)),
            line("/a", 3, "three", keep=(5, 60)),
            line("/a", 1, "one", epoch="77"),
            line("/a", 3, "three", epoch="77", keep=(5, 60)),
            line("/a", 4, "four", epoch="78"),
            line("/none", 5, epoch="0"),
            line("/b", 6, "six", keep=(5, 60)),
            line("/c", 7),
        )
        self.assertEqual(
            told,
            [
                [REPEAT, "77", "1", "0"],
                [APPLIED, "88", "1", "1"],
                [APPLIED, "77", "2", "1"],
                [REPEAT, "77", "0", "0"],
                [REPEAT, "77", "2", "0"],
                [LOST, "0", "0", "0"],
                [LOST, "0", "0", "0"],
                [APPLIED, "88", "2", "1"],
                [APPLIED, "77", "1", "0"],
            ],
        )
        heard = [other.next("message") for _ in range(3)]
        self.assertEqual([(one[3], one[5], one[8]) for one in heard], [
            ("/b", "1", "two"), ("/a", "2", "three"), ("/b", "2", "six")])  # fmt: skip
        self.assertEqual(engine.history("/a", "77", 0, 9), ("77:2", ["2:1:5:three"]))
        self.assertEqual(engine.history("/b", "88", 0, 9), ("88:2", ["1:1:3:two", "2:1:3:six"]))
        self.assertEqual(engine.tops("/c", "/none"), ["77:1", NONE])

    def test_another_incarnation_is_told_to_each(self):
        _, engine = self.pair()
        line = engine.publish_line
        told = self.answers(
            engine, line("/a", 1), line("/a", 2, incarnation="123"), line("/b", 3, incarnation="123"), line("/a", 4))
        self.assertEqual([one[0] for one in told], [APPLIED, OTHER_INCARNATION, OTHER_INCARNATION, APPLIED])

    def test_other_commands_keep_their_place(self):
        _, engine = self.pair()
        line = engine.publish_line
        engine.say(line("/a", 1, keep=(5, 60)), line("/a", 2, keep=(5, 60)), "tops 0 91 /a", line("/a", 3, keep=(5, 60)),
                   "history 0 92 /a 77 2 9", line("/a", 4, keep=(5, 60)), "probe 0 93 %s" % engine.incarnation)  # fmt: skip
        told = [engine.next_of("published", "tops", "history", "probe") for _ in range(7)]
        self.assertEqual([one[0] for one in told],
                         ["published", "published", "tops", "published", "history", "published", "probe"])  # fmt: skip
        self.assertEqual(told[2][4:], ["77:2"])
        self.assertEqual(told[4][4:], ["77", "3", "3:1:1:x"])

    def test_large_ones_keep_their_place(self):
        server, engine = self.pair()
        other = self.engine(("servers", server.address))
        other.connect(node=0xB)
        other.subscribe("/l")
        server.call("CONFIG", "RESETSTAT")
        sizes = [100, 70_000, 3_000_000, 100, 40_000, 40_000, 100, 0] * 3
        bodies = ["@%d" % size for size in sizes]
        told = self.answers(engine, *[engine.publish_line("/l", i + 1, body) for i, body in enumerate(bodies)])
        self.assertEqual(told, [[APPLIED, "77", "%x" % (i + 1), "1"] for i in range(len(sizes))])
        heard = [other.next("message") for _ in sizes]
        self.assertEqual([(int(one[5], 16), int(one[7])) for one in heard], [(i + 1, n) for i, n in enumerate(sizes)])
        # With 64 KiB in one at most: 100, 70000, 3000000, 100 to 40000, 40000 to 0 and the next 100…
        self.assertIn(b"cmdstat_evalsha:calls=13,", server.call("INFO", "commandstats"))

    def test_rooms_that_live_longer(self):
        server = self.server()
        engine = self.engine(("servers", server.address), ("room_life", "1min"))
        engine.connect()
        line = engine.publish_line
        self.answers(engine, line("/short", 1, keep=(5, 20)), line("/long", 2, keep=(5, 3600)), line("/none", 3))
        for key, ms in (("r:/short", 60_000), ("h:/short", 20_000), ("r:/long", 3_600_000), ("h:/long", 3_600_000),
                        ("r:/none", 60_000)):  # fmt: skip
            with self.subTest(key):
                self.assertLessEqual(server.call("PTTL", "toni:" + key), ms)
                self.assertGreater(server.call("PTTL", "toni:" + key), ms - 10_000)

    def test_what_hinders_one_hinders_no_other(self):
        server, engine = self.pair()
        engine.subscribe("/good", "/bad", "/kept", "/odd")
        line = engine.publish_line
        engine.publish("/kept", 1, keep=(5, 60))
        engine.next("message")
        server.call("DEL", "toni:h:/kept")
        server.call("SET", "toni:h:/kept", "somebody else's")
        server.call("SET", "toni:r:/bad", "somebody else's")
        server.call("HSET", "toni:r:/odd", "s", "%016x" % int(engine.incarnation, 16) + "z" * 41)
        rooms = ("/good", "/bad", "/kept", "/good", "/odd", "/kept", "/good")
        kept = {"keep": (5, 60)}
        lines = [line(room, i + 2, **(kept if room == "/kept" else {})) for i, room in enumerate(rooms)]
        engine.say(*lines)
        told = [engine.next_of("published") for _ in rooms]
        self.assertEqual([one[4] for one in told], [APPLIED, ERROR, ERROR, APPLIED, ERROR, ERROR, APPLIED])
        self.assertEqual([one[6] for one in told if one[4] == APPLIED], ["1", "2", "3"])
        self.assertIn("a publish: WRONGTYPE Operation against", engine.logs[0])
        # Of the others nothing was done: neither noted nor sent. Alone they are told the same.
        engine.say("tops 0 91 /good /bad /kept")
        self.assertEqual(engine.next_of("tops")[4:], ["77:3", NONE, "77:1"])
        for room, number in (("/bad", 3), ("/kept", 4), ("/odd", 6)):
            alone = [line(room, number, **(kept if room == "/kept" else {}))]
            self.assertEqual(self.heard_answers(engine, alone)[0][0], ERROR)
        for key in ("r:/bad", "h:/kept", "r:/odd"):
            server.call("DEL", "toni:" + key)
        told = [engine.publish_line(room, number, epoch=epoch, **(kept if room == "/kept" else {}))
                for room, number, epoch in (("/bad", 3, "-"), ("/kept", 4, "77"), ("/odd", 6, "-"))]  # fmt: skip
        self.assertEqual([one[:3] for one in self.heard_answers(engine, told)],
                         [[APPLIED, "77", "1"], [APPLIED, "77", "2"], [APPLIED, "77", "1"]])  # fmt: skip

    def heard_answers(self, engine, lines):
        """The answers, while messages come between them."""
        engine.say(*lines)
        return [engine.next_of("published")[4:] for _ in lines]

    def test_what_was_broken_off_is_sent_again(self):
        server, engine = self.pair()
        engine.publish("/k", 1)
        lines = [(room, i) for i, room in enumerate(("/k", "/new") * 10, 2)]
        server.call("CLIENT", "PAUSE", 60_000, "WRITE")
        engine.say(*[engine.publish_line(room, i) for room, i in lines])
        wait_for("command that waits", lambda: b" flags=b " in server.call("CLIENT", "LIST"))
        server.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        engine.next("closed")  # nothing of them was told: the host knows of none whether it was applied
        server.call("CLIENT", "UNPAUSE")
        engine.connect()
        self.assertEqual(engine.tops("/k", "/new"), ["77:1", NONE])
        again = [engine.publish_line(room, i, epoch="77" if room == "/k" else "0") for room, i in lines]
        told = self.answers(engine, *again)
        self.assertEqual(told[0::2], [[APPLIED, "77", "%x" % i, "0"] for i in range(2, 12)])
        self.assertEqual(told[1::2], [[LOST, "0", "0", "0"]] * 10)
        # What was applied is no second time; of the last of them it is known where it stands.
        told = self.answers(engine, *again)
        self.assertEqual(told[0::2], [[REPEAT, "77", "0", "0"]] * 9 + [[REPEAT, "77", "b", "0"]])

    def test_a_replica_applies_none(self):
        one, two = self.server(), self.server()
        engine = self.engine(("servers", one.address))
        engine.connect()
        engine.publish("/a", 1)
        two.follow(one)
        two.call("REPLICAOF", "NO", "ONE")
        one.follow(two)
        line = engine.publish_line
        told = self.answers(engine, line("/a", 2), line("/a", 1, epoch="77"), line("/b", 3, keep=(5, 60)))
        self.assertEqual([one[0] for one in told], [READ_ONLY, REPEAT, READ_ONLY])


class Losses(Case):
    """A server that has lost something says so."""

    def test_scripts_are_loaded_again_and_nothing_behind_is_applied(self):
        server, engine = self.pair()
        server.call("SCRIPT", "FLUSH")
        engine.say(*[engine.publish_line("/s", i) for i in range(1, 51)])
        answers = [engine.next("published")[4] for _ in range(50)]
        self.assertEqual(set(answers), {NOT_RUN})
        engine.say(*[engine.publish_line("/s", i) for i in range(1, 51)])
        told = [engine.next("published") for _ in range(50)]
        self.assertEqual([one[4] for one in told], [APPLIED] * 50)
        self.assertEqual([int(one[6], 16) for one in told], list(range(1, 51)))

    def test_flushall(self):
        server, engine = self.pair()
        engine.publish("/f", 1)
        before = engine.incarnation
        server.call("FLUSHALL")
        self.assertEqual(engine.publish("/f", 2)[0], OTHER_INCARNATION)
        engine.probe()
        self.assertEqual(engine.next("probe")[4], OTHER_INCARNATION)
        engine.say("close 0 %d" % engine.connection)
        self.assertNotEqual(engine.connect(), before)
        self.assertEqual(engine.tops("/f"), [NONE])

    def anew(self, engine):
        """Its connection ends, and it comes again; what it proposes nobody else does."""
        engine.say("close 0 %d" % engine.connection)
        return engine.connect(engine.node, int.from_bytes(os.urandom(7), "big") + 1)

    def test_data_that_were_left_and_come_back_are_of_another_incarnation(self):
        server, engine = self.pair()
        seen = [engine.incarnation]
        for i in range(1, 4):
            engine.publish("/b", i, keep=(10, 60))
        engine_id = engine.engine_id
        for turn in range(3):
            server.call("SWAPDB", 0, 1)
            seen.append(self.anew(engine))
            self.assertEqual(engine.publish("/b", 10 + turn, proposed=0x88 + turn)[:2], [APPLIED, "%x" % (0x88 + turn)])
            server.call("SWAPDB", 0, 1)
            seen.append(self.anew(engine))
            self.assertEqual(len(set(seen)), len(seen))
            self.assertEqual(engine.engine_id, engine_id)
            self.assertEqual(engine.tops("/b"), [NONE])
            self.assertEqual(engine.history("/b", "77", 1, 10), ("0:0", []))
        self.assertEqual(self.anew(engine), seen[-1])  # from nowhere else

    def test_engines_that_come_back_one_by_one_end_in_one_incarnation(self):
        server, engine = self.pair()
        others = [self.engine(("servers", server.address)) for _ in range(3)]
        for number, other in enumerate(others):
            self.assertEqual(other.connect(node=0x10 + number), engine.incarnation)
        stays = others.pop()
        before = engine.incarnation
        server.call("SWAPDB", 0, 1)
        elsewhere = self.anew(engine)
        for other in others:
            self.assertEqual(self.anew(other), elsewhere)
        server.call("SWAPDB", 0, 1)
        again = self.anew(engine)
        self.assertNotIn(again, (before, elsewhere))
        for other in others:
            self.assertEqual(self.anew(other), again)
        stays.probe()
        self.assertEqual(stays.next("probe")[4], OTHER_INCARNATION)
        self.assertEqual(self.anew(stays), again)
        newcomer = self.engine(("servers", server.address))
        self.assertEqual(newcomer.connect(node=0x20), again)
        for one in (engine, stays, newcomer, *others):
            self.assertEqual(self.anew(one), again)

    def test_two_that_go_back_and_forth_end_in_one_incarnation(self):
        paths = [server.path for server in (self.server(), self.server())]
        folder = tempfile.mkdtemp(prefix="toni-names-")
        self.addCleanup(shutil.rmtree, folder)
        names = [os.path.join(folder, name) for name in ("left", "right")]

        def lead(name, path):
            if os.path.islink(names[name]):
                os.unlink(names[name])
            os.symlink(paths[path], names[name])

        lead(0, 0)
        lead(1, 0)
        engines = [self.engine(("servers", "unix:" + name)) for name in names]
        self.assertEqual(engines[0].connect(node=0xA), engines[1].connect(node=0xB))
        for turn in range(6):  # each is where the other was
            for name, engine in enumerate(engines):
                lead(name, (turn + name) % 2)
                self.anew(engine)
        lead(0, 0)
        lead(1, 0)
        for engine in engines:
            self.anew(engine)
        here = engines[1].incarnation
        for engine in engines * 2:
            self.assertEqual(self.anew(engine), here)

    def test_what_a_server_knows_of_others_has_a_bound(self):
        server, engine = self.pair()
        for _ in range(20):
            server.call("SWAPDB", 0, 1)
            self.anew(engine)
        self.assertEqual(server.call("HSTRLEN", "toni:s:", "o"), 16 * 17)
        server.call("HSET", "toni:s:", "o", "x" * 1000000)
        here = engine.incarnation
        self.assertEqual(self.anew(engine), here)
        self.assertLessEqual(server.call("HSTRLEN", "toni:s:", "o"), 16 * 17)

    def test_a_server_of_before_that_has_no_list_of_others_is_taken_as_it_is(self):
        server, engine = self.pair()
        server.call("HDEL", "toni:s:", "o")
        self.assertEqual(self.anew(engine), engine.incarnation)
        # A host of before makes another, and leaves the list alone.
        server.call("HSET", "toni:s:", "i", "%016x" % 0xBEEF)
        self.assertEqual(self.anew(engine), "beef")

    def test_a_restart_from_a_snapshot_is_no_recovery(self):
        server, engine = self.pair()
        for i in range(1, 6):
            engine.publish("/r", i, keep=(100, 60))
        server.call("SAVE")
        for i in range(6, 11):
            engine.publish("/r", i, keep=(100, 60))
        before, engine_id = engine.incarnation, engine.engine_id
        server.restart()
        engine.next("closed")
        engine.connect()
        self.assertNotEqual(engine.incarnation, before)
        self.assertEqual(engine.engine_id, engine_id)
        # What fell back to 5 is another epoch: a client at 77:10 is told that it lost something.
        self.assertEqual(engine.tops("/r"), [NONE])
        self.assertEqual(engine.publish("/r", 10, epoch="77")[0], LOST)
        self.assertEqual(engine.publish("/r", 11, proposed=0x99)[:3], [APPLIED, "99", "1"])
        self.assertEqual(engine.history("/r", "77", 5, 100), ("99:1", []))

    def test_a_failover_there_and_back(self):
        one, two = self.server(), self.server()
        engine = self.engine(("servers", one.address))
        first = engine.connect()
        for i in range(1, 6):
            engine.publish("/fo", i)
        two.follow(one)
        # The first is cut off, and goes on alone; then it becomes a replica of the other, and loses that.
        two.call("REPLICAOF", "NO", "ONE")
        for i in range(6, 11):
            engine.publish("/fo", i)
        one.follow(two)
        self.assertEqual(engine.publish("/fo", 11)[0], READ_ONLY)
        engine.probe()
        self.assertEqual(engine.next("probe")[4], READ_ONLY)
        one.call("REPLICAOF", "NO", "ONE")
        # The same process, so the same run_id: but it fell from 10 to 5.
        engine.say("close 0 %d" % engine.connection)
        self.assertNotEqual(engine.connect(), first)
        self.assertEqual(engine.tops("/fo"), [NONE])

    def test_a_replica_says_so(self):
        one, two = self.server(), self.server()
        two.follow(one)
        answer, logs = self.fails_to_say_hello(("servers", two.address))
        self.assertEqual(answer, [READ_ONLY])
        self.assertTrue(any("primary" in line for line in logs), logs)

    def test_an_older_connection_of_the_node_ends(self):
        server, engine = self.pair()
        again = self.engine(("servers", server.address))
        again.connect(node=0xA)
        self.assertIn("closed", engine.next("closed").line)
        other = self.engine(("servers", server.address))
        other.connect(node=0xB)
        self.assertEqual(again.publish("/x", 1)[0], APPLIED)

    def test_what_a_stopped_server_had_taken_in_is_never_run_late(self):
        server, engine = self.pair()
        server.halt()
        engine.say(engine.publish_line("/late", 1))
        engine.say("close 0 %d" % engine.connection)
        server.signal(signal.SIGCONT)
        engine.connect()
        # It was run before the hello, or never.
        first = engine.tops("/late")
        time.sleep(0.2)
        self.assertEqual(engine.tops("/late"), first)


class Refusals(Case):
    """What the server refuses is said in words that mend it."""

    def secret(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "password")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(path, 0o600)
        return path

    def refused(self, *options):
        return self.engine(("servers", "127.0.0.1:6379"), *options).next("refused").line

    def test_files_that_are_no_secrets(self):
        path = self.secret("open sesame")
        os.chmod(path, 0o604)
        self.assertIn("chmod o=", self.refused(("password_file", path)))
        fifo = path + ".fifo"
        os.mkfifo(fifo)
        for option, more in (("password_file", ()), ("ca", ()), ("certificate", ("key",)), ("key", ("certificate",))):
            for file in (fifo, "/dev/zero", os.path.dirname(path)):
                options = [(option, file)] + [(name, path) for name in more]
                if option != "password_file":
                    options.append(("tls", "true"))
                with self.subTest(option, file=file):
                    self.assertIn("%s: it is no regular file" % file, self.refused(*options))

    def test_a_key_with_a_passphrase_is_asked_for_nowhere(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(folder)
            authority.issue("client", "DNS:client.test")
            key, locked = os.path.join(folder, "client.key"), os.path.join(folder, "locked.key")
            openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked)
            os.chmod(locked, 0o600)
            line = self.refused(
                ("tls", "true"), ("ca", authority.path), ("certificate", os.path.join(folder, "client.pem")), ("key", locked))  # fmt: skip
            self.assertIn("is encrypted, and the host asks nobody", line)

    def test_passwords(self):
        server = self.server(requirepass="open sesame")
        server._answers = lambda: True
        self.assertIn("password_file", self.fails_to_open(("servers", server.address)))
        wrong = ("password_file", self.secret("guess-1234"))
        line = self.fails_to_open(("servers", server.address), wrong)
        self.assertIn("WRONGPASS", line)
        self.assertNotIn("guess-1234", line)
        engine = self.engine(("servers", server.address), ("password_file", self.secret("open sesame")))
        engine.connect()
        self.assertEqual(engine.publish("/p", 1)[0], APPLIED)

    def test_a_password_that_changes(self):
        """The file is read for each connection. One that can't be read any more leaves the password as it was, and is said to be
        what is wrong."""
        server = self.server(requirepass="the first")
        server._answers = lambda: True
        path = self.secret("the first")
        engine = self.engine(("servers", server.address), ("password_file", path))
        engine.connect()
        with open(path, "w", encoding="utf-8") as file:
            file.write("the second\n")
        engine.say("close 0 %d" % engine.connection)
        engine.open()
        self.assertIn("WRONGPASS", engine.next("closed").line)
        with server.client() as client:
            self.assertEqual(client("AUTH", "the first"), "+OK")
            self.assertEqual(client("CONFIG", "SET", "requirepass", "the second"), "+OK")
        engine.connect()
        self.assertEqual(engine.publish("/p", 1)[0], APPLIED)
        for breaks, why in (
            (lambda: os.chmod(path, 0o604), "everybody may read or write it"),
            (lambda: os.truncate(path, 0), "it is empty"),
            (lambda: os.unlink(path), "No such file or directory"),
        ):
            with self.subTest(why):
                breaks()
                engine.logs.clear()
                engine.say("close 0 %d" % engine.connection)
                engine.connect()  # with what was read before
                (line,) = engine.logs
                for words in ("`password_file`: %s: " % path, why, "; the password that it had before is tried"):
                    self.assertIn(words, line)
                if os.path.exists(path):
                    os.chmod(path, 0o600)
        with server.client() as client:
            client("AUTH", "the second")
            client("CONFIG", "SET", "requirepass", "the third")
        engine.say("close 0 %d" % engine.connection)
        engine.open()
        line = engine.next("closed").line
        for words in ("AUTH: WRONGPASS: `password_file`: %s: No such file or directory; " % path, "the password that it had before is tried"):
            self.assertIn(words, line)
        self.assertNotIn("are not right", line)

    def test_a_password_for_a_server_without_one(self):
        server = self.server()
        line = self.fails_to_open(("servers", server.address), ("password_file", self.secret("x")))
        self.assertIn("take `password_file` out", line)

    def acl(self, rules):
        server = self.server()
        answer = server.call("ACL", "SETUSER", "toni", "on", ">secret", *rules.split())
        self.assertEqual(answer, "+OK")
        return server, (("servers", server.address), ("user", "toni"), ("password_file", self.secret("secret")))

    def test_the_acl_rules_of_the_docs_will_do(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/shipped.md")
        with open(path, encoding="utf-8") as page:
            line = [line for line in page if line.startswith("ACL SETUSER toni ")][0]
        rules = line.split(" on ", 1)[1].replace(">PASSWORD ", "").strip()
        _, options = self.acl(rules)
        engine = self.engine(*options)
        engine.connect()
        engine.subscribe("/a")
        self.assertEqual(engine.publish("/a", 1, keep=(5, 60))[0], APPLIED)
        engine.next("message")
        engine.tops("/a")
        engine.history("/a", "77", 0, 5)
        engine.lease(0xA)
        engine.say("unsubscribe 0 /a")
        self.assertEqual(engine.next("subscribed")[3:], ["/a", "0"])
        engine.probe()
        self.assertEqual({engine.lines.get(timeout=10)[0] for _ in range(2)}, {"probe", "echo"})
        self.assertEqual(engine.logs, [])

    def test_acl_without_scripts(self):
        _, options = self.acl("~toni:* &toni:* +@all -eval -evalsha")
        self.assertIn("may not run eval, evalsha: ACL SETUSER toni +eval +evalsha", self.ends_at_hello(*options))

    def test_each_command_of_a_script_is_missed_before_a_message_could(self):
        """Also those that a script seldom runs. All that is missing is named at once, and once."""
        with open(os.path.join(ROOT, "plugins/redis_engine/script.c"), encoding="utf-8") as file:
            commands = sorted({name.lower() for name in re.findall(r"call\('([A-Z]+)'", file.read())})
        self.assertIn("hlen", commands)
        self.assertGreater(len(commands), 15)
        server, options = self.acl("~toni:* &toni:* +@all")
        engine = self.engine(*options)
        for command in commands:
            with self.subTest(command):
                server.call("ACL", "SETUSER", "toni", "+@all", "-" + command)
                for _ in range(2):
                    engine.open()
                    engine.next("connected")
                    engine.say("hello 0 1 77 a")
                    line = engine.next("closed").line
                    self.assertTrue(line.endswith("its user may not run %s: ACL SETUSER toni +%s" % (command, command)), line)
        self.assertEqual(sum(" may not run %s:" % commands[0] in line for line in engine.logs), 1, engine.logs)
        server.call("ACL", "SETUSER", "toni", "+@all", "-hlen", "-xadd")
        engine.open()
        engine.next("connected")
        engine.say("hello 0 1 77 a")
        self.assertIn("may not run hlen, xadd: ACL SETUSER toni +hlen +xadd", engine.next("closed").line)
        server.call("ACL", "SETUSER", "toni", "+@all")
        engine.connect()
        for key in set(server.call("KEYS", "*")) - {b"toni:s:", b"toni:n:%016x" % 0xA}:
            self.assertNotEqual(server.call("PTTL", key), -1, key)  # it ends by itself

    def test_acl_without_channels(self):
        _, options = self.acl("~toni:* +@all resetchannels")
        engine = self.engine(*options)
        engine.open()
        self.assertIn("NOPERM", engine.next("closed").line)

    def fill(self, server):
        server.call("CONFIG", "SET", "maxmemory", "3mb")
        with server.client() as client:
            for i in range(200):
                if str(client("SET", "ballast-%d" % i, "x" * 100_000)).startswith("-OOM"):
                    break

    def test_memory_is_full(self):
        server, engine = self.pair(maxmemory_policy="noeviction")
        engine.subscribe("/full")
        engine.publish("/full", 1)
        engine.next("message")
        self.fill(server)
        server.call("CONFIG", "SET", "maxmemory", "1mb")
        engine.say(*[engine.publish_line("/full", i, keep=(9, 60)) for i in range(2, 12)])
        self.assertEqual({engine.next("published")[4] for _ in range(10)}, {ERROR})
        self.assertIn("maxmemory", engine.logs[0])
        self.assertEqual(len(engine.logs), 1)  # not one for each message
        told = [("/full", 1, "77"), ("/full", 12, "-"), ("/other", 13, "-")]
        engine.say(*[engine.publish_line(room, i, epoch=epoch, keep=(9, 60)) for room, i, epoch in told])
        self.assertEqual([engine.next("published")[4] for _ in told], [REPEAT, ERROR, ERROR])
        # A publish that is alone is answered in other words than one of several: no line more.
        time.sleep(1.1)
        self.assertEqual(engine.publish("/full", 14)[0], ERROR)
        self.assertEqual(len(engine.logs), 1, engine.logs)
        # Nothing was applied in part; probes, leases and a new connection need no memory.
        self.assertEqual(engine.tops("/full", "/other"), ["77:1", NONE])
        engine.probe()
        self.assertEqual({engine.lines.get(timeout=10)[0] for _ in range(2)}, {"probe", "echo"})
        engine.lease(0xA)
        engine.say("close 0 %d" % engine.connection)
        before = engine.incarnation
        self.assertEqual(engine.connect(), before)
        server.call("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual(engine.publish("/full", 20)[:3], [APPLIED, "77", "2"])

    def connect_anew(self, engine):
        """Until a hello succeeds: what tells the incarnation may be evicted again before it ends."""
        answer = ["failed", OTHER_INCARNATION]
        while answer[0] == "failed":
            self.assertEqual(answer[-1], OTHER_INCARNATION)
            engine.say("close 0 %d" % engine.connection)
            engine.open()
            engine.next("connected")
            answer = engine.ask_hello()

    def test_eviction_begins_rooms_anew(self):
        for policy in ("allkeys-lru", "volatile-ttl"):  # all others: test_refusals.py of tests/cluster
            with self.subTest(policy):
                server, engine = self.pair(maxmemory_policy=policy)
                epochs = {}
                server.call("CONFIG", "SET", "maxmemory", "3mb")
                for i in range(1, 3000):
                    answer, epoch, offset, _ = engine.publish("/ev-%d" % (i % 50), i, "@5000", i, keep=(20, 60))
                    if answer == OTHER_INCARNATION:  # evicted was what tells that
                        self.connect_anew(engine)
                        continue
                    self.assertEqual(answer, APPLIED)
                    last = epochs.get(i % 50, ("", 0))
                    if epoch == last[0]:
                        self.assertEqual(int(offset, 16), last[1] + 1)
                    else:
                        self.assertEqual(offset, "1")
                    epochs[i % 50] = (epoch, int(offset, 16))
                self.assertNotIn(b"evicted_keys:0\r", server.call("INFO", "stats"))

    def test_a_message_that_is_too_large_for_it(self):
        """The server ends the connection in the middle of it, but says so before."""
        server, engine = self.pair()
        server.call("CONFIG", "SET", "proto-max-bulk-len", "1048576")
        for number, size in ((1, 1_500_000), (2, 8_000_000)):
            with self.subTest(size=size):
                engine.say(engine.publish_line("/large", number, "@%d" % size))
                self.assertEqual(engine.next("published")[4], ERROR)
                engine.next("closed")
                engine.connect()
        self.assertIn("`proto-max-bulk-len`", engine.logs[0])
        self.assertEqual(engine.publish("/large", 3)[0], APPLIED)

    def test_a_redis_cluster(self):
        server = self.server(cluster_enabled="yes", cluster_port=free_port())
        self.assertIn("Redis Cluster", self.ends_at_hello(("servers", server.address)))

    def test_commands_that_it_has_not(self):
        for command, ends, words in (
            ("CLIENT", self.fails_to_open, "it has no such command"),
            ("SUBSCRIBE", self.fails_to_open, "it has no such command"),
            ("SCRIPT", self.ends_at_hello, "it has no command script|load: was it renamed"),
            ("EVALSHA", self.ends_at_hello, "it has no command evalsha: was it renamed"),
            ("HLEN", self.ends_at_hello, "it has no command hlen: was it renamed"),
        ):
            with self.subTest(command):
                server = self.server(rename_command=(command, "HIDDEN"))
                self.assertIn(words, ends(("servers", server.address)))

    def test_a_version_that_is_too_old(self):
        """Of a server that is one, as the script asks for a version that is none yet."""
        server = self.server()

        def serve(sock):
            with socket.create_connection(("127.0.0.1", server.port)) as upstream:
                threading.Thread(target=pump, args=(upstream, sock), daemon=True).start()
                pump(sock, upstream, lambda data: data.replace(b"or 0)<7 then", b"or 0)<9 then"))

        line = self.ends_at_hello(self.listen(serve))
        self.assertRegex(line, "TONI_VERSION [78][.].*Redis 7.0, or Valkey, is the oldest that will do")

    def is_refused_and_goes_on(self, server, engine, breaks, mends, words):
        """What takes no publish of anybody is let go of, once all that had its answer is told. Mended, it takes them."""
        first = 100 * engine.connection
        with server.client() as client:
            before = int(engine.publish("/m", first, keep=(5, 60))[2], 16)
            engine.logs.clear()
            breaks(client)
            engine.say(*[engine.publish_line("/m", first + i, keep=(5, 60)) for i in range(1, 21)])
            self.assertEqual([engine.next("published")[4] for _ in range(20)], [ERROR] * 20)
            self.assertIn(words, engine.next("closed").line)
            self.assertLessEqual(len(engine.logs), 1, engine.logs)  # none of its own, if there was one a moment ago
            mends(client)
        engine.connect()
        self.assertEqual(engine.tops("/m"), ["77:%x" % before])
        self.assertEqual(engine.publish("/m", first + 50, keep=(5, 60))[:3], [APPLIED, "77", "%x" % (before + 1)])

    def test_what_it_takes_from_nobody(self):
        server, engine = self.pair(busy_reply_threshold=1)

        def user(*rules):
            return lambda client: client("ACL", "SETUSER", "default", *rules)

        def sets(name, value):
            return lambda client: client("CONFIG", "SET", name, value)

        def snapshots_fail(client):
            client("CONFIG", "SET", "save", "3600 1")
            shutil.rmtree(server.folder)
            client("BGSAVE")
            wait_for("failed snapshot", lambda: b"rdb_last_bgsave_status:err" in client("INFO", "persistence"))

        def runs_long(client):
            sock = socket.create_connection(("127.0.0.1", server.port))
            self.addCleanup(sock.close)
            sock.sendall(b"EVAL 'while true do end' 0\r\n")
            wait_for("script that runs", lambda: str(client("PING")).startswith("-BUSY"))

        def ends_it(client):
            client("SCRIPT", "KILL")
            wait_for("end of the script", lambda: client("PING") == "+PONG")

        for breaks, mends, words in (
            (user("-xadd"), user("+@all"), "the ACL rules"),
            (user("-evalsha"), user("+@all"), "the ACL rules"),
            (user("-hmget"), user("+@all"), "the ACL rules"),
            (sets("min-replicas-to-write", 1), sets("min-replicas-to-write", 0), "`min-replicas-to-write`"),
            (runs_long, ends_it, "SCRIPT KILL"),
            (snapshots_fail, sets("stop-writes-on-bgsave-error", "no"), "can't write its snapshots"),
        ):  # fmt: skip
            with self.subTest(words):
                self.is_refused_and_goes_on(server, engine, breaks, mends, words)

    def test_a_script_that_may_not_be_loaded_again(self):
        server, engine = self.pair()
        server.call("ACL", "SETUSER", "default", "-script")
        self.assertEqual(engine.publish("/a", 1)[0], APPLIED)
        server.call("ACL", "SETUSER", "default", "+@all")
        server.call("SCRIPT", "FLUSH")
        server.call("ACL", "SETUSER", "default", "-script")
        self.assertEqual(engine.publish("/a", 2)[0], NOT_RUN)
        self.assertRegex(engine.next("closed").line, "SCRIPT LOAD: NOPERM .*the ACL rules")
        server.call("ACL", "SETUSER", "default", "+@all")
        engine.connect()
        self.assertEqual(engine.publish("/a", 2)[:3], [APPLIED, "77", "2"])

    def test_one_that_reads_its_data_still(self):
        server = self.server()
        engine = self.engine(("servers", server.address))
        with server.client() as client:
            for i in range(200):
                client("SET", "ballast-%d" % i, "x" * 1000)
            client("SAVE")
        server.options.update({"key-load-delay": 10_000, "loading-process-events-interval-bytes": 1024})
        server.kill()
        server._answers = lambda: os.path.exists(server.path) and is_loading()
        os.unlink(server.path)

        def is_loading():
            try:
                return str(server.call("PING")).startswith("-LOADING")
            except OSError:
                return False

        server.start()
        self.assertRegex(self.ends_at_hello(("servers", server.address)), "LOADING .*this passes")
        wait_for("loaded server", lambda: server.call("PING") == "+PONG")
        engine.connect()
        self.assertEqual(engine.publish("/a", 1)[0], APPLIED)

    def test_options_that_are_none(self):
        for option, words in (
            (("servers", "127.0.0.1:0"), "its port is no number"),
            (("servers", "::1:6379"), "brackets"),
            (("servers", "unix:here"), "absolute path"),
            (("prefix", ""), "prefix"),
            (("ca", "/nowhere.pem"), "tls = true"),
            (("password_file", "/nowhere"), "/nowhere: No such file"),
            (("masters", "m@"), "no sentinels"),
        ):
            with self.subTest(option):
                more = [] if option[0] in ("servers", "masters") else [("servers", "127.0.0.1:6379")]
                engine = self.engine(option, *more)
                self.assertIn(words, engine.next("refused").line)


class Places(Case):
    """Where a server is."""

    def test_unix_sockets_databases_and_prefixes(self):
        server = self.server()
        engine = self.engine(("servers", "unix:" + server.path), ("database", "3"), ("prefix", "mine"))
        engine.connect()
        engine.publish("/u", 1)
        self.assertEqual(server.call("EXISTS", "mine:r:/u"), 0)
        with server.client() as client:
            client("SELECT", 3)
            self.assertEqual(client("EXISTS", "mine:r:/u"), 1)

    def test_names(self):
        server = self.server()
        engine = self.engine(("servers", "localhost:%d" % server.port))
        engine.connect()
        self.assertEqual(engine.publish("/n", 1)[0], APPLIED)
        self.assertIn("looking up", self.fails_to_open(("servers", "no-such-host.invalid:6379")))

    def test_nobody_is_there(self):
        self.assertIn("refused", self.fails_to_open(("servers", "127.0.0.1:%d" % free_port())))

    def test_a_lookup_that_is_abandoned(self):
        engine = self.engine(("servers", "no-such-host.invalid:6379"))
        for i in range(1, 11):
            engine.say("open 0 %d" % i, "close 0 %d" % i)
        engine.say("open 0 99")
        self.assertEqual(engine.next_of("closed")[2], "99")

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(folder)
            authority.issue("server", "IP:127.0.0.1,DNS:redis.test")
            authority.issue("client", "DNS:client.test")
            certificate, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
            port = free_port()
            server = self.server(
                tls_port=port, tls_cert_file=certificate, tls_key_file=key, tls_ca_cert_file=authority.path)  # fmt: skip
            address = ("servers", "127.0.0.1:%d" % port)
            own = (("certificate", os.path.join(folder, "client.pem")), ("key", os.path.join(folder, "client.key")))
            tls = (("tls", "true"), ("ca", authority.path), *own)
            engine = self.engine(address, *tls)
            engine.connect()
            engine.subscribe("/t")
            self.assertEqual(engine.publish("/t", 1, "@3000000"), [APPLIED, "77", "1", "1"])
            self.assertEqual(engine.next("message")[7], "3000000")
            engine.say("flood 5000 10 500 0 %s c" % engine.incarnation)
            self.assertEqual(engine.next("flooded")[3], "5000")
            named = self.engine(address, *tls, ("tls_name", "redis.test"))
            named.connect(node=0xB)
            self.assertIn("hostname mismatch", self.fails_to_open(address, *tls, ("tls_name", "other.test")).lower())
            other = Authority(os.path.join(folder, "other"), "Other CA")
            line = self.fails_to_open(address, ("tls", "true"), ("ca", other.path), *own)
            self.assertIn("certificate", line)
            # Without TLS on the port of TLS. The other way round such a server waits for more, and the host ends that.
            self.assertIn("closed", self.fails_to_open(address))

    def test_sentinels(self):
        one, two = self.server(), self.server()
        two.follow(one)
        sentinel = FakeSentinel(one.port)
        self.addCleanup(sentinel.stop)
        dead = free_port()
        masters = ("masters", "main@127.0.0.1:%d, 127.0.0.1:%d" % (dead, sentinel.port))
        engine = self.engine(masters)
        engine.connect()
        self.assertEqual(engine.publish("/s", 1)[0], APPLIED)
        one.kill()
        two.call("REPLICAOF", "NO", "ONE")
        sentinel.primary = two.port
        engine.next("closed")
        engine.connect()
        self.assertEqual(engine.publish("/s", 2)[0], APPLIED)
        self.assertEqual(two.call("EXISTS", "toni:r:/s"), 1)
        sentinel.primary = None
        self.assertIn("no primary with the name", self.fails_to_open(masters))

    def test_a_sentinel_that_does_not_answer_keeps_nobody_from_the_next(self):
        server = self.server()
        sentinel = FakeSentinel(server.port)
        self.addCleanup(sentinel.stop)
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        addresses = "127.0.0.1:%d,127.0.0.1:%d" % (silent.getsockname()[1], sentinel.port)
        engine = self.engine(("masters", "main@" + addresses))
        engine.open()
        engine.say("close 0 1")  # as a host does that has waited long enough
        engine.connect()
        self.assertEqual(engine.publish("/s", 1)[0], APPLIED)


class Sentinels(Case):
    """A sentinel that decides for itself that the primary is lost, and makes the replica one."""

    def watched(self):
        """A primary, its replica, and an engine that was led to the primary by a sentinel."""
        one, two = self.server(), self.server()
        two.follow(one)
        sentinel = Sentinel("main", one)
        self.addCleanup(sentinel.stop)
        port = str(two.port).encode()
        wait_for("replica", lambda: any(port in fields for fields in sentinel.call("SENTINEL", "REPLICAS", "main")))
        engine = self.engine(("masters", "main@" + sentinel.address))
        engine.connect()
        return one, two, engine

    def follow(self, engine, server):
        """As a host does, until the engine is led to this server: before, the sentinel names the one that is lost, or one
        that is a replica still. What has no answer for a second is closed."""

        def answer(*kinds):
            while (told := engine.next_within(1, *kinds)) and told[2] != str(engine.connection):
                pass
            return told

        def is_there():
            engine.open()
            told = answer("connected", "closed")
            if told and told[0] == "connected":
                engine.request += 1
                engine.say("hello 0 %x %x a" % (engine.request, 0x5000 + engine.request))
                told = answer("hello", "failed", "closed")
                if told and told[0] == "hello":
                    engine.incarnation = told[4]
                    return True
            if not told or told[0] != "closed":
                engine.say("close 0 %d" % engine.connection)
            return False

        wait_for("engine that follows", is_there)
        self.assertIn(b"role:master", server.call("INFO", "replication"))

    def check(self, engine, before, two):
        # The replica may have been behind: what the first had is no history of this one.
        self.assertNotEqual(engine.incarnation, before)
        self.assertEqual(engine.tops("/s"), [NONE])
        self.assertEqual(engine.publish("/s", 2, proposed=0x88)[:3], [APPLIED, "88", "1"])
        self.assertEqual(two.call("HGET", "toni:r:/s", "s")[32:48], b"%016x" % 1)

    def test_the_engine_follows_when_the_primary_dies(self):
        one, two, engine = self.watched()
        before = engine.incarnation
        self.assertEqual(engine.publish("/s", 1)[0], APPLIED)
        one.kill()
        engine.next("closed")
        self.follow(engine, two)
        self.check(engine, before, two)
        # The old one comes back, and is none for the sentinel.
        one.start()
        engine.say("close 0 %d" % engine.connection)
        engine.connect()
        self.assertEqual(engine.publish("/s", 3, epoch="88")[:3], [APPLIED, "88", "2"])

    def test_the_engine_follows_when_the_primary_hangs(self):
        one, two, engine = self.watched()
        before = engine.incarnation
        self.assertEqual(engine.publish("/s", 1)[0], APPLIED)
        one.halt()
        engine.say("close 0 %d" % engine.connection)  # the host does that, after a second without an answer
        self.follow(engine, two)
        one.signal(signal.SIGCONT)
        self.check(engine, before, two)


class FakeSentinel:
    """Answers where the primary is, at once and even if there is none."""

    def __init__(self, primary):
        self.primary = primary
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                if b"get-master-addr-by-name" in sock.recv(4096):
                    port = str(self.primary).encode()
                    known = b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n" % (len(port), port)
                    sock.sendall(known if self.primary else b"*-1\r\n")
                    sock.settimeout(5)
                    try:
                        sock.recv(1)
                    except OSError:
                        pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Strangers(Case):
    """What answers is no Redis, or one that has gone mad: the connection ends, and says why."""

    def stranger(self, answer):
        """The same, once something was asked."""

        def hear_and_answer(sock):
            sock.recv(65536)
            answer(sock)

        return self.listen(hear_and_answer)

    def test_garbage(self):
        for answer, words in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no reply of Redis"),
            (os.urandom(65536).replace(b"\0", b"!") + b"!", "no reply of Redis"),
            (b"*3\r\n:1\r\n:2\r\n:3\r\n", "CLIENT ID"),
            (b"+OK\r\n", "CLIENT ID"),
            (b":-5\r\n", "CLIENT ID"),
            (b"*1000000000\r\n", "no reply of Redis"),
            (b"$9999999999999999999\r\n", "no reply of Redis"),
            (b"*1\r\n" * 100, "no reply of Redis: an array within an array"),
            (b"-ERR max number of clients reached\r\n", "maxclients"),
            (b"-DENIED Redis is running in protected mode\r\n", "protected mode"),
            (b"", "closed the connection"),
        ):
            with self.subTest(answer[:40]):
                self.assertIn(words, self.fails_to_open(self.stranger(lambda sock, a=answer: sock.sendall(a))))

    def test_an_answer_of_100_mb(self):
        def answer(sock):
            sock.sendall(b"$104857600\r\n")
            for _ in range(100):
                sock.sendall(b"x" * 1048576)

        engine = self.engine(self.stranger(answer))
        engine.open()
        self.assertIn("reply_size", engine.next("closed").line)
        if os.environ.get("TONI_SANITIZER"):
            return  # what is freed stays there for a while
        with open("/proc/%d/status" % engine.process.pid, encoding="ascii") as status:
            peak = [int(line.split()[1]) for line in status if line.startswith("VmHWM")][0]
        self.assertLess(peak, 250_000)

    def test_replies_byte_by_byte(self):
        server = self.server()

        def pump(source, target):
            while True:
                data = source.recv(4096)
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                for i in range(len(data)):
                    target.sendall(data[i : i + 1])

        def answer(sock):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with socket.create_connection(("127.0.0.1", server.port)) as upstream:
                threading.Thread(target=pump, args=(sock, upstream), daemon=True).start()
                pump(upstream, sock)

        engine = self.engine(self.listen(answer))
        engine.connect()
        engine.subscribe("/b")
        engine.say(engine.publish_line("/b", 1, "hello"))
        # They come by two connections, in any order.
        told = {words[0]: words for words in (engine.next_of("published", "message") for _ in range(2))}
        self.assertEqual(told["published"][4:], [APPLIED, "77", "1", "1"])
        self.assertEqual(told["message"][-1], "hello")

    def test_a_server_that_hangs(self):
        server, engine = self.pair()
        server.halt()
        # What waits is bounded, and then the connection ends: the host is not held up meanwhile.
        engine.say(*[engine.publish_line("/hang", i, "@4000000") for i in range(1, 30)])
        self.assertIn("output_size", engine.next("closed").line)
        server.signal(signal.SIGCONT)
        wait_for("connection", lambda: server.call("PING") == "+PONG")
        engine.connect()

    def test_a_reset(self):
        def answer(sock):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        self.assertIn("reading", self.fails_to_open(self.stranger(answer)))

    def test_either_socket_ends_both(self):
        server, engine = self.pair()
        for kind in ("normal", "pubsub"):
            server.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            engine.next("closed")
            engine.connect()
        self.assertEqual(engine.publish("/k", 1)[0], APPLIED)


class OfValkey:
    program = "valkey-server"

    def setUp(self):
        if self.program not in programs():
            self.skipTest("this Debian has no %s" % self.program)


class Valkey(OfValkey, Messages):
    pass


class ValkeyBatches(OfValkey, Batches):
    pass


class ValkeySentinels(OfValkey, Sentinels):
    pass


if __name__ == "__main__":
    unittest.main()
