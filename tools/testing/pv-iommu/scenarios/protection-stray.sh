# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A stray DMA goes through on xen-swiotlb and is blocked, with a fault, once the driver has taken over.
#: variants vtd vtd-strict amdvi vtd-shared amdvi-shared
#: first
#: core amdvi
#: device edu64
#: guest edu-stray
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

if [ "$DRIVER" = module ]; then
	stray_dma "$PCI_EDU64" 64
	check "on xen-swiotlb a stray DMA reads a secret and overwrites a victim" \
		is "$STRAY" went_through
fi

driver_load
dma_faults_mark
stray_dma "$PCI_EDU64" 64
check "with the driver the same DMA changes nothing" is "$STRAY" blocked
dma_faults "$PCI_EDU64" || die "no fault: $REPLY_TEXT"
ok "the IOMMU reported the fault"

if driver_unload; then
	stray_dma "$PCI_EDU64" 64
	check "without the driver it goes through again" is "$STRAY" went_through
fi
finish
