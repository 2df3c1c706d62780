# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When Xen crashes it brings devices back to the host map, out of contexts and out of shared mode: whoever comes next can use them.
#: variants vtd vtd-shared
#: variant amdvi like=amdvi-strict
#: device edu64
#: device nvme
#: guest edu-stray iommu-op
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault
#: require xen d0: devices are back in the host map

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

# stray WANT: what the device's DMA to and from machine addresses does
stray() {
	stray_dma "$PCI_EDU64" 64
	is "$STRAY" "$1"
}

hypercalls_up
case $VARIANT in
vtd-shared) op enable clear ;;
*)
	op alloc
	ctx=$(of_op ctx)
	op -c "$ctx" attach "$PCI_EDU64"
	;;
esac
check "its DMA to machine addresses is blocked" stray blocked
# a real crash leaves nobody to look at it; a key on Xen's console does the same
request xenlog mark
request xenkey Y || die "xenkey: $REPLY_TEXT"
request xenlog wait 1 10 'devices are back in the host map' ||
	die "Xen does not know the key"
check "then it goes through" stray went_through
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 1
modprobe -r nvme

# and as nothing crashed, everything can be undone
case $VARIANT in
vtd-shared) op disable ;;
*)
	op attach "$PCI_EDU64"
	op -c "$ctx" free
	;;
esac
finish
