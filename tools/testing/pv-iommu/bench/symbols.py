# SPDX-License-Identifier: GPL-2.0-only
"""Whose an instruction is, and which function's, by its address."""

import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

LINUX, DRIVER, BENCH = "Linux", "driver", "benchmark"
XEN, PROGRAMS = "Xen", "programs"

# What a module of Linux is shown as; others are a part of Linux.
MODULES = {"xen_pv_iommu": DRIVER, "pviommu_bench": BENCH}

TEXT = "tw"

# Of the upper half of all addresses the hypervisor has what Linux leaves to it.
UPPER, XEN_BEGIN, XEN_END = 1 << 63, 0xffff800000000000, 0xffff880000000000


@dataclass(frozen=True, order=True)
class Function:
    """Two that have the same name are still two."""
    address: int
    part: str
    name: str


def words(text: str) -> Iterator[list[str]]:
    """Lines "ADDRESS TYPE NAME...", as both lists have them."""
    for line in text.splitlines():
        found = line.split()
        if len(found) >= 3:
            yield found


# How names end that say where functions begin and end, and are none.
LABELS = ("_start", "_end", "text")


def plain(name: str) -> tuple[bool, int, int, str]:
    """Of several names of one address the least is shown."""
    return (name.endswith(LABELS), len(name) - len(name.lstrip("_")),
            len(name), name)


class Symbols:
    """linux: what /proc/kallsyms had; xen: the map of the build."""

    def __init__(self, linux: str, xen: str = "") -> None:
        found: dict[int, Function] = {}
        for address, kind, name, *module in words(linux):
            part = MODULES.get(module[0].strip("[]"), LINUX) if module \
                else LINUX
            self._add(found, Function(int(address, 16), part, name), kind)
        for address, kind, name, *_ in words(xen):
            # a static function's has its file's before it, as Xen calls it
            name = name.rpartition("/")[2]
            self._add(found, Function(int(address, 16), XEN, name), kind)
        self.functions = [found[address] for address in sorted(found)]
        self.addresses = [each.address for each in self.functions]

    @staticmethod
    def _add(found: dict[int, Function], new: Function, kind: str) -> None:
        """What is no function ends the one before it."""
        if kind.lower() not in TEXT:
            new = Function(new.address, new.part, "")
        old = found.get(new.address)
        if not old or not old.name or \
                (new.name and plain(new.name) < plain(old.name)):
            found[new.address] = new

    def of(self, address: int) -> Function:
        if address < UPPER:
            return Function(0, PROGRAMS, PROGRAMS)
        xen = XEN_BEGIN <= address < XEN_END
        index = bisect.bisect(self.addresses, address) - 1
        found = self.functions[index] if index >= 0 else None
        if found and found.name and (found.part == XEN) == xen:
            return found
        page = address >> 12 << 12
        return Function(page, XEN if xen else LINUX, f"page {page:#x}")

    def by_function(self, blocks: Counter[int]) -> Counter[Function]:
        """A block ends where the function does, or before."""
        found: Counter[Function] = Counter()
        for address, executed in blocks.items():
            found[self.of(address)] += executed
        return found
