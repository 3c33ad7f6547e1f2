"""scripts/soak certificates: certificates change by `toni reload`, again and again, under clients that
are connected over TLS and others that come and go. Nobody is closed, nobody is refused, and whoever
comes after a reload is shown the new certificate.

The connected and those who come are two generators of bench/; the former checks that every
broadcast comes once and in order."""

import argparse
import os
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "bench"))

# pylint: disable=wrong-import-position
from certificate import Certificate
from running import Bench, Wrong, faults_of
from systems import System, write

ROOM_MEMBERS = 100
RATE = 100  # broadcasts a second, each for one room
SPARE_S = 10  # for the reloads of a slow machine
RELOAD_S, HANDSHAKE_S = 60, 30

CONF = """\
listen = {{ websocket = {{ address = "127.0.0.1:{port}"; tls = {{ certificate = "host.pem"; key = "host.key"; }}; }}; }};
workers = {workers};
limits = {{ connections = {connections}; }};
modules = (
  {{ name = "chat";
    imports = [ "broadcast" ];
    providers = ( {{ gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms"; }} ); }}
);
"""


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), flush=True)


class Toni(System):
    name = "toni"
    load = ("--tls",)

    def __init__(self, build, connections, workers):
        super().__init__(build)
        self.connections, self.workers = connections, workers

    def program(self):
        return os.path.join(self.build, "bin", "toni")

    def command(self, port, folder):
        self.certificate = Certificate(folder)
        text = CONF.format(port=port, workers=self.workers, connections=self.connections)
        conf = write(os.path.join(folder, "gateways.conf"), text)
        return [self.program(), "run", "--allow-root", "-l", "error", "-c", conf]


class Reloads(threading.Thread):
    """As many as were asked for, at a pace."""

    def __init__(self, server, count, every_s):
        super().__init__()
        self.server, self.count, self.every_s = server, count, every_s
        self.took_s, self.faults, self.is_over = [], [], False

    def run(self):
        begin = time.monotonic()
        for number in range(self.count):
            time.sleep(max(0.0, begin + number * self.every_s - time.monotonic()))
            if self.is_over:
                return
            self.reload()

    def reload(self):
        system = self.server.system
        system.certificate.issue()
        conf = os.path.join(self.server.folder, "gateways.conf")
        began = time.monotonic()
        done = subprocess.run(
            [system.program(), "reload", "-c", conf],
            capture_output=True,
            text=True,
            timeout=RELOAD_S,
            check=False,
        )
        self.took_s.append(time.monotonic() - began)
        if done.returncode != 0:
            self.faults.append("toni reload: " + (done.stderr or done.stdout).strip())
        elif not self.is_shown():
            self.faults.append("after reload %d the former certificate was shown" % len(self.took_s))

    def is_shown(self):
        address = ("127.0.0.1", self.server.port)
        with open(self.server.system.certificate.path, encoding="ascii") as pem:
            wanted = ssl.PEM_cert_to_DER_cert(pem.read())
        shown = ssl.get_server_certificate(address, timeout=HANDSHAKE_S)
        return ssl.PEM_cert_to_DER_cert(shown) == wanted


class Watched:
    """What goes on between the gates of the load generator."""

    def __init__(self, options, bench, seconds):
        self.options, self.bench, self.seconds = options, bench, seconds
        self.reloads = self.visitors = None
        self.faults = []

    def at_gate(self, name, server):
        if name == "begin":
            rate = self.options.handshakes
            self.visitors = self.bench.along(
                server,
                ["--handshakes", "--connections=1", "--join=", "--rate=%d" % rate, "--window=256"]
                + ["--messages=%d" % (rate * self.seconds), "--warm-up=0", "--settle-ms=0"],
            )
            self.reloads = Reloads(server, self.options.reloads, self.options.every)
            self.reloads.start()
        elif name == "end":
            self.judge(server)

    def judge(self, server):
        self.reloads.is_over = True
        self.reloads.join()
        took = sorted(self.reloads.took_s)
        self.faults += self.reloads.faults
        say("%d reloads, each %.0f to %.0f ms" % (len(took), 1e3 * took[0], 1e3 * took[-1]))
        if len(took) < self.options.reloads:
            self.faults.append("%d reloads of %d were made in time" % (len(took), self.options.reloads))
        report = self.bench.read_report(self.visitors, server, None)
        window = report["window"]
        self.faults += ["handshakes: " + text for text in faults_of(report, needs_one_order=False)]
        say(
            "%d of %d handshakes, %.0f a second, p50 %.1f ms, p99 %.1f ms"
            % (window["delivered"], window["expected"], window["deliveries_per_s"], *latencies_ms(report))
        )

    def stop(self):
        if self.reloads:
            self.reloads.is_over = True
            self.reloads.join()
        if self.visitors and self.visitors.poll() is None:
            self.visitors.kill()
        if self.visitors:
            self.visitors.communicate()


def latencies_ms(report):
    return report["latency_us"]["p50"] / 1000, report["latency_us"]["p99"] / 1000


def soak(options):
    """@return What is wrong, in words."""
    seconds = int(options.reloads * options.every) + SPARE_S
    rooms = max(1, options.clients // ROOM_MEMBERS)
    bench = Bench(options.build, None, None)
    watched = Watched(options, bench, seconds)
    arguments = [
        "--connections=%d" % options.clients,
        "--rooms=%d" % rooms,
        "--publishers=%d" % rooms,
        "--rate=%d" % RATE,
        "--messages=%d" % (RATE * seconds),
        "--warm-up=%d" % RATE,
        "--size=200",
        "--patience-ms=20000",
        "--settle-ms=1000",
    ]
    system = Toni(options.build, options.clients + 600, options.workers)
    say("%d clients over TLS 1.3, %d handshakes a second, %d s" % (options.clients, options.handshakes, seconds))
    try:
        report = bench.run(system, arguments, at_gate=watched.at_gate)
    finally:
        watched.stop()
    window = report["window"]
    say(
        "%d broadcasts, %d of %d deliveries, p50 %.1f ms, p99 %.1f ms"
        % (window["sent"], window["delivered"], window["expected"], *latencies_ms(report))
    )
    return watched.faults + faults_of(report, needs_one_order=True)


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/soak certificates",
        description="Certificates change by toni reload under clients over TLS and handshakes.",
    )
    add = parser.add_argument
    add("--clients", type=int, default=5000, metavar="N", help="that stay connected (5000)")
    add("--handshakes", type=int, default=200, metavar="N", help="of others, a second (200)")
    add("--reloads", type=int, default=100, metavar="N", help="each with another certificate (100)")
    add("--every", type=float, default=0.5, metavar="S", help="seconds from one to the next (0.5)")
    add("--workers", type=int, default=0, metavar="N", help="of the host; 0: one per core (0)")
    add("--build", default="build/release", metavar="DIR", help="(build/release)")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    say("load of the machine before: %.1f" % os.getloadavg()[0])
    try:
        faults = soak(options)
    except (Wrong, RuntimeError) as error:
        faults = [str(error)]
    for fault in faults:
        say("wrong: " + fault)
    if not faults:
        say("right")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
