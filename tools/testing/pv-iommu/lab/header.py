# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario file declares about itself.

A scenario is a POSIX sh file that dom0 runs.  Lines that begin with "#:" are
for the lab:

    #: about TEXT              one sentence (required)
    #: variants NAME...        standard variants to run, see STANDARD
    #: variant NAME KEY=VALUE  one of its own; KEY: like=STANDARD first, then
                              what differs: iommu, xen, xenargs (more arguments
                              for Xen), linux, cpus (else 2), cpu (see qemu.py),
                              switch ("none": where the driver is built in, not
                              xen_pv_iommu=on, as the lab else says)
    #: xen debug|ref|debian|none  the hypervisor: with assertions (default),
                              without, Debian's own ("debian-4.20" for that of
                              another release), or bare Linux; of variants that
                              do not say themselves
    #: linux TEXT              more arguments for Linux
    #: device NAME [KEY=VALUE] a device, see devices.py
    #: guest PART...           "fio", "ethtool", "perf", "bpftrace", "dpdk",
                              "kexec" with a kernel, what guest/ builds, or
                              a program that is built with the kernel
    #: trace EVENT...          QEMU trace events to record
    #: expect xen|linux REGEX  log lines that would else be a failure
    #: core VARIANT...         these run on the other kernels too
    #: slow VARIANT...         these only in "make check-all", or when named
    #: needs WORD              of the kernel: that the driver is "builtin", a
                              "module", one that can ("unload"), or cannot
                              ("no-unload"), be unloaded; "kunit": has the
                              tests; "iommufd": gives devices to programs that
                              way, too; "retype": groups of several devices can
                              change their type; "iova-api": dma_iova_link()
                              and its like; "bare": that it runs without Xen as
                              well, as Debian's do
    #: only KERNEL            the one that it runs on, wherever others run on
                              the default
    #: require xen|linux REGEX  a line that must be in the log in the end
    #: where host             the host runs it, with no machine: lines "ok TEXT"
                              count, exit code 0 passes, 77 skips
    #: first                   where a driver once loaded stays: before any
                              other scenario has loaded it
    #: ends                    the machine is off after it: it is the last
    #: crashes                 dom0 does, and the scenario goes on in a crash
                              kernel: see lib-crash.sh
    #: counted                 QEMU counts instructions, one of which takes a
                              nanosecond
    #: blocks                  and each block's, between two no-ops: see
                              bench/instructions.c
    #: timeout SECONDS         from its begin to its verdict (default 300)
    #: memory MEGABYTES        of the machine (default 6144)
    #: dom0mem MEGABYTES       of dom0 (default 1024), from the top of it
"""

import dataclasses
import shlex
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import devices, fetch, kernels, paths
from .judge import Pairs
from .qemu import CPUS, IOMMUS
from .ui import LabError

# Between them they have each IOMMU with each hypervisor (the one with
# assertions gives dom0 its frames in reverse, the other in runs), lazy and
# strict, addresses below and above 4 GiB, and two CPUs or four.
HIGH = "iommu.forcedac=1"
STANDARD = {
    "vtd": {"iommu": "vtd", "xen": "debug"},
    "vtd-strict": {"iommu": "vtd", "xen": "ref",
                   "linux": f"iommu.strict=1 {HIGH}"},
    "vtd48": {"iommu": "vtd48", "xen": "debug", "linux": HIGH, "cpus": "4"},
    "amdvi": {"iommu": "amdvi", "xen": "ref", "linux": HIGH},
    "amdvi-strict": {"iommu": "amdvi", "xen": "debug",
                     "linux": "iommu.strict=1"},
    # where all devices share one address space
    "vtd-shared": {"iommu": "vtd", "xen": "debug",
                   "xenargs": "iommu-op=no-contexts"},
    "amdvi-shared": {"iommu": "amdvi", "xen": "ref",
                     "xenargs": "iommu-op=no-contexts", "linux": HIGH},
}

NEEDS: dict[str, Callable[[kernels.Kind], bool]] = {
    "": lambda kind: True,
    "module": lambda kind: not kind.builtin,
    "builtin": lambda kind: kind.builtin,
    "kunit": lambda kind: kind.has("kunit"),
    "iommufd": lambda kind: not kind.package,
    "bare": lambda kind: bool(kind.package),
    "iova-api": lambda kind: not kind.package,
    "unload": lambda kind: kind.unload,
    "retype": lambda kind: kind.retype,
    "no-unload": lambda kind: not kind.builtin and not kind.unload,
}

XENS = fetch.xen_flavours()

# Of variants: key -> the values that it may have.
CHOICES: dict[str, Collection[str]] = {
    "iommu": IOMMUS, "xen": XENS, "cpu": CPUS, "switch": ("on", "none"),
}


@dataclass(frozen=True)
class Scenario:
    """One scenario in one variant: all that the runner needs to know."""
    name: str
    path: Path
    about: str = ""
    variant: str = ""
    iommu: str = "vtd"
    xen: str = "debug"
    xenargs: str = ""
    linux: str = ""
    cpu: str = "pv"
    cpus: int = 2
    switch: str = "on"
    where: str = "dom0"
    kernel: str = kernels.DEFAULT
    core: tuple[str, ...] = ()
    needs: str = ""
    only: str = ""
    slow: tuple[str, ...] = ()
    counted: bool = False
    blocks: bool = False
    parallel: bool = False
    first: bool = False
    ends: bool = False
    crashes: bool = False
    timeout: int = 300
    memory: int = 6144
    dom0mem: int = 1024
    devices: tuple[tuple[str, Pairs], ...] = ()
    guest: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()
    expect: Pairs = ()
    require: Pairs = ()

    @property
    def id(self) -> str:
        kernel = "" if self.kernel == kernels.DEFAULT else f"/{self.kernel}"
        return f"{self.name}@{self.variant}{kernel}"

    @property
    def file_name(self) -> str:
        return self.id.replace("/", "+")

    @property
    def machine(self) -> tuple[object, ...]:
        """What has to be alike for two scenarios to share a boot."""
        return (self.kernel, self.xen, self.xenargs, self.linux, self.iommu,
                self.cpu, self.cpus, self.switch, self.memory, self.dom0mem,
                self.counted, self.blocks, self.parallel)

    def on(self, kernel: str) -> "Scenario | None":
        """The same on another kernel, or None where that makes no sense."""
        if self.where == "host" or self.only not in ("", kernel) or \
                not NEEDS[self.needs](kernels.KINDS[kernel]):
            return None
        return dataclasses.replace(self, kernel=kernel)


def _pairs(words: Iterable[str], where: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise LabError(f"{where}: '{word}' is not KEY=VALUE")
        pairs[key] = value
    return pairs


def _one_of(word: str, words: Collection[str], where: str) -> str:
    if word not in words:
        raise LabError(f"{where}: '{word}' is none of {' '.join(words)}")
    return word


def _number(word: str, where: str) -> int:
    if not word.isdigit():
        raise LabError(f"{where}: '{word}' is no number")
    return int(word)


def parse(path: Path) -> list[Scenario]:
    """All variants of a scenario file."""
    fields: dict[str, Any] = {}
    variants: dict[str, dict[str, str]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#: "):
            word, _, rest = line[2:].strip().partition(" ")
            where = f"{path.name}:{number}"
            _directive(fields, variants, word, rest.strip(), where)
    scenario = Scenario(name=path.stem, path=path, **fields)
    if scenario.only:
        scenario = dataclasses.replace(scenario, kernel=scenario.only)
    if not scenario.about:
        raise LabError(f"{path.name}: no '#: about' line")
    if not variants:
        host = scenario.where == "host"
        variants.update({"host": {}} if host else {"vtd": STANDARD["vtd"]})
    for name in scenario.core + scenario.slow:
        _one_of(name, variants, path.name)
    return [_apply(scenario, name, changes)
            for name, changes in variants.items()]


TEXTS = ("about", "linux")
NUMBERS = ("timeout", "memory", "dom0mem")
SWITCHES = ("first", "ends", "crashes", "counted", "blocks")
LISTS = ("core", "slow", "guest", "trace")
WORDS: dict[str, Collection[str]] = {
    "needs": NEEDS, "only": kernels.KINDS, "xen": XENS,
    "where": ("dom0", "host"),
}


def _directive(fields: dict[str, Any], variants: dict[str, dict[str, str]],
               word: str, rest: str, where: str) -> None:
    """Take one line of a header into the fields of a Scenario."""
    if word in TEXTS:
        fields[word] = rest
    elif word in NUMBERS:
        fields[word] = _number(rest, where)
    elif word in SWITCHES:
        fields[word] = True
    elif word in LISTS:
        fields[word] = fields.get(word, ()) + tuple(rest.split())
    elif word in WORDS:
        fields[word] = _one_of(rest, WORDS[word], where)
    elif word == "device":
        name, *options = shlex.split(rest)
        device = (name, tuple(_pairs(options, where).items()))
        fields["devices"] = fields.get("devices", ()) + (device,)
    elif word in ("expect", "require"):
        which, _, pattern = rest.partition(" ")
        _one_of(which, ("xen", "linux"), where)
        fields[word] = fields.get(word, ()) + ((which, pattern.strip()),)
    elif word == "variants":
        for name in rest.split():
            variants[name] = STANDARD[_one_of(name, STANDARD, where)]
    elif word == "variant":
        name, *options = shlex.split(rest)
        variants[name] = _pairs(options, where)
    else:
        raise LabError(f"{where}: the lab knows no '#: {word}'")


def _apply(scenario: Scenario, name: str,
           changes: dict[str, str]) -> Scenario:
    """One variant; of words for Linux it has the scenario's, too."""
    fields: dict[str, Any] = {"variant": name}
    given = dict(changes)
    if like := given.pop("like", None):
        base = STANDARD[_one_of(like, STANDARD, scenario.name)]
        linux = f"{base.get('linux', '')} {given.get('linux', '')}".strip()
        given = {**base, **given, "linux": linux}
    for key, value in given.items():
        if key == "linux":
            fields[key] = f"{scenario.linux} {value}".strip()
        elif key == "xenargs":
            fields[key] = value
        elif key == "cpus":
            fields[key] = _number(value, scenario.name)
        elif key in CHOICES:
            fields[key] = _one_of(value, CHOICES[key], scenario.name)
        else:
            raise LabError(f"{scenario.name}: a variant cannot set '{key}'")
    if any(device == "toolstack" for device, _ in scenario.devices):
        fields.setdefault("cpu", "guests")
    return _possible(dataclasses.replace(scenario, **fields))


def _possible(scenario: Scenario) -> Scenario:
    """QEMU's AMD-Vi takes what is behind a bridge from the beginning for
    another device, of the first bus: it has to be in the same address space,
    or drivers wait for it in every scenario of the machine."""
    wrong = [name for name, _ in scenario.devices
             if devices.behind_bridge(name)]
    if scenario.iommu == "amdvi" and scenario.variant in STANDARD and \
            wrong and "no-contexts" not in scenario.xenargs:
        raise LabError(f"{scenario.id}: on QEMU's AMD-Vi {wrong[0]}, which is "
                       "behind a bridge, works with iommu-op=no-contexts only")
    return scenario


def load_all(directory: Path = paths.SCENARIOS) -> list[Scenario]:
    found: list[Scenario] = []
    for path in sorted(directory.glob("*.sh")):
        found += parse(path)
    return found


def of_default(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """All that make sense on the default kernel, or need none, or another
    one only."""
    return [s for s in scenarios if s.where == "host" or s.on(s.kernel)]


def core_of(scenarios: Iterable[Scenario], kernel: str) -> list[Scenario]:
    """The few that "make check" runs on a kernel which is not the default."""
    found = (s.on(kernel) for s in scenarios
             if s.variant in s.core and s.variant not in s.slow)
    return [s for s in found if s]


def all_of(scenarios: Iterable[Scenario], kernel: str) -> list[Scenario]:
    """All that make sense on a kernel."""
    return [s for s in (s.on(kernel) for s in scenarios) if s]


def each_of(scenarios: list[Scenario], kernel: str) -> list[Scenario]:
    """Every scenario that makes sense on a kernel, once: the core list, and
    of what is not in it the first variant."""
    first: dict[str, str] = {}
    for scenario in scenarios:
        first.setdefault(scenario.name, scenario.variant)
    return [s for s in all_of(scenarios, kernel)
            if s.variant in (s.core or (first[s.name],))]


def select(scenarios: list[Scenario],
           wanted: Iterable[str]) -> list[Scenario]:
    """Those that NAME[@VARIANT][/KERNEL] names; a NAME may be a prefix."""
    chosen: list[Scenario] = []
    for word in wanted:
        word, _, kernel = word.partition("/")
        name, at, variant = word.partition("@")
        exact = [s for s in scenarios if s.name == name]
        matching = exact or [s for s in scenarios if s.name.startswith(name)]
        if at:
            matching = [s for s in matching if s.variant == variant]
        if not matching:
            raise LabError(f"no scenario matches '{word}'; 'make list' "
                           "shows them all")
        if kernel:
            _one_of(kernel, kernels.KINDS, "kernel")
        matching = all_of(matching, kernel) if kernel else \
            of_default(matching)
        if not matching:
            raise LabError(f"{word} makes no sense on "
                           f"{kernel or kernels.DEFAULT}; name a kernel: "
                           f"NAME@VARIANT/KERNEL")
        chosen += [s for s in matching if s not in chosen]
    return chosen
