# SPDX-License-Identifier: GPL-2.0-only
"""Checks of shell scripts and of Python."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from .check import HERE, Check, Plant, append, linted
from .kernel import Tools

TESTING = "tools/testing/pv-iommu/"


def shellcheck(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    scripts = [name for name in files if is_shell(root / name)]
    # a scenario has its directive instead of a first line
    return linted("shellcheck", ["shellcheck", "--format=gcc", *scripts],
                  root) if scripts else []


def is_shell(path: Path) -> bool:
    if path.suffix == ".sh":
        return True
    with open(path, "rb") as file:
        first = file.readline()
    return first.startswith(b"#!") and first.rstrip().endswith(b"sh")


def modules(files: Iterable[str]) -> list[str]:
    """What pylint is given: packages as such, other files by name."""
    packages = {name.removesuffix("/__init__.py") for name in files
                if name.endswith("/__init__.py")}
    return sorted(packages) + [
        name for name in files if not any(name.startswith(f"{package}/")
                                          for package in packages)]


def pylint(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    env = ["env", f"PYTHONPATH={root / TESTING}"]
    return [line for line in
            linted("pylint", [*env, "pylint", f"--rcfile={HERE}/pylintrc",
                              "--score=n", *modules(files)], root)
            if not line.startswith("*****")]


def flake8(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    return linted("flake8", ["flake8", "--isolated", "--max-line-length=80",
                             *files], root)


def mypy(_tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    return linted("mypy", ["mypy", f"--config-file={HERE}/mypy.ini",
                           "--no-error-summary", *files], root)


def is_python(name: str) -> bool:
    return name.endswith(".py")


BAD_SH = '\nplanted=$(ls)\necho $planted\n'
BAD_PY = "\n\ndef planted():\n    import os\n    return plantet  \n"
BAD_TYPE = '\nPLANTED: int = "one"\n'

CHECKS = (
    Check("shellcheck", lambda name: True, shellcheck,
          (Plant(TESTING + "scenarios/io-nvme.sh", append(BAD_SH),
                 ("SC2086",)),
           Plant(".ci/run", append(BAD_SH), ("SC2086",)),
           Plant("packaging/initramfs-tools/hooks/xen-pv-iommu",
                 append(BAD_SH), ("SC2086",)))),
    Check("pylint", is_python, pylint,
          (Plant(TESTING + "lab/ui.py", append(BAD_PY),
                 ("undefined-variable", "unused-import")),
           Plant(TESTING + "kunit/qemu.py", append("\ndef (\n"),
                 ("syntax-error",)))),
    Check("flake8", is_python, flake8,
          (Plant(TESTING + "series/intree.py", append(BAD_PY),
                 ("F821", "F401", "W291")),)),
    Check("mypy --strict", is_python, mypy,
          (Plant(TESTING + "lab/ui.py", append(BAD_PY), ("[no-untyped-def]",)),
           *(Plant(TESTING + name, append(BAD_TYPE), ("[assignment]",))
             for name in ("lab/tests/test_cache.py", "bench/text.py",
                          "static/tree.py", "series/intree.py",
                          "kunit/qemu.py"))), slow=True),
)
