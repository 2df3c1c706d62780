# SPDX-License-Identifier: GPL-2.0-only
"""Break a line of the driver or of the overlay: does a test notice?

A mutant is a file of mutants/, see the README there.  Each is applied to a
copy of the tree, and the lab of that copy runs the one scenario, or the KUnit
suites, that the mutant names.  They have to fail, for the reason that it gives,
and to pass in the tree as it is.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import header, paths
from .build import TREES
from .ui import LabError, Step, say

MUTANTS = paths.TESTING / "mutants"
TOOLS = ["ccache", "patch"]
TIMEOUT = 1500
KEYS = ("about", "caught-by", "says")
KUNIT = "kunit:"
VERDICT = re.compile(r"(pass|FAIL|skip)  (\S+)")
KUNIT_FAILED = re.compile(r"\[(FAILED|CRASHED)\]|EXPECTATION FAILED|"
                          r"ASSERTION FAILED|the kernel warned|WARNING:|BUG:")

# What mutants may have another of than the tree.
MADE = re.compile(r"driver-|xen-(ref|debug)$|.*-7\.")
# What belongs to one run, or to this cache.
NOT_SHARED = ("tmp", "runs", "logs", "bench", "coverage", "series", "ccache")


@dataclass(frozen=True)
class Mutant:
    """A patch, and the test that is to fail with it."""
    path: Path
    about: str
    caught_by: str
    says: str

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class Run:
    """How a command of the lab ended, and what it printed."""
    code: int
    output: str


def parse(path: Path) -> Mutant:
    """Read the header, lines "# KEY: VALUE" above the patch."""
    fields = {}
    for line in path.read_text().splitlines():
        key, colon, value = line.removeprefix("# ").partition(":")
        if not line.startswith("#"):
            break
        if not colon or key not in KEYS or not value.strip():
            raise LabError(f"{path.name}: cannot use the line '{line}'")
        fields[key] = value.strip()
    if tuple(sorted(fields)) != KEYS:
        raise LabError(f"{path.name}: wants a line for each of: "
                       f"{', '.join(KEYS)}")
    try:
        re.compile(fields["says"])
    except re.error as err:
        raise LabError(f"{path.name}: says: {err}") from err
    return Mutant(path, fields["about"], fields["caught-by"], fields["says"])


def load(names: Iterable[str] = (), directory: Path = MUTANTS) -> list[Mutant]:
    """Those with these names, or all."""
    known = {path.stem: path for path in sorted(directory.glob("*.patch"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LabError(f"no mutant '{unknown[0]}'; there are: "
                       f"{' '.join(known)}")
    return [parse(known[name]) for name in list(names) or known]


def exists(test: str) -> bool:
    """Is there one such scenario?  Which suites there are the kernel knows."""
    if test.startswith(KUNIT):
        return True
    try:
        return [scenario.id for scenario in
                header.select(header.load_all(), [test])] == [test]
    except LabError:
        return False


def command_of(test: str) -> list[str]:
    """What the lab is told, to run what is to fail."""
    if test.startswith(KUNIT):
        return ["kunit", *test.removeprefix(KUNIT).split()]
    return ["check", test]


def failures(test: str, output: str) -> list[str]:
    """What a run said about the failure of a test."""
    lines = output.splitlines()
    if test.startswith(KUNIT):
        return [line for line in lines if KUNIT_FAILED.search(line)]
    found, inside = [], False
    for line in lines:
        verdict = VERDICT.match(line)
        if verdict:
            inside = verdict[1] == "FAIL" and verdict[2] == test
        elif inside and line.strip().startswith("logs:"):
            inside = False
        elif inside:
            found.append(line.strip())
    return found


def fault_of(mutant: Mutant, run: Run) -> str:
    """Why a mutant is not caught; empty when it is."""
    said = failures(mutant.caught_by, run.output)
    if not run.code:
        return "it survived"
    if not said:
        last = run.output.strip().splitlines()[-1:]
        return f"no verdict, exit code {run.code}: {''.join(last)}"
    if not any(re.search(mutant.says, line) for line in said):
        return f"failed for another reason: {said[0]}"
    return ""


def passing(tests: Iterable[str], run: Run) -> set[str]:
    """The scenarios of a run that passed."""
    found = [VERDICT.match(line) for line in run.output.splitlines()]
    passed = {match[2] for match in found if match and match[1] == "pass"}
    return passed & set(tests)


def lab(tree: Path, arguments: list[str], log: Path,
        env: dict[str, str]) -> Run:
    """The lab of a tree: its output goes to a file, and comes back."""
    testing = tree / paths.TESTING.relative_to(paths.TREE)
    env = {**os.environ, **env, "PYTHONPATH": str(testing),
           "PYTHONDONTWRITEBYTECODE": "1"}
    with open(log, "wb") as out, subprocess.Popen(
            ["python3", "-m", "lab", *arguments], cwd=tree, env=env,
            stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL) as process:
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            process.terminate()
    return Run(code, log.read_text(errors="replace"))


def patch(mutant: Mutant, tree: Path) -> None:
    """Apply a mutant where exactly its context is."""
    done = subprocess.run(
        ["patch", "-d", str(tree), "-p1", "-F0", "--batch", "--forward",
         "--no-backup-if-mismatch", "-i", str(mutant.path)],
        capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{mutant.path.name} does not apply: "
                       f"{done.stdout.strip()}")


def mutate(mutant: Mutant, target: Path) -> None:
    """Make a copy of the tree that differs by the mutation only."""
    shutil.copytree(paths.TREE, target, symlinks=True,
                    ignore=shutil.ignore_patterns(".git", "__pycache__"))
    patch(mutant, target)


def share(kind: Path, target: Path) -> None:
    """Have what a cache has of one kind in another."""
    if not MADE.match(kind.name):
        target.symlink_to(kind)
        return
    target.mkdir()
    for entry in kind.iterdir():
        if entry.is_dir():
            (target / entry.name).symlink_to(entry)


@contextmanager
def private_cache(root: Path) -> Iterator[Path]:
    """A cache for what is made of a mutant; it goes with it.

    In the tree's own it would push out what is good.
    """
    (root / "tmp").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants-",
                                     dir=root / "tmp") as name:
        for kind in root.iterdir():
            if kind.is_dir() and kind.name not in NOT_SHARED:
                share(kind, Path(name, kind.name))
        yield Path(name)


class Trial:
    """One run of "make mutants"."""

    def __init__(self, root: Path, logs: Path, trees: Path):
        self.root = root
        self.logs = logs
        # All but one of the files are there from the mutant before; the first
        # time those of Xen may be in ccache.
        self.env = {"CCACHE_DIR": str(root / "ccache"),
                    "CCACHE_NOHASHDIR": "1", "CCACHE_MAXSIZE": "2G",
                    "PATH": f"/usr/lib/ccache:{os.environ['PATH']}"}
        self.trees = {TREES: str(trees)}

    def baseline(self, tests: Iterable[str]) -> set[str]:
        """Which of the tests pass in the tree as it is."""
        tests = {test for test in tests if exists(test)}
        scenarios = sorted(test for test in tests
                           if not test.startswith(KUNIT))
        env = {**self.env, "PV_IOMMU_RUNS": str(self.logs / "unchanged")}
        sound = set()
        if scenarios:
            with Step(f"{len(scenarios)} scenarios, unchanged"):
                run = lab(paths.TREE, ["check", *scenarios],
                          self.logs / "unchanged.log", env)
            sound = passing(scenarios, run)
        for number, test in enumerate(sorted(tests - set(scenarios))):
            with Step(f"{test}, unchanged"):
                run = lab(paths.TREE, command_of(test),
                          self.logs / f"unchanged-kunit-{number}.log", env)
            if not run.code:
                sound.add(test)
        return sound

    def fault(self, mutant: Mutant) -> str:
        """Run one mutant: why it was not caught, or nothing."""
        log = self.logs / f"{mutant.name}.log"
        with tempfile.TemporaryDirectory(prefix="mutant-") as work, \
                private_cache(self.root) as cache, \
                Step(f"{mutant.name}: {mutant.about}", f"log: {log}"):
            tree = Path(work, "tree")
            try:
                mutate(mutant, tree)
            except LabError as err:
                return str(err)
            run = lab(tree, command_of(mutant.caught_by), log,
                      {**self.env, **self.trees, "PV_IOMMU_CACHE": str(cache),
                       "PV_IOMMU_RUNS": str(self.logs / mutant.name)})
        return fault_of(mutant, run)


def run_all(root: Path, logs: Path, names: Iterable[str]) -> int:
    """Run mutants; how many were not caught."""
    mutants = load(names)
    say(f"logs of this run: {logs}")
    with tempfile.TemporaryDirectory(prefix="trees-") as trees:
        return run_each(Trial(root, logs, Path(trees)), mutants)


def run_each(trial: Trial, mutants: list[Mutant]) -> int:
    sound = trial.baseline(mutant.caught_by for mutant in mutants)
    width = max(len(mutant.name) for mutant in mutants)
    rows = []
    for mutant in mutants:
        began = time.monotonic()
        if mutant.caught_by in sound:
            fault = trial.fault(mutant)
        elif exists(mutant.caught_by):
            fault = "this does not pass in the tree as it is, either"
        else:
            fault = "there is no such scenario"
        seconds = time.monotonic() - began
        say(f"  {mutant.name}: {fault or 'caught'}")
        rows.append(f"{'FAIL' if fault else 'pass'}  {mutant.name:{width}}  "
                    f"{seconds:4.0f} s  {mutant.caught_by}"
                    + (f": {fault}" if fault else ""))
    failed = sum(row.startswith("FAIL") for row in rows)
    print("\n".join(rows))
    print(f"{len(rows) - failed} passed, {failed} failed")
    return failed
