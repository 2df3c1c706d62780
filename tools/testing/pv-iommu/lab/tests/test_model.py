# SPDX-License-Identifier: GPL-2.0-only
"""The model of latencies: its limits, and that the documentation has what it
says."""

import itertools
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bench.model import closed, inputs, page, plot, tables
from bench.model.closed import predict
from bench.model.inputs import HIGH, INPUTS, LOW, TYPICAL, Costs
from bench.model.parts import (APART, BARE, LAZY, MODES, ONE, PV, STRICT,
                               SWIOTLB, SYSTEMS, Case, Parts)
from bench.model.simulate import simulate

from ..ui import LabError

# No latency at all: what is left is instructions, one in a nanosecond.
NO_LATENCY = Costs(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, hold=100, pair=500)

# How far closed form and simulation may be apart; latency.rst says so, too.
TOLERANCE = 0.21


def cases(systems=SYSTEMS, modes=MODES, cpus=(1, 2, 16, 128)):
    for system, mode, layout, count, units in itertools.product(
            systems, modes, (APART, ONE), cpus, (1, 16)):
        yield Case(system, mode, layout, count, units)


def alone(system, mode):
    return Case(system, mode, APART, 1, 1)


class InputsTest(unittest.TestCase):
    def test_order(self):
        for name, each in INPUTS.items():
            self.assertLess(each.low, each.typical, name)
            self.assertLess(each.typical, each.high, name)

    def test_instructions_are_those_that_were_counted(self):
        # but for the flush of a lazy queue, which is once in 255
        for mode, count in ((STRICT, inputs.PV_STRICT),
                            (LAZY, inputs.PV_LAZY)):
            for pair in (300, 500, 800):
                costs = NO_LATENCY.but("pair", pair)
                self.assertAlmostEqual(
                    1e9 / predict(alone(PV, mode), costs).rate / count, 1,
                    delta=0.005)
        for mode, count in ((STRICT, inputs.BARE_STRICT),
                            (LAZY, inputs.BARE_LAZY)):
            costs = NO_LATENCY.but("read", 1)
            self.assertAlmostEqual(
                1e9 / predict(alone(BARE, mode), costs).rate / count, 1,
                delta=0.005)

    def test_no_part_is_negative(self):
        for costs in (LOW, HIGH, *(c for _, c in tables.with_one_changed())):
            for case in cases():
                parts = Parts(case, costs)
                for part in (parts.think, parts.done, parts.call,
                             parts.beside_flush):
                    self.assertGreater(part, 0, (case, costs))


class ClosedTest(unittest.TestCase):
    def test_one_cpu_waits_for_nobody(self):
        for costs in (LOW, TYPICAL, HIGH):
            for mode in MODES:
                parts = Parts(alone(PV, mode), costs)
                found = predict(alone(PV, mode), costs)
                self.assertEqual(found.limit, closed.PATH)
                self.assertAlmostEqual(
                    found.rate * closed.pv_path(parts) / closed.SECOND, 1)

    def test_strict_is_never_faster(self):
        for costs in (LOW, TYPICAL, HIGH):
            for lazy in cases(modes=(LAZY,)):
                strict = Case(lazy.system, STRICT, lazy.layout, lazy.cpus,
                              lazy.units)
                self.assertLessEqual(predict(strict, costs).rate,
                                     predict(lazy, costs).rate, lazy)

    def test_swiotlb_is_fastest(self):
        for case in cases((PV, BARE)):
            best = Case(SWIOTLB, case.mode, case.layout, case.cpus, 1)
            self.assertLess(predict(case, TYPICAL).rate,
                            predict(best, TYPICAL).rate)

    def test_more_cpus(self):
        # Lines that go from CPU to CPU can make more CPUs slower.
        for costs in (LOW, TYPICAL, HIGH):
            costs = costs.but("line", 0)
            for case in cases(cpus=(1, 2, 4, 16, 64)):
                more = Case(case.system, case.mode, case.layout,
                            2 * case.cpus, case.units)
                self.assertGreaterEqual(predict(more, costs).rate * 1.0001,
                                        predict(case, costs).rate, case)

    def test_more_units(self):
        for costs in (LOW, TYPICAL, HIGH):
            for case in cases():
                if case.layout == APART:
                    one = Case(case.system, case.mode, APART, case.cpus, 1)
                    self.assertGreaterEqual(predict(case, costs).rate,
                                            predict(one, costs).rate)

    def test_every_input_is_a_cost(self):
        for name, each in INPUTS.items():
            # Who looks less often may look at the right time.
            for case in cases((PV,) if name == "read" else SYSTEMS):
                self.assertGreaterEqual(
                    predict(case, TYPICAL.but(name, each.low)).rate * 1.0001,
                    predict(case, TYPICAL.but(name, each.high)).rate,
                    (name, case))


class SimulationTest(unittest.TestCase):
    def test_tolerance(self):
        for case in cases((PV, BARE), cpus=tables.CPUS):
            found = tables.simulated(case) / predict(case, TYPICAL).rate
            self.assertAlmostEqual(found, 1, delta=TOLERANCE, msg=case)

    def test_one_cpu(self):
        for case in cases((PV, BARE), cpus=(1,)):
            if case.units == 1:
                self.assertAlmostEqual(
                    simulate(case, TYPICAL) / predict(case, TYPICAL).rate, 1,
                    delta=0.02, msg=case)

    def test_same_each_time(self):
        case = Case(PV, STRICT, ONE, 16, 1)
        self.assertEqual(simulate(case, TYPICAL), simulate(case, TYPICAL))

    def test_two_threads_without_latency(self):
        one, two = (simulate(Case(PV, LAZY, ONE, cpus, 1), NO_LATENCY)
                    for cpus in (1, 2))
        self.assertIn(f"come to {two / one:.2f} times one",
                      page.PAGE.read_text())

    def test_waiters_share_a_hypercall(self):
        rate = simulate(Case(PV, STRICT, ONE, 128, 16), TYPICAL)
        alone_with_flush = 1e9 / Parts(Case(PV, STRICT, ONE, 128, 16),
                                       TYPICAL).xen_flush
        self.assertGreater(rate, 3 * alone_with_flush)


class PageTest(unittest.TestCase):
    def test_tables_are_the_models(self):
        text = page.PAGE.read_text()
        self.assertTrue(page.replaced(text, tables.fragments()) == text,
                        "make model LABFLAGS=--document")

    def test_plot_is_the_models(self):
        text = page.PLOT.read_text()
        self.assertTrue(text.startswith(plot.SVG_LICENCE))
        self.assertTrue(plot.mark(plot.script()) in text,
                        "make model LABFLAGS=--document")
        self.assertLess(len(text.encode()), 60000)

    def test_series_does_not_know_it(self):
        # These pages go into the kernel tree, and this one does not.
        for name in ("admin-guide", "abi", "design"):
            text = page.PAGE.with_name(f"{name}.rst").read_text()
            self.assertNotIn("doc:`latency`", text)

    def test_missing_place(self):
        with self.assertRaisesRegex(LabError, "0 places .* 'apart'"):
            page.replaced("", {"apart": ""})

    def test_replaced(self):
        text = "a\n\n.. table x\n\nold\n\n.. end x\n\nb\n"
        self.assertEqual(page.replaced(text, {"x": "new\\1\n"}),
                         "a\n\n.. table x\n\nnew\\1\n\n.. end x\n\nb\n")

    def test_csv(self):
        lines = tables.csv_text().splitlines()
        self.assertEqual(lines[0], ",".join(tables.COLUMNS))
        self.assertEqual(len(lines), 1 + 2 * 12 * len(SYSTEMS))
        self.assertEqual({line.count(",") for line in lines},
                         {len(tables.COLUMNS) - 1})

    def test_svg(self):
        def gnuplot(_argv, cwd):
            (cwd / "latency.svg").write_text(
                "<?xml?>\n<svg\n width='1'>\n\t<g a='b'>\n</g>\n<g>x</g>\n")
        with tempfile.TemporaryDirectory() as directory, \
                mock.patch.object(plot, "output_of", gnuplot):
            lines = plot.write(Path(directory)).read_text().splitlines()
        self.assertEqual(lines[0], plot.SVG_LICENCE)
        self.assertEqual(lines[2:], ["<svg", "width='1'>", "<g>x</g>"])

    def test_no_svg(self):
        def gnuplot(_argv, cwd):
            (cwd / "latency.svg").write_text("")
        with tempfile.TemporaryDirectory() as directory, \
                mock.patch.object(plot, "output_of", gnuplot), \
                self.assertRaisesRegex(LabError, "no SVG"):
            plot.write(Path(directory))
