# SPDX-License-Identifier: GPL-2.0-only
"""Numbers and tables as text."""

import math
import textwrap
from collections.abc import Sequence

Units = tuple[tuple[float, str], ...]

TIMES: Units = ((1, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s"))
PLAIN: Units = ((1, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"))
HEADER = 12


def digits(value: float, count: int = 3) -> str:
    """A number with this many significant digits, and no exponent."""
    if not value:
        return "0"
    places = count - 1 - math.floor(math.log10(abs(value)))
    value = round(value, places)
    places = count - 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(places, 0)}f}"


def scaled(value: float, units: Units) -> str:
    """Three digits and the unit in which that is less than 1000."""
    factor, unit = next((each for each in units
                         if abs(value) < 999.5 * each[0]), units[-1])
    return digits(value / factor) + unit


def quantity(value: float, metric: str) -> str:
    """A value of a metric as tables and plots have it."""
    if metric == "ns":
        return scaled(value, TIMES)
    if metric == "us":
        return f"{value:.1f} µs"
    if metric == "mibs":
        return f"{digits(value)} MiB/s"
    if metric == "kib":
        return f"{digits(value)} KiB"
    return f"{scaled(value, PLAIN)} IOPS"


def tally(value: float) -> str:
    """A count per operation: 1.004 is not 1."""
    text = digits(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(header: Sequence[str], rows: Sequence[list[str] | str]) -> str:
    """Columns below each other, the first one to the left; a row that is a
    string is a line of its own."""
    heads = [textwrap.wrap(text, HEADER) for text in header]
    height = max(map(len, heads))
    lines = [[head[line - height + len(head)] if line >= height - len(head)
              else "" for head in heads] for line in range(height)]
    cells = lines + [row for row in rows if not isinstance(row, str)]
    widths = [max(map(len, column)) for column in zip(*cells)]

    def line(row: list[str] | str) -> str:
        if isinstance(row, str):
            return row
        return (row[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width)
            for cell, width in zip(row[1:], widths[1:]))).rstrip()
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    return "\n".join([*map(line, lines), rule, *map(line, rows)])
