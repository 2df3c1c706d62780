# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of the results of a benchmark: numbers, tables, aims, files."""

import csv
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bench import layout, report
from bench import run as bench_run
from bench.cases import CASES, TARGETS, named
from bench.results import Results
from bench.text import digits, quantity, table, tally

from ..ui import LabError


def run(config, number=0, exact=False, **stats):
    """One run; "single_4k__ns" is single-4k.ns."""
    def spelt(name):
        case, _, metric = name.partition("__")
        return f"{case.replace('_', '-')}.{metric}"
    return {"config": config, "round": number, "exact": exact, "stats": {
        spelt(name): str(value) for name, value in stats.items()}}


def rounds(config, name, *values):
    return [run(config, number, **{name: value})
            for number, value in enumerate(values)]


def verdict(name, *runs):
    """What becomes of the target of this name."""
    target, = (target for target in TARGETS if target.name == name)
    return target.verdict(Results(runs))


class NumbersTest(unittest.TestCase):
    def test_units(self):
        for value, text in ((0.5, "0.500 ns"), (42, "42.0 ns"),
                            (999.4, "999 ns"), (999.6, "1.00 µs"),
                            (2034.12, "2.03 µs"), (1.5e6, "1.50 ms"),
                            (2.5e9, "2.50 s"), (4e12, "4000 s"),
                            (0, "0 ns")):
            self.assertEqual(quantity(value, "ns"), text)
        self.assertEqual(quantity(12.34, "us"), "12.3 µs")
        self.assertEqual(quantity(36012, "iops"), "36.0k IOPS")
        self.assertEqual(quantity(93.14, "mibs"), "93.1 MiB/s")

    def test_digits(self):
        for value, text in ((9.996, "10.0"), (99.96, "100"),
                            (0.09996, "0.100"), (12345, "12300"),
                            (-1.234, "-1.23")):
            self.assertEqual(digits(value), text)

    def test_tally(self):
        for value, text in ((2, "2"), (1.004, "1.004"), (256, "256"),
                            (0.00390625, "0.003906"), (0, "0"), (10, "10")):
            self.assertEqual(tally(value), text)

    def test_table(self):
        self.assertEqual(table(["", "bare Linux strict"],
                               [["a", "1 ns"], "words", ["bcd", "-"]]),
                         "     bare Linux\n         strict\n"
                         "---------------\na          1 ns\nwords\n"
                         "bcd           -")


class ResultsTest(unittest.TestCase):
    def cell(self, runs, name="single-4k", config="pv-lazy"):
        results = Results(runs)
        return report.cell(results, config, named(name))

    def test_median_and_spread(self):
        runs = rounds("pv-lazy", "single_4k__ns", 2000, 9000, 2100)
        self.assertEqual(self.cell(runs), "2.10 µs ±167%")
        runs = rounds("pv-lazy", "single_4k__ns", 2000, 2190, 2100)
        self.assertEqual(self.cell(runs), "2.10 µs")
        runs = rounds("pv-lazy", "single_4k__ns", 2000, 2220, 2100)
        self.assertEqual(self.cell(runs), "2.10 µs ±5%")

    def test_exact_runs_are_no_rounds(self):
        runs = [run("pv-lazy", single_4k__ns=2000),
                run("pv-lazy", exact=True, single_4k__ns=70000)]
        self.assertEqual(self.cell(runs), "2.00 µs")
        self.assertEqual(Results(runs).counted("pv-lazy", "single-4k", "ns"),
                         70000)

    def test_missing_and_failed(self):
        runs = [run("pv-lazy", single_1m__error="No space left"),
                run("bare-lazy", single_1m__ns=1),
                run("bare-pt", single_4k__ns=1)]
        self.assertEqual(self.cell(runs, "single-1m"), "fails")
        self.assertEqual(self.cell(runs, "single-1m", "bare-pt"), "-")
        self.assertIn("single 1 MiB, pv-lazy: No space left",
                      report.summary(Results(runs)))
        runs.append(run("pv-lazy", 1, single_1m__ns=5))
        self.assertEqual(self.cell(runs, "single-1m"), "5.00 ns, 1 fails")

    def test_order(self):
        runs = [run(config, mine__iops=1, single_4k__ns=1)
                for config in ("zeta", "bare-off", "alpha", "xen-swiotlb")]
        results = Results(runs)
        self.assertEqual(results.configs,
                         ["xen-swiotlb", "bare-off", "zeta", "alpha"])
        self.assertEqual([(case.name, case.metric) for case in results.cases],
                         [("single-4k", "ns"), ("mine", "iops")])

    def test_rates_of_large_reads(self):
        runs = [run("pv-lazy", nvme_read_128k_qd8__iops=800)]
        self.assertEqual(self.cell(runs, "nvme-read-128k-qd8"), "100 MiB/s")

    def test_mistakes(self):
        for runs in ([run("pv-lazy", single_4k__ns="nan")],
                     [run("pv-lazy", single_4k__ns="")],
                     [run("pv-lazy", nonsense=1)],
                     [run("pv-lazy", idle__ns=1), run("pv-lazy", idle__ns=1)]):
            with self.assertRaises(LabError):
                Results(runs)
        Results([run("pv-lazy", idle__ns=1),
                 run("pv-lazy", exact=True, idle__ns=1)])

    def test_two_scripts_of_a_configuration(self):
        results = Results([run("pv-lazy", idle__ns=1),
                           run("pv-lazy", load__ns=2)])
        self.assertEqual([case.name for case in results.cases],
                         ["load", "idle"])

    def test_aims_are_of_cases(self):
        names = {case.name for case in CASES}
        for target in TARGETS:
            for _, name, _ in target.subjects:
                self.assertIn(name, names, target.name)

    def test_names_are_unique(self):
        names = [case.name for case in CASES]
        self.assertEqual(len(names), len(set(names)))
        names = [target.name for target in TARGETS]
        self.assertEqual(len(names), len(set(names)))


class RatioTest(unittest.TestCase):
    def test_of_the_same_round(self):
        """The ratio of the medians would be 1.5."""
        results = Results(
            rounds("pv-lazy", "single_4k__ns", 100, 300, 800) +
            rounds("bare-lazy", "single_4k__ns", 50, 200, 200))
        pair = ("pv-lazy", "single-4k"), ("bare-lazy", "single-4k")
        self.assertEqual(results.ratios(*pair), {0: 2, 1: 1.5, 2: 4})
        self.assertEqual(results.ratio(*pair), 2)
        self.assertIn("2.00 (1.50–4.00)", report.summary(results))

    def test_rounds_of_one_side(self):
        results = Results([run("pv-lazy", 0, single_4k__ns=3),
                           run("pv-lazy", 1, single_4k__ns=8),
                           run("bare-lazy", 1, single_4k__ns=2),
                           run("bare-lazy", 2, single_4k__ns=1)])
        pair = ("pv-lazy", "single-4k"), ("bare-lazy", "single-4k")
        self.assertEqual(results.ratios(*pair), {1: 4})
        self.assertIsNone(results.ratio(pair[0], ("x", "y")))

    def test_multiples_of_a_null_hypercall(self):
        results = Results([
            run("pv-lazy", exact=True, single_4k__ns=3000,
                null_hypercall__ns=1500),
            run("bare-lazy", exact=True, single_4k__ns=4500)])
        case = named("single-4k")
        self.assertEqual(report.multiple(results, "pv-lazy", case.name), 2)
        self.assertEqual(report.multiple(results, "bare-lazy", case.name), 3)
        self.assertIsNone(report.multiple(results, "pv-lazy", "other"))

    def test_instructions_of_rates(self):
        """A time in a counted run is instructions, and goes first."""
        results = Results([
            run("pv-lazy", exact=True, null_hypercall__ns=250,
                nvme_read_1m_qd4__instructions=600000,
                nvme_read_1m_qd4__hypercalls=8, net_send__instructions=1.2e8,
                single_4k__ns=3000, single_4k__instructions=9000),
            run("bare-lazy", exact=True,
                nvme_read_1m_qd4__instructions=200000)])
        for name, value in (("nvme-read-1m-qd4", 600000),
                            ("net-send", 1.2e8), ("single-4k", 3000),
                            ("net-receive", None)):
            self.assertEqual(results.instructions("pv-lazy", name), value)
        text = report.summary(results)
        for title, *row in (
                ("Instructions of Linux and Xen", "600k", "200k"),
                ("Instructions, in those of a null hypercall", "2400", "800"),
                ("Hypercalls", "8", "-")):
            with self.subTest(title):
                below = text.partition(f"\n{title} (exact)")[2]
                line = below.partition("read 1 MiB, QD 4")[2].splitlines()[0]
                self.assertEqual(line.split(), row)
        groups = {group: cases for group, cases in results.groups().items()
                  if group in ("NVMe", "network")}
        self.assertEqual(
            [(panel.unit, panel.bars) for panel in
             layout.panels_of(results, groups, True)],
            [("count", ([("pv-lazy", [600000]), ("bare-lazy", [200000])],)),
             ("count", ([("pv-lazy", [1.2e8])],))])
        self.assertEqual(layout.panels_of(results, groups), [])

    def test_tenths(self):
        """The kernel's own numbers, and of counted runs the instructions."""
        name = "kernel-single-4k-map"
        results = Results([
            run("pv-lazy", kernel_single_4k_map__us=2.2),
            run("bare-lazy", kernel_single_4k_map__us=1.1),
            run("pv-lazy", exact=True,
                kernel_single_4k_map__instructions=1900)])
        self.assertEqual(report.cell(results, "pv-lazy", named(name)),
                         "2.2 µs")
        self.assertEqual(results.ratio(("pv-lazy", name), ("bare-lazy", name)),
                         2)
        self.assertEqual(results.instructions("pv-lazy", name), 1900)
        groups = results.groups()
        for exact, unit, value in (False, "us", 2.2), (True, "count", 1900):
            self.assertEqual(
                [(panel.unit, panel.bars[0][0], panel.log)
                 for panel in layout.panels_of(results, groups, exact)],
                [(unit, ("pv-lazy", [value]), True)])
        self.assertIn("dma_map_benchmark (less is better)",
                      report.summary(results))

    def test_operations_of_all_kinds(self):
        results = Results([
            run("pv-lazy", exact=True, nvme_x__hypercalls=1.25,
                nvme_x__ops_map=32, nvme_x__ops_flush=0.25),
            run("bare-lazy", exact=True, nvme_x__flushes=0.125)])
        self.assertEqual(results.operations("pv-lazy", "nvme-x"), 32.25)
        self.assertIsNone(results.operations("bare-lazy", "nvme-x"))
        text = report.summary(results)
        for title, *row in (("Operations in them", "32.25", "-"),
                            ("Hypercalls", "1.25", "-"),
                            ("IOTLB invalidations", "-", "0.125")):
            with self.subTest(title):
                below = text.partition(f"\n{title} (exact)")[2]
                line = below.partition("nvme-x")[2].splitlines()[0]
                self.assertEqual(line.split(), row)


class TargetTest(unittest.TestCase):
    def test_times(self):
        name = "pv-lazy / bare-lazy, single-4k"
        bare = run("bare-lazy", single_4k__ns=100)
        for value, word in ((190, "met"), (200, "met"), (201, "missed")):
            self.assertEqual(verdict(
                name, bare, run("pv-lazy", single_4k__ns=value)),
                (value / 100, word))
        name = "pv-lazy / xen-swiotlb, single-4k-28"
        for value, word in ((99, "met"), (100, "missed")):
            self.assertEqual(verdict(
                name, run("xen-swiotlb", single_4k_28__ns=100),
                run("pv-lazy", single_4k_28__ns=value))[1], word)

    def test_rates(self):
        for value, word in ((95, "met"), (94, "missed")):
            self.assertEqual(verdict(
                "pv-lazy / xen-swiotlb, net-receive",
                run("xen-swiotlb", net_receive__mibs=100),
                run("pv-lazy", net_receive__mibs=value))[1], word)

    def test_instructions(self):
        name = "instructions, pv-strict / bare-strict, single-64k"
        bare = run("bare-strict", exact=True, single_64k__ns=1000)
        for value, word in ((1500, "met"), (1560, "missed")):
            self.assertEqual(verdict(
                name, bare, run("pv-strict", exact=True,
                                single_64k__ns=value)), (value / 1000, word))
        self.assertEqual(verdict(name, bare, run("pv-strict",
                                                 single_64k__ns=1)),
                         (None, "not measured"))
        # of what has a rate
        name = "instructions, pv-lazy / xen-swiotlb, net-send"
        for value, word in ((105, "met"), (106, "missed")):
            self.assertEqual(verdict(
                name,
                run("xen-swiotlb", exact=True, net_send__instructions=100),
                run("pv-lazy", exact=True, net_send__instructions=value))[1],
                word)

    def test_scaling(self):
        for value, word in ((58, "met"), (65, "missed")):
            self.assertEqual(verdict(
                "pv-lazy, single-4k / threads-2",
                run("pv-lazy", single_4k__ns=100, threads_2__ns=value))[1],
                word)

    def test_counts(self):
        for config, metric, value, word in (
                ("pv-lazy", "hypercalls", 1.03125, "met"),
                ("pv-lazy", "hypercalls", 1.04, "missed"),
                ("pv-lazy", "flushes", 0.00391, "met"),
                ("pv-lazy", "flushes", 0.00400, "missed"),
                ("pv-strict", "hypercalls", 2, "met"),
                ("pv-strict", "hypercalls", 1.99, "missed"),
                ("pv-strict", "hypercalls", 2.01, "missed")):
            self.assertEqual(
                verdict(f"{metric} per {config} single-4k",
                        run(config, exact=True,
                            **{f"single_4k__{metric}": value})),
                (value, word))

    def test_counts_are_of_exact_runs(self):
        self.assertEqual(verdict("hypercalls per pv-strict single-4k",
                                 run("pv-strict", single_4k__hypercalls=2)),
                         (None, "not measured"))

    def test_frames(self):
        name = "frames per hypercall, pv-lazy big-1g-4k"
        for calls, value, word in ((128, 4096, "met"), (131, None, "missed")):
            found = verdict(name, run(
                "pv-lazy", exact=True, big_1g_4k__hypercalls=calls,
                big_1g_4k__frames_map=262144, big_1g_4k__frames_unmap=262144))
            self.assertEqual(found, (value or 524288 / calls, word))

    def test_memory(self):
        runs = run("pv-lazy", exact=True, memory_1g_4m__kib=8)
        self.assertEqual(verdict("kib per pv-lazy memory-1g-4m", runs),
                         (8, "met"))
        text = report.summary(Results([run("pv-lazy",
                                           memory_1g_4m__kib=8)]))
        self.assertRegex(text, r"tables \(less is better\)")
        self.assertIn("8.00 KiB", text)

    def test_held(self):
        """However large a mapping is, interrupts are off for no longer."""
        name = "held, pv-lazy held-1g-4m / held-64m-4m"
        for value, word in ((250, "met"), (260, "missed"), (3600, "missed")):
            runs = run("pv-lazy", exact=True, held_64m_4m__held=200,
                       held_1g_4m__held=value)
            self.assertEqual(verdict(name, runs), (value / 200, word))
        text = report.summary(Results([runs]))
        below = text.partition("\nLongest stretch with interrupts off, in null "
                               "hypercalls (exact)\n")[2]
        self.assertRegex(below, r"64 MiB, in 4 MiB +200\n"
                                r" +1 GiB, in 4 MiB +3600\n")
        self.assertNotIn("interrupts off (", text)
        self.assertEqual(verdict(name, run(
            "pv-lazy", exact=True, held_1g_4m__held=250)),
            (None, "not measured"))
        for value, word in ((500, "met"), (600, "missed")):
            self.assertEqual(verdict(
                "held per pv-strict held-stress",
                run("pv-strict", exact=True, held_stress__held=value)),
                (value, word))

    def test_not_measured(self):
        for target in TARGETS:
            self.assertEqual(target.verdict(Results([])),
                             (None, "not measured"), target.name)
        self.assertEqual(verdict("pv-lazy / bare-lazy, single-4k",
                                 run("pv-lazy", single_4k__ns=1),
                                 run("bare-lazy", single_4k__error="no")),
                         (None, "not measured"))

    def test_failing_is_missing(self):
        runs = [run("bare-lazy", single_4k__ns=100),
                run("pv-lazy", single_4k__ns=100),
                run("pv-lazy", 1, single_4k__error="No space left")]
        self.assertEqual(verdict("pv-lazy / bare-lazy, single-4k", *runs),
                         (None, "missed"))

    def test_all_are_listed(self):
        text = report.summary(Results([
            run("bare-lazy", single_4k__ns=100),
            run("pv-lazy", single_4k__ns=300, net_send__mibs=5),
            run("xen-swiotlb", net_send__mibs=5)]))
        self.assertIn(f"1 met, 1 missed, {len(TARGETS) - 2} not measured\n",
                      text)
        for target in TARGETS:
            self.assertIn(target.name, text)

    def test_missed(self):
        bare = run("bare-lazy", single_4k__ns=100)
        for value, missed in ((200, 0), (300, 1)):
            self.assertEqual(
                report.missed([bare, run("pv-lazy", single_4k__ns=value)]),
                missed)
        self.assertEqual(report.missed([]), 0)


class RunsTest(unittest.TestCase):
    def test_what_counts_only_has_no_rounds(self):
        made = []

        class Runner:
            def __init__(self, parts, directory, *_, **__):
                self.directory = directory

            def run_one(self, scenario):
                made.append((self.directory.name, scenario.name,
                             scenario.counted))
                return mock.Mock(reasons=[], record=mock.Mock(stats={}))
        scenarios = bench_run.configurations(["pv-lazy", "held", "measure"])
        self.assertEqual([(each.name, each.counted) for each in scenarios],
                         [("held", True), ("measure", False)])
        with mock.patch.object(bench_run, "Runner", Runner), \
                mock.patch.object(bench_run, "say"):
            bench_run.measure(mock.Mock(), Path("x"), mock.Mock(), scenarios, 2)
        self.assertEqual(made, [("round-0", "measure", False),
                                ("round-1", "measure", False),
                                ("counted", "held", True),
                                ("counted", "measure", True)])

    def test_where_instructions_are(self):
        record = mock.Mock(stats={"a.ns": "1"})
        runner = mock.Mock()
        runner.return_value.run_one.return_value = mock.Mock(
            reasons=[], record=record)
        parts = mock.Mock()
        scenarios = bench_run.configurations(["where", "pv-lazy"])
        with mock.patch.object(bench_run, "Runner", runner), \
                mock.patch.object(bench_run, "say"), \
                mock.patch("bench.where.places") as places:
            found, failed = bench_run.measure(parts, Path("x"), mock.Mock(),
                                              scenarios, 2)
        parts.xen_map.assert_called_once_with("ref")
        places.assert_called_once_with(record, parts.xen_map.return_value)
        self.assertEqual([run["where"] for run in found],
                         [places.return_value])
        self.assertEqual(failed, [])


class FilesTest(unittest.TestCase):
    RUNS = [*rounds("pv-lazy", "single_4k__ns", 2034.125, 2000, 2100.5),
            run("pv-lazy", 3, True, single_4k__ns=70000,
                single_4k__hypercalls=1.00391),
            *rounds("bare-lazy", "single_4k__error", "No space, full", "x")]

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)

    def test_csv(self):
        report.write_csv(Results(self.RUNS), self.path / "csv")
        with open(self.path / "csv", newline="") as file:
            rows = list(csv.DictReader(file))
        found = {(row["config"], row["case"], row["metric"], row["exact"]):
                 row for row in rows}
        self.assertEqual(len(found), len(rows))
        row = found.pop(("pv-lazy", "single-4k", "ns", "0"))
        self.assertEqual([float(row[name]) for name in
                          ("median", "min", "max", "rounds")],
                         [2034.125, 2000, 2100.5, 3])
        row = found.pop(("pv-lazy", "single-4k", "ns", "1"))
        self.assertEqual(float(row["median"]), 70000)
        row = found.pop(("pv-lazy", "single-4k", "hypercalls", "1"))
        self.assertEqual(float(row["max"]), 1.00391)
        row = found.pop(("bare-lazy", "single-4k", "error", "0"))
        self.assertEqual((row["median"], row["min"], row["rounds"]),
                         ("No space, full; x", "", "2"))
        self.assertEqual(found, {})

    def test_without_gnuplot(self):
        with mock.patch.object(shutil, "which", lambda name: None):
            with self.assertRaisesRegex(LabError, "gnuplot-nox"):
                report.write(self.RUNS, self.path / "out")
        self.assertIn("2.03 µs", (self.path / "out/summary.txt").read_text())
        self.assertTrue((self.path / "out/results.csv").exists())

    @unittest.skipUnless(shutil.which("gnuplot"), "there is no gnuplot")
    def test_with_gnuplot(self):
        report.write(self.RUNS, self.path)
        for name in ("dma-api", "instructions"):
            data = (self.path / f"{name}.png").read_bytes()
            self.assertEqual(data[:4], b"\x89PNG")
            self.assertEqual(int.from_bytes(data[16:20], "big"), layout.WIDTH)
            text = (self.path / f"{name}.svg").read_text()
            number = {"dma-api": "fails", "instructions": "70.0k"}[name]
            for words in ("PV-IOMMU lazy", number, "</svg>"):
                self.assertTrue(words in text, (name, words))
