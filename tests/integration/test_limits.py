"""Limits and what happens at each."""

import os
import signal
import time
import unittest

from toni_host import (
    CLOSE,
    CONTINUATION,
    DEADLINE,
    ECHO,
    OVER_TLS,
    PING,
    PONG,
    PROBE,
    ROOMS,
    SLOWNESS,
    TEXT,
    ClosedEarly,
    HostTestCase,
    Refused,
    both,
    close_payload,
    exchange,
    frame,
    gateway,
    main,
    open_socket,
    raise_file_limit,
    request,
)


def wait_end(sock, deadline=DEADLINE):
    """Seconds until the host ends a connection."""
    started = time.monotonic()
    sock.settimeout(deadline)
    got = b""
    try:
        while True:
            part = sock.recv(4096)
            if not part:
                break
            got += part
    except ConnectionResetError:
        pass
    assert b" 101 " not in got, got
    return time.monotonic() - started


@both
class TestHandshakeTime(HostTestCase):
    gateways = (ROOMS, ECHO)
    limits = {"handshake_ms": 500 * SLOWNESS}
    longest = 4 * SLOWNESS

    def test_who_sends_nothing_or_half_is_closed(self):
        started = time.monotonic()
        served = self.client("/rooms")
        socks = [open_socket(self.host.address) for _ in range(4)]
        socks[1].sendall(b"G")
        socks[2].sendall(request("/rooms")[:-2])
        socks[3].sendall(request("/rooms")[:40])
        for sock in socks:
            with sock:
                wait_end(sock)
        took = time.monotonic() - started
        self.assertGreater(took, 0.3 * SLOWNESS)
        self.assertLess(took, self.longest)
        self.fence(served)

    def test_single_bytes_do_not_prolong_it(self):
        head = request("/rooms", headers=[("X-Long", "x" * 500)])
        started = time.monotonic()
        with open_socket(self.host.address) as sock:
            try:
                for byte in head:
                    sock.sendall(bytes([byte]))
                    sock.settimeout(0.05 * SLOWNESS)
                    try:
                        if not sock.recv(1):
                            break
                    except TimeoutError:
                        pass
            except (ConnectionResetError, BrokenPipeError):
                pass
        self.assertLess(time.monotonic() - started, self.longest)


class TestHandshakeOfAWorkerThatIsHeldUp(HostTestCase):
    workers = 1
    gateways = (ROOMS, PROBE)
    handshake_ms = 1500 * SLOWNESS
    limits = {"handshake_ms": handshake_ms}

    def test_that_time_is_not_the_clients(self):
        """One that comes in the middle of a callback waits for it: what it answers comes late, and it could not help that."""
        holder = self.client("/probe")
        head = request("/rooms")
        with open_socket(self.host.address) as newcomer:
            newcomer.sendall(head[:10])
            holder.ask("id")  # so the newcomer's time runs
            holder.send("slow:%d" % (2 * self.handshake_ms))
            self.assertTrue(holder.ask("id"))
            newcomer.sendall(head[10:])
            newcomer.settimeout(DEADLINE)
            self.assertIn(b" 101 ", newcomer.recv(4096))


@both
class TestHalfOpen(HostTestCase):
    """Sockets that never finish their handshake."""

    gateways = (ROOMS, ECHO)
    limits = {"connections": 2, "handshake_ms": 3600000}

    @classmethod
    def setUpClass(cls):
        raise_file_limit()
        super().setUpClass()

    def test_they_are_bounded_and_keep_nobody_out(self):
        before = self.host.open_files()
        socks = [open_socket(self.host.address) for _ in range(1500)]
        self.host.wait_log(setting="listen.websocket", level="warn")
        # 2 + 1,024 places, and 128 that bridge the time until those that were ended are closed
        self.assertLess(self.host.open_files() - before, 1160)
        served = self.client("/rooms")
        self.fence(served)
        for sock in socks:
            sock.close()
        self.eventually(lambda: self.host.open_files() - before < 10, "all sockets are closed")


@both
class TestConnectionsPerAddress(HostTestCase):
    gateways = (ROOMS, ECHO)
    limits = {"connections_per_address": 2}

    def test_503_for_the_third_of_one_address_only(self):
        first = [self.client("/rooms", source="127.0.0.7") for _ in range(2)]
        response = exchange(self.host.address, request("/rooms"), source="127.0.0.7")
        self.assertEqual(response.status, 503)
        self.assertRegex(response.headers["retry-after"], r"\A[1-9][0-9]*\Z")
        others = [self.client("/rooms", source="127.0.0.8") for _ in range(2)]
        for client in first + others:
            self.fence(client)
        first[0].close()

        def let_in():
            try:
                return self.client("/rooms", source="127.0.0.7")
            except Refused as refused:
                self.assertEqual(refused.response.status, 503)
                return None

        self.fence(self.eventually(let_in, "a place is free again"))

    def test_refused_handshakes_take_no_place(self):
        for _ in range(5):
            self.assertEqual(
                exchange(self.host.address, request("/nowhere"), source="127.0.0.9").status, 404
            )
        self.eventually(
            lambda: exchange(self.host.address, request("/nowhere"), source="127.0.0.9").status
            == 404,
            "still 404, not 503",
        )
        self.fence(self.client("/rooms", source="127.0.0.9"))


@both
class TestRate(HostTestCase):
    gateways = (
        ROOMS,
        gateway("echo", "echo_gateway.so", "/echo",
                limits={"messages_per_second": 20, "message_burst": 10}),
        gateway("probe", "probe_gateway.so", "/probe",
                limits={"messages_per_second": 5, "message_burst": 20}),
    )

    def test_a_burst_within_the_limit_is_answered(self):
        client = self.client("/echo")
        client.send_raw(b"".join(frame(TEXT, str(n)) for n in range(10)))
        client.expect(*(str(n) for n in range(10)))
        client.close()

    def test_a_burst_past_the_limit_is_1008(self):
        client = self.client("/echo")
        client.send_raw(b"".join(frame(TEXT, str(n)) for n in range(200)))
        closed = client.expect_close(1008)
        self.assertNotEqual(closed.reason, "")
        self.assertLess(len(closed.before), 200)
        self.assertEqual(closed.before, [b"%d" % n for n in range(len(closed.before))])
        self.host_goes_on()

    def test_a_steady_stream_below_the_limit_goes_on(self):
        client = self.client("/echo")
        client.send_raw(b"".join(frame(TEXT, str(n)) for n in range(8)))
        client.expect(*(str(n) for n in range(8)))
        for number in range(15):  # paced: ten a second, where twenty are allowed
            time.sleep(0.1)
            self.assertEqual(client.ask(str(number)), str(number))

    def test_control_frames_and_empty_fragments_count_too(self):
        floods = {
            "pings": frame(PING, b"x") * 200,
            "pongs": frame(PONG, b"") * 200,
            "empty fragments": frame(TEXT, "a", fin=False) + frame(CONTINUATION, b"", fin=False) * 200,
        }
        for name, data in floods.items():
            with self.subTest(flood=name):
                client = self.client("/echo")
                client.send_raw(data)
                frames = []
                while not frames or frames[-1].opcode != CLOSE:
                    frames.append(client.read_frame())
                self.assertEqual(frames[-1].payload, b"\x03\xf0too many messages")
                self.assertLess(len(frames), 100)

    def test_a_few_pings_are_answered(self):
        client = self.client("/echo")
        for number in range(5):
            client.send_frame(PING, b"%d" % number)
            client.expect_pong(b"%d" % number)
        self.assertEqual(client.ask("still here"), "still here")

    def test_it_is_counted_per_client(self):
        clients = [self.client("/echo") for _ in range(10)]
        for client in clients:
            for number in range(5):
                self.assertEqual(client.ask(str(number)), str(number))

    def test_other_gateways_are_not_touched(self):
        client = self.client("/rooms")
        for _ in range(100):
            self.fence(client)

    def test_the_gateway_sees_a_close_by_the_server(self):
        client = self.client("/probe")
        client.send_raw(frame(TEXT, "count") * 100)
        client.expect_close(1008)
        line = self.disconnected(client.id)
        self.assertEqual((line["reason"], line["code"]), ("server", "1008"))


@both
class TestRateOfAnswers(HostTestCase):
    gateways = (
        gateway("echo", "echo_gateway.so", "/echo",
                limits={"messages_per_second": 1, "message_burst": 1, "ping_ms": 30,
                        "pong_timeout_ms": 150 * SLOWNESS}),
    )

    def test_pongs_that_the_host_has_asked_for_are_free(self):
        """Seven a second come, where one message is allowed: and that one still is."""
        client = self.client("/echo", greeted=False)
        for _ in range(5):
            ping = client.read_frame()
            self.assertEqual(ping.opcode, PING)
            client.send_frame(PONG, ping.payload)
        client.send("all the same")
        while (got := client.read_frame()).opcode == PING:
            client.send_frame(PONG, got.payload)
        self.assertEqual(got.payload, b"all the same")

    def test_others_are_not(self):
        client = self.client("/echo", greeted=False)
        client.send_raw(frame(PONG) * 4)
        while (got := client.read_frame()).opcode == PING:
            pass
        self.assertEqual(got.payload, b"\x03\xf0too many messages")


@both
class TestRoomsPerClient(HostTestCase):
    gateways = (
        gateway("rooms", "rooms_gateway.so", "/rooms", limits={"rooms_per_client": 3}),
        gateway("probe", "probe_gateway.so", "/probe", limits={"rooms_per_client": 3}),
    )

    def test_the_join_past_the_limit_fails_with_a_line_that_says_why(self):
        client = self.client("/rooms")
        for room in ("one", "two", "three"):
            name = self.join(client, room)
        client.send("join:four")
        answer = client.read()
        self.assertFalse(answer.startswith("Joined room"), answer)
        self.assertRegex(answer, r"\A[^\x00-\x1f\x7f]{10,300}\Z")
        self.fence(client)
        client.send("msg:four:nobody")
        self.fence(client)
        self.assertEqual(self.join(client, "two"), name)  # already a member: no new room
        client.send("leave:one")
        client.expect("Left room: one")
        self.assertEqual(self.join(client, "four"), name)

    def test_the_error_has_a_name(self):
        client = self.client("/probe")
        for room in ("a", "b", "c"):
            self.assertEqual(client.ask("join:" + room), "ok")
        self.assertEqual(client.ask("join:d"), "TONI_ERR_LIMIT")
        self.assertEqual(client.ask("join:a"), "ok")
        self.assertEqual(client.ask("rooms"), "rooms=a,b,c")
        self.assertEqual(client.ask("members:d"), "members=")
        self.assertEqual(client.ask("leave:b"), "ok")
        self.assertEqual(client.ask("join:d"), "ok")
        self.assertEqual(client.ask("rooms"), "rooms=a,c,d")


@both
class TestThousandRooms(HostTestCase):
    gateways = (ROOMS, PROBE)

    def test_rooms_per_client_is_a_thousand_by_default(self):
        client = self.client("/probe")
        client.send_raw(b"".join(frame(TEXT, "join:r%d" % n) for n in range(1001)))
        self.assertEqual(client.read_many(1001), ["ok"] * 1000 + ["TONI_ERR_LIMIT"])
        client.close()
        other = self.client("/probe")
        self.eventually(lambda: other.ask("count") == "count=0", "all rooms have ended")


@both
class TestKeepAlive(HostTestCase):
    ping_ms, pong_timeout_ms = 250 * SLOWNESS, 400 * SLOWNESS
    gateways = (ROOMS, PROBE)
    limits = {"ping_ms": ping_ms, "pong_timeout_ms": pong_timeout_ms}

    def test_a_client_that_answers_pings_stays_and_one_that_does_not_is_lost(self):
        witness = self.client("/probe")
        self.assertEqual(witness.ask("join:alive"), "ok")
        silent = self.client("/probe")
        self.assertEqual(silent.ask("join:alive"), "ok")
        silent.answer_pings = False
        started = time.monotonic()
        # the witness answers its pings while it waits for this
        witness.expect(silent.id + " gone")
        took = time.monotonic() - started
        self.assertGreater(took, self.pong_timeout_ms / 1000 * 0.5)
        self.assertLess(took, 5 * SLOWNESS)
        self.assertEqual(self.disconnected(silent.id)["reason"], "lost")
        self.assertGreaterEqual(witness.pings, 1)
        # and stays for several rounds more
        rounds = witness.pings + 4
        while witness.pings < rounds:
            got = witness.read_frame()
            self.assertEqual(got.opcode, PING, got)
            witness.pings += 1
            witness.send_frame(PONG, got.payload)
        self.assertEqual(witness.ask("id"), "id=" + witness.id)
        self.assertEqual(witness.ask("members:alive"), "members=" + witness.id)

    def test_the_silent_client_reads_its_end(self):
        silent = self.client("/probe")
        silent.answer_pings = False
        with self.assertRaises(ClosedEarly):
            silent.read()
        self.assertGreaterEqual(silent.pings, 1)

    def test_a_pong_that_came_while_the_host_stood_still_counts(self):
        """As when a callback takes long, or the machine sleeps: what has come is heard before
        what is due is done."""
        client = self.client("/probe")
        ping = client.read_frame()
        self.assertEqual(ping.opcode, PING)
        os.kill(self.host.pid, signal.SIGSTOP)
        try:
            client.send_frame(PONG, ping.payload)
            time.sleep(self.pong_timeout_ms / 1000 * 1.5)
        finally:
            os.kill(self.host.pid, signal.SIGCONT)
        self.assertEqual(client.ask("id"), "id=" + client.id)

    def test_pongs_that_do_not_answer_do_not_keep_alive_a_stalled_writer(self):
        """A client in the middle of a frame cannot answer: lost as well."""
        stuck = self.client("/probe")
        stuck.answer_pings = False
        stuck.send_raw(frame(TEXT, "id")[:-1])
        line = self.disconnected(stuck.id)
        self.assertEqual(line["reason"], "lost")


@both
class TestKeepAliveOfASlowReader(HostTestCase):
    ping_ms, pong_timeout_ms = 250 * SLOWNESS, 2000 * SLOWNESS
    gateways = (
        ROOMS,
        gateway("probe", "probe_gateway.so", "/probe",
                limits={"ping_ms": ping_ms, "pong_timeout_ms": pong_timeout_ms,
                        "outbox_bytes": 100000000, "outbox_messages": 1000000}),
    )

    def test_who_takes_all_the_time_what_it_gets_stays(self):
        """All of it waits from the beginning: nothing but the client decides how fast it goes."""
        slow = self.client("/probe")
        slow.send("sendburst:60:500000")
        started, fill = time.monotonic(), slow._fill

        def fill_slowly(end=None):
            if time.monotonic() - started < 1.5 * (self.ping_ms + self.pong_timeout_ms) / 1000:
                time.sleep(0.05 * SLOWNESS)  # paced: about 5 MB/s
            return fill(end)

        slow._fill = fill_slowly
        slow.answer_pings = False  # only that it takes something says that it lives
        for _ in range(60):
            self.assertEqual(len(slow.read()), 500000)
        self.assertGreater(time.monotonic() - started, self.pong_timeout_ms / 1000)
        self.assertEqual(slow.ask("id"), "id=" + slow.id)


@both
class TestFullSockets(HostTestCase):
    gateways = (
        ROOMS,
        gateway("probe", "probe_gateway.so", "/probe",
                limits={"outbox_bytes": 100000000, "outbox_messages": 10000000}),
    )

    def processor_seconds(self):
        with open("/proc/%d/stat" % self.host.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stalled(self, behind):
        """A client that does not read, in a room that had far more than its socket takes; what
        comes behind came with its handshake."""
        sock = open_socket(self.host.address, receive_buffer=4096)
        self.addCleanup(sock.close)
        sock.sendall(request("/probe") + frame(TEXT, "burst:full:700000") + behind)
        witness = self.client("/probe")  # its answer comes after the burst, mostly
        self.eventually(lambda: witness.ask("count") == "count=1", "the burst has begun")
        self.eventually(self.settled, "the burst is over")
        return sock

    def settled(self):
        before = self.processor_seconds()
        time.sleep(0.2)
        return self.processor_seconds() - before < 0.1

    def cost(self, behind):
        before = self.processor_seconds()
        sock = self.stalled(behind)
        spent = self.processor_seconds() - before
        sock.close()
        witness = self.client("/probe")
        self.eventually(lambda: witness.ask("count") == "count=0", "its room has ended")
        return spent

    def test_a_client_that_does_not_read_costs_no_time_nor_does_one_that_closes_and_sends_on(self):
        """In seconds of the host's processor, which are the same however loaded the machine is."""
        cost = self.cost(b"")
        closing = self.cost(frame(CLOSE, close_payload(1000)) + frame(TEXT, "y" * 100) * 3)
        self.assertLess(closing, 2 * cost + 1, "the loop spun")


@both
class TestIdle(HostTestCase):
    idle = 0.5 * SLOWNESS
    gateways = (
        ROOMS,
        gateway("probe", "probe_gateway.so", "/probe", limits={"idle_ms": int(idle * 1000)}),
    )

    def test_1001_for_who_sends_no_message(self):
        client = self.client("/probe")
        started = time.monotonic()
        client.expect_close(1001)
        took = time.monotonic() - started
        self.assertGreater(took, self.idle * 0.6)
        self.assertLess(took, self.idle + 3 * SLOWNESS)
        line = self.disconnected(client.id)
        self.assertEqual((line["reason"], line["code"]), ("timeout", "1001"))

    @unittest.skipIf(OVER_TLS, "it peeks into the socket")
    def test_pings_and_messages_out_are_no_messages_in(self):
        client, other = self.client("/probe"), self.client("/probe")
        self.assertEqual(client.ask("join:idle"), "ok")
        started = time.monotonic()
        try:
            while time.monotonic() - started < self.idle * 8:
                self.assertEqual(other.ask("tell:idle:x").split("=")[0], "targeted")
                client.send_frame(PING, b"")
                time.sleep(self.idle / 10)
                client.sock.settimeout(0.001)
                if b"\x88" in client.sock.recv(65536, 0x40 | 0x2):  # MSG_DONTWAIT | MSG_PEEK
                    break
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            pass
        while True:
            got = client.read_data()
            if got.opcode not in (TEXT, PONG):
                break
        self.assertEqual(got.payload[:2], (1001).to_bytes(2, "big"))
        self.assertLess(time.monotonic() - started, self.idle * 8)

    def test_who_sends_messages_stays(self):
        client = self.client("/probe")
        for _ in range(15):  # paced: well within idle_ms, three times as long altogether
            time.sleep(self.idle / 5)
            self.assertEqual(client.ask("id"), "id=" + client.id)

    def test_other_gateways_are_not_touched(self):
        client = self.client("/rooms")
        watched = self.client("/probe")
        watched.expect_close(1001)
        self.fence(client)


@both
class TestCallbackTime(HostTestCase):
    gateways = (ROOMS, ECHO, PROBE)
    limits = {"callback_ms": 100}

    def test_a_slow_callback_is_named_and_harms_nobody(self):
        client, other = self.client("/probe"), self.client("/echo")
        client.send_raw(frame(TEXT, "slow:400") + frame(TEXT, "id"))
        self.assertEqual(other.ask("hello"), "hello")
        client.expect("id=" + client.id)
        self.host.wait_log(level="warn", instance="probe")


if __name__ == "__main__":
    main(beside=4)
