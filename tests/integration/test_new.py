"""`toni new`: what it refuses, and that nothing is ever overwritten or left half written. That what it writes is built,
tested and answers: test_new_projects.py."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from toni_host import BUILD, DEADLINE, SANITIZER, TONI, main, run_toni, without_root_rights

FILES = {
    ".editorconfig", ".gitignore", ".vscode/settings.json", "CMakeLists.txt", "README.md", "board_gateway.c",
    "gateways.conf", "test_board.c",
}  # fmt: skip


def files_in(folder):
    """All that are not folders, links included."""
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_symlink() or not path.is_dir()}


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="toni-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def new(self, *arguments, code=0, before_exec=None):
        """@return What it has said, on stdout or stderr."""
        result = run_toni("new", *arguments, cwd=self.folder, before_exec=before_exec)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        if code:
            self.assertEqual(result.stdout, "")
            self.assertTrue(result.stderr.startswith("toni new: "), result.stderr)
        else:
            self.assertEqual(result.stderr, "")
        return result.stdout + result.stderr

    def refused(self, *arguments, says, code=2, **more):
        before = files_in(self.folder)
        said = self.new(*arguments, code=code, **more)
        self.assertIn(says, said)
        self.assertEqual(files_in(self.folder), before)


class CommandLine(Case):
    def test_names(self):
        self.refused("Board", says="such as `board`")
        self.refused("a/b", says="--dir")
        self.refused("int", says="keyword of C:")
        self.refused("class", says="keyword of C++:")
        self.refused("string", says="standard library")
        self.refused("toni", says="the host")
        self.refused("", says="is empty")
        self.refused("x" * 41, says="at most 40 bytes")
        self.refused("..", says="lower-case letters")
        self.refused("x\x1b[31m", says="`x\\x1b[31m`")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_options(self):
        self.refused(says="no name is given")
        self.refused("a", "b", says="unexpected argument: b")
        self.refused("a", "--kind", "plugin", says="gateway, service")
        self.refused("a", "--language", "rust", says="c, c++")
        self.refused("a", "--kind=service", "--events", says="leave out --events, or --kind service")
        self.refused("a", "--dir", "", says="--dir is empty")
        self.refused("a", "--dir", "x\ny", says="control characters")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_help(self):
        said = self.new("--help")
        for word in ("NAME", "--kind", "--events", "--language", "--dir", "keyword"):
            self.assertIn(word, said)
        self.assertIn("  new ", run_toni("--help").stdout)


class Writing(Case):
    def test_a_folder_of_the_name(self):
        self.new("board")
        self.assertEqual(files_in(self.folder / "board"), FILES)
        for name in FILES:
            self.assertNotRegex((self.folder / "board" / name).read_text(encoding="utf-8"), "@[a-z]")

    def test_a_folder_that_is_named(self):
        (self.folder / "empty").mkdir()
        for arguments in (("--dir", "empty"), ("--dir=it's here/",), ("--dir", "-x"), ("--dir", "empty/new")):
            if arguments[-1] == "empty/new":
                shutil.rmtree(self.folder / "empty")
                (self.folder / "empty").mkdir()
            said = self.new("board", *arguments)
            # `cd` as it is printed, by a shell, leads there.
            cd = next(line for line in said.splitlines() if line.startswith("  cd "))
            shown = subprocess.run(["sh", "-c", cd + " && pwd"], cwd=self.folder, capture_output=True, text=True, check=True)
            self.assertEqual(files_in(shown.stdout.rstrip("\n")), FILES)

    def test_here(self):
        said = run_toni("new", "board", "--dir", ".", cwd=self.folder)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(files_in(self.folder), FILES)

    def test_from_a_build_folder_it_says_what_to_install(self):
        said = self.new("board")
        self.assertIn('  cmake --install %s --prefix "$HOME/toni"\n' % os.path.realpath(BUILD), said)

    def test_what_comes_next_cannot_be_printed(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run(
                [TONI, "new", "board"], cwd=self.folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                timeout=DEADLINE,
            )
        self.assertEqual(result.returncode, 1)
        self.assertIn("the project is written", result.stderr)
        self.assertEqual(files_in(self.folder / "board"), FILES)


class NothingIsOverwritten(Case):
    def test_a_folder_that_is_not_empty(self):
        self.new("board")
        (self.folder / "board" / "board_gateway.c").write_text("mine", encoding="utf-8")
        self.refused("board", says="board is not empty")
        self.assertEqual((self.folder / "board" / "board_gateway.c").read_text(encoding="utf-8"), "mine")
        self.refused("other", "--dir", ".", says="not empty")

    def test_a_file_and_links(self):
        (self.folder / "board").write_text("mine", encoding="utf-8")
        self.refused("board", says="no folder")
        self.assertEqual((self.folder / "board").read_text(encoding="utf-8"), "mine")
        (self.folder / "empty").mkdir()
        (self.folder / "link").symlink_to("empty")
        (self.folder / "nowhere").symlink_to("missing")
        for name in ("link", "link/", "nowhere"):
            self.refused("chat", "--dir", name, says="is a link")
        self.assertFalse((self.folder / "missing").exists())

    def test_no_folder_to_be_in(self):
        self.refused("board", "--dir", "a/b", says="mkdir -p")

    def test_many_at_once(self):
        """One of them writes; the others leave what it writes alone."""
        for _ in range(10):
            many = [
                subprocess.Popen(
                    [TONI, "new", "board"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
                for _ in range(8)
            ]
            said = [one.communicate(timeout=DEADLINE)[1] for one in many]
            codes = sorted(one.returncode for one in many)
            self.assertEqual(codes, [0] + [2] * 7, said)
            self.assertEqual(files_in(self.folder / "board"), FILES)
            shutil.rmtree(self.folder / "board")


class NothingIsLeftHalf(Case):
    def test_a_disk_that_gets_full(self):
        """In the middle of some file, which of them depends on how much there is."""

        def full_after(size):
            def limit():
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                # The runtime of TSan makes a file before main(), which is then too large.
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN if SANITIZER == "tsan" else signal.SIG_DFL)

            return limit

        for size in (0, 300, 1000):
            self.refused("board", says="File too large", code=1, before_exec=full_after(size))
            self.assertEqual(list(self.folder.iterdir()), [])
        (self.folder / "empty").mkdir()
        self.refused("board", "--dir", "empty", says="File too large", code=1, before_exec=full_after(1000))
        self.assertEqual(list((self.folder / "empty").iterdir()), [])

    def test_a_folder_that_may_not_be_written(self):
        (self.folder / "locked").mkdir(mode=0o555)
        for folder in ("locked", "locked/board"):
            self.refused(
                "board", "--dir", folder, says="Permission denied", code=1, before_exec=without_root_rights
            )


class Moved(Case):
    """The program and its templates, elsewhere than where they were built."""

    def setUp(self):
        super().setUp()
        for name in ("bin", "share/toni/sdk"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy2(TONI, self.folder / "bin" / "toni")
        self.templates = self.folder / "share" / "toni" / "sdk" / "new"
        shutil.copytree(os.path.join(BUILD, "share", "toni", "sdk", "new"), self.templates)

    def run_moved(self):
        return subprocess.run(
            [self.folder / "bin" / "toni", "new", "board"], cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=DEADLINE,
        )

    def test_the_templates_are_found_beside_the_program(self):
        with open(self.templates / "gitignore", "a", encoding="utf-8") as out:
            out.write("of this prefix\n")
        self.assertEqual(self.run_moved().returncode, 0)
        self.assertIn("of this prefix", (self.folder / "board" / ".gitignore").read_text(encoding="utf-8"))

    def test_templates_that_are_not_right_leave_no_trace(self):
        (self.templates / "gitignore").write_text("a\n@nme@\n", encoding="utf-8")
        faults = [(self.run_moved(), "gitignore:2: ")]
        (self.templates / "gitignore").write_bytes(b"x" * 100000)
        faults.append((self.run_moved(), "File too large"))
        (self.templates / "gitignore").unlink()
        faults.append((self.run_moved(), "the template gitignore can't be read"))
        shutil.rmtree(self.templates)
        faults.append((self.run_moved(), "libtoni-dev"))
        for result, says in faults:
            self.assertEqual(result.returncode, 1)
            self.assertIn(says, result.stderr)
            self.assertFalse((self.folder / "board").exists())


if __name__ == "__main__":
    main()
