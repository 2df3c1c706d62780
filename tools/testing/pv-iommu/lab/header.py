# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario file declares about itself.

A scenario is a POSIX sh file that dom0 runs.  Lines that begin with "#:" are
for the lab:

    #: about TEXT              one sentence (required)
    #: variants NAME...        standard variants to run, see STANDARD
    #: variant NAME KEY=VALUE  one of its own; KEY: iommu, xen, xenargs, linux,
                              cpu (see qemu.py), switch ("none": where the
                              driver is built in, not xen_pv_iommu=on, as the
                              lab else says)
    #: xen debug|ref|debian|none  the hypervisor: with assertions (default),
                              without, Debian's own, or bare Linux
    #: xenargs TEXT            more arguments for Xen
    #: linux TEXT              more arguments for Linux
    #: device NAME [KEY=VALUE] a device, see devices.py
    #: module OPTIONS          options for the driver
    #: guest PART...           "fio", "ethtool", "perf", "bpftrace", what guest/
                              builds
    #: trace PATTERN...        QEMU trace events to record
    #: expect xen|linux REGEX  log lines that would else be a failure
    #: core VARIANT...         these run on the other kernels too
    #: slow VARIANT...         these only in "make check-all", or when named
    #: needs WORD              of the kernel: that the driver is "builtin", a
                              "module", one that can ("unload"), or cannot
                              ("no-unload"), be unloaded; "kunit": has the
                              tests; "retype": groups of several devices can
                              change their type
    #: require xen|linux REGEX  a line that must be in the log in the end
    #: where host             the host runs it, with no machine: lines "ok TEXT"
                              count, exit code 0 passes, 77 skips
    #: timeout SECONDS         from power-on to verdict (default 300)
    #: memory MEGABYTES        of the machine (default 2048)
    #: dom0mem MEGABYTES       of dom0 (default 1024)
"""

import dataclasses
import shlex
from dataclasses import dataclass

from . import kernels, paths
from .qemu import CPUS, IOMMUS
from .ui import LabError

STANDARD = {
    "vtd": {"iommu": "vtd"},
    "vtd-strict": {"iommu": "vtd", "linux": "iommu.strict=1"},
    "vtd-cm": {"iommu": "vtd-cm"},
    "vtd48": {"iommu": "vtd48"},
    "amdvi": {"iommu": "amdvi"},
    "amdvi-strict": {"iommu": "amdvi", "linux": "iommu.strict=1"},
}

NEEDS = {
    "": lambda kind: True,
    "module": lambda kind: not kind.builtin,
    "builtin": lambda kind: kind.builtin,
    "kunit": lambda kind: kind.has("kunit"),
    "unload": lambda kind: kind.unload,
    "retype": lambda kind: kind.retype,
    "no-unload": lambda kind: not kind.builtin and not kind.unload,
}

XENS = ("debug", "ref", "debian", "none")

# Of variants: key -> the values that it may have.
CHOICES = {"iommu": IOMMUS, "xen": XENS, "cpu": CPUS, "switch": ("on", "none")}


@dataclass(frozen=True)
class Scenario:
    """One scenario in one variant: all that the runner needs to know."""
    name: str
    path: object
    about: str = ""
    variant: str = ""
    iommu: str = "vtd"
    xen: str = "debug"
    xenargs: str = ""
    linux: str = ""
    cpu: str = "pv"
    switch: str = "on"
    module: str = ""
    where: str = "dom0"
    kernel: str = kernels.DEFAULT
    core: tuple = ()
    needs: str = ""
    slow: tuple = ()
    counted: bool = False
    timeout: int = 300
    memory: int = 2048
    dom0mem: int = 1024
    devices: tuple = ()
    guest: tuple = ()
    trace: tuple = ()
    expect: tuple = ()
    require: tuple = ()

    @property
    def id(self):
        kernel = "" if self.kernel == kernels.DEFAULT else f"/{self.kernel}"
        return f"{self.name}@{self.variant}{kernel}"

    @property
    def file_name(self):
        return self.id.replace("/", "+")

    def on(self, kernel):
        """The same on another kernel, or None where that makes no sense."""
        if self.where == "host" or \
                not NEEDS[self.needs](kernels.KINDS[kernel]):
            return None
        return dataclasses.replace(self, kernel=kernel)


def _pairs(words, where):
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise LabError(f"{where}: '{word}' is not KEY=VALUE")
        pairs[key] = value
    return pairs


def parse(path):
    """All variants of a scenario file."""
    scenario = Scenario(name=path.stem, path=path)
    variants = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.startswith("#: "):
            continue
        where = f"{path.name}:{number}"
        word, _, rest = line[2:].strip().partition(" ")
        rest = rest.strip()
        scenario = _directive(scenario, variants, word, rest, where)
    if not scenario.about:
        raise LabError(f"{path.name}: no '#: about' line")
    if not variants:
        host = scenario.where == "host"
        variants.update({"host": {}} if host else {"vtd": STANDARD["vtd"]})
    for name in scenario.core + scenario.slow:
        _one_of(name, variants, path.name)
    return [_apply(scenario, name, changes)
            for name, changes in variants.items()]


def _directive(scenario, variants, word, rest, where):
    def change(**fields):
        return dataclasses.replace(scenario, **fields)

    if word in ("about", "xenargs", "linux", "module"):
        return change(**{word: rest})
    if word in ("timeout", "memory", "dom0mem"):
        if not rest.isdigit():
            raise LabError(f"{where}: '{word}' takes a number")
        return change(**{word: int(rest)})
    if word in ("core", "slow"):
        return change(**{word: tuple(rest.split())})
    if word == "needs":
        return change(needs=_one_of(rest, NEEDS, where))
    if word == "xen":
        return change(xen=_one_of(rest, XENS, where))
    if word == "where":
        return change(where=_one_of(rest, ("dom0", "host"), where))
    if word in ("guest", "trace"):
        return change(**{word: getattr(scenario, word) + tuple(rest.split())})
    if word == "device":
        name, *options = shlex.split(rest)
        device = (name, tuple(_pairs(options, where).items()))
        return change(devices=scenario.devices + (device,))
    if word in ("expect", "require"):
        which, _, pattern = rest.partition(" ")
        _one_of(which, ("xen", "linux"), where)
        return change(**{word: getattr(scenario, word) +
                         ((which, pattern.strip()),)})
    if word == "variants":
        for name in rest.split():
            _one_of(name, STANDARD, where)
            variants[name] = STANDARD[name]
        return scenario
    if word == "variant":
        name, *options = shlex.split(rest)
        variants[name] = _pairs(options, where)
        return scenario
    raise LabError(f"{where}: the lab knows no '#: {word}'")


def _one_of(word, words, where):
    if word not in words:
        raise LabError(f"{where}: '{word}' is none of {' '.join(words)}")
    return word


def _apply(scenario, name, changes):
    fields = {"variant": name}
    for key, value in changes.items():
        if key in ("xenargs", "linux"):
            fields[key] = f"{getattr(scenario, key)} {value}".strip()
        elif key in CHOICES:
            fields[key] = _one_of(value, CHOICES[key], scenario.name)
        else:
            raise LabError(f"{scenario.name}: a variant cannot set '{key}'")
    return dataclasses.replace(scenario, **fields)


def load_all(directory=paths.SCENARIOS):
    found = []
    for path in sorted(directory.glob("*.sh")):
        found += parse(path)
    return found


def of_default(scenarios):
    """All that make sense on the default kernel, or need none."""
    return [s for s in scenarios if s.where == "host" or s.on(s.kernel)]


def core_of(scenarios, kernel):
    """The few that run on a kernel which is not the default."""
    found = (s.on(kernel) for s in scenarios if s.variant in s.core)
    return [s for s in found if s]


def all_of(scenarios, kernel):
    """All that make sense on a kernel."""
    return [s for s in (s.on(kernel) for s in scenarios) if s]


def each_of(scenarios, kernel):
    """Every scenario that makes sense on a kernel, once: the core list, and
    of what is not in it the first variant."""
    first = {}
    for scenario in scenarios:
        first.setdefault(scenario.name, scenario.variant)
    return [s for s in all_of(scenarios, kernel)
            if s.variant in (s.core or (first[s.name],))]


def select(scenarios, wanted):
    """Those that NAME[@VARIANT][/KERNEL] names; a NAME may be a prefix."""
    chosen = []
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
            matching = all_of(matching, kernel)
            if not matching:
                raise LabError(f"{word} makes no sense on {kernel}")
        chosen += [s for s in matching if s not in chosen]
    return chosen
