# SPDX-License-Identifier: GPL-2.0-only
"""Build results, kept by the hash of everything that went into them.

An entry is a directory CACHE/KIND/KEY with its files and a manifest: the
inputs (name -> hash or version) and the hash of every output.  KEY is the hash
of the inputs, so a changed input never finds an old entry.  Whatever is
handed out has just been compared with the manifest.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .ui import LabError, say

MANIFEST = "manifest.json"
KEEP = 4

# name -> hash or version
Inputs = dict[str, str]
Build = Callable[[Path], None]


def hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def hash_files(paths: Iterable[Path], root: Path) -> Inputs:
    """Inputs made of files: relative name -> hash, execute bit included."""
    inputs = {}
    for path in sorted(paths):
        mode = "x" if os.access(path, os.X_OK) else "-"
        inputs[f"file {path.relative_to(root)}"] = f"{mode}{hash_file(path)}"
    return inputs


def key_of(inputs: Inputs) -> str:
    text = json.dumps(inputs, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def differing(before: Inputs, after: Inputs) -> list[str]:
    return sorted(name for name in set(before) | set(after)
                  if before.get(name) != after.get(name))


def _outputs(directory: Path) -> Inputs:
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = "link " + os.readlink(path)
        elif path.is_file() and name != MANIFEST:
            found[name] = hash_file(path)
    return found


class Changed(Exception):
    """This input is not what it was when the build began."""


class Cache:
    def __init__(self, root: Path) -> None:
        self.root = root

    def logs(self) -> Path:
        return self.root / "logs"

    def get(self, kind: str, inputs: Inputs | Callable[[], Inputs],
            build: Build) -> Path:
        """Return the entry's directory, made by build(directory) if need be.

        build() fills an empty directory; only a whole one gets its name.
        inputs may be a function: then it is asked again after building, so
        that a file edited meanwhile does not get into an entry unnoticed.
        """
        def ask_inputs() -> Inputs:
            return inputs() if callable(inputs) else inputs

        for _ in range(3):
            try:
                return self._get(kind, ask_inputs(), ask_inputs, build)
            except Changed as err:
                say(f"cache: {kind}: {err} changed while it was being built")
        raise LabError(f"{kind}: its sources do not stop changing")

    def _get(self, kind: str, inputs: Inputs,
             ask_inputs: Callable[[], Inputs], build: Build) -> Path:
        key = key_of(inputs)
        entry = self.root / kind / key
        with self.locked(kind, key):
            if entry.exists():
                fault = self.fault_of(entry, inputs)
                if not fault:
                    os.utime(entry)
                    return entry
                say(f"cache: {kind}/{key} is broken: {fault}; making it anew")
                shutil.rmtree(entry)
            else:
                self._say_why(kind, inputs)
            self._make(entry, kind, inputs, ask_inputs, build)
        self._prune(kind, entry)
        return entry

    def fault_of(self, entry: Path, inputs: Inputs) -> str | None:
        """What is wrong with an entry, or None."""
        try:
            manifest = json.loads((entry / MANIFEST).read_text())
            if manifest["inputs"] != inputs:
                return "it was made from other inputs"
            wanted = manifest["outputs"]
        except (OSError, ValueError, KeyError, TypeError) as err:
            return f"its manifest cannot be used ({err})"
        present = _outputs(entry)
        for name, digest in wanted.items():
            if name not in present:
                return f"{name} is missing"
            if present[name] != digest:
                return f"{name} has changed"
        extra = sorted(set(present) - set(wanted))
        return f"{extra[0]} does not belong there" if extra else None

    def _make(self, entry: Path, kind: str, inputs: Inputs,
              ask_inputs: Callable[[], Inputs], build: Build) -> None:
        tmp_root = self.root / "tmp"
        tmp_root.mkdir(parents=True, exist_ok=True)
        tmp = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=tmp_root))
        try:
            build(tmp)
            if changed := differing(inputs, ask_inputs()):
                raise Changed(changed[0])
            outputs = _outputs(tmp)
            if not outputs:
                raise LabError(f"building {kind} left nothing behind")
            manifest = {"inputs": inputs, "outputs": outputs}
            with open(tmp / MANIFEST, "w") as file:
                json.dump(manifest, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            tmp.chmod(0o755)
            os.rename(tmp, entry)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)

    def _say_why(self, kind: str, inputs: Inputs) -> None:
        """Name the inputs that differ from the newest entry of the kind."""
        older = self._entries(kind)
        if not older:
            return
        try:
            manifest = json.loads((older[-1] / MANIFEST).read_text())
            before = manifest["inputs"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        names = differing(before, inputs)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        say(f"cache: {kind} is out of date: {', '.join(names[:3])}{more}")

    def _entries(self, kind: str) -> list[Path]:
        """Finished entries of a kind, least recently used first."""
        found = []
        for path in (self.root / kind).glob("*"):
            with contextlib.suppress(OSError):
                if path.is_dir():
                    found.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(found)]

    def _prune(self, kind: str, entry: Path) -> None:
        """Drop what was not used lately; never what a run may be using."""
        for old in self._entries(kind)[:-KEEP]:
            if old != entry and time.time() - old.stat().st_mtime > 6 * 3600:
                with self.locked(kind, old.name):
                    shutil.rmtree(old, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, kind: str, key: str) -> Iterator[None]:
        directory = self.root / kind
        directory.mkdir(parents=True, exist_ok=True)
        with open(directory / f"{key}.lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"cache: waiting for another run that makes {kind}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
