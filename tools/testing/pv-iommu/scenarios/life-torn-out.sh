# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about An NVMe is plugged in, unplugged under I/O, and another one torn out; a third takes its place, and nothing of them stays mapped.
#: variants vtd amdvi
#: slow vtd amdvi
#: device nvme
#: device rp0
#: device spare0
#: device spare1
#: device spare2
#: guest fio
# of the disk that goes in the middle of its work
#: expect linux (I/O error, dev|I/O error on dev) nvme\d+n\d+
#: expect linux nvme nvme\d+: (controller is down|Device not ready; aborting)

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

PORT=/sys/bus/pci/devices/$PCI_RP0
PCIE=16			# the capability
SLOT_CONTROL=24		# in it
POWER_OFF=1800		# the slot and its lamp; and presence is told

plugged() { ls -d "$PORT"/0000:*:00.0; }
unplugged() { ! plugged; }

# plug SPARE: into the slot, its address in $HOT
plug() {
	request qmp device_add driver=nvme bus=rp0 id="hot-$1" \
		drive="disk-$1" serial="$1" || die "device_add: $REPLY_TEXT"
	wait_for 20 plugged || die "dom0 does not see the new device"
	HOT=$(basename "$(plugged)")
	disk_up "$HOT" nvme
	disk_verify "$DISK" "$1" 8 2
	device_translated "$HOT"
	ok "$HOT was plugged in"
}

in_order() { request qmp device_del id="hot-$1" || die "device_del: $REPLY_TEXT"; }

# number OFFSET BYTES: from the port's configuration
number() { hexdump -s "$1" -n "$2" -e "1/$2 \"%u\"" "$PORT/config"; }

# by_surprise: the device is gone first, then the slot says so.  QEMU has no
# command for that, but takes a device whose slot is switched off with its
# lamp; hotplug's driver, which would ask the device's to let go, is not told.
by_surprise() {
	cap=$(number 52 1)
	while [ "$(number "$cap" 1)" != $PCIE ]; do
		cap=$(number $((cap + 1)) 1)
		[ "$cap" != 0 ] || die "the port has no PCIe capability"
	done
	control=$(($(number $((cap + SLOT_CONTROL)) 2) | POWER_OFF))
	# shellcheck disable=SC2059 # the format is the data
	printf "$(printf '\\%o\\%o' $((control & 255)) $((control >> 8)))" |
		dd of="$PORT/config" bs=2 seek=$(((cap + SLOT_CONTROL) / 2)) \
			conv=notrunc 2>/run/dd || die "slot: $(cat /run/dd)"
}

# settled: hotplug's driver waits a second after it has switched the slot off
settled() {
	wait_for 30 unplugged || die "the device does not go"
	sleep 3
}

# goes_at_work SPARE: in order, under its own I/O and that of another disk
goes_at_work() {
	fio_start "$other" 8m
	steady=$FIO_PID
	io_start "$DISK" 32m --do_verify=0 --time_based --runtime=120
	in_order "$1"
	settled
	wait "$FIO_PID" && die "fio went on without its disk"
	ok "unplugged under I/O"
	FIO_PID=$steady
	fio_end
}

# goes_suddenly: under I/O of another disk; where it has requests of its own, QEMU
# 7.2 crashes
goes_suddenly() {
	fio_start "$other" 8m
	before=$(dmesg | grep -c 'Card not present')
	by_surprise
	settled
	is "$(dmesg | grep -c 'Card not present')" $((before + 1)) >/run/check ||
		die "hotplug was told before: $(cat /run/check)"
	ok "torn out"
	fio_end
}

driver_load
mapped_mark
disk_up "$PCI_NVME" nvme
other=$DISK

plug spare0
goes_at_work spare0
plug spare1
goes_suddenly
plug spare2
disk_verify "$other" nvme 32 2
driver_carried

in_order spare2
settled
modprobe -r nvme
mapped_back

# Neither the devices that went nor those that came keep the module.
if driver_unload; then
	ok "a device that was plugged in keeps no module"
fi
finish
