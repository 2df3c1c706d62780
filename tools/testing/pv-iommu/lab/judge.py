# SPDX-License-Identifier: GPL-2.0-only
"""Did a run pass?  Pure functions over what was recorded."""

import re
from dataclasses import dataclass, field

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

# See the testing documentation: text patching under multi-threaded TCG.
FLAKE = re.compile(r"Oops: int3")


@dataclass
class Record:
    """What a run reported over the channel."""
    begun: bool = False
    finished: bool = False
    oks: int = 0
    failures: list = field(default_factory=list)
    skipped: str = ""
    stats: dict = field(default_factory=dict)
    counters: dict = field(default_factory=dict)
    checks: int = 0
    ended: str = ""


def split_log(text):
    """(Xen's lines, Linux' lines) of a console that both write to.  Xen
    writes whole lines, also into the middle of one of Linux'."""
    xen, linux, begun = [], [], ""
    for line in text.replace("\r", "").split("\n"):
        before, prefix, after = line.partition("(XEN)")
        begun += before
        if prefix:
            xen.append(prefix + after)
        else:
            linux.append(begun)
            begun = ""
    return xen, linux + [begun] * bool(begun)


def bad_lines(lines, forbidden, allowed):
    """Lines that are forbidden and not allowed."""
    allowed = [re.compile(pattern) for pattern in allowed]
    return [line for line in lines
            if forbidden.search(line)
            and not any(pattern.search(line) for pattern in allowed)]


def log_faults(console, expect):
    xen, linux = split_log(console)
    allowed = {"xen": [], "linux": []}
    for which, pattern in expect:
        allowed[which].append(pattern)
    bad = [f"Xen said: {line[5:].strip()}" for line in
           bad_lines(xen, XEN_FORBIDDEN, allowed["xen"])]
    bad += [f"Linux said: {line.strip()}" for line in
            bad_lines(linux, LINUX_FORBIDDEN, allowed["linux"])]
    return bad


def missing_lines(console, require):
    xen, linux = split_log(console)
    return [f"not in {which}'s log: {pattern}" for which, pattern in require
            if not any(re.search(pattern, line)
                       for line in (xen if which == "xen" else linux))]


def is_flake(record, console):
    """The one known failure of the machine itself, before we began."""
    return not record.begun and bool(FLAKE.search(console))


def reasons(record, console, expect=(), require=()):
    """Why a run failed; empty when it passed.  A skip is no failure, but a
    run that skips and fails has failed."""
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
