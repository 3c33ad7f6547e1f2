"""Modules and services: what `toni check` says of them, and in which order they live."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from toni_host import FIXTURES, TONI, Client, Host, main, run_toni

HEAD = 'listen = { websocket = "127.0.0.1:0"; }; plugin_path = [ "%s" ]; workers = 1;\n' % FIXTURES

GOOD = HEAD + """modules = (
  { name = "front"; imports = [ "broadcast", "middle" ]; providers = (
    { gateway = "rooms"; library = "rooms_gateway.so"; },
    { gateway = "greeted"; library = "greeted.so"; },
    { gateway = "maybe"; library = "unknown_need_maybe.so"; path = "/maybe"; } ); },
  { name = "middle"; imports = [ "back" ]; exports = [ "back" ]; providers = ( ); },
  { name = "back"; exports = [ "greeter" ]; global = true; providers = (
    { service = "greeter"; library = "greeter_2.so"; },
    { service = "hello"; library = "request_service.so"; path = "/hi"; } ); }
);
"""

# Each fault on a line of its own: what it must say.
BAD = [
    ("modules = (", None),
    ('{ name = "a"; imports = [', None),
    ('"b" ];', "in a ring, a -> b -> a"),
    ('exports = [ "nothing" ]; providers = ( ); },', "`a` exports `nothing`, which it lacks"),
    ('{ name = "b"; imports = [ "a",', None),
    ('"chatt" ]; providers = ( ); },', "`b` imports `chatt`.*did you mean `chat`"),
    ('{ name = "chat"; imports = [ "broadcast" ]; providers = (', None),
    ('{ gateway = "unsure"; library = "unknown_need.so"; path = "/unsure"; },',
     "`unsure` needs `chat`, which is ambiguous: `chat1`.*`chat2`.*inject = "),
    ('{ service = "chat1"; library = "plain_service.so"; },', None),
    ('{ service = "chat2"; library = "plain_service.so"; },', None),
    ('{ gateway = "newer"; library = "newer_need.so"; path = "/newer"; },',
     "needs version 7 of `toni.connections`"),
    ('{ gateway = "greeted"; library = "greeted.so"; },',
     r'module `chat`: gateway `greeted` needs `greeter`.*add "other" to its imports'),
    ('{ service = "a"; library = "ring_a.so"; },', "in a ring, a -> b -> a"),
    ('{ service = "b"; library = "ring_b.so"; },', None),
    ('{ service = "useless"; library = "useless_service.so"; } ); },', "`useless` offers no interface"),
    ('{ name = "other"; exports = [ "greeter" ]; providers = (', None),
    ('{ service = "greeter"; library = "greeter.so"; },', None),
    ('{ service = "hello"; library = "request_service.so"; },', None),
    ('{ service = "hello2"; library = "request_service.so"; path = "/hello/2"; } ); } );',
     "`/hello/2`, which overlaps with `/hello` of service `hello`"),
]


class TestModules(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, text):
        path = os.path.join(self.folder, "gateways.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def test_every_fault_has_its_line(self):
        conf = self.write(HEAD + "\n".join(line for line, _ in BAD))
        done = run_toni("check", "-c", conf)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        expected = [(n, words) for n, (_, words) in enumerate(BAD, 2) if words]
        found = done.stderr.splitlines()
        self.assertEqual(len(found), len(expected), done.stderr)
        self.assertGreaterEqual(len(found), 8)
        for line, (number, words) in zip(found, expected):
            self.assertTrue(line.startswith("%s:%d: " % (conf, number)), line)
            self.assertRegex(line, words)
        self.assertEqual(run_toni("run", "-c", conf).stderr, done.stderr)

    def test_check_prints_the_graph_as_json(self):
        done = run_toni("check", "--format=json", "-c", self.write(GOOD))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        graph = json.loads(done.stdout)
        self.assertEqual(
            [(m["name"], m["imports"], m["exports"], m["global"], m["built_in"])
             for m in graph["modules"]],
            [
                ("broadcast", [], ["toni.connections"], False, True),
                ("front", ["broadcast", "middle"], [], False, False),
                ("middle", ["back"], ["back"], False, False),
                ("back", [], ["greeter"], True, False),
            ],
        )
        instances = graph["instances"]
        self.assertEqual(
            [i["name"] for i in instances], ["rooms", "maybe", "greeter", "greeted", "hello"]
        )
        rooms, maybe, greeter, greeted, hello = instances
        self.assertEqual(
            greeter,
            {
                "name": "greeter", "kind": "service", "module": "back",
                "library": os.path.join(FIXTURES, "greeter_2.so"), "path": None,
                "provides": {"interface": "greeter", "version": 2}, "guards": [], "gets": [],
            },
        )
        self.assertEqual(
            greeted["gets"],
            [{"interface": "greeter", "version": 1, "optional": False,
              "from": {"module": "back", "instance": "greeter", "version": 2}}],
        )
        self.assertEqual(
            rooms["gets"][0]["from"], {"module": "broadcast", "instance": None, "version": 1}
        )
        self.assertEqual(
            (maybe["gets"][0]["optional"], maybe["gets"][0]["from"]), (True, None)
        )
        self.assertEqual((hello["kind"], hello["path"]), ("service", "/hi"))
        self.assertEqual((greeted["kind"], greeted["path"]), ("gateway", "/greeted"))

    def test_check_prints_the_graph_as_text(self):
        conf = self.write(GOOD)
        done = run_toni("check", "-c", conf)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, run_toni("check", "--format=text", "-c", conf).stdout)
        at = -1
        for words in ("front; imports broadcast, middle\n", "back (global); exports greeter\n",
                      "gateway rooms\n", "from the module broadcast\n", "from nobody", "service greeter\n",
                      "provides  greeter/2\n", "gateway greeted\n",
                      "greeter/1 from greeter (version 2)\n", "path      /hi\n"):
            found = done.stdout.find(words, at + 1)
            self.assertGreater(found, at, "%r is missing or too early in\n%s" % (words, done.stdout))
            at = found

    def test_an_unknown_format(self):
        done = run_toni("check", "--format=xml", "-c", self.write(GOOD))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("xml", done.stderr)

    def test_a_full_disk_is_no_success(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            for form in ("text", "json"):
                done = subprocess.run([TONI, "check", "--format=" + form, "-c", self.write(GOOD)],
                                      stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)

    def test_a_reader_that_goes_away_is_no_success(self):
        folder = os.path.join(self.folder, "copies")
        os.mkdir(folder)
        for form in ("text", "json"):
            reading, writing = os.pipe()
            os.close(reading)
            with os.fdopen(writing, "wb") as out:
                done = subprocess.run([TONI, "check", "--format=" + form, "-c", self.write(GOOD)],
                                      stdout=out, stderr=subprocess.PIPE, timeout=60, check=False,
                                      env=dict(os.environ, TMPDIR=folder))
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(os.listdir(folder), [])

    def test_a_service_lives_longer_than_who_uses_it(self):
        host = Host(GOOD).start()
        self.addCleanup(host.kill)
        client = Client(host.address, "/greeted")
        self.addCleanup(client.sock.close)
        self.assertEqual(client.ask("hello"), "hello")
        client.sock.close()
        host.stop()
        lines = [line["msg"] for line in host.log(instance="greeted")]
        for when in ("create", "ready", "message", "destroy"):
            self.assertIn("%s: greeted by 2" % when, lines)
        order = [line["instance"] for line in host.log(msg=lambda m: m.startswith("destroy"))]
        self.assertEqual(order, ["greeted", "greeter"])

    def test_a_failed_create_or_start_unwinds(self):
        for hook, error in (("create", "TONI_ERR_LIMIT"), ("start", "TONI_ERR_BUSY")):
            with self.subTest(hook=hook):
                text = GOOD.replace(
                    'path = "/hi"; }',
                    'path = "/hi"; },\n{ gateway = "fails"; library = "%s_fails.so"; }' % hook,
                )
                host = Host(text).launch()
                self.addCleanup(host.kill)
                self.assertEqual(host.wait_exit(), 1)
                (line,) = host.log(level="error")
                self.assertEqual(
                    (line["instance"], line["module"], line["hook"], line["error"]),
                    ("fails", "back", hook, error),
                )
                order = [l["instance"] for l in host.log(msg=lambda m: m.startswith("destroy"))]
                self.assertEqual(order, ["greeted", "greeter"])
                self.assertEqual(host.log(msg="listening"), [])


if __name__ == "__main__":
    main()
