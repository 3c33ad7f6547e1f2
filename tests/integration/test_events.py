"""Events by name through a real host: the lobby with python3-websockets, also over a reload while it counts down."""

import asyncio
import json
import os
import shutil
import unittest

import websockets

from toni_host import DEADLINE, PLUGINS, Host, configuration, gateway, run_toni, websocket_uri


class Player:
    """A client that calls events; what else comes waits in order."""

    def __init__(self, socket):
        self.socket, self.last, self.heard = socket, 0, []

    @classmethod
    async def come(cls, host):
        uri, how = websocket_uri(host.address, "/lobby")
        return cls(await websockets.connect(uri, **how))

    async def read(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), DEADLINE))

    async def call(self, event, data=None):
        self.last += 1
        message = {"event": event, "id": self.last}
        if data is not None:
            message["data"] = data
        await self.socket.send(json.dumps(message))
        while True:
            answer = await self.read()
            if answer.get("id") == self.last and "event" not in answer:
                return answer
            self.heard.append(answer)

    async def hear(self, event):
        """The data of the next event of that name."""
        while True:
            message = self.heard.pop(0) if self.heard else await self.read()
            if message.get("event") == event:
                return message["data"]


class TestEvents(unittest.IsolatedAsyncioTestCase):
    def start(self):
        # A copy, so that a reload finds another file.
        self.host = Host(configuration([gateway("lobby", "./lobby.so", None)], workers=2))
        self.copy()
        self.host.start()
        self.addCleanup(self.host.kill)

    def copy(self, more=b""):
        path = os.path.join(self.host.folder, "lobby.so")
        shutil.copy(os.path.join(PLUGINS, "lobby_gateway.so"), path + ".new")
        with open(path + ".new", "ab") as out:
            out.write(more)
        os.rename(path + ".new", path)

    async def test_players_meet_and_a_game_begins_over_a_reload(self):
        self.start()
        anna, berta = await Player.come(self.host), await Player.come(self.host)
        made = await anna.call("lobby.create", {"name": "chess", "max_players": 2})
        self.assertEqual(made["data"]["name"], "chess")
        joined = await berta.call("lobby.join", {"name": "chess"})
        self.assertEqual(len(joined["data"]["players"]), 2)
        clara = await Player.come(self.host)
        refused = await clara.call("lobby.join", {"name": "chess"})
        self.assertEqual(refused["error"], {"kind": "conflict", "message": "the lobby is full"})

        self.assertEqual(await anna.call("lobby.start"), {"id": 2, "complete": True})
        self.assertEqual((await berta.hear("lobby.countdown"))["seconds"], 3)
        self.copy(b"another build")
        reloaded = await asyncio.to_thread(run_toni, "reload", "-c", self.host.conf)
        self.assertIn("with its state", reloaded.stdout)
        self.assertEqual((await berta.hear("lobby.started"))["players"], joined["data"]["players"])

        await anna.socket.close()
        changed = await berta.hear("lobby.changed")
        while len(changed["players"]) == 2:
            changed = await berta.hear("lobby.changed")
        self.assertEqual(changed["players"], joined["data"]["players"][1:])

    async def test_what_is_no_event_is_told_and_costs_nothing(self):
        self.start()
        anna = await Player.come(self.host)
        for text in ["", "[", "7", "[" * 10000, '{"event":"x","event":"x"}', '{"event":"x","id":{}}']:
            await anna.socket.send(text)
            answer = await anna.read()
            self.assertEqual((answer["id"], answer["error"]["kind"]), (None, "bad_request"))
        answer = await anna.call("lobby.create", {"name": "", "max_players": 99})
        self.assertEqual(
            sorted(detail["path"] for detail in answer["error"]["details"]), ["/max_players", "/name"]
        )
        self.assertEqual((await anna.call("nobody"))["error"]["kind"], "not_found")


if __name__ == "__main__":
    unittest.main()
