"""Messages of every shape, whole and in pieces, and clients that vanish."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import unittest

import websockets

from toni_host import (
    BINARY,
    CONTINUATION,
    DEADLINE,
    ECHO,
    OVER_TLS,
    PING,
    PONG,
    PROBE,
    ROOMS,
    TEXT,
    HostTestCase,
    both,
    frame,
    main,
    scaled,
    websocket_uri,
)

MIB = 1 << 20
SIZES = (0, 1, 2, 124, 125, 126, 127, 128, 500, 511, 512, 513, 527, 528, 529, 1007, 1008, 1009,
         1023, 1024, 1025, 1039, 1040, 1041, 4095, 4096, 4097, 16384, 65535, 65536, 65537, 131072)


@both
class TestEcho(HostTestCase, unittest.IsolatedAsyncioTestCase):
    """With python3-websockets."""

    async def open(self):
        uri, how = websocket_uri(self.host.address, "/echo")
        socket = await websockets.connect(
            uri,
            **how,
            open_timeout=DEADLINE,
            ping_interval=None,
            max_size=2 * MIB,
        )
        self.addAsyncCleanup(socket.close)
        return socket

    async def same(self, socket, message):
        await socket.send(message)
        got = await asyncio.wait_for(socket.recv(), DEADLINE)
        self.assertIs(type(got), type(message))
        self.assertTrue(got == message, "%d bytes came back changed" % len(message))

    async def test_text_and_binary_come_back_as_they_came(self):
        socket = await self.open()
        for message in ("hello", b"hello", "", b"", "größe ☃ 🎈", bytes(range(256)), "\x00", b"\x00"):
            await self.same(socket, message)

    async def test_sizes_around_every_bound(self):
        socket = await self.open()
        for size in SIZES:
            await self.same(socket, b"b" * size)
            await self.same(socket, "t" * size)

    async def test_one_mib_exactly(self):
        socket = await self.open()
        await self.same(socket, os.urandom(MIB))
        await self.same(socket, "x" * MIB)
        await self.same(socket, "ü" * (MIB // 2))

    async def test_one_byte_more_is_1009(self):
        for message in ("x" * (MIB + 1), b"x" * (MIB + 1), "ü" * (MIB // 2) + "x"):
            socket = await self.open()
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                await socket.send(message)
                await asyncio.wait_for(socket.recv(), DEADLINE)
            self.assertEqual(socket.close_code, 1009)

    async def test_a_message_sent_in_fragments_comes_back_whole(self):
        socket = await self.open()
        await socket.send(["frag", "men", "", "ted ", "ü"])
        self.assertEqual(await asyncio.wait_for(socket.recv(), DEADLINE), "fragmented ü")
        await socket.send([b"\x00", b"", b"\xff" * 70000])
        self.assertEqual(
            await asyncio.wait_for(socket.recv(), DEADLINE), b"\x00" + b"\xff" * 70000
        )

    async def test_many_clients_at_once_get_their_own(self):
        sockets = await asyncio.gather(*(self.open() for _ in range(50)))

        async def talk(number, socket):
            for turn in range(20):
                await self.same(socket, "%d says %d" % (number, turn))

        await asyncio.gather(*(talk(n, s) for n, s in enumerate(sockets)))


@both
class TestMessages(HostTestCase):
    gateways = (ROOMS, ECHO, PROBE)

    def test_one_mib_and_one_more_byte_on_the_wire(self):
        client = self.client("/echo")
        client.send(b"x" * MIB)
        client.expect(b"x" * MIB)
        client.send_frame(BINARY, b"x" * (MIB // 2), fin=False)
        client.send_frame(CONTINUATION, b"x" * (MIB // 2))
        client.expect(b"x" * MIB)
        client.send_frame(BINARY, b"x" * MIB, fin=False)
        client.send_frame(CONTINUATION, b"x")
        self.assertEqual(client.expect_close(1009).before, [])

    def test_fragments_of_one_byte(self):
        text = "one byte at a time: ü☃🎈 " * 20
        data = text.encode()
        pieces = [frame(TEXT, data[:1], fin=False)]
        pieces += [frame(CONTINUATION, data[n : n + 1], fin=False) for n in range(1, len(data) - 1)]
        pieces += [frame(CONTINUATION, data[-1:])]
        client = self.client("/echo")
        client.send_raw(b"".join(pieces))
        client.expect(text)

    def test_utf8_split_across_fragments_at_every_place(self):
        data = "aü☃🎈z".encode()
        client = self.client("/echo")
        for cut in range(len(data) + 1):
            client.send_raw(frame(TEXT, data[:cut], fin=False) + frame(CONTINUATION, data[cut:]))
            client.expect("aü☃🎈z")

    def test_utf8_split_across_reads(self):
        data = frame(TEXT, "☃" * 3000)
        client = self.client("/echo")
        for at in range(0, len(data), 1000):
            client.send_raw(data[at : at + 1000])
        client.expect("☃" * 3000)

    def test_long_messages_come_whole_however_they_are_cut(self):
        """The rest of a long message is received where it is kept: what comes behind it, before it or
        within it is where it belongs all the same."""
        dice = random.Random(5)
        texts = ["aü☃🎈%d " % n * size for n, size in enumerate((900, 6000, 7000, 25000, 70000))]
        stream = b""
        for text in texts:
            data = text.encode()
            cut = dice.randrange(len(data))
            stream += frame(TEXT, data, mask=b"\0\xff\x01\x80") + frame(TEXT, "between")
            stream += frame(TEXT, data[:cut], fin=False) + frame(PING, b"p")
            stream += frame(CONTINUATION, data[cut:])
        for most in (3000, 20000, 70000, len(stream)):
            client = self.client("/echo")
            sender = threading.Thread(target=self.send_cut, args=(client, stream, most, dice))
            sender.start()
            for text in texts:
                client.expect(text, "between")
                client.expect_pong(b"p")
                client.expect(text)
            sender.join()
            client.close()

    def send_cut(self, client, stream, most, dice):
        at = 0
        while at < len(stream):
            size = dice.randrange(1, most + 1)
            client.send_raw(stream[at : at + size])
            at += size

    def test_a_bad_byte_far_in_a_long_text_is_1007_before_its_end(self):
        data = frame(TEXT, ("☃" * 100000).encode() + b"\xff" + b"x" * 1000)
        client = self.client("/echo")
        for at in range(0, len(data) - 500, 30000):
            client.send_raw(data[at : min(at + 30000, len(data) - 500)])
        client.expect_close(1007, answer=False)

    def test_empty_fragments(self):
        client = self.client("/echo")
        client.send_raw(
            frame(TEXT, "", fin=False)
            + frame(CONTINUATION, "", fin=False)
            + frame(CONTINUATION, "x", fin=False)
            + frame(CONTINUATION, "")
        )
        client.expect("x")
        client.send_raw(frame(BINARY, b"", fin=False) + frame(CONTINUATION, b""))
        client.expect(b"")

    def test_a_frame_in_single_bytes(self):
        client = self.client("/echo")
        for byte in frame(TEXT, "x" * 130):
            client.send_raw(bytes([byte]))
        client.expect("x" * 130)

    def test_many_messages_in_one_segment(self):
        client = self.client("/echo")
        texts = ["%d %s" % (n, "x" * (n % 200)) for n in range(1000)]
        client.send_raw(b"".join(frame(TEXT, text) for text in texts))
        client.expect(*texts)

    def test_text_and_binary_keep_their_order(self):
        client = self.client("/echo")
        messages = [b"%d" % n if n % 3 else "%d" % n for n in range(300)]
        client.send_raw(
            b"".join(frame(TEXT if isinstance(m, str) else BINARY, m) for m in messages)
        )
        client.expect(*messages)

    def test_ping_is_answered_with_its_payload(self):
        client = self.client("/rooms")
        for payload in (b"", b"p", bytes(range(125)), b"\xff" * 125):
            client.send_frame(PING, payload)
            client.expect_pong(payload)
        self.fence(client)

    def test_ping_between_fragments_is_answered_before_the_message(self):
        client = self.client("/echo")
        client.send_frame(TEXT, "first ", fin=False)
        client.send_frame(PING, b"between")
        client.expect_pong(b"between")
        client.send_frame(CONTINUATION, "second ", fin=False)
        client.send_frame(PONG, b"unasked")
        client.send_frame(PING, b"again")
        client.expect_pong(b"again")
        client.send_frame(CONTINUATION, "third")
        client.expect("first second third")

    def test_ping_between_fragments_in_one_segment(self):
        client = self.client("/echo")
        client.send_raw(
            frame(TEXT, "a", fin=False) + frame(PING, b"ping") + frame(CONTINUATION, "b")
        )
        got = [client.read_data(), client.read_data()]
        self.assertEqual(
            sorted((f.opcode, f.payload) for f in got), [(TEXT, b"ab"), (PONG, b"ping")]
        )

    def test_several_pings_are_answered_each_in_order(self):
        client = self.client("/echo")
        data = [(PING, b"1"), (TEXT, b"a"), (PING, b"2"), (TEXT, b"b"), (PING, b"3"), (PING, b"4")]
        client.send_raw(b"".join(frame(opcode, payload) for opcode, payload in data))
        for opcode, payload in data:
            got = client.read_frame()
            self.assertEqual((got.opcode, got.payload), (PONG if opcode == PING else opcode, payload))

    def test_pings_of_who_does_not_read_are_bounded_and_the_last_is_answered(self):
        client = self.client("/echo", receive_buffer=4096)
        pings = b"".join(frame(PING, b"%0100d" % n) for n in range(60000))
        sending = threading.Thread(target=client.send_raw, args=(pings,))
        sending.start()
        sending.join(1)  # all are sent, or the host reads no more: which of both is the kernel's buffers'
        pongs = []
        while not pongs or pongs[-1] != b"%0100d" % 59999:
            got = client.read_frame()
            self.assertEqual(got.opcode, PONG)
            pongs.append(got.payload)
        sending.join()
        self.assertEqual(pongs, sorted(pongs))

    def test_pongs_that_nobody_asked_for_are_ignored(self):
        client = self.client("/rooms")
        client.send_raw(frame(PONG, b"") + frame(PONG, b"x" * 125))
        self.fence(client)

    def test_large_broadcasts_come_in_fragments_of_at_most_64_kib(self):
        sender, other = self.client("/probe"), self.client("/probe")
        room = self.id()
        self.assertEqual(other.ask("join:" + room), "ok")
        for size in (65535, 65536, 65537, 200000, 1000000):
            text = "".join(chr(97 + n % 26) for n in range(size))
            self.assertEqual(sender.ask("tell:%s:%s" % (room, text)), "targeted=1")
            frames = other.read_fragments()
            self.assertLessEqual(max(len(f.payload) for f in frames), 65536)
            self.assertTrue(b"".join(f.payload for f in frames) == text.encode())

    def test_binary_reaches_the_gateway_as_binary(self):
        client = self.client("/probe")
        for size in SIZES:
            client.send(b"\xfe" * size)
            client.expect("binary=%d" % size)

    def test_a_client_that_stops_in_the_middle_of_a_frame_harms_nobody(self):
        room = self.id()
        stuck, other = self.client("/probe"), self.client("/probe")
        for client in (stuck, other):
            self.assertEqual(client.ask("join:" + room), "ok")
        data = frame(TEXT, "id")
        stuck.send_raw(data[:-1])
        for number in range(100):
            self.assertEqual(other.ask("except:%s:%d" % (room, number)), "targeted=1")
        stuck.expect(*(str(number) for number in range(100)))
        stuck.send_raw(data[-1:])
        stuck.expect("id=" + stuck.id)

    def test_a_client_that_does_not_read_harms_nobody(self):
        stuck, other = self.client("/echo", receive_buffer=4096), self.client("/echo")
        stuck.send_raw(frame(BINARY, b"x" * 60000) * 5)
        for number in range(200):
            self.assertEqual(other.ask(str(number)), str(number))
        for _ in range(5):
            stuck.expect(b"x" * 60000)

    @unittest.skipIf(OVER_TLS, "the other process does not have the authority of this one")
    def test_a_killed_client_process_is_lost(self):
        room = self.id()
        witness = self.client("/probe")
        self.assertEqual(witness.ask("join:" + room), "ok")
        script = (
            "import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from toni_host import Client\n"
            "client = Client(sys.argv[2], '/probe'); client.read()\n"
            "assert client.ask('join:' + sys.argv[3]) == 'ok'\n"
            "print(client.ask('id'), flush=True)\n"
            "client.read()\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", script, os.path.dirname(os.path.abspath(__file__)),
             self.host.address, room],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            name = child.stdout.readline().strip().split("=", 1)[1]
            child.send_signal(signal.SIGKILL)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
        line = self.disconnected(name)
        self.assertEqual((line["reason"], line["rooms"]), ("lost", room))
        witness.expect(name + " gone")
        self.eventually(
            lambda: witness.ask("members:" + room) == "members=" + witness.id, "it is out"
        )

    def test_clients_that_come_and_go_leave_nothing(self):
        self.client("/probe").close()
        before = self.host.open_files()
        for number in range(scaled(300, 100)):
            client = self.client("/probe")
            self.assertEqual(client.ask("join:come-%d" % (number % 7)), "ok")
            (client.close, client.drop, client.reset)[number % 3]()
        self.eventually(lambda: self.host.open_files() <= before, "descriptors are closed")
        last = self.client("/probe")
        for number in range(7):
            self.eventually(
                lambda: last.ask("members:come-%d" % number) == "members=", "rooms are empty"
            )


if __name__ == "__main__":
    main()
