# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When dom0 goes down with devices in use, nothing changes under them before the end: what they still do goes where it went.
#: variants vtd amdvi vtd-shared
#: core vtd vtd-shared
#: device nvme
#: guest fio
#: require xen Entering ACPI S5 state
#: ends

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
driver_carried
io_start "$DISK" 32m --do_verify=0 --time_based --runtime=120
finish
poweroff -f
# it does not come back from there
sleep 60
