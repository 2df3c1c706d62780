# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For scenarios in which devices work on pages that a guest has granted.

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-state.sh
. /lab/lib-state.sh

# granted_mark; granted_more FRAMES; granted_mapped MiB: so much of guests' memory, at
# least, was mapped for devices since
granted_mark() {
	[ "$DRIVER" = none ] || GRANTED=$(driver_stat frames_granted)
}

granted_more() { [ $(($(driver_stat frames_granted) - GRANTED)) -ge "$1" ]; }

granted_mapped() {
	[ "$DRIVER" != none ] || return 0
	granted_frames=$(($(driver_stat frames_granted) - GRANTED))
	check "$((granted_frames / 256)) MiB of guests' memory were mapped for devices" \
		granted_more $(($1 << 8))
}

# nothing_granted: no such mapping failed, and none is left
nothing_granted() {
	[ "$DRIVER" != none ] || return 0
	check "the driver refused nothing" is "$(driver_stat map_refused)" 0
	check "nor did the hypervisor" is "$(driver_stat map_failed)" 0
	# QEMU's serial port says a character twice, now and then
	granted_turn=3
	until [ $granted_turn = 0 ]; do
		granted_turn=$((granted_turn - 1))
		request xenlog mark
		request xenkey U || die "xenkey: $REPLY_TEXT"
		! request xenlog wait 1 10 'reclaims, \d+ granted' || break
	done
	granted_line=$(ask xenlog last 'reclaims, \d+ granted') ||
		die "Xen does not say how many pages are granted"
	check "the hypervisor holds no page of a guest for a device" \
		[ "${granted_line##*, }" = "0 granted" ]
}

# --- dom0 with xl, from the disk of the device "toolstack"

ROOT=/run/lab/root
ROOT_PATH=/usr/lib/xen-4.17/bin:/usr/sbin:/usr/bin:/sbin:/bin

in_root() { PATH=$ROOT_PATH chroot $ROOT "$@"; }

# toolstack_up: xenstore, consoles and xl work, from here on to the machine's end:
# there is no second xenstored in the life of a dom0.  $DISK is as it was
toolstack_up() {
	if [ -e $ROOT ]; then
		read -r ROOT_DISK </run/lab/root-node
		return
	fi
	toolstack_disk=$DISK
	stays_mark modules mounts processes
	device_is toolstack
	# where it is built in, init keeps it from its devices
	if [ -e /sys/bus/pci/drivers/virtio-pci ] &&
		[ ! -e "/sys/bus/pci/devices/$PCI/driver" ]; then
		echo "$PCI" >/sys/bus/pci/drivers/virtio-pci/bind ||
			die "$PCI cannot be bound to virtio-pci"
	fi
	MODULES="$MODULES overlay xenfs xen_evtchn xen_gntdev xen_gntalloc"
	MODULES="$MODULES xen_privcmd xen_blkback xen_netback bridge loop"
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	# and these, whoever had them before
	echo "/sys/bus/pci/drivers/virtio-pci/$PCI" >>/run/lab/bindings
	# shellcheck disable=SC2086 # words
	printf '%s\n' virtio_blk $MODULES >>/run/lab/modules
	mkdir -p $ROOT $ROOT-disk $ROOT-new
	echo "$DISK" >/run/lab/root-node
	mount -t ext4 -o ro "$DISK" $ROOT-disk || die "no root for the toolstack"
	mount -t tmpfs tmpfs $ROOT-new
	mkdir $ROOT-new/upper $ROOT-new/work
	mount -t overlay -o \
		lowerdir=$ROOT-disk,upperdir=$ROOT-new/upper,workdir=$ROOT-new/work \
		overlay $ROOT || die "no root for the toolstack that can be written"
	ROOT_DISK=$DISK
	DISK=$toolstack_disk
	root_mounts
	in_root xenstored || die "xenstored does not start"
	wait_for 20 in_root xenstore-read / || die "xenstored does not answer"
	in_root xen-init-dom0 >/run/xen-init 2>&1 ||
		die "xen-init-dom0: $(tail -n 1 /run/xen-init)"
	in_root xenconsoled --log=all --log-dir=/run/consoles ||
		die "xenconsoled does not start"
	wait_for 10 in_root xl info || die "xl info fails"
	stays modules mounts processes
	state "xl is up: $(in_root xl info | grep xen_version)"
}

# root_mounts: what programs of the toolstack look for
root_mounts() {
	for root_mount in dev sys lab; do
		mkdir -p $ROOT/$root_mount
		mount --bind /$root_mount $ROOT/$root_mount
	done
	mount -t proc proc $ROOT/proc
	mount -t xenfs xenfs $ROOT/proc/xen
	mkdir -p /dev/pts
	mount -t devpts devpts $ROOT/dev/pts
	mount -t tmpfs tmpfs $ROOT/run
	mount -t tmpfs tmpfs $ROOT/tmp
	mkdir -p $ROOT/run/xen $ROOT/run/lock $ROOT/run/xenstored \
		$ROOT/run/consoles $ROOT/run/guest $ROOT/var/log/xen
	# without them the scripts of block devices wait for ever
	for root_link in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do
		[ -e "/dev/${root_link%:*}" ] ||
			ln -s "/proc/self/${root_link#*:}" "/dev/${root_link%:*}"
	done
}

# guest_up NAME DISK... -- [LINE [WORDS]]: a PV guest with these disks, each as in
# xl-disk-configuration(5), another line in its configuration, and words for its kernel
guest_up() {
	guest_name=$1
	shift
	# the toolstack's own, to read
	guest_disks="\"phy:$ROOT_DISK,xvdz,r\""
	while [ "$1" != -- ]; do
		guest_disks="$guest_disks, \"$1\""
		shift
	done
	guest_dir=$ROOT/run/guest/$guest_name
	mkdir -p "$guest_dir/bin"
	cp /lab/bin/pattern "$guest_dir/bin/"
	(
		cd "$guest_dir" || exit 1
		cat /lab/guest/base.cpio
		echo bin/pattern | cpio -o -H newc 2>/dev/null
	) >"$guest_dir/initrd"
	cat >"$guest_dir/config" <<-END
		name = "$guest_name"
		type = "pv"
		kernel = "/lab/guest/vmlinuz"
		ramdisk = "/run/guest/$guest_name/initrd"
		extra = "console=hvc0 panic=1 loglevel=4 $3"
		memory = 256
		vcpus = 1
		on_poweroff = "destroy"
		on_reboot = "destroy"
		on_crash = "destroy"
		disk = [ $guest_disks ]
		$2
	END
	rm -f "$ROOT/run/consoles/guest-$guest_name.log"
	xl create "/run/guest/$guest_name/config"
	rm "$guest_dir/initrd"
	guest_answers "$guest_name" 60 '^guest: up'
}

# bridge_with NET: guests' cards are on one bridge with this card, and no other of dom0's
bridge_with() {
	if [ ! -e /sys/class/net/xenbr0 ]; then
		ip link add xenbr0 type bridge || die "no bridge"
		ip link set xenbr0 up
	fi
	for bridged in /sys/class/net/xenbr0/brif/*; do
		case ${bridged##*/} in
		vif* | '*') ;;
		*) ip link set "${bridged##*/}" nomaster ;;
		esac
	done
	ip addr flush dev "$1"
	ip link set "$1" master xenbr0 || die "$1 is no port of the bridge"
}

# xl COMMAND...: within two minutes
xl() {
	PATH=$ROOT_PATH timeout 120 chroot $ROOT xl "$@" >/run/xl 2>&1 && return
	{
		grep -v '^Parsing' /run/xl
		# where it got stuck, if it did
		ps -o pid,stat,args | awk '/\/scripts\/|xl / && !/awk/'
	} >/run/xl-says
	while read -r xl_line; do
		request show "$xl_line"
	done </run/xl-says
	die "xl $*: $(head -n 1 /run/xl-says)"
}

# guest_console NAME: the file with all that it printed
guest_console() { echo "$ROOT/run/consoles/guest-$1.log"; }
guest_said() { grep -qa "$2" "$(guest_console "$1")"; }
guest_gone() { in_root xl list >/run/xl-list && ! grep -q "^$1 " /run/xl-list; }

# guest_answers NAME SECONDS REGEX: wait until it prints such a line
guest_answers() {
	wait_for "$2" guest_said "$1" "$3\|Kernel panic\|BUG:\|Oops" ||
		die "guest $1 does not answer; the last that it said:" \
			"$(tail -n 1 "$(guest_console "$1")" | tr -d '\r')"
	! guest_said "$1" 'Kernel panic\|BUG:\|Oops' ||
		die "guest $1: $(grep -a 'Kernel panic\|BUG:\|Oops' \
			"$(guest_console "$1")" | head -n 1 | tr -d '\r')"
}

# guest_send NAME COMMAND: the guest begins with it; its number in $guest_number
guest_send() {
	read -r guest_number </run/seq
	guest_number=$((guest_number + 1))
	echo $guest_number >/run/seq
	guest_tty=$(in_root xenstore-read \
		"/local/domain/$(in_root xl domid "$1")/console/tty")
	echo "$guest_number $2" >"$ROOT$guest_tty"
}

# guest_result NAME SECONDS TEXT: the command with $guest_number ends well
guest_result() {
	# a line may come in parts
	guest_answers "$1" "$2" "^guest: $guest_number [0-9]"
	if ! guest_said "$1" "^guest: $guest_number 0"; then
		tail -n 12 "$(guest_console "$1")" | tr -d '\r' >/run/guest-says
		while read -r guest_line; do
			request show "$guest_line"
		done </run/guest-says
		die "guest $1, $3: $(tail -n 2 /run/guest-says | head -n 1)"
	fi
	ok "guest $1: $3"
}

# guest_do NAME SECONDS TEXT COMMAND: what the text says, by a command of one line
guest_do() {
	guest_send "$1" "$4"
	guest_result "$1" "$2" "$3"
}

# guest_down NAME: it powers itself off
guest_down() {
	guest_id=$(in_root xl domid "$1")
	guest_send "$1" "poweroff -f"
	wait_for 60 guest_gone "$1" || die "guest $1 does not go"
	wait_for 20 no_backends "$guest_id" ||
		die "what served guest $1 is still there"
}

# busy NAME: it is in the middle of I/O without end, on xvda
busy() {
	granted_mark
	guest_do "$1" 20 "I/O begins" "fio --name=busy --filename=/dev/xvda \
--size=32m --rw=randrw --bsrange=4k-64k --direct=1 --ioengine=libaio \
--iodepth=32 --time_based --runtime=600 >/run/busy 2>&1 &"
	[ "$DRIVER" = none ] || wait_for 60 granted_more 512 ||
		die "guest $1 does no I/O"
}

# nothing_left: of the domains that are gone Xen has nothing any more
nothing_left() {
	wait_for 20 no_zombies ||
		die "Xen still has something of: $(in_root xl list | grep '(null)' | head -n 1)"
}

no_zombies() { in_root xl list >/run/xl-list && ! grep -q '(null)' /run/xl-list; }
no_backends() { [ "$(echo /sys/bus/xen-backend/devices/*-"$1"-*)" = \
	"/sys/bus/xen-backend/devices/*-$1-*" ]; }

# bounce_mark; nothing_bounced PCI...: no buffer of these devices was copied by swiotlb
# since.  The toolstack's own disk may have had some
TRACING=/sys/kernel/debug/tracing

bounce_mark() {
	echo >$TRACING/trace
	echo 1 >$TRACING/events/swiotlb/swiotlb_bounced/enable ||
		die "this kernel does not trace swiotlb"
}

nothing_bounced() {
	echo 0 >$TRACING/events/swiotlb/swiotlb_bounced/enable
	[ "$DRIVER" != none ] || return 0
	grep -q 'entries-in-buffer/entries-written: \([0-9]*\)/\1 ' $TRACING/trace ||
		die "so much was copied by swiotlb that some of it is not known"
	for bounced_pci in "$@"; do
		! grep -q "dev_name: $bounced_pci " $TRACING/trace ||
			die "copied: $(grep "dev_name: $bounced_pci " $TRACING/trace | head -n 1)"
	done
	ok "nothing was copied for $*"
}
