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

# vf_check NUMBER: it gets queues and an interrupt, a driver, and is used
vf_check() {
	vf_up "$1"
	device_translated "$VF"
	disk_verify "$DISK" nvme-sriov $((40 + $1)) 1
}

driver_load
mapped_mark
nvme_up nvme-sriov
physical=$DISK
vf_prepare "$PCI"

io_start "$physical" 32m --time_based --runtime=300 --do_verify=0
for round in 1 2; do
	echo 2 >"$PF/sriov_numvfs" || die "no virtual functions"
	vf_check 1
	vf_check 2
	echo 0 >"$PF/sriov_numvfs" || die "the virtual functions stay"
	[ ! -e "/sys/bus/pci/devices/$VF" ] || die "$VF stays"
	ok "round $round: two virtual functions came, worked and went"
done
io_is_under_way || die "fio on the physical function ended before its time"
io_stop
disk_verify "$physical" nvme-sriov 48 1
driver_carried

echo 1 >"$PF/sriov_drivers_autoprobe"
modprobe -r nvme
mapped_back
finish
