# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where devices share one address space, loading the driver while a device is in use is refused, names the device and leaves its I/O alone; unbound, it works.
#: needs module
#: variants vtd-shared amdvi-shared
#: slow amdvi-shared
#: expect linux xen-pv-iommu: not used: \S+ is driven by nvme and may have DMA under way
#: device nvme
#: guest fio

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

disk_up "$PCI_NVME" nvme
others_free "$PCI_NVME" nvme
fio_start "$DISK" 24m
driver_refused "$PCI_NVME"
fio_end
disk_verify "$DISK" nvme 32 8

device_free "$PCI_NVME"
driver_load
device_give "$PCI_NVME"
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 40 8
driver_carried
finish
