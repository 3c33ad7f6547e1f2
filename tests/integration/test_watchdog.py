"""A worker that a plugin holds up: it is named while it is, and ends the host if `watchdog_ms` says so."""

import signal
import time
import unittest

from toni_host import (
    ECHO,
    PROBE,
    SANITIZER,
    SLOWNESS,
    Client,
    Host,
    configuration,
    gateway,
    main,
    open_socket,
)

HELD = "a callback has not returned yet: its worker waits, and so do all clients of that"
NO_CALLBACK = (
    "a turn of a worker does not end, in no callback: all its clients wait; another thread may be in the "
    "instance that it calls"
)
ENDS = "a worker is held up for longer than watchdog_ms: the watchdog ends the host"
CRASHES = "the host crashes, in a call of a plugin"
PATIENT = gateway("patient", "probe_gateway.so", "/patient", {"callback_ms": 3600000})


class WatchdogTestCase(unittest.TestCase):
    def start(self, *gateways, workers=1, **limits):
        limits.setdefault("callback_ms", 200)
        host = Host(
            configuration(gateways or [PROBE, ECHO], workers=workers, limits=limits, http="127.0.0.1:0")
        ).start()
        self.addCleanup(host.kill)
        return host

    def client(self, host, path="/probe"):
        client = Client(host.address, path)
        self.addCleanup(client.sock.close)
        client.read()
        return client


class TestHeldUp(WatchdogTestCase):
    def test_who_holds_a_worker_up_is_named_meanwhile(self):
        for workers in (1, 4):
            with self.subTest(workers=workers):
                host = self.start(workers=workers)
                client = self.client(host)
                client.send("slow:%d" % (4000 * SLOWNESS))
                line = host.wait_log(msg=HELD)
                self.assertEqual((line["level"], line["instance"], line["callback"]), ("warn", "probe", "on_message"))
                self.assertEqual((line["clients"], line["limit_ms"]), ("1", "200"))
                self.assertGreater(int(line["held_ms"]), 200)
                self.assertEqual(host.log(msg=lambda text: text.startswith("a callback was slow")), [])
                self.assertTrue(client.ask("id").startswith("id="))  # once it has returned
                self.assertEqual(len(host.log(msg=HELD)), 1)  # though it was looked at several times
                host.stop()

    def test_each_gateway_has_its_own_limit(self):
        host = self.start(PROBE, PATIENT)
        patient = self.client(host, "/patient")
        patient.send("slow:2500")
        self.assertTrue(patient.ask("id").startswith("id="))
        self.assertEqual(host.log(msg=HELD), [])
        host.stop()

    def test_it_is_named_too_where_another_thread_is_in_the_instance(self):
        host = self.start(gateway("both", "both_gateway.so", "/both"))
        client = Client(host.address, "/both")
        self.addCleanup(client.sock.close)
        client.ask("x")
        with open_socket(host.http_address) as request:
            request.sendall(b"GET /both/sleep HTTP/1.1\r\nHost: localhost\r\n\r\n")
            host.wait_log(msg="asleep")
            client.send("x")
            line = host.wait_log(msg=NO_CALLBACK)
            self.assertEqual(line["instance"], "both")
            client.expect("2 messages, 1 requests")
        host.stop()


class TestTheEnd(WatchdogTestCase):
    def test_the_host_ends_and_says_who_and_where(self):
        for workers in (1, 4):
            with self.subTest(workers=workers):
                host = self.start(workers=workers, watchdog_ms=500)
                client = self.client(host)
                name = client.ask("id").split("=", 1)[1]
                client.send("slow:60000")
                code = host.wait_exit()
                if SANITIZER:
                    self.assertNotEqual(code, 0)
                else:
                    self.assertEqual(code, -signal.SIGABRT)
                (line,) = host.log(msg=ENDS)
                self.assertEqual((line["level"], line["instance"], line["callback"]), ("error", "probe", "on_message"))
                self.assertEqual(line["limit_ms"], "500")
                (line,) = host.log(msg=CRASHES)
                self.assertEqual((line["instance"], line["callback"], line["client"]), ("probe", "on_message", name))
                frames = host.log(msg="frame")
                self.assertTrue(any("probe_gateway" in frame["file"] for frame in frames), frames)

    def test_it_is_off_by_default(self):
        host = self.start()
        client = self.client(host)
        client.send("slow:3000")
        self.assertTrue(client.ask("id").startswith("id="))
        self.assertEqual(host.log(msg=ENDS), [])
        host.stop()

    def test_who_is_slow_but_goes_on_does_not_end_the_host(self):
        """Each callback takes a fifth of the limit, the turn much longer than that."""
        limit_ms = 1000 * SLOWNESS
        host = self.start(watchdog_ms=limit_ms)
        clients = [self.client(host) for _ in range(20)]
        for client in clients:
            client.send("slow:%d" % (limit_ms // 5))
        for client in clients:
            self.assertTrue(client.ask("id").startswith("id="))
        self.assertEqual(host.log(msg=ENDS), [])
        host.stop()

    def test_a_process_that_stood_still_is_not_ended_for_that(self):
        """As with a virtual machine that is moved while a worker is in a callback."""
        limit_ms = 2000 * SLOWNESS
        host = self.start(watchdog_ms=limit_ms)
        client = self.client(host)
        for _ in range(2):
            client.send("naps:%d" % (limit_ms // 20))  # a nap takes longer on a machine that is busy
            time.sleep(limit_ms / 40000)  # it is in the callback, and was seen there
            host.process.send_signal(signal.SIGSTOP)
            time.sleep(limit_ms * 1.5 / 1000)
            host.process.send_signal(signal.SIGCONT)
            self.assertTrue(client.ask("id").startswith("id="))
        self.assertEqual(host.log(msg=ENDS), [])
        client.send("slow:60000")
        self.assertNotEqual(host.wait_exit(), 0)  # who is held up after that ends the host as ever
        self.assertEqual(len(host.log(msg=ENDS)), 1)

    def test_of_several_who_stood_still_none_is_ended_for_that(self):
        """The watchdog sees the one that is held up for longest, and the other once that has returned."""
        limit_ms = 4000 * SLOWNESS
        host = self.start(PROBE, gateway("other", "probe_gateway.so", "/other"), workers=2, watchdog_ms=limit_ms)
        first, second = self.client(host), self.client(host, "/other")
        first.send("naps:%d" % (limit_ms // 16))
        time.sleep(0.05)
        second.send("naps:%d" % (limit_ms * 3 // 8))
        time.sleep(0.05)  # both are in their callbacks
        host.process.send_signal(signal.SIGSTOP)
        time.sleep(limit_ms * 1.5 / 1000)
        host.process.send_signal(signal.SIGCONT)
        for client in (first, second):
            self.assertTrue(client.ask("id").startswith("id="))
        self.assertEqual(host.log(msg=ENDS), [])
        host.stop()

    def test_a_reload_sets_it(self):
        host = self.start()
        with open(host.conf, encoding="utf-8") as file:
            text = file.read()
        with open(host.conf, "w", encoding="utf-8") as file:
            file.write(text.replace("callback_ms = 200", "callback_ms = 200; watchdog_ms = 300"))
        host.process.send_signal(signal.SIGHUP)
        host.wait_log(msg=lambda text: text.startswith("reload"))
        client = self.client(host)
        client.send("slow:60000")
        self.assertNotEqual(host.wait_exit(), 0)
        self.assertEqual(len(host.log(msg=ENDS)), 1)


if __name__ == "__main__":
    main(beside=4)
