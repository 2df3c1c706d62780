# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A hundred times loaded and unloaded, neither Xen nor Linux has lost memory, and I/O works.
#: needs unload
#: variants vtd amdvi
#: slow amdvi
#: device nvme
#: timeout 600

cycles() {
	cycle=0
	while [ $cycle -lt "$1" ]; do
		insmod "$MODULE" || die "insmod: $(driver_says)"
		rmmod xen_pv_iommu || die "rmmod: $(driver_says)"
		cycle=$((cycle + 1))
	done
}

# round: a hundred, and what they have cost
round() {
	xen_before=$(xen_free)
	linux_before=$(linux_free)
	cycles 100
	xen_lost=$((xen_before - $(xen_free)))
	linux_lost=$((linux_before - $(linux_free)))
	stat_is xen_lost_kB $xen_lost
	stat_is linux_lost_kB $linux_lost
}

# what is kept for the next time is there after the first few
cycles 3
round
# Linux keeps some MiB of free pages back in lists of each CPU, sometimes more
# of them and sometimes less; but what leaks, leaks each time.
[ $linux_lost -le 2048 ] || round
[ $xen_lost -le 64 ] || die "Xen has lost $xen_lost kB"
[ $linux_lost -le 2048 ] || die "Linux has lost $linux_lost kB, again"
ok "100 cycles, Xen lost $xen_lost kB, Linux $linux_lost kB"

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
finish
