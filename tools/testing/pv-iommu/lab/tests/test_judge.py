# SPDX-License-Identifier: GPL-2.0-only
"""No run passes unless it said so, checked something, and the logs agree."""

import unittest

from .. import judge
from ..judge import Record, reasons


def passed(**changes):
    return Record(**{"begun": True, "finished": True, "oks": 1, **changes})


class JudgeTest(unittest.TestCase):
    def test_passes(self):
        self.assertEqual(reasons(passed(), "(XEN) all is well\n", ()), [])

    def test_no_verdict(self):
        self.assertTrue(reasons(passed(finished=False), "", ()))

    def test_never_began(self):
        self.assertTrue(reasons(Record(), "", ()))

    def test_nothing_checked(self):
        self.assertTrue(reasons(passed(oks=0), "", ()))

    def test_failure_beats_verdict(self):
        self.assertEqual(reasons(passed(failures=["bad"]), "", ()), ["bad"])

    def test_forbidden_lines(self):
        for line in ("(XEN) Assertion 'x' failed at y.c:1",
                     "(XEN) [VT-D]DMAR:[DMA Write] Request device "
                     "[0000:00:04.0] fault addr 0",
                     "(XEN) AMD-Vi: IO_PAGE_FAULT: 0000:00:04.0 d0 addr 0",
                     "(XEN) Panic on CPU 0:", "(XEN) FATAL PAGE FAULT",
                     "(XEN) Xen BUG at mm.c:1",
                     "[    1.0] WARNING: CPU: 0 PID: 1 at x.c:1",
                     "[    1.0] BUG: unable to handle page fault",
                     "[    1.0] Oops: 0000 [#1]", "[    1.0] Call Trace:",
                     "[    1.0] WARNING: possible circular locking dependency",
                     "[    1.0] INFO: possible recursive locking detected",
                     "[    1.0] DMA-API: nvme 0000:00:04.0: device driver "
                     "frees DMA memory with different size",
                     "[    1.0] DMA-API: debugging out of memory - "
                     "disabling",
                     "[    1.0] DMA-API: debugging disabled on command "
                     "line",
                     "[    1.0] INFO: lockdep is turned off.",
                     "[    1.0] rcu: INFO: rcu_preempt detected stalls",
                     "[    1.0] ata1.00: exception Emask 0x0 SAct 0x4000",
                     "[    1.0] nvme nvme0: I/O 3 QID 1 timeout, aborting",
                     "[    1.0] UBSAN: shift-out-of-bounds in x.c:1:1",
                     "[    1.0] kmemleak: 3 new suspected memory leaks"):
            self.assertTrue(reasons(passed(), f"ok\r\n{line}\r\nok\n", ()),
                            line)

    def test_expected_lines(self):
        line = "(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:00:0b.0] " \
               "fault addr 4000"
        expect = (("xen", r"DMAR:.*\[0000:00:0b.0\]"),)
        self.assertEqual(reasons(passed(), line, expect), [])
        other = line.replace("0b.0", "04.0")
        self.assertTrue(reasons(passed(), other, expect))
        self.assertTrue(reasons(passed(), line, (("linux", ".*"),)))

    def test_lines_in_lines(self):
        fault = "(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:0d.0]"
        console = f"[    1.0] B{fault}\r\nUG: wa(XEN) more\r\n" \
                  "(XEN) and more\r\ntch out\r\n[    2.0] done"
        self.assertEqual(judge.split_log(console),
                         ([fault, "(XEN) more", "(XEN) and more"],
                          ["[    1.0] BUG: watch out", "[    2.0] done"]))
        expect = (("xen", r"DMAR:.*\[0000:00:0d.0\]"),)
        self.assertEqual(reasons(passed(), console, expect),
                         ["Linux said: [    1.0] BUG: watch out"])
        self.assertEqual(judge.split_log("a\n(XEN) b\nc(XEN) d\n"),
                         (["(XEN) b", "(XEN) d"], ["a", "c"]))

    def test_required_lines(self):
        require = (("xen", "gave .* back"),)
        self.assertEqual(reasons(passed(), "(XEN) gave it back\n", (),
                                 require), [])
        self.assertTrue(reasons(passed(), "gave it back\n", (), require))

    def test_harmless_lines(self):
        for line in ("[    1.0] DMA-API: preallocated 65536 debug entries",
                     "[    1.0] DMA-API: debugging enabled by kernel config"):
            self.assertEqual(reasons(passed(), line, ()), [], line)

    def test_skip(self):
        record = Record(begun=True, skipped="no such device")
        self.assertEqual(reasons(record, "", ()), [])
        self.assertTrue(reasons(record, "(XEN) Panic on CPU 0", ()))

    def test_what_int3_leaves_to_be_judged(self):
        console = "[ 1.0] WARNING: x\r\n[ 2.0] Oops: int3: 0000 [#1]\n" \
                  "[ 2.1] Call Trace:\n"
        before = judge.before_int3(console)
        self.assertEqual(before, "[ 1.0] WARNING: x\r\n")
        self.assertEqual(judge.log_faults(before, ()),
                         ["Linux said: [ 1.0] WARNING: x"])
        self.assertIsNone(judge.before_int3("[ 2.0] Oops: 0000 [#1]"))
