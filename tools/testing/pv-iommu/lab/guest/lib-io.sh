# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# More of what scenarios are made of: for the devices of the matrix, by the
# names that the lab's table has for them.

# pci_at PATH: the address of what is there; behind a bridge the lab knows a
# path with wildcards only, because buses are numbered here
pci_at() {
	# shellcheck disable=SC2231 # the path is a pattern
	for pci_path in /sys/devices/pci*/$1; do
		[ -e "$pci_path" ] || return 1
		basename "$pci_path"
		return
	done
}

# device_is NAME: its address in $PCI, what has to be loaded for it in $MODULES
device_is() {
	device_line=$(grep "^$1 " /lab/devices) || die "the lab gave no $1"
	# shellcheck disable=SC2086 # words
	set -- $device_line
	PCI=$(pci_at "$2") || die "no $1 at $2"
	shift 2
	MODULES=
	for device_module in "$@"; do
		[ -e "/sys/module/$device_module" ] ||
			MODULES="$MODULES $device_module"
	done
}

# modules_up: all of $MODULES
modules_up() {
	for module in $MODULES; do
		modprobe "$module" || die "modprobe $module failed"
	done
}

# others_free PCI DRIVER: the driver keeps this device only
others_free() {
	for others_path in "/sys/bus/pci/drivers/$2"/*:*:*; do
		[ "${others_path##*/}" = "$1" ] ||
			echo "${others_path##*/}" >"/sys/bus/pci/drivers/$2/unbind"
	done
}

# device_translated PCI: the core of Linux says that its DMA is the driver's
device_translated() {
	[ "$DRIVER" != none ] || return 0
	case $(cat "/sys/bus/pci/devices/$1/iommu_group/type") in
	DMA | DMA-FQ) ;;
	*) die "$1 has no translated DMA" ;;
	esac
}

# disk_check NAME MiB: data through the disk and its controller, compared on
# both ends; then many requests of all sizes, compared in dom0
disk_check() {
	device_is "$1"
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	device_translated "$PCI"
	disk_verify "$DISK" "$1" 8 "$2"
	fio_verify "$DISK" "${2}m"
}

# nvme_up NAME: one that is in a subsystem: without paths it is a plain disk
nvme_up() {
	device_is "$1"
	[ -e /sys/module/nvme_core ] || modprobe nvme_core multipath=N
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	device_translated "$PCI"
}

# vf_manage CONTROLLER RESOURCE ACTION NUMBER: of the NVMe at $PF
vf_manage() {
	nvme-vf "/dev/$(basename "$PF/nvme/nvme"*)" "$@" 2>/run/manage ||
		die "virtualization management $*: $(cat /run/manage)"
}

# vf_prepare PCI: an NVMe that is up has queues for virtual functions to give, from
# its next reset on; its directory in $PF
vf_prepare() {
	PF=/sys/bus/pci/devices/$1
	vf_manage 0 1 1 0
	vf_manage 0 0 1 0
	echo 1 >"$PF/reset" || die "the physical function cannot be reset"
	echo 0 >"$PF/sriov_drivers_autoprobe"
}

# vf_up NUMBER: one of those there are, from 1, gets queues, an interrupt and a
# driver; its address in $VF, its disk in $DISK
vf_up() {
	vf_manage "$1" 1 8 1
	vf_manage "$1" 0 8 2
	vf_manage "$1" 0 9 0
	VF=$(basename "$(readlink "$PF/virtfn$(($1 - 1))")")
	echo nvme >"/sys/bus/pci/devices/$VF/driver_override"
	echo "$VF" >/sys/bus/pci/drivers/nvme/bind || die "no driver for $VF"
	disk_up "$VF"
}

# usb_check NAME MiB: the same for a disk that is plugged into a USB controller
usb_check() {
	device_is "$1"
	modules_up
	request qmp device_add driver=usb-storage bus="$1.0" \
		drive="disk-$1" id="stick-$1" || die "device_add: $REPLY_TEXT"
	disk_check "$1" "$2"
	request qmp device_del id="stick-$1" || die "device_del: $REPLY_TEXT"
}

# card_check NAME MiB: data through the network card both ways, compared on
# both ends, and nothing was lost on the way; COMMAND prepares the interface
card_check() {
	card_name=$1
	card_size=$2
	device_is "$1"
	# shellcheck disable=SC2086 # words
	net_up "$PCI" $MODULES
	device_translated "$PCI"
	shift 2
	"$@"
	net_verify "$card_size"
	card_errors "$NET"
	ok "$card_name lost nothing: $(card_counts "$NET")"
	ip addr flush dev "$NET"
	ip link set "$NET" down
}

# card_errors INTERFACE: nothing was lost or broken, beside what $LOSES names
card_errors() {
	grep . "/sys/class/net/$1/statistics/"* >/run/card
	while read -r card_count; do
		card_count=${card_count##*/}
		case " $LOSES " in
		*" ${card_count%:*} "*) continue ;;
		esac
		case $card_count in
		*:0) ;;
		*error* | *dropped* | *missed* | *aborted*)
			die "$1 has counted $card_count" ;;
		esac
	done </run/card
}

card_counts() {
	echo "$(cat "/sys/class/net/$1/statistics/rx_packets") packets in," \
		"$(cat "/sys/class/net/$1/statistics/tx_packets") out"
}

# io_start NODE SIZE [FIO OPTIONS...]: fio_start, and wait until it writes
io_start() {
	io_began=$(($(io_writes "$1") + 10))
	fio_start "$@"
	wait_for 30 io_has_begun "$1" || die "fio does not begin on $1"
	io_is_under_way || die "fio ended before its time"
}

io_writes() { awk '{ print $5 }' "/sys/block/${1##*/}/stat"; }
io_has_begun() { [ "$(io_writes "$1")" -gt "$io_began" ]; }
io_has_verified() { [ "$(awk '{ print $1 }' "/sys/block/${1##*/}/stat")" -gt 100 ]; }
io_is_under_way() { kill -0 "$FIO_PID" 2>/dev/null; }

# io_stop: of one that would go on; it has met no error so far
io_stop() {
	kill -INT "$FIO_PID"
	wait "$FIO_PID"
	case $? in
	0 | 128) ;;
	*) die "fio: $(fio_fault)" ;;
	esac
}

# mapped_mark; mapped_back: as many frames are mapped as then; lazy unmapping
# takes a moment
mapped_now() { echo $(($(driver_stat frames_map) - $(driver_stat frames_unmap))); }
mapped_same() { is "$(mapped_now)" "$MAPPED"; }

mapped_mark() {
	[ "$DRIVER" = none ] || MAPPED=$(mapped_now)
}

mapped_back() {
	[ "$DRIVER" != none ] || return 0
	wait_for 5 mapped_same || die "frames mapped: $(mapped_now), not $MAPPED"
	ok "nothing stays mapped: $MAPPED frames, as before"
}
