# SPDX-License-Identifier: GPL-2.0-only
"""Which functions instructions are in: blocks, symbols, tables."""

import csv
import struct
import tempfile
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

from bench import where
from bench.results import Run
from bench.symbols import LINUX, XEN, Symbols

from ..blocks import Case, Executed, Profile, read
from ..judge import Record
from ..ui import LabError
from ..verbs import Refused, Requests

CORE, MODULE, HYPERVISOR = \
    0xffffffff81000000, 0xffffffffc0000000, 0xffff82d040200000

LINUX_SYMBOLS = f"""
{CORE:016x} T _text
{CORE:016x} T iommu_map
{CORE + 0x100:016x} t helper
{CORE + 0x100:016x} T _text_end
{CORE + 0x200:016x} t helper
{MODULE + 0x1000:016x} t bench_single_pairs [pviommu_bench]
{MODULE:016x} t xpi_map [xen_pv_iommu]
{MODULE + 0x2000:016x} t nvme_setup [nvme]
"""
XEN_SYMBOLS = f"""
0x{HYPERVISOR:016x} T do_iommu_op
0x{HYPERVISOR + 0x80:016x} t drivers/vtd/map.c#map
0x{HYPERVISOR + 0x100:016x} D data
"""


def symbols():
    return Symbols(LINUX_SYMBOLS, XEN_SYMBOLS)


class BlocksTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "blocks"

    def write(self, times, *pairs, lost=0):
        numbers = [1 + len(pairs), times, 0, lost]
        for pair in pairs:
            numbers += pair
        # what has no block yet
        numbers += [0] * 20
        self.path.write_bytes(struct.pack(f"={len(numbers)}Q", *numbers))

    def test_blocks_of_the_same_address_are_one(self):
        self.write(3, (0x1000, 5), (0x2000, 0), (0x1000, 2))
        self.assertEqual(read(self.path), Executed(3, Counter({0x1000: 7})))

    def test_what_came_since(self):
        profile = Profile()
        self.write(1, (0x1000, 5), (0x2000, 3))
        profile.since(self.path)
        self.write(3, (0x1000, 9), (0x2000, 3), (0x3000, 2))
        self.assertEqual(profile.since(self.path),
                         Executed(2, Counter({0x1000: 4, 0x3000: 2})))

    def test_no_room(self):
        self.write(1, (0x1000, 5), lost=1)
        with self.assertRaisesRegex(LabError, "no room"):
            read(self.path)

    def test_verb(self):
        record = Record()
        qemu = mock.Mock(blocks=self.path, trace_log=self.path)
        requests = Requests(record, qemu, {}, self.path, mock.Mock(),
                            mock.Mock())
        self.write(1, (0x1000, 5))
        requests.serve("blocks", "")
        with self.assertRaisesRegex(Refused, "nothing was counted"):
            requests.serve("blocks", "single-4k 16 3270.5")
        self.write(3, (0x1000, 100_005))
        requests.serve("blocks", "single-4k 16 3000.5")
        self.assertEqual(record.executed, {"single-4k": Case(
            16, 3000.5, Executed(2, Counter({0x1000: 100_000})))})
        self.write(4, (0x1000, 300_005))
        with self.assertRaisesRegex(Refused, "mean is 12500, the median 3000"):
            requests.serve("blocks", "single-64k 16 3000.5")
        qemu.blocks = None
        with self.assertRaisesRegex(Refused, "does not count"):
            requests.serve("blocks", "")


class SymbolsTest(unittest.TestCase):
    def test_of(self):
        for address, part, name in (
                (CORE, LINUX, "iommu_map"), (CORE + 0xff, LINUX, "iommu_map"),
                (MODULE + 8, "driver", "xpi_map"),
                (MODULE + 0x1008, "benchmark", "bench_single_pairs"),
                (MODULE + 0x2008, LINUX, "nvme_setup"),
                (HYPERVISOR + 4, XEN, "do_iommu_op"),
                (HYPERVISOR + 0x80, XEN, "map.c#map"),
                (0x401000, "programs", "programs")):
            found = symbols().of(address)
            self.assertEqual((found.part, found.name), (part, name))

    def test_without_a_symbol(self):
        for address, part in ((HYPERVISOR + 0x1123, XEN),
                              (HYPERVISOR - 0x1000, XEN),
                              (CORE - 0x1000, LINUX)):
            found = symbols().of(address)
            self.assertEqual((found.part, found.name),
                             (part, f"page {address & ~0xfff:#x}"))
        self.assertEqual(Symbols("").of(CORE).part, LINUX)

    def test_same_names_are_two_functions(self):
        found = symbols().by_function(Counter({
            CORE + 0x110: 1, CORE + 0x120: 2, CORE + 0x210: 4}))
        self.assertEqual(list(found.values()), [3, 4])
        self.assertEqual(list(where.numbered(found).values()),
                         ["helper", "helper (2)"])


class WhereTest(unittest.TestCase):
    def places(self):
        blocks = Counter({CORE: 3000, CORE + 0x100: 13, CORE + 0x200: 20,
                          MODULE: 1500, HYPERVISOR: 2000, 0x401000: 10})
        record = Record(symbols=LINUX_SYMBOLS, executed={
            "single-4k": Case(4, 810.4, Executed(2, blocks))})
        return where.places(record, XEN_SYMBOLS)

    def test_places(self):
        found = self.places()["single-4k"]["functions"]
        self.assertEqual(found[0], {"part": "Linux", "function": "iommu_map",
                                    "instructions": 375})
        self.assertEqual(sum(each["instructions"] for each in found),
                         6543 / 8)

    def test_rounded(self):
        self.assertEqual(where.rounded([1.5, 1.5, 1.4]), [2, 1, 1])
        self.assertEqual(where.rounded([0.4, 0.4, 0.4]), [1, 0, 0])
        self.assertEqual(where.rounded([]), [])

    def test_table(self):
        text = where.where_table(self.places()["single-4k"]["functions"])
        parts, functions, last = (
            [line.split() for line in part.splitlines()]
            for part in text.split("-\n")[1].split("\n\n"))
        self.assertEqual([row[-2] for row in parts],
                         ["379", "250", "188", "1"])
        self.assertEqual([row[0] for row in functions],
                         ["iommu_map", "do_iommu_op", "xpi_map", "3"])
        self.assertEqual(last, [["all", "818", "100.0"]])
        for rows in (parts, functions):
            self.assertEqual(sum(int(row[-2]) for row in rows), 818)

    def test_files(self):
        runs: list[Run] = [
            {"config": name, "round": 0, "stats": {}, "where": self.places()}
            for name in ("pv-lazy", "xen-swiotlb")]
        runs.append({"config": "pv-lazy", "round": 0, "stats": {}})
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory)
            self.assertEqual(where.write(runs[2:], path), "")
            self.assertFalse(list(path.iterdir()))
            text = where.write(runs, path)
            self.assertEqual((path / "where.txt").read_text(), text)
            with open(path / "where.csv", newline="") as file:
                rows = list(csv.DictReader(file))
        self.assertIn("lazy: instructions for each operation, mean "
                      "(median of batches: 810)\n", text)
        self.assertLess(text.index("single 4 KiB, xen-swiotlb"),
                        text.index("single 4 KiB, PV-IOMMU lazy"))
        self.assertEqual(len(rows), 12)
        self.assertAlmostEqual(
            sum(float(row["instructions"]) for row in rows), 2 * 6543 / 8)
