"""What clients can pin: messages that don't end, answers that nobody reads. Each has a bound for the
host, a figure, and a reason in the log; and who reads late loses nothing that it asked for."""

import asyncio
import select
import socket
import struct
import threading
import time
import unittest

import websockets

from test_admin import AdminTestCase
from toni_host import (
    BINARY, CLOSE, CONTINUATION, ECHO, PING, PROBE, ROOMS, SLOWNESS, TEXT, SANITIZER, Host, both,
    configuration, frame, gateway, main, open_socket, request, run_toni, scaled,
)

MIB = 1 << 20


def echo(**limits):
    return gateway("echo", "echo_gateway.so", "/echo", limits=limits)


class Sender:
    """A raw client of /echo that writes as long as its socket takes something, and counts."""

    def __init__(self, address, receive_buffer=None):
        self.sock = open_socket(address, receive_buffer=receive_buffer)
        self.sock.sendall(request("/echo"))
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.sock.recv(4096)
        self.buffer = bytearray(self.buffer.partition(b"\r\n\r\n")[2])
        self.sock.setblocking(False)

    def send_until_blocked(self, data, start=0, patience=1.0 * SLOWNESS):
        """@return How much of it went before nothing went for so long."""
        sent = start
        while sent < len(data) and select.select([], [self.sock], [], patience)[1]:
            sent += self.sock.send(data[sent : sent + 65536])
        return sent

    def exchange(self, data, sent, wanted, deadline):
        """Sends the rest, and reads until that many bytes have come."""
        self.exchange_while(lambda: len(self.buffer) < wanted, data, sent, deadline)

    def exchange_until(self, data, end, deadline):
        """Sends it all, and reads until what has come ends so."""
        self.exchange_while(lambda: not self.buffer.endswith(end), data, 0, deadline)

    def exchange_while(self, goes_on, data, sent, deadline):
        end = time.monotonic() + deadline
        while goes_on() and time.monotonic() < end:
            writers = [self.sock] if sent < len(data) else []
            readable, writable, _ = select.select([self.sock], writers, [], 1)
            if writable:
                sent += self.sock.send(data[sent : sent + 65536])
            if readable:
                part = self.sock.recv(1 << 20)
                if not part:
                    return
                self.buffer += part

    def texts(self):
        found, at = [], 0
        while at + 4 <= len(self.buffer):
            size, head = self.buffer[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(self.buffer[at + 2 : at + 4], "big"), 4
            if self.buffer[at] & 15 == TEXT:
                found.append(bytes(self.buffer[at + head : at + head + size]))
            at += head + size
        return found


@both
class TestEchoOfWhoReadsLate(AdminTestCase):
    """The gateway of the README, which doesn't look at what a send returns."""

    gateways = (ECHO,)
    COUNT = 6000  # 24 MB: fewer may find a place in what the kernel keeps for the two sockets

    def messages(self):
        return [(b"%06d" % i).ljust(4000, b".") for i in range(self.COUNT)]

    def refused(self):
        return self.metrics()("messages_refused_total", gateway="echo", reason="outbox_full")

    def test_it_loses_nothing(self):
        messages = self.messages()
        data = b"".join(frame(TEXT, m) for m in messages)
        sender = Sender(self.host.address)
        self.addCleanup(sender.sock.close)
        sent = sender.send_until_blocked(data)
        self.assertLess(sent, len(data), "it was read from to the end")
        self.assertLess(self.metrics()("outbox_bytes"), 3 * MIB)
        self.assertGreater(self.metrics()("inbound_bytes"), 0)
        sender.exchange(data, sent, self.COUNT * 4004, 60 * SLOWNESS)
        self.assertEqual(sender.texts(), messages)
        self.assertEqual(self.refused(), 0)
        self.eventually(lambda: self.metrics()("inbound_bytes") == 0, "nothing is kept")
        self.assertEqual(self.metrics()("outbox_memory_bytes"), 0)

    def test_small_messages_of_one_read(self):
        """Each read brings many; the pause takes effect between two of them."""
        count = scaled(60000, 20000)
        messages = [b"%08d" % i for i in range(count)]
        data = b"".join(frame(TEXT, m) for m in messages)
        sender = Sender(self.host.address, receive_buffer=4096)
        self.addCleanup(sender.sock.close)
        sent = sender.send_until_blocked(data)
        sender.exchange(data, sent, count * 10, 60 * SLOWNESS)
        self.assertEqual(sender.texts(), messages)
        self.assertEqual(self.refused(), 0)

    def test_a_client_of_websockets(self):
        messages = [m.decode() for m in self.messages()]
        got = asyncio.run(asyncio.wait_for(self.talk(messages), 60 * SLOWNESS))
        self.assertEqual(got, messages)
        self.assertEqual(self.refused(), 0)

    async def talk(self, messages):
        uri = "ws://%s/echo" % self.host.address
        async with websockets.connect(uri, max_queue=4, compression=None) as client:
            blocked = asyncio.Event()

            async def send():
                for message in messages:
                    try:
                        await asyncio.wait_for(asyncio.shield(one := asyncio.ensure_future(
                            client.send(message))), 1.0 * SLOWNESS)
                    except asyncio.TimeoutError:
                        blocked.set()
                        await one
                blocked.set()

            sending = asyncio.ensure_future(send())
            await blocked.wait()
            got = [await client.recv() for _ in messages]
            await sending
            return got


class TestPause(AdminTestCase):
    gateways = (
        echo(stalled_ms=2000 * SLOWNESS, ping_ms=200 * SLOWNESS, pong_timeout_ms=300 * SLOWNESS,
             idle_ms=900 * SLOWNESS, outbox_bytes=1000000),
    )

    def paused(self):
        """A client that is not read from any more."""
        sender = Sender(self.host.address, receive_buffer=4096)
        self.addCleanup(sender.sock.close)
        data = frame(TEXT, b"x" * 60000) * 400
        self.assertLess(sender.send_until_blocked(data, patience=0.3 * SLOWNESS), len(data))
        return sender

    def closed(self, reason):
        return self.metrics()("connections_closed_total", reason=reason)

    def test_one_that_never_reads_is_closed_after_stalled_ms_and_not_before(self):
        before, lost = self.closed("stalled"), self.closed("lost")
        started = time.monotonic()
        self.paused()
        self.eventually(lambda: self.closed("stalled") == before + 1, "it is closed")
        line = self.host.wait_log(msg=lambda text: text.endswith("of what waits for it for stalled_ms"), address="127.0.0.1", subject="")
        self.assertEqual(len(line["client"]), 16)
        self.assertGreaterEqual(int(line["stuck_ms"]), 2000 * SLOWNESS)
        self.assertGreaterEqual(time.monotonic() - started, 2.0 * SLOWNESS - 0.1)
        self.assertEqual(self.closed("lost"), lost)
        self.assertEqual(self.closed("idle"), 0)
        self.eventually(lambda: self.metrics()("outbox_memory_bytes") == 0, "all is dropped")

    def test_a_reset_is_noticed(self):
        sender = self.paused()
        before = self.closed("lost")
        sender.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        started = time.monotonic()
        sender.sock.close()
        self.eventually(lambda: self.closed("lost") == before + 1, "it is gone")
        self.assertLess(time.monotonic() - started, 1.8 * SLOWNESS)


@both
class TestPongsThatNobodyReads(AdminTestCase):
    gateways = (echo(stalled_ms=3000 * SLOWNESS),)

    ONE = frame(PING, "x" * 125)
    MANY = ONE * 100000
    MOST = 8  # times as many: what the host reads, and the kernel keeps for both, is less

    def pings_until_paused(self):
        """@return Who sends them, and what is left of the ping that was cut."""
        sender = Sender(self.host.address, receive_buffer=4096)
        self.addCleanup(sender.sock.close)
        for _ in range(self.MOST):
            sent = sender.send_until_blocked(self.MANY, patience=0.5 * SLOWNESS)
            if sent < len(self.MANY):
                return sender, self.ONE[sent % len(self.ONE) :]
        self.fail("it was read from to the end")

    def test_its_pings_are_not_read_either_and_who_reads_late_gets_the_last_pong(self):
        sender, rest = self.pings_until_paused()
        rest += frame(PING, "the last") + frame(TEXT, "behind")
        end = b"\x8a\x08the last\x81\x06behind"
        sender.exchange_until(rest, end, 20 * SLOWNESS)
        self.assertEqual(sender.buffer[-len(end) :], end)

    def test_one_that_never_reads_is_closed_after_stalled_ms(self):
        before = self.metrics()("connections_closed_total", reason="stalled")
        self.pings_until_paused()
        self.eventually(
            lambda: self.metrics()("connections_closed_total", reason="stalled") == before + 1,
            "it is closed",
        )


class TestPauseOfWhoHasEnded(AdminTestCase):
    gateways = (echo(stalled_ms=120000, outbox_bytes=1000000),)

    def test_it_is_noticed(self):
        """It sends no more, and does not read either."""
        sender = Sender(self.host.address, receive_buffer=4096)
        self.addCleanup(sender.sock.close)
        sender.sock.setblocking(True)
        while self.metrics()("inbound_bytes") == 0:  # until it is not read from
            sender.sock.sendall(frame(TEXT, b"x" * 20000))
        self.shows("connections", 1, gateway="echo")
        sender.sock.shutdown(socket.SHUT_WR)
        self.shows("connections", 0, gateway="echo")


class TestAResetBehindAPause(AdminTestCase):
    workers = 1
    gateways = (ROOMS, PROBE, echo())

    def test_the_worker_goes_on(self):
        """The pause of a client ends with a flush at a turn's end, since its limits are higher by then;
        in the next turn its socket is broken, before what was kept of it was read."""
        messages = b"".join(frame(TEXT, b"x" * 4000) for _ in range(6000))
        late = Sender(self.host.address)
        self.addCleanup(late.sock.close)
        self.assertLess(late.send_until_blocked(messages), len(messages), "it was read from to the end")
        with open(self.host.conf, "w", encoding="utf-8") as conf:
            conf.write(configuration((ROOMS, PROBE, echo(outbox_bytes=64 * MIB, outbox_messages=100000)),
                                     self.workers, admin=self.admin))
        self.assertEqual(run_toni("reload", "-c", self.host.conf).returncode, 0)
        crowd = [self.client("/probe") for _ in range(10)]  # for fewer a flush does not wait for the end
        before = self.metrics()("messages_received_total")
        crowd[0].send_raw(frame(TEXT, "slow:%d" % (200 * SLOWNESS)) + frame(TEXT, "all:flushed"))
        self.eventually(lambda: self.metrics()("messages_received_total") > before, "the turn has begun")
        late.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        late.sock.close()
        for client in crowd[1:]:
            client.expect("flushed")
        self.host_goes_on()
        self.eventually(lambda: self.metrics()("inbound_bytes") == 0, "nothing of it is kept")
        self.shows("connections_closed_total", 1, reason="lost")


class TestAWorkerThatStoodStill(AdminTestCase):
    workers = 1
    gateways = (gateway("probe", "probe_gateway.so", "/probe",
                        limits={"stalled_ms": 2000 * SLOWNESS, "ping_ms": 200, "outbox_bytes": 64 * MIB}),)

    def test_who_was_written_to_meanwhile_has_its_time(self):
        """A callback holds the worker for longer than `stalled_ms`, and what is written behind it in the same turn waits
        from then on, not from the turn's beginning. Meanwhile it is looked at for its pings."""
        sock = open_socket(self.host.address, receive_buffer=4096)
        self.addCleanup(sock.close)
        sock.sendall(request("/probe"))
        sock.sendall(frame(TEXT, "slow:%d" % (3000 * SLOWNESS)) + frame(TEXT, "sendburst:200:60000"))
        self.eventually(lambda: self.metrics()("outbox_bytes") > 0, "it is written to")
        time.sleep(0.6 * SLOWNESS)  # it reads nothing, for less than `stalled_ms`
        read = 0
        while read < 200 * 60000:
            part = sock.recv(1 << 20)
            self.assertNotEqual(part, b"", "it was closed")
            read += len(part)
        self.shows("connections_closed_total", 0, reason="stalled")


class TestAStopEndsAPause(unittest.TestCase):
    def test_it(self):
        limits = {"close_ms": 1000, "outbox_bytes": 1000000, "drain_ms": 60000}
        host = Host(configuration([ECHO], limits=limits)).start()
        self.addCleanup(host.kill)
        sender = Sender(host.address, receive_buffer=4096)
        self.addCleanup(sender.sock.close)
        sender.send_until_blocked(frame(TEXT, b"x" * 60000) * 400, patience=0.3)
        host.stop()


class TestUnfinishedMessages(AdminTestCase):
    gateways = (
        ROOMS,
        gateway("slow", "echo_gateway.so", "/slow", limits={"message_ms": 60000}),
        gateway("quick", "echo_gateway.so", "/quick", limits={"message_ms": 500 * SLOWNESS}),
    )
    limits = {"inbound_bytes": 4 * MIB}

    def test_one_that_does_not_end_is_closed(self):
        client = self.client("/quick", greeted=False)
        client.send_frame(BINARY, b"begun", fin=False)
        for _ in range(3):
            time.sleep(0.1 * SLOWNESS)
            client.send_frame(CONTINUATION, b"on", fin=False)
        client.expect_close(1008, "a message took too long")
        client.sock.close()
        self.shows("connections_closed_total", 1, reason="message_timeout")

    def test_one_that_ends_in_time_is_not_and_the_next_has_its_own_time(self):
        client = self.client("/quick", greeted=False)
        for _ in range(4):
            client.send_frame(TEXT, b"a", fin=False)
            time.sleep(0.2 * SLOWNESS)
            client.send_frame(CONTINUATION, b"b")
            self.assertEqual(client.read(), "ab")

    def test_what_is_promised_pins_nothing(self):
        """Memory follows what has come, not what a head says will come."""
        client = self.client("/slow", greeted=False)
        client.send_raw(frame(BINARY, b"x", length=MIB - 1))
        sent = 1
        for size in (999, 20000, 100000):
            client.send_raw(b"x" * size)
            sent += size
            self.eventually(lambda least=sent: self.held() >= least, "it came")
            self.assertLess(self.held(), 8 * sent + 1000)
        client.sock.close()

    def test_who_has_not_moved_for_longest_goes_first(self):
        """Six of a megabyte where four fit: the first ones of those go, and no others."""
        bystander = self.client("/slow", greeted=False)
        bystander.send_frame(TEXT, b"small", fin=False)
        holders = []
        for _ in range(6):
            holder = self.client("/slow", greeted=False)
            holder.send_frame(BINARY, b"x" * (MIB - 2000), fin=False)
            holders.append(holder)
            self.eventually(lambda n=len(holders): self.held() >= min(n, 3) * MIB * 0.9, "it came")
        holders[0].expect_close(1013, "too much is under way")
        self.host.wait_log(msg=lambda text: text.endswith("together are above inbound_bytes"), address="127.0.0.1", subject="")
        bystander.send_frame(CONTINUATION, b" too")
        self.assertEqual(bystander.read(), "small too")
        holders[5].send_frame(CONTINUATION, b"y")
        self.assertEqual(len(holders[5].read()), MIB - 1999)
        self.assertLessEqual(self.held(), 4 * MIB)
        holders[0].sock.close()
        self.eventually(lambda: 1 <= self.gone() <= 4, "some have gone")

    def gone(self):
        return self.metrics()("connections_closed_total", reason="inbound_memory")

    def held(self):
        return self.metrics()("inbound_bytes")


@both
class TestOutboxesTogether(AdminTestCase):
    gateways = (
        ROOMS,
        gateway("probe", "probe_gateway.so", "/probe",
                limits={"outbox_bytes": 64 * MIB, "outbox_policy": "drop_oldest"}),
    )
    limits = {"outbox_bytes_total": 8 * MIB}

    def test_a_message_counts_once_and_too_many_cost_their_readers_alone(self):
        teller = self.client("/probe")
        readers = [self.client("/probe", receive_buffer=4096) for _ in range(10)]
        for reader in readers:
            self.assertEqual(reader.ask("join:full"), "ok")
        for _ in range(4):
            self.assertEqual(teller.ask("tell:full:" + "x" * (MIB - 100)), "targeted=10")
        # Other workers than the teller's may still have to write it to their clients.
        self.eventually(lambda: self.metrics()("outbox_bytes") > 20 * MIB, "it waits for all of them")
        metrics = self.metrics()
        self.assertLess(metrics("outbox_memory_bytes"), 6 * MIB)
        self.assertEqual(metrics("connections_closed_total", reason="outbox_memory"), 0)
        for _ in range(6):
            teller.ask("tell:full:" + "x" * (MIB - 100))
        self.eventually(
            lambda: self.metrics()("outbox_memory_bytes") <= 8 * MIB, "it is bounded")
        self.eventually(
            lambda: self.metrics()("connections_closed_total", reason="outbox_memory") > 0,
            "somebody was closed")
        self.assertEqual(teller.ask("id"), "id=" + teller.id)


class TestOutboxesOfWorkers(AdminTestCase):
    """Two workers: who must go is one of a worker that a callback holds up."""

    workers = 2
    gateways = (
        gateway("probe", "probe_gateway.so", "/probe",
                limits={"outbox_bytes": 64 * MIB, "outbox_policy": "drop_oldest"}),
        gateway("sleeper", "probe_gateway.so", "/sleeper"),
    )
    limits = {"outbox_bytes_total": 8 * MIB}

    def test_the_other_ends_one_of_its_own_though_nothing_wakes_it(self):
        # Each goes to the worker that has the fewest: the first and the third to one, the others to the other.
        older = self.client("/probe", receive_buffer=4096)
        newer = self.client("/probe", receive_buffer=4096)
        sleeper = self.client("/sleeper", greeted=False)
        teller = self.client("/probe")
        sleeper.read()
        self.assertEqual(older.ask("join:older"), "ok")
        self.assertEqual(newer.ask("join:newer"), "ok")
        for _ in range(5):
            self.assertEqual(teller.ask("tell:older:" + "x" * (MIB - 100)), "targeted=1")
        self.eventually(lambda: self.metrics()("outbox_memory_bytes") > 4 * MIB, "it waits")
        began = time.monotonic()
        sleeper.send("slow:%d" % (4000 * SLOWNESS))
        time.sleep(0.2)
        for _ in range(3):  # the last passes the bound, and then nothing comes to that worker
            self.assertEqual(teller.ask("tell:newer:" + "x" * (MIB - 100)), "targeted=1")
        self.eventually(
            lambda: self.metrics()("connections_closed_total", reason="outbox_memory") > 0,
            "somebody was closed")
        self.assertLess(time.monotonic() - began, 3 * SLOWNESS, "the callback had to return first")
        self.assertEqual(sleeper.ask("id").split("=")[0], "id")
        self.assertEqual(self.metrics()("connections_closed_total", reason="outbox_memory"), 1)


@unittest.skipIf(SANITIZER, "a sanitizer's allocator keeps what was freed")
class TestMemoryAfterAPeak(AdminTestCase):
    gateways = (ECHO,)

    def test_it_goes_back(self):
        before = self.host.pss_bytes()
        for _ in range(2):
            readers = []
            for _ in range(12):
                reader = Sender(self.host.address, receive_buffer=4096)
                self.addCleanup(reader.sock.close)
                reader.send_until_blocked(frame(BINARY, b"x" * (MIB - 20)) * 8, patience=0.1)
                readers.append(reader)
            self.assertGreater(self.host.pss_bytes(), before + 20 * MIB)
            for reader in readers:
                reader.sock.close()
            self.eventually(lambda: self.host.pss_bytes() < before + 8 * MIB, "it has gone back")


@both
class TestBroadcastsThatAreTooBig(AdminTestCase):
    gateways = (ROOMS,)
    limits = {"pending_bytes_per_room": 5000}

    def test_they_are_counted(self):
        client = self.client("/rooms")
        name = self.join(client, "r")
        self.shows("messages_refused_total", 0, gateway="", reason="too_big")
        for _ in range(3):
            self.assertIn("larger than the limit", client.ask("msg:r:" + "x" * 5000))
        client.send("msg:r:small")
        client.expect("[r] %s: small" % name)
        self.shows("messages_refused_total", 3, gateway="", reason="too_big")
        self.shows("messages_refused_total", 0, gateway="", reason="busy")


class TestRates(AdminTestCase):
    gateways = (echo(bytes_per_second=50000),)

    def test_more_bytes_than_that_are_closed(self):
        client = self.client("/echo", greeted=False)
        for _ in range(5):
            self.assertEqual(len(client.ask("x" * 9000)), 9000)
        for _ in range(20):
            client.send("x" * 9000)
        while (got := client.read_frame()).opcode != CLOSE:
            self.assertEqual(got.opcode, TEXT)
        self.assertEqual(got.payload, b"\x03\xf0too many bytes")

    def test_a_large_one_is_taken_and_made_up_for(self):
        client = self.client("/echo", greeted=False)
        self.assertEqual(len(client.ask("x" * 90000)), 90000)
        time.sleep(1.0)
        self.assertEqual(client.ask("x"), "x")


class TestAfterTheHostsClose(AdminTestCase):
    gateways = (echo(messages_per_second=1000, close_ms=4000),)

    def test_one_that_goes_on_sending_gets_the_reason_and_no_reset(self):
        """It has sent more than was read when the close came."""
        sock = open_socket(self.host.address)
        self.addCleanup(sock.close)
        sock.sendall(request("/echo"))
        self.assertIn(b" 101 ", sock.recv(4096))
        data = frame(TEXT, "x" * 10) * 30000
        threading.Thread(target=self.send, args=(sock, data), daemon=True).start()
        got = bytearray()
        while part := sock.recv(65536):  # a reset would raise
            got += part
        self.assertTrue(got.endswith(b"\x88\x13\x03\xf0too many messages"), got[-40:])
        started = time.monotonic()
        sock.close()
        self.eventually(lambda: self.metrics()("sockets") == 0, "it is gone")
        self.assertLess(time.monotonic() - started, 2.0 * SLOWNESS)

    def send(self, sock, data):
        try:
            sock.sendall(data)
        except OSError:
            pass  # it has read the close, and the test has ended


class TestManyAtOnce(AdminTestCase):
    workers = 1
    gateways = (ECHO,)

    def test_the_first_answer_does_not_wait_for_all(self):
        """More ready sockets than libuv looks at in one go, each with enough for many goes."""
        crowd = self.crowd("/echo", scaled(1200, 1100))
        data = b"".join(frame(TEXT, "x" * 20) for _ in range(400))
        self.host.process.send_signal(19)
        try:
            for member in crowd.members:
                member.sock.send(data)
        finally:
            self.host.process.send_signal(18)
        poll = select.epoll()
        self.addCleanup(poll.close)
        for member in crowd.members:
            poll.register(member.sock.fileno(), select.EPOLLIN)
        poll.poll(20)
        answered = self.metrics()("messages_received_total")
        self.assertLess(answered, len(crowd.members) * 400 / 2)


if __name__ == "__main__":
    main()
