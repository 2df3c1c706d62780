# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about virtio-net with iommu_platform=on moves data both ways through mappings that dom0 made, compared on both ends.
#: variants vtd vtd-strict amdvi amdvi-strict
#: slow vtd amdvi-strict
#: core amdvi
#: device virtio-net

driver_load
virtio_give
net_up "$PCI_VIRTIO_NET" virtio_net
net_verify 8
driver_carried
finish
