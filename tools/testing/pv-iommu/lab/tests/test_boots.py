# SPDX-License-Identifier: GPL-2.0-only
"""Who shares a boot, how long things take, what a report says."""

import json
import struct
import tempfile
import time
import unittest
import zlib
from pathlib import Path
from unittest.mock import Mock
from xml.etree import ElementTree

from .. import boots, report, session, vmlinux
from ..header import Scenario
from ..judge import Record
from ..runner import LOST_BOOTS, Lost
from ..session import Result, Spent
from ..timings import Timings
from ..ui import LabError


def scenario(name, **fields):
    return Scenario(name=name, path=Path(f"{name}.sh"), variant="vtd", **fields)


def plan(*scenarios):
    return [[s.name for s in boot.scenarios] for boot in boots.plan(scenarios)]


class PlanTest(unittest.TestCase):
    def test_the_same_machine_is_shared(self):
        nvme = (("nvme", ()),)
        found = boots.plan([scenario("a", devices=nvme, guest=("fio",)),
                            scenario("b", devices=(("edu", ()),)),
                            scenario("c", linux="x"),
                            scenario("d", devices=nvme)])
        self.assertEqual([[s.name for s in boot.scenarios] for boot in found],
                         [["a", "b", "d"], ["c"]])
        self.assertEqual(set(found[0].devices), {"nvme", "edu"})
        self.assertEqual(found[0].guest, ["fio"])

    def test_other_options_of_a_device_are_another_machine(self):
        self.assertEqual(plan(scenario("a", devices=(("nvme", ()),)),
                              scenario("b", devices=(
                                  ("nvme", (("null", "1"),)),))),
                         [["a"], ["b"]])

    def test_what_ends_the_machine_is_last_and_alone_in_that(self):
        self.assertEqual(plan(scenario("a", ends=True), scenario("b"),
                              scenario("c", ends=True)),
                         [["b", "a"], ["c"]])

    def test_what_must_be_first(self):
        self.assertEqual(plan(scenario("a"), scenario("b", first=True),
                              scenario("c", first=True)), [["b", "c", "a"]])
        # where a driver once loaded stays, only one can be
        self.assertEqual(plan(scenario("a", kernel="6.1"),
                              scenario("b", kernel="6.1", first=True),
                              scenario("c", kernel="6.1", first=True)),
                         [["b", "a"], ["c"]])

    def test_what_is_left(self):
        boot = boots.plan([scenario("a"), scenario("b")])[0]
        left = boot.without([boot.scenarios[0]])
        assert left
        self.assertEqual([s.name for s in left.scenarios], ["b"])
        self.assertIsNone(left.without(left.scenarios))


class LostTest(unittest.TestCase):
    def test_bound(self):
        lost = Lost()
        self.assertEqual([lost.add("why") for _ in range(LOST_BOOTS + 1)],
                         [True] * LOST_BOOTS + [False])


class SilenceTest(unittest.TestCase):
    """A dom0 that hangs in a scenario."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        run = Path(directory.name)
        one = scenario("a")
        self.session = session.Session(Mock(), boots.Boot((one,)), run, "a",
                                       Mock(), True, 60)
        self.session.directory.mkdir(parents=True)
        self.session.begun = True
        self.running = session.Running(one, Record(), Mock(),
                                       time.monotonic(), Mock(), run)
        self.session.running = self.running

    def over(self, text, silent):
        """How the machine is when it has said a text and then nothing."""
        self.session.console.write_text(text)
        self.session.said = len(text)
        self.session.heard = time.monotonic() - silent
        return self.session.over(Mock(), 0.0), self.session.ended

    def test_time_is_left(self):
        self.assertEqual(self.over("fine\n", session.LAST_WORDS + 1),
                         (False, ""))

    def test_hurt_and_at_work(self):
        self.assertEqual(self.over("Oops: 0000\n", session.LAST_WORDS - 10),
                         (False, ""))

    def test_hurt_and_silent(self):
        self.over("Oops: 0000\n", 0)
        self.assertEqual(
            self.over("Oops: 0000\nCR2: 0\n", session.LAST_WORDS + 1),
            (True, "silent for 60 s after 'Oops'"))
        self.assertEqual(self.running.record.failures, [self.session.ended])

    def test_dead(self):
        self.assertEqual(self.over("Oops: 0000\nKernel panic\n", 0),
                         (True, "'Kernel panic' on the console"))


class TimingsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "timings.json"

    def test_median_of_the_last(self):
        timings = Timings(self.path)
        self.assertIsNone(timings.usual("a"))
        for seconds in (100, 100, *range(9)):
            timings.add("a", seconds)
        timings.save()
        self.assertEqual(Timings(self.path).usual("a"), 4)

    def test_damage(self):
        for text in ("", "[]", "{\"a\": 1}", "{\"a\": [\"x\"]}"):
            self.path.write_text(text)
            self.assertIsNone(Timings(self.path).usual("a"), text)


class ReportTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.results = [
            Result(scenario("good"), Record(oks=1), [], 1.0, self.path),
            Result(scenario("bad"), Record(), ["Linux said: \x00 & <"], 2.0,
                   self.path),
            Result(scenario("none"), Record(skipped="no such thing"), [], 0.0,
                   self.path)]

    def test_closing_line_and_reasons_of_skips(self):
        self.assertEqual(report.summary(self.results),
                         "1 passed, 1 failed, 1 skipped")
        self.assertEqual(report.skips(self.results),
                         ["skipped: none@vtd: no such thing"])

    def test_tap(self):
        report.write_tap(self.results, self.path / "tap")
        lines = (self.path / "tap").read_text().splitlines()
        self.assertEqual(lines[1:4], ["1..3", "ok 1 - good@vtd",
                                      "not ok 2 - bad@vtd"])
        self.assertEqual(lines[-1], "ok 3 - none@vtd # SKIP no such thing")

    def test_junit(self):
        report.write_junit(self.results, self.path / "xml")
        suite = ElementTree.parse(self.path / "xml").getroot()
        self.assertEqual([suite.get(key) for key in
                          ("tests", "failures", "skipped")], ["3", "1", "1"])
        self.assertEqual(suite.findtext("testcase/failure"),
                         "Linux said: ? & <")

    def test_time(self):
        text = report.spent(60, self.results, [Spent(boot=120, wait=6)])
        self.assertIn("    2.0  1 boots", text)
        self.assertIn("    0.1    waiting for logs", text)


class VmlinuxTest(unittest.TestCase):
    @staticmethod
    def image(payload):
        image = bytearray(1024 + 512)
        image[vmlinux.SETUP_SECTS] = 2
        image[vmlinux.MAGIC:vmlinux.MAGIC + 4] = b"HdrS"
        struct.pack_into("<II", image, vmlinux.PAYLOAD, 16, len(payload))
        return bytes(image) + b"\0" * 16 + payload + b"rest"

    def test_payload(self):
        elf = b"\x7fELF" + json.dumps(list(range(500))).encode()
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(elf) + packer.flush()
        self.assertEqual(vmlinux.payload_of(self.image(packed + b"size")), elf)

    def test_what_is_none(self):
        for image in (b"\0" * 2000, self.image(b"unknown"),
                      self.image(zlib.compress(b"no ELF"))):
            with self.assertRaises(LabError):
                vmlinux.payload_of(image)
