# SPDX-License-Identifier: GPL-2.0-only
"""The line protocol on dom0's second serial port.

Dom0 asks, the host answers, one at a time:

    dom0:  PVL SEQ VERB TEXT
    host:  PVL SEQ ok TEXT     or     PVL SEQ no TEXT

Lines that do not begin with PVL are kept in the log and ignored.
"""

import socket
import time
from typing import TextIO


class Closed(Exception):
    """The other end is gone."""


class Channel:
    """log: a file for what is said, if it is to be kept."""

    def __init__(self, connection: socket.socket,
                 log: TextIO | None = None) -> None:
        self.connection = connection
        self.log = log
        self.buffer = b""

    def _next(self) -> str | None:
        line, newline, rest = self.buffer.partition(b"\n")
        if not newline:
            return None
        self.buffer = rest
        text = line.decode(errors="replace").strip()
        self._note("<", text)
        return text

    def request(self, timeout: float) -> tuple[str, str, str] | None:
        """The next request as (seq, verb, text); None after the timeout."""
        limit = time.monotonic() + timeout
        while True:
            while (text := self._next()) is not None:
                parts = text.split(" ", 3)
                if parts[0] == "PVL" and len(parts) >= 3:
                    return parts[1], parts[2], (parts + [""])[3]
            left = limit - time.monotonic()
            if left <= 0:
                return None
            self.connection.settimeout(left)
            try:
                data = self.connection.recv(65536)
            except socket.timeout:
                return None
            except OSError as err:
                raise Closed from err
            if not data:
                raise Closed
            self.buffer += data

    def answer(self, seq: str, good: bool, text: str = "") -> None:
        line = f"PVL {seq} {'ok' if good else 'no'} {text}".replace("\n", " ")
        self._note(">", line)
        self.connection.settimeout(30)
        try:
            self.connection.sendall(line.strip().encode() + b"\n")
        except OSError as err:
            raise Closed from err

    def _note(self, direction: str, text: str) -> None:
        if not self.log or self.log.closed:
            return
        self.log.write(f"{time.strftime('%H:%M:%S')} {direction} {text}\n")
        self.log.flush()
