# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a mutant; and that each one in the tree fits it."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from .. import build, mutants, paths
from ..mutants import Run
from ..ui import LabError

HEADER = "# about: It.\n# caught-by: io-nvme@vtd\n# says: other .*data\n"
REASON = "      /dev/nvme0n1 reads back other data: 1 record\n"
OUTPUT = """\
minutes: ...
FAIL  io-nvme@vtd  33 s
{}      logs: /runs/io-nvme@vtd
      | [   20.0] reads back other data
0 passed, 1 failed
"""


class MutantTest(unittest.TestCase):
    def parse(self, text: str, name: str = "it.patch") -> mutants.Mutant:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, name)
            path.write_text(text)
            return mutants.parse(path)

    def fault(self, output: str, code: int = 1,
              caught_by: str = "io-nvme@vtd") -> str:
        mutant = self.parse(HEADER.replace("io-nvme@vtd", caught_by))
        return mutants.fault_of(mutant, Run(code, output))

    def test_header(self) -> None:
        mutant = self.parse(HEADER + "--- a/x\n# about: no header\n")
        self.assertEqual((mutant.name, mutant.about, mutant.caught_by),
                         ("it", "It.", "io-nvme@vtd"))
        for text in ("", HEADER.replace("about", "more"), HEADER + "# more: x",
                     HEADER.replace("It.", ""), HEADER.replace("other", "("),
                     "\n".join(HEADER.splitlines()[1:])):
            with self.assertRaises(LabError, msg=text):
                self.parse(text)

    def test_caught(self) -> None:
        self.assertEqual(self.fault(OUTPUT.format(REASON)), "")

    def test_survived(self) -> None:
        self.assertIn("survived", self.fault(
            "pass  io-nvme@vtd  30 s  8 steps\n1 passed, 0 failed\n", 0))

    def test_other_reason(self) -> None:
        # What the console's last lines say is no reason.
        other = OUTPUT.format("      no disk at 00:04.0\n")
        self.assertIn("another reason: no disk", self.fault(other))

    def test_other_scenario(self) -> None:
        other = OUTPUT.format(REASON).replace("@vtd", "@amdvi")
        self.assertIn("no verdict", self.fault(other))

    def test_not_built(self) -> None:
        self.assertIn("no verdict, exit code 2: lab: make",
                      self.fault("building\nlab: make ended with code 2", 2))
        self.assertIn("no verdict", self.fault("", -1))

    def test_kunit(self) -> None:
        passed = "[10:00:00] [PASSED] the other data\n"
        failed = "[10:00:00] [FAILED] the other data\n"
        self.assertEqual(self.fault(passed + failed, 1, "kunit: xpi-run"), "")
        self.assertIn("no verdict", self.fault(passed, 1, "kunit: xpi-run"))
        self.assertEqual(mutants.command_of("kunit: xpi-run"),
                         ["kunit", "xpi-run"])

    def test_baseline(self) -> None:
        output = "pass  a@vtd  3 s  1 steps\nFAIL  b@vtd  3 s\nskip  c@vtd\n"
        self.assertEqual(mutants.passing(["a@vtd", "b@vtd", "c@vtd"],
                                         Run(1, output)), {"a@vtd"})


class RenewTest(unittest.TestCase):
    """The next mutant's Xen is built where the one before it was."""

    def tree(self, top: Path, name: str, text: str) -> Path:
        source = top / name
        (source / "a").mkdir(parents=True)
        (source / "a/same.c").write_text("same\n")
        (source / "a/other.c").write_text(text)
        return source

    def test_renew(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            top = Path(directory)
            built = top / "kept/debug"
            build.renew(self.tree(top, "first", "one\n"), built)
            self.assertFalse((top / "first").exists())
            (built / "a/same.o").write_text("made of it")
            for path in built.glob("a/*"):
                os.utime(path, (1, 1))
            build.renew(self.tree(top, "second", "two\n"), built)
            self.assertFalse((top / "second").exists())
            self.assertEqual((built / "a/other.c").read_text(), "two\n")
            self.assertGreater((built / "a/other.c").stat().st_mtime, 1)
            self.assertEqual([path.stat().st_mtime for path in
                              built.glob("a/same.*")], [1, 1])


class TreeTest(unittest.TestCase):
    """A mutant that does not fit the tree any more is to be mended now."""

    def test_each(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for mutant in mutants.load():
                with self.subTest(mutant.name):
                    self.one(mutant, Path(directory, mutant.name))

    def one(self, mutant: mutants.Mutant, tree: Path) -> None:
        text = mutant.path.read_text()
        for sign in "+-":
            changed = re.findall(rf"^\{sign}(?!\{sign}\{sign} )", text, re.M)
            self.assertLessEqual(len(changed), 1, "more than a line")
        name = re.findall(r"^\+\+\+ b/(.+)$", text, re.M)
        self.assertEqual(len(name), 1, "more than a file")
        copy = tree / name[0]
        copy.parent.mkdir(parents=True)
        copy.write_bytes((paths.TREE / name[0]).read_bytes())
        mutants.patch(mutant, tree)
        self.assertTrue(mutants.exists(mutant.caught_by), mutant.caught_by)

    def test_names(self) -> None:
        known = mutants.load()
        self.assertEqual(mutants.load([known[0].name]), [known[0]])
        with self.assertRaises(LabError):
            mutants.load(["no-such-mutant"])
        self.assertFalse(mutants.exists("no-such-scenario@vtd"))

    def test_copy(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            mutant = mutants.load()[0]
            tree = Path(directory, "tree")
            mutants.mutate(mutant, tree)
            done = subprocess.run(
                ["diff", "-rq", "-x", ".git", "-x", "__pycache__",
                 str(paths.TREE), str(tree)], capture_output=True, text=True,
                check=False)
            self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)


if __name__ == "__main__":
    unittest.main()
