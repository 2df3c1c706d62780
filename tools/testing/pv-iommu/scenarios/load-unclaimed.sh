# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device that is plugged in and cannot be claimed is left on xen-swiotlb, or where devices share an address space gets no DMA; the log says so, and others work; found once more, it is claimed.
#: needs module
#: variants vtd vtd-shared
#: first
#: device nvme
#: device rp0
#: device spare3
#: guest pviommu-fail.ko
#: expect linux nvme 0000:\S+: it could not be claimed: this device cannot do DMA

plugged() { ls -d "/sys/bus/pci/devices/$PCI_RP0"/0000:*:00.0; }
unplugged() { ! plugged; }

driver_load
disk_up "$PCI_NVME" nvme
other=$DISK

insmod /lab/pviommu-fail.ko func=iommu_probe_device ret=-12 ||
	die "iommu_probe_device() cannot be made to fail"
request qmp device_add driver=nvme bus=rp0 id=hot drive=disk-spare3 \
	serial=hot || die "device_add: $REPLY_TEXT"
wait_for 20 plugged || die "dom0 does not see the new device"
HOT=$(basename "$(plugged)")
case $VARIANT in
vtd-shared)	says='it could not be claimed: this device cannot do DMA' ;;
*)		says='stays on xen-swiotlb: it was not claimed' ;;
esac
said() { dmesg | grep "$HOT: $says"; }
wait_for 10 said || die "the log says nothing"
ok "the log says so: $(said)"
check "it was asked to claim it" \
	[ "$(cat /sys/module/pviommu_fail/parameters/hits)" -gt 0 ]
rmmod pviommu_fail
[ ! -e "/sys/bus/pci/devices/$HOT/iommu_group" ] || die "it has a group"
if [ "$VARIANT" = vtd-shared ]; then
	block_of "$HOT" && die "it works"
else
	untranslated "$HOT"
	disk_up "$HOT" nvme
	disk_verify "$DISK" spare3 8 2
	untranslated
fi
disk_verify "$other" nvme 0 2

echo 1 >"/sys/bus/pci/devices/$HOT/remove"
echo 1 >/sys/bus/pci/rescan
disk_up "$HOT" nvme
disk_verify "$DISK" spare3 0 2
[ -e "/sys/bus/pci/devices/$HOT/iommu_group" ] || die "it has no group"
driver_carried
request qmp device_del id=hot || die "device_del: $REPLY_TEXT"
wait_for 30 unplugged || die "the device does not go"
finish
