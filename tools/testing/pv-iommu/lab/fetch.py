# SPDX-License-Identifier: GPL-2.0-only
"""What the lab takes from Debian: Xen (binary and source) and kernels."""

import gzip
import lzma
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from . import devices, paths
from .apt import RELEASE, Apt, PrivateApt, unpack
from .cache import Cache, Inputs
from .ui import LabError, output_of, run_logged

# Releases of Xen: which of Debian's has them.  The first one is the default.
XENS = {"4.17": RELEASE, "4.20": "trixie"}
XEN = next(iter(XENS))
# Programs for dom0 that are not installed on this machine: packages, and what
# they depend on but need not have.  libc6 is the machine's own, as for others.
APART = {
    # Installed, it would be two hundred packages, most of them for building.
    # Beside what testpmd is linked to it has the driver for the lab's card, and
    # its pools of memory.
    "dpdk": (("dpdk-dev", "librte-net-e1000-23", "librte-mempool-ring23",
              "libgcc-s1"),
             ("libdpdk-dev", "python3", "rdma-core", "adduser", "libc6")),
    # Installed, it would reboot this machine in another way.
    "kexec": (("kexec-tools",), ("debconf", "cdebconf", "libc6")),
}

# Modules that a guest may load.
GUEST_MODULES = {"xen_blkfront", "xen_netfront", "xen_pcifront", "nvme", "ext4",
                 "crc32c_generic"}

# Modules that dom0 may load; what they depend on comes along.
MODULES = sorted({"uas", "xen_privcmd", "xenfs", "xen_gntdev", "xen_gntalloc",
                  "crc32c_generic", "vfio_iommu_type1", "vfio_pci",
                  # of a dom0 that serves guests
                  "xen_evtchn", "xen_blkback", "xen_netback", "bridge", "loop",
                  "overlay", "xen_pciback"}
                 | GUEST_MODULES | devices.all_modules())


def xen_flavours() -> list[str]:
    """What a machine of the lab can boot: the overlay with assertions or
    without, or what Debian has, of XEN or with "-RELEASE"; or no Xen."""
    names = ["debug", "ref", "debian"]
    for release in XENS:
        if release != XEN:
            names += [f"{kind}-{release}" for kind in ("debug", "ref")
                      if (paths.OVERLAY / release).exists()]
            names.append(f"debian-{release}")
    return names + ["none"]


def xen_pin(release: str = XEN) -> tuple[str, dict[str, str]]:
    """(version, {file: sha256}) of the Xen source package."""
    version, files = "", {}
    listing = paths.OVERLAY / release / "source.pin"
    for line in listing.read_text().splitlines():
        if line and not line.startswith("#"):
            first, second = line.split()
            if first == "version":
                version = second
            else:
                files[second] = first
    return version, files


def xen_source(cache: Cache, release: str = XEN) -> Path:
    """The directory with the fetched, checked files of the source package."""
    version, files = xen_pin(release)

    def build(directory: Path) -> None:
        PrivateApt(cache, "deb-src", XENS[release]).fetch_source(
            "xen", version, files, directory)

    return cache.get("xen-source", {"version": version, **files}, build)


def unpack_xen_source(cache: Cache, directory: Path,
                      release: str = XEN) -> Path:
    """Unpack the source as Debian patches it into directory/xen."""
    source = xen_source(cache, release)
    dsc = next(source.glob("*.dsc"))
    log = cache.logs() / "xen-source.log"
    run_logged("unpacking Xen's source",
               ["dpkg-source", "--no-check", "-x", str(dsc),
                str(directory / "xen")], log)
    return directory / "xen"


def debian_xen(apt: Apt, cache: Cache, release: str) -> Path:
    """Debian's unmodified hypervisor, as the ELF file that QEMU boots."""
    package = f"xen-hypervisor-{release}-amd64"
    record = apt.candidate(package)

    def build(directory: Path) -> None:
        deb = apt.download(package, record["Version"], record["SHA256"])
        with tempfile.TemporaryDirectory() as tmp:
            unpack(deb, Path(tmp))
            packed = list(Path(tmp, "boot").glob("xen-*.gz"))
            if len(packed) != 1:
                raise LabError(f"{deb.name} holds {len(packed)} hypervisors")
            with gzip.open(packed[0]) as source, \
                    open(directory / "xen", "wb") as target:
                shutil.copyfileobj(source, target)

    inputs = {"version": record["Version"], "sha256": record["SHA256"]}
    return cache.get(f"debian-xen-{release}", inputs, build) / "xen"


def apart(apt: Apt, cache: Cache, name: str) -> Path:
    """A directory with one of APART and all that it needs, as if it were the
    root of a machine where it is installed."""
    records = apt.with_depends(*APART[name])

    def build(directory: Path) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            for deb in apt.fetch(records.values(), Path(tmp)):
                unpack(deb, directory)

    return cache.get(name, {package: f"{record['Version']} {record['SHA256']}"
                            for package, record in records.items()}, build)


class Kernel:
    """A kernel of Debian's: image and the few modules that dom0 needs."""

    def __init__(self, apt: Apt, cache: Cache, name: str,
                 package: str) -> None:
        self.name = name
        self.apt = apt
        self.cache = cache
        depends = apt.candidate(package).get("Depends", "")
        match = re.match(r"linux-image-(\S+)", depends)
        if not match:
            raise LabError(f"{package} depends on no kernel: '{depends}'")
        self.release = match[1]
        self.package = f"linux-image-{self.release}"
        self.record = apt.candidate(self.package)

    def inputs(self) -> Inputs:
        return {"package": self.package, "version": self.record["Version"],
                "sha256": self.record["SHA256"],
                "modules": " ".join(MODULES)}

    def version(self) -> str:
        return self.record["Version"]

    def headers(self) -> Path:
        """Install the headers that belong to this kernel; their directory."""
        package = f"linux-headers-{self.release}"
        self.apt.install([package])
        path = Path("/usr/src") / package
        if not (path / "Makefile").exists():
            raise LabError(f"{package} is installed but has no {path}")
        return path

    def entry(self) -> Path:
        return self.cache.get(f"kernel-{self.name}", self.inputs(), self._build)

    def _build(self, directory: Path) -> None:
        deb = self.apt.download(self.package, self.record["Version"],
                                self.record["SHA256"])
        with tempfile.TemporaryDirectory(dir=self.cache.root) as tmp:
            unpack(deb, Path(tmp))
            for name in ("vmlinuz", "config"):
                shutil.copy(Path(tmp, "boot", f"{name}-{self.release}"),
                            directory / name)
            output_of(["/sbin/depmod", "-b", tmp, self.release])
            pick_modules(Path(tmp, "lib/modules", self.release),
                         directory / "lib/modules" / self.release, MODULES)


def pick_modules(source: Path, target: Path, wanted: Iterable[str]) -> None:
    """Copy some modules with all that they depend on, unpacked."""
    depends, by_name = {}, {}
    for line in (source / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        depends[path] = rest.split()
        by_name[module_name(path)] = path
    builtin = {module_name(line) for line in
               (source / "modules.builtin").read_text().splitlines()}
    lines = []
    todo: list[str] = []
    for name in wanted:
        if name in by_name:
            todo.append(by_name[name])
        elif name not in builtin:
            raise LabError(f"this kernel has no module {name}")
    seen = set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += depends[path]
        plain = target / path.removesuffix(".xz")
        plain.parent.mkdir(parents=True, exist_ok=True)
        data = (source / path).read_bytes()
        plain.write_bytes(lzma.decompress(data) if path.endswith(".xz")
                          else data)
        names = [dep.removesuffix(".xz") for dep in depends[path]]
        lines.append(f"{path.removesuffix('.xz')}: {' '.join(names)}".strip())
    (target / "modules.dep").write_text("\n".join(sorted(lines)) + "\n")


def module_name(path: str) -> str:
    return Path(path).name.split(".ko")[0].replace("-", "_")
