"""A host and its successors: one log, one configuration, a process after the other."""

import os
import signal
import subprocess
import time

from toni_host import DEADLINE, TONI, Host, _libc

_PR_SET_CHILD_SUBREAPER = 36

# Successors whose parent has ended become children of this process, so that their ends can be seen.
_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

STARTS = "restart: a successor starts"
DRAINS = "restart: the successor is ready, this host drains"
FAILED = "restart: failed, this host goes on as before"
REFUSED = "restart: refused"


class Generations(Host):
    """`process` is the first host; its successors are known by their pids."""

    def __init__(self, conf, **more):
        super().__init__(conf, **more)
        self.exits = {}

    def ask(self, command):
        """Begins `toni COMMAND`."""
        return subprocess.Popen(
            [TONI, command, "-c", self.conf],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )

    def restart(self, code=0, deadline=DEADLINE):
        """`toni restart`, to its end: what it printed."""
        out = self.answer_of(self.ask("restart"), code, deadline)
        if code == 0:  # its log may still be on the way
            self.wait_log(msg="ready", pid=out.split()[-1])
        return out

    def answer_of(self, asked, code, deadline=DEADLINE):
        out, err = asked.communicate(timeout=deadline)
        if asked.returncode != code:
            raise AssertionError(
                "toni %s ended with %d, expected %d: %s%s; the log:\n%s"
                % (asked.args[1], asked.returncode, code, out, err, self.text())
            )
        return out if code == 0 else err

    def successors(self):
        """The pids of all successors so far."""
        return [int(line["pid"]) for line in self.log(msg=STARTS)]

    def serving(self):
        """The pid of the newest host that is ready."""
        self.wait_log(msg="ready")
        return int(self.log(msg="ready")[-1]["pid"])

    def wait_gone(self, pid, deadline=None):
        """The exit code of one of the hosts, waited for; negative: by that signal."""
        if pid == self.process.pid:
            return self.process.wait(deadline or DEADLINE)
        end = time.monotonic() + (deadline or DEADLINE)
        while pid not in self.exits:
            try:
                gone, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # its parent still runs, or has reaped it
                gone, status = 0, 0
                if not os.path.exists("/proc/%d" % pid):
                    return None
            if gone:
                self.exits[pid] = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise AssertionError("pid %d still runs; the log:\n%s" % (pid, self.text()))
            else:
                time.sleep(0.01)
        return self.exits[pid]

    def stop(self, signal_number=signal.SIGTERM):
        """Stops the newest, once those before it have ended; all must end with 0, and the log be
        without faults."""
        newest = self.serving()
        older = [self.process.pid, *(pid for pid in self.successors() if pid in self.ready())]
        for pid in older:
            if pid != newest and self.wait_gone(pid) not in (0, None):
                raise AssertionError("pid %d ended badly; the log:\n%s" % (pid, self.text()))
        os.kill(newest, signal_number)
        code = self.wait_gone(newest, DEADLINE + 10)
        self._finish()
        if code != 0 or self.faults():
            raise AssertionError(
                "the last host ended with %r; lines not expected:\n%s\nthe log:\n%s"
                % (code, "\n".join(self.faults()), self.text())
            )

    def ready(self):
        return [int(line["pid"]) for line in self.log(msg="ready")]

    def kill(self):
        """Ends all that are left; for after a failure."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.successors():
            if pid not in self.exits and self._is_ours(pid):
                os.kill(pid, signal.SIGKILL)
                self.wait_gone(pid)
        if not self.process.stderr.closed:
            self._finish()

    def _is_ours(self, pid):
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as cmdline:
                return os.fsencode(self.conf) in cmdline.read()
        except OSError:
            return False
