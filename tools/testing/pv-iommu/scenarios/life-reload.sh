# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The driver unloads when no device is in use, DMA is on xen-swiotlb again, and it loads again; I/O is verified each time.
#: needs unload
#: variants vtd amdvi
#: slow amdvi
#: device nvme

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
rmmod xen_pv_iommu 2>/dev/null && die "it unloads under a device in use"
ok "it does not unload under a device in use"

modprobe -r nvme
driver_unload
[ ! -e /sys/class/iommu/xen-pv-iommu ] || die "sysfs still shows it"
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 8

modprobe -r nvme
driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 16 8
driver_carried
finish
