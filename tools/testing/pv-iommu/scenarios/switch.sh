# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Built in, xen_pv_iommu=off leaves DMA on xen-swiotlb, and a value that is neither on nor off is named and ignored.
#: needs builtin
#: variant off   linux=xen_pv_iommu=off
#: variant wrong linux=xen_pv_iommu=perhaps
#: core off wrong
#: device nvme

case $VARIANT in
off)
	check "the driver says nothing" is "$(driver_says)" ""
	check "and is not there" [ ! -e /sys/class/iommu/xen-pv-iommu ]
	;;
wrong)
	driver_says "xen_pv_iommu=perhaps is not 'on' or 'off'" >/run/said
	check "the value is named" grep -q ignored /run/said
	driver_load
	;;
esac
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
[ "$VARIANT" = off ] || driver_carried
finish
