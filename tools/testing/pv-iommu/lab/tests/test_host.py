# SPDX-License-Identifier: GPL-2.0-only
"""What the steps of "make host" are made of, without a disk or a machine."""

import socket
import tempfile
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

from .. import hostboot, hostcycle, hostinstall, hostroot, packages
from ..qemu import Qemu
from ..ui import LabError

LISTING = """/\td 755 root:root
/etc/grub.d/20_linux_xen\tf 755 root:root
/etc/grub.d/20_linux_xen\tis 0123
/var/log/dpkg.log\tf 644 root:root
/var/lib/dpkg/status\tf 644 root:root
/var/lib/dpkgs\tf 644 root:root
/boot/initrd.img-6.12\tf 644 root:root
/boot/initrd.img-6.12: usr/lib/a.ko\tthere
package base-files\t12 install ok installed
"""


class StateTest(unittest.TestCase):
    def test_what_is_compared(self) -> None:
        found = hostinstall.parse(LISTING)
        self.assertEqual(found["/etc/grub.d/20_linux_xen"],
                         "f 755 root:root is 0123")
        self.assertIn("/boot/initrd.img-6.12: usr/lib/a.ko", found)
        self.assertIn("/var/lib/dpkgs", found)
        for name in ("/var/log/dpkg.log", "/var/lib/dpkg/status",
                     "/boot/initrd.img-6.12"):
            self.assertNotIn(name, found)

    def test_differences(self) -> None:
        before = hostinstall.parse(LISTING)
        after = hostinstall.parse(LISTING.replace("is 0123", "is 4567")
                                  .replace("install ok", "deinstall ok")
                                  + "/etc/new\tf 644 root:root\n")
        self.assertEqual(hostinstall.differences(before, before), [])
        self.assertEqual(
            [line.split(":")[0] for line in
             hostinstall.differences(before, after)],
            ["/etc/grub.d/20_linux_xen", "/etc/new", "package base-files"])

    def test_no_list_is_no_list_of_nothing(self) -> None:
        with self.assertRaisesRegex(LabError, "is empty"):
            hostinstall.parse("")

    def test_a_check_that_does_not_hold(self) -> None:
        run = cast(hostinstall.Run, SimpleNamespace())
        with self.assertRaisesRegex(LabError, "it is so: no: it is not"):
            hostinstall.Run.check(run, "", "it is so", "it is not")


class PackageTest(unittest.TestCase):
    def test_a_package_for_each_hypervisor(self) -> None:
        self.assertIn("4.17", packages.xens())
        names = [name.format(xen="4.17") for name in hostinstall.NAMES]
        for name in names:
            self.assertIn(f"\nPackage: {name}\n", packages.control())

    def test_the_date_is_not_that_of_the_build(self) -> None:
        with mock.patch.object(packages, "last_change",
                               return_value="2026-11-23T01:02:03+00:00"):
            text = packages.entry("1.0", "not released", "- It.\n", "me")
        self.assertTrue(text.endswith("Mon, 23 Nov 2026 01:02:03 +0000\n"),
                        text)

    def test_a_lower_version(self) -> None:
        text = packages.HEADING.sub(
            lambda found: f"## {hostcycle.OLDER} - {found[2]}",
            packages.CHANGES.read_text(), count=1)
        self.assertEqual(packages.HEADING.findall(text)[0][0],
                         hostcycle.OLDER)

    def test_dkms_status(self) -> None:
        self.assertEqual(hostcycle.version_of(
            "xen-pv-iommu/0.2, 6.12.1-amd64, x86_64: installed\n"
            "xen-pv-iommu/0.2, 6.1.0-9-amd64, x86_64: built\n"
            "other/1, 6.12.1-amd64, x86_64: installed\n"),
            [("0.2", "6.12.1-amd64")])

    def test_what_a_host_has(self) -> None:
        found = hostroot.packages("6.1", "4.17")
        self.assertIn("xen-utils-4.17", found)
        self.assertIn("linux-headers-amd64", found)


class LineTest(unittest.TestCase):
    """The line to the host, whose other end is a socket here."""

    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.tmp = tempfile.TemporaryDirectory()
        console = Path(self.tmp.name, "console.log")
        console.write_text("(XEN) Xen version\n\x1b[0;1mlast words\x1b[0m\n\n")
        self.host = hostboot.Host(cast(Qemu, SimpleNamespace(
            channel=ours, console=console,
            process=SimpleNamespace(poll=lambda: None))))
        self.addCleanup(self.tmp.cleanup)
        self.addCleanup(ours.close)
        self.addCleanup(self.theirs.close)

    def answer(self, text: bytes) -> None:
        def work() -> None:
            self.theirs.recv(1000)
            self.theirs.sendall(text)
        threading.Thread(target=work, daemon=True).start()

    def test_boot(self) -> None:
        self.theirs.sendall(b"noise\r\nlab: ready\r\n")
        self.assertLess(self.host.booted(), 5)

    def test_output_and_code(self) -> None:
        self.answer(b"one\ntwo\n\nlab1: 3\n")
        self.assertEqual(self.host.run("x"), (3, "one\ntwo"))

    def test_a_command_that_fails(self) -> None:
        self.answer(b"no such file\n\nlab1: 1\n")
        with self.assertRaisesRegex(LabError, "'x' ended with 1 .*no such"):
            self.host.output("x")

    def test_a_command_that_does_not_end(self) -> None:
        self.answer(b"half\n")
        with self.assertRaisesRegex(LabError, "has not ended.*half"):
            self.host.run("x", 0.3)

    def test_last_words(self) -> None:
        self.assertEqual(self.host.last_words(), "last words")
