# SPDX-License-Identifier: GPL-2.0-only
"""Dom0's root: busybox, kernel modules; and what one run adds to it.

The kernel takes several archives one after the other, so the large part is
cached and each run appends a small archive of its own.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from . import paths
from .cache import Cache, hash_file, key_of
from .cpio import Archive
from .kernels import Kernel
from .ui import LabError, output_of

BUSYBOX = Path("/bin/busybox")
PROGRAMS = {"fio": Path("/usr/bin/fio"), "ethtool": Path("/usr/sbin/ethtool"),
            "perf": Path("/usr/bin/perf"),
            "bpftrace": Path("/usr/bin/bpftrace")}
DIRECTORIES = "dev proc sys run tmp mnt root etc bin sbin usr/bin usr/sbin"


def libraries_of(binary: Path) -> dict[str, Path]:
    """name in the guest -> file, for all shared libraries of a program."""
    found = {}
    for line in output_of(["ldd", str(binary)]).splitlines():
        match = re.match(r"\s*(?:\S+ => )?(/\S+) \(0x", line)
        if match:
            found[match[1]] = Path(match[1])
        elif "not found" in line:
            raise LabError(f"{binary}: {line.strip()}")
    return found


def base(cache: Cache, kernel: Kernel) -> Path:
    """busybox and the kernel modules."""
    modules = kernel.entry() / "lib/modules"
    inputs = {"kernel": key_of(kernel.inputs()), "busybox": hash_file(BUSYBOX),
              "code": hash_file(paths.LAB / "initramfs.py"),
              "cpio": hash_file(paths.LAB / "cpio.py")}

    def build(directory: Path) -> None:
        with open(directory / "base.cpio", "wb") as file, \
                Archive(file) as archive:
            for name in DIRECTORIES.split():
                archive.directory(name)
            archive.device("dev/console", 5, 1)
            archive.device("dev/null", 1, 3)
            archive.copy("bin/busybox", BUSYBOX)
            archive.link("bin/sh", "busybox")
            archive.copy("lib/modules", modules)

    return cache.get(f"initramfs-{kernel.name}", inputs, build) / "base.cpio"


def program(cache: Cache, name: str) -> Path:
    """One of PROGRAMS with its libraries, for the scenarios that ask."""
    path = PROGRAMS[name]
    files = {str(path): path, **libraries_of(path)}
    inputs = {key: hash_file(path) for key, path in files.items()}
    inputs["cpio"] = hash_file(paths.LAB / "cpio.py")

    def build(directory: Path) -> None:
        with open(directory / f"{name}.cpio", "wb") as file, \
                Archive(file) as archive:
            for file_name, path in files.items():
                archive.data(file_name, path.read_bytes(), 0o755)

    return cache.get(f"initramfs-{name}", inputs, build) / f"{name}.cpio"


def assemble(target: Path, archives: Iterable[Path], files: dict[str, Path],
             texts: dict[str, tuple[str, int]]) -> None:
    """One initrd: finished archives, then files and texts of this run."""
    with open(target, "wb") as out:
        for archive in archives:
            out.write(archive.read_bytes())
        with Archive(out) as own:
            for name, path in sorted(files.items()):
                own.copy(name, path)
            for name, (text, mode) in sorted(texts.items()):
                own.data(name, text.encode(), mode)
