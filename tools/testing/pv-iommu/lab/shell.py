# SPDX-License-Identifier: GPL-2.0-only
"""A shell in dom0 on the user's terminal, over the channel."""

import os
import select
import sys
import termios
import time
import tty

from .channel import Channel, Closed
from .ui import say

# What the shell says on its last line.
OVER = b"lab: the shell is over"


def bridge(channel: Channel, name: str, why: str) -> float:
    """Join terminal and dom0 until its shell ends; how many seconds that was.

    Context: dom0 has been told to start a shell on the channel's port.
    """
    began = time.monotonic()
    say(f"{name}: a shell in dom0 ({why}); the scenario goes on after 'exit'")
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys) if os.isatty(keys) else None
    if before:
        tty.setraw(keys)
    try:
        _copy(channel, keys)
    finally:
        if before:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
    return time.monotonic() - began


def _copy(channel: Channel, keys: int) -> None:
    said = b""
    inputs: list[object] = [channel.connection, keys]
    while OVER not in said:
        ready = select.select(inputs, [], [])[0]
        if keys in ready:
            typed = os.read(keys, 4096)
            if typed:
                channel.connection.sendall(typed)
            else:
                # the end of the input is the end of the shell
                inputs.remove(keys)
                channel.connection.sendall(b"\nexit\n")
        if channel.connection in ready:
            data = channel.connection.recv(65536)
            if not data:
                raise Closed
            os.write(sys.stdout.fileno(), data)
            said = (said + data)[-4096:]
    channel.buffer += said.partition(OVER)[2]
