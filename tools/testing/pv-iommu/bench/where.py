# SPDX-License-Identifier: GPL-2.0-only
"""Where the instructions of an operation are: by part, and by function."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lab.judge import Record

from .cases import CONFIGS, named
from .results import Places, Run, Spot
from .symbols import (BENCH, DRIVER, LINUX, PROGRAMS, XEN, Function, Symbols)
from .text import table

PARTS = {
    LINUX: "the kernel's core",
    DRIVER: "this driver",
    XEN: "the hypervisor",
    BENCH: "the benchmark itself",
    PROGRAMS: "programs",
}

# What has less than this share of all is not shown by itself.
LEAST = 0.01

COLUMNS = ("config", "case", "part", "function", "instructions")


def numbered(functions: Iterable[Function]) -> dict[Function, str]:
    """Names; those that several functions have, with a number."""
    found: dict[Function, str] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for each in sorted(functions):
        key = each.part, each.name
        seen[key] += 1
        again = f" ({seen[key]})" if seen[key] > 1 else ""
        found[each] = each.name + again
    return found


def places(record: Record, xen: str) -> dict[str, Places]:
    """What a run counted, by case."""
    symbols = Symbols(record.symbols, xen)
    found: dict[str, Places] = {}
    for name, case in record.executed.items():
        functions = symbols.by_function(case.executed.instructions)
        names = numbered(functions)
        found[name] = {"median": case.median, "functions": [
            {"part": each.part, "function": names[each],
             "instructions": count / case.total}
            for each, count in functions.most_common()]}
    return found


def rounded(values: Sequence[float]) -> list[int]:
    """To whole numbers whose sum is that of the values, rounded."""
    whole = [int(value) for value in values]
    lost = sorted(range(len(values)), key=lambda i: whole[i] - values[i])
    for i in lost[:round(sum(values)) - sum(whole)]:
        whole[i] += 1
    return whole


def rows_of(lines: Sequence[tuple[str, str, float]]) -> list[list[str] | str]:
    """Each with its share of all."""
    total = sum(value for *_, value in lines)
    numbers = rounded([value for *_, value in lines])
    return [[name, part, f"{number}", f"{100 * value / total:.1f}"]
            for (name, part, value), number in zip(lines, numbers)]


def where_table(found: Sequence[Spot]) -> str:
    """Parts, then functions, most first; and their common sum."""
    total = sum(each["instructions"] for each in found)
    parts: dict[str, float] = defaultdict(float)
    shown: list[tuple[str, str, float]] = []
    for each in found:
        parts[each["part"]] += each["instructions"]
        if each["instructions"] >= LEAST * total:
            shown.append((each["function"], each["part"],
                          each["instructions"]))
    most_first = sorted(parts.items(), key=lambda item: -item[1])
    others = total - sum(value for *_, value in shown)
    if len(shown) < len(found):
        shown.append((f"{len(found) - len(shown)} others", "", others))
    return table(["", "", "instructions", "%"], [
        *rows_of([(PARTS.get(part, part), part, value)
                  for part, value in most_first]), "",
        *rows_of(shown), "", ["all", "", f"{round(total)}", "100.0"]])


def each_of(runs: Iterable[Run]) -> Iterator[tuple[str, str, Places]]:
    """(config, case, what was found), in the order to show them."""
    for run in sorted(runs, key=lambda run: [*CONFIGS, run["config"]].index(
            run["config"])):
        for case, found in run.get("where", {}).items():
            yield run["config"], case, found


def text_of(runs: Iterable[Run]) -> str:
    return "\n".join(
        f"{named(case).title}, {CONFIGS.get(config, config)}: instructions "
        f"for each operation, mean (median of batches: "
        f"{found['median']:.0f})\n\n{where_table(found['functions'])}\n"
        for config, case, found in each_of(runs))


def write(runs: Sequence[Run], directory: Path) -> str:
    """Write the tables and a CSV of all functions, if there is anything to
    write; the text of the tables."""
    text = text_of(runs)
    if not text:
        return ""
    (directory / "where.txt").write_text(text)
    with open(directory / "where.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows((config, case, each["part"], each["function"],
                       f"{each['instructions']:.5f}")
                      for config, case, found in each_of(runs)
                      for each in found["functions"])
    return text
