"""What is told about the program elsewhere is what it says itself: the manual pages and the completions of three shells
have every command and option of --help, and none else; gateways.conf(5) has every key that the host reads, and the
figures of every limit; and the package's gateways.conf is right.

Usage: test_commands.py SOURCE_TREE BUILD_FOLDER
"""

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TREE, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
del sys.argv[1:3]

MAN = TREE / "docs" / "man"
COMPLETIONS = TREE / "completions"
TONI = BUILD / "bin" / "toni"
ENVIRONMENT = dict(os.environ, PATH="%s:%s" % (TONI.parent, os.environ["PATH"]), LC_ALL="C.UTF-8", TERM="dumb")
DEADLINE = 60


def said(*arguments):
    result = subprocess.run([TONI, *arguments], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return result.stdout


def commands():
    return re.findall(r"(?m)^  ([a-z][a-z-]*) ", said("--help"))


def options(command):
    """{name: whether it takes a value} of what --help shows."""
    found = {}
    for line in said(command, "--help").splitlines():
        if re.match(" +-", line):
            names = re.match(r" +(.*?)(  |$)", line).group(1)
            takes_value = "=" in names or re.search(" [A-Z]", names) is not None
            for name in re.findall(r"(?<![\w-])(--?[\w?][\w-]*)", names):
                found[name] = takes_value
    return found


def shown_options(text):
    """Those of the list of options of a manual page."""
    found = set()
    for line in re.findall(r"(?m)^\.It (Fl .*)$", text):
        line = line.replace("\\&", "")
        found |= {"--" + name for name in re.findall(r"Fl Fl ([\w-]+)", line)}
        found |= {"-" + name for name in re.findall(r"Fl (?!Fl)([\w?])\b ?", line.replace("?", "? "))}
        if "Fl ?" in line:
            found.add("-?")
    return found


class Pages(unittest.TestCase):
    def test_each_command_has_a_page_with_its_options(self):
        self.assertGreaterEqual(len(commands()), 8)
        for command in commands():
            with self.subTest(command):
                text = (MAN / ("toni-%s.1" % command)).read_text(encoding="utf-8")
                self.assertEqual(shown_options(text), set(options(command)))
                self.assertRegex(text, r"(?m)^\.Nm toni\n\.Cm %s$" % command)

    def test_no_page_is_of_a_command_that_is_not_there(self):
        pages = {path.name[len("toni-") : -len(".1")] for path in MAN.glob("toni-*.1")}
        self.assertEqual(pages, set(commands()))

    def test_the_first_page_names_all(self):
        text = (MAN / "toni.1").read_text(encoding="utf-8")
        self.assertEqual(sorted(re.findall(r"(?m)^\.It Cm (\S+)$", text)), sorted(commands()))
        see_also = text[text.index(".Sh SEE ALSO") :]
        for command in commands():
            self.assertIn(".Xr toni-%s 1" % command, see_also)

    def test_who_is_referred_to_is_there(self):
        for path in MAN.iterdir():
            for name, section in re.findall(r"(?m)^\.Xr (toni\S*|gateways\.conf) (\d)", path.read_text(encoding="utf-8")):
                self.assertTrue((MAN / ("%s.%s" % (name, section))).exists(), "%s: %s" % (path.name, name))


class Keys(unittest.TestCase):
    """Of gateways.conf, from where the host has them."""

    LIMIT = re.compile(r"X\((\w+), (\d+), (\d+), (\d+), LIMIT_(\w+)\)")

    def setUp(self):
        self.page = (MAN / "gateways.conf.5").read_text(encoding="utf-8")
        self.named = set()
        for line in re.findall(r"(?m)^\.(?:It )?Va (.*)$", self.page):
            self.named |= {word for word in line.split() if re.fullmatch(r"[a-z_]+", word)}

    def test_every_key_is_described(self):
        found = set()
        for path in [*TREE.glob("core/config/*.c"), *TREE.glob("core/tls/settings.c")]:
            for keys in re.findall(r"\bconst (?:\w+_)?keys\[\] = \{([^}]*)\}", path.read_text(encoding="utf-8")):
                found |= set(re.findall('"([a-z_]+)"', keys))
        self.assertGreaterEqual(len(found), 35)
        self.assertEqual(found - self.named, set())

    def test_every_limit_is_described_with_its_figures(self):
        limits = self.LIMIT.findall((TREE / "core/rooms/limits.h").read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(limits), 40)
        for name, standard, lowest, highest, scope in limits:
            with self.subTest(name):
                host = "; host" if scope == "HOST" else ""
                self.assertIn(".It Va %s No (%s; %s to %s%s)\n" % (name, standard, lowest, highest, host), self.page)

    def test_the_packages_file_has_no_fault(self):
        text = (TREE / "debian" / "gateways.conf").read_text(encoding="utf-8")
        # Its user is made by the package.
        text = re.sub(r'(?m)^(user|group) = "toni";$', "", text)
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            Path(folder, "gateways.conf").write_text(text, encoding="utf-8")
            result = subprocess.run([TONI, "check"], cwd=folder, capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))


class Completion:
    """complete(LINE, FOLDER): what the shell offers for a command line, in that folder."""

    def test_commands(self):
        self.assertEqual(set(self.complete("toni ")) - {"--help", "--version"}, set(commands()))
        self.assertEqual(set(self.complete("toni re")), {name for name in commands() if name.startswith("re")})

    def test_options(self):
        for command in commands():
            with self.subTest(command):
                wanted = {name for name in options(command) if name.startswith("--")}
                self.assertEqual({name.rstrip("=") for name in self.complete("toni %s --" % command)}, wanted)

    def test_values(self):
        self.assertEqual(set(self.complete("toni run --log-level ")), {"debug", "info", "warn", "error"})
        self.assertEqual(set(self.complete("toni run -l d")), {"debug"})
        self.assertEqual({value.split("=")[-1] for value in self.complete("toni check --format=j")}, {"json"})
        self.assertEqual(set(self.complete("toni new --kind ")), {"gateway", "service"})

    def test_files(self):
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            for name in "one.conf", "two words.conf", "mine.so", "other.txt":
                Path(folder, name).touch()
            Path(folder, "folder").mkdir()
            found = [name.replace("\\", "") for name in self.complete("toni check -c ", folder)]
            self.assertLessEqual({"one.conf", "two words.conf"}, set(found))
            self.assertFalse({"other.txt", "mine.so"} & set(found), found)
            found = self.complete("toni describe ", folder)
            self.assertLessEqual({"mine.so", "echo_gateway.so", "chat_service.so"}, set(found))
            self.assertFalse({"other.txt", "one.conf"} & set(found), found)


class Bash(Completion, unittest.TestCase):
    SCRIPT = """source "$1"; words=$2
        read -ra COMP_WORDS <<<"${words//=/ = }"; [[ $words != *[\\ =] ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$words COMP_POINT=${#words}
        $(complete -p toni | sed 's/.*-F \\([^ ]*\\).*/\\1/') toni "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}" """

    def complete(self, line, folder="/"):
        result = subprocess.run(["bash", "--norc", "-c", self.SCRIPT, "bash", COMPLETIONS / "toni.bash", line],
                                cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        self.assertEqual(result.stderr, "")
        return result.stdout.splitlines()

    def test_debians_loader_finds_it(self):
        """By the name under which it is installed, when it is first asked for."""
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            place = Path(folder, "bash-completion", "completions")
            place.mkdir(parents=True)
            (place / "toni").write_text((COMPLETIONS / "toni.bash").read_text(encoding="utf-8"), encoding="utf-8")
            load = "source /usr/share/bash-completion/bash_completion; for f in _comp_load __load_completion; do " \
                   "declare -F $f >/dev/null && { $f toni; break; }; done; complete -p toni"
            result = subprocess.run(["bash", "--norc", "-c", load], capture_output=True, text=True, check=True,
                                    env=dict(ENVIRONMENT, XDG_DATA_DIRS=folder, XDG_DATA_HOME="/none"))
            self.assertIn("-F _toni toni", result.stdout)


class Fish(Completion, unittest.TestCase):
    def complete(self, line, folder="/"):
        with tempfile.TemporaryDirectory(prefix="toni-test-") as home:
            result = subprocess.run(
                ["fish", "--no-config", "-c", 'source $argv[1]; complete --do-complete "$argv[2]"',
                 COMPLETIONS / "toni.fish", line],
                cwd=folder, env=dict(ENVIRONMENT, HOME=home), capture_output=True, text=True, check=True,
            )
        self.assertEqual(result.stderr, "")
        return [found.split("\t")[0] for found in result.stdout.splitlines()]


class Zsh(Completion, unittest.TestCase):
    """On a terminal, by the key that asks for it: what compadd is given is written down."""

    RC = r"""
fpath=(%(completions)s $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a hits
    builtin compadd -A hits "$@"
    ((! $#hits)) || print -rl -- $hits >>%(folder)s/hits
    builtin compadd "$@"
}
over() { exit }
comppostfuncs=(over)
bindkey '^I' complete-word
PS1='READY '
"""

    def complete(self, line, folder="/"):
        with tempfile.TemporaryDirectory(prefix="toni-test-") as scratch:
            rc = self.RC % {"completions": COMPLETIONS, "folder": scratch}
            Path(scratch, ".zshrc").write_text(rc, encoding="utf-8")
            pid, fd = pty.fork()
            if pid == 0:
                os.chdir(folder)
                os.execvpe("zsh", ["zsh", "-d", "-i"], dict(ENVIRONMENT, ZDOTDIR=scratch))
            try:
                self.talk(fd, line)
            finally:
                os.close(fd)
                os.waitpid(pid, 0)
            hits = Path(scratch, "hits")
            return hits.read_text(encoding="utf-8").splitlines() if hits.exists() else []

    def talk(self, fd, line):
        end, got, is_asked = time.monotonic() + DEADLINE, b"", False
        while select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            try:
                part = os.read(fd, 4096)
            except OSError:  # it has ended
                part = b""
            if not part:
                return
            got += part
            if b"READY " in got and not is_asked:
                is_asked = True
                os.write(fd, line.encode() + b"\t")
        self.fail("zsh does not end: %r" % got)


if __name__ == "__main__":
    unittest.main(verbosity=2)
