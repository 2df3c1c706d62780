# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where the hypervisor cannot clear the host map the driver unmaps all of it itself, also above 4 GiB, in few hypercalls, and gives it back.
#: variant vtd   like=vtd xenargs=iommu-op=buffers,no-clear,no-contexts
#: variant vtd48 like=vtd48 xenargs=iommu-op=buffers,no-clear,no-contexts
#: variant amdvi like=amdvi-strict xenargs=iommu-op=buffers,no-clear,no-contexts
#: slow vtd48
#: device nvme
#: device edu64
#: guest edu-stray iommu-op pviommu-dmatest.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# xen_said REGEX: the part of the last such line that is in brackets
xen_said() {
	request xenlog boot "$1" || die "Xen's log has no line '$1'"
	echo "$REPLY_TEXT" | sed -nE "s#.*$1.*#\\1#p"
}

# stray_high: stray DMA to and from pages that lie above 4 GiB
stray_high() {
	for stray_try in 1 2 3 4 5; do
		stray_dma "$PCI_EDU64" 64
		stray_low=$(sed -n 's/^.*_addr=0x//p' /run/stray |
			grep -cv '^[0-9a-f]\{9,\}$')
		[ "$stray_low" != 0 ] || return 0
	done
	die "dom0 has no pages above 4 GiB ($stray_try tries)"
}

# nothing_at DFN: Xen says that nothing is mapped there
nothing_at() {
	iommu-op lookup "$1" >/run/op && die "there is still something at $1"
	grep -q '^status=-ENOENT$' /run/op ||
		die "lookup of $1: $(tr '\n' ' ' </run/op)"
}

# What the host map has at least: the machine's memory but for Xen's own, which
# is less than 64 MiB; and at most: that, and the firmware's reserved ranges
# below 4 GiB.  Of Xen's memory map only what is usable is looked at.
ram=$(($(xen_said 'System RAM: [0-9]*MB \(([0-9]*)kB\)') / 4))
top=$((0x$(xen_said '\[[0-9a-f]*, ([0-9a-f]*)\] \(usable\)') >> 12))
check "the machine has $ram frames of memory, the last is $top" \
	[ "$top" -gt $((0x100000)) ]

if [ "$DRIVER" = module ]; then
	stray_high
	check "with the host map a stray DMA above 4 GiB goes through" \
		is "$STRAY" went_through
fi

driver_load
says=$(driver_says "took over")
frames=$(echo "$says" | sed -n 's/.*host map of \([0-9]*\) frames unmapped.*/\1/p')
calls=$(echo "$says" | sed -n 's/.*, \([0-9]*\) hypercalls,.*/\1/p')
[ -n "$frames" ] || die "it did not unmap the host map: $says"
check "it unmapped what Xen had copied, frame by frame" is "$frames" \
	"$(xen_said "took over its I/O address space with the host map's ([0-9]*) frames")"
check "$frames frames are all of the memory" [ "$frames" -ge $((ram - 0x4000)) ]
check "and no more than that and reserved ranges" \
	[ "$frames" -le $((ram + 0x20000)) ]
check "in $calls hypercalls" [ "$calls" -le 4 ]

hypercalls_up
for dfn in 0x100 0x1000 0x7ffd6 0xfffff 0x100000 0x100001 $((top - 1)) $top; do
	nothing_at "$dfn"
done
ok "at the ends of what was mapped there is nothing"

dmt_up 64
dmt_on "$PCI_EDU64"
dmt_must "" alloc buf=0 kind=sg size=16384
dmt_must "" map buf=0
dmt_must "the device can do DMA, where the driver lets it" edu_check buf=0 seed=5 \
	pages=1
rmmod pviommu_dmatest
dma_faults_mark
stray_high
check "without the host map stray DMA above 4 GiB changes nothing" \
	is "$STRAY" blocked
dma_faults "$PCI_EDU64" || die "no fault: $REPLY_TEXT"
ok "the IOMMU reported the fault"

disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 4
driver_carried
modprobe -r nvme
if driver_unload; then
	stray_high
	check "with the host map back it goes through again" is "$STRAY" went_through
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 16 4
fi
finish
