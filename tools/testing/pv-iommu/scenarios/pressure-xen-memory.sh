# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Xen runs out of memory for page tables while a disk is busy: I/O waits or goes on, and its data is right.
#: variants vtd vtd-strict amdvi amdvi-strict
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd-strict amdvi amdvi-strict
#: device nvme
#: guest fio xen-claim
#: expect linux xen-pv-iommu: the hypervisor refused to map \d+ frames at dfn 0x[0-9a-f]+ \(-12\)

# One domain has a claim on all that Xen has free.  What the driver then asks
# for needs page tables for new bus addresses, and records of new frames.

xen_take() {
	xen-claim take >/run/claim 2>&1 ||
		die "xen-claim: $(tail -n 1 /run/claim)"
	CLAIM=$(sed -n 's/^domain=//p' /run/claim)
}

refused() { [ "$(driver_stat map_failed)" -gt 0 ]; }

driver_load
hypercalls_up
disk_up "$PCI_NVME" nvme
fio_verify "$DISK" 4m
check "nothing was refused" is "$(driver_stat map_failed)" 0
free=$(xen-claim free)

xen_take
# 32 MiB of buffers that no device has seen
fio_start "$DISK" 48m --bsrange=256k-1m --iodepth=32
wait_for 30 refused || die "Xen has no memory, and refused nothing"
# it is refused again and again, and that is all
sleep 2
kill -0 "$FIO_PID" || die "fio ended: $(fio_fault)"
ok "Xen has no memory: $(driver_stat map_failed) mappings refused"
check "the domain goes" xen-claim give "$CLAIM"
fio_end
disk_verify "$DISK" nvme 48 8

driver_none map_refused unmap_failed unmap_absent flush_failed quarantined
stat_is refused "$(driver_stat map_failed)"
modprobe -r nvme
if driver_unload; then
	# what the driver had is Xen's again
	after=$(xen-claim free)
	check "Xen has its memory back: $free pages, then $after" \
		[ $((${after#*=} + 64)) -ge "${free#*=}" ]
fi
finish
