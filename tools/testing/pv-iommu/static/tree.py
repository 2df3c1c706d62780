# SPDX-License-Identifier: GPL-2.0-only
"""Which files are ours, and copies of them."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lab.ui import output_of


def files_of(tree: Path) -> list[str]:
    """All files but what .gitignore names: as well without a .git."""
    with tempfile.TemporaryDirectory() as git:
        output_of(["git", "init", "-q", "--bare", git])
        names = output_of(["git", f"--git-dir={git}", f"--work-tree={tree}",
                           "ls-files", "--others", "--exclude-standard"],
                          cwd=tree)
    return sorted(names.splitlines())


def copy(tree: Path, files: Iterable[str], target: Path) -> None:
    """Copy files to the same places below target."""
    for name in files:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / name, path)
