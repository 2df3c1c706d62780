# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about No buffer is copied for its address: swiotlb, which is needed without the driver, has nothing to do with it.
#: variants vtd amdvi
#: device edu32
#: device nvme
#: guest fio pviommu-dmatest.ko

SWIOTLB=/sys/kernel/debug/swiotlb
HIGHEST=$SWIOTLB/io_tlb_used_hiwater

used() { cat $SWIOTLB/io_tlb_used; }

# mapped_single: a buffer that is longer than a run of machine frames
mapped_single() {
	dmt_must "" alloc buf=0 kind=single size=262144
	dmt_must "" map buf=0
}

[ -e $SWIOTLB/io_tlb_used ] || die "this kernel does not tell of swiotlb"
if [ "$DRIVER" = module ]; then
	dmt_up 32
	dmt_on "$PCI_EDU32"
	mapped_single
	check "without the driver a buffer is copied" [ "$(used)" -gt 0 ]
	rmmod pviommu-dmatest
fi
check "swiotlb is not in use" is "$(used)" 0
driver_load
# what was in use before does not count; 6.1 does not remember the highest
[ ! -e $HIGHEST ] || echo 0 >$HIGHEST

dmt_up 32
dmt_on "$PCI_EDU32"
mapped_single
check "with the driver it is not" is "$(used)" 0
dmt_must "the device reaches the buffer's own frames" lookup buf=0
dmt_must "and its data" edu_check buf=0 seed=1 pages=3
dmt_must "" unmap buf=0
dmt_must "" list shape=stream entries=512
dmt_must "" list shape=odd entries=100 pages=2

disk_up "$PCI_NVME" nvme
fio_verify "$DISK" 8m
check "nor is a disk's I/O" is "$(used)" 0
if [ -e $HIGHEST ]; then
	check "and never was" is "$(cat $HIGHEST)" 0
fi
driver_carried
finish
