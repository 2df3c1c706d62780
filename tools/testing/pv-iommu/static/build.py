# SPDX-License-Identifier: GPL-2.0-only
"""Checks of the compiler and of sparse: kernel modules with W=1 C=2."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import tree
from .check import Check, Find, Plant, append, output
from .kernel import HEADERS, Tools
from .style import DRIVER, GUEST, INTERFACE

KMOD = GUEST + "kmod/"
KMOD_BENCH = GUEST + "kmod-bench/"
KUNIT = DRIVER + "kunit/"

# BTF needs a vmlinux, which Debian's headers of 6.1 do not have.
HARMLESS = re.compile(r"^(make\[?|  [A-Z]|Skipping BTF generation)")
BAD = re.compile(r"\b(warning|error)\b", re.I)


def kbuild(headers: Path, root: Path, where: str, targets: Sequence[str],
           made: Sequence[str], *args: str) -> list[str]:
    """The findings of one run of the kernel's make in a directory of root."""
    _, out, err = output(["make", "-k", "-C", headers, f"M={root / where}",
                          "W=1", "C=2", "CF=-D__CHECK_ENDIAN__",
                          f"PVIOMMU_ROOT={root}", "CONFIG_XEN_PV_IOMMU=m",
                          *args, *targets], root)
    lines = (out + err).replace(f"{root}/", "").splitlines()
    return [line for line in lines
            if BAD.search(line) and not HARMLESS.match(line)] + \
           [f"error: there is no {name}" for name in made
            if not (root / where / name).exists()]


def objects(files: Sequence[str], where: str) -> list[str]:
    """Targets for the C files in a directory."""
    return [f"{Path(name).stem}.o" for name in files
            if f"{Path(name).parent}/" == where and name.endswith(".c")]


def modules(headers: Path, root: Path, where: str, files: Sequence[str],
            makefile: str, made: Sequence[str]) -> list[str]:
    """All of it; the self-test has no use for more than its object."""
    if where + makefile in files:
        return kbuild(headers, root, where, ["modules"], made)
    targets = objects(files, where)
    return kbuild(headers, root, where, targets, targets) if targets else []


def kunit(headers: Path, root: Path, files: Sequence[str]) -> list[str]:
    """Debian's kernels are without KUnit, but 6.12's headers know it.

    That is enough for objects, which nobody will link.
    """
    targets = [f"kunit/{name}" for name in objects(files, KUNIT)]
    if not targets:
        return []
    return kbuild(headers, root, DRIVER, targets, targets,
                  f"KCFLAGS=-DCONFIG_KUNIT=1 -I{root}/include",
                  "CONFIG_XEN_PV_IOMMU_KUNIT_TEST=y")


def build(release: str) -> Find:
    """A find() that builds for one kernel."""
    def find(tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
        headers = tools.headers[release]
        with tempfile.TemporaryDirectory() as name:
            # a place of its own: no object of another kernel is there
            tmp = Path(name)
            tree.copy(root, [file for file in tree.files_of(root)
                             if file.startswith((DRIVER, INTERFACE, GUEST))],
                      tmp)
            found = modules(headers, tmp, DRIVER, files, "Makefile",
                            ["xen-pv-iommu.ko"])
            found += modules(headers, tmp, KMOD, files, "Kbuild",
                             ["pviommu-dmatest.ko", "pviommu-balloon.ko"])
            found += modules(headers, tmp, KMOD_BENCH, files, "Kbuild",
                             ["pviommu-bench.ko"])
            if release != "6.1":
                found += kunit(headers, tmp, files)
            return found
    return find


# For W=1, sparse, and sparse's check of endianness; it compiles.
BAD_C = """
static const int planted_const = 1;
__le32 planted_endian(u32 value);
__le32 planted_endian(u32 value)
{
\treturn value;
}
void *planted_null(void);
void *planted_null(void)
{
\treturn 0;
}
"""
MESSAGES = ("-Wunused-const-variable", "different base types",
            "plain integer as NULL")


def checks() -> Iterator[Check]:
    for release in HEADERS:
        plants = [Plant(DRIVER + "gfn.c", append(BAD_C), MESSAGES),
                  Plant(KMOD + "balloon.c", append(BAD_C), MESSAGES),
                  Plant(KMOD_BENCH + "basic.c", append(BAD_C), MESSAGES)]
        if release != "6.1":
            plants.append(Plant(KUNIT + "gfn_kunit.c", append(BAD_C),
                                MESSAGES))
        yield Check(f"W=1 and sparse, Linux {release}",
                    lambda name: name.startswith((DRIVER, KMOD,
                                                  KMOD_BENCH)),
                    build(release), tuple(plants), slow=True)


CHECKS = tuple(checks())
