# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Debian's dpdk-testpmd, without huge pages, drives a network card by vfio-pci; the host counts its frames and compares them, both ways; it ends, or is killed, and the card works for its kernel driver.
#: variants vtd amdvi
#: slow amdvi
#: device e1000e
#: guest dpdk ethtool

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-vfio.sh
. /lab/lib-vfio.sh

MIB=64
FRAMES=1000
BURSTS=8
BURST=32

# What testpmd prints stays in its buffer until it ends, but for its prompt: that
# comes when a command is done.
prompts() { grep -o 'testpmd> ' /run/testpmd | wc -l; }
prompted() { [ "$(prompts)" -gt "$had" ] || ! kill -0 "$TESTPMD"; }

testpmd_says() { grep . /run/testpmd | tail -n 3 | tr '\n' ' '; }

# prompt_wait TEXT: until one more prompt than $had
prompt_wait() {
	wait_for 60 prompted || die "testpmd: $1: $(testpmd_says)"
	kill -0 "$TESTPMD" || die "testpmd ended: $1: $(testpmd_says)"
}

testpmd_up() {
	rm -f /run/testpmd /run/testpmd-in
	mkfifo /run/testpmd-in
	RUNTIME_DIRECTORY=/run dpdk-testpmd --no-huge --iova-mode=va -m $MIB \
		-l 0,1 -a "$PCI_E1000E" -- -i --total-num-mbufs=4096 \
		--burst=$BURST </run/testpmd-in >/run/testpmd 2>&1 &
	TESTPMD=$!
	exec 4>/run/testpmd-in
	had=0
	prompt_wait "it does not begin"
}

# testpmd COMMAND...: and wait until it is done
testpmd() {
	had=$(prompts)
	echo "$*" >&4
	prompt_wait "$*"
}

testpmd_quit() {
	echo quit >&4
	exec 4>&-
	wait $TESTPMD || die "testpmd ends with $?: $(testpmd_says)"
}

# counted RX|TX: of the forwarding that ended first or last, what it says
counted() { sed -n "s/.*$1-packets: *\([0-9]*\) .*/\1/p" /run/testpmd | $2 -n 1; }

driver_load
mapped_mark
vfio_up
to_vfio "$PCI_E1000E"
request wire e1000e || die "no wire: $REPLY_TEXT"

testpmd_up
check "testpmd has chosen addresses of its own for DMA" \
	grep -q "Selected IOVA mode 'VA'" /run/testpmd
device_translated "$PCI_E1000E"
check "its $MIB MiB are mapped for the card, and little else" \
	[ $((($(mapped_now) - MAPPED) / 256)) = $MIB ]

# In, and out again: it changes the addresses of each frame for each other.
testpmd set fwd macswap
testpmd start
new_seed
# shellcheck disable=SC2154 # set by new_seed
request wire-swap $FRAMES "$seed" || die "forwarding: $REPLY_TEXT"
testpmd stop

# Out only: so many bursts of its own, and what comes in is dropped.
testpmd set fwd rxonly
testpmd start tx_first $BURSTS
request wire-testpmd $((BURSTS * BURST)) || die "sending: $REPLY_TEXT"
testpmd stop
testpmd_quit
check "testpmd has counted $FRAMES frames in, and as many out" \
	is "$(counted RX head) $(counted TX head)" "$FRAMES $FRAMES"
check "and then $((BURSTS * BURST)) out" \
	is "$(counted TX tail)" $((BURSTS * BURST))
mapped_back

# In the middle of its work it is killed.
testpmd_up
testpmd set fwd txonly
testpmd start
came=$(ask wire-came 30)
[ "$came" -gt 0 ] || die "testpmd sends nothing"
kill -9 $TESTPMD || die "testpmd is not at work any more"
wait $TESTPMD
exec 4>&-
ok "killed after $came frames and more"
mapped_back
request wire-came 0
check "then the card sends no more" is "$(ask wire-came 1)" 0

request wire-down
from_vfio "$PCI_E1000E"
e1000e_up
net_verify 2
card_errors "$NET"
ok "its kernel driver lost nothing: $(card_counts "$NET")"
driver_carried
finish
