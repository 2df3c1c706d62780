# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When the hypervisor has no more contexts the devices that are left stay on xen-swiotlb and work, but one that is not trusted reaches nothing; a context that another gives back can be had.
#: variant vtd   like=vtd xenargs=iommu-op=max-contexts=4
#: variant amdvi like=amdvi xenargs=iommu-op=max-contexts=4
#: needs retype
#: device nvme
#: device nvme2
#: device virtio-blk
#: device e1000e
#: device edu64
#: guest iommu-op ethtool edu-stray pviommu-userdma.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault
#: expect linux 0000:00:0d\.0: it is not trusted, and has no address space of its own

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

# of_type identity|DMA: the devices whose group is, or is not, of type identity
of_type() {
	for of_pci in $PCI_NVME $PCI_NVME2 $PCI_VIRTIO_BLK $PCI_E1000E $PCI_EDU64; do
		case $(cat "$(type_of "$of_pci")") in
		identity) [ "$1" = identity ] && echo "$of_pci" ;;
		*) [ "$1" = identity ] || echo "$of_pci" ;;
		esac
	done
}

hypercalls_up
driver_load
virtio_give
dmesg >/run/dmesg
left=$(of_type identity)
# shellcheck disable=SC2086 # words
untranslated $left
have=$(of_type DMA)
check "some devices have contexts: $(echo "$have" | tr '\n' ' ')" [ -n "$have" ]
check "and some have not: $(echo "$left" | tr '\n' ' ')" [ -n "$left" ]
for pci in $left; do
	check "$pci is in the host map" is "$(ctx_of "$pci")" 0
	check "and the log says why" grep -q \
		"$pci: stays on xen-swiotlb: the hypervisor has no more than 4 contexts" \
		/run/dmesg
done
for name in nvme nvme2 virtio-blk; do
	device_is $name
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	disk_verify "$DISK" $name 8 1
done
e1000e_up
net_verify 1

modprobe -r nvme
ip link set "$NET" down
modprobe -r e1000e
others_free none virtio-pci
one=$(echo "$left" | head -n 1)
echo DMA-FQ 2>/dev/null >"$(type_of "$one")" && die "$one has a context more"
check "no context is to be had for $one" is "$(ctx_of "$one")" 0
giver=$(echo "$have" | head -n 1)
echo identity >"$(type_of "$giver")" || die "$giver does not give its context back"
check "$giver gave one back" is "$(ctx_of "$giver")" 0
echo DMA-FQ >"$(type_of "$one")" || die "$one does not get it"
check "and $one has it" [ "$(ctx_of "$one")" != 0 ]
if driver_unload; then
	insmod /lab/pviommu-userdma.ko || die "pviommu-userdma does not load"
	wait_for 5 test -c /dev/pviommu-userdma || die "no /dev/pviommu-userdma"
	for command in "device $PCI_EDU64" "untrusted 1"; do
		echo "$command" >/dev/pviommu-userdma || die "$command"
	done
	driver_load
	check "a device that is not trusted has its context before others" \
		[ "$(ctx_of "$PCI_EDU64")" != 0 ]
	driver_unload

	# of the four one is empty
	for _ in 1 2 3; do
		iommu-op alloc >/run/op || die "iommu-op: $(cat /run/op)"
	done
	driver_load
	check "when there is none it has no group" \
		[ ! -e "/sys/bus/pci/devices/$PCI_EDU64/iommu_group" ]
	check "and the log says that it gets no DMA" [ -n "$(dmesg |
		grep "$PCI_EDU64: it is not trusted, .*cannot do DMA")" ]
	dma_faults_mark
	stray_dma "$PCI_EDU64" 64
	check "nor does it when nobody asks Linux" is "$STRAY" blocked
	dma_faults "$PCI_EDU64" || die "no fault: $REPLY_TEXT"
	driver_unload
	check "without the driver it is in the host map" \
		is "$(ctx_of "$PCI_EDU64")" 0
fi
finish
