# SPDX-License-Identifier: GPL-2.0-only
"""How long each part of an operation takes.  The closed form adds these up,
the simulation lets CPUs meet in them.

An operation is a mapping of 4 KiB and its unmapping.
"""

import math
from dataclasses import dataclass

from . import inputs
from .inputs import Costs

SWIOTLB, BARE, PV = "xen-swiotlb", "bare VT-d", "this driver"
SYSTEMS = (PV, BARE, SWIOTLB)
STRICT, LAZY = "strict", "lazy"
MODES = (STRICT, LAZY)
# A device, with an address space of its own, for each CPU; or one address
# space for all: one device, or all of those of a hypervisor without contexts.
APART, ONE = "apart", "one"


@dataclass(frozen=True)
class Case:
    """What is predicted."""
    system: str
    mode: str
    layout: str
    cpus: int
    units: int

    @property
    def strict(self) -> bool:
        return self.mode == STRICT

    @property
    def sharers(self) -> int:
        """CPUs in one address space."""
        return self.cpus if self.layout == ONE else 1

    @property
    def busy_units(self) -> int:
        """Units that have work, when each CPU has a device."""
        return min(self.cpus, self.units) if self.layout == APART else 1

    @property
    def flushed(self) -> int:
        """Units that one flush goes to.

        With contexts a device has one.  The address space that all devices
        share has all of them; Linux without Xen has none such.
        """
        return self.units if self.layout == ONE and self.system == PV else 1


def others(cpus: float) -> float:
    """How likely it is that another CPU was the last to have something."""
    return 1 - 1 / max(cpus, 1)


class Parts:
    """The times of one case, in nanoseconds."""

    def __init__(self, case: Case, costs: Costs) -> None:
        self.case = case
        self.costs = costs
        shared = costs.line * others(case.sharers)
        self.shared = shared
        self.at_unit = costs.line * (others(case.cpus / case.busy_units)
                                     if case.layout == APART else 0)

    def run(self, instructions: float, atomics: float = 0) -> float:
        return (instructions * self.costs.instruction
                + atomics * self.costs.atomic)

    # This driver

    @property
    def think(self) -> float:
        """Outside of all locks: the core, and most of the driver."""
        return self.run(inputs.CORE + inputs.DRIVER - inputs.SUBMIT
                        - 2 * self.costs.hold, inputs.CORE_ATOMICS)

    @property
    def queue(self) -> float:
        """Queueing an operation, with the queue lock held."""
        return self.run(self.costs.hold, 1) + inputs.QUEUE_LINES * self.shared

    @property
    def call(self) -> float:
        """A hypercall without what it does."""
        return (self.run(inputs.SUBMIT + inputs.NULL_HYPERCALL + inputs.XEN
                         - self.costs.pair, inputs.CALL_ATOMICS)
                + self.costs.hypercall
                + self.costs.lfences * self.costs.lfence + 2 * self.shared)

    @property
    def done(self) -> float:
        """One operation in Xen, with a reference to the page.  The lock of the
        address space's tables is nobody else's: calls for one queue are one
        after another."""
        return (self.run(self.costs.pair / 2, 2)
                + inputs.OP_LINES * self.shared)

    @property
    def beside_flush(self) -> float:
        """Instructions of a flush, outside of the locks: what is left of those
        that were measured."""
        left = (inputs.PV_STRICT - inputs.CORE - inputs.DRIVER + inputs.SUBMIT
                - 2 * (inputs.SUBMIT + inputs.NULL_HYPERCALL + inputs.XEN)
                + self.costs.pair)
        return self.run(left - inputs.XEN_DESCRIPTORS, 2)

    @property
    def descriptors(self) -> float:
        """Both for a unit, with Xen's lock for its registers."""
        return (self.run(inputs.XEN_DESCRIPTORS, 1) + self.costs.write
                + self.at_unit)

    @property
    def xen_flush(self) -> float:
        """All units have theirs before the first is waited for."""
        return (self.beside_flush + self.case.flushed * self.descriptors
                + self.costs.invalidation)

    # Linux without Xen

    @property
    def bare_think(self) -> float:
        return (self.run(inputs.BARE_LAZY, inputs.BARE_ATOMICS)
                + inputs.SHARED_LINES * self.shared)

    @property
    def cache_lock(self) -> float:
        """Getting the lock that is one for each domain."""
        return self.shared

    @property
    def first_hold(self) -> float:
        """Both descriptors, and the first look at the fault register."""
        return (self.run(inputs.LINUX_DESCRIPTORS, 1) + self.costs.write
                + self.costs.read + self.at_unit)

    @property
    def look(self) -> float:
        """One more look, by who still waits, with the lock held."""
        return self.costs.read + self.run(0, 1) + self.at_unit

    @property
    def last_hold(self) -> float:
        return self.run(inputs.BARE_STRICT - inputs.BARE_LAZY
                        - inputs.LINUX_DESCRIPTORS, 1) + self.at_unit

    @property
    def bare_flush(self) -> float:
        """With nobody else at the unit."""
        left = self.costs.invalidation - self.costs.read
        looks = max(0, math.ceil(left / self.look))
        return self.first_hold + looks * self.look + self.last_hold

    # The unit

    @property
    def interval(self) -> float:
        return self.costs.invalidation * self.costs.interval

    @property
    def swiotlb(self) -> float:
        return self.run(inputs.SWIOTLB)
