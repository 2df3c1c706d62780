# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about While a guest's disk is busy dom0 gets memory beyond what it had at boot, uses it for DMA, gives much of it to Xen and gets some back, and has frames exchanged: the guest reads what it wrote.
#: variant vtd like=vtd xenargs=dom0_mem=max:1536M
#: variant amdvi like=amdvi xenargs=dom0_mem=max:1536M
#: slow amdvi
#: device toolstack
#: device nvme
#: device edu64
#: guest fio pviommu-dmatest.ko pviommu-balloon.ko
#: timeout 900

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh

MEMORY=/sys/devices/system/xen_memory/xen_memory0/info/current_kb
FRAME=/sys/kernel/debug/pviommu-balloon

near() {
	near_kb=$(cat $MEMORY)
	[ $((near_kb > $1 ? near_kb - $1 : $1 - near_kb)) -lt 8192 ]
}

# passes: how often the guest wrote and verified; goes_on: and once more than before
passes() { grep -ca '^pass' "$(guest_console disk)"; }
goes_on() { [ "$(passes)" -gt "$before" ]; }

# memory MiB: dom0 has so much, and the guest's disk works as before
memory() {
	xl mem-set 0 "$1"
	wait_for 90 near $(($1 << 10)) ||
		die "dom0 has $(cat $MEMORY) kB instead of $1 MiB"
	before=$(passes)
	wait_for 60 goes_on || die "the guest's disk does not go on"
}

exchange() {
	frame=$(sed -n 's/^gfn //p' $FRAME)
	echo exchange >$FRAME || die "Xen does not exchange frame $frame"
	! grep -qx "gfn $frame" $FRAME || die "frame $frame was not exchanged"
}

driver_load
disk_up "$PCI_NVME" nvme
toolstack_up
dmt_up 64
dmt_on "$PCI_EDU64"
insmod /lab/pviommu-balloon.ko || die "pviommu-balloon.ko does not load"
granted_mark
guest_up disk "phy:$DISK,xvda,w" --
guest_do disk 20 "it begins to write and to verify" \
	"(while [ ! -e /run/stop ] && fio_verify /dev/xvda 8m; do echo pass; done; [ -e /run/stop ] && echo good >/run/verdict) &"

memory 1400
# More than there was at boot.
dmt_must "a device reached 1 GiB of dom0's memory" given size=1073741824
memory 640
dmt_must "" given
given=$(dmt_get given)
check "Xen has $given pages that a device had reached" [ "$given" -gt 0 ]
memory 1024

for turn in $(seq 100); do
	exchange
done
ok "Xen exchanged a frame of dom0's, $turn times"
before=$(passes)
wait_for 60 goes_on || die "the guest's disk does not go on"

guest_do disk 120 "it read what it wrote, $(passes) times and more" \
	"touch /run/stop; wait; grep -q good /run/verdict"
granted_mapped 64
guest_down disk
rmmod pviommu_balloon
nothing_left
nothing_granted
driver_carried
finish
