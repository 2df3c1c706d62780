# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For scenarios that have two things happen at the same time, and look at what is left
# of the devices.  They have iommu-op in the initramfs, and load lib-io.sh and lib-op.sh.

BUS=/sys/bus/pci/devices
DEBUGFS=${STATS%/*}

# --- two at a time

# now: hundredths of a second since boot, without a fork
now() {
	read -r now_up _ </proc/uptime
	NOW=${now_up%.*}${now_up#*.}
}

# runs NAME MICROSECONDS COMMAND...: that much later; how it went is in files
runs() {
	runs_as=/run/$1
	[ "$2" -le 0 ] || usleep "$2"
	shift 2
	now
	echo "$NOW" >"$runs_as-began"
	"$@" >"$runs_as-said" 2>&1
	echo $? >"$runs_as-code"
	now
	echo "$NOW" >"$runs_as-ended"
}

# race NAME ONE OTHER: functions, in two processes.  One of the two begins so much
# later as the races of this NAME have shown to be best.
# shellcheck disable=SC2034 # for scenarios
race() {
	RACE=$1 DELAY=0 STEP=50000 LAST=
	[ ! -e "/run/delay-$1" ] || read -r DELAY STEP LAST <"/run/delay-$1"
	runs one $((-DELAY)) "$2" &
	race_one=$!
	runs other "$DELAY" "$3" &
	wait $race_one $!
	read -r one_began </run/one-began
	read -r one_ended </run/one-ended
	read -r other_began </run/other-began
	read -r other_ended </run/other-ended
	[ "$one_began" -gt "$other_ended" ] ||
		[ "$other_began" -gt "$one_ended" ] || echo "$1" >>/run/together
	FIRST=one
	[ "$one_ended" -le "$other_ended" ] || FIRST=other
}

# race_won one|other: who it was is to begin later next time, more so if it was the
# same before: until both are as fast, and then it stays there
race_won() {
	case $LAST in
	"$1" | "") [ "$STEP" -ge 2000000 ] || STEP=$((STEP * 2)) ;;
	*) [ "$STEP" -le 10000 ] || STEP=$((STEP / 4)) ;;
	esac
	case $1 in
	one) DELAY=$((DELAY - STEP)) ;;
	other) DELAY=$((DELAY + STEP)) ;;
	esac
	echo "$DELAY $STEP $1" >"/run/delay-$RACE"
	echo "$1" >>"/run/won-$RACE"
}

# worked one|other: it did what it was to do
worked() { grep -qx 0 "/run/$1-code"; }

# times_won NAME one|other
times_won() { grep -cx "$2" "/run/won-$1"; }

# both_won NAME...: in races of each
both_won() {
	for both_name in "$@"; do
		[ "$(times_won "$both_name" one)" -gt 0 ] || return
		[ "$(times_won "$both_name" other)" -gt 0 ] || return
	done 2>/dev/null
}

# races_end NAME...: nobody comes first every time, or it is no race
races_end() {
	for end_name in "$@"; do
		check "$end_name: the first came first $(times_won "$end_name" one) times, the second $(times_won "$end_name" other) times, $(grep -cx "$end_name" /run/together) times at the same time" \
			both_won "$end_name"
	done
}

# --- what is right afterwards

there() { [ -e "$BUS/$1" ]; }
bound() { [ -e "$BUS/$1/driver" ]; }
claimed() { [ -e "$BUS/$1/iommu_group" ]; }

# contexts: how many dom0 has in Xen
contexts() {
	request xenlog mark
	request xenkey U || die "xenkey: $REPLY_TEXT"
	request xenlog wait 1 10 'd0: \d+ pages, \d+ calls' || die "Xen does not say"
	ask xenlog count 'd0: I/O address space [1-9]\d*: '
}

# was_in_use PCI: the driver left it alone for that when it was loaded
was_in_use() {
	log_since >/run/log
	awk -v what="$1: stays on xen-swiotlb: it is in use" '
		/xen-pv-iommu: iommu_op format/ { said = 0 }
		index($0, what) { said = 1 }
		END { exit !said }' /run/log
}

# listed PCI GROUP CTX TYPE: debugfs has it so, once
listed() {
	awk -v pci="$1" -v is="$2 $3 $4" '
		index($0, pci) { lines++; same += $1 " " $2 " " $3 == is }
		END { exit lines != 1 || same != 1 }' "$DEBUGFS/groups"
}

# consistent PCI: Linux, the driver and Xen agree on where the device is; if that is
# the host map it is added to LEFT
consistent() {
	there "$1" || return 0
	ctx=$(ctx_of "$1")
	if ! claimed "$1"; then
		[ "$ctx" = 0 ] || die "$1 has no group, but context $ctx"
		! driver_is_loaded || was_in_use "$1" ||
			die "$1 was not claimed, and was not in use"
		LEFT="$LEFT $1"
		return
	fi
	driver_is_loaded || die "$1 has a group without the driver"
	type=$(cat "$(type_of "$1")")
	listed "$1" "$(group_of "$1")" "$ctx" "$type" ||
		die "$1: $type, context $ctx; debugfs: $(grep "$1" "$DEBUGFS/groups")"
	case $type in
	identity)
		[ "$ctx" = 0 ] || die "$1: $type in context $ctx"
		LEFT="$LEFT $1"
		;;
	*)
		[ "$ctx" != 0 ] || die "$1: $type in the host map"
		;;
	esac
}

# all_consistent PCI...: these, and the driver.  While nobody uses any that it has
# claimed nothing is mapped.
all_consistent() {
	LEFT=
	all_idle=yes
	for all_pci in "$@"; do
		consistent "$all_pci"
		! bound "$all_pci" || all_idle=
	done
	# shellcheck disable=SC2086 # words
	untranslated $LEFT
	if ! driver_is_loaded; then
		[ ! -e "$DEBUGFS" ] || die "not loaded, and in debugfs"
		[ ! -e /sys/class/iommu/xen-pv-iommu ] ||
			die "not loaded, and in sysfs"
		return
	fi
	driver_none map_failed map_refused unmap_failed unmap_absent \
		flush_failed quarantined
	[ -z "$all_idle" ] || wait_for 5 is "$(mapped_now)" 0 ||
		die "frames mapped for nobody: $(mapped_now)"
}
