# SPDX-License-Identifier: GPL-2.0-only
"""A writer for the "newc" archives that the kernel unpacks as initramfs.

Times, owners and inode numbers are fixed: the same content gives the same
bytes.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO


class Archive:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.inode = 0
        self.directories: set[str] = set()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is None:
            self._record("TRAILER!!!", 0, b"")

    def directory(self, name: str) -> None:
        name = name.strip("/")
        if not name or name in self.directories:
            return
        self.directory(os.path.dirname(name))
        self.directories.add(name)
        self._record(name, stat.S_IFDIR | 0o755, b"")

    def data(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self.directory(os.path.dirname(name))
        self._record(name.strip("/"), stat.S_IFREG | mode, content)

    def copy(self, name: str, path: Path) -> None:
        """Add a file, or all that is in a directory, under a name."""
        if path.is_dir():
            self.directory(name)
            for inner in sorted(path.iterdir()):
                self.copy(f"{name}/{inner.name}", inner)
        else:
            executable = os.access(path, os.X_OK)
            self.data(name, path.read_bytes(), 0o755 if executable else 0o644)

    def link(self, name: str, target: str) -> None:
        self.directory(os.path.dirname(name))
        self._record(name.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int) -> None:
        self.directory(os.path.dirname(name))
        self._record(name.strip("/"), stat.S_IFCHR | 0o600, b"", major, minor)

    def _record(self, name: str, mode: int, content: bytes, major: int = 0,
                minor: int = 0) -> None:
        self.inode += 1
        path = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0,
                  major, minor, len(path), 0)
        head = b"070701" + b"".join(b"%08x" % value for value in fields)
        self._padded(head + path)
        self._padded(content)

    def _padded(self, data: bytes) -> None:
        self.file.write(data + b"\0" * (-len(data) % 4))
