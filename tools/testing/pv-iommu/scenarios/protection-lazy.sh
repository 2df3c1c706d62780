# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about In lazy mode, too, a device does not reach what was unmapped once the flush queue has drained, also when its address comes back.
#: variants vtd amdvi
#: device edu64
#: guest pviommu-dmatest.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"
lazy=$(driver_stat ops_unmap_lazy)
strict=$(driver_stat ops_unmap)

# The IOTLB has the mapping then.
dmt_must "" alloc buf=0 kind=single size=4096 dir=both
dmt_must "" map buf=0
addr=$(dmt_get addr)
dmt_must "a mapped buffer is reached" edu_check buf=0 seed=3
dmt_must "" fill buf=0 seed=4
dmt_must "" unmap buf=0
# The flush queue's timer is 10 ms, and edu takes 100 ms more.
usleep 50000
check "it was unmapped lazily" [ "$(driver_stat ops_unmap_lazy)" -gt "$lazy" ]

must_fault "a write after unmap and drain" Write "$addr" seed=5
dmt_must "a write after unmap and drain faults, and memory is as it was" \
	verify buf=0 seed=4
must_fault "a read after unmap and drain" Read "$addr" seed=4
is "$(dmt_get match)" 1 >/dev/null && die "a read after unmap got the data"
ok "a read after unmap and drain faults and gets nothing"

dmt_must "DMA to addresses that come back hits the new buffer, never the old" \
	reuse seconds=8
reused=$(dmt_get reused)
check "addresses came back ($reused of $(dmt_get rounds) rounds)" \
	[ "$reused" -ge 10 ]
check "nothing was unmapped strictly" is "$(driver_stat ops_unmap)" "$strict"
driver_carried
finish
