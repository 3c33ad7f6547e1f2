"""The connections handle, called by a gateway of our own: rooms, members, targets."""

import threading

from toni_host import (
    ECHO,
    PROBE,
    ROOMS,
    TEXT,
    Host,
    HostTestCase,
    both,
    configuration,
    frame,
    gateway,
    main,
    open_socket,
    scaled,
)


class FreshHost(HostTestCase):
    """A host for each test, so that counts are of the test's own clients."""

    gateways = (ROOMS, ECHO, PROBE, gateway("probe2", "probe_gateway.so", "/probe2"))

    def setUp(self):
        self.host = Host(configuration(self.gateways, self.workers)).start()
        self.addCleanup(self.host.kill)
        self.addCleanup(self.host.stop)  # cleanups run backwards: after the clients have gone

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass


@both
class TestConnections(FreshHost):
    def probes(self, count, room=None):
        clients = [self.client("/probe") for _ in range(count)]
        for client in clients:
            if room:
                self.assertEqual(client.ask("join:" + room), "ok")
        return clients

    def names(self, clients):
        return ",".join(sorted(client.id for client in clients))

    def test_members_rooms_and_count(self):
        a, b, c = self.probes(3)
        self.assertEqual(a.ask("count"), "count=0")
        self.assertEqual(a.ask("rooms"), "rooms=")
        self.assertEqual(a.ask("members:x"), "members=")
        for client, room in ((a, "x"), (b, "x"), (b, "y"), (c, "z")):
            self.assertEqual(client.ask("join:" + room), "ok")
        self.assertEqual(a.ask("count"), "count=3")
        self.assertEqual(c.ask("members:x"), "members=" + self.names([a, b]))
        self.assertEqual(c.ask("members:y"), "members=" + b.id)
        self.assertEqual(b.ask("rooms"), "rooms=x,y")
        self.assertEqual(a.ask("leave:x"), "ok")
        self.assertEqual(b.ask("leave:x"), "ok")
        self.assertEqual(c.ask("count"), "count=2")
        self.assertEqual(c.ask("members:x"), "members=")

    def test_a_client_reads_its_own_join(self):
        (client,) = self.probes(1)
        client.send_raw(frame(TEXT, "join:own") + frame(TEXT, "members:own"))
        client.expect("ok", "members=" + client.id)

    def test_joining_twice_and_leaving_unjoined_are_ok(self):
        (client,) = self.probes(1)
        self.assertEqual(client.ask("join:x"), "ok")
        self.assertEqual(client.ask("join:x"), "ok")
        self.assertEqual(client.ask("members:x"), "members=" + client.id)
        self.assertEqual(client.ask("tell:x:once"), "once")
        client.expect("targeted=1")
        self.assertEqual(client.ask("leave:x"), "ok")
        self.assertEqual(client.ask("leave:x"), "ok")
        self.assertEqual(client.ask("leave:never"), "ok")
        self.assertEqual(client.ask("count"), "count=0")

    def test_bad_room_names_are_invalid_and_leave_no_trace(self):
        (client,) = self.probes(1)
        for room in ("", "x" * 256, "ü" * 128, "a\x01", "a\nb", "\x7f", "\x00"):
            with self.subTest(room=room[:10]):
                self.assertEqual(client.ask("join:" + room), "TONI_ERR_INVALID")
                self.assertEqual(client.ask("leave:" + room), "TONI_ERR_INVALID")
        for room in ("x" * 255, "ü" * 127, " ", "☃"):
            self.assertEqual(client.ask("join:" + room), "ok")
            self.assertEqual(client.ask("leave:" + room), "ok")
        self.assertEqual(client.ask("count"), "count=0")

    def test_tell_targets_the_members(self):
        a, b, c = self.probes(3)
        for client in (a, b):
            self.assertEqual(client.ask("join:x"), "ok")
        self.assertEqual(c.ask("tell:x:hello: there"), "targeted=2")
        a.expect("hello: there")
        b.expect("hello: there")
        self.assertEqual(a.ask("tell:x:mine"), "mine")  # program order: before the answer
        a.expect("targeted=2")
        b.expect("mine")
        self.assertEqual(c.ask("tell:nobody:x"), "targeted=0")
        self.assertEqual(c.ask("count"), "count=1")

    def test_except_spares_the_sender(self):
        a, b, c = self.probes(3, "x")
        self.assertEqual(a.ask("except:x:others"), "targeted=2")
        b.expect("others")
        c.expect("others")
        self.assertEqual(a.ask("id"), "id=" + a.id)
        (outsider,) = self.probes(1)
        self.assertEqual(outsider.ask("except:x:all three"), "targeted=3")
        for client in (a, b, c):
            client.expect("all three")

    def test_union_reaches_each_once(self):
        a, b, c, outsider = self.probes(4)
        for client, room in ((a, "x"), (b, "x"), (b, "y"), (c, "y")):
            self.assertEqual(client.ask("join:" + room), "ok")
        for number in range(50):
            self.assertEqual(outsider.ask("union:x:y:%d" % number), "targeted=3")
        for client in (a, b, c):
            client.expect(*(str(number) for number in range(50)))
            self.assertEqual(client.ask("id"), "id=" + client.id)
        self.assertEqual(outsider.ask("union:x:nobody:x only"), "targeted=2")
        a.expect("x only")
        b.expect("x only")
        self.assertEqual(outsider.ask("union:y:y:same twice"), "targeted=2")
        b.expect("same twice")
        c.expect("same twice")

    def test_union_and_plain_broadcasts_are_in_one_order(self):
        a, b, sender = self.probes(3)
        for room in ("x", "y"):
            self.assertEqual(a.ask("join:" + room), "ok")
            self.assertEqual(b.ask("join:" + room), "ok")
        sender.send_raw(
            b"".join(
                frame(TEXT, "%s:%d" % (target, n))
                for n in range(200)
                for target in ("tell:x", "union:x:y", "tell:y")
            )
        )
        self.assertEqual(sender.read_many(600), ["targeted=2"] * 600)
        wanted = [str(n) for n in range(200) for _ in range(3)]
        for client in (a, b):
            self.assertEqual(client.read_many(600), wanted)

    def test_all_reaches_every_client_of_the_host(self):
        a, b = self.probes(2)
        rooms, echo, second = self.client("/rooms"), self.client("/echo"), self.client("/probe2")
        self.assertTrue(second.read().startswith("path=/probe2 "))
        self.assertEqual(a.ask("all:everyone"), "everyone")
        a.expect("targeted=5")
        for client in (b, rooms, echo, second):
            client.expect("everyone")

    def test_a_receipt_says_what_became_of_a_broadcast(self):
        a, b, c = [self.client("/probe") for _ in range(3)]
        for client in (a, b):
            self.assertEqual(client.ask("join:r"), "ok")
        for text, count in (("receipt:r:hi", 2), ("receipt:nobody:hi", 0)):
            c.send(text)
            c.expect(
                "targeted=%d" % count,
                "receipt targeted=%d queued=%d dropped=0 closed=0" % (count, count),
            )
        a.expect("hi")
        b.expect("hi")
        self.assertEqual(c.ask("receipt:bad\x01name:hi"), "TONI_ERR_INVALID")
        self.assertEqual(c.ask("id"), "id=" + c.id)

    def test_rooms_are_of_the_whole_host(self):
        (probe,) = self.probes(1)
        page = self.client("/rooms")
        page_id = self.join(page, "shared")
        self.assertEqual(probe.ask("members:shared"), "members=" + page_id)
        self.assertEqual(probe.ask("tell:shared:from another gateway"), "targeted=1")
        page.expect("from another gateway")
        self.assertEqual(probe.ask("join:shared"), "ok")
        page.send("msg:shared:hi")
        page.expect("[shared] %s: hi" % page_id)
        probe.expect("[shared] %s: hi" % page_id)

    def test_two_instances_of_one_plugin_are_apart(self):
        first, second = self.client("/probe"), self.client("/probe2")
        hello = second.read()
        self.assertTrue(hello.startswith("path=/probe2 "), hello)
        second_id = second.ask("id").split("=")[1]
        self.assertNotEqual(first.id, second_id)
        second.close()
        line = self.host.wait_log(msg="disconnected", client=second_id)
        self.assertEqual(line["instance"], "probe2")

    def test_a_removed_client_is_no_target_and_no_member(self):
        a, b = self.probes(2, "x")
        b.send("remove")
        closed = b.expect_close(1000)
        self.assertEqual(closed.before, [b"removed"])
        a.expect(b.id + " gone")
        self.eventually(lambda: a.ask("members:x") == "members=" + a.id, "it is out")
        self.assertEqual(a.ask("tell:x:alone"), "alone")
        a.expect("targeted=1")

    def test_on_disconnect_reads_its_rooms_and_tells_each(self):
        a, b = self.probes(2)
        for room in ("x", "y"):
            self.assertEqual(a.ask("join:" + room), "ok")
            self.assertEqual(b.ask("join:" + room), "ok")
        self.assertEqual(b.ask("join:alone"), "ok")
        b.close()
        a.expect(b.id + " gone", b.id + " gone")
        line = self.disconnected(b.id)
        self.assertEqual(sorted(line["rooms"].split(",")), ["alone", "x", "y"])
        self.eventually(lambda: a.ask("count") == "count=2", "its own room has ended")
        self.assertEqual(a.ask("members:x"), "members=" + a.id)
        self.assertEqual(a.ask("members:y"), "members=" + a.id)

    def test_who_is_told_that_one_has_gone_finds_it_in_no_list(self):
        (stays,) = self.probes(1, "x")
        for _ in range(scaled(60, 20)):
            (goes,) = self.probes(1, "x")
            goes.drop()
            stays.expect(goes.id + " gone")
            self.assertEqual(stays.ask("members:x"), "members=" + stays.id)

    def test_two_that_leave_at_once_tell_those_who_stay(self):
        stays, *go = self.probes(9, "x")
        for client in go:
            client.drop()
        self.assertEqual(
            sorted(stays.read_many(8)), sorted(client.id + " gone" for client in go)
        )
        self.eventually(lambda: stays.ask("members:x") == "members=" + stays.id, "all are out")


class TestComingAndGoing(HostTestCase):
    """Nobody says anything, and all workers close at once."""

    workers = 4

    def test_connections_that_come_and_go_on_all_workers_at_once(self):
        def come_and_go():
            for _ in range(1500):
                open_socket(self.host.address).close()

        threads = [threading.Thread(target=come_and_go) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.host_goes_on()


@both
class TestChurn(HostTestCase):
    gateways = (ROOMS, ECHO, PROBE)

    def test_joins_leaves_talk_and_endings_of_all_kinds_leave_empty_tables(self):
        """Eight clients at a time; all end in one of five ways while the others talk."""
        endings = ("close", "drop", "reset", "bye", "remove")
        for turn in range(10):
            clients = [self.client("/probe") for _ in range(8)]
            for number, client in enumerate(clients):
                client.send_raw(
                    b"".join(
                        frame(TEXT, text)
                        for n in range(20)
                        for text in (
                            "join:churn-%d" % ((n + number) % 6),
                            "tell:churn-%d:%d" % (n % 6, n),
                            "leave:churn-%d" % ((n * number) % 6),
                            "except:churn-%d:x" % ((n + 1) % 6),
                            "union:churn-0:churn-1:u",
                        )
                    )
                )
            for number, client in enumerate(clients):
                ending = endings[(turn + number) % len(endings)]
                if ending == "bye":
                    client.send("bye:4000:churn")
                    client.expect_close(4000, "churn")
                elif ending == "remove":
                    client.send("remove")
                    client.expect_close(1000)
                elif ending == "close":
                    client.send_frame(0x8, b"\x03\xe8")
                    client.expect_close(1000, answer=False)
                else:
                    getattr(client, ending)()
            for client in clients:
                self.disconnected(client.id)
        last = self.client("/probe")
        self.eventually(lambda: last.ask("count") == "count=0", "all rooms have ended")
        lines = [line["client"] for line in self.host.log(msg="disconnected")]
        self.assertEqual(len(lines), 80)
        self.assertEqual(len(set(lines)), 80)


if __name__ == "__main__":
    main()
