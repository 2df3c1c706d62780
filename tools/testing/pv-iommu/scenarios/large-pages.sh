# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Xen lays dom0's memory out so that 2 MiB which Linux has in one piece can be a large page for a device, and then it is one, with one operation.
#: variant vtd      like=vtd xen=ref
#: variant amdvi    like=amdvi xen=ref
#: variant no-align like=vtd xen=ref xenargs=iommu-op=no-align
#: slow amdvi
#: device edu64
#: guest pviommu-dmatest.ko iommu-op

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

driver_load
hypercalls_up
dmt_up 64
dmt_on "$PCI_EDU64"
ctx=$(ctx_of "$PCI_EDU64")

# What Xen has not laid out is the kernel's own first memory, its initrd and the tables
# of its frames.
dmt_must "" blocks
blocks=$(dmt_get blocks)
aligned=$(dmt_get aligned)
text="$aligned of $blocks blocks of 2 MiB are aligned in the machine"
if [ "$VARIANT" = no-align ]; then
	check "$text" [ $((aligned * 100)) -lt $((blocks * 50)) ]
else
	check "$text" [ $((aligned * 100)) -gt $((blocks * 80)) ]
fi

# half N: what the hypervisor has for one half of the buffer; a large page if it can
half() {
	dfn=$(((addr >> 12) + 512 * $1))
	op -c "$ctx" lookup $dfn
	first=$(of_op gfn)
	if [ "$(of_op pgsize)" = 0x200000 ]; then
		large=$((large + 1))
		return
	fi
	op -c "$ctx" lookup $((dfn + 511))
	if [ $((first % 512)) = 0 ] && [ $(($(of_op gfn) - first)) = 511 ]; then
		die "memory that is aligned in the machine is mapped by no large page"
	fi
}

# More memory than the initrd had, which comes first as it was freed last.
BUFS='0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15'
SIZE=4194304
END=$((SIZE - 64))
large=0
for buf in $BUFS; do
	before=$large
	ops=$(driver_stat ops_map)
	dmt_must "" alloc buf="$buf" kind=single size=$SIZE dir=both
	dmt_must "" map buf="$buf"
	ops=$(($(driver_stat ops_map) - ops))
	addr=$(dmt_get addr)
	half 0
	half 1
	[ $((large - before)) -lt 2 ] || [ $ops -le 2 ] ||
		die "two large pages took $ops operations"
	dmt_must "" fill buf="$buf" seed="$buf"
	dmt_must "" edu_read addr=$((addr + END)) len=64 off=$END seed="$buf"
	is "$(dmt_get match)" 1 || die "the device reads something else at the end"
done
[ "$VARIANT" = no-align ] ||
	check "$large of 32 halves of buffers are large pages, with an operation each" \
		[ $large -ge 8 ]
for buf in $BUFS; do
	dmt_must "" unmap buf="$buf"
	dmt_must "" free buf="$buf"
done
driver_carried
finish
