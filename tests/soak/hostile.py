"""Clients that mean no good, of every kind at once, for tests/soak/soak.py: a process of its own
that opens, holds and drops connections until SIGTERM, then prints what it did, as JSON.

Usage: hostile.py WEBSOCKET_PORT HTTP_PORT CONNECTIONS [KIND...]. They come from 127.0.0.2.

They run where nobody else wants the processor (SCHED_IDLE). On a machine of few cores they share
them with the host, as strangers elsewhere do not: what a hundred of them take in Python would be
measured as the host's delay."""

import asyncio
import itertools
import json
import os
import signal
import sys

# pylint: disable=unused-import
import hostile_frames
import hostile_http
import hostile_websocket
from peers import CURRENT, DONE, KINDS, Targets, Unexpected


ENDED = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, asyncio.LimitOverrunError)
UNEXPECTED_MOST = 5  # that are shown


async def repeat(call, targets, unexpected):
    """One at a time, for ever; those that are over at once come again after a moment."""
    CURRENT.set(call.__name__)
    while True:
        try:
            await call(targets)
        except Unexpected as error:
            unexpected.append("%s: %s" % (call.__name__, error))
        except ENDED:
            pass
        await asyncio.sleep(0.05)


async def main():
    targets, connections = Targets(int(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3])
    unexpected, over = [], asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    calls = [KINDS[name] for name in sys.argv[4:] or KINDS]
    tasks = [
        asyncio.ensure_future(repeat(call, targets, unexpected))
        for call, _ in zip(itertools.cycle(calls), range(max(connections, len(calls))))
    ]
    stopping = asyncio.ensure_future(over.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [repr(task.exception()) for task in tasks if task.done()]  # none ends by itself
    report = {
        "attacks": {call.__name__: vars(DONE[call.__name__]) for call in calls},
        "failed": failed + unexpected[:UNEXPECTED_MOST],
        "unexpected": len(unexpected),
    }
    print(json.dumps(report), flush=True)
    os._exit(0)  # with all connections as they are, which is one more thing that clients do


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(main())
