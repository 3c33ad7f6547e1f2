"""What a client of others sees of its token: python3-websockets with jwt_guard, its end, another one by the event
`token`, and a subject that is revoked; and tokens while the wall clock is set forward and back."""

import asyncio
import inspect
import json
import mmap
import os
import select
import shutil
import struct
import tempfile
import time
import unittest

import websockets

import jwt_tokens
from test_identity import LATE, guard, identity, token, url
from toni_host import (
    DEADLINE,
    FIXTURES,
    SANITIZER,
    SLOWNESS,
    Client,
    Host,
    Refused,
    configuration,
    gateway,
    main,
    next_second,
    open_socket,
    request,
    run_toni,
    scaled,
    service,
    with_workers,
)

SECRET = jwt_tokens.Secret(b"0123456789abcdef0123456789abcdef")
DAY = 86400
NOTICED_S = 30  # that the clock was set: docs/plugins.md


def jwt(subject="ann", **more):
    return jwt_tokens.make(SECRET, {"sub": subject, "exp": LATE, "iat": int(time.time()), **more})


# As Debian 13's version calls it, and as Debian 12's does.
HEADERS = (
    "additional_headers"
    if "additional_headers" in inspect.signature(websockets.connect.__init__).parameters
    else "extra_headers"
)


def status_of(refused):
    """Of either version's exception."""
    return refused.status_code if hasattr(refused, "status_code") else refused.response.status_code


@with_workers(1, 4)
class Events(unittest.IsolatedAsyncioTestCase):
    """The lobby, which takes tokens as an event."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="utf-8") as out:
            out.write(SECRET.secret.decode() + "\n")
        os.chmod(secret, 0o600)
        options = {"secrets": [secret], "leeway": "0s"}
        tokens = service("tokens", "jwt_guard.so", None, options=options)
        lobby = gateway("lobby", "lobby_gateway.so", "/lobby", guards=["tokens"])
        self.host = Host(configuration([tokens, lobby], self.workers)).start()
        self.addCleanup(self.host.kill)

    async def come(self, text):
        client = await websockets.connect(
            "ws://%s/lobby" % self.host.address, **{HEADERS: {"Authorization": "Bearer " + text}}
        )
        self.addAsyncCleanup(client.close)
        return client

    async def call(self, client, event, **data):
        await client.send(json.dumps({"event": event, "id": 7, "data": data}))
        while True:
            answer = json.loads(await asyncio.wait_for(client.recv(), DEADLINE))
            if answer.get("id") == 7:
                return answer

    async def closed(self, client, reason):
        await asyncio.wait_for(client.wait_closed(), DEADLINE)
        self.assertEqual((client.close_code, client.close_reason), (4001, reason))

    async def test_the_end_of_a_token(self):
        soon = int(time.time()) + scaled(2, 5)
        short, lasting = await self.come(jwt(exp=soon)), await self.come(jwt("bob"))
        await self.closed(short, "token expired")
        self.assertGreaterEqual(time.time(), soon)
        self.assertIn("data", await self.call(lasting, "lobby.create", max_players=2, name="here"))
        await lasting.close()
        self.host.stop()

    async def test_another_token_by_the_event(self):
        soon = int(time.time()) + scaled(3, 6)
        refreshed, left = await self.come(jwt(exp=soon)), await self.come(jwt(exp=soon))
        for bad, error in [
            ("x", "unauthorized"),
            (jwt(exp=1), "unauthorized"),
            (jwt("bob"), "forbidden"),
        ]:
            answer = await self.call(refreshed, "token", token=bad)
            self.assertEqual(answer["error"]["kind"], error, answer)
        answer = await self.call(refreshed, "token", token=7)
        self.assertEqual(answer["error"]["kind"], "unprocessable", answer)
        answer = await self.call(refreshed, "token", token=jwt())
        self.assertEqual(answer["data"], {"expires": LATE})
        await self.closed(left, "token expired")
        self.assertIn("data", await self.call(refreshed, "lobby.create", max_players=2, name="a"))
        soon = int(time.time()) + scaled(2, 5)
        answer = await self.call(refreshed, "token", token=jwt(exp=soon))
        self.assertEqual(answer["data"], {"expires": soon})
        await self.closed(refreshed, "token expired")
        self.host.stop()

    async def test_a_token_of_this_very_second(self):
        """The kernel's coarse clock, which time(2) reads, still says the second before."""
        for _ in range(2):
            with open_socket(self.host.address) as sock:
                next_second()
                sock.sendall(request("/lobby", headers=[("Authorization", "Bearer " + jwt())]))
                answer = sock.recv(65536)
                self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        self.host.stop()

    async def test_a_subject_is_revoked(self):
        old, bob = jwt(iat=int(time.time()) - 9), await self.come(jwt("bob"))
        clients = [await self.come(old) for _ in range(8)]
        result = run_toni("revoke", "ann", "-c", self.host.conf)
        self.assertEqual(result.stdout, "revoked: 8 clients closed\n", result.stderr)
        for client in clients:
            await self.closed(client, "revoked")
        with self.assertRaises(websockets.exceptions.InvalidHandshake) as refused:
            await self.come(old)
        self.assertEqual(status_of(refused.exception), 401)
        next_second()  # tokens of that one are refused
        young = await self.come(jwt())
        answer = await self.call(young, "token", token=old)
        self.assertEqual(answer["error"]["kind"], "unauthorized", answer)
        for client in young, bob:
            self.assertIn("id", await self.call(client, "lobby.leave"))
            await client.close()
        self.host.stop()


@unittest.skipIf(SANITIZER, "what is loaded before a sanitizer's runtime keeps that from starting")
class Steps(unittest.TestCase):
    """Of hosts with one worker and with four at once: it is half a minute that they have to notice it."""

    def start(self):
        with tempfile.NamedTemporaryFile(prefix="toni-test-", delete=False) as file:
            file.write(bytes(8))
        self.addCleanup(os.unlink, file.name)
        with open(file.name, "r+b") as again:
            self.mapping = mmap.mmap(again.fileno(), 0)

        def preload():
            os.environ["LD_PRELOAD"] = os.path.join(FIXTURES, "preload_clock.so")
            os.environ["TONI_CLOCK"] = file.name

        # No pings, which would have each looked at more often.
        self.hosts = []
        for workers in 1, 4:
            text = configuration([guard(), identity()], workers, {"ping_ms": 0})
            self.hosts.append(Host(text, before_exec=preload).start())
            self.addCleanup(self.hosts[-1].kill)

    def step(self, seconds):
        self.mapping[:] = struct.pack("=q", seconds)

    def client(self, host, expires):
        client = Client(host.address, url(token("ann", 7, expires)))
        self.addCleanup(client.drop)
        client.expect("ann 7 %d" % expires)
        return client

    def clients(self, expires):
        """One of each host."""
        return [self.client(host, expires) for host in self.hosts]

    def test_back_ends_nobody_and_forward_ends_whose_time_is_over(self):
        self.start()
        now = int(time.time())
        short, half = self.clients(now + 4 * SLOWNESS), self.clients(now + DAY // 2)
        lasting = self.clients(now + 3 * DAY)
        self.step(-DAY)
        time.sleep(now + 4 * SLOWNESS + 1.5 - time.time())
        for client in short + half + lasting:  # 4 seconds have passed, and a day is to pass again
            self.assertTrue(client.ask("who").startswith("ann"))
        self.step(DAY)
        began = time.monotonic()
        for host in self.hosts:
            with self.assertRaises(Refused) as refused:
                self.client(host, now + DAY // 2)
            self.assertEqual(refused.exception.response.status, 401)
        for client in short + half:
            select.select([client.sock], [], [], NOTICED_S + DEADLINE)
            client.expect_close(4001, "token expired")
        self.assertLess(time.monotonic() - began, NOTICED_S + 5 * SLOWNESS)
        for client, host in zip(lasting, self.hosts):
            self.assertTrue(client.ask("who").startswith("ann"))
            client.close()
            host.stop()


if __name__ == "__main__":
    main(beside=4)
