# SPDX-License-Identifier: GPL-2.0-only
"""Which scenarios share a boot, and in which order they run in it.

Scenarios that want the same machine do; it has the devices of all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .header import Scenario
from .judge import Pairs
from .kernels import KINDS


@dataclass(frozen=True)
class Boot:
    """Scenarios for one machine, in their order."""
    scenarios: tuple[Scenario, ...]

    @property
    def machine(self) -> Scenario:
        """Any of them says what the machine is."""
        return self.scenarios[0]

    @property
    def devices(self) -> dict[str, Pairs]:
        return {name: options for scenario in self.scenarios
                for name, options in scenario.devices}

    @property
    def guest(self) -> list[str]:
        return sorted({part for scenario in self.scenarios
                       for part in scenario.guest})

    @property
    def name(self) -> str:
        first = self.scenarios[0].file_name
        more = len(self.scenarios) - 1
        return f"{first}-and-{more}" if more else first

    def without(self, done: Iterable[Scenario]) -> "Boot | None":
        """What is left of it, or None."""
        gone = set(done)
        left = tuple(s for s in self.scenarios if s not in gone)
        return Boot(left) if left else None


def _stays(scenario: Scenario) -> bool:
    """Is a driver that was loaded once there for ever?"""
    kind = KINDS[scenario.kernel]
    return not kind.builtin and not kind.unload


def _fits(group: list[Scenario], scenario: Scenario) -> bool:
    """Can it join them?  One name has one set of options; one at most is the
    first or the last."""
    if scenario.ends and any(other.ends for other in group):
        return False
    if scenario.first and _stays(scenario) and \
            any(other.first for other in group):
        return False
    options = dict(Boot(tuple(group)).devices)
    return all(options.get(name, wanted) == wanted
               for name, wanted in scenario.devices)


def plan(scenarios: Iterable[Scenario]) -> list[Boot]:
    """Boots for scenarios of dom0, as few as can be."""
    groups: dict[tuple[object, ...], list[list[Scenario]]] = {}
    for scenario in scenarios:
        same = groups.setdefault(scenario.machine, [])
        for group in same:
            if _fits(group, scenario):
                group.append(scenario)
                break
        else:
            same.append([scenario])
    return [Boot(tuple(sorted(group, key=lambda s: (s.ends, not s.first))))
            for same in groups.values() for group in same]
