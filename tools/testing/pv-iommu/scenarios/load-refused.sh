# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Whatever the hypervisor answers that the driver cannot work with, it says what it was, and I/O goes on over xen-swiotlb.
#: needs module
#: variants vtd vtd-shared
#: first
#: device nvme
#: guest iommu-op pviommu-fail.ko
#: expect linux xen-pv-iommu: not used: the hypervisor (does not let|offers iommu_op in a format|is in a mode|did not tell|refused the takeover)
#: expect linux xen-pv-iommu: not used: another user of iommu_op
#: expect linux xen-pv-iommu: not used: the devices could not be claimed
#: expect linux (xen-pv-iommu: |0000:\S+ )the hypervisor did not restore the host map

# pretend WORDS: Xen does; a key on its console goes on to the next pretence
pretend() {
	pretend_said=
	while [ "$pretend_said" != "$1" ]; do
		request xenlog mark
		request xenkey y || die "xenkey: $REPLY_TEXT"
		request xenlog wait 1 10 'iommu_op pretends: ' ||
			die "Xen does not know the key"
		request xenlog last 'iommu_op pretends: '
		pretend_said=${REPLY_TEXT#*pretends: }
	done
}

reasons() { dmesg | grep -o 'xen-pv-iommu: not used: .*'; }

# refused REASON: the driver does not load, for this reason and for no other
refused() {
	reasons_before=$(reasons | wc -l)
	insmod "$MODULE" 2>/run/insmod && die "it loads: $(driver_says)"
	driver_is_loaded && die "it stayed loaded"
	# busybox's insmod tries twice, in two ways
	reasons | tail -n +$((reasons_before + 1)) | sort -u >/run/reasons
	is "$(wc -l </run/reasons)" 1 >/run/check ||
		die "not one reason but $(tr '\n' ' ' </run/reasons)"
	grep -q "not used: $1" /run/reasons ||
		die "not '$1' but $(cat /run/reasons)"
	check "no device is in a group of an IOMMU" \
		is "$(ls /sys/kernel/iommu_groups)" ""
	ok "refused: $(cat /run/reasons)"
}

# works: as it did before
works() {
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme "$turn" 1
	turn=$((turn + 1))
	modprobe -r nvme
}

turn=0
hypercalls_up

pretend "not allowed"
refused 'the hypervisor does not let this domain use iommu_op (-1)'
works
pretend "other version"
refused 'the hypervisor offers iommu_op in a format that this driver does not know (-71)'
works
pretend "other mode"
refused 'the hypervisor is in a mode that this driver does not know'
works
pretend "no reserved ranges"
refused 'the hypervisor did not tell its reserved ranges (-5)'
works
pretend "no takeover"
refused 'the hypervisor refused the takeover (-12)'
works
pretend nothing

iommu-op enable clear >/run/op || die "iommu-op: $(tr '\n' ' ' </run/op)"
refused 'another user of iommu_op in this domain has taken over'
iommu-op disable >/run/op || die "iommu-op: $(tr '\n' ' ' </run/op)"
works

insmod /lab/pviommu-fail.ko func=iommu_device_register ret=-12 ||
	die "iommu_device_register() cannot be made to fail"
refused 'the devices could not be claimed (-12)'
rmmod pviommu_fail
works

# shellcheck disable=SC2034 # for driver_load
REFUSED=$(reasons | wc -l)
driver_load
if [ -n "$UNLOADS" ] && [ "$VARIANT" = vtd-shared ]; then
	pretend "no giving back"
	rmmod xen_pv_iommu
	driver_says | grep -q 'gone' || die "it did not go: $(driver_says)"
	driver_says 'did not restore the host map (-5)' | grep -q . ||
		die "it does not say so: $(driver_says)"
	ok "that the host map is not back is said"
	pretend nothing
	modprobe nvme
	echo "$PCI_NVME" 2>/dev/null >/sys/bus/pci/drivers/nvme/bind
	check "and no driver can use a device" \
		[ ! -e "/sys/bus/pci/devices/$PCI_NVME/driver" ]
	modprobe -r nvme
	iommu-op disable >/run/op || die "iommu-op: $(tr '\n' ' ' </run/op)"
	echo 1 >"/sys/bus/pci/devices/$PCI_NVME/remove"
	echo 1 >/sys/bus/pci/rescan
	# what others in this boot use; with the host map there it is right, too
	for path in /sys/bus/pci/devices/*; do
		[ "$(cat "$path/driver_override")" != no-dma ] ||
			echo >"$path/driver_override"
	done
	works
	driver_load
fi
works
driver_carried
finish
