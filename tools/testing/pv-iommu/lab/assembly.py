# SPDX-License-Identifier: GPL-2.0-only
"""What one boot is made of: QEMU's machine, dom0's root, and its words."""

import secrets
import shlex
from pathlib import Path

from . import initramfs, paths
from .boots import Boot
from .build import Parts
from .devices import address, listing
from .header import Scenario
from .kernels import KINDS, ON
from .qemu import Machine

LIBRARIES = ("init", "crash-init", "run-scenario", "lib.sh", "lib-io.sh",
             "lib-op.sh", "lib-vfio.sh", "lib-assign.sh", "lib-crash.sh",
             "lib-race.sh", "lib-guest.sh", "lib-state.sh", "lib-bench.sh",
             "lib-pair.sh")


def machine_of(parts: Parts, boot: Boot, driver: bool, work: Path) -> Machine:
    want = boot.machine
    kernel = parts.kernel_image(want.kernel)
    words = words_for(want, driver)
    machine = Machine(want.iommu, want.memory, want.counted, want.cpu,
                      want.cpus, want.parallel)
    if want.counted:
        machine.count(parts.plugin(), work / "instructions",
                      work / "blocks" if want.blocks else None)
    initrd = initrd_of(parts, boot, driver, work)
    if want.xen == "none":
        machine.boot_linux(parts.kernel_packed(want.kernel), initrd, words)
    else:
        # the file's name must stay: QEMU hands it to Xen as module line
        machine.boot_xen(parts.xen(want.xen), kernel, initrd,
                         f"dom0_mem={want.dom0mem}M,max:{want.dom0mem}M "
                         f"{want.xenargs}", words)
    return machine


def initrd_of(parts: Parts, boot: Boot, driver: bool, work: Path) -> Path:
    """Dom0's root, with all scenarios of the boot and what they ask for."""
    kernel = boot.machine.kernel
    archives = [parts.initramfs(kernel)]
    files = {f"lab/{name}": paths.LAB_GUEST / name for name in LIBRARIES}
    files["init"] = files.pop("lab/init")
    for tool in ("pv-iommu-check", "pv-iommu-top"):
        files[f"lab/bin/{tool}"] = paths.TOOLS / tool
    files.update(parts.guest("pattern", kernel))
    if driver and not KINDS[kernel].builtin:
        files["lab/xen-pv-iommu.ko"] = parts.module(kernel)
    for part in boot.guest:
        if part in initramfs.PROGRAMS:
            archives.append(parts.program(part))
        else:
            files.update(parts.guest(part, kernel))
    if "kexec" in boot.guest:
        files["vmlinuz"] = parts.kernel_packed(kernel)
    if "toolstack" in boot.devices:
        files["lab/guest/vmlinuz"] = parts.kernel_packed(kernel)
        files["lab/guest/base.cpio"] = parts.guest_base(kernel)
    texts = {"lab/devices": (listing(boot.devices), 0o644)}
    for scenario in boot.scenarios:
        files[f"lab/scenarios/{scenario.name}"] = scenario.path
        texts[f"lab/config/{scenario.file_name}"] = \
            (config_of(scenario, boot, driver), 0o644)
    initrd = work / "initrd"
    initramfs.assemble(initrd, archives, files, texts)
    return initrd


def words_for(scenario: Scenario, driver: bool) -> str:
    """More of Linux' command line; what the scenario says is the last word."""
    kind = KINDS[scenario.kernel]
    switch = ON if driver and kind.builtin and scenario.switch == "on" else ""
    return " ".join(f"{switch} {kind.words} {scenario.linux}".split())


def config_of(scenario: Scenario, boot: Boot, driver: bool) -> str:
    """What the scenario may want to know of its variant, as sh variables."""
    kind = KINDS[scenario.kernel]
    how = "builtin" if kind.builtin else "module"
    values = {"SCENARIO": scenario.name, "VARIANT": scenario.variant,
              "IOMMU": scenario.iommu, "XEN": scenario.xen,
              "DRIVER": how if driver else "none", "KERNEL": scenario.kernel,
              "COUNTED": "yes" if scenario.counted else "",
              "UNLOADS": "yes" if kind.unload else "",
              "SEED": str(secrets.randbits(31))}
    for name in boot.devices:
        if not name.startswith("spare"):
            key = name.upper().replace("-", "_")
            values[f"PCI_{key}"] = address(name)
    return "".join(f"{key}={shlex.quote(value)}\n"
                   for key, value in values.items())
