# SPDX-License-Identifier: GPL-2.0-only
"""What of the driver was run: gcov's counters of many boots, merged.

Dom0 sends the counters of its kernel when a scenario ends.  Those of boots of
one kernel are added with gcov-tool, those of different kernels by source line.

The kernels that count are self-built ones of 7.2, with the patch series.  So
what is not in that is not measured: compat.c and compat*.h, the branches of
#if for 6.1 and 6.12, and with them the paths that only these kernels take.
Debian's kernels cannot count.
"""

import json
import shutil
import tempfile
import textwrap
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths
from .build import Parts
from .ui import LabError, output_of

if TYPE_CHECKING:
    from .session import Result

# Of lines by number: how often they and each of their branches were run.
Lines = dict[int, tuple[int, list[int]]]
Files = dict[str, Lines]

# (file, text of the line) -> why no test gets there.
Reasons = dict[tuple[str, str], str]

# Line of driver source -> why no test gets there.
REASONS = paths.TESTING / "coverage-reasons"

# The branches in it are those of the kernel's TRACE_EVENT().
NOT_OURS = ("trace.h",)

# Less than this, in percent, is a failure.
LINES = 95
BRANCHES = 85

NOT_MEASURED = """\
Not measured: compat.c and what else only Linux 6.1 and 6.12 need, as the
kernels that count are of 7.2; trace.h; the tests in kunit/."""


def save(directory: Path, files: dict[str, bytes]) -> None:
    """The counters that dom0 sent: name -> content."""
    target = directory / "gcov"
    target.mkdir()
    for name, data in files.items():
        (target / name).write_bytes(data)


def merge(directories: Sequence[Path], work: Path) -> Path:
    """Add up counters of one kernel; the directory with the sums."""
    total = directories[0]
    for number, directory in enumerate(directories[1:]):
        target = work / f"sum-{number}"
        output_of(["gcov-tool", "merge", "-o", str(target), str(total),
                   str(directory)])
        total = target
    return total


def lines_of(kernel: Path, counters: Path, work: Path) -> Files:
    """What the counters of one kernel say."""
    objects = work / "objects"
    shutil.copytree(kernel / "gcov", objects)
    for path in counters.glob("*.gcda"):
        shutil.copy(path, objects)
    found: Files = {}
    for note in sorted(objects.glob("*.gcno")):
        text = output_of(["gcov", "--json-format", "--stdout",
                          "--branch-probabilities", note.name], cwd=objects)
        for file in json.loads(text)["files"]:
            name = Path(file["file"]).name
            if name in NOT_OURS or not (objects / name).exists():
                continue        # or of the kernel's own headers
            lines = found.setdefault(name, {})
            for line in file["lines"]:
                count, branches = lines.get(line["line_number"], (0, []))
                more = [branch["count"] for branch in line["branches"]]
                lines[line["line_number"]] = (count + line["count"],
                                              branches + more)
    return found


def union(one: Files, other: Files) -> Files:
    """Two kernels' results, of the same sources; a branch is one of both if
    the compiler made as many of them."""
    merged: Files = {}
    for name in set(one) | set(other):
        a, b = one.get(name, {}), other.get(name, {})
        merged[name] = {}
        for number in set(a) | set(b):
            count_a, branches_a = a.get(number, (0, []))
            count_b, branches_b = b.get(number, (0, []))
            if len(branches_a) == len(branches_b):
                branches = [x + y for x, y in zip(branches_a, branches_b)]
            else:
                branches = max(branches_a, branches_b, key=len)
            merged[name][number] = (count_a + count_b, branches)
    return merged


def reasons() -> Reasons:
    """See the file."""
    known = {}
    why = ""
    for line in REASONS.read_text().splitlines():
        if line.startswith("# ") or not line.strip():
            continue
        if not line.startswith("\t"):
            why = line
        else:
            name, _, text = line.strip().partition(": ")
            known[name, text] = why
    return known


def measure(parts: Parts, kernels: Iterable[str],
            results: Sequence["Result"]) -> tuple[Files, Path]:
    """(what was run, directory with the sources)."""
    found: Files = {}
    sources = None
    for name in kernels:
        directories = [result.directory / "gcov" for result in results
                       if result.scenario.kernel == name
                       and result.record.counters]
        if not directories:
            continue
        kernel = parts.kernel(name).entry()
        with tempfile.TemporaryDirectory() as work:
            counters = merge(directories, Path(work))
            found = union(found, lines_of(kernel, counters, Path(work)))
        sources = kernel / "gcov"
    if not sources:
        raise LabError("no counters came: nothing was measured")
    return found, sources


def branches_missing(lines: Lines) -> list[str]:
    """Of one file: "LINE" or "LINEx2" for branches that were never taken, of
    lines that were run."""
    found = []
    for number in sorted(lines):
        count, branches = lines[number]
        never = branches.count(0) if count else 0
        if never:
            found.append(f"{number}x{never}" if never > 1 else str(number))
    return found


def totals(lines: Lines) -> tuple[int, int, int, int]:
    """Of one file: lines run, lines, branches taken, branches."""
    branches = [taken for _, each in lines.values() for taken in each]
    return (sum(1 for run, _ in lines.values() if run), len(lines),
            sum(1 for taken in branches if taken), len(branches))


def verdict(sums: Sequence[int], unexplained: Collection[str],
            stale: Collection[str] = ()) -> list[str]:
    """Why that is not enough; empty when it is.  unexplained: lines that are
    not run and have no reason; stale: reasons for lines that there are not."""
    found = []
    for what, (some, each), least in (("lines", sums[:2], LINES),
                                      ("branches", sums[2:], BRANCHES)):
        percent = 100 * some / each
        if percent < least:
            found.append(f"{percent:.1f}% of the {what}: {least}% is wanted")
    if unexplained:
        found.append(f"no reason in {REASONS.name} for {len(unexplained)} "
                     f"lines that are not run: {', '.join(unexplained)}")
    if stale:
        found.append(f"{REASONS.name} has lines that the driver has not: "
                     f"{', '.join(stale)}")
    return found


def report_file(name: str, lines: Lines, text: Sequence[str],
                known: Reasons) -> list[str]:
    """Print what is missing in a file; the lines that have no reason."""
    why = {number: known.get((name, text[number - 1])) for number in lines
           if not lines[number][0]}
    counts = totals(lines)
    print(f"{name}: {counts[0]} of {counts[1]} lines, "
          f"{counts[2]} of {counts[3]} branches")
    for number, reason in sorted(why.items()):
        print(f"    {number}: {text[number - 1]}\n        "
              f"({reason or 'no reason known'})")
    if branches := branches_missing(lines):
        print(textwrap.fill("branches never taken: " + " ".join(branches), 79,
                            initial_indent="    ",
                            subsequent_indent="        "))
    return [f"{name}:{number}" for number in sorted(why) if not why[number]]


def report(parts: Parts, kernels: Iterable[str],
           results: Sequence["Result"]) -> bool:
    """Print what is missing, per file, then the sums, and why they are not
    enough; True when they are."""
    found, sources = measure(parts, kernels, results)
    known = reasons()
    sums = [0] * 4
    unexplained: list[str] = []
    stale = set(known)
    for name, lines in sorted(found.items()):
        text = [line.strip() for line in
                (sources / name).read_text().splitlines()]
        unexplained += report_file(name, lines, text, known)
        stale -= {(name, line) for line in text}
        sums = [a + b for a, b in zip(sums, totals(lines))]
    print(NOT_MEASURED)
    failed = verdict(sums, unexplained, sorted(map(": ".join, stale)))
    for line in failed:
        print(f"FAIL: {line}")
    print(f"lines {100 * sums[0] / sums[1]:.1f}% "
          f"branches {100 * sums[2] / sums[3]:.1f}%")
    return not failed
