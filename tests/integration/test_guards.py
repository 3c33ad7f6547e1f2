"""Guards that wait: nothing is answered before they have decided, their limit has passed, or the
peer has gone; and nobody else waits for them. The gateway is tests/fixtures/later_gateway.c."""

import asyncio
import collections
import fcntl
import os
import random
import select
import signal
import socket
import struct
import time
import unittest

import websockets

from toni_generations import DRAINS, Generations
from toni_host import (
    DEADLINE,
    ECHO,
    FIXTURES,
    PLUGINS,
    SLOWNESS,
    TEXT,
    Client,
    Host,
    HostTestCase,
    PatientTestCase,
    Response,
    both,
    configuration,
    exchange,
    frame,
    gateway,
    main,
    metrics,
    open_socket,
    request,
    run_toni,
    scaled,
)

LONG = 60000  # of guard_ms: longer than any test takes


def later(**more):
    return gateway("later", "later_gateway.so", "/later", **more)


def path(by, answer="ok"):
    return "/later?by=%s&answer=%s" % (by, answer)


class Waits:
    """What the tests do with clients that wait; of a test case with a `host`."""

    def asks(self, by="nobody", answer="ok", also=b"", headers=(), address=None):
        """A socket whose handshake was sent, and is not answered."""
        sock = open_socket(address or self.host.address)
        self.addCleanup(sock.close)
        sock.sendall(request(path(by, answer), headers=headers) + also)
        return sock

    def controls(self):
        """A client that was let in at once, and can decide."""
        client = Client(self.host.address, path("guard"))
        self.addCleanup(client.sock.close)
        return client

    def wait_for(self, control, waiting, cancelled=0):
        """Until so many tickets are there."""
        end = time.monotonic() + DEADLINE
        wanted = "%d waiting, %d cancelled" % (waiting, cancelled)
        while (found := control.ask("count")) != wanted:
            if time.monotonic() > end:
                self.fail("found %s, expected %s" % (found, wanted))
            time.sleep(0.005)

    def answer_of(self, sock):
        """The answer to a handshake that was sent, and what came with it."""
        raw = bytearray()
        while b"\r\n\r\n" not in raw:
            part = sock.recv(65536)
            if not part:
                break
            raw += part
        self.assertTrue(raw, "closed without an answer")
        return Response(bytes(raw))

    def is_refused(self, sock, status):
        raw = bytearray()
        while part := sock.recv(65536):
            raw += part
        response = Response(bytes(raw))
        self.assertEqual(response.status, status)
        if status == 503:
            self.assertRegex(response.headers["retry-after"], r"\A[1-9][0-9]*\Z")
        return response

    def is_silent(self, *socks):
        self.assertEqual(select.select(socks, [], [], 0.05)[0], [])

    def waits(self, outcome):
        return metrics(self.host)['toni_guard_waits_total{outcome="%s"}' % outcome]


@both
class TestGuards(Waits, HostTestCase):
    gateways = (later(), ECHO)
    limits = {"guard_ms": LONG}

    def test_who_is_let_in_later_is_a_client_like_any_other(self):
        for by in ("guard", "post", "timer", "job", "thread"):
            with self.subTest(by=by):
                client = Client(self.host.address, path(by))
                self.assertEqual(client.ask("hello"), "hello")
                client.close()

    def test_who_is_refused_later_is_answered(self):
        for by in ("guard", "post", "timer", "job", "thread"):
            for status in (401, 403):
                with self.subTest(by=by, status=status):
                    response = exchange(self.host.address, request(path(by, str(status))))
                    self.assertEqual(response.status, status)
                    self.assertEqual("www-authenticate" in response.headers, status == 401)

    def test_nothing_is_sent_before_the_decision(self):
        control = self.controls()
        socks = [self.asks() for _ in range(3)]
        self.wait_for(control, 3)
        self.is_silent(*socks)
        self.assertEqual(control.ask("decide ok"), "1 decided")
        self.assertEqual(control.ask("decide 401"), "1 decided")
        self.assertEqual(control.ask("decide 403"), "1 decided")
        # the guard was asked by several workers, in whatever order
        self.assertEqual(sorted(self.answer_of(sock).status for sock in socks), [101, 401, 403])

    def test_the_request_is_read_through_the_ticket(self):
        for question, status in (("who?", 101), ("what?", 401)):
            with self.subTest(question=question):
                sock = self.asks(by="job", headers=[("X-QUESTION", question)])
                self.assertEqual(self.answer_of(sock).status, status)

    def test_a_library_client_that_waits(self):
        async def connect(by, answer):
            url = "ws://%s%s" % (self.host.address, path(by, answer))
            async with websockets.connect(url, open_timeout=DEADLINE) as client:
                await client.send("hello")
                return await client.recv()

        self.assertEqual(asyncio.run(connect("timer", "ok")), "hello")
        with self.assertRaisesRegex(Exception, "401"):
            asyncio.run(connect("timer", "401"))

    def test_a_peer_that_goes_is_forgotten(self):
        def leave(sock):
            sock.close()

        def half_close(sock):
            sock.shutdown(socket.SHUT_WR)

        def reset(sock):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

        control = self.controls()
        before = self.host.open_files()
        for go in (leave, half_close, reset):
            for also in (b"", frame(TEXT, b"x" * 200) * 100):  # more than is read, too
                with self.subTest(go=go.__name__, behind=len(also)):
                    sock = self.asks(also=also)
                    self.wait_for(control, 1)
                    go(sock)
                    self.wait_for(control, 1, 1)
                    self.eventually(lambda: self.host.open_files() <= before, "its descriptor is closed")
                    self.assertEqual(control.ask("decide ok"), "1 decided")
                    self.assertEqual(control.ask("still here"), "still here")

    def test_what_came_meanwhile_are_the_first_frames(self):
        control = self.controls()
        frames = [frame(TEXT, b"%d " % number + b"x" * (number * 7 % 50)) for number in range(60)]
        self.assertLess(sum(map(len, frames)), 4096)
        behind_head = b"".join(frames[:20])
        client = object.__new__(Client)
        client.deadline, client.buffer, client.answer_pings, client.pings = DEADLINE, bytearray(), True, 0
        client.sock = self.asks(also=behind_head + frames[20][:3])
        self.wait_for(control, 1)
        client.sock.sendall(frames[20][3:])
        for made in frames[21:40]:
            client.sock.sendall(made)
        self.is_silent(client.sock)
        self.assertEqual(control.ask("decide ok"), "1 decided")
        for made in frames[40:]:
            client.sock.sendall(made)
        client._read_answer()
        for number in range(60):
            self.assertEqual(client.read(), "%d " % number + "x" * (number * 7 % 50))

    def test_more_than_4_kib_is_left_in_the_kernel(self):
        control = self.controls()
        sock = self.asks()
        self.wait_for(control, 1)
        made = b"".join(frame(TEXT, b"%06d" % number + b"x" * 1000) for number in range(16000))
        sock.setblocking(False)
        sent = full = 0
        while sent < len(made) and full < 20:  # it takes no more for a fifth of a second
            try:
                sent += sock.send(made[sent : sent + 65536])
                full = 0
            except BlockingIOError:
                full += 1
                time.sleep(0.01)
        self.assertLess(sent, len(made), "the host reads though its guard waits")
        taken = self.bytes_taken(sock, sent)
        self.assertLessEqual(taken, 4096)
        self.assertEqual(control.ask("decide ok"), "1 decided")
        self.echoes_in_order(sock, made, sent)

    def test_a_refusal_arrives_though_not_all_was_read(self):
        control = self.controls()
        sock = self.asks(also=frame(TEXT, b"x" * 200) * 500)
        self.wait_for(control, 1)
        self.assertEqual(control.ask("decide 401"), "1 decided")
        self.is_refused(sock, 401)

    def bytes_taken(self, sock, sent):
        """What the host has read of what was sent to it behind the head."""
        siocoutq = 0x5411
        unsent = struct.unpack("i", fcntl.ioctl(sock.fileno(), siocoutq, b"\0" * 4))[0]
        ends = [sock.getpeername()[1], sock.getsockname()[1]]
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table.read().splitlines()[1:]:
                fields = line.split()
                if [int(end.split(":")[1], 16) for end in fields[1:3]] == ends:
                    return sent - unsent - int(fields[4].split(":")[1], 16)
        return self.fail("the host has no socket of %s" % ends)

    def echoes_in_order(self, sock, made, sent):
        raw = bytearray()
        number = 0
        head = None
        while number < 16000:
            readable, writable, _ = select.select([sock], [sock] if sent < len(made) else [], [], DEADLINE)
            self.assertTrue(readable or writable, "nothing moves after %d echoes" % number)
            if writable:
                sent += sock.send(made[sent : sent + 65536])
            if not readable:
                continue
            part = sock.recv(262144)
            self.assertTrue(part, "closed after %d echoes" % number)
            raw += part
            if head is None and b"\r\n\r\n" in raw:
                head = Response(bytes(raw))
                self.assertEqual(head.status, 101)
                del raw[: raw.index(b"\r\n\r\n") + 4]
            at = 0
            while head and len(raw) - at >= 4 + 1006:
                self.assertEqual(raw[at : at + 10], b"\x81\x7e\x03\xee%06d" % number)
                number += 1
                at += 4 + 1006
            del raw[:at]

    def test_a_thousand_wait_and_the_others_are_served(self):
        control = self.controls()
        other = Client(self.host.address, "/echo")
        count = scaled(1000, 300)
        socks = [self.asks() for _ in range(count)]
        self.wait_for(control, count)
        for number in range(50):
            self.assertEqual(other.ask("still here %d" % number), "still here %d" % number)
        for sock in socks[: count // 2]:
            sock.close()
        self.wait_for(control, count, count // 2)
        self.is_silent(*socks[count // 2 :])
        self.assertEqual(control.ask("all ok"), "%d decided" % count)
        for sock in socks[count // 2 :]:
            self.assertEqual(self.answer_of(sock).status, 101)
            sock.close()
        other.close()

    def test_what_makes_no_sense_is_logged(self):
        self.assertEqual(exchange(self.host.address, request(path("none"))).status, 403)
        self.host.wait_log(level="warn", instance="later", msg=lambda m: "has no ticket" in m)
        self.assertEqual(exchange(self.host.address, request(path("refusal", "401"))).status, 401)
        self.host.wait_log(level="warn", instance="later", msg=lambda m: "did not return TONI_LATER" in m)
        self.host.expect_error(msg=lambda m: "is decided twice" in m)
        client = Client(self.host.address, path("twice"))
        self.host.wait_log(level="error", instance="later", msg=lambda m: "is decided twice" in m)
        client.close()
        control = self.controls()
        self.wait_for(control, 1, 1)
        control.ask("all ok")


class TestLimits(Waits, PatientTestCase):
    workers = 1

    def start(self, *providers, **limits):
        self.host = Host(
            configuration(providers or (later(), ECHO), self.workers, limits, admin="127.0.0.1:0")
        ).start()
        self.addCleanup(self.host.kill)
        return self.host

    def figures(self, *wanted):
        found = metrics(self.host)
        return tuple(found["toni_" + name] for name in wanted)

    def test_after_guard_ms_it_is_503_and_the_decision_comes_too_late(self):
        host = self.start(guard_ms=200 * SLOWNESS)
        control = self.controls()
        began = time.monotonic()
        self.is_refused(self.asks(), 503)
        self.assertGreaterEqual(time.monotonic() - began, 0.19 * SLOWNESS)
        self.wait_for(control, 1, 1)
        self.assertEqual(self.figures("guards_waiting", "guard_tickets_abandoned"), (0, 1))
        self.assertEqual(control.ask("all ok"), "1 decided")
        self.assertEqual(self.figures("guards_waiting", "guard_tickets_abandoned"), (0, 0))
        self.assertEqual((self.waits("timeout"), self.waits("decided")), (1, 1))
        self.assertEqual(self.figures("guard_decisions_ignored_total"), (1,))
        self.assertEqual(metrics(host)['toni_handshakes_refused_total{status="503"}'], 1)
        control.close()
        host.stop()

    def test_a_gateway_has_a_guard_ms_of_its_own(self):
        host = self.start(later(limits={"guard_ms": 100}), guard_ms=LONG)
        self.is_refused(self.asks(), 503)
        host.stop()

    def test_a_whole_head_ends_handshake_ms_and_being_half_open(self):
        host = self.start(guard_ms=LONG, handshake_ms=200 * SLOWNESS)
        control = self.controls()
        sock = self.asks()
        self.wait_for(control, 1)
        waiting = 'toni_places_waiting{listener="websocket"}'
        self.assertEqual((metrics(host)[waiting], self.figures("guards_waiting")), (0, (1,)))
        half_open = open_socket(host.address)
        self.addCleanup(half_open.close)
        half_open.sendall(b"GET /later HTTP/1.1\r\n")
        self.eventually(lambda: metrics(host)[waiting] == 1, "a head that is not whole waits")
        self.assertEqual(half_open.recv(1), b"")  # after handshake_ms
        self.is_silent(sock)
        self.assertEqual(control.ask("decide ok"), "1 decided")
        self.assertEqual(self.answer_of(sock).status, 101)
        self.assertEqual(self.figures("guards_waiting", "handshakes_timed_out_total"), (0, 1))
        host.stop()

    def test_who_waits_is_no_stranger_and_loses_no_place_to_one(self):
        host = self.start(guard_ms=LONG, connections_per_address=4)
        control = self.controls()
        socks = [self.asks(), self.asks()]
        self.wait_for(control, 2)
        strangers = [open_socket(host.address) for _ in range(20)]
        self.eventually(
            lambda: metrics(host)['toni_places_evicted_total{listener="websocket"}'] >= 16, "strangers go"
        )
        self.is_silent(*socks)
        self.assertEqual(control.ask("all ok"), "2 decided")
        for sock in socks:
            self.assertEqual(self.answer_of(sock).status, 101)
        for sock in strangers:
            sock.close()
        host.stop()

    def test_who_waits_counts_as_a_connection(self):
        host = self.start(guard_ms=LONG, connections=3)
        control = self.controls()
        socks = [self.asks(), self.asks()]
        self.wait_for(control, 2)
        self.assertEqual(exchange(host.address, request("/echo")).status, 503)
        socks[0].close()
        self.wait_for(control, 2, 1)
        self.eventually(lambda: self.figures("guards_waiting") == (1,), "its place is given back")
        Client(host.address, "/echo").close()
        self.assertEqual(control.ask("all 403"), "2 decided")
        self.is_refused(socks[1], 403)
        Client(host.address, "/echo").close()
        host.stop()

    def test_beyond_guards_waiting_it_is_503(self):
        host = self.start(guard_ms=LONG, guards_waiting=3)
        control = self.controls()
        socks = [self.asks() for _ in range(3)]
        self.wait_for(control, 3)
        self.is_refused(self.asks(), 503)
        self.assertEqual(exchange(host.address, request(path("guard"))).status, 503)
        self.assertEqual((self.figures("guards_waiting"), self.waits("refused")), ((3,), 2))
        self.assertEqual(control.ask("decide ok"), "1 decided")
        # Which one came first, the workers decide.
        answered = select.select(socks, [], [], DEADLINE)[0]
        self.assertEqual([self.answer_of(sock).status for sock in answered], [101])
        another = self.asks()
        self.wait_for(control, 3)
        another.close()
        self.wait_for(control, 3, 1)
        self.eventually(lambda: self.figures("guards_waiting") == (2,), "its place is given back")
        again = self.asks()
        self.wait_for(control, 4, 1)
        self.assertEqual(control.ask("all ok"), "4 decided")
        self.assertEqual(self.answer_of(again).status, 101)
        host.stop()

    def test_who_comes_and_goes_piles_up_no_tickets(self):
        host = self.start(guard_ms=LONG, guards_waiting=2)
        control = self.controls()
        for number in range(8):
            self.asks().close()
            self.wait_for(control, number + 1, number + 1)
        self.is_refused(self.asks(), 503)
        self.assertEqual(self.figures("guards_waiting", "guard_tickets_abandoned"), (0, 8))
        self.assertEqual(control.ask("all ok"), "8 decided")
        client = Client(host.address, path("job"))
        self.assertEqual(client.ask("hello"), "hello")
        client.close()
        self.assertEqual(self.waits("client_gone"), 8)
        host.stop()

    # --- changes

    def configure(self, *providers, **limits):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration(providers, self.workers, limits, admin="127.0.0.1:0"))

    def reload(self):
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def test_a_swap_answers_503(self):
        host = self.start(guard_ms=LONG)
        control = self.controls()
        socks = [self.asks() for _ in range(4)]
        self.wait_for(control, 4)
        self.configure(later(options={"new": True}), ECHO, guard_ms=LONG)
        self.assertIn("1 swapped", self.reload())  # the old one's `destroy` decides: too late
        for sock in socks:
            self.is_refused(sock, 503)
        self.assertEqual((self.waits("withdrawn"), self.figures("guards_waiting")), (4, (0,)))
        self.eventually(lambda: self.figures("guard_tickets_abandoned") == (0,), "all is decided")
        self.assertEqual(self.figures("guard_decisions_ignored_total"), (4,))
        sock = self.asks()
        self.wait_for(control, 1)  # by the new one's guard
        self.assertEqual(control.ask("all ok"), "1 decided")
        self.assertEqual(self.answer_of(sock).status, 101)
        host.stop()

    def test_a_removal_answers_503(self):
        host = self.start(guard_ms=LONG)
        control = self.controls()
        socks = [self.asks() for _ in range(4)]
        self.wait_for(control, 4)
        self.configure(ECHO, guard_ms=LONG)
        self.assertIn("1 removed", self.reload())
        for sock in socks:
            self.is_refused(sock, 503)
        control.expect_close(1001)
        self.assertEqual(exchange(host.address, request("/later")).status, 404)
        self.assertEqual((self.waits("withdrawn"), self.figures("guards_waiting")), (4, (0,)))
        host.stop()

    def test_other_changes_don_t_end_a_wait(self):
        host = self.start(guard_ms=LONG)
        control = self.controls()
        socks = [self.asks() for _ in range(4)]
        self.wait_for(control, 4)
        self.configure(later(limits={"message_bytes": 5}), gateway("second", "echo_gateway.so", "/second"),
                       guard_ms=LONG)
        self.reload()
        self.is_silent(*socks)
        self.wait_for(control, 4)
        control.send("all ok")
        control.expect_close(1009)  # its limit is another
        control = self.controls()
        control.sock.close()
        for sock in socks:
            sock.close()
        host.stop()

    def test_a_stop_answers_503(self):
        host = self.start(guard_ms=LONG, drain_ms=LONG)
        control = self.controls()
        socks = [self.asks() for _ in range(4)]
        self.wait_for(control, 4)
        os.kill(host.pid, signal.SIGTERM)
        for sock in socks:
            self.is_refused(sock, 503)
        control.expect_close(1001)
        host.ends_well()


    # --- all at once

    async def comes_and_goes(self, number, random_):
        """One client of the storm: how its handshake ended."""
        by = random_.choice(("post", "timer", "job", "thread", "guard"))
        answer = random_.choice(("ok", "ok", "401"))
        patience = random_.choice((None, None, 0, random_.random() / 20))
        name, port = self.host.address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(name, int(port))
        try:
            writer.write(request(path(by, answer)) + frame(TEXT, b"%d" % number))
            if patience is not None:
                await asyncio.sleep(patience)
                return "gone"
            status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
            if status == 101:
                self.assertEqual(await reader.readexactly(2), b"\x81%c" % len(str(number)))
                self.assertEqual(await reader.readexactly(len(str(number))), b"%d" % number)
            return status
        finally:
            writer.close()

    async def storm(self, clients, reloads):
        random_ = random.Random(17)
        ends = collections.Counter()
        under_way = asyncio.Semaphore(100)

        async def one(number):
            async with under_way:
                ends[await self.comes_and_goes(number, random_)] += 1

        async def change(number):
            self.configure(later(options={"version": number}), ECHO, guard_ms=LONG)
            done = await asyncio.to_thread(self.reload)
            self.assertIn("1 swapped", done)

        tasks = [asyncio.ensure_future(one(number)) for number in range(clients)]
        for number in range(reloads):
            await change(number)
        await asyncio.gather(*tasks)
        return ends

    def test_a_storm_of_clients_and_swaps_leaves_nothing_behind(self):
        host = self.start(guard_ms=LONG)
        ends = asyncio.run(self.storm(scaled(3000, 800), 10))
        self.assertLessEqual(set(ends), {"gone", 101, 401, 503})
        self.assertGreater(min(ends["gone"], ends[101], ends[401]), 10)
        self.eventually(
            lambda: self.figures("guards_waiting", "guard_tickets_abandoned") == (0, 0), "all is decided"
        )
        self.eventually(lambda: self.figures("sockets") == (0,), "all sockets are closed")
        host.stop()


class TestLimitsWith4Workers(TestLimits):
    workers = 4


class TestRestart(Waits, unittest.TestCase):
    def test_who_waits_is_let_in_by_the_old_host(self):
        host = self.host = Generations(
            configuration([later()], 1, {"guard_ms": LONG, "drain_ms": 3000 * SLOWNESS},
                          plugin_path=[FIXTURES, PLUGINS])
        )
        self.addCleanup(host.kill)
        host.start()
        control = self.controls()
        let_in, gone, refused = self.asks(), self.asks(), self.asks()
        self.wait_for(control, 3)
        ask = host.ask("restart")
        host.wait_log(msg=DRAINS)
        self.assertEqual(control.ask("decide ok"), "1 decided")
        self.assertEqual(self.answer_of(let_in).status, 101)
        gone.close()
        self.wait_for(control, 2, 1)
        self.assertEqual(control.ask("all 403"), "2 decided")
        self.is_refused(refused, 403)
        control.expect_close(1001)
        host.answer_of(ask, 0)
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        host.stop()

    def test_who_waits_for_longer_than_drain_ms_is_answered_503(self):
        host = self.host = Generations(
            configuration([later()], 1, {"guard_ms": LONG, "drain_ms": 500 * SLOWNESS},
                          plugin_path=[FIXTURES, PLUGINS])
        )
        self.addCleanup(host.kill)
        host.start()
        control = self.controls()
        sock = self.asks()
        self.wait_for(control, 1)
        host.restart()
        self.is_refused(sock, 503)
        self.assertEqual(host.wait_gone(host.process.pid), 0)
        host.stop()


if __name__ == "__main__":
    main(beside=2)
