#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""intree.py SOURCE_TREE steps            the steps of the series, in order
intree.py SOURCE_TREE touched             files of the kernel that they change
intree.py SOURCE_TREE STEP DIRECTORY      do one step in DIRECTORY

DIRECTORY has the files of the kernel that are touched, and what the earlier
steps did there.  DATE and IDENTITY are taken from the environment.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import docs
from common import Failure, insert_before, replace_once
from compat import Compat

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[3]
DRIVER = "drivers/xen/pv-iommu"
HEADER = "include/xen/interface/iommu_op.h"
PARAMETERS = "Documentation/admin-guide/kernel-parameters.txt"

# The driver from the bottom up: what each step adds.  A new file of the driver
# has to be put somewhere here.
STEPS = {
    "dma-mapping": "",
    "interface": "",
    "hypercall": "hypercall.c hypercall.h stats.c stats.h",
    "frames": "gfn.c gfn.h shadow.c shadow.h",
    "batch": "batch.c batch.h submit.c trace.c trace.h",
    "domain": "domain.c domain.h mapping.c entries.c entries.h",
    "takeover": "takeover.c pv-iommu.h",
    "iommu": "iommu.c claim.c topology.c groups.c device.c bind.c "
             "forbid.c",
    "core": "core.c",
    "kunit": "",
    "doc": "",
}

TOUCHED = """
MAINTAINERS drivers/xen/Kconfig drivers/xen/Makefile
include/linux/dma-map-ops.h kernel/dma/mapping.c
Documentation/admin-guide/index.rst Documentation/driver-api/index.rst
""".split() + [PARAMETERS]

# Of the driver's directory; everything else there is left by builds.
SOURCE = re.compile(r"(?!.*\.mod\.c$)(.*\.[chS]|Kconfig|Makefile|Kbuild|"
                    r"\.kunitconfig|.*\.config)$")


def fragment(name: str) -> str:
    return (HERE / "text" / name).read_text()


def sources() -> set[str]:
    """Names below the driver's directory, without the compat layer."""
    top = PROJECT / DRIVER
    names = {str(path.relative_to(top)) for path in top.rglob("*")
             if path.is_file() and SOURCE.match(path.name)}
    return {name for name in names if not name.startswith("compat")}


def kunit_files() -> set[str]:
    names = {name for name in sources() if name.startswith("kunit/")}
    return names if "kunit/Makefile" in names else set()


def steps() -> list[str]:
    return [step for step in STEPS if step != "kunit" or kunit_files()]


def check_all_assigned() -> None:
    assigned = {name for names in STEPS.values() for name in names.split()}
    there = {name for name in sources() if not name.startswith("kunit/")}
    for name in sorted(there - assigned - {"Kconfig", "Makefile"}):
        raise Failure(f"{DRIVER}/{name}: in which patch? See STEPS in "
                      "series/intree.py")
    for name in sorted(assigned - there):
        raise Failure(f"{DRIVER}/{name} is gone, but STEPS in "
                      "series/intree.py has it")


def present(upto: str) -> set[str]:
    """The driver's files after a step."""
    names: set[str] = set()
    for step in steps():
        if step == "kunit":
            names |= kunit_files()
        else:
            names |= set(STEPS[step].split())
        if step == upto:
            return names
    raise Failure(f"no step '{upto}'; there are {' '.join(STEPS)}")


def makefile(step: str) -> str:
    """The driver's Makefile, with the objects that there are."""
    there = present(step)
    text = (PROJECT / DRIVER / "Makefile").read_text()
    text = re.sub(r"^ifdef KBUILD_EXTMOD\n.*?^endif\n", "", text,
                  flags=re.S | re.M)
    out: list[str] = []
    for block in text.split("\n\n"):
        lines: list[str] = []
        for line in block.split("\n"):
            objects = re.match(r"(xen-pv-iommu-y) [:+]= (.*)", line)
            flags = re.match(r"CFLAGS_(\w+)\.o", line)
            if objects:
                line = " ".join(name for name in objects[2].split()
                                if name[:-2] + ".c" in there)
                if not line:
                    continue
                started = any("xen-pv-iommu-y" in done
                              for done in out + lines)
                line = f"{objects[1]} {'+=' if started else ':='} {line}"
            elif flags and flags[1] + ".c" not in there:
                lines = []      # with the comment above it
                continue
            elif "kunit/" in line and "kunit/Makefile" not in there:
                continue
            lines.append(line)
        if any(lines):
            out.append("\n".join(lines))
    return "\n\n".join(out).rstrip("\n") + "\n"


def kconfig(step: str) -> str:
    """The driver's Kconfig; until it is complete, for compile tests only."""
    text = (PROJECT / DRIVER / "Kconfig").read_text()
    entries = re.split(r"^(?=config )", text, flags=re.M)
    kept = [entries[0]]
    complete = "core.c" in present(step)
    for entry in entries[1:]:
        name = entry.split()[1]
        if name == "XEN_PV_IOMMU":
            if not complete:
                entry = replace_once(entry, re.compile(
                    r'^\ttristate (".*")$', re.M),
                    r"\tbool \1 if COMPILE_TEST", "Kconfig")
        elif "KUNIT" in name:
            if "kunit/Makefile" not in present(step):
                continue
        elif not complete:
            continue
        kept.append(entry)
    return "".join(kept).rstrip("\n") + "\n"


class Series:
    def __init__(self, tree: Path, target: Path) -> None:
        self.tree = tree
        self.target = target
        self.compat = Compat(PROJECT / DRIVER, tree)

    def edit(self, name: str, change: Callable[[str, str], str]) -> None:
        path = self.target / name
        path.write_text(change(path.read_text(), name))

    def write(self, name: str, text: str) -> None:
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def driver_file(self, name: str) -> None:
        source = PROJECT / DRIVER / name
        text = source.read_text()
        if source.suffix in (".c", ".h"):
            text = self.compat.strip(text, f"{DRIVER}/{name}")
        self.write(f"{DRIVER}/{name}", text)

    def do(self, step: str) -> None:
        check_all_assigned()
        special = {"dma-mapping": self.dma_mapping,
                   "interface": self.interface, "doc": self.doc}
        if step in special:
            special[step]()
            return
        if step == "hypercall":
            self.hook()
        names = kunit_files() if step == "kunit" else STEPS[step].split()
        for name in sorted(names):
            self.driver_file(name)
        self.write(f"{DRIVER}/Makefile", makefile(step))
        self.write(f"{DRIVER}/Kconfig", kconfig(step))
        if step == "core":
            self.edit(PARAMETERS, lambda text, name: insert_before(
                text, "\txen_scrub_pages=", fragment("kernel-parameters"),
                name))

    def dma_mapping(self) -> None:
        diff = HERE / "kernel/dma-mapping.diff"
        done = subprocess.run(["git", "apply", str(diff)], cwd=self.target,
                              check=False, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"{diff.name} does not apply to {self.tree}: "
                          f"{done.stderr.strip()}")

    def interface(self) -> None:
        (self.target / HEADER).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / HEADER, self.target / HEADER)
        entry = fragment("maintainers").replace("@IDENTITY@",
                                                os.environ["IDENTITY"])
        self.edit("MAINTAINERS", lambda text, name: insert_before(
            text, "XEN PVSCSI DRIVERS\n", entry, name))

    def hook(self) -> None:
        self.edit("drivers/xen/Kconfig", lambda text, name: replace_once(
            text, re.compile(r"\nendmenu\n\Z"),
            f'\nsource "{DRIVER}/Kconfig"\n\nendmenu\n', name))
        self.edit("drivers/xen/Makefile", lambda text, name: insert_before(
            text, "obj-$(CONFIG_XEN_PRIVCMD)",
            "obj-$(CONFIG_XEN_PV_IOMMU)\t\t+= pv-iommu/\n", name))

    def doc(self) -> None:
        source = PROJECT / "Documentation/pv-iommu"
        stats = (PROJECT / DRIVER / "stats.c").read_text()
        pages = docs.all_pages(source, fragment, stats, bool(kunit_files()),
                               self.next_version(), os.environ["DATE"])
        for name, text in pages.items():
            self.write(name, text)
        self.edit("Documentation/admin-guide/index.rst",
                  lambda text, name: replace_once(
                      text, "   video-output\n",
                      "   video-output\n   xen-pv-iommu\n", name))
        self.edit("Documentation/driver-api/index.rst",
                  lambda text, name: insert_before(
                      text, "   xilinx/index\n", "   xen-pv-iommu/index\n",
                      name))

    def next_version(self) -> str:
        text = (self.tree / "Makefile").read_text()
        found = dict(re.findall(r"^(VERSION|PATCHLEVEL) = (\d+)$", text, re.M))
        return f"{found['VERSION']}.{int(found['PATCHLEVEL']) + 1}"


def main(argv: list[str]) -> None:
    if len(argv) == 3 and argv[2] == "steps":
        print("\n".join(steps()))
    elif len(argv) == 3 and argv[2] == "touched":
        print("\n".join(TOUCHED))
    elif len(argv) == 4:
        Series(Path(argv[1]), Path(argv[3])).do(argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except Failure as err:
        sys.exit(f"make-series.sh: {err}.")
