# SPDX-License-Identifier: GPL-2.0-only
"""The host at the end of a card's wire, and the packages for who is in dom0."""

import socket
import struct
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any, cast

from ..apt import depends_in
from ..qemu import Qmp
from ..wire import LONGEST, SHORTEST, Wire, frames_of, swapped, testpmd_fault

# as testpmd sends it
IP = bytes.fromhex("450000320000000040110000c6120001c6120002")


def of_testpmd(header: bytes = IP, length: int = 64) -> bytes:
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    header = header[:10] + struct.pack("!H", 0xffff - total) + header[12:]
    return (bytes(12) + b"\x08\x00" + header).ljust(length, b"\0")


class FramesTest(unittest.TestCase):
    def test_all_sizes_and_all_data(self) -> None:
        data = bytes(range(251)) * 4000
        frames = frames_of(data, 200)
        sizes = {len(frame) for frame in frames}
        self.assertLess(min(sizes), SHORTEST + 20)
        self.assertGreater(max(sizes), LONGEST - 20)
        self.assertTrue(data.startswith(b"".join(f[14:] for f in frames)))

    def test_swapped(self) -> None:
        frame = frames_of(bytes(2000), 1)[0]
        self.assertNotEqual(swapped(frame), frame)
        self.assertEqual(swapped(swapped(frame)), frame)

    def test_testpmd(self) -> None:
        self.assertEqual(testpmd_fault(of_testpmd()), "")
        self.assertIn("65 bytes", testpmd_fault(of_testpmd(length=65)))
        self.assertIn("not UDP", testpmd_fault(of_testpmd(
            IP[:9] + b"\x06" + IP[10:])))
        self.assertIn("not UDP", testpmd_fault(of_testpmd(
            IP[:-1] + b"\x03")))
        broken = bytearray(of_testpmd())
        broken[18] ^= 1
        self.assertIn("checksum", testpmd_fault(bytes(broken)))


class FakeQmp:
    """Has both ends: what the host sends to the card comes back swapped."""

    def __init__(self) -> None:
        self.ends: dict[str, socket.socket] = {}
        self.done: list[str] = []

    def command(self, command: str, **arguments: Any) -> None:
        self.done.append(f"{command} {arguments['id']}")
        if command == "chardev-add":
            end = socket.socket(socket.AF_UNIX)
            end.connect(arguments["backend"]["data"]["addr"]["data"]["path"])
            self.ends[arguments["id"]] = end

    def card(self, count: int) -> None:
        with self.ends["to-card"].makefile("rb") as stream:
            for _ in range(count):
                head = stream.read(4)
                frame = stream.read(struct.unpack("!I", head)[0])
                self.ends["from-card"].sendall(head + swapped(frame))


class WireTest(unittest.TestCase):
    def test_there_and_back(self) -> None:
        qmp = FakeQmp()
        frames = frames_of(bytes(9000), 10)
        with tempfile.TemporaryDirectory() as directory:
            wire = Wire(cast(Qmp, qmp), "card", Path(directory))
        card = threading.Thread(target=qmp.card, args=[len(frames)])
        card.start()
        wire.send(frames)
        card.join()
        self.assertEqual(wire.take(len(frames), 10), list(map(swapped, frames)))
        self.assertEqual(wire.take(1, 0.1), [])
        wire.close()
        for name in ("from-card", "to-card"):
            self.assertIn(f"object-add wire-{name}", qmp.done)
            self.assertIn(f"object-del wire-{name}", qmp.done)
            self.assertIn(f"chardev-remove {name}", qmp.done)
            qmp.ends[name].close()


class DependsTest(unittest.TestCase):
    def test_alternatives_and_virtual_packages(self) -> None:
        self.assertEqual(depends_in(
            "one\n  Depends: two\n |Depends: three\n  Depends: four\n"
            "  PreDepends: five\n  Depends: <virtual>\n    six\ntwo\n"),
            {"one": ["two", "three", "five"], "two": []})
