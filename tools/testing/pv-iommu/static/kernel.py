# SPDX-License-Identifier: GPL-2.0-only
"""What the checks take from Debian: tools, kernel headers, scripts/."""

import re
import shutil
import tempfile
from pathlib import Path

from lab import paths
from lab.apt import Apt, unpack
from lab.cache import Cache
from lab.ui import LabError, run_logged

# Some semantic patches are partly OCaml; the compiler is 110 MB to fetch.
PACKAGES = """
git make gcc libc6-dev binutils xz-utils perl python3
sparse coccinelle ocaml shellcheck pylint flake8 mypy
""".split()

# release -> the package that depends on its headers
HEADERS = {"6.12": "linux-headers-6.12-amd64", "6.1": "linux-headers-amd64"}

# Debian's headers come without checkpatch.pl and the semantic patches.
SOURCE = "linux-source-6.12"


class Tools:
    """Everything is installed or fetched before the first check."""

    def __init__(self) -> None:
        self.cache = Cache(paths.cache_dir())
        self.cache.root.mkdir(parents=True, exist_ok=True)
        apt = Apt(self.cache)
        apt.install(PACKAGES)
        self.headers = {release: self._headers(apt, release, package)
                        for release, package in HEADERS.items()}
        common = self.headers["6.12"].name.replace("amd64", "common")
        self.include = Path("/usr/src") / common / "include"
        self.scripts = self._scripts(apt)

    def _headers(self, apt: Apt, release: str, package: str) -> Path:
        depends = apt.candidate(package).get("Depends", "")
        match = re.match(r"linux-headers-(\S+)", depends)
        if not match or not match[1].startswith(f"{release}."):
            raise LabError(f"{package} depends on no headers of {release}: "
                           f"'{depends}'")
        apt.install([match[0]])
        path = Path("/usr/src") / match[0]
        if not (path / "Makefile").exists():
            raise LabError(f"{match[0]} is installed but has no {path}")
        return path

    def _scripts(self, apt: Apt) -> Path:
        record = apt.candidate(SOURCE)
        inputs = {"package": SOURCE, "version": record["Version"],
                  "sha256": record["SHA256"]}

        def build(directory: Path) -> None:
            deb = apt.download(SOURCE, record["Version"], record["SHA256"])
            with tempfile.TemporaryDirectory(dir=self.cache.root) as tmp:
                unpack(deb, Path(tmp))
                run_logged("unpacking the kernel's scripts",
                           ["tar", "-xf", f"{tmp}/usr/src/{SOURCE}.tar.xz",
                            "-C", tmp, "--wildcards", "--strip-components=1",
                            "*/scripts/*"], self.cache.logs() / "scripts.log")
                shutil.move(f"{tmp}/scripts", directory)

        return self.cache.get("kernel-scripts", inputs, build) / "scripts"
