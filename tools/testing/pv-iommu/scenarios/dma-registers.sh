# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about What a driver maps for one request after the other takes a hypercall with its operations in registers, two if unmapping is strict; the device reaches it.
#: variants vtd vtd-strict amdvi
#: variant no-registers like=vtd xenargs=iommu-op=no-registers
#: slow amdvi
#: device edu64
#: guest pviommu-dmatest.ko

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"

# one SIZE TURN: memory of that size is mapped, read by the device, and unmapped
one() {
	dmt_must "" alloc buf=0 kind=single size="$1" dir=to
	dmt_must "" map buf=0
	addr=$(dmt_get addr)
	dmt_must "" fill buf=0 seed="$2"
	dmt_must "" edu_read addr=$((addr + $1 - 64)) len=64 off=$(($1 - 64)) \
		seed="$2"
	is "$(dmt_get match)" 1 || die "the device reads something else"
	dmt_must "" unmap buf=0
	dmt_must "" free buf=0
}

# An unmapping that is not strict is in the next call, or with a flush in a buffer.
each=$([ "$VARIANT" = vtd-strict ] && echo 2 || echo 1)
TURNS=10
one 4096 0
for size in 4096 16384; do
	regs=$(driver_stat registers)
	refused=$(driver_stat registers_refused)
	calls=$(driver_stat hypercalls)
	turn=0
	while [ $turn -lt $TURNS ]; do
		one $size $turn
		turn=$((turn + 1))
	done
	calls=$(($(driver_stat hypercalls) - calls))
	regs=$(($(driver_stat registers) - regs))
	refused=$(($(driver_stat registers_refused) - refused))
	text="$TURNS times $size bytes: of $calls hypercalls $regs were in registers"
	if [ "$VARIANT" = no-registers ]; then
		check "$text" [ $regs = 0 ]
	elif [ $size = 4096 ]; then
		check "$text" [ $regs -ge $((TURNS * each)) ]
		check "and $refused of them refused" [ $refused = 0 ]
	else
		ok "$text"
	fi
done
driver_carried
finish
