# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the benchmark: every configuration once in each round, so that what
changes on the machine meanwhile hits all alike; then once more with guest
instructions and IOTLB flushes counted instead of time."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lab import header, paths
from lab.build import Parts
from lab.runner import Runner
from lab.session import Narrator, Result
from lab.ui import LabError, say

from .results import Run

# QEMU's names of all descriptors that flush VT-d's IOTLB.
FLUSHES = ("vtd_inv_desc_iotlb*",)


def configurations(wanted: Sequence[str]) -> list[header.Scenario]:
    """The variants of measure.sh, or those of them that are wanted."""
    known = header.load_all(paths.BENCH)
    names = [scenario.variant for scenario in known]
    for name in wanted:
        if name not in names:
            raise LabError(f"no configuration '{name}'; there are "
                           f"{' '.join(names)}")
    return [s for s in known if not wanted or s.variant in wanted]


def measure(parts: Parts, run_dir: Path, narrator: Narrator,
            scenarios: list[header.Scenario],
            rounds: int) -> tuple[list[Run], list[Result]]:
    """All runs: (the results that count, why the others do not)."""
    counted = [dataclasses.replace(scenario, counted=True, trace=FLUSHES)
               for scenario in scenarios]
    timed = [dataclasses.replace(scenario, parallel=True)
             for scenario in scenarios]
    found: list[Run] = []
    failed: list[Result] = []
    for number, group in enumerate([timed] * rounds + [counted]):
        exact = number == rounds
        directory = run_dir / ("counted" if exact else f"round-{number}")
        for scenario in group:
            say(f"{directory.name}: {scenario.variant}")
            driver = scenario.variant.startswith("pv-")
            result = Runner(parts, directory, narrator,
                            driver=driver).run_one(scenario)
            if result.reasons:
                failed.append(result)
            else:
                found.append({"config": scenario.variant, "round": number,
                              "exact": exact, "stats": result.record.stats})
    return found, failed
