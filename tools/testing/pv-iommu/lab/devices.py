# SPDX-License-Identifier: GPL-2.0-only
"""The devices a scenario can ask for: one table, and what follows from it.

Each has a slot of its own, so that all can be there at once.  Scenarios find
devices by address, never by the order of probing.  The disk of a device "NAME"
is the image disks["NAME"], whose content the host can read.

Not in the table, for what QEMU 7.2 makes of them on bare Linux with an IOMMU,
too: pvscsi writes its completions past the IOMMU, lsi53c895a reads its script
from its own BAR through it, megasas reads past its list and hangs now and then,
am53c974 crashes its driver on a shared interrupt.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from .ui import LabError


@dataclass(frozen=True)
class Device:
    """One line of the table.

    slot: on its bus; none for a disk without a controller.
    function: in its slot.
    kind: what is behind it, see Devices: "disk", "net", "sound", "random",
    "memory", "toolstack".
    qemu: values of QEMU's "-device", the first that of the PCI device, whose
    name and place are added; {id} is its name, {back} what is behind it.
    modules: what dom0 loads to use it.
    kconfig: what the self-built kernels need for that.
    bus: the device that makes its bus, else it is on the root bus.
    root: the number of the root bus that it makes, for an expander.
    machine: more words for QEMU, about the machine.
    """
    slot: int | None = None
    kind: str = ""
    qemu: tuple[str, ...] = ()
    modules: str = ""
    kconfig: str = ""
    bus: str = ""
    root: str = ""
    machine: tuple[str, ...] = ()
    function: int = 0


def _disk(slot: int, qemu: str, modules: str, kconfig: str, disk: str = "",
          bus: str = "") -> Device:
    """A controller and its disk, if that is a device of its own."""
    return Device(slot, "disk", (qemu, disk) if disk else (qemu,), modules,
                  kconfig, bus)


def _nvme(slot: int, bus: str = "") -> Device:
    return _disk(slot, "nvme,{back},serial={id}", "nvme", "BLK_DEV_NVME",
                 bus=bus)


def _usb(slot: int, qemu: str, modules: str, kconfig: str) -> Device:
    """A controller; its disk is plugged in by the scenario.  Were it there
    from the beginning, firmware would leave the controller running, and its
    DMA would fault as soon as the driver takes over."""
    return Device(slot, "disk", (qemu,), f"{modules} usb_storage sd_mod",
                  f"{kconfig} USB_STORAGE BLK_DEV_SD")


def _card(slot: int, qemu: str, modules: str, kconfig: str,
          bus: str = "", kind: str = "net") -> Device:
    """A network card; QEMU's own boot ROM for it is of no use here."""
    return Device(slot, kind, (qemu + ",{back},romfile=",), modules, kconfig,
                  bus)


def _edu(slot: int, bits: int) -> Device:
    """QEMU's teaching device: its DMA engine takes any bus address."""
    return Device(slot, qemu=(f"edu,dma_mask={(1 << bits) - 1:#x}",))


def _port(slot: int, number: int, bus: str = "",
          qemu: str = "pcie-root-port,io-reserve=0") -> Device:
    return Device(slot, qemu=(f"{qemu},chassis={number},slot={number}",),
                  kconfig="PCIEPORTBUS PCIEAER HOTPLUG_PCI_PCIE", bus=bus)


VIRTIO = "iommu_platform=on,disable-legacy=on"
_DOWN = "xio3130-downstream"

TABLE = {
    "nvme": _nvme(0x04),
    "nvme2": _nvme(0x05),
    "ahci": _disk(0x06, "ich9-ahci", "ahci sd_mod", "SATA_AHCI BLK_DEV_SD",
                  "ide-hd,bus={id}.0,{back}"),
    "xhci": _disk(0x07, "qemu-xhci", "xhci_pci usb_storage sd_mod",
                  "USB_XHCI_PCI USB_STORAGE BLK_DEV_SD",
                  "usb-storage,bus={id}.0,{back}"),
    "e1000e": _card(0x08, "e1000e", "e1000e", "E1000E"),
    "virtio-blk": _disk(0x09, f"virtio-blk-pci,{VIRTIO},{{back}}",
                        "virtio_pci virtio_blk", "VIRTIO_PCI VIRTIO_BLK"),
    "virtio-net": _card(0x0a, f"virtio-net-pci,{VIRTIO}",
                        "virtio_pci virtio_net", "VIRTIO_PCI VIRTIO_NET"),
    # as nested hypervisors give it: around the IOMMU
    "virtio-plain": _disk(0x02, "virtio-blk-pci,disable-legacy=on,{back}",
                          "virtio_pci virtio_blk", "VIRTIO_PCI VIRTIO_BLK"),
    "edu": _edu(0x0b, 28),
    "edu32": _edu(0x0c, 32),
    "edu64": _edu(0x0d, 64),
    # QEMU 7.2 takes the rest of a header for data where that lies in two pages
    # that are no neighbours in machine memory.  The first four requests of a
    # queue lie in one page.
    "virtio-scsi": _disk(0x0e, f"virtio-scsi-pci,{VIRTIO},virtqueue_size=4",
                         "virtio_pci virtio_scsi sd_mod",
                         "VIRTIO_PCI SCSI_VIRTIO BLK_DEV_SD",
                         "scsi-hd,bus={id}.0,{back}"),
    # without a disk: the driver finds none behind QEMU's model
    "mptsas1068": Device(0x0f, qemu=("mptsas1068",), modules="mptsas",
                         kconfig="FUSION_SAS"),
    # for devices plugged in later; as in a server, not by way of ACPI
    "rp0": replace(_port(0x10, 1), machine=(
        "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")),

    # behind a bridge from PCIe to PCI: its devices are one group
    "rp1": _port(0x11, 2, qemu="pcie-root-port"),
    "bridge": Device(0, qemu=("pcie-pci-bridge",), bus="rp1"),
    "sdhci": _disk(1, "sdhci-pci", "sdhci_pci mmc_block",
                   "MMC MMC_BLOCK MMC_SDHCI MMC_SDHCI_PCI",
                   "sd-card,bus=sd-bus,{back}", bus="bridge"),
    "rtl8139": _card(2, "rtl8139", "8139cp", "8139CP", "bridge"),
    "tulip": _card(3, "tulip", "tulip", "TULIP", "bridge"),

    # behind a switch
    "rp2": _port(0x12, 3),
    "switch": Device(0, qemu=("x3130-upstream",), bus="rp2"),
    "down0": _port(0, 4, "switch", _DOWN),
    "down1": _port(1, 5, "switch", _DOWN),
    "nvme-switch": _nvme(0, "down0"),
    "vmxnet3": _card(0, "vmxnet3", "vmxnet3", "VMXNET3", "down1"),
    # and behind two of its ports that are functions in one slot
    "down2": _port(2, 10, "switch", f"{_DOWN},multifunction=on"),
    "down3": replace(_port(2, 11, "switch", _DOWN), function=1),
    "nvme-twin0": _nvme(0, "down2"),
    "nvme-twin1": _nvme(0, "down3"),

    # on a second root bus
    "pxb": Device(0x13, qemu=("pxb-pcie,bus_nr=64",), root="0000:40"),
    "rp3": _port(0, 6, "pxb"),
    "nvme-pxb": _nvme(0, "rp3"),
    # two functions in one slot
    "rp6": _port(1, 9, "pxb"),
    "multi0": _disk(0, "nvme,multifunction=on,{back},serial={id}", "nvme",
                    "BLK_DEV_NVME", bus="rp6"),
    "multi1": replace(_nvme(0, "rp6"), function=1),

    # Xen's toolstack, see toolstack.py.  It goes around the IOMMU, so it is in
    # nobody's way
    "rp7": _port(2, 12, "pxb"),
    "toolstack": Device(0, "toolstack",
                        ("virtio-blk-pci,disable-legacy=on,{back}",),
                        "virtio_pci virtio_blk crc32c_generic ext4",
                        "VIRTIO_PCI VIRTIO_BLK EXT4_FS OVERLAY_FS BRIDGE "
                        "BLK_DEV_LOOP XEN_BLKDEV_BACKEND XEN_BLKDEV_FRONTEND "
                        "XEN_NETDEV_BACKEND XEN_NETDEV_FRONTEND", bus="rp7"),

    # on a third, whose devices no IOMMU translates; with iommu=vtd-holes only
    "hole": Device(0x03, qemu=("pxb-pcie,bus_nr=96,bypass_iommu=on",),
                   root="0000:60"),
    "rp5": _port(0, 8, "hole"),
    "nvme-hole": _nvme(0, "rp5"),

    "e1000": _card(0x14, "e1000", "e1000", "E1000"),
    "i82559er": _card(0x15, "i82559er", "e100", "E100"),
    "pcnet": _card(0x16, "pcnet", "pcnet32", "PCNET32"),
    "ehci": _usb(0x17, "usb-ehci", "ehci_pci", "USB_EHCI_HCD USB_EHCI_PCI"),
    "ohci": _usb(0x18, "pci-ohci", "ohci_pci",
                 "USB_OHCI_HCD USB_OHCI_HCD_PCI"),
    "hda": Device(0x19, "sound",
                  ("intel-hda",
                   # with its own timer it drops what comes late
                   "hda-output,bus={id}.0,mixer=off,use-timer=off,{back}"),
                  "snd_hda_codec_generic snd_hda_intel",
                  "SND_HDA_INTEL SND_HDA_GENERIC"),
    "virtio-rng": Device(0x1a, "random", (f"virtio-rng-pci,{VIRTIO},{{back}}",),
                         "virtio_pci virtio_rng",
                         "VIRTIO_PCI HW_RANDOM_VIRTIO"),

    # one that makes virtual functions, behind a port that can report errors:
    # not faster, or Linux waits after a reset for a link that QEMU never shows
    "rp4": _port(0x1b, 7, qemu="pcie-root-port,io-reserve=0,x-speed=5"),
    "nvme-sriov": _disk(0, "nvme,serial={id},subsys=subsys-{id},"
                        "max_ioqpairs=6,msix_qsize=7,sriov_max_vfs=2,"
                        "sriov_vq_flexible=4,sriov_vi_flexible=2",
                        "nvme", "BLK_DEV_NVME PCI_IOV",
                        "nvme-ns,bus={id},{back}", bus="rp4"),

    # nothing but memory behind its BAR 2
    "ivshmem": Device(0x1e, "memory", ("ivshmem-plain,{back}",)),

    # two cards that are wired to each other
    "pair0": _card(0x1c, "e1000", "e1000", "E1000", kind="pair"),
    "pair1": _card(0x1d, f"virtio-net-pci,{VIRTIO}", "virtio_pci virtio_net",
                   "VIRTIO_PCI VIRTIO_NET NAMESPACES NET_NS", kind="pair"),
}

# What a scenario may ask for in any number: disks for devices plugged in later.
SPARE = Device(kind="disk")

DISK_SIZE = 64 << 20


def find(name: str) -> Device:
    device = TABLE.get(name)
    if device:
        return device
    if name.rstrip("0123456789") == "spare":
        return SPARE
    raise LabError(f"the lab has no device '{name}'; it has {' '.join(TABLE)} "
                   "and spare disks")


def address(name: str) -> str:
    """Its PCI address.  Behind a bridge, where firmware and Linux number the
    buses, it is a path with wildcards in sysfs, from the root bus on."""
    device = TABLE[name]
    place = f"{device.slot:02x}.{device.function}"
    if not device.bus:
        return f"0000:00:{place}"
    bus = TABLE[device.bus]
    if bus.root:
        return f"{bus.root}:{place}"
    return f"{address(device.bus)}/*:{place}"


def behind_bridge(name: str) -> bool:
    """Does it do DMA from another bus than the first one, and not around the
    IOMMU?"""
    device = TABLE.get(name, SPARE)
    return bool(device.bus) and device.kind != "toolstack" and bool(
        device.kind or device.modules)


def listing(names: Iterable[str]) -> str:
    """For dom0, a line for each: name, address, modules."""
    return "".join(f"{name} {address(name)} {TABLE[name].modules}\n"
                   for name in names if name in TABLE)


def all_modules() -> set[str]:
    """All that dom0 may have to load."""
    return {module for device in TABLE.values()
            for module in device.modules.split()}


def parse_size(text: str) -> int:
    units = {"K": 10, "M": 20, "G": 30}
    if text[-1:] in units:
        return int(text[:-1]) << units[text[-1]]
    return int(text)


class Devices:
    """QEMU's arguments for devices, and the files behind them."""

    def __init__(self, directory: Path,
                 toolstack: Callable[[], Path]) -> None:
        self.directory = Path(directory)
        self.toolstack = toolstack
        self.disks: dict[str, Path] = {}
        self.argv: list[str] = []
        self._there: set[str] = set()

    def add(self, name: str,
            options: Iterable[tuple[str, str]] = ()) -> None:
        """A device, and the bridges that it is behind."""
        left = dict(options or ())
        device = find(name)
        if name in self._there:
            return
        self._there.add(name)
        if device.bus:
            self.add(device.bus)
        self.argv += device.machine
        back = self._behind(name, device, left)
        if left:
            raise LabError(f"device {name} has no option {list(left)[0]}")
        for number, text in enumerate(device.qemu):
            value = text.format(id=name, back=back)
            if not number:
                driver, comma, rest = value.partition(",")
                value = (f"{driver},id={name},bus={device.bus or 'pcie.0'},"
                         f"addr={device.slot:#x}.{device.function}"
                         f"{comma}{rest}")
            self.argv += ["-device", value]

    def _behind(self, name: str, device: Device, left: dict[str, str]) -> str:
        """What is behind a device: the property that says so."""
        if "subsys=" in "".join(device.qemu):
            self.argv += ["-device", f"nvme-subsys,id=subsys-{name}"]
        if device.kind == "disk":
            self._image(name, left)
            return f"drive=disk-{name}"
        if device.kind == "toolstack":
            self.argv += ["-drive", f"if=none,id=disk-{name},format=raw,"
                                    f"snapshot=on,file={self.toolstack()}"]
            return f"drive=disk-{name}"
        if device.kind == "net":
            self.argv += ["-netdev", f"user,id=net-{name},ipv6=off"]
            return f"netdev=net-{name}"
        if device.kind == "pair":
            self.argv += ["-netdev", f"hubport,id=net-{name},hubid=1"]
            return f"netdev=net-{name}"
        if device.kind == "sound":
            path = self.directory / f"{name}.wav"
            self.disks[name] = path
            self.argv += ["-audiodev", f"wav,id=audio-{name},path={path},"
                                       "out.frequency=48000"]
            return f"audiodev=audio-{name}"
        if device.kind == "memory":
            self.argv += ["-object",
                          f"memory-backend-ram,id=mem-{name},size=1M"]
            return f"memdev=mem-{name}"
        if device.kind == "random":
            path = self.directory / f"{name}.random"
            path.write_bytes(b"PV-IOMMU" * (1 << 16))
            self.argv += ["-object",
                          f"rng-random,id=rng-{name},filename={path}"]
            return f"rng=rng-{name}"
        return ""

    def _image(self, name: str, left: dict[str, str]) -> None:
        if left.pop("null", None):
            self.argv += ["-drive", f"if=none,id=disk-{name},driver=null-co,"
                                    "size=1G,read-zeroes=on"]
            return
        path = self.directory / f"{name}.img"
        with open(path, "wb") as file:
            file.truncate(parse_size(left.pop("size", str(DISK_SIZE))))
        self.disks[name] = path
        cache = ",cache=unsafe" if left.pop("unsafe", None) else ""
        self.argv += ["-drive", f"if=none,id=disk-{name},format=raw,"
                                f"discard=unmap,file={path}{cache}"]
