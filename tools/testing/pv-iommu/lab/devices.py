# SPDX-License-Identifier: GPL-2.0-only
"""The devices a scenario can ask for, each at a PCI address of its own.

Scenarios find devices by address, never by the order of probing.  The disk of
a device "NAME" is the image disks["NAME"], whose content the host can read.
"""

from pathlib import Path

from .ui import LabError

VIRTIO = "iommu_platform=on,disable-legacy=on"

# name -> (PCI slot, kind); numbers behind a name are further ones of a kind
SLOTS = {
    "nvme": 0x04, "nvme2": 0x05, "ahci": 0x06, "xhci": 0x07, "e1000e": 0x08,
    "virtio-blk": 0x09, "virtio-net": 0x0a, "edu": 0x0b, "edu32": 0x0c,
    "edu64": 0x0d, "rp0": 0x10, "rp1": 0x11,
}

DISK_SIZE = 64 << 20


def address(name):
    return f"0000:00:{SLOTS[name]:02x}.0"


def parse_size(text):
    units = {"K": 10, "M": 20, "G": 30}
    if text[-1:] in units:
        return int(text[:-1]) << units[text[-1]]
    return int(text)


class Devices:
    """QEMU arguments for a list of (name, options), and the disk images."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.disks = {}
        self.argv = []

    def add(self, name, options=None):
        options = dict(options or {})
        kind = name if name in SLOTS else name.rstrip("0123456789")
        maker = {"nvme": self._nvme, "nvme2": self._nvme,
                 "ahci": self._ahci, "xhci": self._xhci,
                 "e1000e": self._e1000e, "virtio-blk": self._virtio_blk,
                 "virtio-net": self._virtio_net, "edu": self._edu,
                 "edu32": self._edu, "edu64": self._edu,
                 "rp0": self._root_port, "rp1": self._root_port,
                 "spare": self._spare}.get(kind)
        if not maker:
            raise LabError(f"the lab has no device '{name}'; it has "
                           f"{' '.join(SLOTS)} and spare disks")
        maker(name, options)
        if options:
            raise LabError(f"device {name} has no option {list(options)[0]}")

    def _slot(self, name):
        return f"addr={SLOTS[name]:#x}"

    def _disk(self, name, options):
        size = parse_size(options.pop("size", str(DISK_SIZE)))
        path = self.directory / f"{name}.img"
        with open(path, "wb") as file:
            file.truncate(size)
        self.disks[name] = path
        self.argv += ["-drive", f"if=none,id=disk-{name},format=raw,"
                                f"discard=unmap,file={path}"]
        return f"drive=disk-{name}"

    def _device(self, *parts):
        self.argv += ["-device", ",".join(parts)]

    def _nvme(self, name, options):
        if options.pop("null", None):
            self.argv += ["-drive", f"if=none,id=disk-{name},driver=null-co,"
                                    "size=1G,read-zeroes=on"]
            drive = f"drive=disk-{name}"
        else:
            drive = self._disk(name, options)
        self._device("nvme", f"id={name}", drive, f"serial={name}",
                     self._slot(name))

    def _spare(self, name, options):
        """A disk without a controller, for devices plugged in later."""
        self._disk(name, options)

    def _ahci(self, name, options):
        self._device("ich9-ahci", f"id={name}", self._slot(name))
        self._device("ide-hd", f"bus={name}.0", self._disk(name, options))

    def _xhci(self, name, options):
        self._device("qemu-xhci", f"id={name}", self._slot(name))
        self._device("usb-storage", f"bus={name}.0",
                     self._disk(name, options))

    def _virtio_blk(self, name, options):
        self._device("virtio-blk-pci", f"id={name}", VIRTIO,
                     self._disk(name, options), self._slot(name))

    def _net(self, name):
        self.argv += ["-netdev", f"user,id=net-{name},ipv6=off"]
        return f"netdev=net-{name}"

    def _e1000e(self, name, options):
        self._device("e1000e", f"id={name}", self._net(name), "romfile=",
                     self._slot(name))

    def _virtio_net(self, name, options):
        self._device("virtio-net-pci", f"id={name}", VIRTIO, self._net(name),
                     "romfile=", self._slot(name))

    def _edu(self, name, options):
        """QEMU's teaching device: its DMA engine takes any bus address."""
        width = {"edu": 28, "edu32": 32, "edu64": 64}[name]
        self._device("edu", f"id={name}",
                     f"dma_mask={(1 << width) - 1:#x}", self._slot(name))

    def _root_port(self, name, options):
        number = SLOTS[name] - SLOTS["rp0"] + 1
        self._device("pcie-root-port", f"id={name}", f"chassis={number}",
                     f"slot={number}", self._slot(name))
