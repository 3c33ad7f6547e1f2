#!/usr/bin/python3
"""Shows that include_arrows.py passes a good tree and fails on a tree with one bad line, for each of its rules."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from include_arrows import findings  # noqa: E402

GOOD = {
    "include/toni/abi.h": "#include <stdint.h>\n",
    "include/toni/plugin.h": "#include <toni/abi.h>\n",
    "core/base/log.h": "#include <stdio.h>\n",
    "core/base/log.c": '#include "base/log.h"\n',
    "core/rooms/room.h": "#include <toni/abi.h>\n",
    "core/rooms/lane.h": "\n",
    "core/rooms/receiver.c": '#include "rooms/lane.h"\n#include "rooms/receiver.h"\n',
    "core/rooms/receiver.h": "\n",
    "core/rooms/room.c": '#include "rooms/receiver.h"\n#include "room.h"\n#include "base/log.h"\n',
    "core/config/conf.c": "#include <libconfig.h>\n",
    "core/ws/deflate.c": "#include <zlib.h>\n",
    "core/plugin/loader.h": '#include "rooms/room.h"\n',
    "core/plugin/loader.c": '#include "plugin/loader.h"\nvoid *f(void) { return dlopen("x.so", 2); }\n',
    "core/net/ws.c": '#include "plugin/loader.h"\n',
    "core/net/ws_frame.h": "\n",
    "core/net/ws_codec.h": "\n",
    "core/net/ws_codec.c": '#include "net/ws_codec.h"\n#include "net/ws_frame.h"\n',
    "core/http/http.c": "#include <microhttpd.h>\n",
    "core/host/main.c": '/* #include "none.h"; dlopen(x) */\n#include "net/ws_frame.h"\nchar *s = "dlopen(";\n',
    "plugins/echo/echo.c": '#include <toni/plugin.h>\n#include <string.h>\n#include "echo.h"\n',
    "plugins/echo/echo.h": "\n",
    "sdk/kit.h": "#include <toni/plugin.h>\n",
    "tests/unit/any.c": '#include "../../core/host/main.c"\n#include <libwebsockets.h>\n',
}

# One line that breaks one rule: (rule, file, line)
BAD = [
    ("base does not see rooms", "core/base/bad.c", '#include "rooms/room.h"'),
    ("base does not see toni/", "core/base/bad.h", "#include <toni/abi.h>"),
    ("rooms does not see plugin", "core/rooms/bad.c", '#include "plugin/loader.h"'),
    ("not through a relative path either", "core/rooms/bad.h", '#include "../plugin/loader.h"'),
    ("nor in angle brackets", "core/config/bad.c", "#include <net/ws_frame.h>"),
    ("config does not see net", "core/config/bad.h", '#  include "net/ws_frame.h"'),
    ("net does not see host", "core/net/bad.c", '#include "host/main.c"'),
    ("the contract does not see the host", "include/toni/bad.h", '#include "../../core/base/log.h"'),
    ("the host does not see plugins", "core/host/bad.c", '#include "../../plugins/echo/echo.h"'),
    ("a circle of files", "core/net/ws_frame.h", '#include "net/ws_codec.h"'),
    ("libwebsockets in the host", "core/net/worker.c", "#include <libwebsockets.h>"),
    ("libwebsockets in a plugin", "plugins/echo/bad.c", "#include <libwebsockets.h>"),
    ("libmicrohttpd outside of http", "core/net/ws_bad.c", "#include <microhttpd.h>"),
    ("libconfig outside of config", "core/host/bad.c", "#include <libconfig.h>"),
    ("libconfig in a second file", "core/config/bad.c", "#include <libconfig.h>"),
    ("zlib outside of ws", "core/net/bad.c", "#include <zlib.h>"),
    ("hashes outside of the handshake", "core/http/bad.c", "#include <nettle/sha1.h>"),
    ("zlib in a second file", "core/ws/bad.c", "#include <zlib.h>"),
    ("dlopen in a second file", "core/host/bad.c", "void *g(char *p) { return dlopen(p, 2); }"),
    ("dlmopen in a second file", "core/base/bad.c", "void *g(char *p) { return dlmopen(0, p, 2); }"),
    ("the coarse clock", "plugins/echo/bad.c", "long now(void) { return time(NULL); }"),
    ("the coarse clock inside of OpenSSL", "core/tls/bad.c", "int f(void *t) { return X509_cmp_current_time(t); }"),
    ("a plugin does not see the host", "plugins/echo/bad.c", '#include "../../core/base/log.h"'),
    ("nor another plugin", "plugins/rooms/bad.c", '#include "../echo/echo.h"'),
    ("the SDK does not see the host", "sdk/bad.h", '#include "base/log.h"'),
    ("the generator is no part of a host", "bench/bad.c", '#include "ws/frame.h"'),
    ("nor is a host one of it", "core/host/bad.c", '#include "client/frames.h"'),
    ("a quoted header exists", "core/base/bad.c", '#include "base/none.h"'),
    ("a lane does not see receivers", "core/rooms/lane.c", '#include "rooms/receiver.h"'),
    ("a file in rooms has its place", "core/rooms/other.c", '#include "rooms/lane.h"'),
    ("core/ has its five folders", "core/util/bad.c", '#include "base/log.h"'),
]


class IncludeArrows(unittest.TestCase):
    def findings_of(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return findings(folder)

    def test_good_tree(self):
        self.assertEqual(self.findings_of(GOOD), [])

    def test_one_bad_line_per_rule(self):
        for rule, file, line in BAD:
            with self.subTest(rule):
                found = self.findings_of({**GOOD, file: "\n" + line + "\n"})
                self.assertIn((file, 2), [(source, number) for source, number, _ in found])
                # Of a thing that only one file may have, and of a circle, every file is named.
                self.assertLessEqual(len(found), 2 if "second file" in rule or "circle" in rule else 1)


if __name__ == "__main__":
    unittest.main()
