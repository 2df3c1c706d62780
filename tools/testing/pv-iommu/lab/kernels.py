# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that dom0 may run; what is built of Debian's source of one."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import paths
from .apt import Apt, PrivateApt, unpack
from .cache import Cache, Inputs, hash_files, key_of
from .ui import LabError, Step, run_logged, say

# The source of the kernels that are built here, and the suites in which it is
# looked for; one that moves on takes its version along.
SOURCE = "7.2"
SUITES = (("sid", "7.2"), ("trixie-backports", "7.3"))
TOOLS = "bison flex bc libelf-dev patch perl git kmod unifdef".split()


@dataclass(frozen=True)
class Kind:
    """One kernel of the lab.

    package: Debian's, as it is; the driver is a module built for its headers.
    variant: self-built, see kernel/README.md; the driver is a part of it.
    unload: the driver can be unloaded; retype: a group of several devices can
    change its type; words: more for the command line, beside ON where it is
    built in.
    """
    about: str
    package: str = ""
    variant: str = ""
    unload: bool = False
    retype: bool = True
    words: str = ""

    def has(self, part: str) -> bool:
        return part in self.variant.split("+")

    @property
    def builtin(self) -> bool:
        return self.has("builtin")


ON = "xen_pv_iommu=on"
NO_KUNIT = "kunit.enable=0"
DEFAULT = "6.12"
KINDS = {
    DEFAULT: Kind("Debian's 6.12", package="linux-image-6.12-amd64",
                  unload=True),
    "6.1": Kind("Debian's 6.1", package="linux-image-amd64", retype=False),
    "7.2": Kind("7.2, the driver built in", variant="builtin+benchmark+vtd"),
    "7.2-module": Kind("7.2 with lockdep and the same, the driver a module",
                       variant="module+debug", unload=True),
    "7.2-debug": Kind("7.2 with lockdep, DMA_API_DEBUG and more, built in",
                      variant="builtin+kunit+debug+benchmark",
                      words=NO_KUNIT),
    "7.2-rt": Kind("7.2 with PREEMPT_RT and the same, built in",
                   variant="builtin+kunit+debug+rt", words=NO_KUNIT),
    "7.2-kasan": Kind("7.2 with KASAN, for KUnit without Xen",
                      variant="builtin+kunit+kasan"),
    "7.2-kcsan": Kind("7.2 with KCSAN, for KUnit without Xen",
                      variant="builtin+kunit+kcsan"),
    "7.2-gcov": Kind("7.2 that counts which lines are run, built in",
                     variant="builtin+kunit+gcov", words=NO_KUNIT),
    "7.2-gcov-module": Kind("the same, the driver a module",
                            variant="module+gcov", unload=True),
}


class Kernel(Protocol):
    """One that dom0 can run: Debian's, or self-built."""
    name: str

    def inputs(self) -> Inputs:
        """What it is made of."""

    def version(self) -> str:
        """What external modules depend on."""

    def entry(self) -> Path:
        """The cache entry with vmlinuz, config and lib/modules."""

    def headers(self) -> Path:
        """Where external modules are built."""


class Source:
    """Debian's source of a kernel, unpacked once; nothing in it is changed."""

    def __init__(self, apt: Apt, cache: Cache, version: str) -> None:
        self.apt = apt
        self.cache = cache
        self.package = f"linux-source-{version}"
        self.record = apt.candidate(self.package)
        self.about = f"{self.package} {self.record['Version']} of {apt.suite}"
        self.key = key_of({"package": self.package,
                           "sha256": self.record["SHA256"]})
        self.root = cache.root / "linux-source"

    def tree(self) -> Path:
        """The unpacked tree, as it was left after unpacking."""
        tree = self.root / self.key / "linux"
        mark = self.root / self.key / "listing"
        with self.cache.locked("linux-source", self.key):
            if not mark.exists() or mark.read_text() != listing_of(tree):
                self._unpack(tree)
                mark.write_text(listing_of(tree))
        return tree

    def _unpack(self, tree: Path) -> None:
        for old in self.root.glob("*/linux"):
            if old == tree or (old.parent / "package").read_text() == \
                    self.package:
                shutil.rmtree(old.parent)
        tree.parent.mkdir(parents=True, exist_ok=True)
        (tree.parent / "package").write_text(self.package)
        deb = self.apt.download(self.package, self.record["Version"],
                                self.record["SHA256"])
        packed = tree.parent / "deb"
        unpack(deb, packed)
        tree.mkdir()
        tar = next((packed / "usr/src").glob("linux-source-*.tar.xz"))
        run_logged(f"unpacking {self.package}",
                   ["tar", "-C", str(tree), "--strip-components=1", "-xJf",
                    str(tar)], self.cache.logs() / "linux-source.log")
        shutil.rmtree(packed)

    def work(self, compiler: str) -> Path:
        """A directory for patched sources and objects of this source."""
        return self.root / self.key / f"work-{key_of({'is': compiler})[:8]}"


def listing_of(tree: Path) -> str:
    """A digest of names, sizes and times: enough to see a change."""
    digest = hashlib.sha256()
    for directory, subdirectories, files in os.walk(tree):
        subdirectories.sort()
        for name in sorted(files):
            status = os.lstat(os.path.join(directory, name))
            digest.update(f"{directory}/{name} {status.st_size} "
                          f"{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def source(apt: Apt, cache: Cache, version: str) -> Source:
    """linux-source of 6.12 is bookworm's, that of 7.2 is where it is."""
    if version != SOURCE:
        return Source(apt, cache, version)
    why = []
    for suite, its_version in SUITES:
        try:
            return Source(PrivateApt(cache, "deb", suite), cache, its_version)
        except LabError as err:
            why.append(f"{suite}: {err}")
            say(f"lab: no linux-source-{its_version} in {why[-1]}")
    raise LabError(f"there is no source for the lab's {SOURCE} kernels: "
                   f"{'; '.join(why)}")


def series_inputs() -> Inputs:
    """What the patch series is made of; its check is no part of it."""
    files: list[Path] = []
    for top in (paths.DRIVER, paths.INTERFACE, paths.SERIES,
                paths.TREE / "Documentation/pv-iommu"):
        files += [path for path in top.rglob("*") if path.suffix in (
            ".c", ".h", ".py", ".sh", ".msg", ".rst", ".diff", ".mk", "",
            ".config", ".kunitconfig") and path.is_file()
            and not path.name.endswith((".mod.c", ".mod"))
            and path.name != "check-series.sh"]
    return hash_files(files, paths.TREE)


class SelfBuilt:
    """A kernel with the patch series, in one variant of kernel/config."""

    def __init__(self, linux: Source, cache: Cache, compiler: str,
                 name: str) -> None:
        self.linux = linux
        self.cache = cache
        self.compiler = compiler
        self.name = name
        self.kind = KINDS[name]

    def inputs(self) -> Inputs:
        files = [paths.KERNEL / "build-kernel.sh",
                 *(paths.KERNEL / f"config/{part}.config"
                   for part in ("base", *self.kind.variant.split("+")))]
        return {"source": self.linux.record["SHA256"],
                "variant": self.kind.variant, "compiler": self.compiler,
                **hash_files(files, paths.TREE), **series_inputs()}

    def version(self) -> str:
        return key_of(self.inputs())

    def entry(self) -> Path:
        """kdir is there as well; gcov if it counts."""
        return self.cache.get(f"kernel-{self.name}", self.inputs, self._build)

    def headers(self) -> Path:
        return self.entry() / "kdir"

    def module(self) -> Path:
        return next(self.entry().glob("lib/modules/*/**/xen-pv-iommu.ko"))

    def work(self) -> Path:
        return self.linux.work(self.compiler)

    def _build(self, directory: Path) -> None:
        tree = self.linux.tree()
        log = self.cache.logs() / f"kernel-{self.name}.log"
        out = directory / "out"
        with self.cache.locked("linux-source", self.linux.key):
            run_logged(f"building {self.kind.about}",
                       ["sh", str(paths.KERNEL / "build-kernel.sh"),
                        str(tree), self.kind.variant, str(out)], log,
                       env=dict(os.environ, WORK=str(self.work())),
                       timeout=5400)
        shutil.rmtree(out / "series")
        (out / "bzImage").rename(out / "vmlinuz")
        for path in out.iterdir():
            path.rename(directory / path.name)
        out.rmdir()


def make_series(cache: Cache, linux: Source, target: Path,
                build: bool) -> int:
    """Make the patch series for a kernel's source, and check it, if wanted by
    building, too; the exit code of the check, which prints what it finds."""
    tree = linux.tree()
    run_logged(f"making the series for {linux.package}",
               ["sh", str(paths.SERIES / "make-series.sh"), str(tree),
                str(target)], cache.logs() / "series.log")
    argv = ["sh", str(paths.SERIES / "check-series.sh"), str(tree), str(target)]
    with tempfile.TemporaryDirectory(dir=cache.root) as work:
        return subprocess.run(argv + [work] * build, check=False).returncode


def run_kunit(kernel: SelfBuilt, words: Sequence[str]) -> int:
    """Boot a self-built kernel with the tests, without Xen; the exit code,
    after printing results."""
    with tempfile.TemporaryDirectory() as build:
        image = Path(build, "arch/x86/boot/bzImage")
        image.parent.mkdir(parents=True)
        image.symlink_to(kernel.entry() / "vmlinuz")
        argv = ["sh", str(paths.KUNIT / "run.sh"), str(kernel.linux.tree()),
                build, *words]
        with Step(f"KUnit on {kernel.kind.about}"):
            return subprocess.run(argv, check=False,
                                  env=dict(os.environ, KUNIT_EXEC="1"),
                                  ).returncode
