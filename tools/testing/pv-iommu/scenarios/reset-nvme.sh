# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about An NVMe is reset under I/O by its driver, by a function-level reset, after a request without an answer and after an error on its port; the data is right and nothing stays mapped.
#: variants vtd vtd-strict amdvi-shared
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd-strict amdvi-shared
#: device nvme-sriov
#: guest fio
#: timeout 600
# what the scenario has the device do
#: expect linux nvme .*timeout, (aborting|reset controller)
#: expect linux nvme .*Abort status
#: expect linux pcieport .*PCIe Bus Error: severity=Uncorrect\w+ \(Fatal\), type=Data Link Layer
#: expect linux pcieport .*AER: Uncorrect\w+ \(Fatal\) error

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

controller() { basename "/sys/bus/pci/devices/$PCI/nvme/nvme"*; }
is_live() { is "$(cat "/sys/class/nvme/$(controller)/state")" live; }
said() { [ "$(dmesg | grep -c "$1")" -gt "$before" ]; }

# under_io TEXT COMMAND...: while fio writes what it reads back later
under_io() {
	io_text=$1
	shift
	io_start "$DISK" 16m
	"$@"
	io_is_under_way || die "fio ended before the end of: $io_text"
	fio_end
	is_live >/run/check || die "$io_text: the controller is $(cat /run/check)"
	disk_verify "$DISK" nvme-sriov 32 1
	driver_carried
	ok "$io_text"
}

resets() {
	for reset in 1 2 3; do
		echo 1 >"/sys/class/nvme/$(controller)/reset_controller" ||
			die "reset $reset fails"
	done
}

flr() {
	echo flr >"/sys/bus/pci/devices/$PCI/reset_method" || die "no FLR"
	echo 1 >"/sys/bus/pci/devices/$PCI/reset" || die "FLR fails"
}

# The disk takes a request a second: most of them are late.
silence() {
	before=$(dmesg | grep -c 'nvme .*timeout')
	echo 1000 >"/sys/block/${DISK#/dev/}/queue/io_timeout"
	request hmp block_set_io_throttle disk-nvme-sriov 0 0 0 1 0 0 ||
		die "throttle: $REPLY_TEXT"
	wait_for 30 said 'nvme .*timeout' || die "no request was late"
	request hmp block_set_io_throttle disk-nvme-sriov 0 0 0 0 0 0
	echo 30000 >"/sys/block/${DISK#/dev/}/queue/io_timeout"
}

port_error() {
	before=$(dmesg | grep -c 'AER: device recovery successful')
	request hmp pcie_aer_inject_error rp4 DLP || die "AER: $REPLY_TEXT"
	wait_for 30 said 'AER: device recovery successful' ||
		die "the kernel does not recover from the error"
}

driver_load
mapped_mark
nvme_up nvme-sriov

under_io "three resets by the driver under I/O" resets
under_io "a function-level reset under I/O" flr
under_io "requests without an answer, and what the driver makes of it" silence
under_io "an error on the port under I/O" port_error
modprobe -r nvme
mapped_back
finish
