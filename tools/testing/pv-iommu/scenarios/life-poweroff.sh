# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When dom0 goes down with devices in use, Xen gets its host map back before the end.
#: variants vtd amdvi
#: core vtd
#: device nvme
#: require xen d0: .*gave its I/O address space back
#: ends

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
driver_carried
finish
sync
poweroff -f
# it does not come back from there
sleep 60
