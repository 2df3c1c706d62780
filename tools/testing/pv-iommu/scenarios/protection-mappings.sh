# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device reaches what is mapped for it, in the direction it is mapped, until it is unmapped; all else faults at its address, in its direction.
#: variants vtd-strict amdvi-strict vtd-shared amdvi-shared
#: variant no-qinval like=vtd-strict xenargs=iommu=no-qinval
#: core vtd-strict
#: device edu64
#: guest pviommu-dmatest.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"

dmt_must "" alloc buf=0 kind=single size=4096 dir=both
dmt_must "" map buf=0
addr=$(dmt_get addr)
dmt_must "a mapped buffer is reached in both directions" edu_check buf=0 seed=3
dmt_must "" fill buf=0 seed=4
# addresses are given from the top down: below is nothing, above may be
must_fault "a read beside the mapping" Read $((addr - 4096))
ok "a read beside the mapping faults"

dmt_must "" unmap buf=0
must_fault "a write after unmap" Write "$addr" seed=5
dmt_must "a write after unmap faults, and memory is as it was" \
	verify buf=0 seed=4
must_fault "a read after unmap" Read "$addr" seed=4
is "$(dmt_get match)" 1 >/dev/null && die "a read after unmap got the data"
ok "a read after unmap faults and gets nothing"

dmt_must "" alloc buf=1 kind=single size=4096 dir=to
dmt_must "" fill buf=1 seed=6
dmt_must "" map buf=1
addr=$(dmt_get addr)
# first the write: QEMU reports none that meets a cached read-only entry
case $IOMMU in
amdvi)
	# and QEMU's AMD-Vi drops it without any report
	dmt edu_write addr="$addr" len=64 seed=7
	;;
*)
	must_fault "a write to a buffer mapped for reading" Write "$addr" seed=7
	ok "a write to a buffer mapped for reading faults"
	;;
esac
dmt_must "a write to a buffer mapped for reading leaves memory as it was" \
	verify buf=1 seed=6
dmt_must "" edu_read addr="$addr" len=64 seed=6
check "it can be read" is "$(dmt_get match)" 1
dmt_must "" edu_write addr="$addr" len=64 seed=7
dmt_must "after that, too, a write leaves memory as it was" verify buf=1 seed=6

finish
