# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about For how long interrupts are off at most on a CPU that maps, in null hypercalls: not longer for a larger mapping.
#: variant pv-strict   linux=iommu.strict=1 xenargs=timer_slop=1000 cpus=1
#: variant pv-lazy     linux=iommu.strict=0 xenargs=timer_slop=1000 cpus=1
#: counted
#: xen ref
#: linux tsc=reliable
#: device edu64
#: device edu32
#: guest pviommu-bench.ko pviommu-dmatest.ko
#: timeout 1200

# Xen lets a timer wait up to 50 µs to have others expire with it, which would look
# like interrupts that are off: not here.  So would a second CPU: QEMU, when it counts,
# runs them in turn, and a CPU's timers wait for the other's turn to end.

# result KEY: of what the module did last
result() { sed -n "s/^$1 //p" "$RUN"; }

# in_hypercalls NS
in_hypercalls() {
	awk -v ns="$1" -v unit="$unit" 'BEGIN { printf "%.1f", ns / unit }'
}

# held NAME CASE OPTIONS...: the longest stretch of a case of the module's
held() {
	held_name=held-$1
	shift
	echo "$* every=100000" >"$RUN" 2>/run/error ||
		die "$*: $(sed 's/.*: //' /run/error)"
	[ "$(result fired)" -ge 10 ] || die "$*: the timer was not there"
	HELD=$(in_hypercalls "$(result late)")
	stat_is "$held_name.held" "$HELD"
}

driver_load
insmod /lab/pviommu-bench.ko || die "the benchmark does not load"
RUN=/sys/kernel/debug/pviommu-bench/$PCI_EDU64/run
wait_for 5 test -e "$RUN" || die "no $RUN"
echo hypercall >"$RUN" || die "no hypercall"
unit=$(result ns)

# what a boot leaves to be done later is to be over
sleep 5
held idle idle batch=4096 iters=3000
held known masked batch=1000 iters=300
if [ "${HELD%.*}" -lt 950 ] || [ "${HELD%.*}" -gt 1100 ]; then
	die "1000 null hypercalls with interrupts off look like $HELD"
fi
held single-4k single size=4K iters=2000
held single-1m single size=1M batch=4 iters=400
held sg-256 sg pages=256 batch=4 iters=60
# the hypervisor counts the references of frames from when it first sees them
held 64m-4k big size=64M run=4K iters=8
stat_is held-fresh.held "$(in_hypercalls "$(result late_first)")"
held 256m-4k big size=256M run=4K iters=3
held 64m-4m big size=64M run=4M iters=60
held 256m-4m big size=256M run=4M iters=30
held 1g-4m big size=1G run=4M iters=20
ok "interrupts were off for as long as that"

echo "$PCI_EDU32" >/sys/bus/pci/drivers/pviommu_bench/unbind ||
	die "the benchmark does not let go of $PCI_EDU32"
dmt_up 32
dmt_on "$PCI_EDU32"
dmt stress seconds=3 threads=4 &
held stress wait size=2500
wait $! || die "the stress: $(tr '\n' ' ' <"$DMT")"
ok "and for as long in the stress, with buffers of all kinds"
finish
