# SPDX-License-Identifier: GPL-2.0-only
"""The host's machine: QEMU that boots the disk by BIOS, and a line to dom0."""

import re
import shlex
import socket
import time
from pathlib import Path

from .hostside import Log
from .qemu import Machine, Qemu
from .ui import LabError, say

# From power-on, or from a reboot, to the end of systemd's start.
BOOT = 420
PROGRESS = 15
ECHO = "10.0.2.100 7"
READY = "lab: ready"

# GRUB's menu, and its keys: to the first entry, down, boot.
MENU = "selected OS"
FIRST, DOWN, ENTER = b"\x01", b"\x0e", b"\r"


def machine(iommu: str) -> Machine:
    """A machine that reboots when it is told to."""
    # one CPU: emulated by one thread, two take nearly twice as long to boot
    made = Machine(iommu, 4096, cpus=1)
    made.argv.remove("-no-reboot")
    return made


def devices(image: Path) -> list[str]:
    """The disk on NVMe, and a card with a network of its own, where one port
    sends back what it gets."""
    return ["-drive", f"if=none,id=root,format=raw,file={image}",
            "-device", "nvme,id=nvme,bus=pcie.0,addr=0x4,drive=root,"
                       "serial=root,bootindex=0",
            "-netdev", "user,id=net,ipv6=off,restrict=on,"
                       "guestfwd=tcp:10.0.2.100:7-cmd:cat",
            "-device", "e1000e,id=e1000e,bus=pcie.0,addr=0x8,netdev=net,"
                       "romfile="]


class Host:
    """A running host; its line is the second serial port, see
    host-files/agent."""

    def __init__(self, qemu: Qemu) -> None:
        self.qemu = qemu
        self.log = Log(qemu.console)
        self.buffer = b""
        self.number = 0

    def booted(self, keys: bytes = b"") -> float:
        """Wait until it takes commands; how many seconds that took.

        keys: for GRUB's menu."""
        began = shown = time.monotonic()
        while (now := time.monotonic()) < began + BOOT:
            if self._line(1.0) == READY:
                return now - began
            if keys and self.log.matches(MENU):
                self._type(keys)
                keys = b""
            if self.qemu.process.poll() is not None:
                raise LabError("QEMU ended while the host was booting")
            if now > shown + PROGRESS:
                shown = now
                say(f"  booting: {now - began:.0f} s: {self.last_words()}")
        raise LabError(f"the host takes no commands {BOOT} s after power-on; "
                       f"it said last: {self.last_words()}")

    def last_words(self) -> str:
        lines = self.qemu.console.read_text(errors="replace").splitlines()
        words = [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line).strip()
                 for line in lines[-20:]]
        return next((line for line in reversed(words) if line), "nothing")

    def _line(self, seconds: float) -> str | None:
        """The next line of its; None when there is none in time."""
        limit = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            self.qemu.channel.settimeout(max(limit - time.monotonic(), 0.01))
            try:
                data = self.qemu.channel.recv(65536)
            except socket.timeout:
                return None
            if not data:
                raise LabError("the host's line is gone")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def run(self, command: str, timeout: float = 120) -> tuple[int, str]:
        """Run a command as root; its exit code, and what it printed."""
        self.number += 1
        word = f"lab{self.number}:"
        self.send(f"{word} {command}")
        lines: list[str] = []
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            line = self._line(limit - time.monotonic())
            if line is not None and line.startswith(word):
                return int(line.split()[1]), "\n".join(lines).strip()
            if line is not None:
                lines.append(line)
        raise LabError(f"'{command}' has not ended after {timeout:.0f} s on "
                       f"the host; so far: {' / '.join(lines[-5:])}")

    def send(self, line: str) -> None:
        assert "\n" not in line, "a command is a line"
        self.qemu.channel.settimeout(30)
        self.qemu.channel.sendall(line.encode() + b"\n")

    def output(self, command: str, timeout: float = 120) -> str:
        """What a command printed that has to succeed."""
        code, text = self.run(command, timeout)
        if code:
            raise LabError(f"'{command}' ended with {code} on the host: "
                           f"{text[-600:]}")
        return text

    def read(self, path: str) -> str:
        return self.output(f"cat {shlex.quote(path)}")

    def console(self) -> str:
        """What Xen and Linux have said since the last boot began."""
        return "".join(line + "\n" for line in self.log.matches(""))

    def reboot(self, command: str = "systemctl reboot",
               keys: bytes = b"") -> float:
        """Reboot in some way; how long it took until it took commands."""
        self.log.mark()
        self.buffer = b""
        self.send(f"reboot: {command}")
        return self.booted(keys)

    def _type(self, keys: bytes) -> None:
        """On the first serial port, which GRUB, Xen and dom0 share."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.qemu.console_path))
            for key in keys:
                console.sendall(bytes([key]))
                time.sleep(0.3)

    def power_off(self) -> None:
        self.send("off: systemctl poweroff")
        limit = time.monotonic() + 120
        while self.qemu.process.poll() is None:
            if time.monotonic() > limit:
                raise LabError("the host is not off after 120 s; it said last: "
                               f"{self.last_words()}")
            time.sleep(0.5)
