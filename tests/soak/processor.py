"""What of the processor two processes got, and how long they waited for it: on a machine where all
share a few cores, the delay that a client sees is partly the wait of client or host for a core."""

import os


class Share:
    """Of one process, from now on."""

    def __init__(self, pid):
        self.pid, self.before = pid, self.read(pid)

    @staticmethod
    def read(pid):
        """@return Nanoseconds by thread: how long it ran, and how long it waited to. Of a process that
        is gone: none."""
        found = {}
        try:
            for thread in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="utf-8") as stat:
                    ran, waited, _ = stat.read().split()
                found[thread] = int(ran), int(waited)
        except OSError:
            pass
        return found

    def text(self):
        ran = waited = 0
        for thread, now in self.read(self.pid).items():
            before = self.before.get(thread, (0, 0))
            ran, waited = ran + now[0] - before[0], waited + now[1] - before[1]
        return "ran for %.1f s and waited %.1f s for a core" % (ran / 1e9, waited / 1e9)
