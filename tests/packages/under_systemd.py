"""What an administrator does with the package toni where systemd is process 1: systemctl, the journal, drop-ins, upgrades.
Any fault ends this with an exception, and the journal of toni.

Usage: under_systemd.py FOLDER   FOLDER: with the packages; tests/packages/systemd boots the systemd
"""

import asyncio
import glob
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time

import websockets

HERE = os.path.dirname(os.path.abspath(__file__))
CONF = "/etc/toni/gateways.conf"
DROP_IN = "/run/systemd/system/toni.service.d/test.conf"
SECRETS = "/root/secrets"
DEADLINE = 60
EXPOSURE_MAX = 1.8  # docs/operations.md

ANOTHER = '''
    providers = (
      { gateway = "another"; library = "echo_gateway.so"; path = "/another"; },'''


def run(*command, code=0):
    """@return What it says. @param code  What it has to end with; None: anything but 0."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300, check=False)
    right = done.returncode == code if code is not None else done.returncode != 0
    assert right, "%r ended with %d: %s" % (command, done.returncode, done.stdout)
    return done.stdout


def property_of(name, unit="toni.service"):
    return run("systemctl", "show", "--value", "-p", name, unit).strip()


def main_pid():
    return int(property_of("MainPID"))


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


class Journal:
    """What the service has said since this was made."""

    def __init__(self):
        self.cursor = re.search(r"-- cursor: (\S+)", run("journalctl", "-n", "1", "--show-cursor"))[1]

    def entries(self, *options):
        run("journalctl", "--sync")
        text = run("journalctl", "-u", "toni", "-o", "json", "--after-cursor", self.cursor, *options)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def text(self, *options):
        return "\n".join(str(entry["MESSAGE"]) for entry in self.entries(*options))

    def warnings(self):
        """Of the host itself: systemd warns of a main process that is not its child."""
        return [entry["MESSAGE"] for entry in self.entries("-p", "warning") if entry.get("SYSLOG_IDENTIFIER") == "toni"]

    def expect(self, words, *options):
        wait_until(lambda: words in self.text(*options), "not in the journal: %s\n%s" % (words, self.text()))


async def echo(path="/echo", text="hello", url="ws://127.0.0.1:9000", **how):
    async with websockets.connect(url + path, **how) as client:
        await client.send(text)
        got = await asyncio.wait_for(client.recv(), DEADLINE)
        assert got == text, got


def serves(*arguments, **named):
    asyncio.run(echo(*arguments, **named))


def configure(change=lambda text: text):
    """The configuration of the package, changed."""
    with open("/tmp/gateways.conf", encoding="utf-8") as kept:
        text = kept.read()
    changed = change(text)
    with open(CONF, "w", encoding="utf-8") as out:
        out.write(changed)


def drop_in(text):
    os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
    with open(DROP_IN, "w", encoding="utf-8") as out:
        out.write(text)
    run("systemctl", "daemon-reload")


def no_drop_in():
    os.unlink(DROP_IN)
    run("systemctl", "daemon-reload")


def is_up(pid=None):
    got = property_of("ActiveState"), property_of("SubState")
    assert got == ("active", "running"), got
    assert pid is None or main_pid() == pid, "another main process"


# --- The steps


def installing(packages):
    run("apt-get", "-q", "-y", "install", "--no-install-recommends", *glob.glob(packages + "/toni_*.deb"))
    is_up()
    assert run("systemctl", "is-enabled", "toni").strip() == "enabled"
    assert run("systemctl", "is-enabled", "toni.socket", code=None).strip() == "disabled"
    serves()
    shutil.copy(CONF, "/tmp/gateways.conf")
    assert property_of("StatusText") == "Serving"
    shown = run("systemctl", "status", "toni")
    assert "active (running)" in shown and 'Status: "Serving"' in shown, shown
    assert json.loads(run("toni", "status", "-c", CONF, "--format=json"))["pid"] == main_pid()
    assert os.stat("/proc/%d" % main_pid()).st_uid == pwd.getpwnam("toni").pw_uid
    # the levels of the log are priorities of the journal
    journal = [json.loads(line) for line in run("journalctl", "-u", "toni", "-o", "json").splitlines()]
    ready = [entry for entry in journal if 'msg="ready"' in str(entry["MESSAGE"])]
    assert len(ready) == 1 and ready[0]["PRIORITY"] == "6", ready
    assert not [entry for entry in journal if int(entry["PRIORITY"]) <= 4], journal


def starting_and_stopping():
    for _ in range(3):
        pid = main_pid()
        run("systemctl", "stop", "toni")
        assert not os.path.exists("/proc/%d" % pid)
        assert property_of("Result") == "success"
        run("systemctl", "start", "toni")
        serves()  # at once: the start has waited until the host was ready
    assert not os.listdir("/var/lib/toni") or os.listdir("/var/lib/toni") == ["toni-revocations.lock"], os.listdir("/var/lib/toni")


def a_faulty_start():
    run("systemctl", "stop", "toni")
    journal = Journal()
    configure(lambda text: text + "wrokers = 2;\n")
    run("systemctl", "start", "toni", code=None)
    assert property_of("ActiveState") == "failed"
    journal.expect("wrokers")
    journal.expect(CONF)
    time.sleep(1)  # RestartSec is a tenth of that
    assert (property_of("ActiveState"), property_of("NRestarts")) == ("failed", "0"), "it is started again and again"
    assert property_of("ExecMainStatus") == "2"
    configure()
    run("systemctl", "start", "toni")
    serves()


async def reload_while_connected(path):
    async with websockets.connect("ws://127.0.0.1:9000/echo") as client:
        pid = main_pid()
        configure(lambda text: text.replace("\n    providers = (", ANOTHER, 1))
        await asyncio.to_thread(run, "systemctl", "reload", "toni")
        await echo(path)
        journal = Journal()
        configure(lambda text: text + "wrokers = 2;\n")
        await asyncio.to_thread(run, "systemctl", "reload", "toni", code=None)
        await asyncio.to_thread(journal.expect, "wrokers")
        is_up(pid)
        await echo(path)  # as before the fault
        await client.send("still here")
        assert await asyncio.wait_for(client.recv(), DEADLINE) == "still here"
        configure()
        await asyncio.to_thread(run, "systemctl", "reload", "toni")
        is_up(pid)


def reloading():
    asyncio.run(reload_while_connected("/another"))


def watchdog():
    """Of a host that stands still; and one that only serves is left alone for longer than that."""
    drop_in("[Service]\nWatchdogSec=2s\n")
    run("systemctl", "restart", "toni")
    pid, restarts = main_pid(), int(property_of("NRestarts"))
    time.sleep(5)
    is_up(pid)
    journal = Journal()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: main_pid() not in (0, pid) and property_of("SubState") == "running", "it is not started anew")
    assert int(property_of("NRestarts")) == restarts + 1
    journal.expect("Watchdog timeout")
    serves()
    # a successor is watched, too
    before = main_pid()
    run("toni", "restart", "-c", CONF)
    wait_until(lambda: main_pid() != before, "the successor is not the main process")
    pid = main_pid()
    time.sleep(5)
    is_up(pid)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: main_pid() not in (0, pid) and property_of("SubState") == "running", "it is not started anew")
    serves()
    no_drop_in()
    run("systemctl", "restart", "toni")


def a_crash():
    pid, restarts = main_pid(), int(property_of("NRestarts"))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: main_pid() not in (0, pid) and property_of("SubState") == "running", "it is not started anew")
    assert int(property_of("NRestarts")) == restarts + 1
    serves()


def under_load(*command, clients="upgraded"):
    """Runs it while a client is connected and others come and go. @param clients  As clients.py calls them."""
    print(run(sys.executable, HERE + "/clients.py", clients, *command).splitlines()[-1])


def restarting():
    pid = main_pid()
    journal = Journal()
    under_load("toni", "restart", "-c", CONF)
    is_up()
    assert main_pid() != pid
    wait_until(lambda: not os.path.exists("/proc/%d" % pid), "the old host does not end")
    is_up()
    assert property_of("StatusText") == "Serving"
    run("systemctl", "reload", "toni")
    assert journal.warnings() == [], journal.warnings()
    asyncio.run(a_successor_stops())
    run("systemctl", "start", "toni")


async def a_successor_stops():
    """It is no child of systemd's, and is waited for all the same, until its clients know."""
    pid = main_pid()
    async with websockets.connect("ws://127.0.0.1:9000/echo") as client:
        await asyncio.to_thread(run, "systemctl", "stop", "toni")
        assert not os.path.exists("/proc/%d" % pid) and property_of("Result") == "success"
        try:
            await asyncio.wait_for(client.recv(), DEADLINE)
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1001, closed


def socket_activation():
    journal = Journal()
    run("systemctl", "stop", "toni")
    run("systemctl", "start", "toni.socket")
    assert property_of("ActiveState") == "inactive"
    serves()  # who connects has it started, and waits
    is_up()
    pid = main_pid()
    run("toni", "restart", "-c", CONF)  # the successor has systemd's sockets
    wait_until(lambda: main_pid() != pid, "the successor is not the main process")
    serves()
    for command in ("restart", "restart", "restart", "stop"):  # stopped, it is started anew by who connects next
        run("systemctl", "reset-failed")
        pid = main_pid()
        under_load("systemctl", command, "toni", clients="restarted")
        is_up()
        assert main_pid() != pid
        assert journal.warnings() == [], journal.warnings()
    run("systemctl", "stop", "toni.socket", "toni")
    run("systemctl", "start", "toni")
    serves()


def certificate(name):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7", "-subj",
        "/CN=" + name, "-addext", "subjectAltName=DNS:localhost", "-keyout", SECRETS + "/host.key",
        "-out", SECRETS + "/host.pem")
    os.chmod(SECRETS + "/host.key", 0o600)
    return ssl.create_default_context(cafile=SECRETS + "/host.pem")


def credentials():
    """A key that root alone may read, in a folder that the service does not see."""
    os.makedirs(SECRETS, mode=0o700, exist_ok=True)
    context = certificate("first")
    secure = '( "127.0.0.1:9000", { address = "127.0.0.1:9443"; tls = { certificate = "credential:host.pem"; ' \
             'key = "credential:host.key"; }; } )'
    configure(lambda text: text.replace('websocket = "127.0.0.1:9000"', "websocket = " + secure))
    drop_in("[Service]\nLoadCredential=host.pem:%s/host.pem\nLoadCredential=host.key:%s/host.key\n" % (SECRETS, SECRETS))
    run("systemctl", "restart", "toni")

    def shows(context):
        serves(url="wss://127.0.0.1:9443", ssl=context, server_hostname="localhost")

    shows(context)
    pid = main_pid()
    run("systemctl", "reload", "toni")
    under_load("toni", "restart", "-c", CONF)  # the successor reads it as well
    assert main_pid() != pid
    shows(context)
    renewed = certificate("second")
    run("systemctl", "reload", "toni")
    shows(context)  # of the unit's start, as docs/operations.md says
    run("systemctl", "restart", "toni")
    shows(renewed)
    configure()
    no_drop_in()
    run("systemctl", "restart", "toni")
    shutil.rmtree(SECRETS)


def open_files(pid):
    """How many it may have."""
    with open("/proc/%d/limits" % pid, encoding="ascii") as limits:
        return int(re.search(r"Max open files +\d+ +(\d+)", limits.read())[1])


def what_is_forbidden():
    """By the unit itself, with another program in the host's place."""
    rating = re.search(r"Overall exposure level for toni.service: ([0-9.]+)", run("systemd-analyze", "security", "toni"))
    assert float(rating[1]) <= EXPOSURE_MAX, rating[0]
    with open("/proc/%d/status" % main_pid(), encoding="ascii") as status:
        fields = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
    got = fields["CapEff"], fields["CapBnd"], fields["NoNewPrivs"], fields["Seccomp"]
    assert got == ("0" * 16, "0" * 16, "1", "2"), got
    # a systemd that may not raise its own limit can't give more
    assert open_files(main_pid()) == min(65536, open_files(1)), open_files(main_pid())
    journal = Journal()
    run("systemctl", "stop", "toni")
    drop_in("[Service]\nType=oneshot\nExecStart=\nExecStart=/usr/bin/python3 /usr/local/lib/forbidden.py\nRestart=no\n")
    shutil.copy(HERE + "/forbidden.py", "/usr/local/lib/")
    try:
        run("systemctl", "start", "toni")
    except AssertionError as error:
        raise AssertionError(journal.text()) from error
    journal.expect("all is forbidden")
    os.unlink("/usr/local/lib/forbidden.py")
    no_drop_in()
    run("systemctl", "start", "toni")


def again(packages, version):
    """The package, packed anew as another version."""
    shutil.rmtree("/tmp/again", ignore_errors=True)
    run("dpkg-deb", "-R", *glob.glob(packages + "/toni_*.deb"), "/tmp/again")
    with open("/tmp/again/DEBIAN/control", encoding="utf-8") as control:
        text = re.sub(r"(?m)^(Version: .*)$", r"\1+" + version, control.read())
    with open("/tmp/again/DEBIAN/control", "w", encoding="utf-8") as control:
        control.write(text)
    run("dpkg-deb", "-b", "/tmp/again", "/tmp/toni_%s.deb" % version)
    return "/tmp/toni_%s.deb" % version


def upgrading(packages):
    package = again(packages, "newer")
    pid, restarts = main_pid(), property_of("NRestarts")
    journal = Journal()
    under_load("apt-get", "-q", "-y", "install", "--no-install-recommends", package)
    is_up()
    assert main_pid() != pid and property_of("NRestarts") == restarts
    assert os.path.samefile("/proc/%d/exe" % main_pid(), "/usr/bin/toni"), "the host is not of the new package"
    assert json.loads(run("toni", "status", "-c", CONF, "--format=json"))["pid"] == main_pid()
    wait_until(lambda: not os.path.exists("/proc/%d" % pid), "the old host does not end")
    assert journal.warnings() == [], journal.warnings()
    is_up()


def removing():
    pid = main_pid()
    run("apt-get", "-q", "-y", "purge", "toni")
    assert not os.path.exists("/proc/%d" % pid)
    assert not os.path.exists("/run/toni") and not os.path.exists("/var/lib/toni")
    assert "could not be found" in run("systemctl", "status", "toni", code=None)


def main(packages):
    steps = [
        ("installing: the service is enabled, and serves", installing, packages),
        ("systemctl stop and start: it serves when the start is over", starting_and_stopping),
        ("a fault in gateways.conf fails the start, and the journal says which", a_faulty_start),
        ("systemctl reload, good and with a fault", reloading),
        ("a process that stands still is started anew (WatchdogSec)", watchdog),
        ("a process that was killed is started anew", a_crash),
        ("toni restart: the successor is the main process", restarting),
        ("toni.socket: who connects waits for the host", socket_activation),
        ("a key by LoadCredential", credentials),
        ("what the unit forbids", what_is_forbidden),
        ("an upgrade while clients are connected", upgrading, packages),
        ("purging", removing),
    ]
    for title, step, *arguments in steps:
        began = time.monotonic()
        print("--- %s" % title, flush=True)
        try:
            step(*arguments)
            run("systemctl", "reset-failed")  # five starts in ten seconds are the most that systemd makes
        except BaseException:
            subprocess.run(["journalctl", "-u", "toni", "-n", "60", "--no-pager"], check=False)
            raise
        print("    %.1f s" % (time.monotonic() - began), flush=True)


main(sys.argv[1])
