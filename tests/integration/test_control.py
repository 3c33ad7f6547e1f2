"""The control socket of a running host: who may use it, what `toni status` shows, what becomes of bad
requests, and the signals that ask for the same."""

import datetime
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from toni_host import (
    CAN_BECOME_ANOTHER_USER,
    CHAT,
    DEADLINE,
    ECHO,
    FIXTURES,
    ROOMS,
    TONI,
    Client,
    Host,
    both,
    configuration,
    descriptors_of,
    gateway,
    main,
    run_toni,
)

PEER_SECONDS = 5  # how long the host bears one that says nothing, or doesn't read
ASK_SECONDS = 10  # how long `toni status` waits for an answer
AT_ONCE = 16
NOBODY = 65534
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)  # waits for a place in the queue, which it wouldn't with a time limit
    sock.settimeout(DEADLINE + PEER_SECONDS)
    return sock


def read_all(sock):
    """Everything up to the end of the connection."""
    with sock:
        raw = bytearray()
        while True:
            part = sock.recv(65536)
            if not part:
                return bytes(raw)
            raw += part


def parse(raw):
    """Exit code and text of an answer, which must be whole."""
    head, text = raw.split(b"\n", 1)
    code, size = head.split(b" ")
    assert len(text) == int(size), raw
    return int(code), text.decode()


def ask(path, request):
    sock = connect(path)
    sock.sendall(request)
    return parse(read_all(sock))


class ControlTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def path(self):
        return os.path.join(self.folder, ".toni.sock")

    def write(self, text, name="gateways.conf"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def conf(self, *gateways, control=None, **how):
        text = configuration(gateways or (ROOMS, ECHO), **how)
        return text if control is None else 'control = "%s";\n%s' % (control, text)

    def launch(self, text=None, **how):
        host = Host(text or self.conf(), folder=self.folder, **how).launch()
        self.addCleanup(host.kill)
        return host

    def start(self, text=None, **how):
        host = self.launch(text, **how)
        host.wait_log(msg="ready")
        return host

    def answers(self, host):
        """The host is asked, and says that it is this one."""
        done = run_toni("status", "-c", host.conf, "--format=json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        status = json.loads(done.stdout)
        self.assertEqual(status["pid"], host.pid)
        return status

    def begin(self, *arguments):
        """A command that runs beside the test; finish() waits for it."""
        begun = subprocess.Popen(
            [TONI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(begun.kill)
        return begun

    def finish(self, begun, code, out, said):
        found = begun.communicate(timeout=DEADLINE + ASK_SECONDS)
        self.assertEqual((begun.returncode, *found), (code, out, said))

    def fails(self, *arguments, code=1, **how):
        """What a command that fails says: on stderr alone, and ended by one line end."""
        done = run_toni(*arguments, **how)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertTrue(done.stderr.endswith("\n"))
        return done.stderr

    def wait_connected(self, process):
        """Until it waits for an answer: in poll."""
        end = time.monotonic() + DEADLINE
        while True:
            with open("/proc/%d/stat" % process.pid, encoding="ascii") as file:
                state = file.read().rsplit(")", 1)[1].split()[0]
            links = descriptors_of(process.pid)
            if state == "S" and any(link.startswith("socket:") for link in links):
                return
            if time.monotonic() > end:
                self.fail("it did not connect")
            time.sleep(0.01)


class TestWhereItIs(ControlTestCase):
    def test_beside_the_configuration_for_its_user_alone_and_gone_at_the_end(self):
        self.addCleanup(os.umask, os.umask(0))
        host = self.start()
        mode = os.lstat(self.path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(host.log(msg="the control socket is open")[0]["path"], self.path)
        self.assertEqual(sorted(os.listdir(self.folder)), [".toni.sock", "gateways.conf"])
        self.answers(host)
        host.stop()
        self.assertEqual(os.listdir(self.folder), ["gateways.conf"])

    def test_where_gateways_conf_says(self):
        os.mkdir(os.path.join(self.folder, "run"))
        for control in ("run/host.sock", os.path.join(self.folder, "h")):
            host = self.start(self.conf(control=control))
            self.assertTrue(os.path.exists(os.path.join(self.folder, control)))
            self.assertFalse(os.path.exists(self.path))
            self.answers(host)
            host.stop()
            self.assertFalse(os.path.exists(os.path.join(self.folder, control)))

    def test_in_the_current_folder(self):
        host = self.start()
        done = run_toni("status", cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("pid %d" % host.pid, done.stdout)
        self.assertIn("configuration  %s\n" % host.conf, done.stdout)

    def test_switched_off(self):
        host = self.start(self.conf(control=""))
        self.assertEqual(os.listdir(self.folder), ["gateways.conf"])
        self.assertEqual(
            self.fails("status", "-c", host.conf),
            'toni status: %s says `control = ""`: its host has no control socket\n' % host.conf,
        )
        host.stop()

    @unittest.skipIf(os.geteuid() == 0 and not CAN_BECOME_ANOTHER_USER, "nobody else can reach the build")
    def test_a_folder_that_can_not_be_written(self):
        inside = os.path.join(self.folder, "read-only")
        os.mkdir(inside)
        text = self.conf()
        host = Host(text, folder=inside)
        os.chmod(inside, 0o500)
        self.addCleanup(os.chmod, inside, 0o700)
        if os.geteuid() == 0:  # root may write everywhere, so the host runs as somebody else
            for path in (self.folder, inside):
                os.chown(path, NOBODY, NOBODY)
            host.before_exec = lambda: os.setuid(NOBODY)
        host.launch()
        self.addCleanup(host.kill)
        line = host.wait_log(level="warn")
        self.assertTrue(line["msg"].startswith("the host runs without a control socket"), line)
        self.assertEqual(line["path"], os.path.join(inside, ".toni.sock"))
        self.assertEqual(line["error"], "Permission denied")
        host.wait_log(msg="ready")
        host.stop()

    def test_a_default_that_is_too_long(self):
        deep = os.path.join(self.folder, "d" * 100)
        os.mkdir(deep)
        host = Host(self.conf(), folder=deep).launch()
        self.addCleanup(host.kill)
        line = host.wait_log(level="warn")
        self.assertTrue(line["msg"].startswith("the host runs without a control socket"), line)
        self.assertEqual(line["error"], "the path is too long")
        host.wait_log(msg="ready")
        self.assertIn("too long; set `control`", self.fails("status", "-c", host.conf))
        host.stop()

    def test_a_path_of_gateways_conf_that_is_of_no_use(self):
        self.write("precious", "precious")
        for control, error in (
            ("missing/h.sock", "No such file or directory"),
            ("precious", "there is a file that is no socket of a host"),
        ):
            host = self.launch(self.conf(control=control))
            self.assertEqual(host.wait_exit(), 1)
            (line,) = host.log(level="error")
            self.assertEqual(line["path"], os.path.join(self.folder, control))
            self.assertEqual(line["error"], error)
            self.assertEqual(host.log(msg="listening"), [])
        with open(os.path.join(self.folder, "precious"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_a_second_host_is_refused_and_the_first_goes_on(self):
        first = self.start()
        second = self.launch()
        self.assertEqual(second.wait_exit(), 1)
        (line,) = second.log(level="error")
        self.assertEqual(
            line["msg"], "another host runs with this control socket: stop it, or set `control`"
        )
        self.assertEqual((line["path"], line["pid"]), (self.path, str(first.pid)))
        self.assertEqual(second.log(msg="listening"), [])
        self.answers(first)
        first.stop()

    def test_who_is_started_twice_is_told_of_the_other_host_and_not_of_a_port(self):
        first = self.start(self.conf(admin="127.0.0.1:0"))
        (line,) = first.log(msg="listening", protocol="admin")
        second = self.launch(self.conf(admin=line["address"]))
        self.assertEqual(second.wait_exit(), 1)
        (line,) = second.log(level="error")
        self.assertEqual(line["pid"], str(first.pid))
        self.assertEqual(second.log(msg="listening"), [])
        self.answers(first)
        first.stop()

    def test_what_a_killed_host_left_behind_is_replaced(self):
        first = self.start()
        first.process.kill()
        first.wait_exit()
        self.assertTrue(os.path.exists(self.path))
        text = self.fails("status", "-c", first.conf)
        self.assertRegex(text, r"\Atoni status: no host answers on the control socket \S+: "
                               r"Connection refused; none runs with that configuration: ")
        second = self.start()
        self.answers(second)
        second.stop()
        self.assertFalse(os.path.exists(self.path))


class TestCommands(ControlTestCase):
    def test_nobody_there(self):
        conf = self.write(self.conf())
        for command in ("status", "reload", "restart"):
            self.assertEqual(
                self.fails(command, "-c", conf),
                "toni %s: no host answers on the control socket %s: No such file or directory; "
                "none runs with that configuration: name its file with -c, or start it with `toni "
                "run`\n" % (command, self.path),
            )

    def test_a_file_with_faults_still_leads_to_the_host(self):
        host = self.start()
        for text in ("nonsense = ;", "workers = 3; nonsense = 1;", "control = 7;", ""):
            self.write(text)
            self.answers(host)
        os.unlink(host.conf)
        self.answers(host)

    def test_help_and_bad_command_lines(self):
        for command in ("status", "reload", "restart"):
            self.assertRegex(run_toni("--help").stdout, r"(?m)^  %s +\S" % command)
            done = run_toni(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, r"(?i)usage: *toni %s" % command)
            self.assertIn("--config", done.stdout)
            self.assertIn("extra", self.fails(command, "extra", code=2))
        self.assertIn("xml", self.fails("status", "--format=xml", code=2))
        self.assertIn("--format", self.fails("reload", "--format=json", code=2))

    def test_an_answer_that_can_not_be_printed(self):
        host = self.start()
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [TONI, "status", "-c", host.conf], stdout=full, stderr=subprocess.PIPE, text=True,
                check=False, timeout=DEADLINE,
            )
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "toni status: the answer could not be printed\n")

    def test_an_answer_that_would_steer_the_terminal(self):
        """A host may be another user's than who asks, such as root in an upgrade of the package."""
        conf = self.write(self.conf())
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen()
            asking = self.begin("reload", "-c", conf)
            listener.settimeout(DEADLINE)
            peer, _ = listener.accept()
            with peer:
                self.assertEqual(peer.recv(100), b"reload\n")
                answer = "größe\t\x1b]0;mine\x07\x1b[2J\n".encode()
                peer.sendall(b"0 %d\n" % len(answer) + answer)
            self.finish(asking, 0, "größe\t\\x1B]0;mine\\x07\\x1B[2J\n", "")

    def test_whoever_listens_there_and_answers_nonsense(self):
        """The other side is a socket of this test."""
        conf = self.write(self.conf())
        for answer in (b"", b"0", b"0 5\n", b"0 5\nhell", b"0 5\nhello!", b"7 0\n", b"-1 0\n",
                       b"HTTP/1.1 400\r\n\r\n", b"\0" * 100, b"x" * 100, b"0\n", b"0 5 5\nhello"):
            with self.subTest(answer=answer), socket.socket(socket.AF_UNIX) as listener:
                if os.path.exists(self.path):
                    os.unlink(self.path)
                listener.bind(self.path)
                listener.listen()
                asking = self.begin("reload", "-c", conf)
                listener.settimeout(DEADLINE)
                peer, _ = listener.accept()
                with peer:
                    self.assertEqual(peer.recv(100), b"reload\n")
                    peer.sendall(answer)
                self.finish(
                    asking, 1, "",
                    "toni reload: the host on the control socket %s: it ended in the middle of its "
                    "answer; its log says why\n" % self.path,
                )

    def test_the_host_dies_before_its_answer(self):
        until = os.path.join(self.folder, "until")
        host = self.launch(self.conf(
            gateway("waiting", "waiting_gateway.so", "/w", options={"hook": "start",
                                                                   "until": until})))
        host.wait_log(msg="waiting")
        asking = self.begin("reload", "-c", host.conf)
        self.wait_connected(asking)
        host.process.kill()
        self.finish(
            asking, 1, "",
            "toni reload: the host on the control socket %s: it ended in the middle of its "
            "answer; its log says why\n" % self.path,
        )


class TestStatusWhileItStartsAndStops(ControlTestCase):
    def waiting(self, hook):
        until = os.path.join(self.folder, "until")
        options = {"hook": hook, "until": until}
        return until, self.conf(
            ECHO, gateway("waiting", "waiting_gateway.so", "/waiting", options=options),
            limits={"drain_ms": 60000, "close_ms": 60000},
        )

    def test_who_asks_while_the_host_starts_gets_the_answer_once_it_serves(self):
        until, text = self.waiting("create")
        host = self.launch(text)
        host.wait_log(msg="waiting")
        sock = connect(self.path)
        sock.sendall(b"status json\n")
        for _ in range(3):
            host.process.send_signal(signal.SIGHUP)
        with open(until, "w", encoding="ascii"):
            pass
        code, text = parse(read_all(sock))
        self.assertEqual((code, json.loads(text)["state"]), (0, "serving"))
        host.stop()

    def test_a_host_that_does_not_answer(self):
        until, text = self.waiting("create")
        host = self.launch(text)
        host.wait_log(msg="waiting")
        first = self.begin("status", "-c", host.conf)
        self.wait_connected(first)
        filling = self.fill_queue()
        second = self.begin("status", "-c", host.conf)
        self.finish(
            first, 1, "",
            "toni status: the host on the control socket %s: it has not answered in time: it is "
            "starting, or a plugin holds it up; its log says more\n" % self.path,
        )
        self.finish(
            second, 1, "",
            "toni status: no host answers on the control socket %s: Resource temporarily "
            "unavailable; too many ask it already\n" % self.path,
        )
        for sock in filling:
            sock.close()
        with open(until, "w", encoding="ascii"):
            pass
        host.wait_log(msg="ready")
        self.answers(host)
        host.stop()

    def fill_queue(self):
        filling = []
        while True:
            sock = socket.socket(socket.AF_UNIX)
            self.addCleanup(sock.close)
            sock.setblocking(False)
            try:
                sock.connect(self.path)
            except BlockingIOError:
                return filling
            filling.append(sock)

    def test_a_drain(self):
        host = self.start(self.waiting("")[1])
        client = Client(host.address, "/echo")
        self.addCleanup(client.drop)
        self.assertEqual(self.answers(host)["state"], "serving")
        host.process.terminate()
        closed = client.read_frame()  # and not answered, so it is waited for
        self.assertEqual(closed.payload[:2], (1001).to_bytes(2, "big"))
        status = self.answers(host)
        self.assertEqual((status["state"], status["clients"]), ("draining", 1))
        host.process.send_signal(signal.SIGHUP)
        host.process.send_signal(signal.SIGUSR2)
        for request in (b"", b"stat"):  # these are told at the end
            sock = connect(self.path)
            sock.sendall(request)
            self.answers(host)
            self.addCleanup(lambda sock=sock: self.assertEqual(
                parse(read_all(sock)), (1, "the host ends, and has not done that\n")))
        client.drop()
        host.ends_well()

    def test_sigusr1_is_told_and_ends_nothing(self):
        host = self.start(self.waiting("")[1])
        host.process.send_signal(signal.SIGUSR1)
        host.wait_log(msg="a signal is ignored: this host can't do what it asks for", signal="SIGUSR1")
        self.assertEqual(self.answers(host)["state"], "serving")
        host.stop()

    def test_sigalrm_is_told_and_ends_nothing(self):
        host = self.start(self.waiting("")[1])
        host.process.send_signal(signal.SIGALRM)
        host.wait_log(msg=lambda text: text.startswith("SIGALRM is ignored"))
        self.assertEqual(self.answers(host)["state"], "serving")
        host.stop()

    def test_a_signal_as_soon_as_the_host_listens_to_it(self):
        host = self.launch()
        self.wait_until_blocked(host, signal.SIGHUP)
        host.process.send_signal(signal.SIGHUP)
        host.wait_log(msg="ready")
        host.wait_log(msg="reloaded")  # what came too early was kept
        host.stop()

    def wait_until_blocked(self, host, number):
        """Before that it is a process like any other. While glibc makes a thread, all signals are blocked for a moment:
        also those that a program never blocks."""
        end = time.monotonic() + DEADLINE
        while True:
            with open("/proc/%d/status" % host.pid, encoding="ascii") as file:
                mask = int(re.search(r"SigBlk:\s*(\S+)", file.read()).group(1), 16)
            if mask & 1 << number - 1 and not mask & 1 << signal.SIGSEGV - 1:
                return
            self.assertLess(time.monotonic(), end, "it never blocked the signal")


@both
class TestStatus(ControlTestCase):
    def test_of_a_conversation(self):
        before = time.time()
        host = self.start(self.conf(ROOMS, ECHO, CHAT, workers=self.workers, http="127.0.0.1:0"))
        clients = [Client(host.address, "/rooms") for _ in range(3)]
        clients.append(Client(host.address, "/echo"))
        for client in clients:
            self.addCleanup(client.drop)
        self.assertEqual(clients[3].ask("hello"), "hello")
        status = self.answers(host)
        self.assertEqual(
            (status["state"], status["config"], status["workers"], status["clients"]),
            ("serving", host.conf, self.workers, 4),
        )
        self.assertRegex(status["since"], r"\A%s\Z" % ISO)
        self.assertLess(abs(self.seconds(status["since"]) - before), DEADLINE)
        self.assertIn(run_toni("version").stdout.split()[1], status["version"])
        shown = {each["name"]: each for each in status["instances"]}
        self.assertEqual([each["name"] for each in status["instances"]], ["rooms", "echo", "chat"])
        for name, kind, path, count in (
            ("rooms", "gateway", "/rooms", 3), ("echo", "gateway", "/echo", 1),
            ("chat", "service", "/chat", None),
        ):
            each = shown[name]
            self.assertEqual(
                (each["kind"], each["module"], each["path"], each["clients"], each["generation"]),
                (kind, "main", path, count, 1),
            )
            self.assertTrue(os.path.isfile(each["library"]), each)
            self.assertGreaterEqual(each["since"], status["since"])
        for client in clients[1:]:
            client.close()
        self.eventually_counts(host, {"rooms": 1, "echo": 0, "chat": None})
        host.stop()

    def seconds(self, iso):
        return datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()

    def eventually_counts(self, host, counts):
        end = time.monotonic() + DEADLINE
        while True:
            status = self.answers(host)
            found = {each["name"]: each["clients"] for each in status["instances"]}
            if found == counts:
                self.assertEqual(status["clients"], sum(count or 0 for count in counts.values()))
                return
            self.assertLess(time.monotonic(), end, found)

    def test_text(self):
        host = self.start(self.conf(ROOMS, CHAT, workers=self.workers))
        client = Client(host.address, "/rooms")
        self.addCleanup(client.drop)
        client.read()
        done = run_toni("status", "-c", host.conf)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        since = self.answers(host)["instances"]
        self.assertRegex(
            done.stdout,
            r"\Atoni \S+, pid %d, serving, since %s\n" % (host.pid, ISO)
            + re.escape(
                "configuration  %s\n"
                "workers        %d\n"
                "clients        1\n"
                "rooms          0\n"
                "last reload    none\n"
                "old libraries  0 mapped still\n"
                "\n"
                "KIND     NAME   MODULE  PATH    CLIENTS  VERSION  GEN\n"
                "gateway  rooms  main    /rooms        1  -          1\n"
                "         since %s\n"
                "         %s\n"
                "service  chat   main    /chat         -  -          1\n"
                "         since %s\n"
                "         %s\n"
                % (host.conf, self.workers, since[0]["since"], since[0]["library"],
                   since[1]["since"], since[1]["library"])
            )
            + r"\Z",
        )
        host.stop()

    def test_while_clients_come_and_go(self):
        host = self.start(self.conf(ECHO, workers=self.workers))
        for _ in range(30):
            clients = [Client(host.address, "/echo") for _ in range(5)]
            asked = connect(self.path)
            asked.sendall(b"status json\n")
            for client in clients:
                client.drop()
            code, text = parse(read_all(asked))
            self.assertEqual(code, 0)
            self.assertLessEqual(json.loads(text)["clients"], 150)
        self.eventually_counts(host, {"echo": 0})
        host.stop()


class TestPeers(ControlTestCase):
    """What others may do on the socket; the host goes on, and ends without a fault."""

    def test_bad_requests(self):
        host = self.start()
        for request, answer in (
            (b"frobnicate\n", "this host does not know `frobnicate`\n"),
            (b"status\n", "status comes as `text` or as `json`\n"),
            (b"status xml\n", "status comes as `text` or as `json`\n"),
            (b"reload all\n", "reload takes no arguments\n"),
            (b"restart now\n", "restart takes no arguments\n"),
            (b"status json \n", "status comes as `text` or as `json`\n"),
            (b"\x16\x03\x01\x02\x00\n", "a request is one line of UTF-8\n"),
            (b"\xff\n", "a request is one line of UTF-8\n"),
            (b"x" * 1024, "the request has more than 1,024 bytes\n"),
        ):
            with self.subTest(request=request):
                self.assertEqual(ask(self.path, request), (2, answer))
        self.answers(host)
        host.stop()

    def test_many_bytes_at_once(self):
        """Whether all of it could be written or not, the host takes no more than it wants."""
        host = self.start()
        for request in (b"x" * 1000000, b"status text\n" + b"x" * 1000000):
            sock = connect(self.path)
            try:
                sock.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
            sock.close()
        self.answers(host)
        host.stop()

    def test_who_goes_away(self):
        host = self.start()
        for request in (b"", b"stat", b"status text\n", b"status json\n", b"\xff" * 2000):
            for _ in range(50):
                sock = connect(self.path)
                sock.sendall(request)
                sock.close()
        self.answers(host)
        host.stop()

    def test_silent_and_slow_ones_are_told(self):
        host = self.start()
        began = time.monotonic()
        silent = [connect(self.path) for _ in range(AT_ONCE)]
        silent[0].sendall(b"sta")  # its time is that of the whole request
        for sock in silent:
            self.assertEqual(parse(read_all(sock)), (2, "no request came within 5 s\n"))
        self.assertGreater(time.monotonic() - began, PEER_SECONDS - 0.1)
        self.assertLess(time.monotonic() - began, PEER_SECONDS + DEADLINE)
        host.stop()

    def test_silent_ones_keep_nobody_out(self):
        host = self.start()
        silent = [connect(self.path) for _ in range(9 * AT_ONCE)]
        began = time.monotonic()
        late = connect(self.path)
        late.sendall(b"status json\n")
        code, text = parse(read_all(late))
        self.assertEqual((code, json.loads(text)["pid"]), (0, host.pid))
        self.assertLess(time.monotonic() - began, PEER_SECONDS - 1)
        crowded = (1, "too many ask at once, and this request was not complete\n")
        self.assertEqual(parse(read_all(silent[0])), crowded)
        for sock in silent:
            sock.close()
        host.stop()

    def test_who_does_not_read(self):
        """Answers that no socket's buffer holds."""
        many = [gateway("g%d" % i, "echo_gateway.so", "/%d" % i) for i in range(1500)]
        host = Host(self.conf(*many), folder=self.folder)
        host.options = (*Host.options, "--log-level=warn")  # 1,500 lines at once: one that is waited for may be lost
        host.launch()
        self.addCleanup(host.kill)
        end = time.monotonic() + DEADLINE
        while not os.path.exists(self.path):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        whole = ask(self.path, b"status json\n")[1]
        self.assertGreater(len(whole), 400000)
        self.assertEqual(len(json.loads(whole)["instances"]), 1500)
        stuck = [connect(self.path) for _ in range(AT_ONCE)]
        for sock in stuck:
            sock.sendall(b"status json\n")
        self.answers(host)  # once the first of them has had its time
        for sock in stuck:
            self.hung_up(sock)
            self.assertLess(len(read_all(sock)), len(whole))
        stuck = connect(self.path)
        self.addCleanup(stuck.close)
        stuck.sendall(b"status json\n")
        self.answers(host)
        began = time.monotonic()
        host.stop()  # does not wait for it
        self.assertLess(time.monotonic() - began, DEADLINE)

    def hung_up(self, sock):
        """Waits for the end of a connection without reading."""
        poll = select.poll()
        poll.register(sock, 0)  # POLLHUP comes unasked
        self.assertTrue(poll.poll((PEER_SECONDS + DEADLINE) * 1000), "it is still open")

    @unittest.skipUnless(CAN_BECOME_ANOTHER_USER, "not root, or nobody else can reach the build")
    def test_another_user(self):
        host = self.start()
        os.chmod(self.folder, 0o755)
        os.chmod(host.conf, 0o644)

        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        text = self.fails("status", "-c", host.conf, before_exec=become_nobody)
        self.assertEqual(
            text,
            "toni status: no host answers on the control socket %s: Permission denied; only the "
            "user who runs the host, and root, may ask it something\n" % self.path,
        )
        os.chmod(self.path, 0o666)  # the mode isn't all that keeps others out
        for _ in range(20):
            text = self.fails("status", "-c", host.conf, before_exec=become_nobody)
            self.assertEqual(text, "only user 0, who runs this host, and root may ask that\n")
        (line, *_) = host.log(level="warn")
        self.assertEqual(line["msg"], "a control request was refused: it came from another user")
        self.assertEqual(line["uid"], str(NOBODY))
        self.answers(host)
        host.stop()

    @unittest.skipUnless(CAN_BECOME_ANOTHER_USER, "not root, or nobody else can reach the build")
    def test_root_may_ask_the_host_of_another_user(self):
        os.chmod(self.folder, 0o755)
        inside = os.path.join(self.folder, "inside")
        os.mkdir(inside)
        os.chown(inside, NOBODY, NOBODY)

        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        host = Host(self.conf(), folder=inside, before_exec=become_nobody).launch()
        self.addCleanup(host.kill)
        host.wait_log(msg="ready")
        self.answers(host)
        host.stop()


class TestSignals(ControlTestCase):
    def test_sighup_may_come_any_number_of_times(self):
        host = self.start()
        client = Client(host.address, "/echo")
        self.addCleanup(client.drop)
        for _ in range(30):
            host.process.send_signal(signal.SIGHUP)
            self.assertEqual(client.ask("hello"), "hello")
        host.wait_log(msg="reloaded")
        self.answers(host)
        host.stop()  # by the first signal that counts


if __name__ == "__main__":
    main(beside=3)
