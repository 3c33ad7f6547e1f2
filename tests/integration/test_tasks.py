"""Timers, posts and jobs of a gateway, as its clients see them."""

import threading
import time
import unittest

from toni_host import (
    DEADLINE,
    TASKS,
    Client,
    Host,
    HostTestCase,
    both,
    configuration,
    gateway,
    main,
    run_toni,
    scaled,
)


@both
class TestTasks(HostTestCase):
    gateways = (TASKS,)

    def open(self):
        return self.client("/tasks")

    def test_after(self):
        client = self.open()
        started = time.monotonic()
        self.assertEqual(client.ask("after:50"), "after 0")
        self.assertGreaterEqual(time.monotonic() - started, 0.05)
        self.assertEqual(client.ask("after:0"), "after 0")

    def test_timers_come_by_time(self):
        client = self.open()
        client.send("after:1000")
        client.send("every:50:1")
        client.expect("every 1", "released 1", "after 0")

    def test_every_until_it_cancels_itself(self):
        client = self.open()
        started = time.monotonic()
        client.send("every:20:3")
        client.expect("every 1", "every 2", "every 3", "released 3")
        self.assertGreaterEqual(time.monotonic() - started, 0.06)

    def test_post(self):
        client = self.open()
        for _ in range(20):
            self.assertEqual(client.ask("post"), "post 0")

    def test_cancel(self):
        client = self.open()
        self.assertEqual(client.ask("cancel:0"), "released 0")
        self.assertEqual(client.ask("cancel:100000"), "released 0")

    def test_what_is_refused(self):
        client = self.open()
        self.assertEqual(client.ask("every:0:1"), "TONI_ERR_INVALID")
        self.assertEqual(client.ask("after:9999999999999999"), "TONI_ERR_INVALID")
        self.assertEqual(client.ask("post"), "post 0")

    def test_a_job_holds_up_nobody(self):
        client = self.open()
        client.send("work:1000")
        client.send("post")
        client.send("after:10")
        client.expect("post 0", "after 0", "worked 7")

    def test_tasks_and_messages_are_serialised(self):
        """The gateway counts without a lock, in messages and in posts; neither may be lost."""
        each, clients = scaled(500, 100), [self.open() for _ in range(8)]
        before = int(clients[0].ask("count").split()[1])
        for _ in range(4):
            for client in clients:
                client.send("bump:%d" % each)
        for client in clients:
            client.expect(*["bumped %d" % each] * 4)
        after = int(clients[0].ask("count").split()[1])
        self.assertEqual(after - before, 4 * len(clients) * (each + 1))

    def test_a_client_that_is_gone_harms_no_task(self):
        gone = self.open()
        gone.send("every:1:1000000")
        gone.send("after:20")
        gone.expect("every 1")
        gone.reset()
        self.assertEqual(self.open().ask("after:100"), "after 0")


class TestOthersGoOn(unittest.TestCase):
    """A 10 ms timer of one instance, while another is busy for 1.5 s: its longest gap stays far below that."""

    BUSY_S = 1.5

    def start(self):
        self.host = Host("")
        self.addCleanup(self.host.kill)
        self.configure(1)
        self.host.start()

    def configure(self, version):
        slow = gateway("slow", "tasks_gateway.so", "/slow", options={"export_ms": 1500, "version": version})
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([TASKS, slow], workers=2, limits={"swap_ms": 5000}))

    def longest_gap_while(self, busy):
        """busy: called on another thread; takes BUSY_S or more."""
        client = Client(self.host.address, "/tasks")
        self.addCleanup(client.drop)
        client.send("every:10:1000000")
        client.expect("every 1")
        thread = threading.Thread(target=busy)
        thread.start()
        gap, before = 0, time.monotonic()
        while thread.is_alive():
            client.read()
            now = time.monotonic()
            gap, before = max(gap, now - before), now
        thread.join()
        return gap

    def check(self, busy):
        began = time.monotonic()
        gap = self.longest_gap_while(busy)
        self.assertGreaterEqual(time.monotonic() - began, self.BUSY_S)
        self.assertLess(gap, self.BUSY_S * 0.6)

    def client_asks(self, text, answer):
        """Of the slow gateway; on the worker that the ticking client is not on, as far as one can tell."""

        def ask():
            client = Client(self.host.address, "/slow")
            client.send(text)
            client.expect(answer)
            client.drop()

        return ask

    def test_a_slow_task(self):
        self.start()
        self.check(self.client_asks("stall:1500", "stalled 0"))

    def test_a_slow_callback(self):
        self.start()
        self.check(self.client_asks("sleep:1500", "slept"))
        self.host.stop()

    def test_a_slow_swap(self):
        self.start()
        waits = Client(self.host.address, "/slow")  # its timer is due all the while
        self.addCleanup(waits.drop)
        waits.send("every:10:1000000")
        waits.expect("every 1")
        self.configure(2)

        def reload():
            self.answer = run_toni("reload", "-c", self.host.conf)

        self.check(reload)
        self.assertEqual(self.answer.returncode, 0, self.answer.stdout + self.answer.stderr)


class TestEnds(unittest.TestCase):
    def ends(self, *requests, jobs=0):
        """Asks for these, and stops the host once so many jobs have begun; its log's lines of the
        gateway, in order."""
        host = Host(configuration([TASKS], workers=4)).start()
        self.addCleanup(host.kill)
        client = Client(host.address, "/tasks")
        self.addCleanup(client.sock.close)
        for request in requests:
            client.send(request)
        client.send("bump:1")
        while client.read() != "bumped 1":
            pass
        deadline = time.monotonic() + DEADLINE
        while len(host.log(msg="job begun")) < jobs:
            self.assertLess(time.monotonic(), deadline, "jobs don't begin")
            time.sleep(0.01)
        host.stop()
        return [line["msg"] for line in host.log(instance="tasks")]

    def test_what_is_asked_for_in_create_comes_after_it(self):
        lines = self.ends()
        self.assertEqual(lines, ["create", "early", "destroy: 0 outstanding, TONI_ERR_CLOSING"])

    def test_the_end_cancels_and_releases(self):
        lines = self.ends("every:1:1000000", "after:100000", "every:100000:1", "cancel:5000")
        self.assertEqual(lines[-1], "destroy: 0 outstanding, TONI_ERR_CLOSING")

    def test_the_end_waits_for_jobs_that_run(self):
        lines = self.ends(*["work:1500"] * 4, *["work:0"] * 4, jobs=4)
        self.assertEqual(lines[-1], "destroy: 0 outstanding, TONI_ERR_CLOSING")
        self.assertEqual(lines.count("job ended"), lines.count("job begun"))


if __name__ == "__main__":
    main()
