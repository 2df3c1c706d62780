# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device is unbound from its driver and bound again, ten times, and its data is verified each time.
#: variants vtd amdvi
#: slow amdvi
#: device nvme

driver_load
disk_up "$PCI_NVME" nvme
turn=0
while [ $turn -lt 10 ]; do
	device_free "$PCI_NVME"
	device_give "$PCI_NVME"
	disk_up "$PCI_NVME"
	disk_verify "$DISK" nvme $((turn * 2)) 2
	turn=$((turn + 1))
done
driver_carried
finish
