# SPDX-License-Identifier: GPL-2.0-only
"""How long things took lately, kept in the cache: to begin with what takes
long, and to know when a boot hangs."""

import json
import threading
from pathlib import Path

KEEP = 9


class Timings:
    """Seconds by name; what cannot be read or written is not known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.known: dict[str, list[float]] = {}
        try:
            for name, values in json.loads(path.read_text()).items():
                self.known[str(name)] = [float(value) for value in values]
        except (OSError, ValueError, TypeError, AttributeError):
            self.known = {}

    def usual(self, name: str) -> float | None:
        """The median of the last ones."""
        values = sorted(self.known.get(name, []))
        return values[len(values) // 2] if values else None

    def add(self, name: str, seconds: float) -> None:
        with self.lock:
            values = self.known.setdefault(name, [])
            values.append(round(seconds, 1))
            del values[:-KEEP]

    def save(self) -> None:
        with self.lock:
            text = json.dumps(self.known, indent=0, sort_keys=True)
        part = self.path.with_suffix(".part")
        part.write_text(text)
        part.replace(self.path)
