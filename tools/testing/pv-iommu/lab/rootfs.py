# SPDX-License-Identifier: GPL-2.0-only
"""A root directory with some of Debian's packages, as mmdebstrap makes it."""

from collections.abc import Sequence
from pathlib import Path

from .apt import RELEASE, machine_sources
from .ui import run_logged

# Nobody reads there.
WITHOUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*",
           "/usr/share/info/*")


def install(packages: Sequence[str], root: Path, log: Path, what: str) -> None:
    """Install packages, and what they depend on, in a new directory."""
    sources = root.with_name(f"{root.name}.list")
    sources.write_text("".join(
        f"deb {f'[{options}] ' if options else ''}{uri} {suite} "
        f"{' '.join(components)}\n"
        for options, uri, suite, components in machine_sources()
        if suite.startswith(RELEASE)))
    run_logged(f"installing {what} in a directory",
               ["mmdebstrap", "--mode=root", "--variant=minbase",
                f"--include={','.join(packages)}",
                *[f"--dpkgopt=path-exclude={path}" for path in WITHOUT],
                RELEASE, str(root), str(sources)], log)
    sources.unlink()
