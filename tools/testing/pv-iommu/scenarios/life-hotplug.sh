# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about An NVMe is plugged in and unplugged under I/O, another one torn out, a third takes its place; nothing of them stays mapped.
#: variants vtd amdvi vtd-shared
#: slow vtd-shared
#: device nvme
#: device rp0
#: device spare0
#: device spare1
#: device spare2
#: guest fio
# of the disk that goes in the middle of its work
#: expect linux (I/O error, dev|I/O error on dev) nvme\d+n\d+
#: expect linux nvme .*(controller is down|Device not ready|probe failure)

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

PORT=/sys/bus/pci/devices/$PCI_RP0
PCIE=16			# the capability
SLOT_CONTROL=24		# in it
SWITCH_OFF=$((0x700))	# the slot and its lamp
TELL=$((0x20))		# of events
TELL_PRESENCE=$((0x08))

plugged() { ls -d "$PORT"/0000:*:00.0; }
unplugged() { ! plugged; }

# plug SPARE: into the slot; it works there
plug() {
	request qmp device_add driver=nvme bus=rp0 id="hot-$1" \
		drive="disk-$1" serial="$1" || die "device_add: $REPLY_TEXT"
	wait_for 20 plugged || die "dom0 does not see the new device"
	hot=$(basename "$(plugged)")
	disk_up "$hot" nvme
	device_translated "$hot"
	ok "$hot was plugged in"
	disk_verify "$DISK" "$1" 8 2
}

# number OFFSET BYTES: from the port's configuration
number() { hexdump -s "$1" -n "$2" -e "1/$2 \"%u\"" "$PORT/config"; }

# control VALUE: of the port's slot, which is at $at
control() {
	# shellcheck disable=SC2059 # the format is the data
	printf "$(printf '\\%o\\%o' $(($1 & 255)) $(($1 >> 8)))" |
		dd of="$PORT/config" bs=2 seek=$((at / 2)) conv=notrunc \
			2>/run/dd || die "slot: $(cat /run/dd)"
}

# by_surprise: the device is gone first, then the slot says so.  QEMU has no
# command for that, but takes a device whose slot is switched off with its
# lamp.  Hotplug's driver is not told until the slot is on again, without it:
# of one that is off it believes that the device's driver has let go.
by_surprise() {
	at=$(number 52 1)
	while [ "$(number "$at" 1)" != $PCIE ]; do
		at=$(number $((at + 1)) 1)
		[ "$at" != 0 ] || die "the port has no PCIe capability"
	done
	at=$((at + SLOT_CONTROL))
	was=$(number $at 2)
	control $(((was | SWITCH_OFF) & ~TELL))
	control $((was | TELL_PRESENCE))
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
	request qmp device_del id="hot-$1" || die "device_del: $REPLY_TEXT"
	settled
	wait "$FIO_PID" && die "fio went on without its disk"
	ok "unplugged under I/O"
	FIO_PID=$steady
	fio_end
}

# goes_suddenly: with its queues mapped, under I/O of another disk; where it has
# requests of its own, QEMU 7.2 crashes
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

modprobe -r nvme
mapped_back
by_surprise
settled

# Neither the devices that went nor those that came keep the module.
if driver_unload; then
	ok "a device that was plugged in keeps no module"
fi
finish
