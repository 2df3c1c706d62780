# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where there is no PV-IOMMU to be had the driver says why and the NVMe works on xen-swiotlb.
#: variant debian-xen xen=debian
#: device nvme
#: guest fio

driver_refused .
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 16
fio_verify "$DISK" 16m
finish
