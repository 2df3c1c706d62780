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

# What Xen has not laid out is the kernel's own first memory, its initrd (which may be
# large here) and the tables of its frames.
dmt_must "" blocks
blocks=$(dmt_get blocks)
aligned=$(dmt_get aligned)
text="$aligned of $blocks blocks of 2 MiB are aligned in the machine"
if [ "$VARIANT" = no-align ]; then
	check "$text" [ $((aligned * 100)) -lt $((blocks * 30)) ]
	finish
	exit
fi
check "$text" [ $((aligned * 100)) -gt $((blocks * 60)) ]

END=$((2097152 - 64))
for buf in 0 1 2 3 4 5 6 7; do
	dmt_must "" aligned buf=$buf
	ops=$(driver_stat ops_map)
	dmt_must "" map buf=$buf
	ops=$(($(driver_stat ops_map) - ops))
	addr=$(dmt_get addr)
	[ "$ops" = 1 ] || die "2 MiB in one piece took $ops operations"
	for page in 0 1 511; do
		op -c "$ctx" lookup $(((addr >> 12) + page))
		[ "$(of_op pgsize)" = 0x200000 ] ||
			die "page $page of aligned memory is in no large page"
	done
	dmt_must "" fill buf=$buf seed=$buf
	dmt_must "" edu_read addr=$((addr + END)) len=64 off=$END seed=$buf
	is "$(dmt_get match)" 1 || die "the device reads something else at the end"
done
ok "8 blocks of aligned memory are a large page each, with one operation"
for buf in 0 1 2 3 4 5 6 7; do
	dmt_must "" unmap buf=$buf
	dmt_must "" free buf=$buf
done
driver_carried
finish
