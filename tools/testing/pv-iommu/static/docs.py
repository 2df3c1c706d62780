# SPDX-License-Identifier: GPL-2.0-only
"""Checks of the documentation, and of licences as a whole."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import htmldocs

from .check import Check, Plant, append, output
from .kernel import Tools
from .style import INTERFACE


def sphinx(_tools: Tools, root: Path, _files: Sequence[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as out:
        return htmldocs.build(root, Path(out))


def reuse(_tools: Tools, root: Path, _files: Sequence[str]) -> list[str]:
    code, out, err = output(["reuse", "--root", root, "lint"], root)
    # the copy is a tree without git
    found = [line for line in err.splitlines()
             if "WARNING - could not find supported VCS" not in line]
    return found + (out.splitlines() if code else [])


CHECKS = (
    Check("sphinx", lambda name: name.endswith(".rst"), sphinx,
          (Plant("Documentation/pv-iommu/abi.rst",
                 append("\nSee `no such section`_.\n"),
                 ("no such section",)),)),
    Check("reuse lint", lambda name: name.startswith("LICENSES/"), reuse,
          (Plant(INTERFACE + "iommu_op.h",
                 lambda text: text.replace("MIT", "X11", 1), ("X11",)),)),
)
