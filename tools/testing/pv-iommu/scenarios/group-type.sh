# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A group's type file changes between lazy, strict and identity, which is the host map, at run time; where devices share one address space they stay in it.
#: variants vtd amdvi vtd-shared
#: slow amdvi
#: expect linux xen-pv-iommu: a second address space is refused
#: needs retype
#: device nvme
#: guest iommu-op

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

# frames_of PCI: what is mapped for its group now
frames_of() {
	awk -v pci="$1" 'index($0, pci) { print $4 }' \
		/sys/kernel/debug/xen-pv-iommu/groups
}

# they_stay: where devices share one address space
they_stay() {
	for other in DMA identity; do
		echo $other 2>/dev/null >"$type" && die "$other, for all devices"
	done
	check "it stays what it was" is "$(cat "$type")" DMA-FQ
	driver_says 'a second address space is refused' >/run/says
	check "the log says why: $(cat /run/says)" [ -s /run/says ]
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 8 8
	modprobe -r nvme
}

# it_changes: where each group has its own
it_changes() {
	echo DMA >"$type" || die "the type does not change to DMA"
	check "strict now" is "$(cat "$type")" DMA
	disk_up "$PCI_NVME" nvme
	lazy=$(driver_stat ops_unmap_lazy)
	disk_verify "$DISK" nvme 8 8
	check "strict: no unmap is queued" is "$(driver_stat ops_unmap_lazy)" "$lazy"
	check "strict: a flush for each" \
		[ "$(driver_stat flushes)" -ge "$(driver_stat ops_unmap)" ]

	strict=$(driver_stat ops_unmap)
	echo DMA-FQ >"$type" || die "the type does not change to DMA-FQ"
	disk_verify "$DISK" nvme 16 8
	check "lazy again, with the device in use" is "$(driver_stat ops_unmap)" "$strict"

	modprobe -r nvme
	echo identity >"$type" || die "the type does not change to identity"
	check "it is in the host map" is "$(ctx_of "$PCI_NVME")" 0
	untranslated "$PCI_NVME"
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 24 8
	check "on xen-swiotlb nothing is mapped for it" is "$(frames_of "$PCI_NVME")" 0
	modprobe -r nvme
	echo DMA-FQ >"$type" || die "the type does not change back to DMA-FQ"
	untranslated
	check "it has its context again" [ "$(ctx_of "$PCI_NVME")" != 0 ]
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 0 8
	check "and its mappings" [ "$(frames_of "$PCI_NVME")" -gt 0 ]
	modprobe -r nvme
}

hypercalls_up
driver_load
type=$(type_of "$PCI_NVME")
check "lazy is the default" is "$(cat "$type")" DMA-FQ

disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
check "lazy: unmaps are queued" [ "$(driver_stat ops_unmap_lazy)" -gt 0 ]
check "lazy: none is strict" is "$(driver_stat ops_unmap)" 0
check "lazy: fewer flushes than unmaps" \
	[ "$(driver_stat flushes)" -lt "$(driver_stat ops_unmap_lazy)" ]

echo DMA 2>/dev/null >"$type" && die "strict under a device in use"
ok "not to strict while a device is in use: that is the kernel's rule"

modprobe -r nvme
case $VARIANT in
*-shared) they_stay ;;
*) it_changes ;;
esac
driver_carried
driver_unload || :
finish
