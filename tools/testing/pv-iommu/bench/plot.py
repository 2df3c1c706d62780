# SPDX-License-Identifier: GPL-2.0-only
"""Bar charts with gnuplot, by scripts that can be run again: they have it all,
the numbers as well."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from lab.ui import LabError, output_of

from .cases import ONCE, TENTHS, TIME, UNIT_CASE
from .layout import (EDGE, GAP, LABEL_FLAT, LABEL_UPRIGHT, PANEL_BOTTOM,
                     PANEL_TITLE, PLOT_HEIGHT, TEXT, WIDTH, Panel, axis_of,
                     colours, legend, panels_of, place, rows_of)
from .results import Results
from .text import PLAIN, digits, quantity, scaled

HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only
# gnuplot {name}.gp: {name}.svg and {name}.png

{data}
set encoding utf8
do for [kind in "svg png"] {{
    if (kind eq "svg") {{
        set terminal svg size {width},{height} noenhanced \\
            font "DejaVu Sans,9" fontscale 1.3333 background "#ffffff"
    }} else {{
        set terminal pngcairo size {width},{height} noenhanced \\
            font "DejaVu Sans,9" background "#ffffff"
    }}
    set output "{name}." . kind
    set multiplot
    unset key
    set border 3 lc "#555555"
    set style fill solid border lc "#444444"
    set boxwidth 0.92
    set tics nomirror scale 0.6 textcolor "#222222"
    set grid ytics lc "#dddddd" lt 1
    set xtics scale 0
{panels}
    unset multiplot
    set output
}}
"""


def in_unit(value: float, unit: str) -> str:
    """With three digits, and without what the axis says anyway."""
    if unit == "mibs":
        return digits(value)
    return quantity(value, unit) if unit in (TIME, TENTHS) else \
        scaled(value, PLAIN)


def tic(value: float, unit: str) -> str:
    """As in_unit(), without zeros behind the point."""
    return re.sub(r"\.0+(?=\D|$)|(\.\d*?[1-9])0+(?=\D|$)", r"\1",
                  in_unit(value, unit)) if value else "0"


class Script:
    """What is in the script of one chart."""

    def __init__(self, results: Results, exact: bool) -> None:
        self.colours = colours(results.configs)
        self.results = results
        self.line = results.unit("") if exact else None
        self.data: list[str] = []
        self.commands: list[str] = []

    def block(self, rows: Iterable[Sequence[str]]) -> str:
        name = f"$data{len(self.data)}"
        self.data.append(f"{name} << EOD\n" + "\n".join(
            " ".join(row) for row in rows) + "\nEOD\n")
        return name

    def tell(self, text: str) -> None:
        self.commands.append("    " + text)

    def at(self, x: float, y: float, height: float) -> str:
        return f"at screen {x / WIDTH:.4f},{1 - y / height:.4f}"

    def heading(self, title: str, note: str, configs: Iterable[str],
                height: float) -> None:
        """Title, note and legend."""
        self.tell(f'set label 1 {quoted(title)} {self.at(EDGE, 24, height)} '
                  'font ",13" textcolor "#111111"')
        self.tell(f'set label 2 {quoted(note)} {self.at(EDGE, 47, height)} '
                  'textcolor "#666666"')
        for number, (config, name, x, y) in enumerate(legend(configs)):
            self.tell(
                f"set object {number + 1} rectangle from screen "
                f"{x / WIDTH:.4f},{1 - (y + 6) / height:.4f} to screen "
                f"{(x + 13) / WIDTH:.4f},{1 - (y - 6) / height:.4f} "
                f'fc rgb "{self.colours[config]}" fs solid border '
                'lc "#444444"')
            self.tell(f'set label {number + 3} {quoted(name)} '
                      f'{self.at(x + 18, y, height)} font ",8" '
                      'textcolor "#222222"')

    def panel(self, panel: Panel, top: float, height: float) -> None:
        """One panel whose plot begins at top."""
        (first, last), width, centres, where = place(panel)
        low, high, tics = axis_of(panel)
        for side, value in (("l", panel.left / WIDTH),
                            ("r", (panel.left + panel.width) / WIDTH),
                            ("t", 1 - top / height),
                            ("b", 1 - (top + PLOT_HEIGHT) / height)):
            self.tell(f"set {side}margin at screen {value:.4f}")
        self.tell(f'set title {quoted(panel.title)} offset 0,-0.5 font ",11"'
                  if panel.title else "unset title")
        self.tell("set logscale y" if panel.log else "unset logscale y")
        self.tell(f"set xrange [{first:.3f}:{last:.3f}]")
        # a tic at the very end might be left out
        self.tell(f"set yrange [{low * 0.999:.6g}:{high * 1.001:.6g}]")
        word = {"ns": "time", "us": "time", "iops": "IOPS", "mibs": "MiB/s",
                "kib": "KiB", "count": "instructions"}[panel.unit]
        self.tell(f'set ylabel "{word}" offset 0.5,0 textcolor "#222222"')
        marks = [f'"{tic(value, panel.unit)}" {value:.6g}' for value in tics]
        if panel.log:
            marks += [f'"" {tics[0] * 10 ** n * m:.6g} 1' for n in
                      range(-1, len(tics)) for m in range(2, 10)
                      if low < tics[0] * 10 ** n * m < high]
        self.tell(f"set ytics ({', '.join(marks)})")
        names = [name_lines(case.title, (len(bars) + GAP) * width)
                 for case, bars in zip(panel.cases, panel.bars)]
        self.tell("set xtics (" + ", ".join(
            f"{name} {x:.3f}" for name, x in zip(names, centres)) + ")")
        self.bars(panel, where, width, low)

    def bars(self, panel: Panel, where: dict[tuple[int, str], float],
             width: float, low: float) -> None:
        parts = [f'{self.line:.6g} with lines lc "#777777" dt 2'] \
            if self.line else []
        errors: list[Sequence[str]] = []
        labels: list[Sequence[str]] = []
        fails: list[Sequence[str]] = []
        for config in self.results.configs:
            rows = []
            for number, bars in enumerate(panel.bars):
                if config not in dict(bars):
                    continue
                x, values = f"{where[number, config]:.3f}", dict(bars)[config]
                if not values:
                    fails.append((x, f"{low:.6g}", '"fails"'))
                    continue
                middle = median(values)
                rows.append((x, f"{middle:.6g}"))
                if min(values) < max(values):
                    errors.append((x, f"{min(values):.6g}",
                                   f"{max(values):.6g}"))
                labels.append((x, f"{max(values):.6g}",
                               f'"{in_unit(middle, panel.unit)}"'))
            if rows:
                parts.append(f"{self.block(rows)} using 1:2 with boxes "
                             f'lc rgb "{self.colours[config]}"')
        if errors:
            parts.append(f"{self.block(errors)} using 1:2:(0):($3-$2) with "
                         'vectors heads size screen 0.003,90 lw 1.2 '
                         'lc "#111111"')
        turn = "offset 0,0.6" if width >= LABEL_FLAT else \
            "rotate by 90 left offset 0,0.4"
        if width >= LABEL_UPRIGHT:
            parts.append(f"{self.block(labels)} using 1:2:3 with labels "
                         f'{turn} font ",8" textcolor "#222222"')
        if fails:
            parts.append(f"{self.block(fails)} using 1:2:3 with labels rotate "
                         'by 90 left offset 0,0.4 font ",8" textcolor '
                         '"#a00000"')
        self.tell("plot " + ", \\\n        ".join(parts))
        # these are for the first panel; again would be bolder
        self.tell("unset label\n    unset object")


def quoted(text: str) -> str:
    """A string of gnuplot's, in which nothing is run or replaced."""
    return '"' + re.sub(r'["`\\]', "'", text) + '"'


def name_lines(title: str, width: float) -> str:
    """A name in lines that are not wider than its place."""
    count = max(int(width / TEXT), 8)
    parts = re.split("(?<=,) ", title) if len(title) > count else [title]
    return ' . "\\n" . '.join(quoted(line) for part in parts
                              for line in textwrap.wrap(part, count))


def chart(results: Results, directory: Path, name: str, panels: list[Panel],
          title: str, note: str, exact: bool = False) -> None:
    """One chart: its script, its SVG, its PNG."""
    rows = rows_of(panels)
    script = Script(results, exact)
    there = {config for panel in panels for bars in panel.bars
             for config, _ in bars}
    configs = [config for config in results.configs if config in there]
    above = PANEL_TITLE if any(panel.title for panel in panels) else 0
    each = above + PLOT_HEIGHT + PANEL_BOTTOM
    top = legend(configs)[-1][-1] + 22
    height = top + each * len(rows)
    script.heading(title, note, configs, height)
    for number, row in enumerate(rows):
        for panel in row:
            script.panel(panel, top + number * each + above, height)
    (directory / f"{name}.gp").write_text(HEAD.format(
        name=name, width=WIDTH, height=height, data="\n".join(script.data),
        panels="\n".join(script.commands)))
    output_of(["gnuplot", f"{name}.gp"], cwd=directory)


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def better(panels: Iterable[Panel]) -> str:
    logs = {panel.log for panel in panels}
    return "" if len(logs) > 1 else \
        ", less is better" if logs.pop() else ", more is better"


def write(results: Results, directory: Path) -> None:
    """All charts that there are numbers for."""
    if not shutil.which("gnuplot"):
        raise LabError("there are tables but no plots, for which gnuplot is "
                       "needed: apt-get install gnuplot-nox")
    rounds = len(results.rounds())
    note = f"median of {rounds} rounds; error bars are min–max" \
        if rounds > 1 else "one round"
    for group, cases in results.groups().items():
        panels = panels_of(results, {group: cases})
        if panels:
            words = {"time" if panel.log else "rate" for panel in panels}
            what = " and ".join(sorted(words)) + \
                ("" if group == ONCE else " per operation"
                 if words == {"time"} else "")
            chart(results, directory, slug(group), panels,
                  f"{group}: {what}{better(panels)}", note)
    groups = {group: [case for case in cases if case.is_time or case.is_rate]
              for group, cases in results.groups().items() if group != ONCE}
    panels = panels_of(results, groups, True)
    if panels:
        unit = results.unit("")
        note = "counted by QEMU, one run of each" + (
            f"; the dashed line is a {UNIT_CASE.replace('-', ' ')}: "
            f"{scaled(unit, PLAIN)}" if unit else "")
        chart(results, directory, "instructions", panels, "Instructions of "
              "Linux and Xen per operation, less is better", note, True)
