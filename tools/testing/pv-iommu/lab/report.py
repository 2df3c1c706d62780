# SPDX-License-Identifier: GPL-2.0-only
"""Directories of runs, and what is printed about them."""

import fcntl
import os
import shutil
import time
from pathlib import Path

from . import kernels
from .ui import say

KEEP_RUNS = 10


def lock_run(directory):
    """Claim a run's directory until this process ends; False if in use."""
    try:
        fd = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        os.close(fd)
        return False


def new_run_dir(cache_root):
    """A directory for this run's logs; only the newest ones are kept."""
    runs = Path(os.environ.get("PV_IOMMU_RUNS") or cache_root / "runs")
    runs.mkdir(parents=True, exist_ok=True)
    for old in sorted(runs.iterdir())[:-(KEEP_RUNS - 1)]:
        if lock_run(old):
            shutil.rmtree(old, ignore_errors=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        directory = runs / (stamp + suffix)
        try:
            directory.mkdir()
            lock_run(directory)
            return directory
        except FileExistsError:
            continue
    raise RuntimeError("no name left for a run")


def silent(scenario):
    return lambda kind, text: None


def verbose(scenario):
    """Progress of one run, in full."""
    return lambda kind, text: say(f"    [{scenario.id}] {kind}: {text}")


def narrate(scenario):
    """Progress as a story, for the demo."""
    forms = {"title": "\n{}\n", "tell": "  {}", "show": "      {}",
             "ok": "  [ok] {}", "FAIL": "  [FAILED] {}"}

    def tell(kind, text):
        if kind in forms:
            print(forms[kind].format(text), flush=True)
    return tell


def describe(result):
    """One line for a passed run, more for a failed one."""
    record = result.record
    line = f"{result.verdict}  {result.scenario.id}  {result.seconds:.0f} s"
    if result.reboots:
        line += "  (booted twice: Oops: int3)"
    if result.verdict == "skip":
        return f"{line}  {record.skipped}"
    if result.verdict == "pass":
        return f"{line}  {record.oks} steps, {record.checks} host checks"
    lines = [line]
    lines += [f"      {reason}" for reason in result.reasons[:12]]
    lines += [f"      logs: {result.directory}"]
    lines += [f"      | {text}" for text in last_lines(result)]
    return "\n".join(lines)


def last_lines(result, count=8):
    try:
        text = (result.directory / "console.log").read_text(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def save(result):
    """The verdict beside the logs, for who comes later."""
    lines = [describe(result).splitlines()[0]]
    lines += result.reasons
    lines += [f"stat {name} {value}"
              for name, value in result.record.stats.items()]
    (result.directory / "verdict").write_text("\n".join(lines) + "\n")


def spent(prepared, results):
    """One line about where the time went."""
    groups = {}
    for result in results:
        kernel = result.scenario.kernel
        name = result.scenario.name.partition("-")[0]
        if kernel != kernels.DEFAULT:
            name = f"on {kernel}"
        groups[name] = groups.get(name, 0) + result.seconds
    parts = [f"{name} {seconds / 60:.1f}" for name, seconds in
             sorted(groups.items(), key=lambda item: -item[1])]
    return (f"minutes: fetching and building {prepared / 60:.1f}, "
            + ", ".join(parts))


def summary(results):
    verdicts = [result.verdict for result in results]
    counts = {word: verdicts.count(word) for word in ("pass", "FAIL", "skip")}
    line = f"{counts['pass']} passed, {counts['FAIL']} failed"
    if counts["skip"]:
        line += f", {counts['skip']} skipped"
    return line
