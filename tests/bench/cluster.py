"""Several servers that share their rooms over one redis-server, as one system to measure; and what the engine for Redis
publishes by itself."""

import copy
import glob
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from systems import HERE, ROOT, START_S, STOP_S, Server, SocketIo, Toni, free_port, node_finds

ADAPTER = "@socket.io/redis-adapter"


def redis_program():
    """Where scripts/setup puts it, or what is installed."""
    places = os.path.join(ROOT, "build", "redis") + os.pathsep + os.environ["PATH"]
    return shutil.which("redis-server", path=places)


def cpu_s(pid):
    """Processor time of all threads of a process."""
    total_ns = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with open(path, encoding="ascii") as line:
            total_ns += int(line.read().split()[0])
    return total_ns / 1e9


class Redis:
    """A redis-server that keeps nothing on disk. Use it with `with`."""

    def __init__(self, cores):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="toni-bench-redis-")
        command = [redis_program(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--dir", self.folder, "--logfile", "log"]
        if cores:
            command = ["taskset", "-c", cores, *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def __enter__(self):
        end = time.monotonic() + START_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError("redis-server does not start")
            time.sleep(0.02)
        return self

    def answers(self):
        ping = ["redis-cli", "-p", str(self.port), "ping"]
        return subprocess.run(ping, capture_output=True, text=True, check=False).stdout == "PONG\n"

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Nodes:
    """Servers of one kind and their Redis, all on the same cores. Use it with `with`."""

    def __init__(self, system, cores, prefix=()):
        self.system = system
        self.cores = cores
        self.prefix = prefix
        self.redis = Redis(cores)
        self.servers = []

    def __enter__(self):
        try:
            self.redis.__enter__()
            for index in range(self.system.nodes):
                node = self.system.node(index, self.redis.port)
                self.servers.append(Server(node, self.cores, self.prefix))
                self.servers[-1].wait_until_it_listens()
            for server in self.servers:
                server.system.wait_until_it_is_one_of_them()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def where(self):
        return [option for server in self.servers for option in server.where()]

    @property
    def pid(self):
        """Of the first node."""
        return self.servers[0].pid

    def log_tail(self):
        return "".join(server.log_tail() for server in self.servers)

    def stop(self):
        for server in self.servers:
            server.stop()
        self.redis.stop()


class ToniNodes(Toni):
    """Hosts with the engine for Redis."""

    def __init__(self, build, nodes, name):
        super().__init__(build, name=name)
        self.nodes = nodes
        self.index = self.redis_port = self.admin_port = None

    def missing(self):
        return None if redis_program() else "redis-server (scripts/setup)"

    def serve(self, cores, prefix=()):
        return Nodes(self, cores, prefix)

    def node(self, index, redis_port):
        one = copy.copy(self)
        one.index, one.redis_port, one.admin_port = index, redis_port, free_port()
        return one

    def cluster_keys(self):
        return {
            "admin": 'admin = "127.0.0.1:%d";' % self.admin_port,
            "cluster": 'cluster = { engine = "redis"; node = "node-%d"; ready = true; };' % self.index,
            "engine": ', { service = "redis"; library = "redis_engine.so";'
            ' options = { servers = [ "127.0.0.1:%d" ]; }; }' % self.redis_port,
        }

    def wait_until_it_is_one_of_them(self):
        """Until the host says that its server is up."""
        end = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/readyz" % self.admin_port, timeout=5).close()
                return
            except urllib.error.HTTPError:
                if time.monotonic() > end:
                    raise RuntimeError("%s: its Redis does not come up" % self.name) from None
            time.sleep(0.05)


class SocketIoNodes(SocketIo):
    """Node processes with Socket.IO's adapter for Redis."""

    def __init__(self, build, nodes, name):
        super().__init__(build)
        self.name = name
        self.nodes = nodes
        self.redis_port = None

    def missing(self):
        if not redis_program():
            return "redis-server (scripts/setup)"
        if not node_finds(ADAPTER):
            return "the node module %s (scripts/setup bench)" % ADAPTER
        return super().missing()

    def serve(self, cores, prefix=()):
        return Nodes(self, cores, prefix)

    def node(self, index, redis_port):
        del index
        one = copy.copy(self)
        one.redis_port = redis_port
        return one

    def command(self, port, folder):
        script = os.path.join(HERE, "peers", "socketio_rooms.js")
        return ["node", script, str(port), str(self.redis_port)]

    def wait_until_it_is_one_of_them(self):
        """It listens once its adapter is connected."""


# --- What the engine publishes by itself


def driver_of(build):
    """tests/integration/engine_driver.c, which plays the host."""
    return os.path.join(build, "tests", "bench", "engine_driver")


def flood(build, cores, load_core, messages, count):
    """So many publishes of 256 bytes to 1,000 rooms by one engine, 1,000 unanswered at most; `messages`: of a history, 0:
    without one. The report's times are those of the engine's process and of Redis's."""
    plugin = os.path.join(build, "lib", "toni", "plugins", "redis_engine.so")
    with Redis(cores) as redis:
        command = [driver_of(build), plugin, "servers=127.0.0.1:%d" % redis.port]
        if load_core:
            command = ["taskset", "-c", load_core, *command]
        driver = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        try:
            return drive(driver, redis, messages, count)
        finally:
            driver.stdin.close()
            driver.wait(STOP_S)
            driver.stdout.close()


def drive(driver, redis, messages, count):
    def say(line, answer):
        driver.stdin.write(line + "\n")
        for told in driver.stdout:
            words = told.split()
            if words[0] == answer:
                return words
        raise RuntimeError("the engine's driver has ended")

    say("open 0 1", "connected")
    incarnation = say("hello 0 1 5001 a", "hello")[4]
    flooding = "flood %d 1000 1000 %d %s a"
    say(flooding % (count // 10, messages, incarnation), "flooded")
    before = cpu_s(driver.pid), cpu_s(redis.process.pid)
    words = say(flooding % (count, messages, incarnation), "flooded")
    engine_s, redis_s = cpu_s(driver.pid) - before[0], cpu_s(redis.process.pid) - before[1]
    if int(words[3]) != count:
        raise RuntimeError("%s of %d publishes were applied" % (words[3], count))
    return {
        "publishes_per_s": count / (int(words[2]) / 1e6),
        "publishes_per_redis_cpu_s": count / redis_s,
        "engine_us": 1e6 * engine_s / count,
        "redis_us": 1e6 * redis_s / count,
    }
