# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The group's type file changes between lazy and strict at run time, and hypercalls and flushes follow.
#: variants vtd amdvi
#: slow amdvi
#: needs retype
#: device nvme

driver_load
group=$(readlink "/sys/bus/pci/devices/$PCI_NVME/iommu_group")
type=/sys/kernel/iommu_groups/${group##*/}/type
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
echo identity 2>/dev/null >"$type" && die "identity, which would be wrong here"
ok "identity is refused"
driver_carried
driver_unload || :
finish
