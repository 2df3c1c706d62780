# SPDX-License-Identifier: GPL-2.0-only
"""A disk with Debian, its Xen, and what DKMS needs; it does not boot yet."""

import shutil
from pathlib import Path

from . import rootfs
from .apt import Apt
from .cache import Cache, Inputs, hash_file
from .ui import output_of, run_logged

TOOLS = ("mmdebstrap", "e2fsprogs", "fdisk")

# What an administrator has on a Xen host, and what a user is told to install.
PACKAGES = ("systemd-sysv", "udev", "dbus", "grub-pc", "initramfs-tools",
            "zstd", "dkms", "xen-hypervisor-{xen}-amd64",
            "xen-hypervisor-common", "xen-utils-{xen}", "iproute2", "kmod",
            "pciutils", "fio", "netcat-openbsd")
KERNELS = {"6.12": "6.12-amd64", "6.1": "amd64"}

# where the partition begins: before it is room for GRUB
OFFSET = 1 << 20
# room for another kernel and for what a host writes, in MiB
FREE = 900


def packages(kernel: str, xen: str) -> list[str]:
    name = KERNELS[kernel]
    return [package.format(xen=xen) for package in PACKAGES] + \
        [f"linux-image-{name}", f"linux-headers-{name}"]


def inputs_of(apt: Apt, kernel: str, xen: str) -> Inputs:
    """All that it is made of."""
    records = apt.with_depends(packages(kernel, xen), ())
    inputs = {package: f"{record['Version']} {record['SHA256']}"
              for package, record in records.items()}
    for path in (Path(__file__), Path(rootfs.__file__)):
        inputs[path.name] = hash_file(path)
    return inputs


def disk(apt: Apt, cache: Cache, kernel: str, xen: str) -> Path:
    """Its image; the root is the first partition."""
    apt.install(TOOLS)
    wanted = packages(kernel, xen)

    def build(directory: Path) -> None:
        root, log = directory / "root", cache.logs() / "host-root.log"
        rootfs.install(wanted, root, log,
                       f"a Debian host with Xen {xen} and Linux {kernel}")
        # what is installed later brings its documentation along
        for path in (root / "etc/dpkg/dpkg.cfg.d").glob("*mmdebstrap*"):
            path.unlink()
        make_disk(root, directory / "disk.img", log)
        shutil.rmtree(root)

    return cache.get(f"host-root-{kernel}-{xen}", inputs_of(apt, kernel, xen),
                     build) / "disk.img"


def make_disk(root: Path, image: Path, log: Path) -> None:
    size = int(output_of(["du", "-sk", str(root)]).split()[0]) // 1024 + FREE
    with open(image, "wb") as file:
        file.truncate(OFFSET + (size << 20))
    run_logged("partitioning a disk for it",
               ["sh", "-c", f"echo 'start={OFFSET // 512}, type=83, bootable' "
                f"| sfdisk -q -X dos {image}"], log)
    run_logged("making a file system of it",
               ["mkfs.ext4", "-q", "-E", f"offset={OFFSET}", "-d", str(root),
                str(image), f"{size}M"], log)
