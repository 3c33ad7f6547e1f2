"""What a host that is started as root gives up, and what it still can do afterwards. As root alone."""

import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from toni_generations import FAILED, Generations
from toni_host import (
    AS_ROOT,
    CAN_BECOME_ANOTHER_USER,
    CHAT,
    DEADLINE,
    ECHO,
    SANITIZER,
    TONI,
    Client,
    configuration,
    exchange,
    main,
    request,
    run_toni,
)

USER = "nobody"
RECORD = pwd.getpwnam(USER)
GIVEN_UP = "root is given up"
NAMES = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "CapBnd")


def privileged_ports(count):
    """Below 1024, different ones, on which nobody listens."""
    sockets = []
    while len(sockets) < count:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", random.randrange(300, 1024)))
            sockets.append(sock)
        except OSError:
            sock.close()
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def rights(pid, thread=None):
    """Of one thread: {name in /proc: words}."""
    with open("/proc/%d/task/%d/status" % (pid, thread or pid), encoding="ascii") as status:
        fields = dict(line.rstrip("\n").split(":", 1) for line in status)
    return {name: fields[name].split() for name in NAMES}


def threads(pid):
    return [int(name) for name in os.listdir("/proc/%d/task" % pid)]


@unittest.skipUnless(CAN_BECOME_ANOTHER_USER, "not root, or nobody else can reach the build")
class PrivilegesTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        os.chown(self.folder, RECORD.pw_uid, RECORD.pw_gid)
        os.chmod(self.folder, 0o755)
        self.conf = os.path.join(self.folder, "gateways.conf")

    def text(self, *more, **top):
        return configuration([ECHO, *more], limits={"drain_ms": 300, "close_ms": 200}, **top)

    def host(self, text, program=TONI, options=()):
        host = Generations(text, folder=self.folder)
        host.before_exec = lambda: os.environ.update(TMPDIR=self.folder)
        host.options = options
        host.program = program
        self.addCleanup(host.kill)
        return host

    def start(self, text, **how):
        host = self.host(text, **how).launch()
        host.wait_log(msg="ready")
        return host

    def check_serves(self, address):
        client = Client(address, "/echo")
        self.addCleanup(client.drop)
        self.assertEqual(client.ask("hello"), "hello")

    def check_has_nothing(self, pid):
        """In any of its threads, but one of a sanitizer's runtime."""
        user, group = str(RECORD.pw_uid), str(RECORD.pw_gid)
        for thread in threads(pid) if SANITIZER != "tsan" else [pid]:
            have = rights(pid, thread)
            self.assertEqual(have["Uid"], [user] * 4)
            self.assertEqual(have["Gid"], [group] * 4)
            self.assertEqual(have["Groups"], [])
            self.assertEqual(have["NoNewPrivs"], ["1"])
            for name in NAMES:
                if name.startswith("Cap"):
                    self.assertEqual(int(have[name][0], 16), 0, name)

    def ends_with(self, code, text, options=(), **how):
        """The log of a host that does not start."""
        host = self.host(text, options=options, **how).launch()
        host.expect_error(level="error")
        self.assertEqual(host.wait_exit(), code, host.text())
        return host.text()


class TestGivingUp(PrivilegesTestCase):
    def test_no_thread_has_anything_left(self):
        port, http, admin = privileged_ports(3)
        host = self.start(self.text(
            CHAT, user=USER, listen="127.0.0.1:%d" % port, http="127.0.0.1:%d" % http,
            admin="127.0.0.1:%d" % admin, workers=4))
        self.check_has_nothing(host.pid)
        self.assertEqual(host.log(msg=GIVEN_UP)[0]["user"], str(RECORD.pw_uid))
        self.assertEqual(host.log(msg=AS_ROOT), [])
        self.check_serves("127.0.0.1:%d" % port)
        for where in http, admin:
            self.assertIn(exchange("127.0.0.1:%d" % where, request("/healthz")).status, (200, 404))
        host.stop()

    def test_what_it_makes_is_the_users(self):
        host = self.start(self.text(user=USER, listen="unix:%s/echo.sock" % self.folder))
        made = [name for name in os.listdir(self.folder) if name != "gateways.conf"]
        self.assertIn(".toni.sock", made)
        self.assertIn("echo.sock", made)
        self.assertTrue([name for name in made if name.startswith("toni-")], made)  # the copies
        for name in made:
            self.assertEqual(os.stat(os.path.join(self.folder, name)).st_uid, RECORD.pw_uid, name)
        host.stop()
        left = [name for name in os.listdir(self.folder) if name != "gateways.conf"]
        self.assertEqual(left, [])

    def test_a_group_of_its_own(self):
        host = self.start(self.text(user=USER, group="daemon"))
        self.assertEqual(set(rights(host.pid)["Gid"]), {"1"})
        self.assertEqual(rights(host.pid)["Groups"], [])
        host.stop()

    def test_a_user_whom_the_machine_does_not_know(self):
        os.chown(self.folder, 4711, 4712)
        host = self.start(self.text(user="4711", group="4712"))
        have = rights(host.pid)
        self.assertEqual((have["Uid"], have["Gid"]), (["4711"] * 4, ["4712"] * 4))
        host.stop()

    def test_capabilities_without_root(self):
        program = os.path.join(self.folder, "starter")
        with open(program, "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\nexec setpriv --reuid %d --regid %d --clear-groups --inh-caps '
                      '+net_bind_service --ambient-caps +net_bind_service %s "$@"\n'
                      % (RECORD.pw_uid, RECORD.pw_gid, TONI))
        os.chmod(program, 0o755)
        port = privileged_ports(1)[0]
        host = self.start(self.text(listen="127.0.0.1:%d" % port), program=program)
        for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
            self.assertEqual(int(rights(host.pid)[name][0], 16), 0, name)
        self.assertEqual(rights(host.pid)["NoNewPrivs"], ["1"])
        self.check_serves("127.0.0.1:%d" % port)
        host.stop()

    def test_another_user_gets_no_new_ones_either(self):
        program = os.path.join(self.folder, "starter")
        with open(program, "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\nexec setpriv --reuid %d --regid %d --clear-groups %s "$@"\n'
                      % (RECORD.pw_uid, RECORD.pw_gid, TONI))
        os.chmod(program, 0o755)
        host = self.start(self.text(user=USER), program=program)  # who it is already
        self.assertEqual(rights(host.pid)["NoNewPrivs"], ["1"])
        self.assertEqual(host.log(msg=GIVEN_UP), [])
        host.stop()


class TestLater(PrivilegesTestCase):
    def start_privileged(self, **top):
        self.port = privileged_ports(1)[0]
        self.address = "127.0.0.1:%d" % self.port
        return self.start(self.text(user=USER, listen=self.address, **top))

    def test_a_reload(self):
        host = self.start_privileged()
        host.configure(self.text(CHAT, user=USER, listen=self.address))
        done = host.ask("reload").communicate(timeout=DEADLINE)
        self.assertIn("1 added", done[0])
        self.assertIn("serving", host.ask("status").communicate(timeout=DEADLINE)[0])
        self.check_serves(self.address)
        self.check_has_nothing(host.pid)
        host.stop()

    def test_restarts_keep_the_port(self):
        host = self.start_privileged()
        old = host.pid
        for _ in range(2):
            host.restart()
            self.assertNotEqual(host.serving(), old)
            old = host.serving()
            self.check_has_nothing(old)
            self.check_serves(self.address)
        os.kill(old, signal.SIGTERM)
        host.wait_gone(old)

    def test_a_restart_can_not_have_a_new_privileged_port(self):
        host = self.start_privileged()
        new = "127.0.0.1:%d" % privileged_ports(1)[0]
        host.configure(self.text(user=USER, listen=[self.address, new]))
        said = host.restart(code=1)
        self.assertIn("a port below 1024 is root's", said)
        self.assertIn(new, said)
        host.wait_log(msg=FAILED)
        self.check_serves(self.address)
        host.expect_error(level="error")
        host.stop()

    def test_nobody_becomes_somebody_else_later(self):
        host = self.start_privileged()
        host.configure(self.text(user="daemon", listen=self.address))
        for command in "reload", "restart":
            said = host.answer_of(host.ask(command), 2)
            self.assertIn("`user` is `daemon`", said)
            self.assertIn("started as root", said)
        self.check_serves(self.address)
        os.kill(host.pid, signal.SIGTERM)
        self.assertEqual(host.wait_exit(), 0)

    def test_a_second_host_names_the_first(self):
        host = self.start_privileged()
        second = subprocess.run([TONI, "run", "-c", host.conf], capture_output=True, text=True,
                                timeout=DEADLINE, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(str(host.pid), second.stderr)
        self.assertNotIn("can't listen", second.stderr)
        host.stop()


class TestRefusals(PrivilegesTestCase):
    def test_root_is_refused_unless_it_is_meant(self):
        said = self.ends_with(2, self.text())
        self.assertIn('gateways.conf: the host would run as root', said)
        for what in 'user = "toni";', "useradd", "--allow-root":
            self.assertIn(what, said)
        host = self.start(self.text(), options=("--allow-root",))
        self.assertEqual(len(host.log(msg=AS_ROOT)), 1)
        self.assertEqual(rights(host.pid)["NoNewPrivs"], ["1"])
        host.stop()

    def test_the_user_counts_though_root_is_allowed(self):
        host = self.start(self.text(user=USER), options=("--allow-root",))
        self.check_has_nothing(host.pid)
        host.stop()

    def test_users_and_groups_that_can_not_be(self):
        for top, wanted in (
            ({"user": "no.such"}, "`user` is `no.such`, who is no user of this machine"),
            ({"user": ""}, "`user` is ``, who is no user"),
            ({"user": "-1"}, "`user` is `-1`, who is no user"),
            ({"user": "4294967295"}, "`user` is `4294967295`, who is no user"),
            ({"user": "root"}, "`user` is `root`, which is root"),
            ({"user": "0"}, "`user` is `0`, which is root"),
            ({"user": "4711"}, "whom this machine does not know, so it has no group"),
            ({"user": 5}, "`user` of the file is an integer"),
            ({"user": USER, "group": "no.such"}, "`group` is `no.such`, which is no group"),
            ({"user": USER, "group": "root"}, "`group` is `root`, root's"),
            ({"user": USER, "group": 7}, "`group`"),
            ({"group": "daemon"}, "`group` is there without `user`"),
        ):
            for options in (), ("--allow-root",):
                said = self.ends_with(2, self.text(**top), options)
                self.assertIn(wanted, said)
                self.assertIn("gateways.conf:", said)
            self.assertIn(wanted, run_toni("check", "-c", self.conf).stderr)

    def test_other_faults_are_reported_with_it(self):
        said = self.ends_with(2, self.text(user="no.such", colour="red"))
        self.assertIn("`user`", said)
        self.assertIn("colour", said)

    def test_a_port_in_use(self):
        with socket.socket() as sock:
            port = privileged_ports(1)[0]
            sock.bind(("127.0.0.1", port))
            sock.listen()
            said = self.ends_with(1, self.text(user=USER, listen="127.0.0.1:%d" % port))
        self.assertIn("can't listen", said)
        self.assertIn("Address already in use", said)

    def test_what_root_alone_can_read(self):
        """A reload could not read it again, so the start says so."""
        host = self.host(self.text(user=USER))
        os.chmod(host.conf, 0o600)
        os.chown(host.conf, 0, 0)
        host.launch()
        self.assertEqual(host.wait_exit(), 2)
        self.assertIn("Permission denied", host.text())
        self.assertIn("Permission denied", run_toni("check", "-c", host.conf).stderr)

    def test_a_control_socket_where_it_may_not_write(self):
        inside = os.path.join(self.folder, "roots")
        os.mkdir(inside, 0o755)
        said = self.ends_with(1, self.text(user=USER, control=inside + "/c.sock"))
        self.assertIn(inside, said)
        self.assertEqual(os.listdir(inside), [])

    def test_the_group_of_a_unix_socket_must_be_its_own(self):
        path = "unix:%s/e.sock;mode=0660;group=" % self.folder
        text = self.text(user=USER, listen=path + "daemon")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(text)
        checked = run_toni("check", "-c", self.conf)
        self.assertEqual(checked.returncode, 2, checked.stderr)
        self.assertRegex(checked.stderr, r"gateways\.conf:\d+: address `%sdaemon`: the host runs as "
                         r"user %d, group %d, who is not in the group" % (
                             path, RECORD.pw_uid, RECORD.pw_gid))
        os.mkdir(self.folder + "/daemons")
        os.chown(self.folder + "/daemons", RECORD.pw_uid, 1)
        os.chmod(self.folder + "/daemons", 0o2755)
        gets = self.text(user=USER, listen=path.replace("/e.sock", "/daemons/e.sock") + "daemon")
        for good in (gets, self.text(user=USER, group="daemon", listen=path + "daemon")):
            with open(self.conf, "w", encoding="utf-8") as out:
                out.write(good)
            checked = run_toni("check", "-c", self.conf)
            self.assertEqual(checked.returncode, 0, checked.stderr)
        self.start(gets).stop()
        said = self.ends_with(1, text)
        self.assertIn("a Unix socket can't have that mode or group", said)
        self.assertIn("a host that has given up root is in `group` of gateways.conf alone", said)
        host = self.start(self.text(user=USER, group="daemon", listen=path + "daemon"))
        status = os.stat(self.folder + "/e.sock")
        self.assertEqual((status.st_gid, stat.S_IMODE(status.st_mode)), (1, 0o660))
        host.stop()


if __name__ == "__main__":
    main()
