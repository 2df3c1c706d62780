# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device is unbound from its driver and bound again, ten times, and removed and found again under I/O; its data is verified each time and nothing stays mapped.
#: variants vtd amdvi
#: slow amdvi
#: device nvme
#: guest fio
# of the disk that goes in the middle of its work
#: expect linux (I/O error, dev|I/O error on dev) nvme\d+n\d+

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

driver_load
mapped_mark
disk_up "$PCI_NVME" nvme
others_free "$PCI_NVME" nvme
turn=0
while [ $turn -lt 10 ]; do
	device_free "$PCI_NVME"
	mapped_back
	device_give "$PCI_NVME"
	disk_up "$PCI_NVME"
	disk_verify "$DISK" nvme $((turn * 2)) 1
	turn=$((turn + 1))
done

io_start "$DISK" 32m --do_verify=0 --time_based --runtime=120
echo 1 >"/sys/bus/pci/devices/$PCI_NVME/remove" || die "it cannot be removed"
wait "$FIO_PID" && die "fio went on without its disk"
mapped_back
echo 1 >/sys/bus/pci/rescan
disk_up "$PCI_NVME"
disk_verify "$DISK" nvme 32 1
driver_carried
finish
