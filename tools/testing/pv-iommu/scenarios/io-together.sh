# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about All kinds of disks and network cards work at once, and each one's data is verified.
#: variants vtd amdvi vtd48
#: core vtd
#: slow vtd48
#: device nvme
#: device nvme2
#: device ahci
#: device xhci
#: device virtio-blk
#: device e1000e
#: guest fio ethtool
#: timeout 600

driver_load
virtio_give "$PCI_VIRTIO_BLK"

pids=
ahci_up
for disk in "$PCI_NVME nvme" "$PCI_NVME2 nvme" "$PCI_AHCI ahci sd_mod" \
	"$PCI_XHCI xhci_pci usb_storage sd_mod" "$PCI_VIRTIO_BLK virtio_blk"; do
	# shellcheck disable=SC2086
	disk_up $disk
	# shellcheck disable=SC2153 # set by disk_up
	fio_start "$DISK" 6m
	pids="$pids $FIO_PID"
done
e1000e_up
net_verify 4
for FIO_PID in $pids; do
	fio_end
done
for disk in "$PCI_NVME nvme" "$PCI_NVME2 nvme2" "$PCI_AHCI ahci" \
	"$PCI_XHCI xhci" "$PCI_VIRTIO_BLK virtio-blk"; do
	disk_verify "/dev/$(block_of "${disk% *}")" "${disk#* }" 16 4
done
driver_carried
finish
