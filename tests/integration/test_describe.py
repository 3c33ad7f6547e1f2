"""`toni describe`: what a plugin says of itself; and the pages about the shipped ones say the same."""

import json
import os
import re
import unittest

from toni_host import FIXTURES, PLUGINS, main, run_toni

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def page(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as text:
        return text.read()


class TestDescribe(unittest.TestCase):
    def describe(self, *arguments):
        result = run_toni("describe", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def described(self, library):
        return json.loads(self.describe("--json", library))

    def refused(self, library, *words):
        result = run_toni("describe", library)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)

    def test_as_text(self):
        text = self.describe("chat_service.so")  # of those that come with the host
        self.assertEqual(
            text.splitlines(),
            [
                "service chat",
                "  library   %s" % os.path.join(PLUGINS, "chat_service.so"),
                "  ABI       1.0",
                "  path      /chat",
                "  needs     toni.connections/1",
                "  provides  chat/1",
                "  options",
                "    max_length: int from 1 to 1000000, default 2000: longest message, in bytes",
            ],
        )
        text = self.describe(os.path.join(FIXTURES, "waiting_gateway.so"))
        self.assertIn("    until: path, required: the file that it waits for\n", text)
        text = self.describe(os.path.join(FIXTURES, "plain_gateway.so"))
        self.assertIn(
            "    users: list of group, default empty: whom it knows\n"
            "      name: str, required: what they are called\n"
            "      level: int from 0 to 9, default 1: what they may\n",
            text,
        )

    def test_events(self):
        text = self.describe("lobby_gateway.so")
        self.assertIn(
            "  events, named by `event`\n"
            "    lobby.create\n"
            "      max_players: integer from 2 to 16, required\n"
            "      name: string of 1 to 32 bytes, required\n"
            "    lobby.join\n"
            "      name: string of 1 to 32 bytes, required\n"
            "    lobby.leave: any data\n",
            text,
        )
        events = self.described("lobby_gateway.so")["events"]
        self.assertEqual(events["field"], "event")
        self.assertEqual(
            events["handled"][1],
            {"name": "lobby.join",
             "data": [{"name": "name", "type": "string", "required": True, "least": 1, "most": 32}]},
        )
        self.assertIsNone(self.described("echo_gateway.so")["events"])

    def test_the_types_of_options_as_text(self):
        text = self.describe("jwt_guard.so")
        for line in (
            "    keys: list of path, default empty: ",
            '    key_check: duration from 1s to 1d, default "10s": ',
            '    issuer: str, default "": ',
            "    require_expiry: bool, default true: ",
        ):
            self.assertIn(line, text)

    def test_as_json(self):
        swap = self.described(os.path.join(FIXTURES, "swap_2.so"))
        self.assertEqual((swap["kind"], swap["name"], swap["version"]), ("gateway", "swapped", "0.2"))
        self.assertEqual(
            swap["needs"],
            [
                {"interface": "toni.connections", "version": 1, "optional": False},
                {"interface": "greeter", "version": 1, "optional": True},
            ],
        )
        self.assertIsNone(swap["provides"])
        options = {option["name"]: option for option in swap["options"]}
        self.assertEqual(
            options["padding"],
            {
                "name": "padding", "type": "int", "items": None, "members": None, "required": False, "default": 0,
                "least": 0, "most": 1000000000, "help": "bytes that the state has besides",
            },
        )
        self.assertIs(options["thread"]["default"], False)
        self.assertEqual(options["fail"]["default"], "")
        pause = self.described(os.path.join(FIXTURES, "cxx_gateway.so"))["options"][1]
        self.assertEqual((pause["least"], pause["most"], pause["default"]), ("0s", "1h", "30s"))
        plain = self.described(os.path.join(FIXTURES, "plain_gateway.so"))
        self.assertEqual(plain["subprotocols"], ["v2", "v1"])
        self.assertEqual(
            [(o["type"], o["items"]) for o in plain["options"]],
            [("int", None), ("list", "str"), ("list", "group")],
        )
        self.assertEqual(
            [[(m["name"], m["required"], m["most"]) for m in o["members"] or []] for o in plain["options"]],
            [[], [], [("name", True, None), ("level", False, 9)]],
        )
        self.assertEqual(self.describe("-f", "json", "echo_gateway.so"), self.describe("--json", "echo_gateway.so"))

    def test_its_words_can_not_steer_the_terminal(self):
        text = self.describe(os.path.join(FIXTURES, "steering_gateway.so"))
        self.assertIn("clears it: \\x1B[2J\n", text)
        self.assertNotIn("\x1b", text)

    def test_what_is_none(self):
        self.refused(os.path.join(FIXTURES, "nowhere.so"), "nowhere.so")
        self.refused(os.path.join(FIXTURES, "no_symbol.so"), "has no symbol `toni_plugin_entry`")
        self.refused(os.path.join(FIXTURES, "newer_minor.so"), "it needs toni ABI 1.1, this host speaks 1.0")
        self.refused(os.path.join(FIXTURES, "bad_default.so"), "a default out of its range")
        self.refused(
            os.path.join(FIXTURES, "constructor_crashes.so"), "ended the checking process: SIGABRT"
        )
        for arguments in ((), ("a.so", "b.so"), ("-f", "xml", "a.so")):
            self.assertEqual(run_toni("describe", *arguments).returncode, 2)

    def test_the_pages_say_what_the_shipped_plugins_say(self):
        """Each option of a shipped plugin stands in docs/gateways.conf.md, in a table of its own."""
        libraries = sorted(name for name in os.listdir(PLUGINS) if name.endswith(".so"))
        self.assertIn("chat_service.so", libraries)
        rows = re.findall(
            r"^\| `(\w+\.so)` \| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
            page("docs/gateways.conf.md"),
            re.MULTILINE,
        )
        expected = []
        for library in libraries:
            for option in self.described(library)["options"]:
                kind = option["type"]
                if option["least"] is not None:
                    kind = "%s, %s to %s" % (kind, option["least"], option["most"])
                elif option["items"]:
                    kind = "%s of %s" % (kind, option["items"])
                default = "required" if option["required"] else json.dumps(option["default"])
                expected.append((library, option["name"], kind, default, option["help"]))
        self.assertEqual(sorted(rows), sorted(expected))


if __name__ == "__main__":
    main()
