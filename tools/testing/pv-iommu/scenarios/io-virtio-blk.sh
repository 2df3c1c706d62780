# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about virtio-blk with iommu_platform=on writes and reads through mappings that dom0 made, compared in the disk image.
#: variants vtd vtd-strict amdvi amdvi-strict
#: slow vtd amdvi-strict
#: device virtio-blk
#: guest fio

driver_load
virtio_give "$PCI_VIRTIO_BLK"
disk_up "$PCI_VIRTIO_BLK" virtio_blk
disk_verify "$DISK" virtio-blk 8 16
fio_verify "$DISK" 16m
driver_carried
finish
