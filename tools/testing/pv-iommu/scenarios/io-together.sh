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
nodes=
for name in $DISKS; do
	device_is "$name"
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	disks="$disks $name:$DISK"
	nodes="$nodes $DISK"
done
e1000e_up
# not as fast as it can: the CPUs are for all of them, and for the card
fio_start "$nodes" 2m --loops=1000 --rate=512k
net_verify 1

# It goes on until it is told to end: then all of them were at work at once.
for disk in $disks; do
	wait_for 120 io_has_verified "${disk#*:}" ||
		die "${disk%%:*} has not read its data back"
done
io_is_under_way || die "fio ended before its time: $(fio_fault)"
ok "all of $DISKS were at work at once"
io_stop
for disk in $disks; do
	disk_verify "${disk#*:}" "${disk%%:*}" 16 1
done
driver_carried
finish
