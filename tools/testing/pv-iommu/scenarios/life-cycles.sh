# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Twice thirty times loaded and unloaded, neither Xen nor Linux has lost so much as an object or a page each time, and I/O works.
#: needs unload
#: variants vtd amdvi
#: slow amdvi
#: device nvme

# xen_free: kB that Xen has free, told on its console
xen_free() {
	request xenlog mark
	request xenkey m || die "xenkey: $REPLY_TEXT"
	request xenlog wait 1 10 'Dom heap: .*free' || die "Xen does not say"
	request xenlog last 'Dom heap: .*free'
	echo "$REPLY_TEXT" | sed 's/.*Dom heap: *\([0-9]*\)kB.*/\1/'
}

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
	# what is freed after a grace period of RCU's has had one then
	sleep 1
	for shrink in /sys/kernel/slab/*/shrink; do
		echo 1 >"$shrink"
	done
	sed 1,2d /proc/slabinfo | awk '{ print $1, $2 }'
	awk '/nr_free_pages/ || / count: / { free += $2 }
		END { print "pages", -free }' /proc/zoneinfo
}

# grown BEFORE AFTER: "NAME NUMBER" of what there is more of than of the cycles
grown() {
	awk -v cycles=$CYCLES 'NR == FNR { before[$1] = $2; next }
		$2 - before[$1] >= cycles { print $1, $2 - before[$1] }' "$@"
}

# What is kept for the next time is there after the first few.
CYCLES=30
cycles 5
xen_before=$(xen_free)
in_use >/run/0

# Others' come and go, too; but what is lost is lost each time: in two rounds, and where
# there is something in both, in two more.
round=0
: >/run/lost
while [ $round -lt 2 ] || { [ $round -lt 4 ] && [ -s /run/lost ]; }; do
	cycles $CYCLES
	in_use >/run/now
	grown /run/$round /run/now >/run/grown
	round=$((round + 1))
	mv /run/now /run/$round
	stat_is grown_$round "$(tr '\n' ' ' </run/grown)"
	if [ $round = 1 ]; then
		mv /run/grown /run/lost
		continue
	fi
	awk 'NR == FNR { now[$1] = $2; next } $1 in now { print $0 "+" now[$1] }' \
		/run/grown /run/lost >/run/common
	mv /run/common /run/lost
done
xen_lost=$((xen_before - $(xen_free)))
stat_is xen_lost_kB $xen_lost
[ ! -s /run/lost ] || die "Linux has lost $(tr '\n' ' ' </run/lost)"
[ $xen_lost -le 64 ] || die "Xen has lost $xen_lost kB"
ok "$round times $CYCLES cycles, Xen lost $xen_lost kB, Linux nothing each time"

driver_load
groups=0
while [ -e "/sys/kernel/iommu_groups/$groups" ]; do
	groups=$((groups + 1))
done
check "the groups are the first ones again" \
	is "$(find /sys/kernel/iommu_groups/* -prune | wc -l)" $groups
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 4
finish
