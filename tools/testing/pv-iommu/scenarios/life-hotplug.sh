# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about An NVMe is plugged in, works, is unplugged under I/O, and another one takes its place.
#: variants vtd amdvi
#: device nvme
#: device rp0
#: device spare0
#: device spare1
#: guest fio
# of the disk that goes in the middle of its work
#: expect linux (I/O error, dev|I/O error on dev) nvme\d+n\d+
#: expect linux nvme .*(Device not ready|probe failure)

plugged() { ls -d "/sys/bus/pci/devices/$PCI_RP0"/0000:*:00.0; }
unplugged() { ! plugged; }

# writes: how many the disk has done since it is there
writes() { awk '{ print $5 }' "/sys/block/${DISK##*/}/stat"; }
under_way() { [ "$(writes)" -gt "$began" ]; }

# plug SPARE: into the slot, its address in $HOT
plug() {
	request qmp device_add driver=nvme bus=rp0 id="hot-$1" \
		drive="disk-$1" serial="$1" || die "device_add: $REPLY_TEXT"
	wait_for 20 plugged || die "dom0 does not see the new device"
	HOT=$(basename "$(plugged)")
	ok "$HOT was plugged in"
}

driver_load
disk_up "$PCI_NVME" nvme
other=$DISK

plug spare0
disk_up "$HOT" nvme
disk_verify "$DISK" spare0 8 8
[ -e "/sys/bus/pci/devices/$HOT/iommu_group" ] || die "$HOT has no group"

fio_start "$other" 24m
steady=$FIO_PID
began=$(($(writes) + 100))
fio_start "$DISK" 32m --do_verify=0 --time_based --runtime=120
wait_for 30 under_way || die "fio does not begin"
kill -0 "$FIO_PID" || die "fio ended before its time"
request qmp device_del id=hot-spare0 || die "device_del: $REPLY_TEXT"
wait_for 30 unplugged || die "the device does not go"
wait "$FIO_PID" && die "fio went on without its disk"
ok "unplugged under I/O"
FIO_PID=$steady
fio_end
# hotplug's driver waits a second after it has switched the slot off
sleep 3

plug spare1
disk_up "$HOT" nvme
disk_verify "$DISK" spare1 8 8
disk_verify "$other" nvme 32 8
driver_carried

# Neither the device that went nor the one that came keeps the module.
modprobe -r nvme
request qmp device_del id=hot-spare1 || die "device_del: $REPLY_TEXT"
wait_for 30 unplugged || die "the device does not go"
if driver_unload; then
	ok "a device that was plugged in keeps no module"
fi
finish
