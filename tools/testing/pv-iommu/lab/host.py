# SPDX-License-Identifier: GPL-2.0-only
"""The life of a Debian host: its disk boots by BIOS, GRUB and Xen; the
project's packages are installed with apt, used, and taken away again."""

import re
import tempfile
from pathlib import Path

from . import hostcycle, hostimage, hostlife, hostroot, packages
from .build import Parts
from .hostinstall import ENTRIES, Disk, Run, differences

XEN = "4.17"


def prepare(parts: Parts, kernel: str, directory: Path, work: Path) -> Run:
    """A disk to write to, in work, and the packages."""
    parts.tools()
    built = packages.build(parts)
    base = parts.fetched(lambda: hostimage.disk(parts.apt, parts.cache, kernel,
                                                XEN))
    image = work / "disk.img"
    hostimage.copy(base, image)
    return Run(parts, Disk(image, directory / "apt.log", XEN),
               built[0].parent, directory, kernel)


def install(run: Run) -> None:
    """As a user does; then DKMS, initramfs-tools and GRUB have done theirs."""
    disk = run.disk
    menu = disk.menu()
    disk.install(run.packages)
    release = disk.output("ls /lib/modules").strip()
    status = disk.output("dkms status xen-pv-iommu").strip()
    run.check(re.fullmatch(rf"xen-pv-iommu/\S+, {re.escape(release)}, x86_64: "
                           "installed", status),
              f"DKMS has built the driver for {release}", status)
    listing = disk.output(f"lsinitramfs /boot/initrd.img-{release}")
    run.check(re.search(r"/xen-pv-iommu\.ko", listing) and
              "scripts/init-top/00-xen-pv-iommu" in listing,
              "the initramfs has the driver, and what loads it", listing[-500:])
    compare_menus(run, menu, disk.menu())


def compare_menus(run: Run, before: str, after: str) -> None:
    """There are new entries, and nothing else has changed."""
    ours = ENTRIES.search(after)
    entries = re.findall(r"menuentry_id_option '([^']+)'",
                         ours[1] if ours else "")
    for entry in (run.entry, f"{run.entry}-off", f"{run.entry}-advanced"):
        run.check(entry in entries, f"GRUB's menu has the entry {entry}",
                  f"it has {entries} of the package")
    run.check(ENTRIES.sub("", after) == before,
              "the rest of the menu, and the default, are as they were",
              "grub.cfg has changed elsewhere")


def boot_once(run: Run) -> None:
    """Installed, and booted once."""
    install(run)
    run.disk.output(f"grub-reboot {run.entry}")
    with hostlife.running(run, "boot") as host:
        hostlife.first_boot(run, host)
        host.power_off()


def life(run: Run) -> None:
    """From the installation until nothing of it is left."""
    before = run.disk.state()
    install(run)
    run.disk.output(f"grub-reboot {run.entry}")
    with hostlife.running(run, "life") as host:
        for step in (hostlife.first_boot, hostlife.crash,
                     hostlife.switched_off, hostlife.fall_back,
                     hostlife.purged):
            step(run, host)
        host.power_off()
    left = differences(of_packages(before), of_packages(run.disk.state()))
    run.check(not left, "the disk's files in /boot, /etc, /lib and /usr and "
              "its packages are as they were before", " / ".join(left[:9]))


def of_packages(state: dict[str, str]) -> dict[str, str]:
    """Without what a host writes while it runs."""
    kept = re.compile(r"/(boot|etc|lib|usr|var/lib/dkms)(/|$)|package ")
    return {name: what for name, what in state.items() if kept.match(name)}


def run_all(parts: Parts, kernel: str, directory: Path, whole: bool) -> None:
    """What can be done in a few minutes, or all."""
    tmp = parts.cache.root / "tmp"
    tmp.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="host-", dir=tmp) as work:
        run = prepare(parts, kernel, directory, Path(work))
        if not whole:
            boot_once(run)
            return
        other = next(name for name in hostroot.KERNELS if name != kernel)
        hostcycle.cycle(run, hostroot.KERNELS[other])
        life(run)
