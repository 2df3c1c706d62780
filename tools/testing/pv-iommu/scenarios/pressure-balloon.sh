# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Dom0 gives memory to Xen and takes it back while its disk is busy.
#: variants vtd amdvi
#: slow amdvi
#: device nvme
#: guest fio
#: timeout 600

balloon=/sys/devices/system/xen_memory/xen_memory0
current() { cat $balloon/info/current_kb; }
reached() { current=$(current); [ $((current > $1 ? current - $1 : $1 - current)) -lt 4096 ]; }

driver_load
disk_up "$PCI_NVME" nvme
full=$(cat $balloon/target_kb)
turn=0
while [ $turn -lt 3 ]; do
	fio_start "$DISK" 32m
	for target in $((full - 300000)) "$full"; do
		echo "$target" >$balloon/target_kb
		wait_for 60 reached "$target" ||
			die "dom0 has $(current) kB instead of $target"
	done
	fio_end
	turn=$((turn + 1))
done
ok "three times 300 MB less and back"
disk_verify "$DISK" nvme 32 16
driver_carried
finish
