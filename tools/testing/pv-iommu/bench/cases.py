# SPDX-License-Identifier: GPL-2.0-only
"""What is measured, how it is called, and what it has to reach.

A case more is a line in CASES; an aim more is a line in TARGETS.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .results import Results

# In the order in which they are shown; others come after them.
CONFIGS = {
    "xen-swiotlb": "xen-swiotlb",
    "pv-strict": "PV-IOMMU strict",
    "pv-lazy": "PV-IOMMU lazy",
    "bare-strict": "bare Linux strict",
    "bare-lazy": "bare Linux lazy",
    "bare-pt": "bare Linux passthrough",
    "bare-off": "bare Linux no IOMMU",
}

# What is divided by what.
PAIRS = (("pv-lazy", "bare-lazy"), ("pv-strict", "bare-strict"),
         ("pv-lazy", "xen-swiotlb"), ("pv-strict", "xen-swiotlb"))

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
OTHER = "other"
ONCE = "once"

# The metrics that tables and plots have; the others are for the CSV.  TENTHS
# are microseconds as the kernel's own program says them, to a tenth.
TIME, TENTHS, RATES, MEMORY = "ns", "us", ("iops", "mibs"), "kib"
# The longest stretch with interrupts off, in null hypercalls.
HELD = "held"
# What counted runs have of the cases with a rate or tenths; other times are
# instructions there.
INSTRUCTIONS = "instructions"


@dataclasses.dataclass(frozen=True)
class Case:
    """metric is a time, memory or HELD (less is better), or one of RATES (more
    is better); size is what one operation moves or maps."""
    name: str
    group: str
    title: str
    metric: str = TIME
    size: int = 0

    @property
    def is_time(self) -> bool:
        return self.metric in (TIME, TENTHS)

    @property
    def is_rate(self) -> bool:
        return self.metric in RATES


CASES = (
    Case("single-4k", "DMA API", "single 4 KiB"),
    Case("single-64k", "DMA API", "single 64 KiB"),
    Case("single-1m", "DMA API", "single 1 MiB"),
    Case("sg-256", "DMA API", "list of 256 pages"),
    Case("coherent-4k", "DMA API", "coherent 4 KiB"),
    Case("coherent-64k", "DMA API", "coherent 64 KiB"),
    Case("coherent-2m", "DMA API", "coherent 2 MiB"),
    Case("threads-2", "DMA API", "single 4 KiB, 2 threads"),
    *(Case(f"{name}-{bits}", f"{bits}-bit mask", title)
      for bits in (32, 28)
      for name, title in (("single-4k", "single 4 KiB"),
                          ("single-64k", "single 64 KiB"),
                          ("single-1m", "single 1 MiB"),
                          ("sg-256", "list of 256 pages"))),
    *(Case(f"big-{name}-{run}", "large mappings", f"{title}, {pieces}",
           size=size)
      for name, title, size in (("64m", "64 MiB", 64 * MIB),
                                ("256m", "256 MiB", 256 * MIB),
                                ("1g", "1 GiB", GIB))
      for run, pieces in (("4k", "scattered"), ("4m", "in 4 MiB"))),
    *(Case(f"nvme-rand{way}-4k-qd{depth}", "NVMe",
           f"random {way} 4 KiB, QD {depth}", "iops", 4 * KIB)
      for way in ("read", "write") for depth in (1, 32)),
    *(Case(f"nvme-read-{name}-qd{depth}", "NVMe", f"read {title}, QD {depth}",
           "mibs", size)
      for name, title, size, some in (("128k", "128 KiB", 128 * KIB, 8),
                                      ("1m", "1 MiB", MIB, 4))
      for depth in (1, some, 32)),
    Case("net-receive", "network", "receive", "mibs"),
    Case("net-send", "network", "send", "mibs"),
    *(Case(f"{disk}-{name}", title, request, metric, size)
      for disk, title in (("guest", "a guest's disk"),
                          ("guest-mapped", "the same, no persistent grants"))
      for name, request, metric, size in (
          ("randread-4k-qd1", "random read 4 KiB, QD 1", "iops", 4 * KIB),
          ("randread-4k-qd32", "random read 4 KiB, QD 32", "iops", 4 * KIB),
          ("read-128k-qd8", "read 128 KiB, QD 8", "mibs", 128 * KIB),
          ("read-1m-qd4", "read 1 MiB, QD 4", "mibs", MIB))),
    Case("guest-net-receive", "a guest's network", "receive", "mibs"),
    Case("guest-net-send", "a guest's network", "send", "mibs"),
    *(Case(f"memory-1g-{run}", "the driver's tables", f"for 1 GiB, {pieces}",
           MEMORY)
      for run, pieces in (("4m", "in 4 MiB"), ("4k", "scattered"))),
    *(Case(f"held-{name}", "interrupts off", title, HELD)
      for name, title in (
          ("idle", "nothing"), ("known", "1000 null hypercalls"),
          ("single-4k", "single 4 KiB"), ("single-1m", "single 1 MiB"),
          ("sg-256", "list of 256 pages"),
          ("fresh", "64 MiB, scattered, the first time"),
          ("64m-4k", "64 MiB, scattered"), ("256m-4k", "256 MiB, scattered"),
          ("64m-4m", "64 MiB, in 4 MiB"), ("256m-4m", "256 MiB, in 4 MiB"),
          ("1g-4m", "1 GiB, in 4 MiB"), ("stress", "the stress"))),
    *(Case(f"{who}-{name}-{way}", "dma_map_benchmark", f"{way} {title}{whose}",
           metric)
      for name, title in (("single-4k", "4 KiB"), ("single-64k", "64 KiB"),
                          ("sg-256", "256 pages"))
      for way in ("map", "unmap")
      for who, whose, metric in (("kernel", "", TENTHS),
                                 ("ours", ", ours", TIME))),
    *(Case(f"kernel-threads-2-{way}", "dma_map_benchmark",
           f"{way} 4 KiB, 2 threads", TENTHS) for way in ("map", "unmap")),
    Case("load", ONCE, "loading the module"),
    Case("null-hypercall", ONCE, "null hypercall"),
    Case("idle", ONCE, "measuring itself"),
)

# Whose instructions are a unit for those of the others.
UNIT_CASE = "null-hypercall"

# What a limit may be missed by: numbers arrive with some digits only.
ROUNDING = 0.001


@dataclasses.dataclass(frozen=True)
class Target:
    """measure(results) returns the number, or None; subjects are the
    (config, case, exact) that must not fail."""
    name: str
    relation: str
    limit: float
    measure: Callable[["Results"], float | None]
    subjects: tuple[tuple[str, str, bool], ...]

    def verdict(self, results: "Results") -> tuple[float | None, str]:
        """(number or None, "met", "missed" or "not measured")."""
        if any(results.failures(*subject) for subject in self.subjects):
            return None, "missed"
        value = self.measure(results)
        if value is None:
            return None, "not measured"
        slack = self.limit * ROUNDING
        met = {"<": value < self.limit,
               "<=": value <= self.limit + slack,
               ">=": value >= self.limit - slack,
               "==": abs(value - self.limit) <= slack}[self.relation]
        return value, "met" if met else "missed"


def named(name: str) -> Case:
    return next((case for case in CASES if case.name == name),
                Case(name, OTHER, name))


def ratio(over: str, under: str, name: str, relation: str,
          limit: float) -> Target:
    """One config over another one, in one case."""
    return Target(f"{over} / {under}, {name}", relation, limit,
                  lambda results: results.ratio((over, name), (under, name)),
                  ((over, name, False),))


def work(over: str, under: str, name: str, limit: float) -> Target:
    """The same in instructions."""
    def measure(results: "Results") -> float | None:
        one = results.instructions(over, name)
        other = results.instructions(under, name)
        return one / other if one and other else None
    return Target(f"instructions, {over} / {under}, {name}", "<=", limit,
                  measure, ((over, name, True),))


def scales(config: str, one: str, many: str, limit: float) -> Target:
    """What threads gain: the time of one over the time of many."""
    return Target(f"{config}, {one} / {many}", ">=", limit,
                  lambda results: results.ratio((config, one), (config, many)),
                  ((config, one, False), (config, many, False)))


def count(config: str, name: str, metric: str, relation: str,
          limit: float) -> Target:
    """What is counted per operation, exactly."""
    return Target(f"{metric} per {config} {name}", relation, limit,
                  lambda results: results.counted(config, name, metric),
                  ((config, name, True),))


def frames(config: str, name: str, limit: float) -> Target:
    """Frames that one hypercall maps or unmaps."""
    def measure(results: "Results") -> float | None:
        moved = sum(results.counted(config, name, way) or 0
                    for way in ("frames_map", "frames_unmap"))
        calls = results.counted(config, name, "hypercalls")
        return moved / calls if moved and calls else None
    return Target(f"frames per hypercall, {config} {name}", ">=", limit,
                  measure, ((config, name, True),))


def grows(config: str, run: str, large: str, limit: float) -> Target:
    """The longest stretch with interrupts off: that of a mapping over that of
    one of 64 MiB."""
    names = f"held-{large}-{run}", f"held-64m-{run}"

    def measure(results: "Results") -> float | None:
        held = [results.counted(config, name, HELD) for name in names]
        return held[0] / held[1] if held[0] and held[1] else None
    return Target(f"{HELD}, {config} {names[0]} / {names[1]}", "<=", limit,
                  measure, tuple((config, name, True) for name in names))


# over, under, case, relation, limit: of times
LESS: tuple[tuple[str, str, str, str, float], ...] = (
    *(("pv-lazy", "bare-lazy", f"single-{size}", "<=", 2.0)
      for size in ("4k", "64k", "1m")),
    ("pv-lazy", "bare-lazy", "sg-256", "<=", 1.5),
    *(("pv-strict", "bare-strict", name, "<=", 2.0)
      for name in ("single-4k", "single-64k", "single-1m", "sg-256")),
    *(("pv-lazy", "xen-swiotlb", f"{name}-28", "<", 1.0)
      for name in ("single-4k", "single-64k", "sg-256")),
    ("pv-lazy", "xen-swiotlb", "coherent-2m", "<=", 1.0),
)

# over, under, case, limit: of instructions, at most
WORK: tuple[tuple[str, str, str, float], ...] = (
    *((f"pv-{mode}", f"bare-{mode}", name, limit)
      for mode, page in (("lazy", 1.5), ("strict", 1.6))
      for name, limit in (("single-4k", page), ("single-64k", 1.5),
                          ("sg-256", 1.1), ("single-1m", 1.25))),
    ("pv-lazy", "bare-lazy", "big-1g-4m", 3.0),
    *(("pv-lazy", "xen-swiotlb", f"{name}-28", 0.8)
      for name in ("single-4k", "single-64k", "sg-256")),
    ("pv-lazy", "xen-swiotlb", "coherent-2m", 1.0),
    *(("pv-lazy", "xen-swiotlb", name, limit)
      for name, limit in (("nvme-randread-4k-qd32", 1.05),
                          ("nvme-randwrite-4k-qd32", 1.05),
                          ("nvme-read-128k-qd8", 1.1),
                          ("nvme-read-1m-qd4", 1.1),
                          ("net-receive", 1.05), ("net-send", 1.05))),
)

# of xen-swiotlb's rates; and of its instructions for a guest's request
RATE = 0.95
OF_GUESTS = 1.25
GUESTS = tuple(case.name for case in CASES if case.name.startswith("guest"))
RATED = tuple(case.name for case in CASES if case.group in ("NVMe", "network"))

TARGETS = (
    *(ratio(*each) for each in LESS),
    *(ratio("pv-lazy", "xen-swiotlb", name, ">=", RATE) for name in RATED),
    scales("pv-lazy", "single-4k", "threads-2", 1.7),
    *(work(*each) for each in WORK),
    *(work(config, "xen-swiotlb", name, OF_GUESTS)
      for config in ("pv-lazy", "pv-strict") for name in GUESTS),
    count("pv-lazy", "single-4k", "hypercalls", "<=", 1 + 1 / 32),
    count("pv-lazy", "single-4k", "flushes", "<=", 1 / 256),
    count("pv-strict", "single-4k", "hypercalls", "==", 2),
    count("pv-lazy", "sg-256", "hypercalls", "<=", 1 + 1 / 32),
    frames("pv-lazy", "big-1g-4k", 4096),
    *(grows(config, run, large, 1.25) for config in ("pv-lazy", "pv-strict")
      for run, large in (("4k", "256m"), ("4m", "256m"), ("4m", "1g"))),
    *(count(config, "held-stress", HELD, "<=", 500)
      for config in ("pv-lazy", "pv-strict")),
    count("pv-lazy", "memory-1g-4k", MEMORY, "<=", 0.0025 * GIB / KIB),
    count("pv-lazy", "memory-1g-4m", MEMORY, "<=", 0.0001 * GIB / KIB),
)
