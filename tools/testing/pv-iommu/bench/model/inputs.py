# SPDX-License-Identifier: GPL-2.0-only
"""What the model is told: counts that were measured, and what things cost.

The counts are those of Documentation/pv-iommu/benchmarks.rst.  The costs are
guesses within limits, for which latency.rst says where they are from.
"""

import dataclasses
from dataclasses import dataclass

# Instructions of a mapping and its unmapping of 4 KiB, as measured.
SWIOTLB = 406
BARE_LAZY = 1830
BARE_STRICT = 2440
PV_LAZY = 2740
PV_STRICT = 4010
# Of those of the driver, lazy: what is of the core, what of the driver.
CORE = 1300
DRIVER = 675
NULL_HYPERCALL = 288
# What is left is Xen's own, for a call with one map and one unmap.
XEN = PV_LAZY - CORE - DRIVER - NULL_HYPERCALL

# Operations that a CPU's flush queue of dma-iommu has room for.
QUEUE_ROOM = 255

# By reading the code: instructions of the driver's for a submission, and those
# with a unit's lock held for both descriptors of a flush.
SUBMIT = 150
XEN_DESCRIPTORS = 120
LINUX_DESCRIPTORS = 300

# By reading: atomic operations (not contended) of an operation or a call.
CORE_ATOMICS = 5
CALL_ATOMICS = 4
BARE_ATOMICS = 8

# By reading: lines of memory that another CPU has changed, and that are needed
# with the driver's queue lock held; for an operation that Xen does for another
# CPU; for a page table that CPUs share in Linux.
QUEUE_LINES = 3
OP_LINES = 2
SHARED_LINES = 2


@dataclass(frozen=True)
class Input:
    """One cost: from low to high, and what it is."""
    low: float
    typical: float
    high: float
    unit: str
    what: str


INPUTS = {
    "instruction": Input(0.16, 0.25, 0.5, "ns",
                         "an instruction, when nothing below delays it"),
    "hypercall": Input(30, 100, 500, "ns",
                       "entering Xen and leaving it, beside instructions"),
    "lfence": Input(3, 10, 40, "ns", "an LFENCE"),
    "lfences": Input(3, 5, 15, "", "LFENCEs in a hypercall"),
    "atomic": Input(4, 6, 10, "ns", "an atomic operation on a line that the "
                    "CPU has"),
    "line": Input(40, 100, 300, "ns", "a line that another CPU has changed"),
    "read": Input(100, 250, 800, "ns", "reading a register of a unit"),
    "write": Input(20, 60, 200, "ns", "writing one"),
    "invalidation": Input(250, 700, 2000, "ns",
                          "from the write to the status in memory"),
    "interval": Input(0.3, 0.7, 1, "of it",
                      "between two, when a unit has many to do"),
    "hold": Input(60, 100, 150, "instr.", "with the queue lock held, once"),
    "pair": Input(150, 350, 500, "instr.",
                  "Xen's for one more map and unmap in a call"),
}


@dataclass(frozen=True)
class Costs:
    """A value for each input; times in nanoseconds."""
    instruction: float
    hypercall: float
    lfence: float
    lfences: float
    atomic: float
    line: float
    read: float
    write: float
    invalidation: float
    interval: float
    hold: float
    pair: float

    def but(self, name: str, value: float) -> "Costs":
        return dataclasses.replace(self, **{name: value})


LOW = Costs(**{name: each.low for name, each in INPUTS.items()})
TYPICAL = Costs(**{name: each.typical for name, each in INPUTS.items()})
HIGH = Costs(**{name: each.high for name, each in INPUTS.items()})
