"""Clients that lose their host and come back on another one with the last position that they got: each message once, or
none of them and the reason. The clients are others' (python3-websockets), the gateway speaks the events of the SDK."""

import asyncio
import unittest

from hosts import sized
from redis_server import Redis
from test_history import Reader
from toni_host import DEADLINE, Host, configuration, gateway, main, metrics, service

KEPT = 40


class TestRecovery(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.redis = Redis().start()
        self.addCleanup(self.redis.kill)
        self.hosts = [self.host(name) for name in ("left", "right")]

    def host(self, name):
        host = Host(configuration(
            [gateway("answering", "answering_gateway.so", None, rooms={"publish": "member"}),
             service("redis", "redis_engine.so", None, options={"servers": [self.redis.address]})],
            workers=2, admin="127.0.0.1:0", cluster={"engine": "redis", "node": name},
            namespaces=[{"name": "", "history": [{"rooms": "news-*", "messages": KEPT, "seconds": 60}]}],
        )).start()
        self.addCleanup(host.kill)
        return host

    async def tell(self, writer, *numbers, room="news-1"):
        """Each is in the room's order when this returns: the writer, a member, has got it."""
        for number in numbers:
            await writer.tell(room, number)
            await self.until(writer, number)

    async def until(self, reader, number):
        """What has come, up to that."""
        while number not in reader.data():
            await reader.take()

    async def join(self, reader, **since):
        return await reader.join("news-1", **since)

    async def test_who_comes_back_on_another_host_gets_what_it_missed_and_then_what_comes(self):
        left, right = self.hosts
        writer, reader = await Reader.come(right), await Reader.come(left)
        await self.join(reader)
        await self.join(writer)
        await self.tell(writer, 1)
        await self.until(reader, 1)
        at = reader.told[-1]["at"]
        await reader.lose()
        await self.tell(writer, *range(2, 12))
        again = await Reader.come(right)
        answer = await self.join(again, since=at)
        self.assertEqual((answer["recovered"], answer["messages"]), (True, 10))
        self.assertEqual(again.data(), list(range(2, 12)))
        self.assertEqual(again.told[-1]["at"], answer["at"])
        await self.tell(writer, 12)
        await self.until(again, 12)
        self.assertEqual(again.data(), list(range(2, 13)))
        self.assertEqual(metrics(right)["toni_recovered_total"], 1)

    async def test_who_comes_back_may_speak_before_it_is_in_and_hears_itself_in_the_rooms_order(self):
        left, right = self.hosts
        writer, reader = await Reader.come(right), await Reader.come(left)
        await self.join(writer)
        await self.join(reader)
        await self.tell(writer, 1)
        await self.until(reader, 1)
        at = reader.told[-1]["at"]
        await reader.lose()
        await self.tell(writer, 2, 3)
        again = await Reader.come(left)
        self.redis.pause()  # so nobody knows what was missed
        try:
            join = await again.begin("room.join", room="news-1", since=at)
            said = await again.call("say", room="news-1", data=4)
            self.assertIsInstance(said.get("data"), int, said)
            self.assertEqual(again.data(), [], "the room's history came from nowhere")
        finally:
            self.redis.go_on()
        answer = (await again.end(join))["data"]
        self.assertTrue(answer["recovered"], answer)
        await self.until(again, 4)
        await self.tell(writer, 5)
        await self.until(again, 5)
        self.assertEqual(again.data(), [2, 3, 4, 5])
        self.assertEqual(writer.data(), [1, 2, 3, 4, 5])

    async def test_who_leaves_before_it_is_in_may_not_speak(self):
        again = await Reader.come(self.hosts[0])
        self.redis.pause()
        try:
            join = await again.begin("room.join", room="news-1", last=1)
            await again.call("room.leave", room="news-1")
            said = await again.call("say", room="news-1", data=1)
        finally:
            self.redis.go_on()
        self.assertEqual(said["error"]["kind"], "forbidden")
        self.assertIn("error", await again.end(join))

    async def test_nothing_is_lost_or_doubled_while_messages_go_on(self):
        """Readers go from host to host and back, while a writer does not stop."""
        writer = await Reader.come(self.hosts[0])
        await self.join(writer)
        ends = asyncio.Event()
        last = 0
        seen = {}

        async def write():
            nonlocal last
            while not ends.is_set():
                while seen and last - min(seen.values()) > KEPT // 2:
                    await asyncio.sleep(0.005)  # what the slowest has not seen yet is kept for it
                last += 1
                await self.tell(writer, last)

        async def read(which):
            got, at = [], None
            for turn in range(sized(12, 200)):
                reader = await Reader.come(self.hosts[(turn + which) % 2])
                answer = await self.join(reader, **({"since": at} if at else {}))
                if at:
                    self.assertEqual((answer["recovered"], answer.get("why")), (True, None))
                while len(reader.told) < 3 + which:
                    await reader.take()
                got += reader.data()
                at = reader.told[-1]["at"]
                seen[which] = got[-1]
                await reader.lose()
            del seen[which]
            self.assertEqual(got, list(range(got[0], got[0] + len(got))))

        writing = asyncio.ensure_future(write())
        await asyncio.gather(*(read(which) for which in range(4)))
        ends.set()
        await writing

    async def test_what_the_engine_does_not_keep_any_more_is_said(self):
        left, right = self.hosts
        writer = await Reader.come(right)
        await self.join(writer)
        await self.tell(writer, *range(KEPT + 2))
        at = writer.told[0]["at"]
        late = await Reader.come(left)
        answer = await self.join(late, since=at)
        self.assertEqual((answer["recovered"], answer["why"], answer["messages"]), (False, "trimmed", 0))
        self.assertEqual(late.data(), [])

    async def test_a_redis_that_lost_what_came_after_its_snapshot_recovers_nobody(self):
        left, right = self.hosts
        writer, reader = await Reader.come(right), await Reader.come(left)
        await self.join(writer)
        await self.join(reader)
        await self.tell(writer, 1, 2)
        self.assertEqual(self.redis.cli("save"), "OK")
        await self.tell(writer, 3, 4)
        await self.until(reader, 4)
        at = reader.told[-1]["at"]
        await reader.lose()
        self.redis.kill()
        self.redis.start()
        # As many as were lost, and one more: by numbers alone the client missed one.
        fresh = await Reader.come(right)
        await self.join_once_it_is_there(fresh, "news-2", "%016x:%016x" % (1, 1))
        await fresh.join("news-1")
        await self.tell(fresh, 5, 6, 7)
        again = await Reader.come(left)
        answer = await self.join_once_it_is_there(again, "news-1", at)
        self.assertEqual((answer["recovered"], answer["why"]), (False, "epoch"))
        self.assertEqual(again.data(), [])

    async def join_once_it_is_there(self, reader, room, since):
        """The server is, which its host may have to find out."""
        loop = asyncio.get_running_loop()
        end = loop.time() + DEADLINE
        while (answer := await reader.join(room, since=since)).get("why") == "away":
            self.assertLess(loop.time(), end, "the server does not come back")
            await reader.call("room.leave", room=room)
            await asyncio.sleep(0.05)
        return answer

    async def test_while_redis_is_away_one_joins_and_is_told(self):
        writer = await Reader.come(self.hosts[0])
        await self.join(writer)
        await self.tell(writer, 1)
        at = writer.told[-1]["at"]
        self.redis.kill()
        again = await Reader.come(self.hosts[1])
        answer = await again.join("news-1", since=at)
        self.assertEqual((answer["recovered"], answer["why"]), (False, "away"))
        for host in self.hosts:
            host.stop()


if __name__ == "__main__":
    main()
