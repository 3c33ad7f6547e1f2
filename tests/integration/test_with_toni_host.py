"""with_toni_host of the test kit: a command beside a real host, from a shell."""

import os
import subprocess
import tempfile
import unittest

from toni_host import CHAT, DEADLINE, ROOMS, TONI, configuration

HELPER = os.path.join(os.path.dirname(__file__), "..", "..", "sdk", "testkit", "with_toni_host")


def run(conf, *command):
    with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
        path = os.path.join(folder, "gateways.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(conf)
        return subprocess.run(
            [HELPER, path, *command], env=dict(os.environ, TONI_PROGRAM=TONI), timeout=2 * DEADLINE,
            capture_output=True, text=True, check=False,
        )


class WithToniHost(unittest.TestCase):
    def test_the_command_finds_the_host_and_its_log(self):
        conf = configuration([ROOMS, CHAT], http="127.0.0.1:0")
        result = run(
            conf, "sh", "-c",
            'curl -sS -w " %{http_code}" "$TONI_HTTP/chat/r"; echo " $TONI_WEBSOCKET"; grep -c "gateway ready" "$TONI_LOG"',
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r" 405 ws://127\.0\.0\.1:[1-9][0-9]*\n1\n$")

    def test_the_command_finds_the_figures(self):
        conf = configuration([ROOMS], admin="127.0.0.1:0")
        result = run(conf, "sh", "-c", 'curl -sS "$TONI_ADMIN/metrics" | grep -c "^toni_build_info"; echo "http:$TONI_HTTP"')
        self.assertEqual((result.returncode, result.stdout), (0, "1\nhttp:\n"), result.stderr)

    def test_the_status_is_the_commands(self):
        self.assertEqual(run(configuration([ROOMS]), "sh", "-c", "exit 7").returncode, 7)

    def test_a_host_that_does_not_start_is_shown(self):
        result = run("listen = {};\n", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("the host is not ready", result.stderr)
        self.assertIn("gateways.conf", result.stderr)

    def test_a_host_that_ends_badly_is_shown(self):
        conf = configuration([ROOMS])
        result = run(conf, "sh", "-c", "kill -KILL $(sed -n 's/.*msg=\"ready\".*pid=//p' \"$TONI_LOG\")")
        self.assertEqual(result.returncode, 1)

    def test_it_says_how_it_is_used(self):
        result = subprocess.run([HELPER], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("Usage: with_toni_host GATEWAYS_CONF COMMAND", result.stderr)


if __name__ == "__main__":
    unittest.main()
