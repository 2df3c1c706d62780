# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Three PV guests at once work on one NVMe through loop devices; one is saved and restored under I/O, others end or are killed in the middle of it: what the others write is right, and nothing of the dead is left.
#: variants vtd amdvi
#: variant vtd-long like=vtd
#: slow vtd amdvi vtd-long
#: device toolstack
#: device nvme size=256M
#: guest fio
#: timeout 2400

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh

case $VARIANT in
*-long) KILLS=50 ;;
*) KILLS=3 ;;
esac
MIB=32

# part NUMBER: a loop device for so many MiB of the disk, past dom0's page cache; in
# $PART as a guest's disk
part() {
	part_loop=$(in_root /sbin/losetup --direct-io=on --offset $(($1 * MIB << 20)) \
		--sizelimit $((MIB << 20)) --find --show "$DISK" 2>/run/losetup) ||
		die "losetup: $(tail -n 1 /run/losetup)"
	PART="phy:$part_loop,xvda,w"
}

driver_load
disk_up "$PCI_NVME" nvme
toolstack_up
bounce_mark
granted_mark

number=0
for name in one two three; do
	part $number
	guest_up $name "$PART" --
	number=$((number + 1))
done
for name in one two three; do
	guest_send $name "fio_verify /dev/xvda 16m"
	echo "$guest_number" >/run/number-$name
done
for name in one two three; do
	read -r guest_number </run/number-$name
	guest_result $name 240 "fio wrote and verified 16 MiB, and so do the others"
done
granted_mapped 96

busy two
xl save two /run/guest/two/saved
check "it is not there any more" guest_gone two
xl restore /run/guest/two/saved
rm $ROOT/run/guest/two/saved
guest_do two 60 "it was saved and restored in the middle of I/O" "pidof fio"
guest_do two 240 "it verifies its disk after that" \
	"killall fio; sleep 1; fio_verify /dev/xvda 8m"

busy three
guest_down three
ok "a guest went off in the middle of I/O"
nothing_left

for turn in $(seq $KILLS); do
	part 3
	guest_up "dies$turn" "$PART" --
	busy "dies$turn"
	usleep $((turn * 137000 % 1000000))
	xl destroy "dies$turn"
	nothing_left
done
ok "guests were killed in the middle of I/O: $KILLS"

for name in one two; do
	guest_do $name 120 "it verifies its disk after all that" \
		"fio_verify /dev/xvda 8m"
	guest_down $name
done
in_root /sbin/losetup -D
fio_verify "$DISK" 16m
nothing_granted
nothing_bounced "$PCI_NVME"
driver_carried
finish
