# SPDX-License-Identifier: GPL-2.0-only
"""Bar charts: where everything in them goes, and which colour it has.

A chart is rows of panels below each other.  A panel has cases of one unit, and
a place on its x axis for each config that has something to show in a case.
"""

import dataclasses
import math
from collections.abc import Iterable

from .cases import CONFIGS, TENTHS, TIME, Case
from .results import Results

# Shades of one hue for a family, in the order of its configs; the hues are
# told apart by all who see, the shades by their lightness.
FAMILIES = {
    "xen": ("#8c8c8c", "#bdbdbd", "#525252"),
    "pv": ("#c8500a", "#fdab5c", "#7f2704", "#fdd0a2"),
    "bare": ("#08306b", "#2f79b9", "#8cc0e4", "#d3e5f4"),
    "": ("#4a1486", "#9e8bc4", "#1b7837", "#a6dba0"),
}

# A config and its values; none where the case failed.
Bar = tuple[str, list[float]]

WIDTH = 1000            # of a chart, and all below, in pixels
PLOT_HEIGHT = 260
PANEL_TITLE, PANEL_BOTTOM = 24, 46
LEFT, RIGHT = 86, 12
EDGE = 16               # where title and legend begin
TEXT = 6.9              # of a letter at most, in the size of the axes
SMALLER = 6.1           # in that of the legend
ROOM = 66               # bars in a row
WIDEST = 64             # bar
GAP = 1.2               # bars, between cases
LABEL_FLAT, LABEL_UPRIGHT = 50, 11      # bars for labels
HEADROOM = 0.24         # of the height, for labels


@dataclasses.dataclass
class Panel:
    """Cases below one axis, and from where to where it goes (pixels)."""
    title: str
    unit: str
    cases: tuple[Case, ...]
    bars: tuple[list[Bar], ...]     # of each case
    left: float = 0
    width: float = 0

    @property
    def room(self) -> float:
        return sum(len(bars) + GAP for bars in self.bars)

    @property
    def log(self) -> bool:
        return self.unit in (TIME, TENTHS, "count")


def colours(configs: Iterable[str]) -> dict[str, str]:
    """{config: colour}, the same for the known ones whatever there is."""
    found: dict[str, str] = {}
    used: dict[tuple[str, ...], int] = {}
    for config in dict.fromkeys((*CONFIGS, *configs)):
        family = config.partition("-")[0]
        shades = FAMILIES.get(family, FAMILIES[""])
        count = used.get(shades, 0)
        used[shades] = count + 1
        found[config] = shades[count % len(shades)]
    return found


def bars_of(results: Results, case: Case, exact: bool) -> list[Bar]:
    found = []
    for config in results.configs:
        values = [value for value in
                  results.main(config, case, exact).values() if value > 0]
        if values or results.failures(config, case.name, exact):
            found.append((config, values))
    return found


def panels_of(results: Results, groups: dict[str, list[Case]],
              exact: bool = False) -> list[Panel]:
    """One for each group and unit, or more where the bars are too many."""
    found = []
    for group, cases in groups.items():
        units: dict[str, list[tuple[Case, list[Bar]]]] = {}
        for case in cases:
            bars = bars_of(results, case, exact)
            if any(values for _, values in bars):
                unit = "count" if exact else case.metric
                units.setdefault(unit, []).append((case, bars))
        title = group if len(groups) > 1 else ""
        for unit, pairs in units.items():
            count = sum(len(bars) + GAP for _, bars in pairs)
            size = math.ceil(len(pairs) / math.ceil(count / ROOM))
            for first in range(0, len(pairs), size):
                those, theirs = zip(*pairs[first:first + size])
                found.append(Panel(title, unit, those, theirs))
    return found


def rows_of(panels: Iterable[Panel]) -> list[list[Panel]]:
    """Panels side by side while there is room; each gets its place."""
    rows: list[list[Panel]] = [[]]
    for panel in panels:
        if rows[-1] and sum(p.room for p in rows[-1]) + panel.room + 6 > ROOM:
            rows.append([])
        rows[-1].append(panel)
    for row in rows:
        left = 0.0
        share = (WIDTH - len(row) * (LEFT + RIGHT)) / sum(p.room for p in row)
        for panel in row:
            panel.left = left + LEFT
            panel.width = share * panel.room
            left = panel.left + panel.width + RIGHT
    return rows


def linear_axis(highest: float) -> tuple[float, float, list[float]]:
    """(from, to, [tics])"""
    top = highest / (1 - HEADROOM)
    step = 10 ** math.floor(math.log10(top / 7))
    step *= next(n for n in (1, 2, 5, 10) if top / (n * step) <= 7)
    return 0, top, [step * n for n in range(int(top / step) + 1)]


def log_axis(lowest: float,
             highest: float) -> tuple[float, float, list[float]]:
    """(from, to, [tics]): what is lowest has a bar of some height."""
    bottom = lowest / 2
    if highest < 20 * lowest:       # there would be one tic, or none
        bottom = 10 ** math.floor(math.log10(bottom))
    top = bottom * max(10, (highest / bottom) ** (1 / (1 - HEADROOM)))
    tics = [10 ** n for n in range(math.ceil(math.log10(bottom)),
                                   math.floor(math.log10(top)) + 1)]
    return bottom, top, tics


def axis_of(panel: Panel) -> tuple[float, float, list[float]]:
    values = [value for bars in panel.bars for _, each in bars
              for value in each]
    if panel.log:
        return log_axis(min(values), max(values))
    return linear_axis(max(values))


def place(panel: Panel) -> tuple[tuple[float, float], float, list[float],
                                 dict[tuple[int, str], float]]:
    """(x range, bar's width in pixels, [centres of cases], {(case's number,
    config): centre of the bar})."""
    at = GAP / 2
    centres: list[float] = []
    found: dict[tuple[int, str], float] = {}
    for number, bars in enumerate(panel.bars):
        for index, (config, _) in enumerate(bars):
            found[number, config] = at + index + 0.5
        centres.append(at + len(bars) / 2)
        at += len(bars) + GAP
    room = max(panel.room, panel.width / WIDEST)
    spare = (room - panel.room) / 2
    return ((-spare, panel.room + spare), panel.width / room, centres, found)


def legend(configs: Iterable[str]) -> list[tuple[str, str, float, int]]:
    """[(config, name, x, y)], in as many lines as it takes."""
    found: list[tuple[str, str, float, int]] = []
    x: float = EDGE
    y = 72
    for config in configs:
        name = CONFIGS.get(config, config)
        room = 18 + len(name) * SMALLER
        if found and x + room > WIDTH - RIGHT:
            x, y = EDGE, y + 20
        found.append((config, name, x, y))
        x += room + 14
    return found
