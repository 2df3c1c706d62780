# SPDX-License-Identifier: GPL-2.0-only
"""What a check is, and what checks have in common."""

import dataclasses
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .kernel import Tools

HERE = Path(__file__).resolve().parent

Find = Callable[[Tools, Path, Sequence[str]], list[str]]
Edit = Callable[[str], str]


@dataclasses.dataclass(frozen=True)
class Plant:
    """A defect for the self-test, and what the check has to say about it.

    edit() gets the text of the file and returns it with the defect; each
    of expect is a part of a finding.
    """
    path: str
    edit: Edit
    expect: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Check:
    """find(tools, root, files) returns the findings, one string for each.

    root is a copy of the tree that it may write to; files, relative to it, are
    the ones to look at.  wants() says which files it is for.
    """
    name: str
    wants: Callable[[str], bool]
    find: Find
    plants: tuple[Plant, ...]
    slow: bool = False


def append(text: str) -> Edit:
    """An edit that adds text at the end."""
    return lambda old: old + text


def output(argv: Iterable[str | Path], cwd: Path) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of one tool."""
    done = subprocess.run([str(arg) for arg in argv], cwd=cwd, text=True,
                          errors="replace", capture_output=True,
                          stdin=subprocess.DEVNULL,
                          env=dict(os.environ, LC_ALL="C.UTF-8",
                                   PYTHONDONTWRITEBYTECODE="1"))
    return done.returncode, done.stdout, done.stderr


def linted(name: str, argv: Iterable[str | Path], cwd: Path) -> list[str]:
    """The lines of a tool that prints its findings and fails if it has any.

    One that fails without a word has broken down, which is a finding, too.
    """
    code, out, err = output(argv, cwd)
    lines = [line for line in (out + err).splitlines() if line.strip()]
    if code and not lines:
        return [f"{name} ended with status {code} and said nothing"]
    return lines if code else []
