# SPDX-License-Identifier: GPL-2.0-only
"""What the runs of a benchmark said, by config, case, metric and round."""

import math
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any, NotRequired, TypedDict

from lab.ui import LabError

from .cases import (CASES, CONFIGS, HELD, INSTRUCTIONS, MEMORY, MIB, OTHER,
                    RATES, TENTHS, TIME, UNIT_CASE, Case)

ERROR = "error"

# By case and metric: numbers, and the text of an ERROR.
Stats = dict[str, dict[str, Any]]


class Spot(TypedDict):
    """A function, and its instructions of one operation."""
    part: str
    function: str
    instructions: float


class Places(TypedDict):
    """median: what an operation takes by the guest's clock; functions: all
    that had a part in the operations, most first."""
    median: float
    functions: list[Spot]


class Run(TypedDict):
    """As report.py's documentation has it."""
    config: str
    round: int
    exact: NotRequired[bool]
    stats: dict[str, str]
    where: NotRequired[dict[str, Places]]


def number(name: str, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise LabError(f"{name} is not a number: '{text}'")
    return value


def parse(where: str, stats: dict[str, str]) -> Stats:
    found: Stats = {}
    for name, text in stats.items():
        case, _, metric = name.rpartition(".")
        if not case or not metric:
            raise LabError(f"{where}: '{name}' is not CASE.METRIC")
        value = str(text) if metric == ERROR else \
            number(f"{where}: {name}", text)
        found.setdefault(case, {})[metric] = value
    return found


def guess(name: str, metrics: set[str]) -> Case:
    """A case that is not in the table."""
    metric = next((each for each in (TIME, TENTHS, *RATES, MEMORY, HELD)
                   if each in metrics), TIME)
    return Case(name, OTHER, name, metric)


class Results:
    """The runs, in lists and tables that are in the order to show them."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs: dict[tuple[str, int, bool], Stats] = {}
        for run in runs:
            config, each = run["config"], run["round"]
            key = (config, each, bool(run.get("exact")))
            where = f"{config}, round {each}{', exact' if key[2] else ''}"
            found = self.runs.setdefault(key, {})
            more = parse(where, run["stats"])
            if twice := found.keys() & more:
                raise LabError(f"there are two runs of {where}: {min(twice)}")
            found.update(more)
        there = dict.fromkeys(config for config, _, _ in self.runs)
        self.configs = [config for config in CONFIGS if config in there]
        self.configs += [config for config in there if config not in CONFIGS]
        metrics: dict[str, set[str]] = {}
        for stats in self.runs.values():
            for case, values in stats.items():
                metrics.setdefault(case, set()).update(values)
        self.cases = [case for case in CASES if case.name in metrics]
        known = {case.name for case in CASES}
        self.cases += [guess(name, found) for name, found in metrics.items()
                       if name not in known]

    def groups(self) -> dict[str, list[Case]]:
        """What was measured."""
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            found.setdefault(case.group, []).append(case)
        return found

    def case(self, name: str) -> Case | None:
        return next((case for case in self.cases if case.name == name), None)

    def rounds(self, exact: bool = False) -> list[int]:
        return sorted({each for _, each, kind in self.runs if kind == exact})

    def each(self, config: str, name: str,
             exact: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
        """(round, {metric: value}) of each run that has the case."""
        for (of, number_of, kind), stats in self.runs.items():
            if of == config and kind == exact and name in stats:
                yield number_of, stats[name]

    def values(self, config: str, name: str, metric: str,
               exact: bool = False) -> dict[int, Any]:
        """{round: number}"""
        return {each: stats[metric] for each, stats in
                self.each(config, name, exact) if metric in stats}

    def main(self, config: str, case: Case,
             exact: bool = False) -> dict[int, float]:
        """{round: number} of the metric that is shown."""
        if exact and (case.is_rate or case.metric == TENTHS):
            return self.values(config, case.name, INSTRUCTIONS, True)
        found = self.values(config, case.name, case.metric, exact)
        if case.metric == "mibs" and case.size:
            iops = self.values(config, case.name, "iops", exact)
            found = {each: value * case.size / MIB
                     for each, value in iops.items()} | found
        return found

    def failures(self, config: str, name: str,
                 exact: bool = False) -> dict[int, str]:
        """{round: text} of the error"""
        return self.values(config, name, ERROR, exact)

    def ratios(self, over: tuple[str, str],
               under: tuple[str, str]) -> dict[int, float]:
        """{round: ratio} of two (config, case name), from runs of the same
        round."""
        sides = []
        for config, name in (over, under):
            case = self.case(name)
            sides.append(self.main(config, case) if case else {})
        return {each: value / sides[1][each]
                for each, value in sorted(sides[0].items())
                if sides[1].get(each)}

    def ratio(self, over: tuple[str, str],
              under: tuple[str, str]) -> float | None:
        ratios = self.ratios(over, under)
        return median(ratios.values()) if ratios else None

    def counted(self, config: str, name: str, metric: str) -> float | None:
        """What an exact run counted, or None."""
        values = self.values(config, name, metric, True)
        return median(values.values()) if values else None

    def instructions(self, config: str, name: str) -> float | None:
        """Those of an exact run: where a case has a time, that is them."""
        found = self.counted(config, name, TIME)
        return self.counted(config, name, INSTRUCTIONS) if found is None \
            else found

    def operations(self, config: str, name: str) -> float | None:
        """What the hypercalls of a counted run carried, or None."""
        metrics = {metric for _, stats in self.each(config, name, True)
                   for metric in stats if metric.startswith("ops_")}
        return sum(self.counted(config, name, metric) or 0
                   for metric in metrics) if metrics else None

    def unit(self, config: str) -> float | None:
        """Instructions of the null hypercall: the config's own, or else those
        of the first one that has it."""
        for each in (config, *self.configs):
            found = self.counted(each, UNIT_CASE, TIME)
            if found:
                return found
        return None
