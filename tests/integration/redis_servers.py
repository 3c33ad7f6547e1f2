"""Redis, Valkey and their sentinels for tests: each test starts its own, on free ports and in folders of its own. And a
driver for the engine (engine_driver.c)."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from toni_host import BUILD, halt

PATIENCE_S = 20
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def programs():
    """The servers that are here: {name: path}. Debian 12 has redis, 13 redis and valkey; scripts/setup puts them there."""
    places = os.path.join(ROOT, "build/redis") + os.pathsep + os.environ.get("PATH", "")
    found = {name: shutil.which(name, path=places) for name in ("redis-server", "valkey-server")}
    return {name: path for name, path in found.items() if path}


_held = []


def free_port():
    """One that the kernel gives nobody else while this process lives: it is bound here, and not listened on, which keeps no
    server away that is told its number and says SO_REUSEADDR."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    _held.append(sock)
    return sock.getsockname()[1]


def wait_for(what, condition):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise AssertionError("there was no %s" % what)
        time.sleep(0.02)


class Client:
    """Speaks RESP2 as far as the tests need it; not by what is tested."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")

    def __call__(self, *words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.sock.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded))
        return self._read()

    def _read(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("the server is gone")
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-":
            return line[:-2].decode()
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return [self._read() for _ in range(int(rest))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()


class Server:
    """One server, in a folder of its own. Options are those of its command line, without `--`; several words are a tuple."""

    def __init__(self, program=None, **options):
        self.program = programs()[program or "redis-server"]
        self.folder = tempfile.mkdtemp(prefix="toni-redis-")
        self.port = free_port()
        self.options = {
            "save": "", "bind": "127.0.0.1", "port": self.port, "dir": self.folder, "unixsocket": self.path, **options}  # fmt: skip
        self.process = None
        self.start()

    @property
    def path(self):
        return os.path.join(self.folder, "socket")

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def start(self):
        words = [self.program]
        for key, value in self.options.items():
            words += ["--" + key.replace("_", "-"), *(value if isinstance(value, tuple) else (str(value),))]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_for("answer of " + self.program, self._answers)

    def _answers(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                raise AssertionError("%s has ended: %s" % (self.program, log.read()[-2000:]))
        try:
            return not str(self.call("PING")).startswith("-LOADING")
        except OSError:
            return False

    def client(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE_S)
        try:
            sock.connect(self.path)
        except OSError:
            sock.close()
            raise
        return Client(sock)

    def call(self, *words):
        with self.client() as client:
            return client(*words)

    def follow(self, primary):
        """Becomes its replica, and waits until it has all."""
        self.call("REPLICAOF", "127.0.0.1", primary.port)
        wait_for("replica", lambda: b"master_link_status:up" in self.call("INFO", "replication"))

    def signal(self, number):
        self.process.send_signal(number)

    def halt(self):
        """Stops it, and waits until it is."""
        halt(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """As after kill -9: it comes back with what it last saved."""
        self.kill()
        self.start()

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sentinel:
    """One that watches a primary, finds its replicas by itself, and decides alone."""

    def __init__(self, name, primary):
        self.folder = tempfile.mkdtemp(prefix="toni-sentinel-")
        self.port = free_port()
        file = os.path.join(self.folder, "sentinel.conf")  # it writes into that, too
        lines = [
            "port %d" % self.port,
            "bind 127.0.0.1",
            "dir %s" % self.folder,
            "sentinel monitor %s 127.0.0.1 %d 1" % (name, primary.port),
            "sentinel down-after-milliseconds %s 500" % name,
            "sentinel failover-timeout %s 2000" % name,
        ]
        with open(file, "w", encoding="ascii") as conf:
            conf.write("\n".join(lines) + "\n")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen([primary.program, file, "--sentinel"], stdout=log, stderr=log)
        wait_for("sentinel", lambda: self.call("PING") == "+PONG")

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def call(self, *words):
        """None: there is no connection."""
        try:
            sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        except OSError:
            return None
        with Client(sock) as client:
            return client(*words)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Told(list):
    """The words of a line."""

    @property
    def line(self):
        return " ".join(self)


class Engine:
    """The engine under test. options: [(name, value)]. Lines as engine_driver.c has them."""

    def __init__(self, *options):
        plugin = os.path.join(BUILD, "lib/toni/plugins/redis_engine.so")
        words = [os.path.join(BUILD, "tests/integration/engine_driver"), plugin]
        words += ["%s=%s" % option for option in options]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.lines = queue.Queue()
        self.logs = []
        self.connection = 0
        self.request = 0
        self.incarnation = self.engine_id = None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                words = Told(line.decode("utf-8", "replace").rstrip("\n").split(" "))
                if words[0] == "log":
                    if words[1] != "0":  # of level debug
                        self.logs.append(words.line)
                else:
                    self.lines.put(words)
        self.lines.put(Told(["ended"]))

    def say(self, *lines):
        """Commands that go out together."""
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())

    def next(self, *kinds, within=PATIENCE_S):
        """The next thing that is told, which has to be of one of these kinds; `server` lines are passed over."""
        until = time.monotonic() + within
        while True:
            try:
                words = self.lines.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError("nothing was told; %s was waited for" % " or ".join(kinds)) from None
            if words[0] == "server":
                continue
            if words[0] not in kinds:
                raise AssertionError("%s was waited for; told was: %s" % (" or ".join(kinds), words.line))
            return words

    def next_of(self, *kinds, within=PATIENCE_S):
        """The next thing of one of these kinds, whatever comes before it."""
        words = self.next_within(within, *kinds)
        if not words:
            raise AssertionError("nothing was told; waited for was: %s" % " or ".join(kinds))
        return words

    def next_within(self, within, *kinds):
        """The same, or None."""
        until = time.monotonic() + within
        while True:
            try:
                words = self.lines.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                return None
            if words[0] in kinds:
                return words
            if words[0] == "ended":
                raise AssertionError("the driver has ended")

    def open(self):
        self.connection += 1
        self.say("open 0 %d" % self.connection)

    def connect(self, node=0xA, proposed=None):
        """A connection and its hello, which both have to succeed."""
        self.open()
        self.next("connected")
        return self.hello(node, proposed)

    def hello(self, node=0xA, proposed=None):
        told = self.ask_hello(node, proposed)
        assert told[0] == "hello", "'hello' was waited for; told was: %s" % told.line
        return self.incarnation

    def ask_hello(self, node=0xA, proposed=None):
        """The words of its answer, which is `hello` or `failed`."""
        self.request += 1
        self.node = node
        self.say("hello 0 %x %x %x" % (self.request, proposed or 0x5000 + self.request, node))
        told = self.next("hello", "failed")
        if told[0] == "hello":
            self.incarnation, self.engine_id = told[4], told[5]
        return told

    def publish_line(self, room, number, body="x", proposed=0x77, epoch="-", keep=(0, 0), incarnation=None):
        return "publish 0 %s %x %s %x %x %s %d %d %s" % (
            room, number, incarnation or self.incarnation, self.node, proposed, epoch, *keep, body)  # fmt: skip

    def publish(self, room, number, *rest, **how):
        """The words of the answer: [answer, epoch, offset, receivers]."""
        self.say(self.publish_line(room, number, *rest, **how))
        return self.next("published")[4:]

    def subscribe(self, *rooms):
        self.say("subscribe 0 " + " ".join(rooms))
        for room in rooms:
            told = self.next("subscribed")
            assert told[3:] == [room, "1"], told.line

    def tops(self, *rooms):
        self.request += 1
        self.say("tops 0 %x %s" % (self.request, " ".join(rooms)))
        return self.next("tops")[4:]

    def history(self, room, epoch, offset, limit):
        """The top, and the entries: OFFSET:KIND:SIZE:BODY."""
        self.request += 1
        self.say("history 0 %x %s %s %x %d" % (self.request, room, epoch, offset, limit))
        told = self.next("history")
        return ":".join(told[4:6]), told[6:]

    def probe(self, incarnation=None):
        self.request += 1
        self.say("probe 0 %x %s" % (self.request, incarnation or self.incarnation))
        return self.request

    def lease(self, node, slot=0, boot=0, ttl=10000, restore=0, floor=0, step=1, key=0x99, name="left"):
        self.request += 1
        self.say("lease 0 %x %s %x %d %d %d %x %x %d %x %s" % (
            self.request, self.incarnation, node, slot, ttl, restore, boot, floor, step, key, name))  # fmt: skip
        told = self.next("lease")
        return told[4:7], told[7:]

    def stop(self):
        self.process.stdin.close()
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the driver does not end") from None
        assert status == 0, "the driver has failed: %d" % status
