"""What a host's memory is made of while a soak runs: the peak of each minute, and what the host said
of itself at that moment, so that one that grows explains itself."""

import re
import threading
import time
import urllib.request

SHORT_OF_A_MINUTE_S = 5

# Column, and the metric whose samples it adds up.
GAUGES = (
    ("sockets", "toni_sockets"),
    ("waiting", "toni_places_waiting"),
    ("rooms", "toni_rooms"),
    ("members", "toni_room_memberships"),
    ("outbox KiB", "toni_outbox_memory_bytes"),
    ("inbound KiB", "toni_inbound_bytes"),
    ("pending KiB", "toni_pending_bytes"),
    ("http KiB", "toni_http_body_bytes"),
)


def resident_kib(pid):
    """All of it, and what is its own and no file's."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as lines:
            found = dict(re.findall(r"^(VmRSS|RssAnon):\s*(\d+)", lines.read(), re.MULTILINE))
        return int(found.get("VmRSS", 0)), int(found.get("RssAnon", 0))
    except OSError:  # it has ended, which the honest notice
        return 0, 0


def gauges(admin_port):
    """@return The gauges' values by column; {}: nobody answers."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % admin_port, timeout=5) as page:
            text = page.read().decode()
    except OSError:
        return {}
    found = {}
    for column, metric in GAUGES:
        samples = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % metric, text, re.MULTILINE)
        value = sum(map(float, samples))
        found[column] = int(value / 1024 if column.endswith("KiB") else value)
    return found


class Memory(threading.Thread):
    """Looks each second. A last minute that was not whole, but for some seconds, is left out."""

    def __init__(self, pid, admin_port, say):
        super().__init__(daemon=True)
        self.pid, self.admin_port, self.say = pid, admin_port, say
        self.peaks, self.anonymous, self.at_peaks = [], [], []  # by minute
        self.over = threading.Event()
        self.start()

    def run(self):
        began = time.monotonic()
        while not self.over.wait(1):
            minute = int((time.monotonic() - began) / 60)
            resident, anonymous = resident_kib(self.pid)
            if minute == len(self.peaks):
                self.say("memory: %d MiB" % (resident // 1024))
                for column in (self.peaks, self.anonymous, self.at_peaks):
                    column.append(0)
            if resident > self.peaks[minute]:
                self.peaks[minute], self.anonymous[minute] = resident, anonymous
                self.at_peaks[minute] = gauges(self.admin_port)
        del self.peaks[int((time.monotonic() - began + SHORT_OF_A_MINUTE_S) / 60):]

    def stop(self):
        self.over.set()
        self.join()

    def table(self):
        """@return Lines: at the peak of each minute, memory and gauges."""
        columns = [column for column, _ in GAUGES]
        lines = [" ".join("%11s" % name for name in ("minute", "RSS KiB", "own KiB", *columns))]
        for i, peak in enumerate(self.peaks):
            values = [self.at_peaks[i].get(column, "?") for column in columns]
            lines.append(" ".join("%11s" % v for v in (i + 1, peak, self.anonymous[i], *values)))
        return lines
