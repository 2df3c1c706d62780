# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about What "make demo" shows: an address space for each device, one that is left out, verified I/O, stray DMA that is blocked, the statistics, and the way back.
#: needs unload
#: variant vtd like=vtd xen=ref
#: device nvme
#: device nvme2
#: device e1000e
#: device edu64
#: guest fio ethtool edu-stray iommu-op
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

# each line of standard input, as it is
show() { while read -r show_line; do request show "$show_line"; done; }

# buffer_of CTX: the highest frame below 4 GiB that is mapped there
buffer_of() {
	for buffer_n in $(seq 0 255); do
		iommu-op -c "$1" lookup $((0xfffff - buffer_n)) >/run/op || continue
		printf '%#x' $((0xfffff - buffer_n))
		return
	done
	die "nothing is mapped in context $1"
}

attack() {
	tell "The edu device, which has no driver, is told to read 64 bytes of one"
	tell "page and to write them over another. Nobody gave it either page."
	stray_dma "$PCI_EDU64" 64
	grep '^# .*victim' /run/stray | sed 's/^# *//' | show
}

request title "1. What the hypervisor offers"
tell "This is Linux $(uname -r), a PV dom0 on Xen $(cat \
	/sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor); its"
tell "devices' DMA goes through xen-swiotlb: Xen maps all of the host's memory"
tell "for them. The hypercall iommu_op says what could be had instead:"
hypercalls_up
iommu-op caps >/run/caps || die "iommu_op: $(tail -n 1 /run/caps)"
show </run/caps

request title "2. A stray DMA on plain xen-swiotlb"
attack
check "the stray DMA went through: the victim's memory has changed" \
	is "$STRAY" went_through

request title "3. The driver takes over"
tell "insmod xen-pv-iommu.ko; it says:"
driver_load
dmesg | grep -o 'xen-pv-iommu: .*' | show
tell "Each IOMMU group of devices has a context of its own in the hypervisor:"
show </sys/kernel/debug/xen-pv-iommu/groups
tell "The disk $PCI_NVME, the card $PCI_E1000E and edu at $PCI_EDU64"
tell "are among them. The second disk, $PCI_NVME2, is to be left out:"
tell "echo identity >/sys/bus/pci/devices/$PCI_NVME2/iommu_group/type"
echo identity >"/sys/bus/pci/devices/$PCI_NVME2/iommu_group/type" ||
	die "its type does not change"
check "it is in the host map again, context 0" is "$(ctx_of "$PCI_NVME2")" 0

request title "4. The NVMe disks"
disk_up "$PCI_NVME" nvme
tell "16 MiB of data are written to $DISK, read back, and then compared"
tell "by the host in the file behind the emulated disk:"
disk_verify "$DISK" nvme 8 16
tell "fio writes blocks of 4 to 128 KiB at random and verifies them:"
fio_verify "$DISK" 8m
mapped=$(driver_stat frames_map)
untranslated "$PCI_NVME2"
disk_up "$PCI_NVME2" nvme
tell "The disk that was left out works on xen-swiotlb:"
disk_verify "$DISK" nvme2 8 4
check "nothing was mapped for that" is "$(driver_stat frames_map)" "$mapped"

request title "5. The network card"
e1000e_up
tell "$NET moves data to and from a program on the host; both ends compare:"
net_verify 8

request title "6. The same stray DMA again"
dma_faults_mark
attack
check "blocked: the victim's memory is untouched" is "$STRAY" blocked
dma_faults "$PCI_EDU64" || die "Xen logged no fault"
tell "and Xen logged:"
ask xenlog last "DMAR:.*00:0d.0" | show
ctx=$(ctx_of "$PCI_NVME")
DFN=$(buffer_of "$ctx")
tell "For the disk, in context $ctx, the driver has mapped a buffer at frame $DFN:"
show </run/op
tell "edu is told to read there; in its own context, $(ctx_of "$PCI_EDU64"), there is nothing:"
check "one device does not reach what is mapped for another" faults

request title "7. Statistics"
tell "Who has what now:"
show </sys/kernel/debug/xen-pv-iommu/groups
tell "$STATS:"
grep -v ' 0$' "$STATS" | show
driver_carried

request title "8. The way back"
ip link set "$NET" down
modprobe -r e1000e nvme
tell "No device is in use any more, so the driver can be unloaded:"
driver_unload
disk_up "$PCI_NVME" nvme
tell "and the disk works on xen-swiotlb as before:"
disk_verify "$DISK" nvme 32 4
finish
