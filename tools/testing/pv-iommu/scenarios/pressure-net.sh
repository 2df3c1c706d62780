# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A network card receives while dom0 has no memory for its buffers, again and again: it drops, and goes on when there is some.
#: variants vtd amdvi
#: slow vtd amdvi
#: device edu
#: device e1000e
#: guest ethtool pviommu-dmatest.ko
#: timeout 600

driver_load
dmt_up 28
dmt_on "$PCI_EDU"
e1000e_up
wait_for 10 arp_ready || die "the host does not answer"

# The memory for atomic allocations is gone for 20 ms, there for 20 ms, ...
dmt hog times=400 ms=20 pause=20 &
hog=$!
# Rings of another size: new buffers at new addresses, under pressure, too
for ring in 1024 4096 256; do
	ethtool -G "$NET" rx $ring >/dev/null 2>&1 || tell "no ring of $ring now"
done
net_verify 2
kill -0 $hog 2>/dev/null || die "the pressure was over before the data"
kill -9 $hog
wait $hog
ok "memory was out $(dmt_get times) times"
ethtool -S "$NET" |
	grep -E 'rx_(no_buffer|missed|dma_failed)|alloc_rx_buff|dropped' |
	while read -r name value; do
		stat_is "${name%:}" "$value"
	done
stat_is map_refused "$(driver_stat map_refused)"

ethtool -G "$NET" rx 256 >/dev/null 2>&1
net_verify 4
for name in map_failed unmap_failed unmap_absent flush_failed quarantined; do
	check "$name is 0" is "$(driver_stat $name)" 0
done
finish
