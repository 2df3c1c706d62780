# SPDX-License-Identifier: GPL-2.0-only
"""What makes "make coverage" fail, and what it lists."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from .. import coverage


def covered(run, lines, taken=90, branches=100):
    """A file: that many of its lines were run, branches taken on the first."""
    found: coverage.Lines = {number: (1 if number <= run else 0, [])
                             for number in range(1, lines + 1)}
    found[1] = (1, [1] * taken + [0] * (branches - taken))
    return found


class CoverageTest(unittest.TestCase):
    def report(self, known=(), **files):
        """(is it enough, what was printed); the text of line N is "N;"."""
        with tempfile.TemporaryDirectory() as directory:
            for name, lines in files.items():
                Path(directory, name).write_text("".join(
                    f"\t{number};\n" for number in sorted(lines)))
            out = io.StringIO()
            with mock.patch.object(coverage, "measure", return_value=(
                    files, Path(directory))), \
                    mock.patch.object(coverage, "reasons", return_value=dict(
                        known)), contextlib.redirect_stdout(out):
                return coverage.report(mock.Mock(), (), []), out.getvalue()

    def test_enough(self):
        enough, text = self.report(core=covered(100, 100, 85))
        self.assertTrue(enough, text)
        self.assertIn("lines 100.0% branches 85.0%", text)
        self.assertNotIn("FAIL", text)

    def test_lines(self):
        known = {("core", f"{number};"): "why" for number in range(95, 101)}
        for run, wanted in ((95, True), (94, False)):
            enough, text = self.report(known, core=covered(run, 100))
            self.assertEqual(enough, wanted, text)
        self.assertIn("FAIL: 94.0% of the lines: 95% is wanted", text)

    def test_branches(self):
        enough, text = self.report(core=covered(100, 100, 84))
        self.assertFalse(enough)
        self.assertIn("FAIL: 84.0% of the branches: 85% is wanted", text)

    def test_no_reason(self):
        known = {("core", "100;"): "nothing makes it fail"}
        for missing, wanted in ((1, True), (2, False)):
            enough, text = self.report(
                known, core=covered(100 - missing, 100),
                domain=covered(50, 50))
            self.assertEqual(enough, wanted, text)
        self.assertIn("100: 100;\n        (nothing makes it fail)", text)
        self.assertIn("99: 99;\n        (no reason known)", text)
        self.assertIn("1 lines that are not run: core:99", text)
        # another file's reason does not count
        known = {("domain", "100;"): "why"}
        self.assertFalse(self.report(known, core=covered(99, 100))[0])

    def test_stale_reason(self):
        known = {("core", "7;"): "why", ("core", "gone;"): "why",
                 ("gone", "7;"): "why"}
        enough, text = self.report(known, core=covered(100, 100))
        self.assertFalse(enough)
        self.assertIn("has lines that the driver has not: core: gone;, "
                      "gone: 7;\n", text)
        self.assertTrue(text.endswith("lines 100.0% branches 90.0%\n"))

    def test_branches_that_are_listed(self):
        lines: coverage.Lines = {
            3: (1, [1, 0]), 7: (2, [0, 0, 2]), 8: (1, [1, 1]), 9: (1, []),
            11: (0, [0, 0])}
        self.assertEqual(coverage.branches_missing(lines), ["3", "7x2"])
        text = self.report(core=covered(100, 100, 90))[1]
        self.assertIn("branches never taken: 1x10\n", text)

    def test_says_what_is_not_measured(self):
        self.assertIn("Not measured: compat.c",
                      self.report(core=covered(1, 1))[1])

    def test_reasons_are_read(self):
        text = "# a comment\n\nNo memory.\n\tcore.c: return 1;\n"
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            with mock.patch.object(coverage, "REASONS", Path(file.name)):
                self.assertEqual(coverage.reasons(),
                                 {("core.c", "return 1;"): "No memory."})
