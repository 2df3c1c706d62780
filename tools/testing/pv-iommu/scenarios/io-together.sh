# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about All kinds of disks and a network card work at once, and each one's data is verified.
#: variants vtd amdvi vtd48 vtd-shared
#: slow vtd48 vtd-shared
#: core vtd
#: device nvme
#: device nvme2
#: device ahci
#: device xhci
#: device virtio-blk
#: device e1000e
#: guest fio ethtool
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

DISKS="nvme nvme2 ahci xhci virtio-blk"

driver_load
virtio_give

ahci_up
disks=
for name in $DISKS; do
	device_is "$name"
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	disks="$disks $name:$DISK"
done
e1000e_up
jobs=
for disk in $disks; do
	# not as fast as they can: the CPUs are for all of them, and for the card
	io_start "${disk#*:}" 2m --loops=1000 --rate=256k
	jobs="$jobs $disk:$FIO_PID"
done
net_verify 1

# Each goes on until it is told to end: then all of them were at work at once.
for job in $jobs; do
	node=${job#*:}
	wait_for 120 io_has_verified "${node%:*}" ||
		die "${job%%:*} has not read its data back"
done
for job in $jobs; do
	FIO_PID=${job##*:}
	io_is_under_way || die "fio on ${job%%:*} ended before its time"
done
ok "all of $DISKS were at work at once"
for job in $jobs; do
	node=${job#*:}
	FIO_PID=${job##*:}
	io_stop
	disk_verify "${node%:*}" "${job%%:*}" 16 1
done
driver_carried
finish
