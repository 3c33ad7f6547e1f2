"""The wall clock is set, forward and back, while the host serves: all its deadlines go by another one."""

import mmap
import os
import struct
import tempfile
import time
import unittest

from toni_host import (
    ECHO,
    FIXTURES,
    SANITIZER,
    SLOWNESS,
    Client,
    Host,
    configuration,
    exchange,
    gateway,
    main,
    open_socket,
    service,
)

PRELOAD = os.path.join(FIXTURES, "preload_clock.so")
DAY = 86400
SHORT_MS = 1000 * SLOWNESS
LIMITS = {
    "handshake_ms": SHORT_MS, "http_request_ms": SHORT_MS, "ping_ms": SHORT_MS, "pong_timeout_ms": 20 * SHORT_MS,
    "http_kept_ms": SHORT_MS,
}
IDLE = gateway("idle", "echo_gateway.so", "/idle", {"idle_ms": 2 * SHORT_MS})
TASKS = gateway("tasks", "tasks_gateway.so", "/tasks")
KEPT = service("kept", "kept_service.so", None)


@unittest.skipIf(SANITIZER, "what is loaded before a sanitizer's runtime keeps that from starting")
class TestSteps(unittest.TestCase):
    def setUp(self):
        with tempfile.NamedTemporaryFile(prefix="toni-test-", delete=False) as file:
            file.write(bytes(8))
        self.addCleanup(os.unlink, file.name)
        with open(file.name, "r+b") as again:
            self.mapping = mmap.mmap(again.fileno(), 0)

        def preload():
            os.environ["LD_PRELOAD"] = PRELOAD
            os.environ["TONI_CLOCK"] = file.name

        self.host = Host(
            configuration([ECHO, IDLE, TASKS, KEPT], workers=2, limits=LIMITS, http="127.0.0.1:0", admin="127.0.0.1:0"),
            before_exec=preload,
        ).start()
        self.addCleanup(self.host.kill)

    def step(self, seconds):
        self.mapping[:] = struct.pack("=q", seconds)

    def client(self, path):
        client = Client(self.host.address, path)
        self.addCleanup(client.sock.close)
        return client

    def ends_in_time(self, address, data=b""):
        """Who says no more than that is closed: not at once, and not a day later."""
        with open_socket(address) as sock:
            began = time.monotonic()
            sock.sendall(data)
            while sock.recv(4096):
                pass
            took = time.monotonic() - began
        self.assertGreater(took, SHORT_MS / 1000 * 0.8)
        self.assertLess(took, SHORT_MS / 1000 * 5)

    def all_is_in_time(self, step):
        staying, idle, tasks = self.client("/echo"), self.client("/idle"), self.client("/tasks")
        tasks.send("every:100:1000000")
        first = tasks.read()
        self.step(step)
        began = time.monotonic()
        self.assertEqual(staying.ask("here"), "here")
        self.assertNotEqual(tasks.read(), first)
        self.ends_in_time(self.host.address)
        self.ends_in_time(self.host.http_address, b"GET / HTTP/1.1\r\n")
        answer = exchange(self.host.http_address, b"GET /kept/forget HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(answer.status, 504)
        idle.expect_close(1001)
        self.assertLess(time.monotonic() - began, SHORT_MS / 1000 * 20)
        self.assertEqual(staying.ask("still here"), "still here")  # the ping that it has now answered has waited

    def test_forward(self):
        self.all_is_in_time(400 * DAY)

    def test_back(self):
        self.all_is_in_time(-400 * DAY)

    def test_the_log_and_answers_tell_the_time_that_is_set(self):
        self.step(400 * DAY)
        answer = exchange(self.host.admin_address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(answer.status, 200)
        self.host.stop()
        told = self.host.lines[-1][1]["time"][:4]
        self.assertIn(int(told), (time.gmtime().tm_year + 1, time.gmtime().tm_year + 2))


if __name__ == "__main__":
    main()
