# SPDX-License-Identifier: GPL-2.0-only
"""The closed form: what one CPU does in a second times their number, or less
where they have to take turns.  The smallest of these limits counts."""

import math
from dataclasses import dataclass

from . import inputs
from .inputs import Costs
from .parts import APART, BARE, PV, SWIOTLB, Case, Parts

SECOND = 1e9

PATH = "CPUs"
QUEUE_LOCK = "queue lock"
CALLS = "hypercalls"
REGISTERS = "register lock"
UNIT = "unit"
CACHE_LOCK = "cache lock"


@dataclass(frozen=True)
class Prediction:
    rate: float         # maps per second
    limit: str          # by what


def pv_path(parts: Parts) -> float:
    """An operation, when nobody is in the way."""
    case = parts.case
    time = parts.think + 2 * parts.queue + parts.call + 2 * parts.done
    if case.strict:
        return time + parts.call + parts.xen_flush
    flush = parts.queue + parts.call + parts.xen_flush
    return time + flush / (inputs.QUEUE_ROOM * case.sharers)


def pv_calls(parts: Parts) -> float:
    """Time for each operation if one queue's hypercalls are without pause.

    Who is ready while a call is under way goes with the next one.  So of two
    calls each CPU is in one, however they are spread.
    """
    case = parts.case
    if not case.strict:
        flush = (parts.call + parts.xen_flush) / inputs.QUEUE_ROOM
        return (2 * parts.call + flush) / case.cpus + 2 * parts.done
    # Each CPU has an unmapping in every other call that it is in.
    flushes = 2 * (1 - math.pow(2, -case.cpus / 2))
    calls = 2 * parts.call + flushes * parts.xen_flush
    return 2 * (calls / case.cpus + parts.done)


def unit_limit(parts: Parts) -> float:
    return parts.case.busy_units / parts.interval if parts.interval \
        else math.inf


def pv_limits(parts: Parts) -> dict[str, float]:
    case = parts.case
    limits = {PATH: case.cpus / pv_path(parts)}
    if case.layout == APART:
        if case.strict:
            limits[REGISTERS] = case.busy_units / parts.descriptors
            limits[UNIT] = unit_limit(parts)
    elif case.cpus > 1:
        limits[QUEUE_LOCK] = 1 / (2 * parts.queue)
        limits[CALLS] = 1 / pv_calls(parts)
    return limits


def bare_limits(parts: Parts) -> dict[str, float]:
    case = parts.case
    if not case.strict:
        time = parts.bare_think + parts.bare_flush / (
            inputs.QUEUE_ROOM * case.sharers)
        return {PATH: case.cpus / time}
    hold = parts.cache_lock + parts.bare_flush
    limits = {PATH: case.cpus / (parts.bare_think + hold)}
    if case.layout == APART:
        held = parts.first_hold + parts.last_hold
        limits[REGISTERS] = case.busy_units / held
        limits[UNIT] = unit_limit(parts)
    else:
        limits[CACHE_LOCK] = 1 / hold
    return limits


def swiotlb_limits(parts: Parts) -> dict[str, float]:
    return {PATH: parts.case.cpus / parts.swiotlb}


LIMITS = {PV: pv_limits, BARE: bare_limits, SWIOTLB: swiotlb_limits}


def predict(case: Case, costs: Costs) -> Prediction:
    limits = LIMITS[case.system](Parts(case, costs))
    rate, limit = min((rate, limit) for limit, rate in limits.items())
    return Prediction(rate * SECOND, limit)
