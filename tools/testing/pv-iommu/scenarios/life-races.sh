# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Loading and unloading race against drivers that bind and unbind, devices that are removed, found, plugged in and unplugged, and groups that change their type, while debugfs is read: whoever comes first, all agree on what is left, and I/O is right.
#: needs unload
# with it a task may lose its CPU anywhere in the kernel
#: variant vtd   like=vtd linux=preempt=full
#: variant amdvi like=amdvi linux=preempt=full
#: slow vtd amdvi
#: device nvme
#: device nvme2
#: device e1000e
#: device edu64
#: device rp0
#: device spare6
#: device spare7
#: device spare8
#: guest ethtool iommu-op
#: timeout 2400

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-race.sh
. /lab/lib-race.sh

PORT=$BUS/$PCI_RP0
SLOT=/sys/bus/pci/slots/1	# behind it
TYPE=DMA-FQ
SPARES="spare6 spare7 spare8"

# shellcheck disable=SC2153 # of lib.sh
load() { insmod "$MODULE"; }
unload() { rmmod xen_pv_iommu; }
nvme() { echo "$PCI_NVME" >"/sys/bus/pci/drivers/nvme/$1"; }
bind() { nvme bind; }
unbind() { nvme unbind; }
retype() { echo "$TYPE" >"$(type_of "$PCI_NVME")"; }
rescan() { echo 1 >/sys/bus/pci/rescan; }
remove() {
	echo 1 >"$BUS/$PCI_EDU64/remove"
	echo 1 >"$BUS/$PCI_NVME2/remove"
}

plugged() { ls -d "$PORT"/0000:*:00.0; }
unplugged() { ! plugged; }

# add_hot: a disk while there are spares, of which QEMU takes each only once
add_hot() {
	case $spare in
	"") request qmp device_add driver=edu bus=rp0 id=hot ;;
	*) request qmp device_add driver=nvme bus=rp0 id=hot \
		drive="disk-$spare" serial="$spare" ;;
	esac
}

# plug: QEMU has the one before for a moment after Linux has let go of it
plug() {
	wait_for 20 add_hot || { echo "$REPLY_TEXT"; return 1; }
	wait_for 20 plugged
}

# The button of a slot waits for five seconds, its switch does not.
button() { request qmp device_del id=hot && wait_for 30 unplugged; }
switch() { echo 0 >"$SLOT/power" && wait_for 30 unplugged; }

# readers: of all that the driver shows, until they are to end
readers() {
	while [ ! -e /run/readers-end ]; do
		cat "$DEBUGFS"/* /sys/kernel/iommu_groups/*/type \
			/sys/kernel/iommu_groups/*/reserved_regions \
			/sys/class/iommu/xen-pv-iommu/devices/*/uevent \
			>/run/read 2>/dev/null
		! grep -q ^hypercalls /run/read || echo >>/run/reads
		usleep 300000
	done
}

# disk_works PCI IMAGE, card_works
disk_works() {
	disk_up "$1"
	disk_verify "$DISK" "$2" $((turn % 60)) 1
}

card_works() {
	e1000e_up
	net_verify 1
	ip link set "$NET" down
}

# unload_soon: it fails while a driver is at work, or a file in debugfs is open
unload_soon() {
	unload_tries=0
	until unload 2>/run/unload; do
		grep -q temporarily /run/unload || die "rmmod: $(cat /run/unload)"
		unload_tries=$((unload_tries + 1))
		[ $unload_tries -lt 100 ] || die "it does not unload any more"
		echo >>/run/busy
	done
}

# module_can: load or unload, whichever it is
module_can() {
	module=load
	! driver_is_loaded || module=unload
}

# against DEVICE: what the module is to do now against that; not what both have been
# first in already
against() {
	device=$1
	module_can
	if both_won "$module-$device"; then
		$module 2>/run/against ||
			tell "not for a change: $module: $(cat /run/against)"
		module_can
	fi
}

# module_ran: it is only kept by who uses it
module_ran() {
	worked one || {
		[ "$module" = unload ] && grep -q 'temporarily' /run/one-said
	} || die "$module: $(cat /run/one-said)"
}

other_ran() { worked other || die "$device: $(cat /run/other-said)"; }

# bind_other: while devices are being claimed a driver may be told to come again
bind_other() {
	worked other || {
		[ "$module-$device" = load-bind ] &&
			grep -q temporarily /run/other-said &&
			{ bind || bound "$PCI_NVME"; }
	} || die "$device: $(cat /run/other-said)"
}

# bind_round: loading or unloading against binding or unbinding
bind_round() {
	# with one that was left alone unloading has nothing to race against
	if driver_is_loaded && ! claimed "$PCI_NVME"; then
		unload_soon
	fi
	module_can
	device=bind
	! bound "$PCI_NVME" || device=unbind
	race "$module-$device" "$module" "$device"
	bind_other
	module_ran
	case $module-$device in
	unload-bind) worked one && won=one || won=other ;;
	unload-unbind) worked one && won=other || won=one ;;
	load-bind) claimed "$PCI_NVME" && won=one || won=other ;;
	load-unbind) claimed "$PCI_NVME" && won=other || won=one ;;
	esac
	race_won "$won"
	all_consistent "$PCI_NVME" "$PCI_EDU64"
	! bound "$PCI_NVME" || disk_works "$PCI_NVME" nvme
}

# remove_round: against devices that go, or are found
remove_round() {
	if there "$PCI_EDU64"; then
		against remove
	else
		against rescan
	fi
	race "$module-$device" "$module" "$device"
	other_ran
	module_ran
	race_won "$FIRST"
	[ "$device" = remove ] || wait_for 20 bound "$PCI_NVME2" ||
		die "nobody drives $PCI_NVME2"
	all_consistent "$PCI_NVME2" "$PCI_EDU64"
	[ "$device" = remove ] || disk_works "$PCI_NVME2" nvme2
}

# plug_round: against those that are plugged in, or unplugged, by the button now and then
plug_round() {
	spare=
	if plugged >/run/plugged; then
		case $turn in
		3 | 7) against button ;;
		*) against switch ;;
		esac
	else
		against plug
		spare=${SPARES%% *}
		SPARES=${SPARES#"$spare"}
		SPARES=${SPARES# }
	fi
	race "$module-$device" "$module" "$device"
	other_ran
	module_ran
	race_won "$FIRST"
	hot=
	if [ "$device" = plug ]; then
		hot=$(plugged)
		hot=${hot##*/}
		[ -z "$spare" ] || disk_up "$hot"
	fi
	# shellcheck disable=SC2086 # it may be none
	all_consistent "$PCI_EDU64" $hot
	[ -z "$spare" ] || disk_works "$hot" "$spare"
}

# type_round: of a group's type against binding or unbinding, of which each is such
# that it cannot be changed under a driver
type_round() {
	was=$(cat "$(type_of "$PCI_NVME")")
	case $was in
	DMA) TYPE=identity ;;
	identity) TYPE=DMA-FQ ;;
	*) TYPE=DMA ;;
	esac
	device=bind
	! bound "$PCI_NVME" || device=unbind
	race "retype-$device" retype "$device"
	other_ran
	is=$was
	if worked one; then
		is=$TYPE
		won=one
		[ "$device" = bind ] || won=other
	else
		grep -q 'not permitted' /run/one-said || die "type: $(cat /run/one-said)"
		won=other
		[ "$device" = bind ] || won=one
	fi
	race_won "$won"
	check "the type is $is" is "$(cat "$(type_of "$PCI_NVME")")" "$is"
	all_consistent "$PCI_NVME"
	! bound "$PCI_NVME" || disk_works "$PCI_NVME" nvme
}

# rounds LEAST MOST ROUND RACE...: until both have won in each race
rounds() {
	turn=0
	least=$1
	most=$2
	round=$3
	shift 3
	until [ $turn -ge "$least" ] && both_won "$@"; do
		[ $turn -lt "$most" ] || break
		$round
		turn=$((turn + 1))
	done
	tell "$turn rounds: $round"
	races_end "$@"
}

# binds PCI DRIVER: for ever, but for when the others want to look at the device
binds() {
	while [ ! -e /run/binds-end ]; do
		if [ -e /run/hold ] && bound "$1"; then
			echo >"/run/held-$2"
			usleep 100000
			continue
		fi
		bound "$1" && echo "$1" >"/sys/bus/pci/drivers/$2/unbind"
		# so that loading finds it without a driver now and then
		usleep 300000
		echo "$1" >"/sys/bus/pci/drivers/$2/bind" &&
			echo >>"/run/binds-$2"
	done
}

held() { [ -e /run/held-nvme ] && [ -e /run/held-e1000e ]; }

# hold: both are bound, and stay so
hold() {
	rm -f /run/held-*
	echo >/run/hold
	wait_for 30 held || die "drivers hang"
}

# storm: drivers bind and unbind all the time, whatever becomes of the driver
storm() {
	binds "$PCI_NVME" nvme 2>/run/binds-nvme-said &
	storm_nvme=$!
	binds "$PCI_E1000E" e1000e 2>/run/binds-e1000e-said &
	rm -f /run/busy
	turn=0
	while [ $turn -lt "$1" ]; do
		load || die "insmod: $(driver_says)"
		usleep 500000
		unload_soon
		turn=$((turn + 1))
		[ $((turn % 4)) = 0 ] || continue
		load || die "insmod: $(driver_says)"
		hold
		all_consistent "$PCI_NVME" "$PCI_E1000E" "$PCI_EDU64"
		disk_works "$PCI_NVME" nvme
		card_works
		rm /run/hold
		unload_soon
	done
	hold
	echo >/run/binds-end
	wait "$storm_nvme" $!
	all_consistent "$PCI_NVME" "$PCI_E1000E" "$PCI_EDU64"
	disk_works "$PCI_NVME" nvme
	card_works
	! grep -hv 'temporarily\|busy' /run/binds-*-said >/run/check ||
		die "a driver did not bind: $(head -n 1 /run/check)"
	check "loaded and unloaded $turn times, $(wc -l </run/busy) times it was in use" \
		[ -s /run/busy ]
	check "while the disk was bound $(wc -l </run/binds-nvme) times" \
		[ "$(wc -l </run/binds-nvme)" -ge "$1" ]
	check "and the card $(wc -l </run/binds-e1000e) times" \
		[ "$(wc -l </run/binds-e1000e)" -ge "$1" ]
}

hypercalls_up
driver_load
modprobe nvme
modprobe e1000e
for pci in $PCI_NVME $PCI_NVME2 $PCI_E1000E; do
	device_free "$pci"
done
driver_unload
had=$(contexts)
readers &
readers=$!

driver_insert
retype || die "the type does not change"
rounds 12 36 type_round retype-bind retype-unbind
! bound "$PCI_NVME" || unbind
unload_soon

rounds 24 60 bind_round unload-bind unload-unbind load-bind load-unbind
! bound "$PCI_NVME" || unbind

rounds 16 48 remove_round unload-remove unload-rescan load-remove load-rescan
! there "$PCI_NVME2" || remove

echo "-5000000 200000" >/run/delay-load-button
echo "-5000000 200000" >/run/delay-unload-button
rounds 12 36 plug_round unload-plug unload-switch load-plug load-switch
! plugged >/run/plugged || switch || die "it does not go"

! driver_is_loaded || unload_soon
storm 12
device_free "$PCI_NVME"
device_free "$PCI_E1000E"
! driver_is_loaded || unload_soon

echo >/run/readers-end
wait $readers
check "debugfs was read $(wc -l </run/reads) times meanwhile" [ -s /run/reads ]
check "there are as many contexts as before" is "$(contexts)" "$had"
echo 1 >/sys/bus/pci/rescan
all_consistent "$PCI_NVME" "$PCI_NVME2" "$PCI_E1000E" "$PCI_EDU64"
finish
