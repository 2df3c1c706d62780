# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where devices share one address space, a device that has a driver but is idle when the driver is loaded gets no DMA, the log says so, and others work; after unloading it has it again.
#: needs module
#: variants vtd-shared amdvi-shared
#: first
#: core vtd-shared
#: slow amdvi-shared
#: device nvme
#: device edu64
#: guest pviommu-dmatest.ko
#: expect linux pviommu_dmatest 0000:00:0d\.0: it was idle, but had a driver at the takeover: this device cannot do DMA

# master on|off: may the device do DMA?  An idle one may not.
master() {
	case $1 in
	on)	master_word='\006\000' ;;
	off)	master_word='\002\000' ;;
	esac
	# shellcheck disable=SC2059 # two bytes
	printf "$master_word" | dd of="/sys/bus/pci/devices/$PCI_EDU64/config" \
		bs=1 seek=4 conv=notrunc 2>/run/dd || die "$(cat /run/dd)"
}

fails() { ! "$@"; }

# no_dma: a driver gets neither memory nor a mapping nor a mask
no_dma() {
	check "no coherent memory" fails dmt alloc buf=0 kind=coherent size=16384
	for kind in single sg; do
		dmt_must "" alloc buf=0 kind=$kind size=16384
		check "no $kind mapping" fails dmt map buf=0
		dmt_must "" free buf=0
	done
	check "no mask" fails dmt mask bits=64
}

# dma: it gets all of that, and the data is right
dma() {
	dmt_must "a mask" mask bits=64
	for kind in single sg coherent; do
		dmt_must "" alloc buf=0 kind=$kind size=16384
		[ $kind = coherent ] || dmt_must "" map buf=0
		dmt_must "$kind memory" edu_check buf=0 seed=7 pages=2
		[ $kind = coherent ] || dmt_must "" unmap buf=0
		dmt_must "" free buf=0
	done
}

dmt_up 64
dmt_on "$PCI_EDU64"
# the machine may have more of its kind
for other in /sys/bus/pci/drivers/pviommu*dmatest/0000:*; do
	[ "${other##*/}" = "$PCI_EDU64" ] || device_free "${other##*/}"
done
buf=0
for kind in single sg coherent; do
	buf=$((buf + 1))
	dmt_must "" alloc buf=$buf kind=$kind size=16384
	[ $kind = coherent ] || dmt_must "" map buf=$buf
	dmt_must "on xen-swiotlb: $kind memory" edu_check buf=$buf seed=3 pages=2
done

master off
driver_load
said=$(dmesg | grep "$PCI_EDU64: it was idle,.*: this device cannot do DMA")
check "the log says so: $said" [ -n "$said" ]
[ ! -e "/sys/bus/pci/devices/$PCI_EDU64/iommu_group" ] || die "it has a group"
no_dma
for buf in 1 2 3; do
	[ $buf = 3 ] || dmt_must "what it had can be unmapped" unmap buf=$buf
	dmt_must "and freed" free buf=$buf
done
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 2
driver_carried

modprobe -r nvme
if driver_unload; then
	master on
	dma
fi
rmmod pviommu_dmatest
finish
