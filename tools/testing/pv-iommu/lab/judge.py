# SPDX-License-Identifier: GPL-2.0-only
"""Did a run pass?  Pure functions over what was recorded."""

import re
from dataclasses import dataclass, field

Pairs = tuple[tuple[str, str], ...]

XEN_FORBIDDEN = re.compile(
    r"Assertion|BUG|[Pp]anic|FATAL|\b[Ff]ault\b|IO_PAGE_FAULT|WARN|"
    r"Xen call trace|Hardware Dom0 crashed|corrupt")
LINUX_FORBIDDEN = re.compile(
    r"WARNING:|BUG:|Oops|Call Trace|general protection|DMAR:.*fault|"
    r"AMD-Vi: Event|blocked for more than|self-detected stall|"
    r"Kernel panic|list_(add|del) corruption|refcount_t|leaked|"
    # devices that did not answer
    r"exception Emask|timeout, (aborting|completion polled)|"
    # and what the debug kernels find
    r"INFO: |inconsistent .*lock state|suspicious RCU|"
    r"DMA-API: (?!preallocated |debugging enabled by )|"
    r"UBSAN:|kmemleak: \d+ new|ODEBUG:")

# What ends a boot before a scenario began, with QEMU to blame: see the testing
# documentation.
INT3 = "Oops: int3"


@dataclass
class Record:
    """What a run reported over the channel."""
    begun: bool = False
    finished: bool = False
    oks: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: str = ""
    stats: dict[str, str] = field(default_factory=dict)
    counters: dict[str, bytes] = field(default_factory=dict)
    checks: int = 0
    ended: str = ""


def split_log(text: str) -> tuple[list[str], list[str]]:
    """(Xen's lines, Linux' lines) of a console that both write to.  Xen
    writes whole lines, also into the middle of one of Linux'."""
    xen: list[str] = []
    linux: list[str] = []
    begun = ""
    for line in text.replace("\r", "").split("\n"):
        before, prefix, after = line.partition("(XEN)")
        begun += before
        if prefix:
            xen.append(prefix + after)
        else:
            linux.append(begun)
            begun = ""
    return xen, linux + [begun] * bool(begun)


def bad_lines(lines: list[str], forbidden: re.Pattern[str],
              allowed: list[str]) -> list[str]:
    """Lines that are forbidden and not allowed."""
    patterns = [re.compile(pattern) for pattern in allowed]
    return [line for line in lines
            if forbidden.search(line)
            and not any(pattern.search(line) for pattern in patterns)]


def log_faults(console: str, expect: Pairs) -> list[str]:
    xen, linux = split_log(console)
    allowed: dict[str, list[str]] = {"xen": [], "linux": []}
    for which, pattern in expect:
        allowed[which].append(pattern)
    bad = [f"Xen said: {line[5:].strip()}" for line in
           bad_lines(xen, XEN_FORBIDDEN, allowed["xen"])]
    bad += [f"Linux said: {line.strip()}" for line in
            bad_lines(linux, LINUX_FORBIDDEN, allowed["linux"])]
    return bad


def missing_lines(console: str, require: Pairs) -> list[str]:
    xen, linux = split_log(console)
    return [f"not in {which}'s log: {pattern}" for which, pattern in require
            if not any(re.search(pattern, line)
                       for line in (xen if which == "xen" else linux))]


def before_int3(console: str) -> str | None:
    """What a boot that died of int3 said up to then; None if it did not."""
    before, found, _ = console.partition(INT3)
    return before[:before.rfind("\n") + 1] if found else None


def reasons(record: Record, console: str, expect: Pairs = (),
            require: Pairs = ()) -> list[str]:
    """Why a run failed; empty when it passed.  A run that skips and fails has
    failed."""
    found = list(record.failures)
    found += log_faults(console, expect)
    if record.skipped:
        return found
    if not record.begun:
        found.append(f"dom0 never reached the scenario ({record.ended})")
    elif not record.finished:
        found.append(f"the scenario ended without a verdict ({record.ended})")
    elif not record.oks and not record.checks:
        found.append("the scenario checked nothing")
    else:
        found += missing_lines(console, require)
    return found
