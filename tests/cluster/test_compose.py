"""docker/compose.yaml is YAML with the services that it speaks of, its files are there, and the configuration that it gives
to the hosts is one. No engine of Docker runs it here.

Usage: test_compose.py SOURCE_TREE BUILD_FOLDER
"""

import os
import re
import subprocess
import sys
import unittest

import yaml

TREE, BUILD = sys.argv[1:3]
del sys.argv[1:3]
FOLDER = os.path.join(TREE, "docker")


class TestCompose(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(FOLDER, "compose.yaml"), encoding="utf-8") as text:
            self.compose = yaml.safe_load(text)

    def test_three_hosts_and_a_redis_on_ports_of_their_own(self):
        services = self.compose["services"]
        self.assertEqual(set(services), {"redis", "left", "middle", "right"})
        ports = [port for service in services.values() for port in service.get("ports", ())]
        self.assertEqual(len(ports), len(set(port.rsplit(":", 1)[0] for port in ports)))
        for port in ports:  # for this machine alone
            self.assertRegex(port, r"\A127\.0\.0\.1:90[0-2][01]:900[01]\Z")

    def test_what_it_names_is_there(self):
        for name, service in self.compose["services"].items():
            for dependency in service.get("depends_on", ()):
                self.assertIn(dependency, self.compose["services"])
            if "build" in service:
                self.assertTrue(os.path.isfile(os.path.join(FOLDER, service["build"]["context"], "Dockerfile")), name)
            for volume in service.get("volumes", ()):
                self.assertTrue(os.path.isfile(os.path.join(FOLDER, volume.split(":")[0])), volume)

    def test_the_configuration_names_the_redis(self):
        with open(os.path.join(FOLDER, "cluster.conf"), encoding="utf-8") as text:
            servers = re.findall(r'servers = \[ "([^"]+)" \]', text.read())
        self.assertEqual([server.split(":")[0] for server in servers], ["redis"])

    def test_the_configuration_is_right(self):
        """All of it, but for the Redis, which isn't there."""
        checked = subprocess.run(
            [os.path.join(BUILD, "bin", "toni"), "check", "--offline", "-c", os.path.join(FOLDER, "cluster.conf")],
            capture_output=True, text=True, timeout=60, check=False,
        )
        faults = [line for line in checked.stderr.splitlines() if not re.search("no (user|group) of this machine", line)]
        self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
