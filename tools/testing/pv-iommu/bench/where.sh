# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Which functions the instructions of a mapping and its unmapping are in.
#: variant xen-swiotlb
#: variant pv-strict   linux=iommu.strict=1
#: variant pv-lazy     linux=iommu.strict=0
#: variant bare-strict xen=none "linux=intel_iommu=on iommu.strict=1"
#: variant bare-lazy   xen=none "linux=intel_iommu=on iommu.strict=0"
#: counted
#: blocks
#: xen ref
#: linux tsc=reliable nvme_core.io_timeout=3600
#: device edu64
#: device nvme unsafe=1
#: guest pviommu-bench.ko
#: timeout 1200

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-bench.sh
. /lab/lib-bench.sh

# where NAME BATCH OPTIONS...: a case of the module's, twice: the first time
# allocates what is kept for the second.  xen-swiotlb cannot do all of them.
where() {
	where_name=$1 where_batch=$2
	shift 2
	if ! echo "$* batch=$where_batch" >"$RUN" 2>/run/error; then
		state "$where_name: $(sed 's/.*: //' /run/error)"
		return 0
	fi
	request blocks || die "$REPLY_TEXT"
	echo "$* batch=$where_batch" >"$RUN" || die "$where_name: not twice"
	request blocks "$where_name" "$where_batch" \
		"$(sed -n 's/^ns //p' "$RUN")" || die "$REPLY_TEXT"
}

# symbols: where this boot has Linux' functions, on the disk, which is nobody's.  The
# time of a machine that is counted runs on when its CPUs are idle, and does not wait
# for the host's disk, so a flush of that would time out: QEMU has none (unsafe).
symbols() {
	grep -i ' [tw] ' /proc/kallsyms | grep -v ' __pfx_' | gzip >/run/symbols
	disk_up "$PCI_NVME" nvme
	dd if=/run/symbols of="$DISK" bs=1M conv=fsync 2>/run/error ||
		die "the symbols: $(tail -n 1 /run/error)"
	request symbols nvme "$(wc -c </run/symbols)" || die "$REPLY_TEXT"
}

[ "$DRIVER" = none ] || driver_load
measure_up "$PCI_EDU64"
# what a boot leaves to be done later is to be over
sleep 5
# batches as in measure.sh
where single-4k 16 single size=4096 iters=2000
where single-64k 16 single size=65536 iters=1000
where single-1m 4 single size=1048576 iters=1000
where sg-256 4 sg pages=256 iters=200
ok "where the instructions are was counted"
symbols
ok "the host has the symbols"
finish
