# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# For scenarios in which a program drives a device by vfio-pci.

# vfio_up: what the kernel has for that
vfio_up() {
	modprobe vfio_iommu_type1 || die "vfio_iommu_type1 does not load"
	modprobe vfio_pci || die "vfio_pci does not load"
}

# to_vfio PCI: whatever drives it
to_vfio() {
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || device_free "$1"
	echo vfio-pci >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ -e "/sys/bus/pci/drivers/vfio-pci/$1" ] || die "vfio-pci does not take $1"
}

from_vfio() {
	echo "$1" >/sys/bus/pci/drivers/vfio-pci/unbind
	echo >"/sys/bus/pci/devices/$1/driver_override"
}
