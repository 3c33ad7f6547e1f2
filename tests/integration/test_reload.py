"""`toni reload`: what changed takes its place while clients stay connected, or nothing does and the reason is shown."""

import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from toni_host import (
    CLOSE,
    DEADLINE,
    ECHO,
    FIXTURES,
    PLUGINS,
    SANITIZER,
    TONI,
    Client,
    Host,
    configuration,
    gateway,
    main,
    run_toni,
    scaled,
    service,
)

HOOKS = {"hook_ms": 300, "swap_ms": 300, "close_ms": 300}


def build(version, concurrent=False):
    return os.path.join(FIXTURES, "swap_%s%s.so" % (version, "_concurrent" if concurrent else ""))


class ReloadTestCase(unittest.TestCase):
    concurrent = False
    workers = 1

    def start(self, *providers, limits=None, **more):
        """A host with a gateway whose library is a file of its own, so that it can be replaced."""
        host = Host("")
        self.addCleanup(host.kill)
        self.host = host
        self.library = os.path.join(host.folder, "swapped.so")
        shutil.copy(build(1, self.concurrent), self.library)
        self.limits = dict(HOOKS, **(limits or {}))
        self.more = more
        self.configure(*(providers or [self.swapped()]))
        host.start()
        return host

    def swapped(self, **options):
        return gateway("swapped", self.library, "/swap", options=options or None)

    def configure(self, *providers, limits=None):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(
                configuration(
                    providers, workers=self.workers, limits=dict(self.limits, **(limits or {})), **self.more
                )
            )

    def replace(self, version):
        """As a careful person does it: the new file gets the old one's name at once."""
        new = self.library + ".new"
        shutil.copy(build(version, self.concurrent), new)
        os.rename(new, self.library)

    def reload(self, code=0):
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout if code == 0 else result.stderr

    def client(self, path="/swap"):
        client = Client(self.host.address, path)
        self.addCleanup(client.drop)
        return client

    def ask(self, client, text):
        client.send(text)
        return client.read()

    def refused(self, *words, code=1):
        """Reloads, which must fail for a reason that holds these words; the log has it too."""
        self.host.expect_error(msg="reload refused")
        text = self.reload(code)
        for word in words:
            self.assertIn(word, text)
        self.host.wait_log(msg="reload refused", fault=lambda f: words[0] in f)
        return text


class TestSwap(ReloadTestCase):
    def test_a_replaced_library_takes_over_with_state_and_clients(self):
        host = self.start()
        client = self.client()
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        self.assertEqual(self.ask(client, "kept"), "connected by version 1")
        client.send("join:den")
        self.replace(2)
        text = self.reload()
        self.assertIn("1 swapped, 0 added, 0 removed", text)
        self.assertIn("gateway `swapped`: swapped, with its state", text)
        self.assertEqual(self.ask(client, "count"), "version 2 count 2")
        self.assertEqual(self.ask(client, "kept"), "adopted by version 2")
        self.assertEqual(self.ask(client, "pub:den:still here"), "still here")
        late = self.client()
        self.assertEqual(self.ask(late, "kept"), "connected by version 2")
        line = host.wait_log(msg="swapped", gateway="swapped")
        self.assertEqual(line["generation"], "2")
        self.assertEqual(line["because"], "another content of its library")
        self.assertEqual(line["state"], "with its state")
        host.wait_log(msg="destroying version 1")
        self.assertEqual(len(host.log(msg="destroying version 1")), 1)
        self.assertEqual(len(host.log(msg="stopping version 1: swapped")), 1)
        client.close()
        late.close()
        self.check_status()
        host.stop()
        self.assertEqual(len(host.log(msg="stopping version 2: the host ends")), 1)

    def check_status(self):
        """What `toni status` tells of it."""
        status = json.loads(run_toni("status", "-c", self.host.conf, "--format=json").stdout)
        self.assertEqual((status["reloads"], status["old_libraries"]), (1, 1))
        self.assertIn("1 swapped", status["last_reload"]["text"])
        (instance,) = status["instances"]
        self.assertEqual((instance["generation"], instance["version"]), (2, "0.2"))
        self.assertGreater(instance["since"], status["since"])

    def test_a_gateway_becomes_a_service_too_and_one_alone_again(self):
        def becomes(library):
            shutil.copy(library, self.library + ".new")
            os.rename(self.library + ".new", self.library)
            self.assertIn("1 swapped, 0 added, 0 removed", self.reload())
            status = json.loads(run_toni("status", "-c", self.host.conf, "--format=json").stdout)
            return status["instances"][0]["generation"]

        def status_of_request():
            connection = http.client.HTTPConnection(self.host.http_address, timeout=DEADLINE)
            connection.request("GET", "/swap")
            status = connection.getresponse().status
            connection.close()
            return status

        echo = os.path.join(PLUGINS, "echo_gateway.so")
        host = self.start(http="127.0.0.1:0")
        self.assertEqual(becomes(echo), 2)
        client = self.client()
        self.assertEqual(self.ask(client, "hello"), "hello")
        self.assertEqual(status_of_request(), 404)
        self.assertEqual(becomes(os.path.join(FIXTURES, "both_gateway.so")), 3)
        self.assertEqual(status_of_request(), 200)
        self.assertEqual(self.ask(client, "hello"), "1 messages, 1 requests")
        self.assertEqual(becomes(echo), 4)
        self.assertEqual(self.ask(client, "hello"), "hello")
        self.assertEqual(status_of_request(), 404)
        client.close()
        host.stop()

    def test_nothing_changed_changes_nothing(self):
        host = self.start()
        client = self.client()
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        os.utime(self.library)
        self.assertIn("0 swapped, 0 added, 0 removed", self.reload())
        self.assertEqual(self.ask(client, "kept"), "connected by version 1")
        client.close()
        host.stop()

    def test_other_options_and_another_path_swap(self):
        host = self.start()
        client = self.client()
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        self.configure(self.swapped(padding=10))
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "count"), "version 1 count 2")
        self.configure(gateway("swapped", self.library, "/elsewhere", options={"padding": 10}))
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "count"), "version 1 count 3")  # connected to the old path
        late = self.client("/elsewhere")
        self.assertEqual(self.ask(late, "count"), "version 1 count 4")
        with self.assertRaisesRegex(Exception, "404"):
            self.client("/swap")
        client.close()
        late.close()
        host.stop()

    def test_clients_with_data_need_a_version_that_adopts_them(self):
        host = self.start()
        clients = [self.client() for _ in range(3)]
        for client in clients:
            self.assertEqual(self.ask(client, "count"), "version 1 count %d" % (1 + clients.index(client)))
        self.replace("no_adopt")
        self.refused("gateway `swapped`: 3 clients carry data", "add on_adopt")
        self.assertEqual(self.ask(clients[0], "kept"), "connected by version 1")
        clients.pop().close()
        self.wait_answer(1, "2 clients carry data")
        for client in clients:
            client.close()
        self.wait_answer(0, "1 swapped")  # once nobody carries any
        self.assertEqual(self.ask(self.client(), "kept"), "connected by version 2")
        self.replace(1)
        self.assertIn("1 swapped", self.reload())
        host.stop()

    def wait_answer(self, code, words):
        """Reloads until that is the answer: a client's end takes its while."""
        end = time.monotonic() + DEADLINE
        while True:
            self.host.expect_error(msg="reload refused")
            result = run_toni("reload", "-c", self.host.conf)
            if result.returncode == code and words in result.stdout + result.stderr:
                return
            self.assertLess(time.monotonic(), end, result.stdout + result.stderr)

    def test_who_was_refused_is_not_adopted(self):
        """Its end is nobody's to be told of; it is there until it has answered the close."""
        host = self.start(gateway("swapped", "refuse_gateway.so", "/swap"), limits={"close_ms": 10000})
        refused = self.client()
        self.assertEqual(refused.read_frame()[1], CLOSE)
        self.configure(self.swapped(fail="on_adopt"), limits={"close_ms": 10000})
        self.assertIn("1 swapped", self.reload())
        refused.drop()
        client = self.client()
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        self.assertEqual(host.log(callback="on_adopt"), [])
        client.close()
        host.stop()

    def test_a_sighup_does_the_same(self):
        host = self.start()
        client = self.client()
        self.replace(2)
        host.process.send_signal(signal.SIGHUP)
        host.wait_log(msg="reloaded", swapped="1")
        self.assertEqual(self.ask(client, "count"), "version 2 count 1")
        client.close()
        host.stop()

    def test_gateways_are_added_and_removed(self):
        host = self.start()
        client = self.client()
        with self.assertRaisesRegex(Exception, "404"):
            self.client("/echo")
        self.configure(self.swapped(), ECHO)
        self.assertIn("0 swapped, 1 added, 0 removed", self.reload())
        echo = self.client("/echo")
        self.assertEqual(self.ask(echo, "hello"), "hello")
        self.configure(ECHO)
        reloading = threading.Thread(target=self.reload)
        reloading.start()
        client.expect_close(1001)
        reloading.join(DEADLINE)
        self.assertEqual(self.ask(echo, "again"), "again")
        with self.assertRaisesRegex(Exception, "404"):
            self.client("/swap")
        host.wait_log(msg="destroying version 1")
        self.configure(ECHO, self.swapped())  # and comes back
        self.assertIn("1 added", self.reload())
        self.assertEqual(self.ask(self.client(), "count"), "version 1 count 1")
        echo.close()
        host.stop()

    def test_limits_change_without_a_swap(self):
        host = self.start()
        client = self.client()
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        self.configure(gateway("swapped", self.library, "/swap", limits={"message_bytes": 10}))
        self.assertIn("0 swapped, 0 added, 0 removed, 1 with other limits", self.reload())
        self.assertEqual(self.ask(client, "kept"), "connected by version 1")
        client.send("x" * 11)
        client.expect_close(1009)
        host.stop()

    def test_what_needs_a_restart_is_refused(self):
        host = self.start()
        port = host.address.rsplit(":", 1)[1]
        self.configure(self.swapped(), limits={"connections": 7})
        self.refused("limits.connections is 7", "toni restart", code=2)
        self.more["listen"] = "127.0.0.1:" + port
        self.workers += 1
        self.configure(self.swapped())
        self.refused("listen.websocket", "workers", "toni restart", code=2)
        with open(host.conf, "a", encoding="utf-8") as out:
            out.write('control = "elsewhere.sock";\n')
        host.expect_error(msg="reload refused")
        host.process.send_signal(signal.SIGHUP)
        host.wait_log(msg="reload refused", fault=lambda f: "elsewhere.sock" in f)
        host.stop()

    def test_faults_are_all_shown_and_nothing_changes(self):
        host = self.start()
        client = self.client()
        self.replace(2)
        with open(host.conf, "a", encoding="utf-8") as out:
            out.write("unknown = 1;\nworkers2 = 2;\n")
        text = self.refused("unknown", code=2)
        self.assertIn("workers2", text)
        checked = run_toni("check", "-c", host.conf)
        self.assertEqual(checked.returncode, 2)
        self.assertEqual(checked.stderr, text)  # as `toni check` says it
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        with open(host.conf, "w", encoding="utf-8") as out:
            out.write("listen = {")
        self.refused("syntax error", code=2)
        self.assertEqual(self.ask(client, "count"), "version 1 count 2")
        self.configure(self.swapped())
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "count"), "version 2 count 3")
        client.close()
        host.stop()

    def test_bad_libraries(self):
        host = self.start()
        client = self.client()
        with open(build(2, self.concurrent), "rb") as file:
            whole = file.read()
        with open(self.library, "rb+") as file:  # in place, while it runs
            file.write(b"\xcc" * len(whole))
        self.refused("is not ELF", code=2)
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        with open(self.library, "wb") as file:  # half-way through copying
            file.write(whole[: len(whole) // 2])
        self.refused(self.library, code=2)
        self.assertEqual(self.ask(client, "count"), "version 1 count 2")
        shutil.copy(os.path.join(FIXTURES, "bad_major.so"), self.library)
        self.refused("ABI 2.0", code=2)
        os.unlink(self.library)
        self.refused("can't be opened", code=2)
        self.assertEqual(self.ask(client, "count"), "version 1 count 3")
        client.close()
        host.stop()


class TestFailures(ReloadTestCase):
    """A failure and a time-out at every step: the old version goes on, and the reason is shown."""

    def goes_on(self, client, count):
        self.assertEqual(self.ask(client, "count"), "version 1 count %d" % count)
        self.assertEqual(self.ask(client, "kept"), "connected by version 1")
        late = self.client()
        self.assertEqual(self.ask(late, "count"), "version 1 count %d" % (count + 1))
        late.close()

    def test_the_new_version_fails(self):
        host = self.start()
        client = self.client()
        count = 1
        for hook in ("create", "start", "import_state"):
            with self.subTest(hook=hook):
                self.configure(self.swapped(fail=hook))
                self.refused(
                    "%s of the new version returned TONI_ERR_FAILED (asked to fail in %s)" % (hook, hook),
                    "`swapped`",
                )
                self.goes_on(client, count)
                count += 2
        client.close()
        host.stop()

    def test_the_new_version_hangs(self):
        host = self.start()
        client = self.client()
        count = 1
        for hook in ("create", "start", "import_state"):
            with self.subTest(hook=hook):
                self.configure(self.swapped(hang=hook))
                self.refused("%s of the new version did not return within hook_ms (300)" % hook)
                host.wait_log(msg="a life-cycle hook has not returned: it is given up", hook=hook)
                self.goes_on(client, count)
                count += 2
        self.configure(self.swapped())
        self.reload()
        self.replace(2)
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "count"), "version 2 count %d" % count)
        client.close()
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(), 1)  # three calls of it never return

    def test_the_old_version_does_not_give_its_state(self):
        host = self.start(gateway("swapped", "swap_1.so", "/swap", options={"fail": "export_state"}))
        client = self.client()
        self.configure(self.swapped())
        self.refused(
            "export_state of the version that runs returned TONI_ERR_FAILED (asked to fail in export_state)"
        )
        self.goes_on(client, 1)
        client.close()
        host.stop()

    def test_the_old_version_hangs_in_export_state(self):
        host = self.start(gateway("swapped", "swap_1.so", "/swap", options={"hang": "export_state"}))
        client = self.client()
        self.configure(self.swapped())
        self.refused("export_state of the version that runs did not return within hook_ms (300)")
        self.goes_on(client, 1)
        self.refused("export_state of the version that runs did not return within hook_ms (300)")
        self.goes_on(client, 3)
        client.close()
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(), 1)

    def test_a_state_that_is_too_big(self):
        host = self.start(
            gateway("swapped", "swap_1.so", "/swap", options={"padding": 4096}), limits={"state_bytes": 4096}
        )
        client = self.client()
        self.configure(gateway("swapped", "swap_2.so", "/swap"))
        self.refused("its state has at least 4104 bytes, allowed are 4096; raise state_bytes")
        self.goes_on(client, 1)
        self.configure(gateway("swapped", "swap_2.so", "/swap"), limits={"state_bytes": 4104})
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "count"), "version 2 count 3")
        client.close()
        host.stop()

    def test_a_callback_that_does_not_return_in_time(self):
        host = self.start()
        client, sleeper = self.client(), self.client()
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        self.replace(2)
        self.configure(self.swapped(), limits={"swap_ms": 50})
        sleeper.send("sleep")
        time.sleep(0.02)  # so that it has begun, mostly; if not, the swap succeeds
        result = run_toni("reload", "-c", host.conf)
        if result.returncode == 1:
            host.expect_error(msg="reload refused")
            self.assertIn("`swapped` did not quiesce within swap_ms (50): a call of it", result.stderr)
            self.assertEqual(self.ask(client, "count"), "version 1 count 2")
            self.reload_until_it_works()
        self.assertRegex(self.ask(client, "count"), "version 2 count [23]")
        client.close()
        sleeper.close()
        host.stop()

    def reload_until_it_works(self):
        end = time.monotonic() + DEADLINE
        while run_toni("reload", "-c", self.host.conf).returncode:
            self.assertLess(time.monotonic(), end)

    def test_a_callback_that_never_returns(self):
        self.workers = 2
        host = self.start()
        clients = [self.client() for _ in range(2)]  # one on each worker
        clients[0].send("hang")
        host.wait_log(msg="hanging in on_message")
        self.replace(2)
        self.refused("`swapped` did not quiesce within swap_ms (300): a call of it has not returned")
        if self.concurrent:  # else the hanging one has the instance's lock
            self.assertEqual(self.ask(clients[1], "count"), "version 1 count 1")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(deadline=DEADLINE + 10), 1)

    def test_an_old_version_that_does_not_end_is_left(self):
        for hook in ("stopping", "destroy"):
            with self.subTest(hook=hook):
                host = self.start(gateway("swapped", "swap_1.so", "/swap", options={"hang": hook}))
                client = self.client()
                self.assertEqual(self.ask(client, "count"), "version 1 count 1")
                self.configure(gateway("swapped", "swap_2.so", "/swap"))
                text = self.reload()
                self.assertIn("1 swapped", text)
                self.assertIn("1 old instances could not be ended yet", text)
                self.assertEqual(self.ask(client, "count"), "version 2 count 2")
                self.configure(gateway("swapped", "swap_1.so", "/swap"))
                self.assertIn("1 swapped", self.reload())  # and on it goes
                self.assertEqual(self.ask(client, "count"), "version 1 count 3")
                client.close()
                host.process.send_signal(signal.SIGTERM)
                self.assertEqual(host.wait_exit(), 1)

    def test_a_worker_that_comes_late_to_the_change_ends_it(self):
        other = gateway("other", "swap_2_concurrent.so", "/other")
        host = self.start(limits={"hook_ms": 50})
        self.configure(self.swapped(), other)
        self.assertIn("1 added", self.reload())
        client, sleeper = self.client(), self.client("/other")
        version, text = 1, ""
        end = time.monotonic() + DEADLINE
        while "could not be ended yet" not in text:  # else it had not begun to sleep, or was awake again
            self.assertLess(time.monotonic(), end)
            version = 3 - version
            sleeper.send("sleep")  # for 300 ms, on the only worker
            sleeper.send("count")
            self.replace(version)
            text = self.reload()
            sleeper.read()
        self.assertEqual(self.ask(client, "kept"), "adopted by version %d" % version)
        self.replace(3 - version)
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "kept"), "adopted by version %d" % (3 - version))
        client.close()
        sleeper.close()
        host.stop()

    def test_who_could_not_be_adopted_gets_nothing_through(self):
        """A message that the worker comes to before it hands the clients on: both are read at once, while the worker
        sleeps, and so does the exchange happen."""
        other = gateway("other", "swap_2_concurrent.so", "/other")
        self.workers = 1
        host = self.start(limits={"hook_ms": 5000})
        answers, padding, end, counted = ["not yet"], 0, time.monotonic() + DEADLINE, 0
        while answers:  # until the exchange came before the message
            self.assertLess(time.monotonic(), end)
            self.configure(self.swapped(padding=padding), other)
            self.reload()
            padding += 1
            client, sleepers = self.client(), [self.client("/other") for _ in range(2)]
            self.configure(self.swapped(fail="on_adopt", padding=padding), other)
            for sleeper in sleepers:
                sleeper.send("sleep")  # for 300 ms
            client.send("count")
            self.reload()
            answers = self.read_to_the_close(client)
            counted += len(answers)
            for sleeper in sleepers:
                sleeper.close()
        self.assertEqual(self.ask(self.client(), "count"), "version 1 count %d" % (counted + 1))
        host.kill()

    def read_to_the_close(self, client):
        """The messages that come before the close frame."""
        messages = []
        while True:
            frame = client.read_data()
            if frame.opcode == 8:
                return messages
            messages.append(frame.payload)

    def test_from_the_exchange_on_nothing_is_rolled_back(self):
        host = self.start()
        client = self.client()
        self.configure(self.swapped(fail="ready"))
        host.expect_error(msg="`ready` of a new version failed; it serves all the same")
        text = self.reload(code=1)
        self.assertIn("1 swapped", text)
        self.assertIn("`ready` of the new version returned TONI_ERR_FAILED (asked to fail in ready)", text)
        self.configure(self.swapped(fail="on_adopt"))
        self.assertIn("1 swapped", self.reload())
        client.expect_close(1011)  # could not be adopted
        self.assertEqual(self.ask(self.client(), "count"), "version 1 count 1")
        self.assertEqual(len(host.log(msg=lambda m: m.startswith("`ready` of a new version failed"))), 1)
        host.kill()


@unittest.skipIf(SANITIZER, "a sanitizer needs memory of its own")
class TestNoThread(ReloadTestCase):
    def test_a_reload_that_gets_no_thread_is_refused_and_the_host_goes_on(self):
        host = self.start()
        client = self.client()
        self.replace(2)
        with open("/proc/%d/statm" % host.process.pid, encoding="utf-8") as statm:
            size = int(statm.read().split()[0]) * resource.getpagesize()
        unlimited = resource.prlimit(host.process.pid, resource.RLIMIT_AS)
        # room for what a line of the log may take, not for the stack of a thread
        resource.prlimit(host.process.pid, resource.RLIMIT_AS, (size + (1 << 20), unlimited[1]))
        host.process.send_signal(signal.SIGHUP)
        host.wait_log(msg="reload refused", reason="a thread can't be started")
        self.assertEqual(self.ask(client, "count"), "version 1 count 1")
        resource.prlimit(host.process.pid, resource.RLIMIT_AS, unlimited)
        self.reload()
        self.assertEqual(self.ask(client, "count"), "version 2 count 2")


class TestServices(ReloadTestCase):
    """A service is replaced for all who have it injected."""

    def start_with(self, *services, options=None):
        self.start()
        self.providers = [gateway("swapped", "swap_1.so", "/swap", options=options)]
        self.configure(*self.providers, *services)
        return self.host

    def greeter(self, **options):
        return service("greeter", "greeter.so", None, options=options or None)

    def test_a_service_comes_is_replaced_and_goes(self):
        host = self.start_with()
        self.reload()
        client = self.client()
        self.assertEqual(self.ask(client, "greet"), "nobody")
        self.configure(*self.providers, self.greeter(number=5))
        self.assertIn("0 swapped, 1 added, 0 removed", self.reload())
        self.assertEqual(self.ask(client, "greet"), "5")
        self.configure(*self.providers, self.greeter(number=6))
        self.assertIn("1 swapped, 0 added, 0 removed", self.reload())
        self.assertEqual(self.ask(client, "greet"), "6")
        self.configure(*self.providers, service("greeter", "greeter_2.so", None))
        self.assertIn("1 swapped", self.reload())
        self.assertEqual(self.ask(client, "greet"), "2")
        self.configure(*self.providers)
        self.assertIn("0 swapped, 0 added, 1 removed", self.reload())
        self.assertEqual(self.ask(client, "greet"), "nobody")
        self.assertEqual(self.ask(client, "kept"), "connected by version 1")  # it was never swapped itself
        client.close()
        host.stop()

    def test_a_call_under_way_finishes_in_the_old_one(self):
        host = self.start_with(self.greeter(number=1, slow_ms=150))
        self.reload()
        client, other = self.client(), self.client()
        for number in range(2, 6):
            client.send("greet")
            host.wait_log(msg="hello client")
            self.configure(*self.providers, self.greeter(number=number, slow_ms=150))
            self.assertIn("1 swapped", self.reload())
            self.assertEqual(client.read(), str(number - 1))
            self.assertEqual(self.ask(other, "greet"), str(number))
            with host.changed:
                host.lines.clear()  # so that the next greeting is waited for
        client.close()
        other.close()
        host.stop()

    def test_a_version_that_does_not_satisfy_is_refused(self):
        host = self.start()
        greeted = gateway("needing", "greeted_2.so", "/greeted")
        self.configure(self.swapped(), greeted, service("greeter", "greeter_2.so", None))
        self.reload()
        self.configure(self.swapped(), greeted, service("greeter", "greeter.so", None))
        self.refused("needs version 2 of `greeter`", code=2)
        host.stop()

    def test_a_thread_of_its_own_calls_the_new_one_from_then_on(self):
        host = self.start_with(self.greeter(number=1), options={"thread": True})
        self.reload()
        host.wait_log(msg="hello thread")
        for number in range(2, scaled(30, 8)):
            self.configure(*self.providers, self.greeter(number=number))
            self.assertIn("1 swapped", self.reload())
        client = self.client()
        self.assertEqual(self.ask(client, "greet"), str(scaled(30, 8) - 1))
        self.configure(gateway("swapped", "swap_2.so", "/swap", options={"thread": True}), self.greeter(number=100))
        self.assertIn("2 swapped", self.reload())  # the old one's thread ends with it
        self.assertEqual(self.ask(client, "greet"), "100")
        client.close()
        host.stop()


class TestOrder(ReloadTestCase):
    def test_reloads_at_once_are_queued(self):
        host = self.start()
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(run_toni("reload", "-c", host.conf)))
            for _ in range(8)
        ]
        self.replace(2)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        self.assertEqual([result.returncode for result in results], [0] * 8)
        self.assertEqual(len(host.log(msg="swapped")), 1)
        self.assertEqual(self.ask(self.client(), "count"), "version 2 count 1")
        host.kill()

    def test_a_reload_while_draining_is_refused(self):
        host = self.start(limits={"close_ms": 5000, "drain_ms": 5000})
        client = self.client()  # which will not answer its close
        host.process.send_signal(signal.SIGTERM)
        host.wait_log(msg="stopping")
        result = run_toni("reload", "-c", host.conf)
        self.assertEqual(result.returncode, 1)
        self.assertIn("the host stops", result.stderr)
        client.expect_close(1001)
        host.ends_well()

    def test_a_stop_does_not_wait_for_clients_of_what_was_removed(self):
        host = self.start(limits={"close_ms": 600000, "drain_ms": 300})
        silent = self.client()
        self.configure(ECHO)
        host.process.send_signal(signal.SIGHUP)
        silent.expect_close(1001, answer=False)
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(), 0)
        self.assertEqual(len(host.log(msg="destroying version 1")), 1)

    def test_what_waits_for_a_reload_hears_of_the_stop(self):
        # each hangs for long enough that a slow machine asks, and stops, meanwhile
        host = self.start(limits={"hook_ms": 3000})
        self.configure(self.swapped(hang="start"))
        first, second = (socket.socket(socket.AF_UNIX) for _ in range(2))
        path = os.path.join(host.folder, ".toni.sock")
        for asks in (first, second):
            self.addCleanup(asks.close)
            asks.settimeout(DEADLINE)
            asks.connect(path)
            asks.sendall(b"reload\n")
            run_toni("status", "-c", host.conf)  # once that is answered, the request was read
        host.wait_log(msg="hanging in start")
        host.expect_error(msg="reload refused")
        host.process.send_signal(signal.SIGTERM)
        self.assertIn(b"start of the new version did not return", first.makefile("rb").read())
        self.assertIn(b"the host stops", second.makefile("rb").read())
        self.assertEqual(host.wait_exit(), 1)

    def test_a_stop_waits_for_the_reload(self):
        host = self.start()
        self.configure(self.swapped(hang="start"))
        process = subprocess.Popen([TONI, "reload", "-c", host.conf], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        host.wait_log(msg="hanging in start")
        host.process.send_signal(signal.SIGTERM)
        host.expect_error(msg="reload refused")
        self.assertEqual(host.wait_exit(), 1)  # the hook never returns
        self.assertTrue(host.log(msg="destroying version 1"))
        process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 1)


def concurrent(case):
    return type(case.__name__ + "Concurrent", (case,), {"concurrent": True, "workers": 4})


TestSwapConcurrent = concurrent(TestSwap)
TestFailuresConcurrent = concurrent(TestFailures)

del ReloadTestCase


if __name__ == "__main__":
    main(beside=3)
