# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about With iommu.passthrough=1 every device is left in the host map until its group is given a type of its own; one can be protected and the others not.
#: variant vtd   like=vtd linux=iommu.passthrough=1
#: variant amdvi like=amdvi linux=iommu.passthrough=1
#: needs retype
#: device nvme
#: device nvme2
#: device edu64
#: guest edu-stray iommu-op
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

untranslated "$PCI_NVME2"
hypercalls_up
driver_load
for pci in $PCI_NVME $PCI_NVME2 $PCI_EDU64; do
	check "$pci is of type identity" is "$(cat "$(type_of "$pci")")" identity
	check "and in the host map" is "$(ctx_of "$pci")" 0
done
stray_dma "$PCI_EDU64" 64
check "where stray DMA goes through" is "$STRAY" went_through

echo DMA-FQ >"$(type_of "$PCI_NVME")" || die "the disk's type does not change"
check "now the disk is in a context" [ "$(ctx_of "$PCI_NVME")" != 0 ]
disk_up "$PCI_NVME" nvme
protected=$DISK
mapped=$(driver_stat frames_map)
disk_verify "$protected" nvme 0 4
check "where what it uses is mapped" [ "$(driver_stat frames_map)" -gt "$mapped" ]

mapped=$(driver_stat frames_map)
disk_up "$PCI_NVME2" nvme
disk_verify "$DISK" nvme2 0 4
check "the other disk works on xen-swiotlb" is "$(driver_stat frames_map)" "$mapped"

echo DMA >"$(type_of "$PCI_EDU64")" || die "edu's type does not change"
stray_dma "$PCI_EDU64" 64
check "the stray DMA of edu in a context changes nothing" is "$STRAY" blocked
echo identity >"$(type_of "$PCI_EDU64")" || die "edu's type does not change back"
stray_dma "$PCI_EDU64" 64
check "back in the host map it goes through again" is "$STRAY" went_through
disk_verify "$protected" nvme 8 4
driver_carried

modprobe -r nvme
if driver_unload; then
	check "each is in the host map" is "$(ctx_of "$PCI_NVME")" 0
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 16 4
fi
finish
