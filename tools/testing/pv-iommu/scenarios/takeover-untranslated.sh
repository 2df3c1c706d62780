# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device that no IOMMU translates is never given addresses: with contexts it is left alone, without them it keeps the driver from taking over.
#: needs module
#: variant contexts iommu=vtd-holes xen=ref
#: variant shared   iommu=vtd-holes xen=ref xenargs=iommu-op=no-contexts
#: device nvme
#: device nvme-hole
#: guest iommu-op
#: expect linux xen-pv-iommu: not used: the hypervisor refused the takeover

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

hypercalls_up
device_is nvme-hole
hole=$PCI
untranslated "$hole"
op device "$PCI_NVME"
check "the IOMMU translates one device" grep -q '^flags=.* translated' /run/op
op device "$hole"
check "and does not the other" [ "$(grep -c ' translated' /run/op)" = 0 ]

case $VARIANT in
shared)
	# shellcheck disable=SC2153 # it is the lab's
	insmod "$MODULE" 2>/run/insmod && die "the driver loads: $(driver_says)"
	dmesg >/run/dmesg
	check "the driver says why it is not used" grep -q \
		'not used: the hypervisor refused the takeover (-18)' /run/dmesg
	request xenlog boot 'is not translated: no takeover' ||
		die "Xen does not say which device it is"
	;;
contexts)
	op alloc
	ctx=$(of_op ctx)
	iommu-op -c "$ctx" attach "$hole" >/run/op
	check "the hypervisor attaches it to nothing" \
		grep -q '^status=-EXDEV$' /run/op
	op -c "$ctx" free
	driver_load
	check "the driver leaves it alone" \
		[ ! -e "/sys/bus/pci/devices/$hole/iommu_group" ]
	device_translated "$PCI_NVME"
	;;
esac

disk_up "$hole" nvme
disk_verify "$DISK" nvme-hole 8 1
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 1
finish
