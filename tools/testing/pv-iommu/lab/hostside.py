# SPDX-License-Identifier: GPL-2.0-only
"""What the host does when dom0 asks: read disk images and Xen's log, be the
other end of the network, plug devices."""

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path


class Pattern:
    """The data that dom0 writes and sends, by the program that makes it
    there, see guest/pattern.c."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def make(self, length: int, seed: str) -> bytes:
        return subprocess.run([self.program, "make", str(length), seed],
                              check=True, capture_output=True).stdout

    def fault(self, path: Path, offset: int, length: int, seed: str) -> str:
        """How a part of a file differs from what it should be; "" if not."""
        done = subprocess.run(
            [self.program, "verify", str(path), str(offset), str(length),
             seed], capture_output=True, text=True)
        return "" if done.returncode == 0 else \
            done.stderr.strip() or f"exit code {done.returncode}"


WAV_HEADER = 44
WAV_FRAME = 4


def heard(wav: Path, length: int) -> bytes:
    """Of a recording: the first so many bytes that are not silence."""
    data = wav.read_bytes()[WAV_HEADER:]
    begin = next((offset for offset in range(0, len(data), WAV_FRAME)
                  if any(data[offset:offset + WAV_FRAME])), len(data))
    return data[begin:begin + length]


class Log:
    """A growing log that can be asked what came since a mark."""

    def __init__(self, path: Path,
                 lines: Callable[[str], list[str]] = str.splitlines) -> None:
        self.path = path
        self.lines = lines
        self.offset = 0
        self.seen = 0

    def _from(self, offset: int) -> str:
        if not self.path.exists():
            return ""
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")

    def mark(self) -> None:
        self.offset = self.path.stat().st_size if self.path.exists() else 0

    def matches(self, regex: str) -> list[str]:
        pattern = re.compile(regex)
        return [line for line in self.lines(self._from(self.offset))
                if pattern.search(line)]

    def wait(self, regex: str, count: int, seconds: float) -> list[str]:
        """Matches, as soon as there are count of them, or what there is."""
        limit = time.monotonic() + seconds
        while True:
            found = self.matches(regex)
            if len(found) >= count or time.monotonic() > limit:
                return found
            time.sleep(0.1)

    def new(self, *words: str) -> str:
        """The first of the words that is there since the last call, or ""."""
        longest = max(map(len, words))
        text = self._from(max(0, self.seen - longest))
        self.seen = self.path.stat().st_size if self.path.exists() else 0
        return next((word for word in words if word in text), "")


class NetPeer:
    """The other end of dom0's network: a source and a sink of data."""

    LIMIT = 120

    def __init__(self) -> None:
        self.sinks: dict[int, tuple[threading.Event, bytearray]] = {}
        self.sockets: list[socket.socket] = []

    def _listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(self.LIMIT)
        self.sockets.append(listener)
        return listener

    @staticmethod
    def _port(listener: socket.socket) -> int:
        return int(listener.getsockname()[1])

    def source(self, data: bytes) -> int:
        """Send data to who connects to the port that is returned."""
        listener = self._listen()

        def send() -> None:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(self.LIMIT)
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1)
            except OSError:
                pass

        threading.Thread(target=send, daemon=True).start()
        return self._port(listener)

    def sink(self) -> int:
        """Take what who connects sends; returns the port."""
        listener = self._listen()
        done, taken = threading.Event(), bytearray()
        self.sinks[self._port(listener)] = (done, taken)

        def receive() -> None:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(self.LIMIT)
                    while data := connection.recv(1 << 16):
                        taken.extend(data)
            except OSError:
                pass
            done.set()

        threading.Thread(target=receive, daemon=True).start()
        return self._port(listener)

    def received(self, port: int) -> bytes:
        """What came to a sink, when its other end has closed."""
        done, taken = self.sinks[port]
        done.wait(self.LIMIT)
        return bytes(taken)

    def close(self) -> None:
        for listener in self.sockets:
            listener.close()
