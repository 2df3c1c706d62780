# SPDX-License-Identifier: GPL-2.0-only
"""The simulation: CPUs that map and unmap as fast as they can, and meet in
locks, hypercalls and units.  It is there to check the closed form where CPUs
wait for each other.

A process is a generator.  It yields a time to let that pass, a lock to get it,
or an event to wait for it.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Generator, Iterable
from typing import Union

from . import inputs
from .closed import SECOND, predict
from .inputs import Costs
from .parts import APART, PV, Case, Parts

Process = Generator[Union[float, "Lock", "Event"], None, None]

SEED = 16
# Operations that are simulated: of each CPU, and in all at least.
EACH, LEAST = 24, 2400
# Of these, the first are not counted.
WARM_UP = 0.25
# How often, with others each time, for the average.
RUNS = 3
# How much the time between two operations varies, either way.
JITTER = 0.5


class Event:
    """Whoever waits goes on when it happens."""

    def __init__(self) -> None:
        self.waiting: list[Process] = []


class Lock:
    """First come, first served, as Linux' and Xen's are."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.held = False
        self.waiting: deque[Process] = deque()

    def release(self) -> None:
        if self.waiting:
            self.world.schedule(0, self.waiting.popleft())
        else:
            self.held = False


class World:
    """The clock, and what happens next."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.ended: list[float] = []        # when operations ended
        self.random = random.Random(seed)
        self.order = itertools.count()
        self.future: list[tuple[float, int, Process]] = []

    def schedule(self, delay: float, process: Process) -> None:
        heapq.heappush(self.future,
                       (self.now + delay, next(self.order), process))

    def happen(self, event: Event) -> None:
        waiting, event.waiting = event.waiting, []
        for process in waiting:
            self.schedule(0, process)

    def vary(self, time: float) -> float:
        return time * self.random.uniform(1 - JITTER, 1 + JITTER)

    def run(self, processes: Iterable[Process], operations: int,
            spread: float) -> float:
        """Operations per second; processes begin within this time."""
        for process in processes:
            self.schedule(self.random.uniform(0, spread), process)
        while len(self.ended) < operations:
            self.now, _, process = heapq.heappop(self.future)
            self.step(process)
        first = int(operations * WARM_UP)
        return SECOND * (operations - first) / (
            self.ended[-1] - self.ended[first - 1])

    def step(self, process: Process) -> None:
        wanted = next(process)
        if isinstance(wanted, Event):
            wanted.waiting.append(process)
        elif not isinstance(wanted, Lock):
            self.schedule(wanted, process)
        elif wanted.held:
            wanted.waiting.append(process)
        else:
            wanted.held = True
            self.schedule(0, process)


class Unit:
    """An IOMMU: does one thing after another."""

    def __init__(self, world: World, parts: Parts) -> None:
        self.world = world
        self.parts = parts
        self.lock = Lock(world)
        self.last = 0.0

    def begin(self) -> float:
        """The time at which an invalidation that begins now has ended."""
        self.last = max(self.world.now + self.parts.costs.invalidation,
                        self.last + self.parts.interval)
        return self.last

    def told_by_xen(self, ends: list[float]) -> Process:
        """Adds the time at which it has ended; nobody waits for that yet."""
        yield self.lock
        yield self.parts.descriptors
        ends.append(self.begin())
        self.lock.release()

    def by_linux(self) -> Process:
        """The wait is a loop that lets the lock go between two looks."""
        parts = self.parts
        yield self.lock
        yield parts.first_hold - parts.costs.read
        ended = self.begin()
        yield parts.costs.read
        while True:
            self.lock.release()
            yield self.lock
            if self.world.now >= ended - 1e-6:
                break
            yield parts.look
        yield parts.last_hold
        self.lock.release()


class FlushQueues:
    """dma-iommu's, one for each CPU of a domain; one flush is for all.

    They have something in them, or all would be full at the same time.
    """

    def __init__(self, world: World, cpus: int) -> None:
        self.queued = [world.random.randrange(inputs.QUEUE_ROOM)
                       for _ in range(cpus)]
        self.freed = [0] * cpus

    def full(self, cpu: int) -> bool:
        self.queued[cpu] += 1
        return self.queued[cpu] - self.freed[cpu] > inputs.QUEUE_ROOM

    def flush(self, by: Process) -> Process:
        begun = list(self.queued)
        yield from by
        self.freed = [max(pair) for pair in zip(self.freed, begun)]


class Bare:
    """An address space of Linux without Xen."""

    def __init__(self, world: World, parts: Parts,
                 units: list[Unit]) -> None:
        self.world = world
        self.parts = parts
        self.unit = units[0]
        self.cache_lock = Lock(world)
        self.queues = FlushQueues(world, parts.case.sharers)

    def flush(self) -> Process:
        yield self.cache_lock
        if self.parts.cache_lock:
            yield self.parts.cache_lock
        yield from self.unit.by_linux()
        self.cache_lock.release()

    def cpu(self, number: int) -> Process:
        while True:
            yield self.world.vary(self.parts.bare_think)
            if self.parts.case.strict:
                yield from self.flush()
            elif self.queues.full(number):
                yield from self.queues.flush(self.flush())
            self.world.ended.append(self.world.now)


class Driver:
    """An address space of the driver: its queue, and who waits for what.

    submit.c and mapping.c in short; the names are theirs.
    """

    def __init__(self, world: World, parts: Parts,
                 units: list[Unit]) -> None:
        self.world = world
        self.parts = parts
        self.units = units
        self.lock = Lock(world)
        self.queues = FlushQueues(world, parts.case.sharers)
        self.submitting = False
        self.generation, self.done = 1, 0
        self.operations, self.flushes = 0, False
        self.ended = Event()

    def add(self, operations: int = 1, flush: bool = False) -> Process:
        yield self.lock
        yield self.parts.queue
        self.operations += operations
        self.flushes |= flush
        self.lock.release()

    def wait(self, generation: int) -> Process:
        while self.done < generation:
            if self.submitting:
                yield self.ended
                continue
            self.submitting = True
            yield self.lock
            taken, self.generation = self.generation, self.generation + 1
            operations, self.operations = self.operations, 0
            flush, self.flushes = self.flushes, False
            self.lock.release()
            yield from self.call(operations, flush)
            self.done = taken
            self.submitting = False
            self.world.happen(self.ended)

    def call(self, operations: int, flush: bool) -> Process:
        yield self.parts.call + operations * self.parts.done
        if not flush:
            return
        ends: list[float] = []
        for unit in self.units:
            yield from unit.told_by_xen(ends)
        yield max(max(ends) - self.world.now, 0) + self.parts.beside_flush

    def flush_all(self) -> Process:
        yield from self.add(0, True)
        yield from self.wait(self.generation)

    def cpu(self, number: int) -> Process:
        strict = self.parts.case.strict
        while True:
            yield self.world.vary(self.parts.think / 2)
            yield from self.add()
            yield from self.wait(self.generation)
            yield self.world.vary(self.parts.think / 2)
            yield from self.add(flush=strict)
            if strict:
                yield from self.wait(self.generation)
            elif self.queues.full(number):
                yield from self.queues.flush(self.flush_all())
            self.world.ended.append(self.world.now)


def run_once(case: Case, costs: Costs, seed: int, spread: float) -> float:
    world, parts = World(seed), Parts(case, costs)
    units = [Unit(world, parts) for _ in range(case.units)]
    processes: list[Process] = []
    for number in range(case.cpus // case.sharers):
        # One unit for each device; one address space for all has all of them.
        reached = [units[number % case.units]] if case.flushed == 1 else units
        space: Driver | Bare
        if case.system == PV:
            space = Driver(world, parts, reached)
        else:
            space = Bare(world, parts, reached)
        processes += [space.cpu(cpu) for cpu in range(case.sharers)]
    each = EACH if case.strict else inputs.QUEUE_ROOM
    return world.run(processes, max(LEAST, each * case.cpus), spread)


def simulate(case: Case, costs: Costs, together: bool = False) -> float:
    """Maps per second.

    CPUs that begin together stay together, in one hypercall after the other,
    as nothing here parts them.  Else they begin any time within a round.
    """
    spread = 0.0 if together else \
        SECOND * case.cpus / predict(case, costs).rate
    # How they meet at first matters only where they share hypercalls.
    runs = 1 if case.layout == APART or together else RUNS
    return sum(run_once(case, costs, SEED + number, spread)
               for number in range(runs)) / runs
