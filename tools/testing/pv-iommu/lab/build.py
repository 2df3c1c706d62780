# SPDX-License-Identifier: GPL-2.0-only
"""What a run needs, fetched or built when first asked for."""

import filecmp
import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from . import fetch, initramfs, kernels, paths, toolstack, vmlinux
from .apt import Apt, PrivateApt
from .cache import Cache, Inputs, hash_file, hash_files
from .ui import LabError, output_of, run_logged, say

TOOLS = """
qemu-system-x86 seabios busybox-static fio ethtool linux-perf bpftrace kmod
xz-utils zstd gcc libc6-dev make binutils dpkg-dev patch bison flex
lsb-release
""".split()

# documentation, and what an earlier build in the tree may have left there
NO_SOURCES = (".o", ".ko", ".a", ".d", ".mod", ".mod.c", ".cmd", ".order",
              ".symvers", "~", ".swp", ".pyc", ".md", ".rst")

# Names a directory where trees of Xen and the driver stay when they are built.
TREES = "PV_IOMMU_TREES"

Made = TypeVar("Made")
Method = TypeVar("Method", bound=Callable[..., Any])


def source_files(directory: Path) -> list[Path]:
    """What a build may read: sources, not what an earlier build left."""
    return [path for path in sorted(directory.rglob("*")) if path.is_file()
            and "out" not in path.relative_to(directory).parts
            and not path.name.endswith(NO_SOURCES)]


def copy_tree(files: Iterable[Path], target: Path) -> None:
    for path in files:
        copy = target / path.relative_to(paths.TREE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def place(source: Path, name: str) -> Path:
    """Where a tree is to be built: where it is, or where older ones were."""
    if not (trees := os.environ.get(TREES)):
        return source
    renew(source, Path(trees, name))
    return Path(trees, name)


def renew(source: Path, built: Path) -> None:
    """Move a tree to where an older one was built; what is the same in both
    stays there as it is, with what was made of it."""
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, built)
        return
    for path in source.rglob("*"):
        older = built / path.relative_to(source)
        if path.is_file() and not (older.exists() and
                                   filecmp.cmp(path, older, shallow=False)):
            older.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, older)
    shutil.rmtree(source)


def once(method: Method) -> Method:
    """Compute a part once, even when two runs ask at the same time."""
    name = f"_{method.__name__}"

    @functools.wraps(method)
    def wrapper(self: "Parts", *args: str) -> Any:
        with self.lock:
            if (name, args) not in self.known:
                self.known[name, args] = method(self, *args)
            return self.known[name, args]
    return cast(Method, wrapper)


class Parts:
    def __init__(self) -> None:
        self.cache = Cache(paths.cache_dir())
        self.cache.root.mkdir(parents=True, exist_ok=True)
        self.apt = Apt(self.cache)
        self.lock = threading.RLock()
        self.known: dict[tuple[str, Sequence[str]], Any] = {}

    @once
    def tools(self) -> bool:
        self.apt.install(TOOLS)
        return True

    @once
    def compiler(self) -> str:
        self.tools()
        return output_of(["gcc", "--version"]).splitlines()[0]

    def fetched(self, make: Callable[[], Made], apt: Apt | None = None) -> Made:
        """Fetch; once more with new package lists if that did not work."""
        apt = apt or self.apt
        try:
            return make()
        except LabError as err:
            if apt.updated:
                raise
            say(f"lab: {err}\nlab: the package lists may be old")
            apt.update()
            return make()

    @once
    def linux_source(self, version: str) -> kernels.Source:
        self.tools()
        self.apt.install(kernels.TOOLS)
        return self.fetched(
            lambda: kernels.source(self.apt, self.cache, version))

    def source_used(self) -> str:
        """Which source the kernels that are built here are of, if any is."""
        linux: kernels.Source | None = \
            self.known.get(("_linux_source", (kernels.SOURCE,)))
        return linux.about if linux else ""

    @once
    def kernel(self, name: str) -> kernels.Kernel:
        """One of kernels.KINDS, its image and headers there."""
        self.tools()
        kind = kernels.KINDS[name]
        if kind.package:
            def make() -> kernels.Kernel:
                kernel = fetch.Kernel(self.apt, self.cache, name, kind.package)
                kernel.headers()
                kernel.entry()
                return kernel

            return self.fetched(make)
        return self.self_built(name)

    @once
    def self_built(self, name: str) -> kernels.SelfBuilt:
        """One of those that are built here."""
        if kernels.KINDS[name].package:
            raise LabError(f"{name} is Debian's kernel, and not built here")
        self.tools()
        kernel = kernels.SelfBuilt(self.linux_source(kernels.SOURCE),
                                   self.cache, self.compiler(), name)
        kernel.entry()
        return kernel

    @once
    def kernel_packed(self, name: str) -> Path:
        """The kernel as a boot loader wants it."""
        return self.kernel(name).entry() / "vmlinuz"

    @once
    def kernel_image(self, name: str) -> Path:
        """The same unpacked, as Xen takes it, too."""
        packed = self.kernel_packed(name)

        def build(directory: Path) -> None:
            (directory / "vmlinux").write_bytes(
                vmlinux.payload_of(packed.read_bytes()))

        inputs = {"vmlinuz": hash_file(packed),
                  "code": hash_file(Path(vmlinux.__file__))}
        return self.cache.get(f"vmlinux-{name}", inputs, build) / "vmlinux"

    @once
    def pattern(self) -> Path:
        """The program that makes and compares data, for the host."""
        self.tools()
        source = paths.GUEST / "pattern.c"

        def inputs() -> Inputs:
            return {**hash_files([source], paths.TREE),
                    "compiler": self.compiler()}

        def build(directory: Path) -> None:
            run_logged("building the program that compares data",
                       ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o",
                        str(directory / "pattern"), str(source)],
                       self.cache.logs() / "pattern.log")

        return self.cache.get("pattern", inputs, build) / "pattern"

    @once
    def initramfs(self, name: str) -> Path:
        return initramfs.base(self.cache, self.kernel(name))

    @once
    def program(self, name: str) -> Path:
        self.tools()
        root = Path("/") if name not in fetch.APART else self.fetched(
            lambda: fetch.apart(self.apt, self.cache, name))
        return initramfs.program(self.cache, name, root)

    @once
    def toolstack(self) -> Path:
        """A disk with xl and all that it needs."""
        self.tools()
        return self.fetched(lambda: toolstack.disk(self.apt, self.cache))

    @once
    def guest_base(self, name: str) -> Path:
        return toolstack.guest_base(self.cache, self.kernel(name))

    @once
    def xen(self, flavour: str) -> Path:
        self.tools()
        kind, _, release = flavour.partition("-")
        release = release or fetch.XEN
        if kind == "debian":
            apt = self.apt if fetch.XENS[release] == self.apt.suite else \
                PrivateApt(self.cache, "deb", fetch.XENS[release])
            return self.fetched(
                lambda: fetch.debian_xen(apt, self.cache, release), apt)
        return self.reference_xen(flavour, kind, release)

    def source_inputs(self, directory: Path,
                      kernel: kernels.Kernel) -> Callable[[], Inputs]:
        """What goes into a build of C sources for one of dom0's kernels."""
        def inputs() -> Inputs:
            files = source_files(directory) + source_files(paths.INTERFACE)
            return {**hash_files(files, paths.TREE),
                    "compiler": self.compiler(),
                    "kernel": kernel.version()}
        return inputs

    @once
    def module(self, name: str) -> Path:
        """The driver as a module: built in a copy of it, for the headers of
        a kernel of Debian's, or together with one of our own."""
        if kernels.KINDS[name].variant:
            return self.self_built(name).module()
        headers = self.kernel(name).headers()
        inputs = self.source_inputs(paths.DRIVER, self.kernel(name))

        def build(directory: Path) -> None:
            copy = directory / "tree"
            copy_tree(source_files(paths.DRIVER) +
                      source_files(paths.INTERFACE), copy)
            tree = place(copy, f"driver-{name}")
            source = tree / paths.DRIVER.relative_to(paths.TREE)
            run_logged(f"building the driver for {name}",
                       ["make", "-j2", "-C", str(headers), f"M={source}",
                        "CONFIG_XEN_PV_IOMMU=m", "modules"],
                       self.cache.logs() / "driver.log")
            made = source / "xen-pv-iommu.ko"
            if not made.exists():
                raise LabError(f"make in {paths.DRIVER} built no {made.name}")
            shutil.move(made, directory)
            shutil.rmtree(copy, ignore_errors=True)

        return self.cache.get(f"driver-{name}", inputs,
                              build) / "xen-pv-iommu.ko"

    def reference_xen(self, flavour: str, kind: str, release: str) -> Path:
        """Debian's Xen source with the overlay, hypervisor only."""
        version, files = fetch.xen_pin(release)
        linker = output_of(["ld", "--version"]).splitlines()[0]

        def inputs() -> Inputs:
            overlay = [path for path in paths.OVERLAY.rglob("*")
                       if path.is_file() and path.suffix not in (".md", ".rst")]
            return {**hash_files(overlay + source_files(paths.INTERFACE),
                                 paths.TREE),
                    "source": version, "source hashes": str(files),
                    "compiler": self.compiler(), "linker": linker,
                    "flavour": kind}

        log = self.cache.logs() / f"xen-{flavour}.log"

        def build(directory: Path) -> None:
            source = fetch.unpack_xen_source(self.cache, directory,
                                             release)
            run_logged("applying the Xen overlay",
                       ["sh", str(paths.OVERLAY / "apply.sh"), str(source)],
                       log)
            tree = place(source, f"xen-{flavour}")
            argv = ["sh", str(paths.OVERLAY / "build.sh"), str(tree),
                    str(directory / "xen.elf")]
            run_logged(f"building Xen {version} ({flavour})",
                       argv + (["debug"] if kind == "debug" else []), log)
            shutil.rmtree(source, ignore_errors=True)
            os.rename(directory / "xen.elf", directory / "xen")
            os.rename(directory / "xen.elf.config", directory / "config")
            os.rename(directory / "xen.elf.map", directory / "map")

        return self.cache.get(f"xen-{flavour}", inputs, build) / "xen"

    def xen_map(self, flavour: str) -> str:
        """Where the functions are in the hypervisor that was built here; in
        another one, or none, that is not known."""
        path = self.xen(flavour).with_name("map") if flavour != "none" else None
        return path.read_text() if path and path.exists() else ""

    @once
    def plugin(self) -> Path:
        """QEMU's plugin that counts instructions."""
        files = [paths.BENCH / "instructions.c", paths.BENCH / "qemu-plugin.h"]

        def inputs() -> Inputs:
            return {**hash_files(files, paths.TREE),
                    "compiler": self.compiler()}

        def build(directory: Path) -> None:
            run_logged("building QEMU's plugin",
                       ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra",
                        "-Werror", "-o", str(directory / "instructions.so"),
                        str(files[0])], self.cache.logs() / "plugin.log")

        return self.cache.get("plugin", inputs, build) / "instructions.so"

    @once
    def guest_entry(self, name: str) -> Path:
        """Programs and test modules for dom0, built by their own Makefile."""
        headers = self.kernel(name).headers()
        inputs = self.source_inputs(paths.GUEST, self.kernel(name))

        def build(directory: Path) -> None:
            out = directory / "out"
            run_logged(f"building what runs inside dom0 ({name})",
                       ["make", "-j2", "-C", str(paths.GUEST), f"O={out}",
                        f"KDIR={headers}", "all"],
                       self.cache.logs() / "guest.log")
            for path in out.iterdir():
                if path.is_file() and (path.suffix == ".ko" or
                                       os.access(path, os.X_OK)):
                    shutil.move(path, directory)
            shutil.rmtree(out)

        return self.cache.get(f"guest-{name}", inputs, build)

    def guest(self, part: str, name: str) -> dict[str, Path]:
        """name in dom0 -> file, for one program or module of ours, or for a
        program of the kernel's own source."""
        path = self.guest_entry(name) / part
        if not path.is_file():
            path = self.kernel(name).entry() / "tools" / part
        if not path.is_file():
            raise LabError(f"neither {paths.GUEST} nor the kernel {name} "
                           f"has '{part}'")
        where = "lab" if path.suffix == ".ko" else "lab/bin"
        return {f"{where}/{part}": path}
