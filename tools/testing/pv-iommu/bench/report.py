# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m bench.report RESULTS.json OUTDIR: tables and plots of runs.

RESULTS.json is a list of runs: {"config": NAME, "round": NUMBER, "exact":
BOOL, "stats": {"CASE.METRIC": NUMBER}}.  Those that are exact were made with
QEMU's -icount: their nanoseconds are instructions of the guest.  Of disks and
networks they have CASE.instructions: all that the machine executed meanwhile.
Some have "where": {CASE: Places}, too, see results.py.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from lab.ui import LabError, say

from . import plot, where
from .cases import CONFIGS, HELD, PAIRS, TARGETS, UNIT_CASE, Case
from .results import ERROR, Results, Run
from .text import PLAIN, digits, quantity, scaled, table, tally

# A number of a config and the name of a case.
Find = Callable[[str, str], float | None]

# Debian's packages that this needs.
TOOLS = ("gnuplot-nox", "fonts-dejavu-core")

COLUMNS = ("config", "case", "metric", "exact", "median", "min", "max",
           "rounds")
SPREAD = 0.05
COUNTED_FOR = "for each operation, request or MiB of the network"


def better(cases: Iterable[Case]) -> str:
    words = {"more" if case.is_rate else "less" for case in cases}
    return f"{words.pop()} is better" if len(words) == 1 else \
        "times: less is better, rates: more"


def csv_rows(results: Results) -> Iterator[tuple[Any, ...]]:
    """One for each config, case and metric; errors have text for numbers."""
    found: dict[tuple[str, str, str, bool], list[Any]] = {}
    for (config, _, exact), stats in results.runs.items():
        for case, metrics in stats.items():
            for metric, value in metrics.items():
                found.setdefault((config, case, metric, exact),
                                 []).append(value)
    numbers: tuple[Any, ...]
    for key, values in found.items():
        if key[2] == ERROR:
            numbers = ("; ".join(sorted(set(values))), "", "")
        else:
            numbers = (median(values), min(values), max(values))
        yield (*key[:3], int(key[3]), *numbers, len(values))


def write_csv(results: Results, path: Path) -> None:
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows(csv_rows(results))


def cell(results: Results, config: str, case: Case) -> str:
    """Median, spread and failures of the timed runs."""
    values = list(results.main(config, case).values())
    failed = len(results.failures(config, case.name))
    if not values:
        return "fails" if failed else "-"
    middle = median(values)
    text = quantity(middle, case.metric)
    spread = (max(values) - min(values)) / 2 / middle if middle else 0
    if spread > SPREAD:
        text += f" ±{100 * spread:.0f}%"
    return f"{text}, {failed} fails" if failed else text


def header(results: Results) -> list[str]:
    return ["", *(CONFIGS.get(each, each) for each in results.configs)]


def group_tables(results: Results) -> Iterator[tuple[str, str]]:
    for group, cases in results.groups().items():
        rows = [[case.title, *(cell(results, config, case)
                               for config in results.configs)]
                for case in cases]
        if not any(set(row[1:]) - {"-"} for row in rows):
            continue
        text = table(header(results), rows)
        for case in cases:
            for config in results.configs:
                errors = results.failures(config, case.name)
                if errors:
                    text += (f"\n{case.title}, {config}: "
                             f"{'; '.join(sorted(set(errors.values())))}")
        yield f"{group} ({better(cases)})", text


def ratio_cell(results: Results, over: str, under: str, name: str) -> str:
    ratios = list(results.ratios((over, name), (under, name)).values())
    if not ratios:
        return "-"
    text = digits(median(ratios))
    if len(ratios) > 1:
        text += f" ({digits(min(ratios))}–{digits(max(ratios))})"
    return text


def grouped(results: Results, cells: Callable[[Case], Iterable[str]],
            title: Callable[[str, list[Case]], str]) -> list[list[str] | str]:
    """Rows of all groups, each below its title; cells(case) are those of one,
    without those that say nothing."""
    rows: list[list[str] | str] = []
    for group, cases in results.groups().items():
        part = [[f"  {case.title}", *cells(case)] for case in cases]
        part = [row for row in part if set(row[1:]) - {"-", "fails"}]
        if part:
            rows += [title(group, cases), *part]
    return rows


def ratio_table(results: Results) -> str:
    rows = grouped(results, lambda case: [
        ratio_cell(results, *pair, case.name) for pair in PAIRS],
        lambda group, cases: f"{group} ({better(cases)})")
    return table(["", *(f"{over} / {under}" for over, under in PAIRS)], rows)


def multiple(results: Results, config: str, case: str) -> float | None:
    count = results.instructions(config, case)
    unit = results.unit(config)
    return count / unit if count is not None and unit else None


def exact_cells(results: Results, find: Find, form: Callable[[float], str],
                case: Case) -> Iterator[str]:
    for config in results.configs:
        value = find(config, case.name)
        if value is not None:
            yield form(value)
        else:
            failed = results.failures(config, case.name, True)
            yield "fails" if failed else "-"


def exact_tables(results: Results) -> Iterator[tuple[str, str]]:
    """What does not depend on the machine, of disks and networks nearly: it
    matters there what else is under way, which the instructions include."""
    def counter(metric: str) -> Find:
        return lambda config, name: results.counted(config, name, metric)
    for title, find, form in (
            ("Instructions of Linux and Xen", results.instructions,
             lambda value: scaled(value, PLAIN)),
            (f"Instructions, in those of a {UNIT_CASE.replace('-', ' ')}",
             lambda config, name: multiple(results, config, name), digits),
            ("Hypercalls", counter("hypercalls"), tally),
            ("Operations in them", results.operations, tally),
            ("IOTLB invalidations", counter("flushes"), tally)):
        rows = grouped(results, partial(exact_cells, results, find, form),
                       lambda group, cases: group)
        if rows:
            yield f"{title} (exact), {COUNTED_FOR}", \
                table(header(results), rows)


def held_table(results: Results) -> Iterator[tuple[str, str]]:
    rows = grouped(results, partial(
        exact_cells, results,
        lambda config, name: results.counted(config, name, HELD), digits),
        lambda group, cases: group)
    if rows:
        yield (f"Longest stretch with interrupts off, in "
               f"{UNIT_CASE.replace('-', ' ')}s (exact)",
               table(header(results), rows))


def target_table(results: Results) -> str:
    rows = []
    verdicts = []
    for target in TARGETS:
        value, verdict = target.verdict(results)
        verdicts.append(verdict)
        measured = tally(value) if value is not None else \
            "fails" if verdict == "missed" else "-"
        rows.append([target.name, measured,
                     f"{target.relation} {tally(target.limit)}", verdict])
    sums = ", ".join(f"{verdicts.count(word)} {word}"
                     for word in ("met", "missed", "not measured"))
    return f"{table(['', 'measured', 'limit', 'verdict'], rows)}\n{sums}"


def missed(runs: Iterable[Run]) -> int:
    """How many aims were measured and not reached."""
    results = Results(runs)
    return sum(target.verdict(results)[1] == "missed" for target in TARGETS)


def summary(results: Results) -> str:
    parts = [*group_tables(results), ("Ratios of the same round, median "
                                      "(min–max)", ratio_table(results)),
             *exact_tables(results), *held_table(results),
             ("Targets", target_table(results))]
    rounds = len(results.rounds())
    first = (f"Medians of {rounds} rounds; ± is half of max - min where that "
             f"is more than {100 * SPREAD:.0f} %" if rounds > 1 else
             "One round" if rounds else "Nothing was timed")
    return "\n\n".join([first, *(f"{title}\n\n{text}"
                                 for title, text in parts)]) + "\n"


def write(runs: Sequence[Run], directory: Path) -> str:
    """Write tables and plots of a list of runs; the text of the summary, and
    of where instructions are.

    The plots come last: without gnuplot there are the tables still.
    """
    results = Results(runs)
    directory.mkdir(parents=True, exist_ok=True)
    write_csv(results, directory / "results.csv")
    text = summary(results)
    (directory / "summary.txt").write_text(text)
    places = where.write(runs, directory)
    plot.write(results, directory)
    return f"{text}\n{places}" if places else text


def main() -> int:
    if len(sys.argv) != 3:
        say("usage: python3 -m bench.report RESULTS.json OUTDIR")
        return 2
    try:
        runs = json.loads(Path(sys.argv[1]).read_text())
        print(write(runs, Path(sys.argv[2])), end="")
    except (LabError, OSError) as err:
        say(f"bench: {err}")
        return 1
    except json.JSONDecodeError as err:
        say(f"bench: {sys.argv[1]}: {err}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
