# SPDX-License-Identifier: GPL-2.0-only
"""Packages on a host's disk: installed, upgraded, removed and purged with apt,
and what each of that leaves behind."""

import re
from dataclasses import dataclass
from pathlib import Path

from . import hostimage
from .build import Parts
from .cache import differing
from .ui import LabError

NAMES = ("xen-pv-iommu-dkms", "xen-pv-iommu-tools",
         "xen-hypervisor-{xen}-pv-iommu")

# The packages are the only source: nothing else can be installed along.
APT = ("apt-get -y -o Dir::Etc::sourcelist=/run/packages.list "
       "-o Dir::Etc::sourceparts=- -o Dir::State::Lists=/run/lists "
       "-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= ")
SOURCE = ("echo 'deb [trusted=yes] file:/run/packages ./' >/run/packages.list"
          f" && {APT} update")

# What changes by itself: logs, caches, dpkg's own records (which are compared
# as dpkg tells them), and DKMS' key, which it makes once for whatever it signs.
# An initramfs is made anew; what is in it is compared.
VOLATILE = re.compile(
    r"/(var/(log|cache|tmp)|root|boot/grub/grubenv|boot/initrd\.img.*"
    r"|var/lib/(apt|dpkg|systemd|dbus)|var/lib/dkms/mok\.(key|pub)"
    r"|etc/(machine-id|resolv\.conf)|var/backups)(/|$)")

# What GRUB's menu has of the hypervisor's package.
ENTRIES = re.compile(r"^### BEGIN /etc/grub\.d/21_linux_xen-\S+ ###\n(.*?)"
                     r"^### END .*?\n\n?", re.M | re.S)

# file, mode and owner of everything; the content of what is not in /usr
LIST = r"""
find / -xdev -printf '%p\t%y %m %U:%G %l\n'
find /etc /boot /lib/modules /var -xdev -type f -exec sha256sum {} + |
    sed -E 's/^([0-9a-f]+)  (.*)/\2\tis \1/'
for image in /boot/initrd.img-*; do
    lsinitramfs "$image" | sed "s,^,$image: ,; s/\$/\tthere/"
done
dpkg-query -W -f 'package ${Package}\t${Version} ${Status}\n'
"""


@dataclass
class Disk:
    """A disk that is written to, and the log of what is done."""
    image: Path
    log: Path
    xen: str

    def names(self) -> list[str]:
        return [name.format(xen=self.xen) for name in NAMES]

    def apt(self, directory: Path, words: str, what: str) -> str:
        """apt-get with the packages of a directory; what it printed."""
        before = self.log.stat().st_size if self.log.exists() else 0
        hostimage.run(self.image, directory, f"{SOURCE} && {APT} {words}",
                      self.log, what)
        with open(self.log, "rb") as file:
            file.seek(before)
            return file.read().decode(errors="replace")

    def install(self, directory: Path, what: str = "installing the packages "
                "with apt") -> str:
        return self.apt(directory, f"install {' '.join(self.names())}", what)

    def output(self, command: str) -> str:
        return hostimage.output(self.image, hostimage.HOST, command)

    def menu(self) -> str:
        return self.output("cat /boot/grub/grub.cfg")

    def state(self) -> dict[str, str]:
        return parse(self.output(LIST))


@dataclass
class Run:
    """What the steps work on."""
    parts: Parts
    disk: Disk
    packages: Path
    directory: Path
    kernel: str

    @property
    def entry(self) -> str:
        """GRUB's entry."""
        return f"xen-{self.disk.xen}-pv-iommu"

    def ok(self, text: str) -> None:
        print(f"ok {text}", flush=True)

    def check(self, holds: object, text: str, otherwise: str) -> None:
        if not holds:
            raise LabError(f"{text}: no: {otherwise}")
        self.ok(text)


def parse(text: str) -> dict[str, str]:
    """name -> what there is to say of it, without what changes by itself."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, what = line.partition("\t")
        if not VOLATILE.match(name) or ": " in name:
            found[name] = f"{found.get(name, '')} {what}".strip()
    if not any(name.startswith("package ") for name in found):
        raise LabError("the list of files and packages of the disk is empty")
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """A line for each thing that is not as it was."""
    return [f"{name}: {before.get(name, 'not there')} -> "
            f"{after.get(name, 'not there')}"
            for name in differing(before, after)]
