# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where the hypervisor cannot clear the host map the driver unmaps it all itself, in few hypercalls, and gives it back.
#: variant vtd   like=vtd xenargs=iommu-op=buffers,no-clear
#: variant vtd48 like=vtd48 xenargs=iommu-op=buffers,no-clear
#: variant amdvi like=amdvi-strict xenargs=iommu-op=buffers,no-clear
#: core vtd
#: slow vtd48
#: device nvme
#: device edu64
#: guest edu-stray
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

if [ "$DRIVER" = module ]; then
	stray_dma "$PCI_EDU64" 64
	check "with the host map a stray DMA goes through" is "$STRAY" went_through
fi

driver_load
says=$(driver_says "took over")
frames=$(echo "$says" | sed -n 's/.*host map of \([0-9]*\) frames unmapped.*/\1/p')
calls=$(echo "$says" | sed -n 's/.*, \([0-9]*\) hypercalls,.*/\1/p')
[ -n "$frames" ] || die "it did not unmap the host map: $says"
# dom0 alone has 1 GiB
check "the host map had all of dom0's frames and more" [ "$frames" -gt 262144 ]
check "and went in $calls hypercalls" [ "$calls" -le 4 ]

stray_dma "$PCI_EDU64" 64
check "without the host map the same DMA changes nothing" is "$STRAY" blocked
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 16
driver_carried

modprobe -r nvme
if driver_unload; then
	stray_dma "$PCI_EDU64" 64
	check "the host map is back" is "$STRAY" went_through
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 16 8
fi
finish
