# SPDX-License-Identifier: GPL-2.0-only
"""Checks of shell scripts and of Python."""

from .check import HERE, Check, Plant, append, linted

TESTING = "tools/testing/pv-iommu/"


def shellcheck(_tools, root, files):
    scripts = [name for name in files if is_shell(root / name)]
    # a scenario has its directive instead of a first line
    return linted("shellcheck", ["shellcheck", "--format=gcc", *scripts],
                  root) if scripts else []


def is_shell(path):
    if path.suffix == ".sh":
        return True
    with open(path, "rb") as file:
        first = file.readline()
    return first.startswith(b"#!") and first.rstrip().endswith(b"sh")


def modules(files):
    """What pylint is given: packages as such, other files by name."""
    packages = {name.removesuffix("/__init__.py") for name in files
                if name.endswith("/__init__.py")}
    return sorted(packages) + [
        name for name in files if not any(name.startswith(f"{package}/")
                                          for package in packages)]


def pylint(_tools, root, files):
    env = ["env", f"PYTHONPATH={root / TESTING}"]
    return [line for line in
            linted("pylint", [*env, "pylint", f"--rcfile={HERE}/pylintrc",
                              "--score=n", *modules(files)], root)
            if not line.startswith("*****")]


def flake8(_tools, root, files):
    return linted("flake8", ["flake8", "--isolated", "--max-line-length=80",
                             *files], root)


def is_python(name):
    return name.endswith(".py")


BAD_SH = '\nplanted=$(ls)\necho $planted\n'
BAD_PY = "\n\ndef planted():\n    import os\n    return plantet  \n"

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
)
