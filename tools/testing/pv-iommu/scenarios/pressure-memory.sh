# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about With little memory left in dom0, I/O goes on and its data is right.
#: variants vtd amdvi
#: slow amdvi
#: device nvme
#: guest fio
#: dom0mem 512
#: timeout 600

available() { awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo; }

driver_load
disk_up "$PCI_NVME" nvme
mkdir /run/fill
mount -t tmpfs -o size=100% fill /run/fill
part=0
while [ "$(available)" -gt 48 ]; do
	head -c 4194304 /dev/zero >"/run/fill/$part"
	part=$((part + 1))
done
stat_is available_MiB "$(available)"
fio_verify "$DISK" 24m
umount /run/fill
disk_verify "$DISK" nvme 24 8
driver_carried
finish
