"""The pages for writers of plugins say what is so: the blocks of the tutorials are built and run against what is
installed; the messages of the page of mistakes are toni's; the page beside its C form is the page, and the C form is
the gateway's source; and the plugins that show the contract stay small.

Usage: test_docs.py SOURCE_TREE BUILD_FOLDER
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TREE, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
del sys.argv[1:3]

BLOCK = re.compile(r"<!-- (file|shows|run)(?:: ([\w.]+))?(?:, fails: (\w+))? -->\n```\w*\n(.*?)```\n", re.DOTALL)


def read(*parts):
    return TREE.joinpath(*parts).read_text(encoding="utf-8")


class Tutorials(unittest.TestCase):
    def run_block(self, commands, folder, environment, fault):
        if os.geteuid() == 0:
            commands = commands.replace("toni run ", "toni run --allow-root ")
        result = subprocess.run(
            ["sh", "-e", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        said = result.stdout + result.stderr
        if fault:
            self.assertNotEqual(result.returncode, 0, commands)
            self.assertIn(fault, said)
        else:
            self.assertEqual(result.returncode, 0, commands + "\n" + said)

    def build_and_run(self, page, project_name):
        """The first block makes the project; the others are of its files, or run in it."""
        text_of_page = read("docs", page)
        blocks = BLOCK.findall(text_of_page)
        self.assertEqual(2 * len(blocks), len(re.findall("(?m)^```", text_of_page)), "a block is neither of a file nor run")
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            prefix = Path(folder, "toni")
            subprocess.run(
                ["cmake", "--install", BUILD, "--prefix", prefix], stdout=subprocess.DEVNULL, check=True
            )
            environment = dict(
                os.environ, CMAKE_PREFIX_PATH=str(prefix),
                PATH="%s:%s:%s" % (prefix / "bin", os.environ["PATH"], TREE / "build" / "redis"),  # see scripts/setup
                CMAKE_GENERATOR="Ninja", CFLAGS="-Wall -Wextra -Werror",
            )
            self.assertIn("toni new %s" % project_name, blocks[0][3])
            self.run_block(blocks[0][3], folder, environment, None)
            project = Path(folder, project_name)
            for kind, name, fault, text in blocks[1:]:
                if kind == "file":
                    (project / name).write_text(text, encoding="utf-8")
                elif kind == "shows":
                    self.assertEqual((project / name).read_text(encoding="utf-8"), text, name)
                else:
                    self.run_block(text, project, environment, fault)

    def test_the_tutorial(self):
        self.build_and_run("tutorial.md", "board")

    def test_the_tutorial_of_clusters(self):
        self.build_and_run("tutorial-cluster.md", "talk")


def wildcard(text):
    """A pattern of what a page shows, where … stands for what differs."""
    return ".*?".join(re.escape(part) for part in text.split("…"))


class Mistakes(unittest.TestCase):
    """Each block of a configuration is checked by toni; the other answers are in its sources."""

    CHECK = re.compile(r"<!-- check -->\n```\n(.*?)```\n```\n(.*?)```\n", re.DOTALL)
    LISTEN = 'listen = { websocket = "127.0.0.1:0"; http = "127.0.0.1:0"; };\n'

    def test_toni_check_says_what_the_page_says(self):
        found = self.CHECK.findall(read("docs", "mistakes.md"))
        self.assertGreaterEqual(len(found), 6)
        for modules, said in found:
            with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
                Path(folder, "gateways.conf").write_text(self.LISTEN + modules, encoding="utf-8")
                result = subprocess.run(
                    [BUILD / "bin" / "toni", "check"], cwd=folder, capture_output=True, text=True, check=False
                )
                self.assertEqual(result.returncode, 2, modules)
                self.assertRegex(result.stdout + result.stderr, wildcard(said.strip()))

    def rows(self, section):
        """The cells of each mistake in the tables of a section."""
        page = read("docs", "mistakes.md")
        text = page[page.index("## In a plugin, " + section) :].split("\n## ", 1)[0]
        rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
        return [row for row in rows if row[0] != "mistake"]

    def test_the_figures_at_the_top_are_those_of_the_page(self):
        """And half of what can go wrong is found by `toni check`, before anything runs."""
        page = read("docs", "mistakes.md")
        check = len(self.CHECK.findall(page)) + len(self.rows("when it is loaded"))
        compiler, running = len(self.rows("when it is compiled")), self.rows("while it runs")
        self.assertEqual({row[-1] for row in running}, {"yes", "no"})
        kit = sum(row[-1] == "yes" for row in running)
        counted = [check + compiler + len(running), check, compiler, kit, len(running) - kit]
        said = page[page.index("Of the ") : page.index("show only while")]
        self.assertEqual([int(number) for number in re.findall(r"\b\d+\b", said)], counted)
        self.assertGreaterEqual(2 * check, counted[0])

    def test_the_other_answers_are_in_the_sources(self):
        sources = ""
        for path in [*TREE.glob("core/**/*.c"), *TREE.glob("sdk/events/*.c")]:
            text = re.sub(r'"\s*(PRI\w+\s*)?"', "", path.read_text(encoding="utf-8"))
            sources += re.sub(r"%[-0-9.*#]*(zu|ll?[du]|[sducx])", "…", text)
        page = read("docs", "mistakes.md")
        rows = page[page.index("when it is loaded") :]
        quoted = [said for said in re.findall(r"`([^`]*)`", rows) if len(said.split()) >= 4 and "(…)" not in said]
        self.assertGreaterEqual(len(quoted), 12)
        for said in quoted:
            with self.subTest(said):
                self.assertRegex(sources, wildcard(said))


GATEWAY = """#include <toni/toni.h>
static int32_t create(toni_context *context, void **self)
{
    (void)context, (void)self;
    return TONI_OK;
}
static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self, (void)message;
    %s
    return toni_client_send_text(client, TONI_LIT("x"));
}
TONI_PLUGIN(.kind = TONI_GATEWAY, .name = %s, .create = create, .on_message = on_message, %s);
"""
NAME = 'TONI_LIT("x"), .path = TONI_LIT("/x")'


class WhatTheCompilerSays(unittest.TestCase):
    """Of each row of the page, in its order, such a plugin; by the compiler of this Debian."""

    ROWS = (
        "#include <toni-plugins/chat.h>\nstatic const struct other { int a; } table;\n"
        + GATEWAY % ("", NAME, ".provides = TONI_OFFERS(chat, &table)"),
        GATEWAY % ('const char *variable = "x"; (void)toni_client_send_text(client, TONI_LIT(variable));', NAME, ""),
        GATEWAY % ('(void)toni_client_send_text(client, "x");', NAME, ""),
        GATEWAY % ("", '"x"', ""),
        GATEWAY % ("", NAME, ".needs = TONI_NEEDS(TONI_REQUIRES(chat))"),
    )

    def said(self, source):
        with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
            file.write(source)
            file.flush()
            result = subprocess.run(
                ["gcc", "-fsyntax-only", "-Wall", "-std=c17", "-I", TREE / "include", "-I", TREE / "plugins" / "include", file.name],
                env=dict(os.environ, LC_ALL="C"), capture_output=True, text=True, check=False,
            )
        return result.stderr

    def test_each_row(self):
        page = read("docs", "mistakes.md")
        section = page[page.index("## In a plugin, when it is compiled") : page.index("## In a plugin, when it is loaded")]
        answers = re.findall(r"(?m)^\| .* \| (.*) \|$", section)[1:]
        self.assertEqual(len(answers), len(self.ROWS))
        for answer, source in zip(answers, self.ROWS):
            words = re.findall(r"`([^`]*)`", answer)
            words = [text for text in words if " " in text and "(C" not in text][:1]
            self.assertEqual(len(words), 1, answer)
            with self.subTest(answer):
                self.assertRegex(self.said(source), wildcard(words[0]))

    def test_what_has_no_mistake(self):
        self.assertEqual(self.said(GATEWAY % ("", NAME, "")), "")


class FromToni(unittest.TestCase):
    """The C beside the page is that of the plugins, word for word."""

    def test_the_c_form_is_the_source(self):
        found = re.findall(r"<!-- from: (\S+) -->\n```c\n(.*?)```\n", read("docs", "from-toni.md"), re.DOTALL)
        self.assertGreaterEqual(len(found), 8)
        for name, text in found:
            with self.subTest(text.split("\n", 1)[0]):
                self.assertIn(text, read(name))


class Conformance(unittest.TestCase):
    """The page names tests: each is there. Each row names one, or says what is not done or not shown."""

    NAMED = re.compile(r"`([\w.]+\.(?:py|c|js))(?:::(\w+))?`")

    def source(self, name):
        (found,) = [path for folder in ("unit", "integration", "cluster") for path in [TREE / "tests" / folder / name] if path.exists()]
        return found.read_text(encoding="utf-8")

    def test_each_test_exists(self):
        found = set(self.NAMED.findall(read("docs", "conformance.md")))
        self.assertGreaterEqual(len(found), 120)
        for name, test in sorted(found):
            with self.subTest(name=name, test=test):
                text = self.source(name)
                if test:
                    self.assertRegex(text, r"(?m)^(    (async )?def %s\(|START_TEST\(%s\)$)" % (test, test))

    def test_each_row_is_shown(self):
        rows = [line for line in read("docs", "conformance.md").splitlines() if re.match(r"\| \d", line)]
        self.assertGreaterEqual(len(rows), 90)
        for row in rows:
            with self.subTest(row):
                self.assertTrue(self.NAMED.search(row) or "*Not done*" in row or "*Not shown*" in row)


class Sizes(unittest.TestCase):
    """What a plugin takes to write is what the contract is judged by: a gateway with rooms, one that uses a service, a
    lobby with events and state over a swap, a guard."""

    MOST = (
        ("plugins/rooms_gateway/rooms_gateway.c", 60),
        ("plugins/announce_gateway/announce_gateway.c", 40),
        ("plugins/lobby_gateway/lobby_gateway.c", 250),
        ("tests/fixtures/token_guard.c", 30),
    )

    def test_the_plugins_that_show_the_contract_stay_small(self):
        for name, most in self.MOST:
            with self.subTest(name):
                self.assertLessEqual(len(read(name).splitlines()), most)

    def test_the_examples_stay_small(self):
        """A plugin of 150 lines, a page of 100."""
        for folder in TREE.glob("examples/*/"):
            with self.subTest(folder.name):
                plugin = [path for path in folder.glob("*.[ch]") if not path.name.startswith("test_")]
                self.assertLessEqual(sum(len(path.read_text(encoding="utf-8").splitlines()) for path in plugin), 150)
                pages = list(folder.glob("*.html"))
                self.assertEqual(len(pages), 1)
                self.assertLessEqual(len(pages[0].read_text(encoding="utf-8").splitlines()), 100)


if __name__ == "__main__":
    unittest.main()
