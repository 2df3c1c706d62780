# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Virtual functions of an NVMe come and go under I/O of the physical one, each a device of its own whose I/O is verified.
#: variants vtd vtd-strict amdvi-shared
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd-strict amdvi-shared
#: device nvme-sriov
#: guest fio nvme-vf
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

# manage CONTROLLER RESOURCE ACTION NUMBER
manage() {
	nvme-vf "/dev/$(basename "$pf/nvme/nvme"*)" "$@" 2>/run/manage ||
		die "virtualization management $*: $(cat /run/manage)"
}

# vf_check NUMBER: it gets queues and an interrupt, a driver, and is used
vf_check() {
	manage "$1" 1 8 1
	manage "$1" 0 8 2
	manage "$1" 0 9 0
	vf=$(basename "$(readlink "$pf/virtfn$(($1 - 1))")")
	echo nvme >"/sys/bus/pci/devices/$vf/driver_override"
	echo "$vf" >/sys/bus/pci/drivers/nvme/bind || die "no driver for $vf"
	disk_up "$vf"
	device_translated "$vf"
	disk_verify "$DISK" nvme-sriov $((40 + $1)) 1
}

driver_load
mapped_mark
nvme_up nvme-sriov
physical=$DISK
pf=/sys/bus/pci/devices/$PCI

# what it has to give becomes free with its next reset
manage 0 1 1 0
manage 0 0 1 0
echo 1 >"$pf/reset" || die "the physical function cannot be reset"
echo 0 >"$pf/sriov_drivers_autoprobe"

io_start "$physical" 32m --time_based --runtime=300 --do_verify=0
for round in 1 2; do
	echo 2 >"$pf/sriov_numvfs" || die "no virtual functions"
	vf_check 1
	vf_check 2
	echo 0 >"$pf/sriov_numvfs" || die "the virtual functions stay"
	[ ! -e "/sys/bus/pci/devices/$vf" ] || die "$vf stays"
	ok "round $round: two virtual functions came, worked and went"
done
io_is_under_way || die "fio on the physical function ended before its time"
io_stop
disk_verify "$physical" nvme-sriov 48 1
driver_carried

echo 1 >"$pf/sriov_drivers_autoprobe"
modprobe -r nvme
mapped_back
finish
