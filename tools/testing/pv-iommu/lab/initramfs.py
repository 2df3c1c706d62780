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
            "bpftrace": Path("/usr/bin/bpftrace"),
            "dpdk": Path("/usr/bin/dpdk-testpmd"),
            "kexec": Path("/sbin/kexec")}
# What they load beside the libraries that they are linked to.
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
PLUGINS = {"dpdk": [
    LIBRARIES / "dpdk/pmds-23.0/librte_net_e1000.so.23.0",
    LIBRARIES / "dpdk/pmds-23.0/librte_mempool_ring.so.23.0",
    # by libc, when a thread is cancelled
    Path("/lib/x86_64-linux-gnu/libgcc_s.so.1")]}
DIRECTORIES = "dev proc sys run tmp mnt root etc bin sbin usr/bin usr/sbin"


def libraries_of(binary: Path, root: Path = Path("/")) -> dict[str, Path]:
    """name in the guest -> file, for all shared libraries of a program; those
    that are below root are taken from there."""
    paths_of = ":".join(str(root / lib / "x86_64-linux-gnu")
                        for lib in ("lib", "usr/lib"))
    found = {}
    for line in output_of(["env", f"LD_LIBRARY_PATH={paths_of}", "ldd",
                           str(binary)]).splitlines():
        match = re.match(r"\s*(?:\S+ => )?(/\S+) \(0x", line)
        if match:
            path = Path(match[1])
            inside = path.is_relative_to(root)
            found["/" + str(path.relative_to(root)) if inside
                  else match[1]] = path
        elif "not found" in line:
            raise LabError(f"{binary}: {line.strip()}")
    return found


def busybox_root(archive: Archive) -> None:
    """What an init that is a script of busybox needs."""
    for name in DIRECTORIES.split():
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    archive.copy("bin/busybox", BUSYBOX)
    archive.link("bin/sh", "busybox")


def base(cache: Cache, kernel: Kernel) -> Path:
    """busybox and the kernel modules."""
    modules = kernel.entry() / "lib/modules"
    inputs = {"kernel": key_of(kernel.inputs()), "busybox": hash_file(BUSYBOX),
              "code": hash_file(paths.LAB / "initramfs.py"),
              "cpio": hash_file(paths.LAB / "cpio.py")}

    def build(directory: Path) -> None:
        with open(directory / "base.cpio", "wb") as file, \
                Archive(file) as archive:
            busybox_root(archive)
            archive.copy("lib/modules", modules)

    return cache.get(f"initramfs-{kernel.name}", inputs, build) / "base.cpio"


def program(cache: Cache, name: str, root: Path = Path("/")) -> Path:
    """One of PROGRAMS with its libraries, for the scenarios that ask; root is
    where it is installed."""
    files = {}
    for path in (PROGRAMS[name], *PLUGINS.get(name, ())):
        there = root / path.relative_to("/")
        files.update({str(path): there, **libraries_of(there, root)})
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
