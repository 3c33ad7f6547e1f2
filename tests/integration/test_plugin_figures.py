"""Figures of a plugin's own in /metrics: all types, over a swap, and gone with their instance; promtool reads them."""

import shutil
import subprocess
import unittest

from toni_host import DEADLINE, ECHO, Client, Host, configuration, gateway, main, metrics_text, run_toni


def counting(name, **options):
    return gateway(name, "counting_gateway.so", "/" + name, options=options or None)


class TestPluginFigures(unittest.TestCase):
    def start(self, *gateways):
        self.host = Host("")
        self.addCleanup(self.host.kill)
        self.configure(*gateways)
        self.host.start()

    def configure(self, *gateways):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO, *gateways], workers=2, admin="127.0.0.1:0"))

    def reload(self):
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def client(self, path):
        client = Client(self.host.address, path)
        self.addCleanup(client.drop)
        return client

    def own(self):
        return [line for line in metrics_text(self.host).splitlines() if line.startswith("counting_")]

    def say(self, client, *texts):
        for text in texts:
            self.assertEqual(client.ask(text), text)

    def test_all_types(self):
        self.start(counting("a"), counting("b"))
        a, b = self.client("/a"), self.client("/b")
        self.say(a, "size 2.5", "took 0.05", "took 0.5", "took 7", "x")
        self.say(b, "size -1")
        self.assertEqual(
            self.own(),
            [
                'counting_messages_total{instance="a"} 5',
                'counting_messages_total{instance="b"} 1',
                'counting_size{instance="a"} 2.5',
                'counting_size{instance="b"} -1',
                'counting_took_seconds_bucket{instance="a",le="0.01"} 0',
                'counting_took_seconds_bucket{instance="a",le="0.1"} 1',
                'counting_took_seconds_bucket{instance="a",le="1"} 2',
                'counting_took_seconds_bucket{instance="a",le="+Inf"} 3',
                'counting_took_seconds_sum{instance="a"} 7.55',
                'counting_took_seconds_count{instance="a"} 3',
                'counting_took_seconds_bucket{instance="b",le="0.01"} 0',
                'counting_took_seconds_bucket{instance="b",le="0.1"} 0',
                'counting_took_seconds_bucket{instance="b",le="1"} 0',
                'counting_took_seconds_bucket{instance="b",le="+Inf"} 0',
                'counting_took_seconds_sum{instance="b"} 0',
                'counting_took_seconds_count{instance="b"} 0',
            ],
        )
        self.assertTrue(shutil.which("promtool"), "there is no promtool: scripts/setup test installs it")
        found = subprocess.run(
            ["promtool", "check", "metrics"], input=metrics_text(self.host), capture_output=True, text=True, timeout=DEADLINE
        )
        self.assertEqual((found.returncode, found.stdout, found.stderr), (0, "", ""))

    def test_a_swap_goes_on_and_a_removal_ends(self):
        self.start(counting("a", version=1), counting("b"))
        client = self.client("/a")
        self.say(client, "took 0.05", "x", "size 3")
        self.configure(counting("a", version=2), counting("b"))
        self.reload()
        self.say(client, "y")
        lines = self.own()
        self.assertIn('counting_messages_total{instance="a"} 4', lines)
        self.assertIn('counting_size{instance="a"} 3', lines)
        self.assertIn('counting_took_seconds_count{instance="a"} 1', lines)
        self.configure(counting("b"))
        self.reload()
        self.assertFalse([line for line in self.own() if 'instance="a"' in line])
        self.configure()
        self.reload()
        self.assertNotIn("counting_", metrics_text(self.host))
        self.configure(counting("a"))
        self.reload()
        self.assertIn('counting_messages_total{instance="a"} 0', self.own())

    def test_what_can_not_be_is_refused_and_logged(self):
        self.start(counting("a"))
        self.host.expect_error(msg="a figure that a plugin asks for is refused")
        self.say(self.client("/a"), "bad")
        self.host.wait_log(msg="a figure that a plugin asks for is refused", name="no good", instance="a")


if __name__ == "__main__":
    main()
