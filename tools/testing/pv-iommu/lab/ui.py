# SPDX-License-Identifier: GPL-2.0-only
"""What the user sees: messages, progress of long steps, failures.

Everything here goes to standard error; standard output belongs to the
commands' results.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PROGRESS_EVERY = 10.0


class LabError(Exception):
    """Something that the user has to be told in one sentence."""


_lock = threading.Lock()


def say(text: str) -> None:
    with _lock:
        print(text, file=sys.stderr, flush=True)


class Step:
    """Context of a long step: says that it began, goes on, and ended."""

    def __init__(self, name: str, detail: str = "") -> None:
        self.name = name
        self.detail = f" ({detail})" if detail else ""

    def __enter__(self) -> "Step":
        self.began = time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._tick, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self.over.set()
        self.thread.join()
        how = "done" if kind is None else "FAILED"
        say(f"  {self.name}: {how} after {self.elapsed():.0f} s")

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def _tick(self) -> None:
        say(f"  {self.name}...{self.detail}")
        while not self.over.wait(PROGRESS_EVERY):
            say(f"  {self.name}: {self.elapsed():.0f} s")


def tail(path: Path, lines: int = 15) -> str:
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError as err:
        return f"({err})"


def run_group(argv: Sequence[str], cwd: Path | None,
              env: Mapping[str, str] | None, out: IO[bytes],
              timeout: float) -> int:
    """Its exit code; when it is not waited for to the end, no compiler that it
    has started goes on."""
    with subprocess.Popen(argv, cwd=cwd, env=env, stdout=out,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          start_new_session=True) as process:
        try:
            return process.wait(timeout)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise


def run_logged(name: str, argv: Sequence[str], log: Path,
               cwd: Path | None = None, env: Mapping[str, str] | None = None,
               timeout: float = 1800) -> None:
    """Run one long command: progress on screen, its output in a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with Step(name, f"log: {log}"), open(log, "ab") as out:
        out.write(("$ " + " ".join(argv) + "\n").encode())
        out.flush()
        try:
            code = run_group(argv, cwd, env, out, timeout)
        except FileNotFoundError as err:
            raise LabError(f"{name}: {err}") from err
        except subprocess.TimeoutExpired as err:
            raise LabError(f"{name}: not finished after {timeout} s; "
                           f"log: {log}") from err
    if code:
        raise LabError(f"{name}: {argv[0]} ended with code {code}; the end of "
                       f"{log}:\n{tail(log)}")


def output_of(argv: Sequence[str], cwd: Path | None = None) -> str:
    """Run one short command and return what it printed."""
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
    except FileNotFoundError as err:
        raise LabError(str(err)) from err
    if done.returncode:
        raise LabError(f"{' '.join(argv)} failed: "
                       f"{done.stderr.strip()[-800:]}")
    return done.stdout
