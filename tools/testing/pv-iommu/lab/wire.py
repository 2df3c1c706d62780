# SPDX-License-Identifier: GPL-2.0-only
"""The host at the other end of a network card's wire, frame by frame.

A card's other end is QEMU's user network, which is for TCP.  While a Wire is
there, filters of QEMU's take each frame of the card to the host instead, and
the host's frames to the card; a program in dom0 that sends whatever it likes
reaches nothing else.
"""

import contextlib
import socket
import struct
import threading
import time
from pathlib import Path

from .qemu import Qmp
from .ui import LabError

HOST_MAC = bytes.fromhex("020000000001")
CARD_MAC = bytes.fromhex("020000000002")
# for experiments; no stack of protocols answers it
ETHERTYPE = 0x88b5
HEADER = 14
SHORTEST, LONGEST = 60, 1514

# filter: the queue of QEMU's side of the wire, the property for the socket
FILTERS = {"from-card": ("rx", "outdev"), "to-card": ("tx", "indev")}


def frames_of(data: bytes, count: int) -> list[bytes]:
    """Frames of all sizes, with the data in them one after the other."""
    head = CARD_MAC + HOST_MAC + struct.pack("!H", ETHERTYPE)
    frames = []
    for number in range(count):
        length = SHORTEST + number * 37 % (LONGEST - SHORTEST + 1) - HEADER
        frames.append(head + data[:length])
        data = data[length:]
    return frames


def swapped(frame: bytes) -> bytes:
    """The same with source and destination changed for each other."""
    return frame[6:12] + frame[:6] + frame[12:]


def testpmd_fault(frame: bytes) -> str:
    """What is wrong with one that testpmd makes by itself; "" if nothing is."""
    if len(frame) != 64 or frame[12:14] != b"\x08\x00":
        return f"{len(frame)} bytes, ethertype {frame[12:14].hex()}"
    header = frame[HEADER:HEADER + 20]
    total = sum(struct.unpack("!10H", header))
    if (total & 0xffff) + (total >> 16) != 0xffff:
        return "the checksum of its IP header"
    if header[9] != socket.IPPROTO_UDP or \
            header[12:] != bytes((198, 18, 0, 1, 198, 18, 0, 2)):
        return "not UDP from 198.18.0.1 to 198.18.0.2"
    return ""


class Wire:
    """Between a card and the host, from its making to close()."""

    def __init__(self, qmp: Qmp, card: str, directory: Path) -> None:
        self.qmp = qmp
        self.came: list[bytes] = []
        self.ends: dict[str, socket.socket] = {}
        try:
            for name, (queue, end) in FILTERS.items():
                self.ends[name] = self._socket(name, directory)
                qmp.command("object-add", id=f"wire-{name}", queue=queue,
                            netdev=f"net-{card}", **{
                                "qom-type": "filter-redirector", end: name})
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._receive, daemon=True).start()

    def _socket(self, name: str, directory: Path) -> socket.socket:
        path = directory / name
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            self.qmp.command("chardev-add", id=name, backend={
                "type": "socket", "data": {"server": False, "addr": {
                    "type": "unix", "data": {"path": str(path)}}}})
            connection, _ = listener.accept()
        path.unlink()
        return connection

    def _receive(self) -> None:
        """QEMU has each frame follow its length."""
        with contextlib.suppress(OSError), \
                self.ends["from-card"].makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                self.came.append(stream.read(struct.unpack("!I", head)[0]))

    def send(self, frames: list[bytes]) -> None:
        for frame in frames:
            self.ends["to-card"].sendall(struct.pack("!I", len(frame)) + frame)

    def take(self, count: int, seconds: float) -> list[bytes]:
        """What has come since the last call, when that is as many, or more do
        not come."""
        limit = time.monotonic() + seconds
        while len(self.came) < count and time.monotonic() < limit:
            time.sleep(0.1)
        # one too many would be seen, too
        time.sleep(0.5)
        taken, self.came = self.came, []
        return taken

    def close(self) -> None:
        """The card is at QEMU's user network again."""
        for name, end in self.ends.items():
            with contextlib.suppress(LabError, OSError, ValueError):
                self.qmp.command("object-del", id=f"wire-{name}")
            with contextlib.suppress(LabError, OSError, ValueError):
                self.qmp.command("chardev-remove", id=name)
            end.close()
