# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A page that was unmapped, but not flushed, is out of a device's reach as soon as dom0 gives it back to Xen.
#: variants vtd amdvi
#: device edu64
#: guest edu-stray iommu-op pviommu-balloon.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# The hypercall by itself: with the module not loaded, or where a driver that is
# built in has no device to do DMA for.
DFN=0x40000
BALLOON=/sys/kernel/debug/pviommu-balloon

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

hypercalls_up
insmod /lab/pviommu-balloon.ko || die "the balloon module does not load"
[ "$DRIVER" != module ] || op enable clear
check "nothing is mapped: the device's read faults" faults

op map "$DFN" "$(sed -n 's/^gfn //p' $BALLOON)" r
check "dom0's page is mapped: the device reads it" reaches
op unmap "$DFN" no_flush
check "unmapped, not flushed: the device reads it from the IOTLB" reaches

echo out >$BALLOON || die "Xen did not take the page"
check "the page is Xen's: the device's read faults" faults

[ "$DRIVER" != module ] || op disable
rmmod pviommu-balloon || die "the page did not come back"
finish
