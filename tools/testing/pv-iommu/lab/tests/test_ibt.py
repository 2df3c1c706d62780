# SPDX-License-Identifier: GPL-2.0-only
"""Functions of the overlay that are called by address."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from .. import paths

# As Xen is compiled: no ENDBR64 but where the source says so.
FLAGS = ("-O2", "-ffunction-sections", "-fPIC", "-fcf-protection=branch",
         "-mmanual-endbr")
TEXT = """
#define cf_check __attribute__((cf_check))
#define noinline __attribute__((noinline))
void use(void (*fn)(void), int nr);
static void noinline only_called(void) { asm volatile (""); }
static void %s in_code(void) { asm volatile (""); }
static void %s in_data(void) { asm volatile (""); }
static void __attribute__((section(".init.text"))) first(void)
{
    asm volatile ("");
}
static void __attribute__((section(".init.text"))) %s second(void)
{
    asm volatile ("nop");
}
void (*const table[])(void) = { in_data, second };
void caller(void) { only_called(); first(); use(in_code, 1); }
void looks_at_data(int nr) { use(table[nr], 2); }
"""


class IbtTest(unittest.TestCase):
    def check(self, *words: str) -> tuple[int, list[str]]:
        with tempfile.TemporaryDirectory() as tmp:
            Path(tmp, "some.c").write_text(TEXT % words)
            subprocess.run(["gcc", *FLAGS, "-c", "some.c"], cwd=tmp, check=True)
            done = subprocess.run(
                [sys.executable, str(paths.OVERLAY / "ibt.py"), "some.o"],
                cwd=tmp, capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, [line.split()[1]
                                 for line in done.stdout.splitlines()]

    def test_fit(self) -> None:
        self.assertEqual(self.check("cf_check", "cf_check", "cf_check"),
                         (0, []))

    def test_forgotten(self) -> None:
        for place, name in enumerate(("in_code()", "in_data()", "second()")):
            words = ["cf_check"] * 3
            words[place] = ""
            self.assertEqual(self.check(*words), (1, [name]))
