# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A page that was unmapped, but not flushed, is out of a device's reach as soon as dom0 gives it back to Xen.
#: variants vtd amdvi
#: device edu64
#: guest edu-stray iommu-op pviommu-balloon.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# Hypercalls of our own, on dfns that the driver does not use: it gives them out
# from the top down, and has no device to do DMA for.
DFN=0x40000
OWN_DFN=0x41000
BALLOON=/sys/kernel/debug/pviommu-balloon

op() {
	iommu-op "$@" >/run/op 2>&1 || die "iommu-op $*: $(tail -n 1 /run/op)"
}

# fetch GFN: the device reads at DFN; what it got is in $GOT
fetch() {
	edu-stray -d "$PCI_EDU64" -m 64 fetch $((DFN << 12)) $(($1 << 12)) \
		$OWN_DFN >/run/stray 2>&1 ||
		die "edu-stray: $(tail -n 1 /run/stray)"
	GOT=$(sed -n 's/^verdict=//p' /run/stray)
}

# reaches GFN: what it reads is what is there
reaches() {
	fetch "$1"
	is "$GOT" fetched
}

# blocked GFN: the device gets nothing, and the IOMMU says so
blocked() {
	dma_faults_mark
	fetch "$1"
	is "$GOT" blocked && dma_faults "$PCI_EDU64" 3
}

# parted WHERE: the address space is taken over, by whomever
parted() {
	insmod /lab/pviommu-balloon.ko || die "the balloon module does not load"
	gfn=$(sed -n 's/^gfn //p' $BALLOON)
	check "$1: nothing is mapped: the device gets nothing" blocked "$gfn"
	op map "$DFN" "$gfn" r
	check "$1: dom0's page is mapped: the device gets what is in it" \
		reaches "$gfn"
	op unmap "$DFN" no_flush
	check "$1: unmapped, not flushed: it still does, by the IOTLB" \
		reaches "$gfn"
	echo out >$BALLOON || die "Xen did not take the page"
	check "$1: the page is Xen's: the device gets nothing" blocked "$gfn"
	rmmod pviommu-balloon || die "the page did not come back"
}

hypercalls_up
if [ "$DRIVER" = module ] && ! driver_is_loaded; then
	op enable clear
	parted "without the driver"
	op disable
fi
driver_load
parted "with the driver"
driver_unload || :
finish
