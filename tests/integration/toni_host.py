"""Starts and stops `toni` for the integration tests, reads its log, and speaks WebSocket to it on
plain sockets, so that a test can put any bits on the wire.

Not for: clients that others wrote. Those are used by the tests themselves (python3-websockets, ws).
"""

import atexit
import base64
import collections
import concurrent.futures
import ctypes
import functools
import hashlib
import os
import re
import resource
import select
import selectors
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
import zlib

BUILD = os.environ.get("TONI_BUILD")
if not BUILD:
    sys.exit("TONI_BUILD is not set: name the build folder, such as build/dev")
BUILD = os.path.abspath(BUILD)
TONI = os.path.join(BUILD, "bin", "toni")
PLUGINS = os.path.join(BUILD, "lib", "toni", "plugins")
FIXTURES = os.path.join(BUILD, "tests", "fixtures")

SANITIZER = os.environ.get("TONI_SANITIZER", "")
SLOWNESS = {"": 1, "asan": 3, "tsan": 5}.get(SANITIZER, 1)
DEADLINE = 15 * SLOWNESS  # seconds; how long an event that must come may take

GREETING = "Connected. Send 'join:<room>' to join a room."
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example key of RFC 6455
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

os.environ["no_proxy"] = "*"  # newer python3-websockets would go through a proxy of the machine
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
_IP_BIND_ADDRESS_NO_PORT = 24


def scaled(plain, sanitized):
    """A count: the first one, or under a sanitizer the second."""
    return sanitized if SANITIZER else plain


def halt(process):
    """Stops a process until SIGCONT. The signal alone is no stop yet: threads that run go on for a moment."""
    process.send_signal(signal.SIGSTOP)
    threads, end = "/proc/%d/task" % process.pid, time.monotonic() + DEADLINE
    while not all(thread_state(threads, thread) == "T" for thread in os.listdir(threads)):
        assert time.monotonic() < end, "process %d does not stop" % process.pid
        time.sleep(0.005)


def thread_state(threads, thread):
    """The letter that /proc has for it; "T" for one that has just ended."""
    try:
        with open(os.path.join(threads, thread, "stat"), encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "T"


def next_second():
    """Waits until the wall clock's second is another; to the millisecond, so that who goes on is at its turn."""
    turn = int(time.time()) + 1
    time.sleep(max(0.0, turn - time.time() - 0.005))
    while time.time() < turn:
        pass


def say(text):
    """Prints a figure where both a person and ctest's log see it."""
    print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- configuration


def value_text(value):
    """A Python value as libconfig writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(2**31) <= value < 2**31 else "%dL" % value
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(value, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, value_text(v)) for k, v in value.items())
    # libconfig's arrays hold no groups, and nothing of several types.
    form = "( %s )" if any(isinstance(v, (dict, list, tuple)) for v in value) else "[ %s ]"
    return form % ", ".join(value_text(v) for v in value)


def gateway(name, library, path, limits=None, options=None, kind="gateway", **more):
    """One provider, on one line. path: None leaves it to the plugin. more: keys of its own."""
    fields = {kind: name, "library": library, **more}
    if path:
        fields["path"] = path
    if limits:
        fields["limits"] = limits
    if options:
        fields["options"] = options
    return value_text(fields)


def service(name, library, path, limits=None, options=None):
    """The same for a service."""
    return gateway(name, library, path, limits, options, "service")


ROOMS = gateway("rooms", "rooms_gateway.so", "/rooms")
ECHO = gateway("echo", "echo_gateway.so", "/echo")
PROBE = gateway("probe", "probe_gateway.so", "/probe")
REFUSE = gateway("refuse", "refuse_gateway.so", "/refuse")
GUARD = gateway("guard", "guard_gateway.so", "/guard")
CHAT = service("chat", "chat_service.so", "/chat")
TASKS = gateway("tasks", "tasks_gateway.so", "/tasks")
ANNOUNCE = gateway("announce", "announce_gateway.so", "/announce")


# TONI_TLS=1: the suites' clients on plain sockets speak TLS to the same hosts.
OVER_TLS = bool(os.environ.get("TONI_TLS"))


class TlsAddress(str):
    """One that open_socket speaks TLS to."""


@functools.cache
def own_material():
    """(the CA's path, certificate and key of localhost), made once."""
    from tls_material import Authority  # it is not needed else

    folder = tempfile.mkdtemp(prefix="toni-tls-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = Authority(folder)
    return authority.path, authority.issue("localhost", "DNS:localhost")


class TlsSocket(ssl.SSLSocket):
    """Whoever writes to one that has ended, or reads from one after that, hears of it as on a plain socket. And one
    thread may read while another writes: OpenSSL bears one of them at a time in a session, and Python before 3.13 lets
    both in. So each tries without waiting, and waits outside."""

    turn = None  # until the handshake is over

    def share(self):
        super().settimeout(0)
        self.turn = threading.Lock()
        return self

    def settimeout(self, limit):
        self.limit = limit
        if not self.turn:
            super().settimeout(limit)

    def _patiently(self, operation, *arguments):
        if not self.turn:
            return operation(*arguments)
        end = None if self.limit is None else time.monotonic() + self.limit
        while True:
            with self.turn:
                try:
                    return operation(*arguments)
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
            poll = select.poll()
            poll.register(self, wanted)
            if not poll.poll(None if end is None else max(0, 1000 * (end - time.monotonic()))):
                raise socket.timeout("timed out")

    def recv(self, size=1024, flags=0):
        # Python 3.13 says here once more what a write was told before.
        try:
            return self._patiently(super().recv, size, flags)
        except BrokenPipeError as ended:
            raise ConnectionResetError(str(ended)) from None

    def send(self, data, flags=0):
        try:
            return self._patiently(super().send, data, flags)
        except ssl.SSLEOFError as ended:
            raise BrokenPipeError(str(ended)) from None


@functools.cache
def own_context():
    context = ssl.create_default_context(cafile=own_material()[0])
    context.sslsocket_class = TlsSocket
    return context


def websocket_uri(address, path):
    """The URI for clients that others wrote, and what python3-websockets needs beside it."""
    if not isinstance(address, TlsAddress):
        return "ws://%s%s" % (address, path), {}
    return "wss://localhost:%s%s" % (address.rsplit(":", 1)[1], path), {"ssl": own_context()}


def over_tls(listen):
    """What `listen.websocket` or `listen.http` is: if the suite runs over TLS, one address becomes one with TLS."""
    if not OVER_TLS or not isinstance(listen, str):
        return listen
    address, *file = listen.split(";")
    return {"address": address, **dict(part.split("=", 1) for part in file), "tls": own_material()[1]}


def configuration(
    gateways, workers=1, limits=None, listen="127.0.0.1:0", plugin_path=None, http=None, admin=None,
    page=None, workbench=None, admin_token=None, trusted_proxies=None, proxy_header=None, **top,
):
    """A whole gateways.conf. The gateways that come along are found without being named in
    plugin_path, since the program searches its own folder. top: further keys of the file."""
    where = {"websocket": over_tls(listen), "http": http, "page": page, "workbench": workbench, "admin": admin,
             "admin_token": admin_token, "trusted_proxies": trusted_proxies,
             "proxy_header": proxy_header}
    lines = [
        "listen = %s;" % value_text({key: value for key, value in where.items() if value is not None}),
        "workers = %d;" % workers,
        "plugin_path = %s;" % value_text(plugin_path or [FIXTURES]),
    ]
    lines += ["%s = %s;" % (key, value_text(value)) for key, value in top.items()]
    if limits:
        lines.append("limits = %s;" % value_text(limits))
    lines += [
        "modules = (",
        '  { name = "main";',
        '    imports = [ "broadcast" ];',
        "    providers = (",
        ",\n".join("      " + g for g in gateways),
        "    );",
        "  }",
        ");",
        "",
    ]
    return "\n".join(lines)


# ---------------------------------------------------------------- log

_PAIR = re.compile(r'([A-Za-z0-9_.-]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')
_ESCAPE = re.compile(r"\\(.)")


def parse_log_line(line):
    """The fields of a logfmt line, or None if it isn't one."""
    fields, at = {}, 0
    while at < len(line):
        pair = _PAIR.match(line, at)
        if not pair:
            return None
        key, value = pair.groups()
        if value.startswith('"'):
            named = {"n": "\n", "t": "\t", "r": "\r"}
            value = _ESCAPE.sub(lambda m: named.get(m.group(1), m.group(1)), value[1:-1])
        fields[key] = value
        at = pair.end()
    return fields if "level" in fields and "msg" in fields else None


# Whoever runs the tests as root gets it with every host; so it is shown only to who asks for it.
AS_ROOT = (
    "the host runs as root, which it has no need of, and so do its plugins: start it as a user of its own"
)


def matches(fields, wanted):
    if fields is None or (fields.get("msg") == AS_ROOT and wanted.get("msg") != AS_ROOT):
        return False
    return all(
        want(fields.get(key, "")) if callable(want) else fields.get(key) == want
        for key, want in wanted.items()
    )


# ---------------------------------------------------------------- host

_running = set()


@atexit.register
def _kill_leftovers():
    for host in list(_running):
        host.process.kill()


def is_of_leak_checker(line):
    """AddressSanitizer's looks at all threads when a process ends, and says so of one that has just ended."""
    return SANITIZER == "asan" and re.fullmatch(r"==\d+==Unable to get registers from thread \d+\.", line.strip())


class Host:
    """One `toni run`, its log and its folder."""

    program = TONI
    pass_fds = ()
    options = ("--allow-root",)  # the tests run as root, too

    def __init__(self, conf, folder=None, before_exec=None):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="toni-test-")
        if self.own_folder:  # also that of a host that is never launched
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.conf = os.path.join(self.folder, "gateways.conf")
        Host.configure(self, conf)  # hosts of a kind write theirs once they are made
        self.before_exec = before_exec
        self.lines = []
        self.expected_errors = []
        self.changed = threading.Condition()
        self.ended = False
        self.process = None

    def configure(self, conf):
        """Writes its configuration, or another one."""
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(conf)

    def launch(self):
        """Starts the process without waiting for anything."""

        def prepare():
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if self.own_folder:  # copies of plugins go with it, also after a kill
                os.environ["TMPDIR"] = self.folder
            if self.before_exec:
                self.before_exec()

        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [self.program, "run", *self.options, "-c", self.conf],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            preexec_fn=prepare,
            pass_fds=self.pass_fds,
        )
        _running.add(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def start(self):
        self.launch()
        try:
            self.wait_log(msg="ready")
        except AssertionError:
            self.kill()
            raise
        return self

    def _read(self):
        for raw in self.process.stderr:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            with self.changed:
                self.lines.append((line, parse_log_line(line), time.monotonic()))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def addresses(self):
        lines = self.log(msg="listening", protocol="websocket")
        return [
            TlsAddress(line["address"]) if OVER_TLS and line["tls"] == "on" else line["address"] for line in lines
        ]

    @property
    def address(self):
        return self.addresses[0]

    @property
    def http_address(self):
        return self.log(msg="listening", protocol="http")[0]["address"]

    @property
    def admin_address(self):
        return self.log(msg="listening", protocol="admin")[0]["address"]

    def log(self, **wanted):
        """The fields of all lines so far that match; a wanted value may be a predicate."""
        with self.changed:
            return [fields for _, fields, _ in self.lines if matches(fields, wanted)]

    def text(self):
        with self.changed:
            return "\n".join(line for line, _, _ in self.lines)

    def wait_log(self, deadline=DEADLINE, **wanted):
        """The first line that matches, waited for."""
        end = time.monotonic() + deadline
        with self.changed:
            seen = 0
            while True:
                for _, fields, _ in self.lines[seen:]:
                    if matches(fields, wanted):
                        return fields
                seen = len(self.lines)
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    why = "before the host ended" if self.ended else "within %.0f s" % deadline
                    shown = {k: getattr(v, "__name__", v) for k, v in wanted.items()}
                    raise AssertionError(
                        "no log line %r %s; the log:\n%s"
                        % (shown, why, "\n".join(line for line, _, _ in self.lines))
                    )
                self.changed.wait(left)

    def wait_lines(self, count, **wanted):
        """So many lines that match, waited for."""
        end = time.monotonic() + DEADLINE
        while len(self.log(**wanted)) < count:
            if time.monotonic() > end:
                raise AssertionError("not %d lines %r; the log:\n%s" % (count, wanted, self.text()))
            time.sleep(0.01)

    def time_of(self, **wanted):
        """Seconds from the start of the process to the last line so far that matches."""
        with self.changed:
            return max(at for _, f, at in self.lines if matches(f, wanted)) - self.started

    def expect_error(self, **wanted):
        """From now on a line at level=error that matches is no fault of the test."""
        self.expected_errors.append(wanted)

    def faults(self):
        """What must not be in the log: errors nobody expected, and lines that aren't log lines
        (sanitizer reports, assertions, output of libraries)."""
        with self.changed:
            return [
                line
                for line, fields, _ in self.lines
                if fields is None and not is_of_leak_checker(line)
                or fields is not None and fields.get("level") == "error"
                and not any(matches(fields, wanted) for wanted in self.expected_errors)
            ]

    def wait_exit(self, deadline=DEADLINE):
        """The exit code, waited for."""
        try:
            code = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            text = self.text()
            self.kill()
            raise AssertionError("toni still ran after %.0f s; the log:\n%s" % (deadline, text))
        self._finish()
        return code

    def _finish(self):
        self.reader.join(DEADLINE)
        self.process.stderr.close()
        _running.discard(self)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self):
        if self in _running:
            self.process.kill()
            self.process.wait()
            self._finish()

    def stop(self, signal_number=signal.SIGTERM):
        """Asks it to stop; exit code 0 and a log without faults are demanded."""
        if self not in _running:
            raise AssertionError("toni ended on its own; the log:\n" + self.text())
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        self.ends_well()

    def ends_well(self):
        """Waits for the end of a host that was asked to stop; demands the same."""
        code = self.wait_exit(DEADLINE + 10)
        if code != 0 or self.faults():
            raise AssertionError(
                "toni ended with %d; lines not expected:\n%s\nthe log:\n%s"
                % (code, "\n".join(self.faults()), self.text())
            )

    def pss_bytes(self):
        with open("/proc/%d/smaps_rollup" % self.pid, encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no Pss in smaps_rollup")

    def open_files(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))


def descriptors_of(pid):
    """What the descriptors of a process lead to; one that it closes meanwhile is left out."""
    found, folder = [], "/proc/%d/fd" % pid
    for number in os.listdir(folder):
        try:
            found.append(os.readlink(os.path.join(folder, number)))
        except FileNotFoundError:
            continue
    return sorted(found)


def run_toni(*arguments, cwd=None, before_exec=None, deadline=DEADLINE):
    """Runs `toni ARGUMENTS` to its end: CompletedProcess with texts. A host may be root."""
    if arguments[:1] == ("run",):
        arguments = ("run", "--allow-root", *arguments[1:])
    try:
        return subprocess.run(
            [TONI, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=cwd,
            preexec_fn=before_exec,
            timeout=deadline,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            "toni %s did not end; stderr: %r" % (" ".join(arguments), late.stderr)
        )


def without_root_rights():
    """For before_exec: file modes count, even for root."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def reachable_by_all(path):
    """Whether every user may look into the folders above it; nobody but root may into root's home."""
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
    return True


# What is built may be in root's home, as in a container; then nobody else can run it.
CAN_BECOME_ANOTHER_USER = os.geteuid() == 0 and reachable_by_all(os.path.abspath(TONI))


def raise_file_limit():
    """Raises this process's soft limit of open files to the hard one, which it returns."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# ---------------------------------------------------------------- frames

Frame = collections.namedtuple("Frame", "fin opcode payload compressed", defaults=(False,))
Closed = collections.namedtuple("Closed", "code reason before")


def frame(opcode, payload=b"", fin=True, rsv=0, mask=b"\x37\xfa\x21\x3d", length=None, wide=None):
    """A frame as a client sends it. length: what the head claims; wide: 16 or 64 forces that form;
    mask=None sends it bare."""
    if isinstance(payload, str):
        payload = payload.encode()
    size = len(payload) if length is None else length
    head = bytearray([(0x80 if fin else 0) | rsv << 4 | opcode])
    masked = 0x80 if mask is not None else 0
    if wide == 64 or (wide is None and size > 0xFFFF):
        head += struct.pack(">BQ", masked | 127, size)
    elif wide == 16 or (wide is None and size > 125):
        head += struct.pack(">BH", masked | 126, size)
    else:
        head.append(masked | size)
    if mask is None:
        return bytes(head) + payload
    return bytes(head) + mask + apply_mask(payload, mask)


def apply_mask(payload, mask):
    n = len(payload)
    if not n:
        return b""
    stream = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(n, "big")


def deflated(data, level=6):
    """A compressed message, as RFC 7692 makes it with a fresh context."""
    if isinstance(data, str):
        data = data.encode()
    compress = zlib.compressobj(level, zlib.DEFLATED, -15)
    made = compress.compress(data) + compress.flush(zlib.Z_SYNC_FLUSH)
    assert made.endswith(b"\x00\x00\xff\xff")
    return made[:-4]


def inflated(data):
    inflate = zlib.decompressobj(-15)
    made = inflate.decompress(data + b"\x00\x00\xff\xff")
    assert not inflate.unconsumed_tail and not inflate.unused_data
    return made


def close_payload(code, reason=""):
    return struct.pack(">H", code) + (reason if isinstance(reason, bytes) else reason.encode())


# ---------------------------------------------------------------- client


def open_socket(address, source=None, receive_buffer=None, deadline=DEADLINE):
    """A connected socket. address: as the host's log writes it."""
    sock = open_plain_socket(address, source, receive_buffer, deadline)
    if not isinstance(address, TlsAddress):
        return sock
    try:
        return own_context().wrap_socket(sock, server_hostname="localhost").share()
    except BaseException:
        sock.close()
        raise


def is_accepted(sock):
    """Whether a process has taken the other end, over IPv4: until then that has no inode. The host's descriptors say less: it
    opens and closes others meanwhile."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        ends = [line.split() for line in table]
    return any(end[2].endswith(":%04X" % sock.getsockname()[1]) and end[9] != "0" for end in ends[1:])


def open_plain_socket(address, source=None, receive_buffer=None, deadline=DEADLINE):
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        return connected(sock, address[len("unix:") :], deadline)
    name, port = address.rsplit(":", 1)
    family = socket.AF_INET6 if name.startswith("[") else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))
    return connected(sock, (name.strip("[]"), int(port)), deadline)


def connected(sock, where, deadline):
    sock.settimeout(deadline)
    try:
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def request(path="/rooms", method="GET", version="1.1", headers=(), without=(), **changed):
    """The bytes of a handshake. changed replaces a standard header (underscores for hyphens)."""
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    for name, value in changed.items():
        wanted = name.replace("_", "-").lower()
        fields[next(k for k in fields if k.lower() == wanted)] = value
    lines = ["%s %s HTTP/%s" % (method, path, version)]
    lines += ["%s: %s" % (k, v) for k, v in fields.items() if k not in without]
    lines += ["%s: %s" % pair for pair in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Response:
    """The head of an HTTP answer, and whatever followed it."""

    def __init__(self, raw):
        head, self.body = raw.split(b"\r\n\r\n", 1)
        first, *rest = head.decode("latin-1").split("\r\n")
        self.version, status, self.phrase = (first.split(" ", 2) + [""])[:3]
        self.status = int(status)
        self.headers = {}
        for line in rest:
            name, value = line.split(":", 1)
            self.headers[name.strip().lower()] = value.strip()


def exchange(address, data, deadline=DEADLINE, source=None):
    """Sends data, reads to the end of the connection: a Response, or None after silence. For what
    must be refused: a connection that stays open fails."""
    sock = open_socket(address, source=source, deadline=deadline)
    with sock:
        try:
            sock.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass
        raw = bytearray()
        end = time.monotonic() + deadline
        while True:
            sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                part = sock.recv(65536)
            except ConnectionResetError:
                break
            except socket.timeout:
                raise AssertionError("not closed within %.0f s; read %r" % (deadline, bytes(raw)))
            if not part:
                break
            raw += part
    return Response(bytes(raw)) if raw else None


def metrics_text(host):
    with urllib.request.urlopen("http://%s/metrics" % host.admin_address, timeout=DEADLINE) as answer:
        return answer.read().decode()


def metrics(host):
    """The host's figures, by name and labels as they stand there."""
    lines = [line.rsplit(" ", 1) for line in metrics_text(host).splitlines() if line[0] != "#"]
    return {name: float(value) for name, value in lines}


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, response):
        super().__init__("HTTP %s" % (response.status if response else "silence"))
        self.response = response


class ClosedEarly(AssertionError):
    """A close, where a message was waited for."""


class Client:
    """A WebSocket client on a plain socket. Every frame of the host is checked: not masked, no
    reserved bits, shortest length, whole control frames, text that is UTF-8. With deflate, which
    is what to offer: a message's first frame may say that it is compressed, each in itself. With
    tls, an ssl.SSLContext, all of that goes over TLS."""

    def __init__(self, address, path="/rooms", headers=(), also=b"", source=None,
                 receive_buffer=None, deadline=DEADLINE, deflate=None, tls=None, server_name="localhost",
                 session=None, **changed):
        self._begin(open_socket(address, source, receive_buffer, deadline), deadline)
        if deflate is not None:
            headers = (*headers, ("Sec-WebSocket-Extensions", deflate))
        try:
            if tls:
                self.sock = tls.wrap_socket(
                    self.sock, server_hostname=server_name, session=session, suppress_ragged_eofs=False
                )
            self.sock.sendall(request(path, headers=headers, **changed) + also)
            self._read_answer()
        except BaseException:
            self.sock.close()
            raise

    @classmethod
    def over(cls, sock, handshake, deadline=DEADLINE):
        """One on a socket that is connected already. @param handshake  What is still to be sent of it."""
        client = cls.__new__(cls)
        client._begin(sock, deadline)
        sock.sendall(handshake)
        client._read_answer()
        return client

    def _begin(self, sock, deadline):
        self.sock = sock
        self.deadline = deadline
        self.buffer = bytearray()
        self.compressed = 0  # messages that came compressed
        self.answer_pings = True
        self.pings = 0

    def _read_answer(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                raise Refused(Response(bytes(self.buffer)) if self.buffer else None)
        head, rest = bytes(self.buffer).split(b"\r\n\r\n", 1)
        self.response = Response(head + b"\r\n\r\n")
        if self.response.status != 101:
            while self._fill():
                pass
            raise Refused(Response(bytes(self.buffer)))
        self.deflates = "sec-websocket-extensions" in self.response.headers
        self.buffer = bytearray(rest)

    # reading

    def _fill(self, end=None):
        """Reads once more; False at the end of the connection."""
        left = self.deadline if end is None else end - time.monotonic()
        self.sock.settimeout(max(0.001, left))
        try:
            part = self.sock.recv(262144)
        except socket.timeout:
            raise AssertionError(
                "nothing from the host for %.1f s; unread: %r" % (left, bytes(self.buffer[:200]))
            ) from None
        except ConnectionResetError:
            return False
        self.buffer += part
        return bool(part)

    def _take(self, n, end=None):
        while len(self.buffer) < n:
            if not self._fill(end):
                raise ClosedEarly("the connection ended; unread: %r" % bytes(self.buffer[:200]))
        taken = bytes(self.buffer[:n])
        del self.buffer[:n]
        return taken

    def read_frame(self, end=None):
        """The next frame, which has begun before `end`; None: within the deadline from now on."""
        first, second = self._take(2, end)
        fin, opcode, size = bool(first & 0x80), first & 0x0F, second & 0x7F
        compressed = bool(first & 0x40) and self.deflates and opcode in (TEXT, BINARY)
        assert not first & (0x30 if compressed else 0x70), "the host set reserved bits: %#x" % first
        assert not second & 0x80, "the host masked a frame"
        assert opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), "opcode %#x" % opcode
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
            assert size > 125, "not the shortest length"
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
            assert size > 0xFFFF, "not the shortest length"
        if opcode >= CLOSE:
            assert fin and size <= 125, "a control frame of %d bytes, fin %s" % (size, fin)
        return Frame(fin, opcode, self._take(size), compressed)

    def read_data(self):
        """The next frame that is not a ping; those are answered. A host pings for ever: they don't put the deadline off."""
        end = time.monotonic() + self.deadline
        while True:
            got = self.read_frame(end)
            if got.opcode != PING:
                return got
            self.pings += 1
            if self.answer_pings:
                self.send_frame(PONG, got.payload)

    def read_fragments(self):
        """The frames of the next message."""
        frames = [self.read_data()]
        if frames[0].opcode == CLOSE:
            raise ClosedEarly("closed: %r" % frames[0].payload)
        assert frames[0].opcode in (TEXT, BINARY), "not a message: %r" % (frames[0],)
        while not frames[-1].fin:
            frames.append(self.read_data())
            assert frames[-1].opcode == CONTINUATION, "in a message: %r" % (frames[-1],)
        return frames

    def read(self):
        """The next message: str or bytes."""
        frames = self.read_fragments()
        data = b"".join(f.payload for f in frames)
        if frames[0].compressed:
            self.compressed += 1
            data = inflated(data)
        return data.decode("utf-8") if frames[0].opcode == TEXT else data

    def read_many(self, count):
        return [self.read() for _ in range(count)]

    def expect(self, *messages):
        """The next messages are exactly these."""
        for wanted in messages:
            got = self.read()
            assert got == wanted, "expected %.200r, got %.200r" % (wanted, got)

    def expect_pong(self, payload):
        got = self.read_data()
        assert got == Frame(True, PONG, payload), "expected a pong %r, got %r" % (payload, got)

    def expect_close(self, code, reason=None, answer=True):
        """A close frame with this code (and reason), then, once it is answered, the end of the
        connection. Messages before it are returned in .before. code None: a close without one."""
        before = []
        while True:
            got = self.read_data()
            if got.opcode == CLOSE:
                break
            if got.opcode in (TEXT, BINARY, CONTINUATION):
                before.append(got.payload)
        assert len(got.payload) != 1, "a close of one byte"
        found = struct.unpack(">H", got.payload[:2])[0] if got.payload else None
        text = got.payload[2:].decode("utf-8")
        allowed = code if isinstance(code, tuple) else (code,)
        assert found in allowed, "expected close code %s, got %s %r" % (code, found, text)
        assert reason is None or text == reason, "expected %r, got %r" % (reason, text)
        if answer:
            try:
                self.send_frame(CLOSE, got.payload)
            except (ConnectionResetError, BrokenPipeError):
                pass
            self.expect_end()
        return Closed(found, text, before)

    def expect_end(self, deadline=None):
        """The connection ends, with nothing more on it."""
        end = time.monotonic() + (deadline or self.deadline)
        while self._fill(end):
            pass
        assert not self.buffer, "before the end: %r" % bytes(self.buffer[:200])

    # writing

    def send_raw(self, data):
        self.sock.settimeout(self.deadline)
        self.sock.sendall(data)

    def send_deflated(self, message):
        opcode = TEXT if isinstance(message, str) else BINARY
        self.send_raw(frame(opcode, deflated(message), rsv=4))

    def send_frame(self, opcode, payload=b"", **shape):
        self.send_raw(frame(opcode, payload, **shape))

    def send(self, message):
        self.send_frame(TEXT if isinstance(message, str) else BINARY, message)

    def ask(self, message):
        self.send(message)
        return self.read()

    def close(self):
        """Closes with 1000 and reads to the end."""
        self.send_frame(CLOSE, close_payload(1000))
        self.expect_close(1000, answer=False)
        self.expect_end()
        self.sock.close()

    def reset(self):
        """Ends with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def drop(self):
        """Ends without a close frame."""
        self.sock.close()


# ---------------------------------------------------------------- crowd


def small_frames(buffer):
    """Takes whole frames off the begin of a buffer: the first byte and the payload of each. None is masked, or 64 KiB."""
    data, at, end = bytes(buffer), 0, len(buffer)
    try:
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                if end - at < 4:
                    break
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            assert size < 126 or start > at + 2, "a frame too large for this reader, or masked"
            if end - start < size:
                break
            first, at = data[at], start + size
            yield first, data[start:at]
    finally:
        del buffer[:at]


class Member:
    __slots__ = ("sock", "buffer", "texts", "closed", "number")

    def __init__(self, sock, number):
        self.sock, self.number = sock, number
        self.buffer, self.texts, self.closed = bytearray(), [], None


class Crowd:
    """Many clients on one thread; every message of every client is read and kept (as bytes, in
    .texts). Messages are expected whole, as text."""

    def __init__(self, address, path, count, sources=("127.0.0.1",)):
        self.selector = selectors.DefaultSelector()
        self.members = []
        head = request(path)
        for first in range(0, count, 200):
            fresh = []
            for number in range(first, min(first + 200, count)):
                sock = open_socket(address, source=sources[number % len(sources)])
                sock.sendall(head)
                fresh.append(Member(sock, number))
            for member in fresh:
                self._handshake(member)
            self.members += fresh

    def _handshake(self, member):
        while b"\r\n\r\n" not in member.buffer:
            part = member.sock.recv(4096)
            if not part:
                raise AssertionError("refused: %r" % bytes(member.buffer))
            member.buffer += part
        end = member.buffer.index(b"\r\n\r\n") + 4
        assert member.buffer.startswith(b"HTTP/1.1 101 "), bytes(member.buffer[:end])
        del member.buffer[:end]
        self._parse(member)
        member.sock.setblocking(False)
        self.selector.register(member.sock, selectors.EVENT_READ, member)

    def send(self, member, *texts):
        """Small messages only: they must fit the socket's buffer."""
        data = b"".join(frame(TEXT, text) for text in texts)
        sent = member.sock.send(data)
        assert sent == len(data), "the host stopped reading"

    def wait(self, done, what, deadline=DEADLINE * 2):
        """Reads until done(member) holds for every member."""
        waiting = {m.number for m in self.members if not done(m)}
        end = time.monotonic() + deadline
        while waiting:
            events = self.selector.select(max(0, end - time.monotonic()))
            if not events:
                raise AssertionError(
                    "%s: %d clients still wait after %.0f s; one got %d messages, the last %r"
                    % (what, len(waiting), deadline,
                       len(self.members[min(waiting)].texts),
                       self.members[min(waiting)].texts[-1:])
                )
            for key, _ in events:
                member = key.data
                try:
                    part = member.sock.recv(262144)
                except BlockingIOError:
                    continue
                if not part:
                    raise AssertionError(
                        "%s: client %d was closed: %r" % (what, member.number, member.closed)
                    )
                member.buffer += part
                self._parse(member)
                if member.number in waiting and done(member):
                    waiting.discard(member.number)

    def _parse(self, member):
        for first, payload in small_frames(member.buffer):
            if first == 0x81:
                member.texts.append(payload)
            elif first == 0x89:
                member.sock.send(frame(PONG, payload))
            elif first == 0x88:
                member.closed = payload
            else:
                raise AssertionError("frame %#x" % first)

    def close(self):
        """Drops all without a close frame."""
        for member in self.members:
            self.selector.unregister(member.sock)
            member.sock.close()
        self.selector.close()
        self.members = []


# ---------------------------------------------------------------- test cases


class PatientTestCase(unittest.TestCase):
    """One that waits for what happens beside it."""

    def eventually(self, done, what, deadline=DEADLINE):
        """Asks until it is so."""
        end = time.monotonic() + deadline
        while True:
            found = done()
            if found:
                return found
            if time.monotonic() > end:
                self.fail("not within %.0f s: %s" % (deadline, what))
            time.sleep(0.01)


class OneHostTestCase(PatientTestCase):
    """One host for all tests of a class, which setUpClass makes: `host`. It must end with exit code 0 and a clean log."""

    @classmethod
    def tearDownClass(cls):
        try:
            cls.host.stop()
        finally:
            cls.host.kill()
            super().tearDownClass()


class HostTestCase(OneHostTestCase):
    """One that serves what the class says."""

    gateways = (ROOMS, ECHO)
    limits = None
    listen = "127.0.0.1:0"
    http = None
    admin = None
    workers = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host(
            configuration(
                cls.gateways, cls.workers, cls.limits, cls.listen, http=cls.http, admin=cls.admin
            )
        ).start()

    def client(self, path="/rooms", greeted=True, **how):
        """A client; its greeting, if the path has one, is checked and read."""
        opened = Client(self.host.address, path, **how)
        self.addCleanup(opened.sock.close)
        if greeted and path.split("?")[0] == "/rooms":
            opened.expect(GREETING)
        if greeted and path.split("?")[0] == "/probe":
            opened.hello = opened.read()
            opened.id = opened.ask("id").split("=", 1)[1]
        return opened

    def crowd(self, path, count, sources=("127.0.0.1",)):
        opened = Crowd(self.host.address, path, count, sources)
        self.addCleanup(opened.close)
        return opened

    def join(self, client, room):
        """Joins over the rooms gateway; the client's id."""
        client.send("join:" + room)
        client.expect("Joined room: " + room)
        name, _, rest = client.read().partition(" ")
        self.assertEqual(rest, "joined")
        return name

    def fence(self, client):
        """Nothing came to a client of the rooms gateway before the answer to this."""
        client.send("leave:fence")
        client.expect("Left room: fence")

    def host_goes_on(self):
        """A new client is served as ever."""
        other = self.client("/rooms")
        self.fence(other)
        other.close()

    def disconnected(self, client_id):
        """The one line that probe's on_disconnect writes for a client."""
        line = self.host.wait_log(msg="disconnected", instance="probe", client=client_id)
        self.assertEqual(line["level"], "info")
        return line


def with_workers(*counts):
    """Makes of a class one for each number of workers; the class itself is not run."""

    def make(cls):
        module = sys.modules[cls.__module__]
        for count in counts:
            name = "%sWith%dWorker%s" % (cls.__name__, count, "" if count == 1 else "s")
            made = type(name, (cls,), {"workers": count, "__module__": cls.__module__})
            setattr(module, name, made)
        return None

    return make


both = with_workers(1, 4)


def accept_value(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def _parts(beside):
    """The tests of the script in parts that can run at a time, each a list of names: classes, or, where these are fewer and
    make nothing for all of their tests, some tests of a class."""
    loader, classes = unittest.defaultTestLoader, {}
    for name, made in vars(sys.modules["__main__"]).items():
        if isinstance(made, type) and issubclass(made, unittest.TestCase) and loader.getTestCaseNames(made):
            classes[name] = made
    parts = []
    for name, made in classes.items():
        tests = ["%s.%s" % (name, test) for test in loader.getTestCaseNames(made)]
        makes_nothing = made.setUpClass.__func__ is unittest.TestCase.setUpClass.__func__
        if makes_nothing and len(classes) < beside:
            parts += [tests[first::beside] for first in range(min(beside, len(tests)))]
        else:
            parts.append([name])
    return parts


def main(beside=1):
    """Runs the tests of the script. beside: in so many processes at a time, for suites that wait more than they compute."""
    if beside == 1 or len(sys.argv) > 1:  # those that were named
        unittest.main(verbosity=2)

    def end_with_this():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def run(names):
        return subprocess.run(
            [sys.executable, sys.argv[0], *names], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=end_with_this, check=False,
        )

    has_failed = False
    with concurrent.futures.ThreadPoolExecutor(beside) as pool:
        for result in pool.map(run, _parts(beside)):
            sys.stderr.buffer.write(result.stdout)
            sys.stderr.flush()
            has_failed = has_failed or result.returncode != 0
    sys.exit("a part of it has failed: see above" if has_failed else 0)
