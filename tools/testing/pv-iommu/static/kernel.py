# SPDX-License-Identifier: GPL-2.0-only
"""What the checks take from Debian: tools, kernel headers, scripts/."""

import shutil
import tempfile
from pathlib import Path

from lab import fetch, kernels, paths
from lab.apt import Apt, unpack
from lab.cache import Cache
from lab.ui import run_logged

# Some semantic patches are partly OCaml; the compiler is 110 MB to fetch.
PACKAGES = """
git make gcc libc6-dev binutils xz-utils perl python3
sparse coccinelle ocaml shellcheck pylint flake8 mypy reuse python3-sphinx
""".split()

# Of kernels.KINDS: those whose headers the modules are built for.
HEADERS = ("6.12", "6.1")

# Debian's headers come without checkpatch.pl and the semantic patches.
SOURCE = "linux-source-6.12"


class Tools:
    """Everything is installed or fetched before the first check."""

    def __init__(self) -> None:
        self.cache = Cache(paths.cache_dir())
        self.cache.root.mkdir(parents=True, exist_ok=True)
        apt = Apt(self.cache)
        apt.install(PACKAGES)
        self.headers = {}
        for name in HEADERS:
            kernel = fetch.Kernel(apt, self.cache, name,
                                  kernels.KINDS[name].package)
            self.headers[name] = kernel.headers()
        common = self.headers["6.12"].name.replace("amd64", "common")
        self.include = Path("/usr/src") / common / "include"
        self.scripts = self._scripts(apt)

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
