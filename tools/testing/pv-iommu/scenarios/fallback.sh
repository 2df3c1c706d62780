# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where there is no PV-IOMMU to be had the driver says why, and the NVMe works on xen-swiotlb.
#: variant debian-xen   xen=debian
#: variant iommu-op-off xenargs=iommu-op=off
#: variant strict       xenargs=dom0-iommu=strict
#: variant passthrough  xenargs=dom0-iommu=passthrough
#: variant iommu-off    xenargs=iommu=off
#: variant no-iommu     iommu=none
#: variant amdvi-strict iommu=amdvi xenargs=dom0-iommu=strict
#: variant bare-linux   xen=none
#: core iommu-op-off
#: xen ref
#: device nvme
#: guest fio

case $VARIANT in
debian-xen | iommu-op-off)	reason='does not offer iommu_op' ;;
strict | amdvi-strict)		reason='dom0-iommu=strict' ;;
passthrough)			reason='dom0-iommu=passthrough' ;;
iommu-off | no-iommu)		reason='uses no IOMMU' ;;
bare-linux)			reason='not a Xen domain' ;;
esac

driver_refused "$reason"
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 16
fio_verify "$DISK" 16m
finish
