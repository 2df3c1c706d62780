# SPDX-License-Identifier: GPL-2.0-only
"""Did a run pass?  Pure functions over what was recorded."""

import re
from dataclasses import dataclass, field

from .blocks import Case

Pairs = tuple[tuple[str, str], ...]

XEN_FORBIDDEN = re.compile("|".join((
    r"Assertion|BUG|[Pp]anic|FATAL|WARN|Xen call trace|corrupt",
    r"Hardware Dom0 crashed|very wrong",
    # what the IOMMU caught
    r"\b[Ff]ault\b|iommu_fault_status|\[VT-D\](DMAR|INTR-REMAP|UNKNOWN):",
    r"IO_PAGE_FAULT|ILLEGAL_DEV_TABLE_ENTRY|INVALID_DEV_REQUEST",
    r"IOTLB_INV_TIMEOUT|[A-Z]_(HW|COMMAND)_ERROR|\(XEN\) event [\da-f]{8} ",
    # an IOMMU, or its driver, that does not do as it should
    r"no (cmd|QI) slot available|unexpected (DTE|context entry)",
    r"(wait descriptor|completion wait|IOTLB flush) (taking too long|took)",
    r"(VT-[Dd]|AMD-Vi|IOMMU|IOTLB|RMRR|unity-unmap).*([Ff]ailed|cannot)",
    # the overlay
    r"leaked|cannot give .* back|are between (two|contexts)",
    r"cannot go back to context|is not in context \d+ with its ID")))
KERNEL_FORBIDDEN = re.compile("|".join((
    r"WARNING:|\bBUG\b|Oops|Call Trace|general protection|trap invalid",
    r"Kernel panic|list_(add|del) corruption|refcount_t|segfault at",
    r"[Mm]emory corruption|Hardware Error|duplicate filename|leaked",
    # something hangs, or nobody was there
    r"blocked for more than|(self-)?detected (expedited )?stall|LOCKUP",
    r"kthread (starved|timer wakeup)|nobody cared|Disabling IRQ",
    r"No irq handler",
    # there is no memory
    r"page allocation failure|[Oo]ut of memory|oom-kill|OOM killer",
    # DMA, and the IOMMU where Linux drives it
    r"DMAR:.*fault|AMD-Vi: Event|swiotlb.*(full|[Ff]ail)|overflow .* mask",
    r"\biommu: .*[Ff]ail|[Ff]ailed to .*iommu",
    # disks and their controllers
    r"I/O error|exception Emask|hard resetting link|failed command",
    r"timeout, |controller is down|resetting controller|Abort status",
    r"[Dd]evice not ready|probe failure|rejecting I/O|FAILED Result",
    r"EXT4-fs (error|warning)|[Rr]emounting filesystem read-only",
    # networks, USB, PCI
    r"NETDEV WATCHDOG|Hardware Unit Hang|transmit queue .* timed out",
    r"Reset adapter|is not a head!|assume dead|HC died|Host (not halted|halt)",
    r"usb \S+: (reset|device (not|descriptor)|unable to enumerate)",
    r"PCIe Bus Error|AER:.*[Ee]rror|pciehp:.*([Ff]ail|Timeout)",
    # and what the debug kernels find
    r"INFO: |inconsistent .*lock state|suspicious RCU",
    r"DMA-API: (?!preallocated |debugging enabled by )",
    r"UBSAN:|kmemleak: \d+ new|ODEBUG:")))
# All that the driver says, but for these: so what it will say one day, too.
LINUX_FORBIDDEN = re.compile("|".join((
    KERNEL_FORBIDDEN.pattern,
    r"xen-pv-iommu: (?!iommu_op format |took over: |gone: |no gref: |"
    r"cannot be unloaded: )",
    r"this device cannot do DMA|it is not trusted, |"
    r"no driver can use it|it must not be used")))


@dataclass
class Record:
    """What a run reported over the channel.  executed: by the
    names of cases; symbols: Linux' own list of its functions."""
    begun: bool = False
    finished: bool = False
    oks: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: str = ""
    stats: dict[str, str] = field(default_factory=dict)
    counters: dict[str, bytes] = field(default_factory=dict)
    executed: dict[str, Case] = field(default_factory=dict)
    symbols: str = ""
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
