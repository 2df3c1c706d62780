# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A PV guest has disks of dom0's NVMe by blkback, with persistent grants and without, or by QEMU: what it writes and reads is right on both sides, its pages are not copied in dom0, and when it is killed none of them is left with the hypervisor.
#: variants vtd amdvi vtd-strict vtd-shared
#: variant vtd-qdisk like=vtd
#: slow amdvi vtd-strict vtd-shared vtd-qdisk
#: device toolstack
#: device nvme
#: device nvme2
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh

PERSISTENT=/sys/module/xen_blkback/parameters/feature_persistent

# guest_disk NODE IMAGE OFFSET_MiB: verified by fio, then by the host
guest_disk() {
	guest_do disk 240 "fio wrote and verified 16 MiB on $1" "fio_verify $1 16m"
	new_seed
	set -- "$1" "$2" $(($3 << 20)) $((8 << 20))
	# shellcheck disable=SC2154 # set by new_seed
	guest_do disk 60 "8 MiB written to $1 and read back the same" \
		"pattern write $1 $3 $4 $seed && pattern verify $1 $3 $4 $seed"
	request disk "$2" "$3" "$4" "$seed" ||
		die "the host finds other data in the image: $REPLY_TEXT"
}

driver_load
disk_up "$PCI_NVME" nvme
first=$DISK
disk_up "$PCI_NVME2"
second=$DISK
toolstack_up
bounce_mark

[ "$(cat $PERSISTENT)" = Y ] || die "grants are not persistent"
granted_mark
case $VARIANT in
# with direct-io-safe Debian's QEMU fails: it has no native AIO
*-qdisk) qdisk="vdev=xvdc,access=rw,backendtype=qdisk,target=$second" ;;
*) qdisk= ;;
esac
guest_up disk "phy:$first,xvda,w" ${qdisk:+"$qdisk"} --
guest_do disk 20 "its requests have indirect segments" \
	"[ \$(cat /sys/block/xvda/queue/max_segments) -gt 11 ]"
guest_disk /dev/xvda nvme 32
granted_mapped 24
# QEMU has Xen copy between the guest's pages and its own.
[ -z "$qdisk" ] || guest_disk /dev/xvdc nvme2 48

# The backend asks when a disk is attached.
echo N >$PERSISTENT
granted_mark
xl block-attach disk "phy:$second,xvdb,w"
guest_do disk 20 "a second disk is there" \
	"for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/xvdb ] && break; sleep 1; done; [ -b /dev/xvdb ]"
guest_disk /dev/xvdb nvme2 32
granted_mapped 24
guest_do disk 60 "discard and flush work" \
	"blkdiscard -o 50331648 -l 4194304 /dev/xvdb && dd if=/dev/zero of=/dev/xvdb bs=4k count=16 seek=12288 conv=fsync"
xl block-detach disk xvdb
echo Y >$PERSISTENT

busy disk
xl destroy disk
ok "it was killed in the middle of I/O"
nothing_left
nothing_granted
nothing_bounced "$PCI_NVME" "$PCI_NVME2"
driver_carried
finish
