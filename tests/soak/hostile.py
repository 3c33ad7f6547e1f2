"""Clients that mean no good, of every kind at once, for tests/soak/soak.py: a process of its own
that opens, holds and drops connections until SIGTERM, then prints what it did, as JSON.

Usage: hostile.py WEBSOCKET_PORT HTTP_PORT CONNECTIONS [KIND...]. They come from 127.0.0.2."""

import asyncio
import collections
import json
import os
import signal
import sys

# pylint: disable=unused-import
import hostile_frames
import hostile_http
import hostile_websocket
from peers import KINDS, Targets, Unexpected


ENDED = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, asyncio.LimitOverrunError)
UNEXPECTED_MOST = 5  # that are shown


async def repeat(call, targets, counts, unexpected):
    """One at a time, for ever; those that are over at once come again after a moment."""
    while True:
        try:
            await call(targets)
        except Unexpected as error:
            unexpected.append("%s: %s" % (call.__name__, error))
        except ENDED:
            pass
        counts[call.__name__] += 1
        await asyncio.sleep(0.05)


async def main():
    targets, connections = Targets(int(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
    counts, unexpected, over = collections.Counter(), [], asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    calls = [KINDS[name] for name in sys.argv[4:] or KINDS]
    tasks = [
        asyncio.ensure_future(repeat(calls[i % len(calls)], targets, counts, unexpected))
        for i in range(max(connections, len(calls)))
    ]
    stopping = asyncio.ensure_future(over.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [repr(task.exception()) for task in tasks if task.done()]  # none ends by itself
    report = {
        "attacks": {call.__name__: counts[call.__name__] for call in calls},
        "failed": failed + unexpected[:UNEXPECTED_MOST],
        "unexpected": len(unexpected),
    }
    print(json.dumps(report), flush=True)
    os._exit(0)  # with all connections as they are, which is one more thing that clients do


if __name__ == "__main__":
    asyncio.run(main())
