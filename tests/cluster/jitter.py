"""TONI_CLUSTER_JITTER_MS: each part of bytes between a host and Redis is held for up to so many milliseconds, drawn for each
connection and each way anew. So one host hears of what has happened long after another, as on machines that are busy."""

import itertools
import os
import random

from toni_host import say

MOST_S = float(os.environ.get("TONI_CLUSTER_JITTER_MS") or 0) / 1000
SEED = os.environ.get("TONI_TEST_SEED") or str(random.randrange(1 << 32))
# Most are short: if all took long, all would take as long.
STEEPNESS = 3

_streams = itertools.count()

if MOST_S:
    say("jitter of up to %g ms, seed %s: TONI_CLUSTER_JITTER_MS=%g TONI_TEST_SEED=%s draws the same again"
        % (MOST_S * 1000, SEED, MOST_S * 1000, SEED))


def delays():
    """Of one connection and one way, in seconds, without end."""
    dice = random.Random("%s %d" % (SEED, next(_streams)))
    return (dice.random() ** STEEPNESS * MOST_S for _ in itertools.count())
