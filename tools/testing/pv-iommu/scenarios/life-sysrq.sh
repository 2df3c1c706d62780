# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When dom0 reboots at once in the middle of I/O, with nobody told to give anything back, Xen restarts the machine all the same.
#: variants vtd
#: device nvme
#: guest fio
#: require xen Hardware Dom0 shutdown: rebooting machine
#: ends

writes() { awk '{ print $5 }' "/sys/block/${DISK##*/}/stat"; }
under_way() { [ "$(writes)" -gt $((began + 100)) ]; }

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 1
driver_carried
began=$(writes)
fio_start "$DISK" 32m --do_verify=0 --time_based --runtime=120
wait_for 30 under_way || die "fio does not begin"
finish
echo b >/proc/sysrq-trigger
