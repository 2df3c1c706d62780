# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A network card receives while dom0 has no memory for its buffers, again and again: it drops, and goes on when there is some.
#: variants vtd amdvi
#: slow amdvi
#: device edu
#: device e1000e
#: guest ethtool pviommu-dmatest.ko
# what there is no memory for
#: expect linux page allocation failure: order:\d, mode:0x[0-9a-f]+\(GFP_ATOMIC
#: expect linux Call Trace:

# lacked: for how many buffers the card had no memory
lacked() {
	ethtool -S "$NET" | awk '/alloc_rx_buff_failed|rx_dma_failed/ { n += $2 }
		END { print n + 0 }'
}

driver_load
dmt_up 28
dmt_on "$PCI_EDU"
e1000e_up
wait_for 10 arp_ready || die "the host does not answer"

# All the rest is to be taken and given back in a moment: gone for 20 ms, there for
# 20 ms, ...
dmt_must "" scarce left=48
dmt hog times=100000 ms=20 pause=20 &
hog=$!
# Rings of another size: new buffers at new addresses, under pressure, too
for ring in 1024 4096 256; do
	ethtool -G "$NET" rx $ring >/dev/null 2>&1 || tell "no ring of $ring now"
done
for turn in 1 2 3 4 5; do
	net_verify 1
	lacked=$(lacked)
	[ "$lacked" = 0 ] || break
done
kill -0 $hog 2>/dev/null || die "the pressure was over before the data"
kill -9 $hog
wait $hog
times=$(dmt_get times)
dmt_must "" scarce
check "in $turn rounds memory was out $times times, and missing for $lacked buffers" \
	[ "$lacked" -gt 0 ]
stat_is map_refused "$(driver_stat map_refused)"
check "no other call traces than for want of memory" is \
	"$(log_since | grep -c 'Call Trace:')" \
	"$(log_since | grep -c 'page allocation failure')"

net_verify 2
driver_none map_failed unmap_failed unmap_absent flush_failed quarantined
finish
