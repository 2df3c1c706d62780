# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about While a device is just being removed, or a driver that failed to start still has managed DMA memory, the driver is unloaded, or not, and nobody uses what is gone.
#: needs unload
#: variants vtd amdvi vtd-shared
#: slow amdvi
#: device nvme
#: device edu64
#: guest iommu-op pviommu-window.ko

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

WINDOW=/sys/module/pviommu_window/parameters

is_inside() { grep -q Y $WINDOW/inside; }
unload_ended() { [ -s /run/unload-code ]; }
unload() {
	rmmod xen_pv_iommu 2>/run/unload
	echo $? >/run/unload-code
}

remove() { echo 1 >"/sys/bus/pci/devices/$PCI_EDU64/remove"; }

# unload_while WHERE [COMMAND]: who does that, or loads the window's own driver, is kept
# there until unloading has ended, or waits for it
unload_while() {
	rm -f /run/unload*
	insmod /lab/pviommu-window.ko pci="$PCI_EDU64" where="$1" &
	kept=$!
	if [ -n "$2" ]; then
		wait $kept || die "there is no window"
		$2 &
		kept=$!
	fi
	wait_for 10 is_inside || die "nobody is there: $1"
	unload &
	unload=$!
	wait_for 3 unload_ended
	check "$1: it is still there" is_inside
	echo 1 >$WINDOW/go
	wait $kept $unload
	rmmod pviommu_window || die "the window does not close"
}

works() {
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme "$1" 1
	driver_carried
	modprobe -r nvme
}

hypercalls_up
driver_load
unload_while failed
check "what a driver had that failed keeps the module: $(cat /run/unload)" \
	[ "$(cat /run/unload-code)" != 0 ]
works 0
driver_unload
check "then nothing does, and the device is in the host map" \
	is "$(ctx_of "$PCI_EDU64")" 0

driver_insert
unload_while removed remove
check "a device that is being removed does not" \
	is "$(cat /run/unload-code) $(cat /run/unload)" "0 "
[ ! -e /sys/class/iommu/xen-pv-iommu ] || die "sysfs still shows it"
echo 1 >/sys/bus/pci/rescan
check "when it is found again it is in the host map" \
	is "$(ctx_of "$PCI_EDU64")" 0
driver_insert
check "and the driver can have it" \
	[ -e "/sys/bus/pci/devices/$PCI_EDU64/iommu_group" ]
works 8
finish
