# SPDX-License-Identifier: GPL-2.0-only
"""Directories of runs, and what is printed about them."""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from . import kernels
from .header import Scenario
from .session import Result, Spent
from .ui import say

KEEP_RUNS = 10


def lock_run(directory: Path) -> bool:
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


def new_run_dir(cache_root: Path) -> Path:
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


def silent(scenario: Scenario) -> Callable[[str, str], None]:
    return lambda kind, text: None


def verbose(scenario: Scenario) -> Callable[[str, str], None]:
    """Progress of one run, in full."""
    return lambda kind, text: say(f"    [{scenario.id}] {kind}: {text}")


def narrate(scenario: Scenario) -> Callable[[str, str], None]:
    """Progress as a story, for the demo."""
    forms = {"title": "\n{}\n", "tell": "  {}", "show": "      {}",
             "ok": "  [ok] {}", "FAIL": "  [FAILED] {}"}

    def tell(kind: str, text: str) -> None:
        if kind in forms:
            print(forms[kind].format(text), flush=True)
    return tell


def describe(result: Result) -> str:
    """One line for a passed run, more for a failed one."""
    record = result.record
    line = f"{result.verdict}  {result.scenario.id}  {result.seconds:.0f} s"
    if result.verdict == "skip":
        return f"{line}  {record.skipped}"
    if result.verdict == "pass":
        return f"{line}  {record.oks} steps, {record.checks} host checks"
    lines = [line]
    lines += [f"      {reason}" for reason in result.reasons[:12]]
    lines += [f"      logs: {result.directory}"]
    lines += [f"      | {text}" for text in last_lines(result)]
    return "\n".join(lines)


def last_lines(result: Result, count: int = 8) -> list[str]:
    try:
        text = (result.directory / "console.log").read_text(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def save(result: Result) -> None:
    """The verdict beside the logs, for who comes later."""
    lines = [describe(result).splitlines()[0]]
    lines += result.reasons
    lines += [f"stat {name} {value}"
              for name, value in result.record.stats.items()]
    (result.directory / "verdict").write_text("\n".join(lines) + "\n")


def write_tap(results: list[Result], path: Path) -> None:
    """The results in the Test Anything Protocol."""
    lines = ["TAP version 13", f"1..{len(results)}"]
    for number, result in enumerate(results, 1):
        word = "not ok" if result.reasons else "ok"
        line = f"{word} {number} - {result.scenario.id}"
        if result.verdict == "skip":
            line += f" # SKIP {result.record.skipped}"
        lines += [line, *(f"# {reason}" for reason in result.reasons)]
    path.write_text("\n".join(lines) + "\n")


# What XML 1.0 cannot hold, as a console may have it.
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd]")


def write_junit(results: list[Result], path: Path) -> None:
    """The results as JUnit's XML, which continuous integration reads."""
    verdicts = [result.verdict for result in results]
    suite = ElementTree.Element("testsuite", {
        "name": "xen-pv-iommu", "tests": str(len(results)),
        "failures": str(verdicts.count("FAIL")),
        "skipped": str(verdicts.count("skip")),
        "time": f"{sum(result.seconds for result in results):.1f}"})
    for result in results:
        scenario = result.scenario
        case = ElementTree.SubElement(suite, "testcase", {
            "classname": scenario.name, "time": f"{result.seconds:.1f}",
            "name": scenario.id})
        if result.reasons:
            failure = ElementTree.SubElement(
                case, "failure", {"message": clean(result.reasons[0])})
            failure.text = clean("\n".join(result.reasons))
        elif result.verdict == "skip":
            ElementTree.SubElement(case, "skipped", {
                "message": clean(result.record.skipped)})
    ElementTree.ElementTree(suite).write(path, "unicode",
                                         xml_declaration=True)


def clean(text: str) -> str:
    return NOT_XML.sub("?", text)


def spent(prepared: float, results: list[Result],
          sessions: list[Spent]) -> str:
    """A table of where the time went."""
    groups: dict[str, float] = {}
    for result in results:
        kernel = result.scenario.kernel
        name = result.scenario.name.partition("-")[0]
        if result.scenario.where == "host":
            name = "on the host"
        elif kernel != kernels.DEFAULT:
            name = f"on {kernel}"
        groups[name] = groups.get(name, 0) + result.seconds
    rows = [("fetching and building", prepared),
            (f"{len(sessions)} boots", sum(s.boot for s in sessions)),
            ("scenarios in dom0", sum(s.payload for s in sessions)),
            ("  waiting for logs", sum(s.wait for s in sessions)),
            ("powering off", sum(s.off for s in sessions))]
    rows += [(f"  of scenarios: {name}", seconds) for name, seconds in
             sorted(groups.items(), key=lambda item: -item[1])]
    return "\n".join(["minutes (two at a time, so that the sum is more):",
                      *(f"{seconds / 60:7.1f}  {name}"
                        for name, seconds in rows)])


def skips(results: list[Result]) -> list[str]:
    return [f"skipped: {result.scenario.id}: {result.record.skipped}"
            for result in results if result.verdict == "skip"]


def summary(results: list[Result]) -> str:
    """The closing line."""
    verdicts = [result.verdict for result in results]
    counts = {word: verdicts.count(word) for word in ("pass", "FAIL", "skip")}
    line = f"{counts['pass']} passed, {counts['FAIL']} failed"
    if counts["skip"]:
        line += f", {counts['skip']} skipped"
    return line
