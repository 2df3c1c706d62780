# SPDX-License-Identifier: GPL-2.0-only
"""What the lab makes of a KUnit run: floor, skips, failures, warnings."""

import fnmatch
import io
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from .. import ktap

# As little of the kernel's parser as the tests need: what it gives is the
# same, and a test of the lab needs no kernel's source.
PARSER = '''
import enum
import re

LINE = re.compile(r"^(?:.*\\] )?( *)(ok|not ok) \\d+ ([^ ]+)"
                  r"(?: # SKIP (.*))?$")


class TestStatus(enum.Enum):
    SUCCESS = 1
    FAILURE = 2
    SKIPPED = 3
    NO_TESTS = 4


class Counts:
    passed = failed = crashed = skipped = errors = 0


class Test:
    def __init__(self, name, status, reason):
        self.name = name
        self.status = status
        self.skip_reason = reason or ""
        self.subtests = []
        self.counts = Counts()


def parse_run_tests(lines, printer):
    top = Test("main", TestStatus.SUCCESS, "")
    waiting = {}
    for line in lines:
        # as the real one takes it for the end of a subtest
        assert line, "an empty line"
        match = LINE.match(line)
        if not match:
            top.counts.errors += "garbage" in line
            continue
        depth = len(match[1]) // 4
        status = (TestStatus.SKIPPED if match[4] is not None else
                  TestStatus.SUCCESS if match[2] == "ok" else
                  TestStatus.FAILURE)
        test = Test(match[3], status, match[4])
        test.subtests = waiting.pop(depth + 1, [])
        waiting.setdefault(depth, []).append(test)
        if not test.subtests:
            top.counts.passed += status == TestStatus.SUCCESS
            top.counts.failed += status == TestStatus.FAILURE
            top.counts.skipped += status == TestStatus.SKIPPED
    top.subtests = waiting.pop(0, [])
    return top
'''

WANTED = {"xpi-a": ["one", "two"], "xpi-b": ["three"]}
SKIPS = [ktap.Skip("xen", "xpi-b.*", "no [Xx]en"),
         ktap.Skip("bare", "xpi-a.two", "no device")]
GOOD = """\
[    1.0] KTAP version 1
[    1.0]     ok 1 one
[    1.0]         ok 1 first
[    1.0]         ok 2 second
[    1.0]     ok 2 two
[    1.0] ok 1 xpi-a
[    1.0]     ok 1 three
[    1.0] ok 2 xpi-b
"""


class TreeTest(unittest.TestCase):
    """With a kernel's source, of which there is the parser."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.tree = Path(holder.name)
        tools = self.tree / "tools/testing/kunit"
        tools.mkdir(parents=True)
        (tools / "kunit_parser.py").write_text(PARSER)
        (tools / "kunit_printer.py").write_text("null_printer = None\n")


class CheckTest(TreeTest):
    def check(self, text: str, where: str = "xen",
              only: str = "") -> ktap.Outcome:
        return ktap.check(text.splitlines(), self.tree, where, only,
                          WANTED, SKIPS)

    def test_passes(self) -> None:
        outcome = self.check(GOOD)
        self.assertEqual(outcome.problems, [])
        self.assertEqual(str(outcome), "4 passed, 0 failed, 0 skipped")

    def test_floor(self) -> None:
        for old, new, problem in (
                ("    ok 1 one\n", "    ok 1 three\n",
                 "xpi-a: did not run: one"),
                ("ok 2 xpi-b", "ok 2 xpi-c", "xpi-b did not run")):
            self.assertEqual(self.check(GOOD.replace(old, new)).problems,
                             [problem])
        self.assertIn("no test passed", self.check("").problems)
        self.assertIn("xpi-b did not run", self.check("").problems)

    def test_floor_of_a_filter(self) -> None:
        half = GOOD[:GOOD.index("[    1.0]     ok 1 three")]
        self.assertFalse(self.check(half).good)
        for only in ("xpi-a", "xpi-a*", "xpi-a.one"):
            self.assertTrue(self.check(half, only=only).good, only)
        self.assertFalse(self.check(half, only="xpi-*.t*").good)

    def test_fails(self) -> None:
        outcome = self.check(GOOD.replace("ok 2 second", "not ok 2 second"))
        self.assertEqual(outcome.problems, ["failure: xpi-a.two.second"])
        self.assertEqual(str(outcome), "3 passed, 1 failed, 0 skipped")
        self.assertFalse(self.check(GOOD + "garbage").good)

    def test_skips(self) -> None:
        skipped = GOOD.replace("ok 1 three", "ok 1 three # SKIP no Xen here")
        self.assertTrue(self.check(skipped).good)
        for text, where in ((skipped, "bare"),
                            (skipped.replace("no Xen", "rain"), "xen")):
            problems = self.check(text, where).problems
            self.assertEqual(len(problems), 1)
            self.assertTrue(problems[0].startswith(
                "skipped: xpi-b.three: "), problems)

    def test_what_goes_over_the_channel(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            console = Path(directory, "console")
            # as a serial line has it
            console.write_bytes(
                ("(XEN) booted\n" + GOOD).replace("\n", "\r\r\n").encode())
            good, text = ktap.verdict(console, self.tree, "xen")
        # Against the real sources, of which these are none.
        self.assertFalse(good)
        self.assertRegex(text, r"^KUnit: 4 passed, \d+ failed, 0 skipped; .*; "
                         r"and \d+ more$")


class FilesTest(unittest.TestCase):
    def test_sources(self) -> None:
        suites = ktap.in_sources()
        self.assertGreater(len(suites), 15)
        self.assertIn("xen_shows_what_is_mapped", suites["xpi-xen"])
        self.assertIn("a_big_host_map_takes_few_calls", suites["xpi-takeover"])
        self.assertEqual(
            sum(len(cases) for cases in suites.values()),
            sum(path.read_text().count("KUNIT_CASE")
                for path in ktap.SOURCES.glob("*.c")))

    def test_a_file_without_a_suite(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "x_kunit.c").write_text("KUNIT_CASE(a),")
            with self.assertRaises(ValueError):
                ktap.in_sources(Path(directory))

    def test_skips_are_of_tests_that_there_are(self) -> None:
        suites = ktap.in_sources()
        skips = ktap.read_skips()
        self.assertTrue(skips)
        for skip in skips:
            self.assertIn(skip.where, ("xen", "bare"))
            suite, _, case = skip.test.partition(".")
            self.assertIn(suite, suites)
            self.assertTrue(fnmatch.filter(suites[suite], case), skip)


class MainTest(TreeTest):
    def main(self, console: str, *words: str) -> tuple[int, str]:
        """(exit code, last line)"""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "console")
            path.write_text(console)
            said, complaints = io.StringIO(), io.StringIO()
            with redirect_stdout(said), redirect_stderr(complaints):
                code = ktap.main([*words, "--only", "none", "bare",
                                  str(self.tree), str(path)])
            return code, said.getvalue().splitlines()[-1]

    def test_passes(self) -> None:
        self.assertEqual(
            self.main(GOOD + "DMA-API: preallocated 65536 debug entries\n"
                      "xen-pv-iommu: BUG: provoked\n"),
            (0, "4 passed, 0 failed, 0 skipped"))

    def test_how_kunit_ended(self) -> None:
        self.assertEqual(self.main(GOOD, "--status", "1"),
                         (1, "4 passed, 1 failed, 0 skipped"))

    def test_what_the_kernel_must_not_say(self) -> None:
        for line in ("UBSAN: shift-out-of-bounds in x.c:1:1",
                     "WARNING: CPU: 0 PID: 1 at x.c:1",
                     "BUG: KASAN: use-after-free in f",
                     "BUG: KCSAN: data-race in f / g",
                     "INFO: task t:1 blocked for more than 120 seconds.",
                     "DMA-API: debugging out of memory - disabling",
                     "ODEBUG: free active object", "kmemleak: 3 new x"):
            self.assertEqual(self.main(f"well\n[ 1.0] {line}\n{GOOD}")[0], 1,
                             line)

    def test_nothing_to_look_at(self) -> None:
        self.assertEqual(self.main("")[0], 1)
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            self.assertEqual(ktap.main(["bare", str(self.tree), "/none"]), 1)
