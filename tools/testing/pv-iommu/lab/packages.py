# SPDX-License-Identifier: GPL-2.0-only
"""The project's Debian packages, built as Debian builds them."""

import hashlib
import re
import shutil
import tempfile
import textwrap
from pathlib import Path

from . import fetch, paths
from .build import Parts, copy_tree, source_files
from .cache import Inputs, hash_file, hash_files
from .ui import LabError, output_of, run_logged

TOOLS = """
debhelper dh-dkms dkms dpkg-dev fakeroot lintian python3-docutils
""".split()

PARTS = ("debian", "drivers/xen/pv-iommu", "include", "packaging",
         "tools/pv-iommu")
CHANGES = paths.TREE / "CHANGELOG.md"

# Debian's copyright file of Xen is that of the package; this is added to it.
OVERLAY = """
Files: xen/drivers/passthrough/pv-iommu/* xen/include/public/iommu_op.h
Copyright: 2026 The Xen PV-IOMMU authors
License: GPL-2
"""

HEADING = re.compile(r"^## (\d[\d.]*) - (\d{4}-\d\d-\d\d|not released)$", re.M)


def files() -> list[Path]:
    found = [path for part in PARTS for path in source_files(paths.TREE / part)]
    return [*found, *paths.TOOLS.glob("*.rst"), CHANGES]


def control() -> str:
    return (paths.TREE / "debian/control").read_text()


def xens() -> list[str]:
    """The versions of Xen that there is a package of."""
    return re.findall(r"^Package: xen-hypervisor-(\S+)-pv-iommu$", control(),
                      re.M)


def hypervisor(parts: Parts, version: str, directory: Path) -> None:
    """What debian/rules packs of one version: the very hypervisor that the
    lab boots as "ref", and where it comes from."""
    source, _ = fetch.xen_pin()
    if not source.startswith(f"{version}."):
        raise LabError(f"debian/control has a package of Xen {version}, and "
                       f"the lab builds {source}")
    xen = parts.xen("ref")
    directory.mkdir(parents=True)
    shutil.copy(xen, directory / "xen")
    shutil.copy(xen.parent / "config", directory / "config")
    (directory / "version").write_text(f"{source}\n")
    tar = next(fetch.xen_source(parts.cache).glob("*.debian.tar.xz"))
    text = output_of(["tar", "-xOf", str(tar), "debian/copyright"])
    (directory / "copyright").write_text(f"{text.rstrip()}\n{OVERLAY}")


def maintainer() -> str:
    text = control()
    found = re.search(r"^Maintainer: (.*)$", text, re.M)
    if not found:
        raise LabError("debian/control names no maintainer")
    return found[1]


def last_change() -> str:
    """When it last changed, as "date" takes it: the same for all who build
    the same commit."""
    try:
        return output_of(["git", "log", "-1", "--format=%cI", "--", *PARTS,
                          CHANGES.name], paths.TREE).strip()
    except LabError:
        return f"@{CHANGES.stat().st_mtime:.0f}"


def entry(version: str, date: str, body: str, whose: str) -> str:
    """One version of CHANGELOG.md as Debian's changelog has it."""
    items = [" ".join(item.split())
             for item in re.split(r"^- ", body, flags=re.M)[1:]]
    if not items:
        raise LabError(f"CHANGELOG.md says nothing of version {version}")
    released = date != "not released"
    day = output_of(["date", "-R", "-u", "-d",
                     date if released else last_change()]).strip()
    lines = "\n".join(textwrap.fill(item, 78, initial_indent="  * ",
                                    subsequent_indent="    ")
                      for item in items)
    return (f"xen-pv-iommu ({version}) "
            f"{'unstable' if released else 'UNRELEASED'}; urgency=medium\n\n"
            f"{lines}\n\n -- {whose}  {day}\n")


def changelog(text: str, whose: str) -> str:
    """Debian's changelog, of CHANGELOG.md's text."""
    parts = HEADING.split(text)[1:]
    if not parts:
        raise LabError("CHANGELOG.md has no line '## VERSION - DATE'")
    return "\n".join(entry(parts[i], parts[i + 1], parts[i + 2], whose)
                     for i in range(0, len(parts), 3))


def pack(parts: Parts, changes: str, directory: Path) -> None:
    """Build the packages, and an index of them, in a directory."""
    tmp_root = parts.cache.root / "tmp"
    tmp_root.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tmp_root) as tmp:
        tree = Path(tmp, "xen-pv-iommu")
        copy_tree(files(), tree)
        text = changelog(changes, maintainer())
        (tree / "debian/changelog").write_text(text)
        for xen in xens():
            hypervisor(parts, xen, tree / "hypervisor" / xen)
        run_logged("building the Debian packages",
                   ["dpkg-buildpackage", "-us", "-uc", "-b"],
                   parts.cache.logs() / "packages.log", cwd=tree)
        for path in Path(tmp).glob("xen-*_*"):
            if path.is_file():
                shutil.move(path, directory)
    index = output_of(["dpkg-scanpackages", "--multiversion", "."], directory)
    (directory / "Packages").write_text(index)


def build(parts: Parts, changes: str = "") -> list[Path]:
    """The packages, built if what they are made of has changed; in their
    directory is an index, too, so that it can be an apt source.

    changes: instead of CHANGELOG.md's text."""
    parts.apt.install(TOOLS)
    changes = changes or CHANGES.read_text()

    def inputs() -> Inputs:
        return {"debhelper": output_of(["dpkg-query", "-Wf", "${Version}",
                                        "debhelper"]),
                "changes": hashlib.sha256(changes.encode()).hexdigest(),
                "date": last_change(),
                **{f"xen {xen}": hash_file(parts.xen("ref")) for xen in xens()},
                **hash_files([*files(), paths.LAB / "packages.py"],
                             paths.TREE)}

    return sorted(parts.cache.get(
        "packages", inputs,
        lambda directory: pack(parts, changes, directory)).glob("*.deb"))


def built_again(parts: Parts) -> list[str]:
    """Names of the packages that come out otherwise when built once more, in
    another directory."""
    first = build(parts)
    with tempfile.TemporaryDirectory(dir=parts.cache.root / "tmp") as tmp:
        pack(parts, CHANGES.read_text(), Path(tmp))
        return [path.name for path in first
                if hash_file(path) != hash_file(Path(tmp, path.name))]
