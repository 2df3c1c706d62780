# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the benchmark: every configuration once in each round, so that what
changes on the machine meanwhile hits all alike; then once more with guest
instructions and IOTLB flushes counted instead of time.  Those that say
themselves that they are counted have no rounds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lab import header, paths
from lab.build import Parts
from lab.runner import Runner
from lab.session import Narrator, Result
from lab.ui import LabError, say

from . import where
from .results import Run

# QEMU's names of all descriptors that flush VT-d's IOTLB.
FLUSHES = ("vtd_inv_desc_iotlb*",)


def configurations(wanted: Sequence[str]) -> list[header.Scenario]:
    """What is to run: words are the scripts' names and their variants."""
    found = header.load_all(paths.BENCH)
    for known in ({s.name for s in found}, {s.variant for s in found}):
        some = known.intersection(wanted)
        wanted = [word for word in wanted if word not in known]
        if some:
            found = [s for s in found if some & {s.name, s.variant}]
    if wanted:
        raise LabError(f"no configuration '{wanted[0]}'; there are " + " ".join(
            sorted({word for s in header.load_all(paths.BENCH)
                    for word in (s.name, s.variant)})))
    return found


def measure(parts: Parts, run_dir: Path, narrator: Narrator,
            scenarios: list[header.Scenario],
            rounds: int) -> tuple[list[Run], list[Result]]:
    """All runs: (the results that count, why the others do not)."""
    counted = [dataclasses.replace(scenario, counted=True, trace=FLUSHES)
               for scenario in scenarios]
    timed = [dataclasses.replace(scenario, parallel=True)
             for scenario in scenarios if not scenario.counted]
    found: list[Run] = []
    failed: list[Result] = []
    for number, group in enumerate([timed] * rounds + [counted]):
        exact = number == rounds
        directory = run_dir / ("counted" if exact else f"round-{number}")
        for scenario in group:
            say(f"{directory.name}: {scenario.id}")
            driver = scenario.variant.startswith("pv-")
            result = Runner(parts, directory, narrator,
                            driver=driver).run_one(scenario)
            if result.reasons:
                failed.append(result)
                continue
            run: Run = {"config": scenario.variant, "round": number,
                        "exact": exact, "stats": result.record.stats}
            if scenario.blocks:
                run["where"] = where.places(
                    result.record, parts.xen_map(scenario.xen))
            found.append(run)
    return found, failed
