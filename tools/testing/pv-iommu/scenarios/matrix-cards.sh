# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Eight network cards, some behind a bridge or a switch, move data both ways through mappings that dom0 made; one leaves segmenting to the card, and two send each other jumbo frames.
#: variants vtd vtd-strict amdvi-shared
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd-strict amdvi-shared
#: device e1000
#: device e1000e
#: device i82559er
#: device rtl8139
#: device pcnet
#: device tulip
#: device vmxnet3
#: device virtio-net
#: device pair0
#: device pair1
#: guest ethtool
#: timeout 600
# QEMU's i82559er reads one descriptor more than its driver has given it
#: expect xen DMAR:\[DMA Read\] Request device \[0000:00:15.0\] fault addr
#: expect xen DMAR: reason 06 - PTE Read access is not set|iommu_fault_status: Primary Pending Fault

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-pair.sh
. /lab/lib-pair.sh

# What the cards do with large pieces of a packet.  QEMU's models of e1000e and
# vmxnet3 drop a packet of which a piece is in two pages that are no neighbours
# in machine memory: without scatter-gather it is one piece in one page.  That
# of rtl8139, with segmenting as is its default, stopped sending in two of three
# runs.
whole() { ethtool -K "$NET" sg off >/dev/null || die "ethtool -K $NET sg off failed"; }
segments() {
	ethtool -k "$NET" | grep -q 'tcp-segmentation-offload: on' ||
		die "$NET does not segment"
}
plain() { :; }
# pcnet has no way to have the other side wait when its ring is full
loses() { LOSES='rx_errors rx_missed_errors'; }

# pair_send in|out: a MiB through both cards, in frames of more than 4 KiB
pair_send() {
	new_seed
	# shellcheck disable=SC2154 # set by new_seed
	pattern make $((1 << 20)) "$seed" >/tmp/sent
	if [ "$1" = out ]; then
		counted=tx
		before=$(packets tx)
		far nc -l -p $PORT -e sh -c 'cat >/tmp/came' &
		there=$!
		wait_for 5 listening $FAR || die "nobody listens"
		nc -w 60 $FAR_IP $PORT </tmp/sent
	else
		counted=rx
		before=$(packets rx)
		nc -l -p $PORT -e sh -c 'cat >/tmp/came' &
		there=$!
		wait_for 5 listening self || die "nobody listens"
		far nc -w 60 $NEAR_IP $PORT </tmp/sent
	fi
	wait $there
	cmp /tmp/sent /tmp/came >/run/cmp 2>&1 ||
		die "other data came over the pair: $(cat /run/cmp)"
	frames=$(($(packets $counted) - before))
	[ $frames -lt 256 ] || die "$frames frames for a MiB"
	ok "the pair moved a MiB $1 in $frames frames"
	rm /tmp/sent /tmp/came
}

driver_load
virtio_give

for card in "e1000 segments" "e1000e whole" "vmxnet3 whole" "i82559er plain" \
	"rtl8139 whole" "pcnet loses" "tulip plain" "virtio-net plain"; do
	LOSES=
	card_check "${card% *}" 1 "${card#* }"
done
pair_up
pair_send out
pair_send in
card_errors "$NET"
pair_down
driver_carried
finish
