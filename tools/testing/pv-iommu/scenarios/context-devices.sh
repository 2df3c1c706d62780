# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about With contexts each group of devices has its own address space; what is in use at load, or goes around the IOMMU, stays on xen-swiotlb and works.
#: needs module
#: variants vtd amdvi
#: slow amdvi
#: device nvme
#: device nvme2
#: device ahci
#: device virtio-blk
#: device virtio-plain
#: device e1000e
#: device edu64
#: guest fio ethtool edu-stray iommu-op
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

left_alone() { ! [ -e "/sys/bus/pci/devices/$1/iommu_group" ]; }

untranslated "$PCI_AHCI" "$PCI_VIRTIO_PLAIN"
hypercalls_up
# at work when the driver loads
ahci_up
device_is ahci
# shellcheck disable=SC2086 # words
disk_up "$PCI" $MODULES
busy=$DISK
disk_verify "$busy" ahci 0 1

driver_load
virtio_give
check "the disk that was in use is left alone" left_alone "$PCI_AHCI"
dmesg >/run/dmesg
check "the kernel says why" grep -q "$PCI_AHCI: stays on xen-swiotlb: it is in use" /run/dmesg
check "so is the virtio disk that goes around the IOMMU" left_alone "$PCI_VIRTIO_PLAIN"
disk_verify "$busy" ahci 8 1

for name in nvme nvme2 virtio-blk virtio-plain; do
	device_is $name
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	fio_verify "$DISK" 2m
	disk_verify "$DISK" $name 16 1
done
e1000e_up
net_verify 1

groups=$(for pci in $PCI_NVME $PCI_NVME2 $PCI_VIRTIO_BLK $PCI_E1000E $PCI_EDU64; do
	group_of "$pci"
done | sort -u | wc -l)
check "five devices are in five groups" is "$groups" 5
ctxs=$(for pci in $PCI_NVME $PCI_NVME2 $PCI_VIRTIO_BLK $PCI_E1000E $PCI_EDU64; do
	ctx_of "$pci"
done | sort -u | grep -vc '^0$')
check "and in five contexts" is "$ctxs" 5
# the line of debugfs with this device is right about its group and context
listed() {
	awk -v pci="$1" -v group="$(group_of "$1")" -v ctx="$(ctx_of "$1")" '
		index($0, pci) { found = $1 == group && $2 == ctx && $3 == "DMA-FQ" }
		END { exit !found }' /sys/kernel/debug/xen-pv-iommu/groups
}

for pci in $PCI_NVME $PCI_NVME2 $PCI_VIRTIO_BLK $PCI_E1000E $PCI_EDU64; do
	listed "$pci" || die "groups in debugfs is wrong about $pci"
done
ok "debugfs lists each with its group and context"
awk -v pci="$PCI_NVME" 'index($0, pci) { exit !($5 > 0 && $6 > 0) }' \
	/sys/kernel/debug/xen-pv-iommu/groups || die "no hypercalls for the disk"
awk -v pci="$PCI_EDU64" 'index($0, pci) { exit !($5 == 0) }' \
	/sys/kernel/debug/xen-pv-iommu/groups || die "hypercalls for what is idle"
ok "and counts hypercalls for each by itself"
stray_dma "$PCI_EDU64" 64
check "the DMA of one to machine addresses changes nothing" is "$STRAY" blocked
driver_carried

modprobe -r nvme e1000e
others_free none virtio-pci
if driver_unload; then
	check "each is back in the host map" is "$(ctx_of "$PCI_NVME")" 0
	stray_dma "$PCI_EDU64" 64
	check "where stray DMA goes through" is "$STRAY" went_through
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 24 1
	disk_verify "$busy" ahci 24 1
fi
finish
