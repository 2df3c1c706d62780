# SPDX-License-Identifier: GPL-2.0-only
"""What kunit/run.sh makes of a run, and of what its kernel said."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from .. import paths

PASSED = "Testing complete. Ran 9 tests: passed: 7, skipped: 2\n"
FAILED = "Testing complete. Ran 9 tests: passed: 6, failed: 1, skipped: 2\n"


class SummaryTest(unittest.TestCase):
    def summary(self, output, console, here=paths.KUNIT, code=0):
        """(exit code, last line)"""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "output").write_text(output)
            if console is not None:
                Path(directory, "console").write_bytes(console)
            done = subprocess.run(
                ["sh", "-euc", f". {paths.KUNIT}/summary.sh\n"
                 f"here={here}\nsummary output {code} console"],
                cwd=directory, check=False, capture_output=True,
                text=True, errors="replace")
            return done.returncode, done.stdout.splitlines()[-1]

    def test_passes(self):
        self.assertEqual(
            self.summary(PASSED, b"[ 1.0] DMA-API: preallocated 65536 debug "
                         b"entries\n\xff\x00\n"),
            (0, "7 passed, 0 failed, 2 skipped"))

    def test_fails(self):
        self.assertEqual(self.summary(FAILED, b"well\n", code=1),
                         (1, "6 passed, 1 failed, 2 skipped"))
        for output, code in (("", 0), (PASSED, 1)):
            self.assertEqual(self.summary(output, b"", code=code)[0], 1)

    def test_what_the_kernel_must_not_say(self):
        for line in (b"UBSAN: shift-out-of-bounds in x.c:1:1",
                     b"WARNING: CPU: 0 PID: 1 at x.c:1",
                     b"BUG: KASAN: use-after-free in f",
                     b"BUG: KCSAN: data-race in f / g",
                     b"INFO: task t:1 blocked for more than 120 seconds.",
                     b"DMA-API: debugging out of memory - disabling",
                     b"ODEBUG: free active object", b"\xff kmemleak: 3 new x"):
            self.assertEqual(
                self.summary(PASSED, b"well\n[ 1.0] " + line + b"\nwell\n"),
                (1, "7 passed, 1 failed, 2 skipped"), line)

    def test_nothing_to_look_at(self):
        self.assertEqual(self.summary(PASSED, None)[0], 1)
        self.assertEqual(self.summary(PASSED, b"", here="/none")[0], 1)
