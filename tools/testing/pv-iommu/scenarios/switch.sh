# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Built in, the driver is off by default and with xen_pv_iommu=off, and a value that is neither on nor off is named and ignored.
#: needs builtin
#: variant default switch=none
#: variant off     linux=xen_pv_iommu=off
#: variant wrong   linux=xen_pv_iommu=perhaps
#: core default off wrong
#: expect linux xen-pv-iommu: xen_pv_iommu=perhaps is not 'on' or 'off': ignored
#: device nvme

case $VARIANT in
default | off)
	[ "$VARIANT" = off ] || check "nothing switches it on or off" \
		is "$(grep -c xen_pv_iommu /proc/cmdline)" 0
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
[ "$VARIANT" != wrong ] || driver_carried
finish
