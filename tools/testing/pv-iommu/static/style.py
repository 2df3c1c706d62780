# SPDX-License-Identifier: GPL-2.0-only
"""Checks of the sources' text with the kernel's own scripts."""

from collections.abc import Sequence
from pathlib import Path

from .check import HERE, Check, Plant, append, linted
from .cocci import coccinelle
from .kernel import Tools

DRIVER = "drivers/xen/pv-iommu/"
INTERFACE = "include/xen/interface/"
GUEST = "tools/testing/pv-iommu/guest/"
BENCH = "tools/testing/pv-iommu/bench/"
C = (".c", ".h")

# Where -> types of message that are not asked for there, see the file.
IGNORE = [line.split() for line in
          (HERE / "checkpatch-ignore").read_text().splitlines()
          if line and not line.startswith("#")]


def ignored(name: str) -> str:
    return ",".join(types for where, types in IGNORE if name.startswith(where))


def checkpatch(tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    found: list[str] = []
    groups: dict[str, list[str]] = {}
    for name in files:
        groups.setdefault(ignored(name), []).append(name)
    for types, names in groups.items():
        found += linted("checkpatch", [
            "perl", tools.scripts / "checkpatch.pl", "--no-tree", "--strict",
            "--show-types", "--terse", "--no-summary",
            *(["--ignore", types] if types else []), "-f", *names], root)
    return found


def kernel_doc(tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    return linted("kernel-doc", ["perl", tools.scripts / "kernel-doc", "-none",
                                 "-Werror", *files], root)


BAD_STYLE = """
int xpi_planted( void )
{
\treturn 0 ;
}
"""

# Only --strict minds these two.
BAD_STRICT = """
static int xpi_planted(void *p,
\tint a)
{
\treturn p == NULL;
}
"""

BAD_DOC = """
/**
 * xpi_planted() - has a parameter too many
 * @a: this one is known
 */
int xpi_planted(int a, int b);
"""

BAD_FREE = """
static void planted(struct work_struct *work)
{
\tkfree(work);
\tschedule_work(work);
}
"""

# What looks for this is written in OCaml.
BAD_ZERO = """
static int planted_zero(struct work_struct *work)
{
\treturn work == 0;
}
"""


def kernel_code(name: str) -> bool:
    return name.startswith((DRIVER, INTERFACE, GUEST)) and name.endswith(C)


# The programs in the guest are not for the kernel's semantic patches, which
# ask for functions that user space does not have.
def in_kernel(name: str) -> bool:
    return name.startswith((DRIVER, INTERFACE, GUEST + "kmod/",
                            GUEST + "kmod-bench/")) and name.endswith(C)


# All that is C but the hypervisor's, and what is beside it.
def for_checkpatch(name: str) -> bool:
    return name.startswith((DRIVER, INTERFACE, GUEST)) and \
        not name.endswith(".md") or \
        name.startswith(BENCH) and name.endswith(C)


CHECKS = (
    Check("checkpatch --strict", for_checkpatch,
          checkpatch,
          (Plant(DRIVER + "gfn.c", append(BAD_STYLE), ("ERROR:SPACING",)),
           Plant(DRIVER + "compat.c", append(BAD_STRICT),
                 ("COMPARISON_TO_NULL", "PARENTHESIS_ALIGNMENT")),
           Plant(INTERFACE + "iommu_op.h", append("#define PLANTED (1) \n"),
                 ("TRAILING_WHITESPACE",)),
           Plant(GUEST + "iommu-op.c", append(BAD_STYLE), ("SPACING",)))),
    Check("kernel-doc -Werror", kernel_code, kernel_doc,
          (Plant(DRIVER + "gfn.h", append(BAD_DOC),
                 ("'b' not described",)),)),
    Check("coccinelle", in_kernel, coccinelle,
          (Plant(DRIVER + "gfn.c", append(BAD_FREE + BAD_ZERO),
                 ("reference preceded by free",
                  "comparing pointer to 0")),), slow=True),
)
