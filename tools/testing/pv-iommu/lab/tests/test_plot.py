# SPDX-License-Identifier: GPL-2.0-only
"""Where everything is in a plot of a benchmark's results."""

import unittest

from bench import layout, plot
from bench.cases import Case
from bench.results import Results

from .test_bench import run


class PlotTest(unittest.TestCase):
    def test_axes(self):
        for lowest, highest in ((40, 40), (1, 9), (99, 101), (0.3, 4e9)):
            bottom, top, tics = layout.log_axis(lowest, highest)
            self.assertLess(bottom, lowest)
            self.assertGreater(top, highest)
            self.assertGreater(len(tics), 1)
            self.assertTrue(all(bottom <= tic <= top for tic in tics))
        for highest in (0.2, 7, 99, 48000):
            _, top, tics = layout.linear_axis(highest)
            self.assertGreater(top, highest)
            self.assertTrue(2 < len(tics) <= 8)
            self.assertLessEqual(tics[-1], top)

    def test_tics(self):
        for value, unit, text in ((1000, "ns", "1 µs"), (1e8, "ns", "100 ms"),
                                  (40000, "iops", "40k"), (0, "mibs", "0"),
                                  (2500, "iops", "2.5k"), (10, "us", "10 µs"),
                                  (500, "mibs", "500")):
            self.assertEqual(plot.tic(value, unit), text)

    def test_colours(self):
        found = layout.colours(["pv-new", "odd", "pv-lazy"])
        self.assertEqual(len(set(found.values())), len(found))
        self.assertEqual(found["pv-lazy"], layout.colours([])["pv-lazy"])
        self.assertIn(found["pv-new"], layout.FAMILIES["pv"])

    def test_nothing_overlaps(self):
        """However much there is, all bars have a place of their own."""
        cases = [Case(f"c{n}", "g", f"case {n}", "ns" if n % 3 else "mibs")
                 for n in range(25)]
        results = Results([
            run(f"config-{n}", **{f"c{m}__{cases[m].metric}": 1 + m
                                  for m in range(25) if (m + n) % 4})
            for n in range(9)])
        panels = layout.panels_of(results, {"g": cases})
        shown = [case.name for panel in panels for case in panel.cases]
        self.assertEqual(sorted(shown), sorted(case.name for case in cases))
        for row in layout.rows_of(panels):
            end = 0.0
            self.assertTrue(len(row) == 1 or sum(
                panel.room for panel in row) < layout.ROOM)
            for panel in row:
                self.assertGreaterEqual(panel.left, end + layout.LEFT - 1e-6)
                end = panel.left + panel.width
                (first, last), width, _, where = layout.place(panel)
                places = sorted(where.values())
                self.assertTrue(first < places[0] and places[-1] < last)
                self.assertTrue(all(b - a > 0.99 for a, b
                                    in zip(places, places[1:])))
                self.assertTrue(layout.LABEL_UPRIGHT <= width <= layout.WIDEST)
            self.assertLessEqual(end, layout.WIDTH)

    def test_strings(self):
        self.assertEqual(plot.quoted('a`b`"c\\'), "\"a'b''c'\"")
