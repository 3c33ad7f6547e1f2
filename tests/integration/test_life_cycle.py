"""Hooks and callbacks that never return: they are named, and the host ends without them."""

import signal
import unittest

from toni_host import FIXTURES, Client, Host, main

CONFIGURATION = """listen = { websocket = "127.0.0.1:0"; http = "127.0.0.1:0"; }; plugin_path = [ "%s" ]; workers = %d;
limits = { hook_ms = 300; drain_ms = 300; };
modules = ( { name = "main"; providers = (
  { gateway = "greeted"; library = "greeted.so"; inject = { greeter = "greeter"; }; },
  { gateway = "other"; library = "greeted.so"; path = "/other"; inject = { greeter = "greeter2"; }; },
  { gateway = "hanging"; library = "hanging.so"; options = { hang = "%s"; };
    inject = { greeter = "greeter"; }; },
  { service = "greeter"; library = "greeter.so"; },
  { service = "greeter2"; library = "greeter.so"; } ); } );
"""

ENDS = "a life-cycle hook has not returned: the host ends without it"
WAITS = "a life-cycle hook has not returned yet: the host waits for it"


class TestHanging(unittest.TestCase):
    def launch(self, where, workers=1):
        host = Host(CONFIGURATION % (FIXTURES, workers, where)).launch()
        self.addCleanup(host.kill)
        return host

    def destroyed(self, host):
        """Whose `destroy` ran, in order."""
        return [line["instance"] for line in host.log(msg=lambda m: m.startswith("destroy"))]

    def check_end(self, host, destroyed=("other", "greeter2", "greeted")):
        self.assertEqual(host.wait_exit(), 1)
        self.assertEqual(self.destroyed(host), list(destroyed))
        # what it uses must stay
        self.assertEqual(
            [line["instance"] for line in host.log(
                msg="an instance is not destroyed: one that uses it is still in a call")],
            ["greeter"],
        )

    def test_a_hook_that_hangs_while_the_host_starts(self):
        for hook in ("create", "start", "ready"):
            with self.subTest(hook=hook):
                host = self.launch(hook)
                line = host.wait_log(msg=WAITS)
                self.assertEqual(
                    (line["instance"], line["hook"], line["limit_ms"]), ("hanging", hook, "300")
                )
                self.assertIsNone(host.process.poll())
                host.process.send_signal(signal.SIGTERM)
                line = host.wait_log(msg=ENDS)
                self.assertEqual((line["instance"], line["hook"]), ("hanging", hook))
                if hook == "create":  # those that come after it were never made
                    self.check_end(host, ["greeted"])
                else:
                    self.check_end(host)

    def test_a_hook_that_hangs_while_the_host_stops(self):
        for hook in ("stopping", "destroy"):
            with self.subTest(hook=hook):
                host = self.launch(hook)
                host.wait_log(msg="ready")
                client = Client(host.address, "/greeted")
                self.addCleanup(client.drop)
                host.process.send_signal(signal.SIGTERM)
                line = host.wait_log(msg=ENDS)
                self.assertEqual((line["instance"], line["hook"]), ("hanging", hook))
                client.expect_close(1001)
                self.check_end(host)

    def test_clients_have_all_of_drain_ms_after_a_hook_that_hangs(self):
        text = CONFIGURATION % (FIXTURES, 1, "stopping")
        for limit in ("hook_ms", "drain_ms"):
            text = text.replace(limit + " = 300", limit + " = 1500")
        host = Host(text).launch()
        self.addCleanup(host.kill)
        host.wait_log(msg="ready")
        client = Client(host.address, "/greeted")
        self.addCleanup(client.drop)
        host.process.send_signal(signal.SIGTERM)
        client.expect_close(1001)
        client.drop()  # until then what it sends is read
        self.check_end(host)
        self.assertEqual(host.log(msg=lambda text: text.startswith("drain_ms is over")), [])

    def test_what_it_uses_through_another_stays(self):
        text = (CONFIGURATION % (FIXTURES, 1, "stopping")).replace(
            '"greeter"; library = "greeter.so"; }',
            '"greeter"; library = "greeter_needs_chat.so"; },'
            '{ service = "chat"; library = "plain_service.so"; }',
        )
        host = Host(text).launch()
        self.addCleanup(host.kill)
        host.wait_log(msg="ready")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.wait_exit(), 1)
        self.assertEqual(
            [line["instance"] for line in host.log(
                msg="an instance is not destroyed: one that uses it is still in a call")],
            ["greeter", "chat"],
        )

    def test_a_callback_that_hangs(self):
        for workers in (1, 4):
            with self.subTest(workers=workers):
                host = self.launch("on_message", workers)
                host.wait_log(msg="ready")
                client = Client(host.address, "/hanging")
                self.addCleanup(client.drop)
                client.send("hello")
                host.wait_log(msg="hanging in on_message")
                host.process.send_signal(signal.SIGTERM)
                line = host.wait_log(msg="a callback has not returned: the host ends without it")
                self.assertEqual(line["instance"], "hanging")
                self.assertEqual(host.wait_exit(), 1)


if __name__ == "__main__":
    main()
