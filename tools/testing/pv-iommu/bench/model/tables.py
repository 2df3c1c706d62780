# SPDX-License-Identifier: GPL-2.0-only
"""What the model says, as tables of the documentation and as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache

from ..text import digits
from .closed import predict
from .inputs import HIGH, INPUTS, LOW, TYPICAL, Costs
from .parts import APART, BARE, LAZY, MODES, ONE, PV, STRICT, SWIOTLB, \
    SYSTEMS, Case
from .simulate import simulate

CPUS = (2, 16, 128)
UNITS = (1, 16)
LAYOUTS = (APART, ONE)

MILLION = 1e6
# Two digits are more than the inputs deserve.
DIGITS = 2
# The inputs that a case depends on most.
MOST = 3

COLUMNS = ("layout", "cpus", "units", "mode", "system", "low", "typical",
           "high", "limit", "simulated", "together")

SHORT = {PV: "driver", BARE: "bare"}

Row = Sequence[str]


def millions(per_second: float) -> str:
    return digits(per_second / MILLION, DIGITS)


def span(low: float, high: float) -> str:
    return f"{digits(low, DIGITS)}–{digits(high, DIGITS)}"


def rst(header: Row, rows: Sequence[Row], words: Sequence[int] = ()) -> str:
    """A simple table; numbers are to the right, and these columns words."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    rule = "  ".join("=" * width for width in widths)

    def line(row: Row) -> str:
        return "  ".join(
            cell.ljust(width) if number in words else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths))).rstrip()
    return "\n".join([rule, line(header), rule, *map(line, rows), rule]) + "\n"


def places() -> Iterator[tuple[int, int, str]]:
    for cpus in CPUS:
        for units in UNITS:
            for mode in MODES:
                yield cpus, units, mode


def rate(case: Case, costs: Costs = TYPICAL) -> float:
    return predict(case, costs).rate


def with_one_changed() -> Iterator[tuple[str, Costs]]:
    for name, each in INPUTS.items():
        for value in (each.low, each.high):
            yield name, TYPICAL.but(name, value)


def ratio(mine: Case, theirs: Case) -> str:
    """What the driver has of the other's rate; one input changed at a time."""
    found = [rate(mine, costs) / rate(theirs, costs)
             for _, costs in with_one_changed()]
    return (f"{digits(rate(mine) / rate(theirs), DIGITS)} "
            f"({span(min(found), max(found))})")


def predictions(layout: str) -> str:
    """Millions of maps per second, and from all inputs at their worst to all
    at their best."""
    rows = []
    for cpus, units, mode in places():
        cases = [Case(system, mode, layout, cpus, units)
                 for system in SYSTEMS]
        rows.append([str(cpus), str(units), mode, *(
            f"{millions(rate(case))} "
            f"({millions(rate(case, HIGH))}–{millions(rate(case, LOW))})"
            for case in cases), ratio(cases[0], cases[1])])
    return rst(["CPUs", "units", "mode", *SYSTEMS, "driver / bare"], rows,
               (2,))


@cache
def simulated(case: Case, together: bool = False) -> float:
    """As often as it is asked for, it is the same."""
    if case.flushed == 1 and case.layout == ONE and case.units > 1:
        return simulated(Case(case.system, case.mode, ONE, case.cpus, 1),
                         together)
    return simulate(case, TYPICAL, together)


def check(layout: str) -> str:
    """Closed form and simulation, and what limits each case."""
    rows = []
    for cpus, units, mode in places():
        row = [str(cpus), str(units), mode]
        for system in (PV, BARE):
            case = Case(system, mode, layout, cpus, units)
            found = predict(case, TYPICAL)
            row += [millions(found.rate), millions(simulated(case))]
            if layout == ONE and system == PV:
                row.append(millions(simulated(case, True)))
            row.append(found.limit)
        rows.append(row)
    together = ["together"] if layout == ONE else []
    header = ["CPUs", "units", "mode", "driver", "simulated", *together,
              "limit", "bare", "simulated", "limit"]
    return rst(header, rows, [number for number, name in enumerate(header)
                              if name in ("mode", "limit")])


def sensitivity() -> str:
    rows = []
    for layout, mode, cpus, units in (
            (APART, STRICT, 2, 1), (APART, LAZY, 2, 1),
            (APART, STRICT, 16, 1), (APART, LAZY, 16, 1),
            (APART, STRICT, 128, 16),
            (ONE, STRICT, 16, 1), (ONE, LAZY, 16, 1)):
        for system in (PV, BARE):
            case = Case(system, mode, layout, cpus, units)
            name = f"{layout}, {cpus} / {units}, {mode}, {SHORT[system]}"
            rows.append([name, millions(rate(case)), *most(case)])
    return rst(["case", "typical", *("first", "second", "third")[:MOST]],
               rows, (0, *range(2, MOST + 2)))


def most(case: Case) -> list[str]:
    """The inputs that matter most, with the rates that they lead to."""
    found: dict[str, list[float]] = {}
    for name, costs in with_one_changed():
        found.setdefault(name, []).append(rate(case, costs) / MILLION)
    found = {name: sorted(rates) for name, rates in found.items()}
    names = sorted(found, key=lambda name: found[name][0] / found[name][1])
    return [f"{name} {span(*found[name])}" for name in names[:MOST]]


def inputs() -> str:
    return rst(["input", "low", "typical", "high", "unit", "what it costs"],
               [[name, *(f"{value:g}" for value in
                         (each.low, each.typical, each.high)),
                 each.unit or "\\", each.what]
                for name, each in INPUTS.items()], (0, 4, 5))


def fragments() -> dict[str, str]:
    """The tables by name; the documentation has them all."""
    assert [field.name for field in fields(Costs)] == list(INPUTS)
    return {
        "inputs": inputs(),
        "apart": predictions(APART),
        "one": predictions(ONE),
        "check-apart": check(APART),
        "check-one": check(ONE),
        "sensitivity": sensitivity(),
    }


def csv_text() -> str:
    """One row for each case, rates per second."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for layout in LAYOUTS:
        for cpus, units, mode in places():
            for system in SYSTEMS:
                case = Case(system, mode, layout, cpus, units)
                found = predict(case, TYPICAL)
                runs = [] if system == SWIOTLB else [simulated(case)]
                if runs and layout == ONE:
                    runs.append(simulated(case, True))
                writer.writerow([layout, cpus, units, mode, system, *(
                    f"{value:.0f}" for value in
                    (rate(case, HIGH), found.rate, rate(case, LOW))),
                    found.limit, *(f"{value:.0f}" for value in runs),
                    *[""] * (2 - len(runs))])
    return out.getvalue()
