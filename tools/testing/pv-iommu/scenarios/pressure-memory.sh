# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Without memory for its tables the driver refuses a mapping and leaves nothing of it; with little left in dom0, I/O goes on and its data is right.
#: variants vtd amdvi
#: slow amdvi
#: device edu
#: device nvme
#: guest fio pviommu-dmatest.ko

# refused OPTIONS...: mapping fails for want of memory, in the driver
refused() {
	refused_before=$(driver_stat map_refused)
	dmt nomem "$@" || die "nomem $*: $(tr '\n' ' ' <"$DMT")"
	is "$(dmt_get refused)" -12 >/run/check ||
		die "nomem $*: $(cat /run/check)"
	[ "$(driver_stat map_refused)" -gt "$refused_before" ] ||
		die "nomem $*: it was not the driver that refused"
}

driver_load
dmt_up 26
dmt_on "$PCI_EDU"
# All the rest is to be taken and given back in a moment, again and again.
dmt_must "" scarce left=64
# The build of Xen with assertions gives frames in reverse: two tables.  The other
# one may have runs that need none.
if [ "$VARIANT" = vtd ]; then
	refused kind=single leave=1
	ok "4 MiB in one piece: refused, nothing left of it"
fi
refused
ok "no memory: refused, nothing left of it, and it works with memory"
refused size=25165824 leave=3
ok "memory for a part: refused, nothing left of it, and it works with memory"
refused=$(driver_stat map_refused)

disk_up "$PCI_NVME" nvme
dmt_must "40 MiB are left" scarce left=40
fio_verify "$DISK" 4m
dmt_must "" scarce
disk_verify "$DISK" nvme 8 4
check "no other mapping was refused" is "$(driver_stat map_refused)" "$refused"
driver_none map_failed unmap_failed unmap_absent flush_failed quarantined
ok "and nothing else has failed"
finish
