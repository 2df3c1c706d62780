# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A hundred times loaded and unloaded, neither Xen nor Linux has lost memory, and I/O works.
#: needs unload
#: variants vtd amdvi
#: device nvme
#: timeout 600

cycles() {
	cycle=0
	while [ $cycle -lt "$1" ]; do
		# shellcheck disable=SC2086
		insmod "$MODULE" $MODULE_OPTIONS || die "insmod: $(driver_says)"
		rmmod xen_pv_iommu || die "rmmod: $(driver_says)"
		cycle=$((cycle + 1))
	done
}

# what is kept for the next time is there after the first few
cycles 3
xen_before=$(xen_free)
linux_before=$(linux_free)
cycles 100
xen_after=$(xen_free)
linux_after=$(linux_free)
stat_is xen_lost_kB $((xen_before - xen_after))
stat_is linux_lost_kB $((linux_before - linux_after))
[ $((xen_before - xen_after)) -le 64 ] ||
	die "Xen had $xen_before kB free and has $xen_after kB"
[ $((linux_before - linux_after)) -le 2048 ] ||
	die "Linux had $linux_before kB free and has $linux_after kB"
ok "100 cycles, Xen lost $((xen_before - xen_after)) kB, Linux $((linux_before - linux_after)) kB"

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
finish
