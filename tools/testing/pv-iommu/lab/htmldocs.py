# SPDX-License-Identifier: GPL-2.0-only
"""The documentation and the manual pages, as HTML."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from .ui import LabError

TOOLS = ("python3-sphinx",)
DOCUMENTATION = "Documentation/pv-iommu"
MANUALS = "tools/pv-iommu"
ROOT = "contents"


def build(tree: Path, out: Path) -> list[str]:
    """Pages of what is in @tree go to @out; what sphinx finds wrong there."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory)
        pages = ["index"]
        for kind in ("*.rst", "*.svg"):
            for path in sorted((tree / DOCUMENTATION).glob(kind)):
                shutil.copy(path, source)
        for path in sorted((tree / MANUALS).glob("*.8.rst")):
            shutil.copy(path, source)
            pages.append(path.name.removesuffix(".rst"))
        (source / f"{ROOT}.rst").write_text("\n".join(
            ["Xen PV-IOMMU", "============", "", ".. toctree::", "",
             *(f"   {page}" for page in pages), ""]))
        done = subprocess.run(
            ["sphinx-build", "-C", "-q", "-b", "html", "-D",
             "project=Xen PV-IOMMU", "-D", f"root_doc={ROOT}", "-D",
             "html_copy_source=0", str(source), str(out)],
            text=True, capture_output=True, check=False)
    said = [line.replace(f"{source}/", "") for line in
            (done.stdout + done.stderr).splitlines() if line]
    if done.returncode and not said:
        raise LabError(f"sphinx-build ended with {done.returncode}")
    return said
