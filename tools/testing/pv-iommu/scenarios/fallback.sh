# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where there is no PV-IOMMU to be had the driver says why, and the NVMe works on xen-swiotlb.
#: variant debian-xen   xen=debian
#: variant vtd-4.20     xen=debian-4.20
#: variant amdvi-4.20   xen=debian-4.20 iommu=amdvi
#: variant iommu-op-off xenargs=iommu-op=off
#: variant strict       xenargs=dom0-iommu=strict
#: variant passthrough  xenargs=dom0-iommu=passthrough
#: variant ats          xenargs=ats=on
#: variant iommu-off    xenargs=iommu=off
#: variant no-iommu     iommu=none
#: variant amdvi-strict iommu=amdvi "xenargs=dom0-iommu=strict sched=credit"
#: variant bare-linux   xen=none
#: variant pvh          iommu=amdvi cpu=pvh xenargs=dom0=pvh
#: variant linux-passthrough xenargs=iommu-op=no-contexts linux=iommu.passthrough=1
#: core iommu-op-off
#: slow pvh amdvi-4.20
#: xen ref
#: expect xen WARNING: PVH is an experimental mode
#: expect linux xen-pv-iommu: not used:
#: device nvme

case $VARIANT in
debian-xen | *-4.20 | iommu-op-off)	reason='does not offer iommu_op' ;;
strict | amdvi-strict)		reason='dom0-iommu=strict' ;;
passthrough)			reason='dom0-iommu=passthrough' ;;
ats)				reason='lets devices cache translations' ;;
iommu-off | no-iommu)		reason='uses no IOMMU' ;;
bare-linux)			reason='not a Xen domain' ;;
pvh)				reason='dom0 is not a PV domain' ;;
linux-passthrough)		reason='iommu.passthrough asks for the host map' ;;
esac

driver_refused "$reason"
# without Xen Linux may drive the IOMMU itself
[ "$XEN" = none ] || check "no device is in a group of an IOMMU" \
	is "$(ls /sys/kernel/iommu_groups)" ""
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 1
finish
