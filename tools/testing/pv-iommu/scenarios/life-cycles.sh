# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Sixty times loaded and unloaded, neither Xen nor Linux has lost so much as an object or a page each time, and I/O works.
#: needs unload
#: variants vtd amdvi
#: slow amdvi
#: device nvme

cycles() {
	cycle=0
	while [ $cycle -lt "$1" ]; do
		insmod "$MODULE" || die "insmod: $(driver_says)"
		rmmod xen_pv_iommu || die "rmmod: $(driver_says)"
		cycle=$((cycle + 1))
	done
}

# in_use: "NAME NUMBER" for each slab cache and for pages, exactly: what each CPU
# keeps back of a cache is given to it first, and of pages it is added
in_use() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for shrink in /sys/kernel/slab/*/shrink; do
		echo 1 >"$shrink"
	done
	sed 1,2d /proc/slabinfo | awk '{ print $1, $2 }'
	awk '/nr_free_pages/ || / count: / { free += $2 }
		END { print "pages", -free }' /proc/zoneinfo
}

# What is kept for the next time is there after the first few.
cycles 5
xen_before=$(xen_free)
in_use >/run/before
cycles 60
in_use >/run/after
xen_lost=$((xen_before - $(xen_free)))

awk 'NR == FNR { before[$1] = $2; next }
	$2 - before[$1] > 0 { print $2 - before[$1], $1 }' \
	/run/before /run/after | sort -rn >/run/grown
stat_is xen_lost_kB $xen_lost
stat_is linux_grown_most "$(head -n 3 /run/grown | tr '\n' ' ')"
# Others' come and go, too; but what is lost is lost each time.
lost=$(awk '$1 >= 60 { print }' /run/grown)
[ -z "$lost" ] || die "Linux has lost $(echo "$lost" | tr '\n' ' ')"
[ $xen_lost -le 64 ] || die "Xen has lost $xen_lost kB"
ok "60 cycles, Xen lost $xen_lost kB, Linux at most $(head -n 1 /run/grown)"

driver_load
check "the group is the first one again" is "$(ls /sys/kernel/iommu_groups)" 0
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 4
finish
