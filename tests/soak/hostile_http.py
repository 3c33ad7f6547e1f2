"""Hostile clients of the HTTP listener."""

import random

from peers import Peer, head, kind


async def ask(targets, data, wait=True):
    async with Peer(targets.http) as peer:
        await peer.send(data)
        if wait:
            await peer.hold()


@kind
async def many_parameters(targets):
    await ask(targets, head("/?" + "&".join(map(str, range(500)))), wait=False)


@kind
async def foreign_host(targets):
    await ask(targets, head("/toni.json", "Connection: close", host="evil.example"))


@kind
async def folded_header(targets):
    lines = ("Content-Length: 1", "  0", "Connection: close")
    await ask(targets, head("/chat/h", *lines, method="POST"))


@kind
async def expect_without_body(targets):
    lines = ("Content-Length: 100", "Expect: 100-continue")
    await ask(targets, head("/chat/h", *lines, method="POST"), wait=random.random() < 0.5)


@kind
async def body_that_stops(targets):
    await ask(targets, head("/chat/h", "Content-Length: 100000", method="POST") + b'{"sender": "')


@kind
async def body_too_large(targets):
    lines = ("Content-Length: 2000000", "Connection: close")
    await ask(targets, head("/chat/h", *lines, method="POST") + b"x" * 2000000)
