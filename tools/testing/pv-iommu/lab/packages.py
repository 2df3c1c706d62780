# SPDX-License-Identifier: GPL-2.0-only
"""The project's Debian packages, built as Debian builds them."""

import email.utils
import re
import shutil
import tempfile
import textwrap
from pathlib import Path

from . import paths
from .build import Parts, copy_tree, source_files
from .cache import Inputs, hash_files
from .ui import LabError, output_of, run_logged

TOOLS = """
debhelper dh-dkms dkms dpkg-dev fakeroot lintian python3-docutils
""".split()

PARTS = ("debian", "drivers/xen/pv-iommu", "include", "packaging",
         "tools/pv-iommu")
CHANGES = paths.TREE / "CHANGELOG.md"

HEADING = re.compile(r"^## (\d[\d.]*) - (\d{4}-\d\d-\d\d|not released)$", re.M)


def files() -> list[Path]:
    found = [path for part in PARTS for path in source_files(paths.TREE / part)]
    return [*found, *paths.TOOLS.glob("*.rst"), CHANGES]


def maintainer() -> str:
    text = (paths.TREE / "debian/control").read_text()
    found = re.search(r"^Maintainer: (.*)$", text, re.M)
    if not found:
        raise LabError("debian/control names no maintainer")
    return found[1]


def entry(version: str, date: str, body: str, whose: str) -> str:
    """One version of CHANGELOG.md as Debian's changelog has it."""
    items = [" ".join(item.split())
             for item in re.split(r"^- ", body, flags=re.M)[1:]]
    if not items:
        raise LabError(f"CHANGELOG.md says nothing of version {version}")
    released = date != "not released"
    day = output_of(["date", "-R", "-u", "-d", date]).strip() if released \
        else email.utils.formatdate()
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


def build(parts: Parts) -> list[Path]:
    """The packages, built if what they are made of has changed."""
    parts.apt.install(TOOLS)

    def inputs() -> Inputs:
        return {"debhelper": output_of(["dpkg-query", "-Wf", "${Version}",
                                        "debhelper"]),
                **hash_files([*files(), paths.LAB / "packages.py"],
                             paths.TREE)}

    def make(directory: Path) -> None:
        with tempfile.TemporaryDirectory(dir=parts.cache.root / "tmp") as tmp:
            tree = Path(tmp, "xen-pv-iommu")
            copy_tree(files(), tree)
            text = changelog(CHANGES.read_text(), maintainer())
            (tree / "debian/changelog").write_text(text)
            run_logged("building the Debian packages",
                       ["dpkg-buildpackage", "-us", "-uc", "-b"],
                       parts.cache.logs() / "packages.log", cwd=tree)
            for path in Path(tmp).glob("xen-pv-iommu*_*"):
                if path.is_file():
                    shutil.move(path, directory)

    (parts.cache.root / "tmp").mkdir(exist_ok=True)
    return sorted(parts.cache.get("packages", inputs, make).glob("*.deb"))
