# SPDX-License-Identifier: GPL-2.0-only
"""Which instructions were executed: what QEMU's plugin says of each block of
them, see bench/instructions.c."""

from array import array
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .ui import LabError

# The mean has interrupts and flushes that the median of batches has not; a lazy
# one is larger by 5 %.
LEAST, MOST = 0.95, 1.15


@dataclass
class Executed:
    """times: how often what is counted was begun and ended; instructions: by
    the address of the block that they are in."""
    times: int
    instructions: Counter[int]


@dataclass
class Case:
    """operations: each of those times; median: the instructions of one by
    the guest's own clock."""
    operations: int
    median: float
    executed: Executed

    @property
    def total(self) -> int:
        """How many operations there were."""
        return self.operations * self.executed.times

    def fault(self) -> str:
        """Why this is not what the operations executed; "" if it is."""
        if not self.executed.times:
            return "nothing was counted"
        mean = self.executed.instructions.total() / self.total
        if not LEAST * self.median < mean < MOST * self.median:
            return (f"the mean is {mean:.0f}, the median {self.median:.0f}: "
                    "other things were under way, or not all was counted")
        return ""


def read(path: Path) -> Executed:
    """The plugin's file: how many pairs of numbers it has, how often the
    second no-op was reached, and a pair for each block.  It can grow while it
    is read, but what is counted is at rest then."""
    numbers = array("Q")
    with open(path, "rb") as file:
        numbers.frombytes(file.read(16))
        used, times = numbers
        numbers.frombytes(file.read(16 * used))
    if numbers[3]:
        raise LabError("the plugin has no room for so many blocks")
    found: Counter[int] = Counter()
    for address, executed in zip(numbers[2::2], numbers[3::2]):
        if executed:
            found[address] += executed
    return Executed(times, found)


class Profile:
    """Of a file that grows: what came since it was asked last."""

    def __init__(self) -> None:
        self.before = Executed(0, Counter())

    def since(self, path: Path) -> Executed:
        before, now = self.before, read(path)
        self.before = now
        return Executed(now.times - before.times,
                        now.instructions - before.instructions)
