# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where devices share one address space, a virtio disk that goes around the IOMMU is left on xen-swiotlb and works, beside others in that address space.
#: needs module
#: variants vtd-shared amdvi-shared
#: slow amdvi-shared
#: device nvme
#: device virtio-plain
#: guest fio

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

untranslated "$PCI_VIRTIO_PLAIN"
driver_load
dmesg >/run/dmesg
check "the kernel says that it is left alone" grep -q \
	"$PCI_VIRTIO_PLAIN: stays on xen-swiotlb: it is a virtio device that goes around" \
	/run/dmesg
check "it is in no group" [ ! -e "/sys/bus/pci/devices/$PCI_VIRTIO_PLAIN/iommu_group" ]
virtio_give
device_is virtio-plain
# shellcheck disable=SC2086 # words
disk_up "$PCI" $MODULES
fio_verify "$DISK" 2m
disk_verify "$DISK" virtio-plain 8 1
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 1
driver_carried
finish
