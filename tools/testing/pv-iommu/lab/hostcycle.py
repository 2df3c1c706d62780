# SPDX-License-Identifier: GPL-2.0-only
"""Packages installed, upgraded, removed and purged on a disk that is off, with
kernels that the driver is for and such as it is not."""

import re
from pathlib import Path

from . import packages
from .apt import Apt
from .build import Parts
from .cache import Cache
from .hostinstall import ENTRIES, Run, differences
from .ui import LabError, run_logged

# Lower than any that there will be.
OLDER = "0.0.1"

# Kernels by name only: one that the driver is not for, and one whose headers
# are of no use.
OLD, BROKEN = "5.10.0-99-amd64", "6.99.0-broken-amd64"
PRETEND = f"""
for kernel in {OLD} {BROKEN}; do
    mkdir -p /lib/modules/$kernel/build/include
    printf 'modules:\\n\\t@echo no such compiler; false\\n' \\
        >/lib/modules/$kernel/build/Makefile
    printf 'CONFIG_%s=y\\n' XEN_DOM0 XEN_PV IOMMU_DMA >/boot/config-$kernel
    cp /boot/config-$kernel /lib/modules/$kernel/build/.config
done
"""
# What a package that is removed leaves, until it is purged.
CONFFILES = (r"/etc/(grub\.d/21_|default/grub\.d/)\S*pv-iommu"
             r"|package xen-\S*pv-iommu\S*:.* deinstall ok config-files$"
             r"|/boot/grub/grub.cfg:")

PACKAGES = "dpkg-query -Wf '${Package}\\n'"
FORGET = f"rm -r /lib/modules/{OLD} /lib/modules/{BROKEN} " \
         f"/boot/config-{OLD} /boot/config-{BROKEN}"


def older(parts: Parts) -> Path:
    """The directory of packages that are the same but for a lower version."""
    text = packages.CHANGES.read_text()
    built = packages.build(parts, packages.HEADING.sub(
        lambda found: f"## {OLDER} - {found[2]}", text, count=1))
    return built[0].parent


def another_kernel(apt: Apt, cache: Cache, name: str,
                   there: list[str]) -> Path:
    """A kernel, its headers and what they need, as a directory for apt; without
    what is there already."""
    records = apt.with_depends((f"linux-image-{name}", f"linux-headers-{name}"),
                               there)
    inputs = {package: f"{record['Version']} {record['SHA256']}"
              for package, record in records.items()}

    def build(directory: Path) -> None:
        apt.fetch(records.values(), directory)
        run_logged("making an apt source of it",
                   ["sh", "-c", "dpkg-scanpackages . >Packages"],
                   cache.logs() / "host-kernel.log", cwd=directory)

    return cache.get("host-kernel", inputs, build)


def version_of(status: str) -> list[tuple[str, str]]:
    """Of "dkms status": (version, kernel) of what is installed."""
    return re.findall(r"^xen-pv-iommu/(\S+), (\S+), x86_64: installed", status,
                      re.M)


def upgrade(run: Run) -> None:
    disk = run.disk
    disk.install(older(run.parts), "installing a lower version with apt")
    release = disk.output("ls /lib/modules").strip()
    status = disk.output("dkms status")
    run.check(version_of(status) == [(OLDER, release)],
              f"version {OLDER} is installed, its driver is there", status)
    disk.install(run.packages, "upgrading with apt")
    status = disk.output("dkms status; ls -d /usr/src/xen-pv-iommu-*")
    found = version_of(status)
    run.check(len(found) == 1 and found[0][0] != OLDER and
              f"/usr/src/xen-pv-iommu-{OLDER}" not in status,
              "it is upgraded, and of the older driver nothing is left",
              status)
    run.check(has_driver(run, release),
              "the initramfs has the driver after the upgrade", release)


def has_driver(run: Run, release: str) -> bool:
    return "/xen-pv-iommu.ko" in run.disk.output(
        f"lsinitramfs /boot/initrd.img-{release}")


def unsuitable(run: Run) -> None:
    """Kernels that it cannot be built for, when the package is installed."""
    disk = run.disk
    disk.output(PRETEND)
    said = disk.apt(run.packages, "install --reinstall xen-pv-iommu-dkms",
                    "installing it where two kernels are not for it")
    for kernel in (OLD, BROKEN):
        run.check(f"xen-pv-iommu: no driver for Linux {kernel}: it will use "
                  "xen-swiotlb" in said,
                  f"the package says that there is no driver for {kernel}",
                  said[-800:])
    run.check("BUILD_EXCLUSIVE" in said, "DKMS says why not for the old one",
              said[-800:])
    status = disk.output("dkms status; dpkg-query -Wf '${db:Status-Abbrev}' "
                         "xen-pv-iommu-dkms")
    run.check(status.rstrip().endswith("ii") and len(version_of(status)) == 1,
              "the package is installed all the same, and its driver, too",
              status)
    disk.output(FORGET)


def new_kernel(run: Run, name: str) -> None:
    """Another kernel is installed when the driver's package is there."""
    disk = run.disk
    before = disk.output("ls /lib/modules").split()
    there = disk.output(PACKAGES).split()
    directory = another_kernel(run.parts.apt, run.parts.cache, name, there)
    disk.apt(directory, f"install linux-image-{name} linux-headers-{name}",
             f"installing another kernel, linux-image-{name}, with apt")
    new = [release for release in disk.output("ls /lib/modules").split()
           if release not in before]
    if len(new) != 1:
        raise LabError(f"new kernels after apt-get install: {new}")
    status = disk.output("dkms status")
    run.check(new[0] in [kernel for _, kernel in version_of(status)],
              f"DKMS has built the driver for {new[0]}", status)
    run.check(has_driver(run, new[0]), "its initramfs has the driver", new[0])
    run.check(f"'{run.entry}-{new[0]}'" in disk.menu(),
              "GRUB's menu has an entry for it with the hypervisor of the "
              "package", "it has none")
    came = set(disk.output(PACKAGES).split()) - set(there)
    disk.output(f"apt-get -y purge {' '.join(sorted(came))}")


def taken_away(run: Run, before: dict[str, str], menu: str) -> None:
    """Removed, and then purged: what is left?"""
    disk = run.disk
    names = " ".join(disk.names())
    disk.apt(run.packages, f"remove {names}", "removing the packages with apt")
    left = differences(before, disk.state())
    others = [line for line in left if not re.match(CONFFILES, line)]
    run.check(not others and len(left) > 2,
              "removed: as Debian has it two files in /etc are left",
              " / ".join(left[:9]))
    run.check(ENTRIES.sub("", disk.menu()) == menu,
              "GRUB's menu is as before", disk.menu())
    disk.apt(run.packages, f"purge {names}", "purging them")
    left = differences(before, disk.state())
    run.check(not left, f"purged: {len(before)} files and packages are as "
              "they were before", " / ".join(left[:9]))


def cycle(run: Run, other: str) -> None:
    """All of that on one disk; other: a kernel that is not on it."""
    before = run.disk.state()
    menu = run.disk.menu()
    upgrade(run)
    unsuitable(run)
    new_kernel(run, other)
    taken_away(run, before, menu)
