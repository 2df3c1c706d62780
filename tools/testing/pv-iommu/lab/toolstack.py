# SPDX-License-Identifier: GPL-2.0-only
"""Xen's toolstack for dom0, as Debian installs it, on a disk; and what a guest
of it boots."""

import shutil
from pathlib import Path

from . import paths, rootfs
from .apt import Apt
from .cache import Cache, hash_file, hash_files, key_of
from .cpio import Archive
from .fetch import GUEST_MODULES, module_name
from .initramfs import BUSYBOX, busybox_root
from .kernels import Kernel
from .ui import output_of, run_logged

# The last one is for guests, which mount the disk, too.
PACKAGES = ("xen-utils-4.17", "xen-utils-common", "xenstore-utils",
            "qemu-system-xen", "iproute2", "kmod", "fio")


def disk(apt: Apt, cache: Cache) -> Path:
    """An image of a file system with PACKAGES and all that they need."""
    apt.install(["mmdebstrap", "e2fsprogs"])
    records = apt.with_depends(PACKAGES, ())
    inputs = {package: f"{record['Version']} {record['SHA256']}"
              for package, record in records.items()}
    for path in (Path(__file__), Path(rootfs.__file__)):
        inputs[path.name] = hash_file(path)

    def build(directory: Path) -> None:
        root, log = directory / "root", cache.logs() / "toolstack.log"
        rootfs.install(PACKAGES, root, log, f"{PACKAGES[0]} and what it needs")
        size = int(output_of(["du", "-sk", str(root)]).split()[0]) // 1024
        run_logged("making a disk of it",
                   ["mkfs.ext4", "-q", "-O", "^has_journal", "-d", str(root),
                    str(directory / "disk.img"), f"{size + 64}M"], log)
        shutil.rmtree(root)

    return cache.get("toolstack", inputs, build) / "disk.img"


def guest_base(cache: Cache, kernel: Kernel) -> Path:
    """A guest's root: busybox, modules, the init that runs its script."""
    source = kernel.entry() / "lib/modules"
    init = paths.LAB_GUEST / "guest-init"
    inputs = {"kernel": key_of(kernel.inputs()), "busybox": hash_file(BUSYBOX),
              "init": hash_file(init),
              **hash_files([paths.LAB / name for name in
                            ("toolstack.py", "initramfs.py", "cpio.py")],
                           paths.LAB)}

    def build(directory: Path) -> None:
        with open(directory / "base.cpio", "wb") as file, \
                Archive(file) as archive:
            busybox_root(archive)
            archive.copy("init", init)
            for path in modules(source):
                archive.copy(f"lib/modules/{path.relative_to(source)}", path)

    return cache.get(f"guest-base-{kernel.name}", inputs, build) / "base.cpio"


def modules(source: Path) -> list[Path]:
    """Of dom0's modules those of a guest that are not built in, with what they
    depend on, and the list of that."""
    listing = next(source.rglob("modules.dep"))
    needs = {path: rest.split() for path, _, rest in
             (line.partition(":") for line in listing.read_text().splitlines())}
    found = {path for path in needs if module_name(path) in GUEST_MODULES}
    found.update(*(needs[path] for path in list(found)))
    return [listing, *(listing.parent / path for path in sorted(found))]
