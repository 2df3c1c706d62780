# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Disks on nine controllers, some behind a bridge, a switch or a second root bus, write and read through mappings that dom0 made, compared in the images.
#: variants vtd vtd-strict amdvi-shared
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd-strict amdvi-shared
#: device virtio-scsi
#: device virtio-blk
#: device mptsas1068
#: device ahci
#: device sdhci
#: device xhci
#: device ehci
#: device ohci
#: device nvme-switch
#: device nvme-pxb
#: device virtio-rng
#: guest fio
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

# random_there: what the host has for the device is one word, again and again
random_there() {
	head -c 64 /dev/hwrng >/run/random
	head -c 15 /run/random | grep -q PV-IOMMU || return 1
	tail -c 56 /run/random >/run/random-end
	head -c 56 /run/random | cmp - /run/random-end
}

driver_load
virtio_give

ahci_up
for disk in virtio-scsi virtio-blk ahci sdhci xhci nvme-switch \
	nvme-pxb; do
	disk_check $disk 2
done
usb_check ehci 2
usb_check ohci 1

# QEMU's model shows no disk to this driver: only its own description, by DMA
device_is mptsas1068
modules_up
device_translated "$PCI"
check "mptsas1068 describes itself" grep -q "QEMU MPT Fusion" \
	"/sys/bus/pci/devices/$PCI/"host*/scsi_host/host*/board_name

device_is virtio-rng
modprobe virtio_rng || die "modprobe virtio_rng failed"
device_translated "$PCI"
wait_for 10 grep -q virtio /sys/class/misc/hw_random/rng_current
check "virtio-rng gives what the host has for it" random_there
driver_carried
finish
