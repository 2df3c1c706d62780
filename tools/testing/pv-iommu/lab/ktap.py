# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel's KUnit run says: did all tests of the sources run and pass?

The kernel's own parser reads the KTAP.  Which suites and tests there have to
be, the sources of the tests say; which may be skipped, and why, says the file
"skips" beside kunit/run.sh.

    python3 -m lab.ktap [--status N] [--only GLOB] xen|bare TREE CONSOLE

judges a console for kunit/run.sh.
"""

import argparse
import fnmatch
import importlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Optional

from . import judge, paths

SOURCES = paths.DRIVER / "kunit"
SKIPS = paths.KUNIT / "skips"

# What the tests provoke the driver to say.
PROVOKED = [r"xen-pv-iommu: ", r"this device cannot do DMA|it is not trusted, ",
            # of the core, when the hypervisor has no context for a domain
            r"Failed to allocate default IOMMU domain",
            # and the sums of the suites, as in "# xpi-iommu: pass:1 fail:0"
            r"# [-\w]+: pass:"]

CASE = re.compile(r"\bKUNIT_CASE(?:_[A-Z_]+)?\(\s*(\w+)")
SUITE = re.compile(r"struct kunit_suite \w+ = \{[^}]*?"
                   r"\.name = \"([^\"]+)\"", re.DOTALL)
# How much of a long list of complaints goes over the channel.
SHOWN = 12


@dataclass(frozen=True)
class Skip:
    """A line of the file of skips."""
    where: str
    test: str
    reason: str

    def covers(self, where: str, test: str, reason: str) -> bool:
        return (where == self.where and fnmatch.fnmatchcase(test, self.test)
                and re.search(self.reason, reason) is not None)


@dataclass
class Outcome:
    """Of tests, each parameter of one being one, and what is wrong."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        # What is missing or was said counts as well.
        failed = max(self.failed, len(self.problems))
        return (f"{self.passed} passed, {failed} failed, "
                f"{self.skipped} skipped")


def in_sources(directory: Path = SOURCES) -> dict[str, list[str]]:
    """suite -> its tests, as the sources have them; a suite a file."""
    suites: dict[str, list[str]] = {}
    for path in sorted(directory.glob("*_kunit.c")):
        text = path.read_text()
        names = SUITE.findall(text)
        cases = CASE.findall(text)
        if len(names) != 1 or not cases or names[0] in suites:
            raise ValueError(f"{path}: not one suite with tests: {names}")
        suites[names[0]] = cases
    return suites


def read_skips(path: Path = SKIPS) -> list[Skip]:
    """Lines "WHERE TEST REASON"; REASON is a regular expression."""
    lines = [line.split(None, 2) for line in path.read_text().splitlines()
             if line and not line.startswith("#")]
    return [Skip(*line) for line in lines]


def parse(lines: list[str], tree: Path) -> Any:
    """The kernel's parser on the console; its Test with subtests."""
    directory = str(tree / "tools/testing/kunit")
    sys.path.insert(0, directory)
    try:
        parser = importlib.import_module("kunit_parser")
        printer = importlib.import_module("kunit_printer")
    finally:
        sys.path.remove(directory)
        for name in ("kunit_parser", "kunit_printer"):
            sys.modules.pop(name, None)
    return parser.parse_run_tests(lines, printer.null_printer)


def leaves(test: Any, name: str) -> Iterator[tuple[str, Any]]:
    """(SUITE.TEST[.PARAMETER], result) of all that has no subtests."""
    if not test.subtests:
        yield name, test
    for sub in test.subtests:
        yield from leaves(sub, f"{name}.{sub.name}")


def missing(suites: dict[str, Any], wanted: dict[str, list[str]],
            only: str) -> list[str]:
    """Suites and tests that are in the sources and not in the results."""
    suite_glob, _, case_glob = (only or "*").partition(".")
    found = []
    for suite, cases in wanted.items():
        if not fnmatch.fnmatchcase(suite, suite_glob):
            continue
        ran = {test.name for test in suites[suite].subtests} \
            if suite in suites else set()
        absent = [case for case in cases if case not in ran
                  and fnmatch.fnmatchcase(case, case_glob or "*")]
        if absent and not ran:
            found.append(f"{suite} did not run")
        elif absent:
            found.append(f"{suite}: did not run: {', '.join(absent)}")
    return found


def check(lines: list[str], tree: Path, where: str, only: str = "",
          wanted: Optional[dict[str, list[str]]] = None,
          skips: Optional[list[Skip]] = None) -> Outcome:
    """Judge the lines that a kernel printed.  where: "xen" or "bare"; only:
    the filter that the kernel was given."""
    # To the parser an empty line, which a console's \r makes, ends a subtest.
    result = parse([line for line in lines if line], tree)
    suites = {test.name: test for test in result.subtests}
    skips = read_skips() if skips is None else skips
    outcome = Outcome(passed=result.counts.passed,
                      failed=result.counts.failed + result.counts.crashed,
                      skipped=result.counts.skipped)
    outcome.problems = missing(suites, wanted or in_sources(), only)
    if result.counts.errors:
        outcome.problems.append(f"{result.counts.errors} errors in the KTAP")
    for suite, test in suites.items():
        for name, leaf in leaves(test, suite):
            status = leaf.status.name
            if status == "SKIPPED":
                if not any(skip.covers(where, name, leaf.skip_reason)
                           for skip in skips):
                    outcome.problems.append(
                        f"skipped: {name}: {leaf.skip_reason}")
            elif status != "SUCCESS":
                outcome.problems.append(f"{status.lower()}: {name}")
    if not outcome.passed:
        outcome.problems.append("no test passed")
    return outcome


def verdict(console: Path, tree: Path, where: str) -> tuple[bool, str]:
    """Of a boot of dom0 that ran the tests: good, and what to say of it."""
    lines = judge.split_log(console.read_text(errors="replace"))[1]
    outcome = check(lines, tree, where)
    said = [f"KUnit: {outcome}"] + outcome.problems[:SHOWN]
    if len(outcome.problems) > SHOWN:
        said.append(f"and {len(outcome.problems) - SHOWN} more")
    return outcome.good, "; ".join(said)


def warnings(lines: list[str]) -> list[str]:
    """What a kernel must not say, with what follows it."""
    bad = judge.bad_lines(lines, judge.LINUX_FORBIDDEN, PROVOKED)
    found = []
    for line in bad:
        at = lines.index(line)
        found.append("the kernel warned:\n" + "\n".join(lines[at:at + 30]))
    return found


def main(argv: Optional[list[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="lab.ktap")
    parser.add_argument("--status", type=int, default=0,
                        help="how kunit.py ended")
    parser.add_argument("--only", default="", help="the filter it was given")
    parser.add_argument("where", choices=("xen", "bare"))
    parser.add_argument("tree", type=Path)
    parser.add_argument("console", type=Path)
    args = parser.parse_args(argv)
    lines = []
    if args.console.exists():
        lines = args.console.read_text(errors="replace").splitlines()
    outcome = check(lines, args.tree, args.where, args.only)
    outcome.problems += warnings(lines)
    if args.status and outcome.good:
        outcome.problems.append(f"kunit.py ended with {args.status}")
    for problem in outcome.problems:
        print(problem, file=sys.stderr)
    print(outcome)
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
