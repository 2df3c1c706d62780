# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Dom0 gives memory that it did DMA to back to Xen, and takes it again, while its disk is busy.
#: variants vtd amdvi
#: slow amdvi
#: device nvme
#: device edu64
#: guest fio pviommu-dmatest.ko
#: timeout 600

balloon=/sys/devices/system/xen_memory/xen_memory0
current() { cat $balloon/info/current_kb; }
reached() { current=$(current); [ $((current > $1 ? current - $1 : $1 - current)) -lt 4096 ]; }

# requests: how many the disk has done; under_way: more than it had
requests() { awk '{ print $1 + $5 }' "/sys/block/${DISK##*/}/stat"; }
under_way() { [ "$(requests)" -gt "$began" ]; }

# busy: writes and verifies until /run/busy goes
busy() {
	while [ -e /run/busy ]; do
		fio_start "$DISK" 4m
		wait "$FIO_PID" || return 1
		echo >>/run/passes
	done
}

# move_to KB: the balloon, with I/O before, meanwhile and after
move_to() {
	began=$(requests)
	wait_for 20 under_way || die "the disk is idle"
	echo "$1" >$balloon/target_kb
	began=$(requests)
	wait_for 60 reached "$1" || die "dom0 has $(current) kB instead of $1"
	! under_way || meanwhile=$((meanwhile + 1))
	began=$(requests)
	wait_for 20 under_way || die "no I/O after the balloon moved"
}

driver_load
disk_up "$PCI_NVME" nvme
dmt_up 64
dmt_on "$PCI_EDU64"
full=$(cat $balloon/target_kb)
: >/run/busy
busy &
worker=$!
meanwhile=0
for turn in 1 2; do
	dmt_must "" given size=67108864
	move_to $((full - 300000))
	dmt_must "" given
	given=$(dmt_get given)
	[ "$given" -gt 0 ] || die "no page given to Xen had been used for DMA"
	ok "turn $turn: Xen got 300 MB, $given pages of which a device had reached"
	move_to "$full"
done
# between two runs of fio the disk is idle for as long as the balloon may take
check "there was I/O while the balloon moved, $meanwhile times of 4" \
	[ $meanwhile -ge 2 ]
rm /run/busy
wait $worker || die "fio: $(fio_fault)"
ok "fio wrote and verified 4 MiB $(wc -l </run/passes) times meanwhile"
rm /run/passes
disk_verify "$DISK" nvme 32 8
driver_carried
finish
