"""Rooms that keep their messages, with clients that others wrote: who loses its connection and comes back gets exactly what it
missed, then what comes; or nothing of it and the reason."""

import asyncio
import json
import unittest

import websockets

from toni_host import DEADLINE, Host, configuration, gateway, main, metrics, run_toni, scaled

NEWS = {"rooms": "news-*", "messages": 5, "seconds": 60}


def conf(history, **more):
    return configuration(
        [gateway("answering", "answering_gateway.so", None)], workers=2, admin="127.0.0.1:0",
        namespaces=[{"name": "", "history": history}], **more,
    )


class Reader:
    """A client; what comes of rooms is kept apart from answers."""

    def __init__(self, socket):
        self.socket, self.last, self.told, self.answers = socket, 0, [], {}

    @classmethod
    async def come(cls, host):
        return cls(await websockets.connect("ws://%s/answering" % host.address, max_queue=None))

    async def call(self, event, **data):
        return await self.end(await self.begin(event, **data))

    async def begin(self, event, **data):
        self.last += 1
        await self.socket.send(json.dumps({"event": event, "id": self.last, "data": data}))
        return self.last

    async def end(self, call):
        """The answer."""
        while call not in self.answers:
            await self.take()
        return self.answers.pop(call)

    async def take(self):
        """The next that comes."""
        message = json.loads(await asyncio.wait_for(self.socket.recv(), DEADLINE))
        if message.get("event") == "told":
            self.told.append(message)
        elif "id" in message:
            self.answers[message["id"]] = message
        return message

    async def join(self, room, **since):
        return (await self.call("room.join", room=room, **since))["data"]

    async def tell(self, room, data):
        return (await self.call("tell", room=room, data=data))["data"]

    async def lose(self):
        """Its connection is gone without a word."""
        self.socket.transport.abort()
        await self.socket.wait_closed()

    def data(self):
        return [message["data"] for message in self.told]


class TestHistory(unittest.IsolatedAsyncioTestCase):
    def start(self, history, **more):
        self.host = Host(conf(history, **more))
        self.host.start()
        self.addCleanup(self.host.kill)

    def reload(self, history, **more):
        self.host.configure(conf(history, **more))
        done = run_toni("reload", cwd=self.host.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    async def test_who_comes_back_gets_what_it_missed_and_then_what_comes(self):
        self.start([NEWS])
        writer, reader = await Reader.come(self.host), await Reader.come(self.host)
        await reader.join("news-1")
        self.assertEqual(await writer.tell("news-1", 1), 1)
        await reader.call("echo")
        at = reader.told[-1]["at"]
        self.assertEqual(reader.told, [{"event": "told", "room": "news-1", "at": at, "data": 1}])
        await reader.lose()
        for number in range(2, 7):
            await writer.tell("news-1", number)
        again = await Reader.come(self.host)
        answer = await again.join("news-1", since=at)
        self.assertEqual((answer["recovered"], answer["messages"]), (True, 5))
        self.assertEqual(again.data(), [2, 3, 4, 5, 6])
        self.assertEqual(again.told[-1]["at"], answer["at"])
        await writer.tell("news-1", 7)
        await again.call("echo")
        self.assertEqual(again.data(), [2, 3, 4, 5, 6, 7])

    async def test_who_comes_too_late_gets_nothing_of_it(self):
        self.start([NEWS])
        writer, reader = await Reader.come(self.host), await Reader.come(self.host)
        await writer.tell("news-1", 0)
        at = (await reader.join("news-1"))["at"]
        await reader.lose()
        for number in range(1, 7):
            await writer.tell("news-1", number)
        again = await Reader.come(self.host)
        answer = await again.join("news-1", since=at)
        self.assertEqual((answer["recovered"], answer["why"], answer["messages"]), (False, "trimmed", 0))
        self.assertEqual(again.data(), [])
        found = metrics(self.host)
        self.assertEqual(found['toni_not_recovered_total{reason="trimmed"}'], 1)
        self.assertEqual(found["toni_history_rooms"], 1)

    async def test_who_comes_back_to_a_room_in_which_nothing_was_said_has_missed_nothing(self):
        self.start([NEWS])
        writer, reader = await Reader.come(self.host), await Reader.come(self.host)
        at = (await reader.join("news-1"))["at"]
        await reader.lose()
        while metrics(self.host)["toni_history_awaited_rooms"] == 0:
            await asyncio.sleep(0.05)
        again = await Reader.come(self.host)
        answer = await again.join("news-1", since=at)
        self.assertEqual((answer["recovered"], answer["messages"], answer["at"]), (True, 0, at))
        self.assertEqual(metrics(self.host)["toni_history_awaited_rooms"], 0)
        await writer.tell("news-1", 1)
        await again.call("echo")
        self.assertEqual(again.data(), [1])

    async def test_a_room_is_there_for_its_messages_until_they_are_too_old(self):
        self.start([{"rooms": "*", "messages": 5, "seconds": 1}])
        writer = await Reader.come(self.host)
        self.assertEqual(await writer.tell("empty", "x"), 0)
        found = metrics(self.host)
        self.assertEqual((found["toni_history_rooms"], found["toni_rooms"]), (1, 0))
        deadline = asyncio.get_running_loop().time() + DEADLINE
        while metrics(self.host)["toni_history_bytes"] > 0:
            self.assertLess(asyncio.get_running_loop().time(), deadline, "it is never forgotten")
            await asyncio.sleep(0.2)
        self.assertEqual(metrics(self.host)["toni_history_rooms"], 0)

    async def test_a_reload_changes_what_is_kept(self):
        self.start([])
        writer = await Reader.come(self.host)
        self.assertNotIn("at", await writer.join("news-1"))
        self.reload([NEWS])
        await writer.tell("news-1", 1)
        await writer.call("echo")
        self.assertIn("at", writer.told[-1])
        newcomer = await Reader.come(self.host)
        self.assertEqual((await newcomer.join("news-1", last=5))["messages"], 1)
        self.reload([{"rooms": "*", "messages": 0}])
        self.assertEqual(metrics(self.host)["toni_history_bytes"], 0)
        last = await Reader.come(self.host)
        answer = await last.join("news-1", since=writer.told[-1]["at"])
        self.assertEqual(answer["why"], "no_history")

    async def test_positions_of_another_host_are_none(self):
        self.start([NEWS])
        writer = await Reader.come(self.host)
        at = (await writer.join("news-1"))["at"]
        self.host.stop()
        self.start([NEWS])
        again = await Reader.come(self.host)
        self.assertEqual((await again.join("news-1", since=at))["why"], "epoch")

    async def test_nonsense_is_refused_and_hurts_nobody(self):
        self.start([NEWS])
        hostile, reader = await Reader.come(self.host), await Reader.come(self.host)
        at = (await reader.join("news-1"))["at"]
        nonsense = [{"since": since} for since in (1 << 62, -1, 1.5e300, "", "x" * 33, "ü" * 33, at + "0", at.upper() + " ",
                                                   at[:-1] + "g", {"epoch": 1}, [at], None, True)]
        nonsense += [{"last": last} for last in (-1, 10001, 1 << 62, 2.5, "5", None)]
        for data in nonsense:
            answer = await hostile.call("room.join", room="news-1", **data)
            self.assertIn("error", answer, data)
        for since, why in (("0" * 16 + ":" + "f" * 16, None), ("f" * 16 + ":" + "f" * 16, "epoch"), (at[:17] + "f" * 16, "ahead")):
            answer = await hostile.join("news-1", since=since)
            self.assertEqual((answer["recovered"], answer["messages"], answer.get("why")), (False, 0, why))
            await hostile.call("room.leave", room="news-1")
        for _ in range(scaled(5000, 500)):
            await hostile.socket.send(json.dumps({"event": "room.join", "data": {"room": "news-1", "since": at}}))
        self.assertEqual(await reader.tell("news-1", 1), 2)
        await reader.call("echo")
        self.assertEqual(reader.data(), [1])
        await hostile.call("echo")
        self.assertEqual(hostile.data(), [1])

    def test_what_is_wrong_has_its_line(self):
        done = run_toni("check", cwd=Host(conf([{"rooms": "news-*", "messages": 5}])).folder)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"gateways\.conf:\d+: .*`history`.* lacks `seconds`")


if __name__ == "__main__":
    main()
