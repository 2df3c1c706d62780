# SPDX-License-Identifier: GPL-2.0-only
"""The table of devices, and what has to agree with it."""

import fnmatch
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from .. import fetch, paths
from ..devices import TABLE, Devices, address, listing
from ..qemu import Machine
from ..ui import LabError


class TableTest(unittest.TestCase):
    def test_each_has_a_place_of_its_own(self) -> None:
        places = [(device.bus, device.slot, device.function)
                  for device in TABLE.values()]
        self.assertEqual(len(places), len(set(places)))
        # 1 is where the AMD IOMMU is, 0x1f where the chipset is
        for bus, slot, _ in places:
            self.assertIn(slot, range(0x20) if bus else range(2, 0x1f))

    def test_buses_are_devices(self) -> None:
        for device in TABLE.values():
            self.assertIn(device.bus, {"", *TABLE})

    def test_addresses(self) -> None:
        self.assertEqual(address("nvme"), "0000:00:04.0")
        self.assertEqual(address("rp3"), "0000:40:00.0")
        self.assertTrue(fnmatch.fnmatch(
            "0000:00:11.0/0000:02:00.0/0000:03:02.0", address("rtl8139")))
        self.assertFalse(fnmatch.fnmatch(
            "0000:00:11.0/0000:02:00.0/0000:03:01.0", address("rtl8139")))
        self.assertEqual(address("multi1"), "0000:40:01.0/*:00.1")

    def test_listing(self) -> None:
        self.assertEqual(listing(["ahci", "spare0"]),
                         "ahci 0000:00:06.0 ahci sd_mod\n")

    def test_kernels_have_the_modules(self) -> None:
        for device in TABLE.values():
            self.assertLessEqual(set(device.modules.split()),
                                 set(fetch.MODULES))

    def test_self_built_kernels_have_the_drivers(self) -> None:
        config = (paths.KERNEL / "config/base.config").read_text()
        has = set(re.findall(r"^CONFIG_(\w+)=[my]$", config, re.M))
        for name, device in TABLE.items():
            self.assertLessEqual(set(device.kconfig.split()), has, name)


class DevicesTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.devices = Devices(Path(directory.name), lambda: Path("/dev/zero"))

    def test_bridges_come_along_once(self) -> None:
        self.devices.add("rtl8139")
        self.devices.add("tulip")
        text = " ".join(self.devices.argv)
        self.assertEqual(text.count("pcie-pci-bridge"), 1)
        self.assertLess(text.index("pcie-root-port"),
                        text.index("pcie-pci-bridge"))

    def test_options(self) -> None:
        self.devices.add("nvme", (("size", "1M"),))
        self.assertEqual(self.devices.disks["nvme"].stat().st_size, 1 << 20)
        with self.assertRaisesRegex(LabError, "nvme2 has no option color"):
            self.devices.add("nvme2", (("color", "red"),))
        with self.assertRaisesRegex(LabError, "no device 'floppy'"):
            self.devices.add("floppy")

    def test_qemu_takes_all_at_once(self) -> None:
        for name in (*TABLE, "spare0", "spare1"):
            self.devices.add(name)
        for iommu in ("vtd", "amdvi"):
            done = subprocess.run(
                [*Machine(iommu, 256).argv, *self.devices.argv, "-S",
                 "-monitor", "stdio"], input="quit\n", text=True,
                capture_output=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
