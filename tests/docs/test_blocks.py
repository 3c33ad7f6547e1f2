"""What docs/plugins.md shows in C and C++ compiles, and what docs/mistakes.md says of compilers they say.

A block with a plugin of its own, or one that begins with #include, is a file; one that declares functions stands at
file scope; all else in a function. around_c.h and its like have what a block speaks of and does not show.

Usage: test_blocks.py SOURCE_TREE
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(sys.argv[1])
del sys.argv[1]

HERE = TREE / "tests" / "docs"
INCLUDES = ["include", "plugins/include", "sdk/events/include", "sdk/testkit", "tests/docs"]
CC, CXX = os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")
STRICT = ["-Wall", "-Wextra", "-Werror"]
# A block is a piece: it keeps what it does not use, and its functions are called elsewhere.
PIECE = ["-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-unused-const-variable"]

HOOKS = {
    "create": "int32_t create(toni_context *context, void **self);",
    "on_message": "int32_t on_message(void *self, toni_client *client, const toni_message *message);",
}


def compile_text(text, folder, is_cxx=False, flags=()):
    """@return Whether it compiles, and what the compiler says, in English and ASCII."""
    source = Path(folder, "block.cc" if is_cxx else "block.c")
    source.write_text(text, encoding="utf-8")
    command = [CXX, "-std=c++17"] if is_cxx else [CC, "-std=c17"]
    command += ["-D_GNU_SOURCE", "-fsyntax-only", "-I", folder, *flags]
    command += ["-I%s" % (TREE / include) for include in INCLUDES]
    result = subprocess.run(
        [*command, source], capture_output=True, text=True, check=False, env=dict(os.environ, LC_ALL="C")
    )
    return result.returncode == 0, result.stderr


def blocks(page):
    """(line, language, text) of each block of a page in C or C++, also of those in lists."""
    text = (TREE / "docs" / page).read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^( *)```(c|cpp)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        indent, language, block = match.groups()
        block = re.sub("^" + indent, "", block, flags=re.MULTILINE)
        found.append((text[: match.start()].count("\n") + 1, language, block))
    return found


DECLARES = re.compile(r"^(static|struct|constexpr|#define|/\*).*[^;]$|^int32_t.*\)$|^START_TEST", re.MULTILINE)


def is_at_file_scope(block):
    return DECLARES.search(block) is not None


def in_a_function(block):
    return "void block_of_the_page(void);\nvoid block_of_the_page(void)\n{\n%s}\n" % block


def split_includes(block):
    lines = block.splitlines(keepends=True)
    return (
        "".join(line for line in lines if line.startswith("#include")),
        "".join(line for line in lines if not line.startswith("#include")),
    )


def hooks_not_shown(block):
    """A piece of a plugin names functions that stand elsewhere."""
    return "".join(
        declaration + "\n"
        for hook, declaration in HOOKS.items()
        if re.search(r"\.%s = %s\b" % (hook, hook), block) and "%s(" % hook not in block
    )


def piece(block):
    """A block as a file: what stands before a line of … at file scope, what follows in a function."""
    includes, block = split_includes(block)
    if block.startswith(".options"):
        return (
            'TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("x"),\n'
            "%s.create = create, .on_message = on_message);\n" % block
        )
    before, dots, behind = block.partition("    …\n")
    if dots:
        return includes + before + in_a_function(behind)
    return includes + (block if is_at_file_scope(block) else in_a_function(block))


class Blocks(unittest.TestCase):
    """Each is a translation unit of its own, but for what the page says goes on from another."""

    def source_of(self, language, block, before):
        if language == "cpp":
            if "#include" in block:
                return block
            return before["cpp"].partition("TONI_PLUGIN_CXX")[0] + '#include "around_cpp.h"\n' + block
        if "export_state" in block and "TONI_PLUGIN" in block and "struct tally {" not in block:
            return before["tally"].partition("TONI_PLUGIN(")[0] + block
        is_test = re.search("toni_(fake|real)_|host.plugin", block) is not None
        if (block.startswith("#include") and not is_test) or "TONI_PLUGIN(" in block:
            return ("" if "#include" in block else '#include "around_c.h"\n') + hooks_not_shown(block) + block
        text = piece(block)
        return '#include "around_%s.h"\n' % ("kit" if is_test else "c") + hooks_not_shown(text) + text

    def test_every_block_compiles(self):
        found = blocks("plugins.md")
        self.assertGreaterEqual(len(found), 35)
        header = next(block for _, _, block in found if block.startswith("/* visits.h"))
        before = {
            "cpp": next(block for _, language, block in found if language == "cpp"),
            "tally": found[0][2],
        }
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            Path(folder, "visits.h").write_text("#pragma once\n" + header, encoding="utf-8")
            for line, language, block in found:
                with self.subTest("docs/plugins.md:%d" % line):
                    if block is header:
                        continue
                    source = self.source_of(language, block, before)
                    is_good, said = compile_text(source, folder, language == "cpp", STRICT + PIECE)
                    self.assertTrue(is_good, said + source)


# A mistake, by the beginning of its row in the page, and in which language.
FRAME = """\
#include <toni/toni.h>
%s
static int32_t create(toni_context *context, void **self)
{
    (void)context;
    *self = NULL;
    return TONI_OK;
}
TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("x"), .create = create, %s);
"""
OTHER_TABLE = "#include <toni-plugins/chat.h>\nstruct other_table {\n    uint32_t struct_size;\n};\n"
MISTAKES = (
    (
        "another interface's table",
        False,
        FRAME
        % (
            OTHER_TABLE + "static const struct other_table table = {sizeof table};",
            ".provides = TONI_OFFERS(chat, &table)",
        ),
    ),
    (
        "another interface's table",
        True,
        "#include <toni/toni.hpp>\n" + OTHER_TABLE + "static constexpr other_table table = {sizeof table};\n"
        "constexpr toni_plugin descriptor()\n{\n    toni_plugin plugin = toni_plugin_make(TONI_SERVICE);\n"
        "    plugin.provides = TONI_OFFERS(chat, &table);\n    return plugin;\n}\nTONI_PLUGIN_CXX(descriptor());\n",
    ),
    (
        "`TONI_LIT(variable)`",
        False,
        "#include <toni/toni.h>\ntoni_str f(const char *variable)\n{\n    return TONI_LIT(variable);\n}\n",
    ),
    (
        "`const char *` where",
        False,
        "#include <toni/toni.h>\nint32_t f(toni_client *client, const char *text)\n{\n"
        "    return toni_client_send_text(client, text);\n}\n",
    ),
    ('`.name = "x"`', False, (FRAME % ("", "")).replace('TONI_LIT("x")', '"x"')),
    ("`TONI_REQUIRES(chat)`", False, FRAME % ("", ".needs = TONI_NEEDS(TONI_REQUIRES(chat))")),
)


def wildcard(text):
    return ".*?".join(re.escape(part) for part in text.split("…"))


def compiler_is(name, command):
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    return ("clang" in version) == (name == "clang")


class Mistakes(unittest.TestCase):
    """The page has what gcc says; what of that stays from version to version is what it quotes."""

    def rows(self):
        page = (TREE / "docs" / "mistakes.md").read_text(encoding="utf-8")
        section = page[page.index("when it is compiled") : page.index("when it is loaded")]
        return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ") and "`" in line]

    @unittest.skipUnless(compiler_is("gcc", CC), "the page has the words of gcc")
    def test_the_compiler_says_what_the_page_says(self):
        rows = self.rows()
        self.assertEqual({row[0][:12] for row in rows}, {mistake[0][:12] for mistake in MISTAKES})
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            for begins, is_cxx, source in MISTAKES:
                answer = next(row[1] for row in rows if row[0].startswith(begins))
                quoted = re.findall(r"`([^`]*)` \((C\+\+|C)\)", answer) or [(re.search("`([^`]*)`", answer)[1], "C")]
                for said, language in quoted:
                    if (language == "C++") != is_cxx:
                        continue
                    with self.subTest(said):
                        _, stderr = compile_text(source, folder, is_cxx, ["-Wall"])
                        self.assertRegex(stderr, wildcard(said))


if __name__ == "__main__":
    unittest.main()
