# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's semantic patches, for files where they have found nothing yet.

That is kept in the cache: there are dozens of patches, and each takes a while.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from lab.cache import hash_file
from lab.ui import output_of

from .check import output
from .kernel import Tools


class Clean:
    """Pairs of a patch and a file without findings.

    What else counts (headers, the tools) is in the name of the file that they
    are in; there is one of those, the last.
    """

    def __init__(self, directory: Path, tools: Tools, root: Path) -> None:
        text = "\n".join([output_of(["spatch", "--version"]),
                          str(tools.include), str(tools.scripts),
                          *(f"{path.relative_to(root)} {hash_file(path)}"
                            for path in sorted(root.rglob("*.h")))])
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.path = directory / f"{key}.json"
        try:
            self.pairs = set(map(str, json.loads(self.path.read_text())))
        except (OSError, ValueError, TypeError):
            self.pairs = set()

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for old in self.path.parent.glob("*.json"):
            if old != self.path:
                old.unlink()
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(sorted(self.pairs)))
        part.replace(self.path)


def option_line(patch: Path) -> list[str]:
    """What a semantic patch wants to be called with."""
    for line in patch.read_text().splitlines():
        _, found, options = line.partition("Options:")
        if found and line.startswith("//"):
            return options.split()
    return []


def coccinelle(tools: Tools, root: Path, files: Sequence[str]) -> list[str]:
    found: list[str] = []
    clean = Clean(tools.cache.root / "coccinelle", tools, root)
    hashes = {name: hash_file(root / name) for name in files}
    for patch in sorted(tools.scripts.glob("coccinelle/**/*.cocci")):
        pairs = {name: f"{hash_file(patch)} {hashes[name]}" for name in files}
        todo = [name for name in files if pairs[name] not in clean.pairs]
        if not todo:
            continue
        code, out, err = output(
            ["spatch", "-D", "report", "--very-quiet", "--cocci-file", patch,
             *option_line(patch), "-I", "include", "-I", tools.include,
             *todo], root)
        found += out.splitlines()
        if code:
            found.append(f"{patch.name}: spatch ended with status {code}: "
                         f"{err.strip()[-200:]}")
        elif not out.strip():
            clean.pairs |= {pairs[name] for name in todo}
    clean.save()
    return found
