# SPDX-License-Identifier: GPL-2.0-only
"""Checks of rules that no tool knows: licence lines, sizes, Kconfig."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from .check import Check, Plant, append
from .kernel import Tools
from .style import DRIVER, INTERFACE

XEN = "tools/testing/pv-iommu/xen/"
LIMIT = 500

# Files that cannot say which licence they are under, and why.
NO_LICENCE = re.compile(r"""
    tools/testing/pv-iommu/series/text/   # goes into messages and pages
    | .*\.(patch|diff)$                   # patches; what they change says it
    | .*\.sha256$                         # a list for sha256sum
    | debian/copyright$                   # it is what says so
    | debian/source/format$               # one word
    | LICENSES/ | \.reuse/dep5$            # the licences, and who has them
""", re.X)

COMMENTS = {".h": "/* {} */", ".rst": ".. {}", ".md": "<!-- {} -->",
            ".svg": "<!-- {} -->"}


def licence_line(name: str) -> str:
    licence = "MIT" if name.startswith(INTERFACE) else "GPL-2.0-only"
    suffix = PurePath(name).suffix
    if suffix == ".c":
        # Linux has its own way with .c
        form = "/* {} */" if name.startswith(XEN) else "// {}"
    else:
        form = COMMENTS.get(suffix, "# {}")
    # not a line of this file, as "reuse lint" would have it
    return form.format(f"SPDX-License-" f"Identifier: {licence}")


def spdx(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    found = []
    for name in files:
        lines = (root / name).read_text(errors="replace").splitlines()
        first = lines[1:2] if lines[:1] and lines[0].startswith("#!") \
            else lines[:1]
        if first != [licence_line(name)]:
            found.append(f"{name}: does not begin with {licence_line(name)}")
    return found


def sizes(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    found = []
    for name in files:
        lines = len((root / name).read_text().splitlines())
        if lines > LIMIT:
            found.append(f"{name}: {lines} lines, more than {LIMIT}")
    return found


def kconfig(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    """Four lines of help, as checkpatch wants it.

    An apostrophe in a help text makes checkpatch itself blind for all that
    follows it.
    """
    found = []
    for name in files:
        for entry in re.split(r"^config ", (root / name).read_text(),
                              flags=re.M)[1:]:
            text = entry.partition("\thelp\n")[2]
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 4:
                found.append(f"{name}: the help of {entry.split()[0]} has "
                             f"{len(lines)} lines, less than 4")
    return found


CHECKS = (
    Check("licence lines", lambda name: not NO_LICENCE.match(name), spdx,
          (Plant(INTERFACE + "iommu_op.h",
                 lambda text: text.replace("MIT", "GPL-2.0-only", 1),
                 ("iommu_op.h",)),
           Plant(DRIVER + "gfn.c",
                 lambda text: text.replace("-only", "-or-later", 1),
                 ("gfn.c",)),
           Plant(XEN + "build.sh", lambda text: text.split("\n", 2)[2],
                 ("build.sh",)))),
    Check("sizes of files",
          lambda name: name.endswith((".c", ".h", ".py", ".sh")), sizes,
          (Plant(DRIVER + "gfn.c", append("\n" * LIMIT),
                 (f"more than {LIMIT}",)),)),
    Check("Kconfig's help",
          lambda name: PurePath(name).name == "Kconfig", kconfig,
          (Plant(DRIVER + "Kconfig",
                 append("\nconfig PLANTED\n\tbool \"Planted\"\n"
                        "\thelp\n\t  Too short.\n"), ("PLANTED",)),)),
)
