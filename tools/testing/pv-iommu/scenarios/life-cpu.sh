# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A CPU goes off and comes back again and again, in the middle of I/O and with unmappings of its own still queued; all of them are done, and the data is right.
#: variants vtd vtd-strict amdvi
#: slow vtd-strict amdvi
#: device nvme
#: guest fio

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

cpu1=/sys/devices/system/cpu/cpu1/online

# nothing_left: what is mapped is what the idle disk keeps
mapped() { echo $(($(driver_stat frames_map) - $(driver_stat frames_unmap))); }
nothing_left() { [ "$(mapped)" -le "$idle" ]; }

driver_load
mapped_mark
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 1
sleep 2
idle=$(mapped)

# Of what one CPU has unmapped the last part is still queued when it goes: the
# queue drains after 10 ms on 6.1, and after a second on newer kernels.
for turn in 1 2 3; do
	taskset 2 dd if="$DISK" of=/dev/null bs=64k count=32 iflag=direct \
		2>/run/dd || die "dd: $(tail -n 1 /run/dd)"
	echo 0 >$cpu1 || die "the CPU does not go off"
	wait_for 5 nothing_left ||
		die "$(($(mapped) - idle)) frames are still mapped ($turn)"
	echo 1 >$cpu1 || die "the CPU does not come back"
done
ok "three times off with a queue of its own, and all was unmapped"

fio_start "$DISK" 16m --rate=4m
turn=0
while kill -0 "$FIO_PID" 2>/dev/null; do
	echo 0 >$cpu1 || die "the CPU does not go off"
	usleep 200000
	echo 1 >$cpu1 || die "the CPU does not come back"
	usleep 200000
	turn=$((turn + 1))
done
fio_end
check "$turn times off and on in the middle of I/O" [ $turn -ge 5 ]
disk_verify "$DISK" nvme 32 2
check "all CPUs are there" is "$(cat /sys/devices/system/cpu/online)" \
	"$(cat /sys/devices/system/cpu/present)"
driver_carried
modprobe -r nvme
mapped_back
finish
