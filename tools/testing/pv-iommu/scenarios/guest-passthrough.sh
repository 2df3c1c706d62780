# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about By xl, or hidden from dom0 since its boot, an NVMe goes to a PV guest, which is killed while it uses it, and comes back: the guest's data is right, and so is dom0's on it afterwards, and on another one all the time, with the driver loaded.
#: variants vtd amdvi
#: variant vtd-long like=vtd
#: variant vtd-hidden like=vtd
#: slow amdvi vtd-long vtd-hidden
#: device toolstack
#: device nvme
#: device nvme2
#: guest fio iommu-op
#: timeout 1800

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

case $VARIANT in
*-long) TURNS=20 ;;
*) TURNS=1 ;;
esac
PASSED=$PCI_NVME2

# flag WORD: is it among those that the hypervisor has for the device?
flag() {
	op device "$PASSED"
	of_op flags | grep -q "$1"
}

not_assigned() { ! flag assigned; }

# used MiB_OFFSET: by dom0, in the context that it had before
used() {
	disk_up "$PASSED"
	[ "$ctx" = 0 ] || device_translated "$PASSED"
	disk_verify "$DISK" nvme2 "$1" 2
	check "it is in its context" is "$(ctx_of "$PASSED")" "$ctx"
}

# As xen-pciback.hide= on the kernel's command line where that is built in.
[ "$VARIANT" != vtd-hidden ] || modprobe xen_pciback "hide=($PASSED)" ||
	die "modprobe xen_pciback failed"
driver_load
disk_up "$PCI_NVME" nvme
other=$DISK
toolstack_up
hypercalls_up
ctx=$(ctx_of "$PASSED")
if [ "$VARIANT" = vtd-hidden ]; then
	check "what was hidden stays in the host map" is "$ctx" 0
	untranslated "$PASSED"
else
	[ "$ctx" != 0 ] || die "$PASSED has no context"
	modprobe xen_pciback || die "modprobe xen_pciback failed"
	used 0
fi
fio_start "$other" 24m --time_based --runtime=3600

for turn in $(seq $TURNS); do
	# what is hidden is assignable
	[ "$turn:$ctx" = 1:0 ] || xl pci-assignable-add "$PASSED"
	guest_up passed -- "pci = [ \"$PASSED\" ]" "iommu=soft"
	check "the disk is another domain's" flag assigned
	guest_do passed 60 "it has an NVMe disk" \
		"modprobe xen_pcifront; modprobe nvme; until [ -b /dev/nvme0n1 ]; do sleep 1; done"
	new_seed
	offset=$((16 << 20))
	# shellcheck disable=SC2154 # set by new_seed
	guest_do passed 90 "what it wrote it reads" \
		"pattern write /dev/nvme0n1 $offset 4194304 $seed && pattern verify /dev/nvme0n1 $offset 4194304 $seed"
	request disk nvme2 $offset 4194304 "$seed" ||
		die "the host finds other data in the image: $REPLY_TEXT"

	guest_send passed "while dd if=/dev/nvme0n1 of=/dev/null bs=64k; do echo reads; done"
	guest_answers passed 60 '^reads'
	xl destroy passed
	ok "it was killed while it used the disk"
	wait_for 20 guest_gone passed || die "the guest does not go"
	nothing_left
	xl pci-assignable-remove -r "$PASSED"
	# xl knows no driver that it had before
	[ "$ctx" != 0 ] || echo "$PASSED" >/sys/bus/pci/drivers/nvme/bind ||
		die "the disk cannot be bound to its driver"
	check "the disk is dom0's again" not_assigned
	used 2
done
ok "it went to a guest and came back, $turn times"

kill -0 "$FIO_PID" || die "the other disk's I/O has ended: $(fio_fault)"
killall fio
wait "$FIO_PID"
fio_verify "$other" 16m
nothing_granted
driver_carried
finish
