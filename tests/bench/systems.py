"""The servers that scripts/bench measures: toni, what is made to be held against it, and what users
would pick instead. Each knows whether it can be started, how, and how the load generator must speak
to it."""

import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NODE_MODULES = os.path.join(ROOT, "build", "peers", "node_modules")
DEBIAN_NODE_MODULES = "/usr/share/nodejs"
NCHAN_MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so"
START_S, STOP_S = 30, 5

TONI_CONF = """\
listen = {{ websocket = {listen}; {admin} }};
workers = {workers};
{cluster}
limits = {{ {limits} }};
modules = (
  {{ name = "chat";
    imports = [ "broadcast" ];
    providers = ( {{ gateway = "{gateway}"; library = "{library}"; path = "/rooms"; {provider} }}{engine} ); }}
);
"""


def which(program):
    """Also where Debian puts servers, which is not on everybody's PATH."""
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")


_held = []


def free_port():
    """One that the kernel gives nobody else meanwhile: it is bound here, and not listened on, which keeps no server away
    that is told its number and says SO_REUSEADDR."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    _held.append(sock)
    return sock.getsockname()[1]


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def node_finds(module):
    if not shutil.which("node"):
        return False
    script = "require(%r)" % module
    command = ["node", "-e", script]
    return (
        subprocess.run(command, env=node_environment(), capture_output=True, check=False).returncode
        == 0
    )


def node_environment():
    return {**os.environ, "NODE_PATH": NODE_MODULES + ":" + DEBIAN_NODE_MODULES}


class System:
    """One kind of server. `command` gets a port and a folder of its own, and says how to start."""

    name = None
    load = ()  # what the generator must be told
    is_peer = False
    scenarios = None  # None: all in which peers take part
    lacks = ()  # but for these
    countable = False  # callgrind can count its instructions
    crowd_load = ()  # what the generator must be told where a crowd joins, and is told of nobody
    environment = None
    worker_is_child = False
    speaks_tls = False
    certificate = None  # of certificate.py; None: plain

    def __init__(self, build):
        self.build = build

    def missing(self):
        """Why it can't be started, or None."""
        return None

    def takes_part(self, kind):
        if self.scenarios is not None:
            return kind in self.scenarios
        return kind not in self.lacks

    def over_tls(self, certificate):
        """The same, over TLS."""
        secured = copy.copy(self)
        secured.certificate = certificate
        secured.load = (*self.load, "--tls")
        return secured

    def pair(self):
        """The files of the certificate and its key, as arguments; empty without TLS."""
        return [self.certificate.path, self.certificate.key] if self.certificate else []

    def command(self, port, folder):
        raise NotImplementedError

    def serve(self, cores, prefix=()):
        """What runs it; to be used with `with`."""
        return Server(self, cores, prefix)


class Toni(System):
    name = "toni"
    speaks_tls = True

    def __init__(
        self, build, workers=1, limits=None, provider="", gateway="rooms", tools=None, name="toni"
    ):
        """`tools` is the build whose gateways of the benchmarks are taken, if not `build`."""
        super().__init__(build)
        self.tools = tools or build
        self.name = name
        self.gateway = gateway
        self.provider = provider
        self.workers = workers
        self.limits = limits or {}
        if workers != 1:
            self.name = "%s, %d workers" % (name, workers)

    def command(self, port, folder):
        limits = {"connections": 16000, "message_bytes": 4194304, **self.limits}
        limits = " ".join("%s = %s;" % (key, json.dumps(value)) for key, value in limits.items())
        library = "%s_gateway.so" % self.gateway
        if self.gateway in ("others", "events"):  # made for the benchmarks alone
            library = os.path.join(os.path.abspath(self.tools), "tests", "bench", library)
        text = TONI_CONF.format(
            listen=self.listen(port),
            workers=self.workers,
            limits=limits,
            gateway=self.gateway,
            library=library,
            provider=self.provider,
            **self.cluster_keys(),
        )
        conf = write(os.path.join(folder, "gateways.conf"), text)
        return [os.path.join(self.build, "bin", "toni"), "run", "--allow-root", "-l", "error", "-c", conf]

    def cluster_keys(self):
        """What gateways.conf has besides if the host is one of several: cluster.py."""
        return {"admin": "", "cluster": "", "engine": ""}

    def listen(self, port):
        address = '"127.0.0.1:%d"' % port
        if not self.certificate:
            return address
        return '{ address = %s; tls = { certificate = "%s"; key = "%s"; }; }' % (address, *self.pair())


class SharedBatches(System):
    name = "shared_batches"
    lacks = ("many", "connect")
    countable = True

    def command(self, port, folder):
        return [self.program(), str(port)]

    def program(self):
        return os.path.join(self.build, "tests", "bench", "shared_batches")

    def missing(self):
        return None if os.path.exists(self.program()) else "there was no libwebsockets to build it with"


class BareSend(System):
    name = "bare_send"
    scenarios = ("single",)

    def command(self, port, folder):
        return [os.path.join(self.build, "tests", "bench", "bare_send"), str(port)]


class UWebSockets(System):
    name = "uwebsockets"
    is_peer = True
    countable = True
    crowd_load = ("--join=enter:{room}",)
    program = os.path.join(ROOT, "build", "peers", "uws_rooms")
    speaks_tls = True

    def missing(self):
        return None if os.path.exists(self.program) else "uWebSockets (scripts/setup bench)"

    def command(self, port, folder):
        return [self.program, str(port), *self.pair()]


class Ws(System):
    name = "ws"
    is_peer = True
    crowd_load = ("--join=enter:{room}",)
    speaks_tls = True
    environment = staticmethod(node_environment)

    def missing(self):
        return None if node_finds("ws") else "node with the module ws (Debian: node-ws)"

    def command(self, port, folder):
        return ["node", os.path.join(HERE, "peers", "ws_rooms.js"), str(port), *self.pair()]


class SocketIo(System):
    name = "socketio"
    is_peer = True
    environment = staticmethod(node_environment)
    load = (
        "--path=/socket.io/?EIO=4&transport=websocket",
        "--init=40",
        "--init-ms=4",
        '--join=42["join","{room}"]',
        '--publish=42["msg","{room}","{message}"]',
        '--ignored=42["none","{message}"]',
        "--settle-ms=1500",
    )

    def missing(self):
        return (
            None if node_finds("socket.io") else "the node module socket.io (scripts/setup bench)"
        )

    def command(self, port, folder):
        return ["node", os.path.join(HERE, "peers", "socketio_rooms.js"), str(port)]


class FromTemplate(System):
    """A peer that wants a file of configuration, from peers/NAME.conf.in."""

    def configuration(self, port, folder):
        with open(
            os.path.join(HERE, "peers", self.name + ".conf.in"), encoding="utf-8"
        ) as template:
            text = template.read().replace("@PORT@", str(port)).replace("@TLS@", self.tls())
        return write(os.path.join(folder, self.name + ".conf"), text)

    def tls(self):
        """What the template says of TLS."""
        return ""


class Nats(FromTemplate):
    name = "nats"
    is_peer = True
    load = (
        "--path=/",
        "--binary",
        '--init=CONNECT {"verbose":false}\\r\\n',
        "--join=SUB {room} 1\\r\\n",
        "--publish=PUB {room} {size}\\r\\n{message}\\r\\n",
        "--ignored=PUB none {size}\\r\\n{message}\\r\\n",
    )

    def missing(self):
        return None if which("nats-server") else "nats-server (Debian: nats-server)"

    def command(self, port, folder):
        return [which("nats-server"), "-c", self.configuration(port, folder)]


class Nchan(FromTemplate):
    name = "nchan"
    is_peer = True
    lacks = ("upload",)  # it ignores nothing
    load = ("--path=/rooms/{room}", "--join=", "--publish={message}")
    worker_is_child = True
    speaks_tls = True

    def tls(self):
        if not self.certificate:
            return ""
        pair = "ssl_certificate %s; ssl_certificate_key %s" % tuple(self.pair())
        return " ssl; ssl_protocols TLSv1.3; " + pair

    def missing(self):
        if which("nginx") and os.path.exists(NCHAN_MODULE):
            return None
        return "nginx with nchan (Debian: nginx libnginx-mod-nchan)"

    def command(self, port, folder):
        os.chmod(folder, 0o755)  # its worker runs as another user
        return [
            which("nginx"),
            "-e",
            "nchan.log",
            "-p",
            folder,
            "-c",
            self.configuration(port, folder),
        ]


OTHERS = {
    kind.name: kind
    for kind in (SharedBatches, BareSend, UWebSockets, Ws, SocketIo, Nats, Nchan)
}


class Server:
    """A system that runs, pinned to cores, in a folder of its own. Use it with `with`."""

    def __init__(self, system, cores, prefix=()):
        self.system = system
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="toni-bench-")
        self.log = os.path.join(self.folder, "log")
        command = [*prefix, *system.command(self.port, self.folder)]
        if cores:
            command = ["taskset", "-c", cores, *command]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=system.environment() if system.environment else None,
            )

    def where(self):
        """As options of the load generator."""
        return ["--port=%d" % self.port, "--pid=%d" % self.pid]

    @property
    def pid(self):
        """Of the process that does the work."""
        if not self.system.worker_is_child:
            return self.process.pid
        with open(
            "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii"
        ) as children:
            return int(children.read().split()[0])

    def __enter__(self):
        try:
            self.wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until_it_listens(self):
        end = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("%s does not start: %s" % (self.system.name, self.log_tail()))
            time.sleep(0.02)
        time.sleep(0.2)  # so that it has seen the probe go

    def log_tail(self):
        with open(self.log, "rb") as log:
            return log.read()[-2000:].decode("utf-8", "replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
