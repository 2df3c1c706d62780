# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about What "make demo" shows: takeover, verified I/O, a blocked stray DMA, the statistics, and the way back.
#: needs unload
#: variant vtd like=vtd xen=ref
#: device nvme
#: device e1000e
#: device edu64
#: guest fio ethtool edu-stray iommu-op
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault
#: timeout 600

# each line of standard input, as it is
show() { while read -r show_line; do request show "$show_line"; done; }

about_device() {
	case $1 in
	"$PCI_NVME") echo "NVMe disk" ;;
	"$PCI_E1000E") echo "e1000e network card" ;;
	"$PCI_EDU64") echo "edu, QEMU's teaching device" ;;
	*) case $(cat "/sys/bus/pci/devices/$1/class") in
		0x0600*) echo "host bridge" ;;
		0x0601*) echo "ISA bridge" ;;
		0x0106*) echo "SATA controller" ;;
		0x0c05*) echo "SMBus controller" ;;
		*) echo "class $(cat "/sys/bus/pci/devices/$1/class")" ;;
		esac ;;
	esac
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
tell "Xen has one address space for all of dom0's devices, so they are in one"
tell "IOMMU group; it holds:"
for group_path in /sys/class/iommu/xen-pv-iommu/devices/*; do
	group_pci=$(basename "$group_path")
	echo "$group_pci  group $(basename "$(readlink \
		"$group_path/iommu_group")")  $(about_device "$group_pci")"
done | show
tell "Type of the group's domain: $(cat /sys/kernel/iommu_groups/*/type)"

request title "4. The NVMe disk"
disk_up "$PCI_NVME" nvme
tell "16 MiB of data are written to $DISK, read back, and then compared"
tell "by the host in the file behind the emulated disk:"
disk_verify "$DISK" nvme 8 16
tell "fio writes blocks of 4 to 128 KiB at random and verifies them:"
fio_verify "$DISK" 8m

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

request title "7. Statistics"
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
