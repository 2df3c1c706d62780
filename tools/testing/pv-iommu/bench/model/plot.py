# SPDX-License-Identifier: GPL-2.0-only
"""The plot of the predictions, with gnuplot: its script has the numbers."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from lab.ui import LabError, output_of

from ..layout import FAMILIES
from .closed import predict
from .inputs import HIGH, LOW, TYPICAL
from .parts import APART, BARE, LAZY, ONE, PV, STRICT, SWIOTLB, SYSTEMS, Case
from .tables import CPUS, MILLION, simulated

NAME = "latency"
STEPS = tuple(2 ** n for n in range(8))

COLOURS = {PV: FAMILIES["pv"][0], BARE: FAMILIES["bare"][0],
           SWIOTLB: FAMILIES["xen"][0]}

PANELS = [(layout, units, mode)
          for layout, units in ((APART, 1), (APART, 16), (ONE, 1))
          for mode in (STRICT, LAZY)]

TITLES = {(APART, 1): "a device for each CPU, 1 unit",
          (APART, 16): "a device for each CPU, 16 units",
          (ONE, 1): "one device for all CPUs"}

HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only
# gnuplot latency.gp: latency.svg

set encoding utf8
set terminal svg size 900,1000 noenhanced font "DejaVu Sans,11" \\
    background "#ffffff"
set output "latency.svg"
set multiplot layout 3,2 title "Maps and unmaps of 4 KiB per second, predicted"
set logscale xy
set xrange [1:128]
set yrange [0.1:2000]
set xtics (1, 2, 16, 128) nomirror
set ytics ("100 k" 0.1, "1 M" 1, "10 M" 10, "100 M" 100, "1 G" 1000) nomirror
set grid ytics lc "#dddddd" lt 1
set border 3 lc "#555555"
set xlabel "CPUs" offset 0,0.5
set key top left samplen 2
set tics scale 0.6
unset mxtics
unset mytics
set style fill transparent solid 0.18 noborder
"""

SVG_LICENCE = f"<!-- SPDX-License-{'Identifier'}: GPL-2.0-only -->"


def block(name: str, rows: Iterator[tuple[float, ...]]) -> str:
    return f"${name} << EOD\n" + "\n".join(
        " ".join(f"{value:.4g}" for value in row) for row in rows) + "\nEOD\n"


def lines(layout: str, units: int, mode: str,
          system: str) -> Iterator[tuple[float, ...]]:
    """CPUs, and what is predicted for them: low, typical, high."""
    for cpus in STEPS:
        case = Case(system, mode, layout, cpus, units)
        yield (cpus, *(predict(case, costs).rate / MILLION
                       for costs in (HIGH, TYPICAL, LOW)))


def points(layout: str, units: int, mode: str,
           system: str) -> Iterator[tuple[float, ...]]:
    for cpus in CPUS:
        case = Case(system, mode, layout, cpus, units)
        yield cpus, simulated(case) / MILLION


def script() -> str:
    data, commands = [], []
    for number, panel in enumerate(PANELS):
        areas, curves, dots = [], [], []
        for index, system in enumerate(SYSTEMS):
            name = f"d{number}{index}"
            colour = f'lc rgb "{COLOURS[system]}"'
            data.append(block(name, lines(*panel, system)))
            areas.append(f"${name} using 1:2:4 with filledcurves {colour} "
                         "notitle")
            legend = "notitle" if number else f'title "{system}"'
            curves.append(f"${name} using 1:3 with lines lw 2 {colour} "
                          + legend)
            if system != SWIOTLB:
                data.append(block(f"s{name}", points(*panel, system)))
                dots.append(f"$s{name} using 1:2 with points pt 7 ps 0.6 "
                            f"{colour} notitle")
        layout, units, mode = panel
        commands.append(f'set title "{mode}: {TITLES[layout, units]}"\nplot '
                        + ", \\\n    ".join(areas + curves + dots) + "\n")
    return HEAD + "".join(data) + "".join(commands) + "unset multiplot\n"


def mark(text: str) -> str:
    """Says, in an SVG, by which script it was made."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"<!-- by latency.gp {digest[:16]} -->"


def write(directory: Path) -> Path:
    """The script, and its SVG with a licence and that mark."""
    text = script()
    (directory / f"{NAME}.gp").write_text(text)
    output_of(["gnuplot", f"{NAME}.gp"], cwd=directory)
    out = directory / f"{NAME}.svg"
    _, found, rest = out.read_text().partition("<svg")
    if not found:
        raise LabError(f"gnuplot made no SVG of {directory / NAME}.gp")
    out.write_text(f"{SVG_LICENCE}\n{mark(text)}\n{found}\n"
                   f"{smaller(rest)}\n")
    return out


def smaller(svg: str) -> str:
    """Without indentation, and groups that have nothing in them."""
    svg = re.sub(r"<g [^>]*>\s*</g>", "", svg)
    return "\n".join(filter(None, map(str.strip, svg.splitlines())))
