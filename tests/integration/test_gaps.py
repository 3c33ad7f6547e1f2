"""A client of a foreign library that does not read for a while, and is told what it missed, where it missed it."""

import asyncio
import json
import random
import re
import socket
from pathlib import Path

import websockets

from toni_host import DEADLINE, PROBE, HostTestCase, gateway, main, metrics, run_toni, scaled

COUNT, SIZE, MOST = scaled(600, 300), 16000, 20
LIMITS = {"outbox_messages": MOST, "outbox_bytes": 10 * MOST * SIZE}
QUOTED = 'a"b\\ü'
NOISE = "%x" % random.Random(7).getrandbits(4 * (SIZE + COUNT + 3))  # compressed, it is half as long


def provider(name, policy, **more):
    return gateway(name, "probe_gateway.so", "/" + name, limits={"outbox_policy": policy, **LIMITS}, **more)


class Reader:
    """What a member of rooms has been told, and whether that accounts for each number in its order."""

    def __init__(self):
        self.next, self.told, self.notices = {}, {}, 0

    def take_notice(self, room, count):
        self.notices += 1
        self.told[room] = self.told.get(room, 0) + count

    def take(self, text):
        if found := re.fullmatch(r"lost (\d+) in (.*)", text):
            self.take_notice(found[2], int(found[1]))
        elif text.startswith("{"):
            event = json.loads(text)
            assert event["event"] == "room.gap" and set(event) == {"event", "data"}, text
            assert set(event["data"]) == {"room", "count"}, text
            self.take_notice(event["data"]["room"], event["data"]["count"])
        else:
            head, _, room = text.partition(" ")[0].partition("/")
            number = int(head)
            missing = number - self.next.get(room, 0)
            assert missing == self.told.pop(room, 0), "%d of %s are missing, told: %r" % (missing, room, self.told)
            self.next[room] = number + 1

    def seen(self, room):
        return self.next.get(room, 0) + self.told.get(room, 0)


class TestGaps(HostTestCase):
    gateways = (
        PROBE,
        provider("oldest", "drop_oldest", gap_notice="lost {count} in {room}"),
        provider("deflating", "drop_oldest", gap_notice="lost {count} in {room}", deflate="on"),
        provider("newest", "drop_newest", gap_event="room.gap"),
        provider("latest", "latest", gap_notice="lost {count} in {room}"),
        provider("changing", "drop_oldest", gap_notice="before {count}"),
    )
    admin = "127.0.0.1:0"

    def notices(self):
        return metrics(self.host)["toni_gap_notices_total"]

    async def connect(self, path, stalls=False):
        """One that stalls has little room for what it has not read."""
        host, port = self.host.address.split(":")
        sock = socket.socket()
        if stalls:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.connect((host, int(port)))
        more = {} if path == "/deflating" else {"compression": None}
        client = await websockets.connect("ws://%s%s" % (self.host.address, path), sock=sock, max_queue=1, **more)
        self.assertTrue(await self.receive(client))
        return client

    async def receive(self, client):
        return await asyncio.wait_for(client.recv(), DEADLINE)

    async def ask(self, client, text):
        await client.send(text)
        return await self.receive(client)

    async def tell(self, teller, rooms, numbers):
        """A message of each number to each room, all of them delivered before the next."""
        for number in numbers:
            for room in rooms:
                head = "%d/%s " % (number, room)
                answer = await self.ask(teller, "tell:%s:%s" % (room, head + NOISE[number : number + SIZE]))
                self.assertEqual(answer, "targeted=1")

    async def stall(self, path, rooms):
        """@return What one was told that read nothing while COUNT messages went to each of the rooms."""
        before = self.notices()
        slow, teller, reader = await self.connect(path, True), await self.connect("/probe"), Reader()
        for room in rooms:
            self.assertEqual(await self.ask(slow, "join:" + room), "ok")
        await self.tell(teller, rooms, range(COUNT))
        while any(reader.seen(room) < COUNT for room in rooms):
            reader.take(await self.receive(slow))
        await self.tell(teller, rooms, range(COUNT, COUNT + 3))
        while any(reader.next.get(room, 0) < COUNT + 3 for room in rooms):
            reader.take(await self.receive(slow))
        self.assertEqual(self.notices() - before, reader.notices)
        await slow.close()
        await teller.close()
        return reader

    def test_drop_oldest(self):
        reader = asyncio.run(self.stall("/oldest", ["r"]))
        self.assertGreater(reader.notices, 0)

    def test_several_rooms(self):
        reader = asyncio.run(self.stall("/oldest", ["r", "s", QUOTED]))
        self.assertGreaterEqual(reader.notices, 3)

    def test_compressed(self):
        reader = asyncio.run(self.stall("/deflating", ["r"]))
        self.assertGreater(reader.notices, 0)

    def test_events(self):
        reader = asyncio.run(self.stall("/newest", ["r", QUOTED]))
        self.assertGreaterEqual(reader.notices, 2)

    def test_latest_tells_nothing(self):
        async def stall():
            before = self.notices()
            slow, teller = await self.connect("/latest", True), await self.connect("/probe")
            self.assertEqual(await self.ask(slow, "join:r"), "ok")
            await self.tell(teller, ["r"], range(COUNT))
            numbers = []
            while not numbers or numbers[-1] < COUNT - 1:
                numbers.append(int((await self.receive(slow)).partition("/")[0]))
            self.assertLess(len(numbers), COUNT)
            self.assertEqual(self.notices(), before)
            await slow.close()
            await teller.close()

        asyncio.run(stall())

    def test_a_reload_changes_the_notice(self):
        conf = Path(self.host.conf)

        async def stall():
            slow, teller = await self.connect("/changing", True), await self.connect("/probe")
            self.assertEqual(await self.ask(slow, "join:r"), "ok")
            await self.tell(teller, ["r"], range(COUNT))
            conf.write_text(conf.read_text().replace("before {count}", "{{{room}: {count}}}"))
            done = run_toni("reload", "-c", self.host.conf)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = {"sum": 0, "next": 0, "after": 0}  # the system may have taken notices before
            while found["sum"] + found["next"] < COUNT:
                text = await self.receive(slow)
                if notice := re.fullmatch(r"(before|\{r:) (\d+)\}?", text):
                    found["sum"] += int(notice[2])
                    found["after"] += notice[1] != "before"
                else:
                    self.assertEqual(int(text.partition("/")[0]), found["next"] + found["sum"])
                    found["next"] += 1
            self.assertGreater(found["after"], 0)
            await slow.close()
            await teller.close()

        asyncio.run(stall())


if __name__ == "__main__":
    main()
