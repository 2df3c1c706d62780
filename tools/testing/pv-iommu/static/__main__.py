# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m static [NAME...]: all checks, or those whose names have NAME.

One line for each check, with its findings below it, on standard output; what
is going on, on standard error.  Ends with status 1 when a check failed.
"""

import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import paths
from lab.ui import LabError, Step, say

from . import build, docs, rules, scripts, style, tree
from .check import Check
from .kernel import Tools

CHECKS = (*rules.CHECKS, *docs.CHECKS, *style.CHECKS, *scripts.CHECKS,
          *build.CHECKS)


def find(check: Check, tools: Tools, root: Path) -> list[str]:
    files = [name for name in tree.files_of(root) if check.wants(name)]
    if not files:
        return ["there is no file to look at"]
    if not check.slow:
        return check.find(tools, root, files)
    with Step(check.name):
        return check.find(tools, root, files)


def selftest(check: Check, tools: Tools, root: Path) -> list[str]:
    """Each defect that is planted is found."""
    missed: list[str] = []
    for plant in check.plants:
        path = root / plant.path
        text = path.read_text()
        path.write_text(plant.edit(text))
        found = check.find(tools, root, [plant.path])
        path.write_text(text)
        missed += [f"{check.name} does not find '{wanted}' planted in "
                   f"{plant.path}; it says: {found[:3]}"
                   for wanted in plant.expect
                   if not any(wanted in line for line in found)]
    return missed


def report(name: str, found: Sequence[str], root: Path) -> int:
    print(f"{'FAIL' if found else 'ok'} {name}")
    for line in found:
        print(f"    {line.replace(f'{root}/', '')}")
    sys.stdout.flush()
    return 1 if found else 0


def run(checks: Sequence[Check], root: Path) -> int:
    tools = Tools()
    tree.copy(paths.TREE, tree.files_of(paths.TREE), root)
    failed = 0
    missed: list[str] = []
    for check in checks:
        failed += report(check.name, find(check, tools, root), root)
    with Step("self-test: planting defects"):
        for check in checks:
            missed += selftest(check, tools, root)
    failed += report("self-test: every check finds what is planted", missed,
                     root)
    return failed


def main() -> int:
    wanted = sys.argv[1:]
    checks = [check for check in CHECKS
              if not wanted or any(name in check.name for name in wanted)]
    if not checks:
        say(f"static: no check of {', '.join(wanted)}; there are "
            f"{', '.join(check.name for check in CHECKS)}")
        return 2
    # the copies of the tree go away whoever ends this
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory() as root:
            failed = run(checks, Path(root))
    except LabError as err:
        say(f"static: {err}")
        return 2
    except KeyboardInterrupt:
        say("static: interrupted")
        return 130
    print(f"{len(checks) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
