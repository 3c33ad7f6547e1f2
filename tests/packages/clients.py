"""Clients of the host in the packages, by python3-websockets. Any fault ends this with an exception.

Usage: clients.py answered [TEXT]       one that says hello at /echo is answered with TEXT; by default with hello
       clients.py upgraded COMMAND...   while COMMAND runs, who connects is served, and none is refused; who was there
                                        before is served until he is told 1001, and can come back
       clients.py restarted COMMAND...  while COMMAND stops the service and starts it anew, and its socket stays, each who
                                        connects has his handshake done, and is answered or told 1001; likewise who has
                                        connected before, but sends his handshake only afterwards
       clients.py changed SOURCE        one that is connected to what `toni new board` makes is served by its new version,
                                        once SOURCE is changed
"""

import asyncio
import collections
import socket
import sys
import time

import websockets

ADDRESS = "127.0.0.1", 9000
URL = "ws://%s:%d/echo" % ADDRESS
DEADLINE = 60


async def ask(client, text):
    await client.send(text)
    return await asyncio.wait_for(client.recv(), DEADLINE)


async def answered(wanted="hello"):
    async with websockets.connect(URL) as client:
        got = await ask(client, "hello")
        assert got == wanted, got


async def stays_until_told(client, told):
    """Asks on and on. @return How often it was answered."""
    count = 0
    try:
        while True:
            assert await ask(client, str(count)) == str(count)
            count += 1
            await asyncio.sleep(0.05)  # the gateway bears 50 messages a second
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd is not None and closed.rcvd.code == 1001, closed
        assert closed.rcvd.reason == "going away", closed
    told.set()
    return count


async def come_and_go(told, over):
    """New ones, one after the other, until all is over. @return How many."""
    count = 0
    while not (told.is_set() and over.is_set()):
        await answered()
        count += 1
    return count


async def run(command, over):
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    status = await process.wait()
    assert status == 0, "%r: exit code %d" % (command, status)
    over.set()


async def upgraded(*command):
    told, over = asyncio.Event(), asyncio.Event()
    async with websockets.connect(URL) as client:
        assert await ask(client, "before") == "before"
        began = time.monotonic()
        answers, newcomers, _ = await asyncio.gather(
            stays_until_told(client, told), come_and_go(told, over), run(command, over)
        )
    await answered()
    assert answers and newcomers
    print("%d newcomers served in %.1f s, none refused; who was there got %d answers, then 1001"
          % (newcomers, time.monotonic() - began, answers))


async def come_in(counts, **how):
    """A newcomer, who may come as the host stops."""
    async with websockets.connect(URL, open_timeout=DEADLINE, **how) as client:
        try:
            assert await ask(client, "hello") == "hello"
            counts["answered"] += 1
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1001, closed
            counts["told"] += 1


async def keep_coming(counts, over):
    while not over.is_set():
        await come_in(counts)


async def come_slowly(counts, over):
    """A tenth of a second, as over a slow network, is between his connection and his handshake."""
    while not over.is_set():
        sock = await asyncio.to_thread(socket.create_connection, ADDRESS)
        await asyncio.sleep(0.1)
        await come_in(counts, sock=sock)


async def restarted(*command):
    counts, told, over = collections.Counter(), asyncio.Event(), asyncio.Event()
    newcomers = [keep_coming(counts, over) for _ in range(8)] + [come_slowly(counts, over) for _ in range(8)]
    async with websockets.connect(URL) as client:
        assert await ask(client, "before") == "before"
        began = time.monotonic()
        answers, _, *_ = await asyncio.gather(stays_until_told(client, told), run(command, over), *newcomers)
    await answered()
    assert answers and counts["answered"]
    print("%d newcomers served in %.1f s, and %d told 1001, none refused; who was there got %d answers, then 1001"
          % (counts["answered"], time.monotonic() - began, counts["told"], answers))


async def changed(source):
    with open(source, encoding="utf-8") as text:
        before = text.read()
    after = before.replace(
        "toni_target_send(toni_to_all(gateway->connections), message)", 'toni_client_send_text(client, TONI_LIT("new"))'
    )
    assert after != before
    async with websockets.connect("ws://127.0.0.1:9000/board") as client:
        assert await asyncio.wait_for(client.recv(), DEADLINE) == "Good day"
        assert await ask(client, "old") == "old"
        saved = time.monotonic()
        with open(source, "w", encoding="utf-8") as text:
            text.write(after)
        while await ask(client, "old") != "new":
            assert time.monotonic() < saved + DEADLINE, "the change was never served"
            await asyncio.sleep(0.05)
    print("saved to served: %.2f s, on the same connection" % (time.monotonic() - saved))


COMMANDS = {"answered": answered, "changed": changed, "restarted": restarted, "upgraded": upgraded}
asyncio.run(COMMANDS[sys.argv[1]](*sys.argv[2:]))
