# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Devices that are not on the PCI bus, there already or new, keep the addresses of xen-swiotlb before, under and after the driver.
#: needs module
#: variants vtd
#: first
#: device nvme
#: guest pviommu-platform.ko

# addresses WHEN: three devices, with three masks each
addresses() {
	cat /sys/kernel/debug/pviommu-platform >/run/platform ||
		die "the test module does not work"
	check "$1: all three devices were tried" \
		is "$(cut -d' ' -f1 /run/platform | uniq | tr '\n' ' ')" "old new pnp "
	check "$1: $(grep -c good /run/platform) of 9 are right" \
		is "$(grep -v ' good$' /run/platform)" ""
}

insmod /lab/pviommu-platform.ko || die "the test module does not load"
addresses "before the driver"
driver_load
addresses "under it"
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 2
addresses "beside a disk"
driver_carried
modprobe -r nvme
if driver_unload; then
	addresses "after it"
fi
rmmod pviommu_platform
finish
