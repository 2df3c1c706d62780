# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# What scenarios are made of.  They end with "finish"; anything that goes wrong
# before goes through "die", which ends them without.

MODULE=/lab/xen-pv-iommu.ko
STATS=/sys/kernel/debug/xen-pv-iommu/stats

# --- the channel: one question, one answer

channel_open() {
	exec 3<>/dev/ttyS1
	stty -F /dev/ttyS1 raw -echo 115200
	: >/run/seq
}

# request VERB TEXT...: the answer is in $REPLY_TEXT; false when it was "no"
request() {
	echo >>/run/seq
	request_seq=$(wc -l </run/seq)
	printf 'PVL %d %s\n' "$request_seq" "$*" >&3
	# shellcheck disable=SC3045 # busybox has it
	while read -r -t 150 reply_tag reply_seq reply_word REPLY_TEXT <&3; do
		[ "$reply_tag" = PVL ] || continue
		[ "$reply_seq" = "$request_seq" ] || continue
		[ "$reply_word" = ok ]
		return
	done
	echo "lab: no answer to: $*" >/dev/console
	exit 1
}

# ask VERB TEXT...: like request, but prints the answer
ask() {
	request "$@" || return
	echo "$REPLY_TEXT"
}

step() { request step "$*"; }
ok() { request ok "$*"; }
stat_is() { request stat "$1" "$2"; }
tell() { request tell "$*"; }

die() {
	request fail "$*"
	exit 1
}

skip() {
	request skip "$*"
	exit 0
}

finish() {
	leaks_scan
	dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace' >/run/bad
	[ ! -s /run/bad ] || die "dmesg: $(head -n 1 /run/bad)"
	counters_send
	request finish
}

# leaks_scan: where the kernel has kmemleak it says in its log what it finds; it
# wants to find an object unchanged twice before it calls it lost, and says
# nothing of one that is younger than five seconds
leaks_scan() {
	leaks=/sys/kernel/debug/kmemleak
	[ -e $leaks ] || return 0
	sleep 6
	for leaks_time in 1 2; do
		echo scan >$leaks || die "kmemleak does not scan ($leaks_time)"
	done
	[ -z "$(cat $leaks)" ] ||
		die "kmemleak: $(tr '\n' ' ' <$leaks | head -c 600)"
}

# counters_send: what gcov counted, if this kernel has it
counters_send() {
	find /sys/kernel/debug/gcov -name '*.gcda' 2>/dev/null |
		grep '/xen/pv-iommu/[^/]*$' >/run/counters
	while read -r counters_file; do
		request gcov "$(basename "$counters_file")" \
			"$(gzip -c <"$counters_file" | base64 | tr -d '\n')" ||
			die "the host takes no counters: $REPLY_TEXT"
	done </run/counters
}

# check TEXT COMMAND...: an ok when the command succeeds, the end when not
check() {
	check_text=$1
	shift
	"$@" >/run/check 2>&1 ||
		die "$check_text: $* failed: $(tail -n 1 /run/check)"
	ok "$check_text"
}

is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; false; }; }

# --- devices

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	wait_left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		wait_left=$((wait_left - 1))
		[ "$wait_left" -gt 0 ] || return 1
		usleep 100000
	done
}

# block_of PCI: the name of the disk behind a PCI device
block_of() {
	for block_path in /sys/block/*; do
		case $(readlink -f "$block_path/device") in
		*/"$1"/*) basename "$block_path"; return ;;
		esac
	done
	return 1
}

# net_of PCI: the name of its network interface
net_of() {
	find "/sys/bus/pci/devices/$1/" -path '*/net/*' -prune \
		-exec basename {} \; | grep .
}

# disk_up PCI MODULE...: load drivers until a disk is there; its node in $DISK
disk_up() {
	disk_pci=$1
	shift
	for disk_module in "$@"; do
		modprobe "$disk_module" || die "modprobe $disk_module failed"
	done
	wait_for 20 block_of "$disk_pci" || die "no disk at $disk_pci"
	DISK=/dev/$(block_of "$disk_pci")
	wait_for 5 test -b "$DISK" || die "no node $DISK"
}

# ahci_up: the same for the AHCI disk.  QEMU's model of the controller wants the
# list of a command's pieces in one run of machine memory, and never completes
# the command if it is not.  What has no more than 512 KiB has 8 pieces, which
# never reach into another page.
ahci_up() {
	disk_up "$PCI_AHCI" ahci sd_mod
	# the most that 6.1 takes here
	echo 128 >"/sys/block/${DISK#/dev/}/queue/max_sectors_kb" ||
		die "$DISK: max_sectors_kb cannot be set"
}

# device_free PCI: take it from its driver; where virtio-pci is built in it has
# its devices before any module can be loaded, and else it waits for device_give
device_free() {
	: >/run/driver-of
	[ -e "/sys/bus/pci/devices/$1/driver" ] || return 0
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")" >/run/driver-of
	echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind" ||
		die "$1 cannot be unbound"
}

# device_give PCI: back to the driver that device_free took it from
device_give() {
	if [ ! -s /run/driver-of ]; then
		modprobe virtio_pci || die "modprobe virtio_pci failed"
		return
	fi
	echo "$1" >"/sys/bus/pci/drivers/$(cat /run/driver-of)/bind" ||
		die "$1 cannot be bound to $(cat /run/driver-of)"
}

# --- data

# random_file FILE BYTES: new content each time; its hash in $SHA
random_file() {
	head -c "$2" /dev/urandom >"$1"
	is "$(stat -c %s "$1")" "$2" || die "no room for $1"
	SHA=$(sha256sum "$1" | cut -d' ' -f1)
}

# disk_verify NODE IMAGE OFFSET_MiB LENGTH_MiB: random data through the device;
# read back by the device, and by the host from the image
disk_verify() {
	random_file /tmp/data $(($4 << 20))
	dd if=/tmp/data of="$1" bs=1M seek="$3" oflag=direct conv=fsync \
		2>/run/dd || die "writing $1: $(tail -n 1 /run/dd)"
	back_sha=$(dd if="$1" bs=1M skip="$3" count="$4" iflag=direct \
		2>/run/dd | sha256sum | cut -d' ' -f1)
	[ "$back_sha" = "$SHA" ] || die "$1 reads back other data: $(tail -n 1 /run/dd)"
	ok "$4 MiB written to $1 and read back the same"
	request disk "$2" $(($3 << 20)) $(($4 << 20)) "$SHA" ||
		die "the host finds other data in the image: $REPLY_TEXT"
	rm /tmp/data
}

# fio_verify NODE SIZE [FIO OPTIONS...]: random writes, then verified reads
fio_verify() {
	fio_node=$1
	fio_size=$2
	shift 2
	fio --name=verify --filename="$fio_node" --size="$fio_size" \
		--allow_file_create=0 \
		--rw=randwrite --bsrange=4k-128k --direct=1 --ioengine=libaio \
		--iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--randrepeat=1 --output=/run/fio "$@" >/run/fio-err 2>&1 ||
		die "fio on $fio_node: $(cat /run/fio-err /run/fio | grep -E \
			'verify|error|failed' | head -n 1)"
	ok "fio wrote and verified $fio_size on $fio_node"
}

# net_up PCI MODULE...: the interface gets QEMU's usual address; name in $NET
net_up() {
	net_pci=$1
	shift
	for net_module in "$@"; do
		modprobe "$net_module" || die "modprobe $net_module failed"
	done
	wait_for 10 net_of "$net_pci" || die "no network interface at $net_pci"
	NET=$(net_of "$net_pci")
	ip addr flush dev "$NET"
	ip addr add 10.0.2.15/24 dev "$NET"
	ip link set "$NET" up
	wait_for 15 grep -q 1 "/sys/class/net/$NET/carrier" ||
		die "$NET has no carrier"
}

# e1000e_up: the same for the e1000e card.  QEMU's model of it drops a packet
# that has a piece in two pages which are no neighbours in machine memory, and
# dom0's seldom are.  Without scatter-gather a packet is one piece in one page.
e1000e_up() {
	net_up "$PCI_E1000E" e1000e
	ethtool -K "$NET" sg off >/dev/null || die "ethtool -K $NET sg off failed"
}

# net_verify MiB: that much from the host, then as much to it; contents compared
net_verify() {
	net_bytes=$(($1 << 20))
	request net-source "$net_bytes" "$SCENARIO-$VARIANT" ||
		die "net-source: $REPLY_TEXT"
	set -- "$1" "${REPLY_TEXT% *}" "${REPLY_TEXT#* }"
	wait_for 10 arp_ready
	net_sha=$(nc -w 60 10.0.2.2 "$2" </dev/null | sha256sum | cut -d' ' -f1)
	is "$net_sha" "$3" >/dev/null || die "$NET received other data: $net_sha"
	ok "$NET received $1 MiB as sent"
	random_file /tmp/net "$net_bytes"
	request net-sink || die "net-sink: $REPLY_TEXT"
	set -- "$1" "$REPLY_TEXT"
	nc -w 60 10.0.2.2 "$2" </tmp/net >/dev/null || die "nc failed"
	request net-received "$2" "$net_bytes" "$SHA" ||
		die "the host received other data: $REPLY_TEXT"
	rm /tmp/net
}

arp_ready() { ping -c 1 -W 2 10.0.2.2; }

# fio_start NODE SIZE [FIO OPTIONS...], fio_end: the same in the background
fio_start() {
	fio_node=$1
	fio_size=$2
	shift 2
	fio --name=verify --filename="$fio_node" --size="$fio_size" \
		--allow_file_create=0 \
		--rw=randwrite --bsrange=4k-128k --direct=1 --ioengine=libaio \
		--iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--output="/run/fio-$(basename "$fio_node")" "$@" \
		>/dev/null 2>&1 &
	FIO_PID=$!
}

fio_end() {
	wait "$FIO_PID" || die "fio: $(cat /run/fio-* | grep -E \
		'verify|error|failed' | head -n 1)"
	ok "fio in the background verified its data"
}

# --- stray DMA, and a driver for the edu device

# hypercalls_up: programs can make hypercalls and know machine addresses
hypercalls_up() {
	modprobe xen_privcmd || die "xen_privcmd does not load"
	wait_for 5 test -c /dev/xen/privcmd || die "no /dev/xen/privcmd"
}

# stray_dma PCI BITS: the device is told to read and write memory that nobody
# gave it; $STRAY is went_through, blocked or partly
stray_dma() {
	hypercalls_up
	edu-stray -d "$1" -m "$2" demo >/run/stray 2>&1 ||
		die "edu-stray: $(tail -n 1 /run/stray)"
	# shellcheck disable=SC2034 # for scenarios
	STRAY=$(sed -n 's/^verdict=//p' /run/stray)
}

# dma_faults_mark; dma_faults PCI [SECONDS]: has the device's DMA faulted since?
# Xen says so on VT-d.  QEMU's AMD-Vi does not report entries that are zero: then
# its trace has to tell, where such an address is translated to nothing.
dma_faults_mark() {
	request xenlog mark
	request trace mark
}

dma_faults() {
	case $IOMMU in
	amdvi) request trace wait 1 "${2:-10}" \
		"translation_result.*${1#0000:} .* 0x0\$" ;;
	*) request xenlog wait 1 "${2:-10}" "DMAR:.*${1#0000:}" ;;
	esac
}

# dmt_up BITS: the test driver has all edu devices
dmt_up() {
	insmod /lab/pviommu-dmatest.ko dma_bits="$1" ||
		die "the test driver does not load"
}

# dmt_on PCI: the device that dmt is for
dmt_on() {
	DMT=/sys/kernel/debug/pviommu_dmatest/$1/ctl
	[ -e "$DMT" ] || DMT=/sys/kernel/debug/pviommu-dmatest/$1/ctl
	[ -e "$DMT" ] || die "the test driver does not drive $1"
}

# dmt COMMAND...: false when it failed; dmt_get KEY: from its answer
dmt() { echo "$*" >"$DMT" 2>/dev/null; }
dmt_get() { sed -n "s/^$1 //p" "$DMT"; }

# dmt_must TEXT COMMAND...: an ok, or the end
dmt_must() {
	dmt_text=$1
	shift
	dmt "$@" || die "$dmt_text: '$*': $(tr '\n' ' ' <"$DMT")"
	[ -z "$dmt_text" ] || ok "$dmt_text"
}

# --- memory

# xen_free: kB that Xen has free, told on its console
xen_free() {
	request xenlog mark
	request xenkey m || die "xenkey: $REPLY_TEXT"
	request xenlog wait 1 10 'Dom heap: .*free' || die "Xen does not say"
	request xenlog last 'Dom heap: .*free'
	echo "$REPLY_TEXT" | sed 's/.*Dom heap: *\([0-9]*\)kB.*/\1/'
}

# linux_free: kB that Linux could have free
linux_free() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemAvailable:/ { print $2 }' /proc/meminfo
}

# --- the driver

# driver_load: loads it, if it is a module, or ends the scenario
driver_load() {
	case $DRIVER in
	none)
		tell "no driver: on xen-swiotlb"
		return 0
		;;
	module)
		# shellcheck disable=SC2086
		insmod "$MODULE" $MODULE_OPTIONS 2>/run/insmod ||
			die "insmod: $(cat /run/insmod); $(driver_says)"
		driver_is_loaded || die "the driver is not loaded"
		;;
	esac
	# a second try of insmod does not count
	says=$(driver_says 'took over')
	[ -n "$says" ] || die "no takeover, but: $(driver_says)"
	refused=$(dmesg | grep -c 'xen-pv-iommu: not used')
	is "$refused" "${REFUSED:-0}" >/dev/null ||
		die "not at the first try: $(dmesg | grep 'not used' | tail -n 1)"
	ok "driver loaded: $says"
}

driver_is_loaded() { grep -q '^xen_pv_iommu ' /proc/modules; }

# driver_carried: the I/O until now really went through the driver
driver_carried() {
	[ "$DRIVER" != none ] || return 0
	carried=$(driver_stat frames_map) || die "no statistics in $STATS"
	[ "$carried" -gt 0 ] || die "the driver mapped nothing"
	for failed in map_failed unmap_failed flush_failed quarantined; do
		is "$(driver_stat $failed)" 0 >/run/check ||
			die "$failed is $(cat /run/check)"
	done
	ok "$carried frames mapped by $(driver_stat hypercalls) hypercalls"
}

# driver_says [WORDS]: its last line in the log, with these words in it
driver_says() { dmesg | grep -o "xen-pv-iommu: .*${1:-}.*" | tail -n 1; }

# driver_refused REGEX: loading must fail, with a reason that matches
driver_refused() {
	case $DRIVER in
	none)
		tell "no driver to refuse"
		return 0
		;;
	module)
		insmod "$MODULE" 2>/run/insmod &&
			die "the driver loaded where it must not: $(driver_says)"
		driver_is_loaded && die "the driver stayed loaded"
		;;
	esac
	# busybox's insmod tries twice, in two ways
	dmesg | grep -o 'xen-pv-iommu: .*' | sort -u >/run/reasons
	is "$(wc -l </run/reasons)" 1 >/dev/null ||
		die "not one line of reason but: $(tr '\n' ' ' </run/reasons)"
	REFUSED=$(dmesg | grep -c 'xen-pv-iommu: not used')
	driver_says | grep -qE "$1" ||
		die "the reason does not match '$1': $(driver_says)"
	ok "refused: $(driver_says)"
}

# driver_unload: where it can be; false where not, which is no failure
driver_unload() {
	[ "$DRIVER" != none ] && [ -n "$UNLOADS" ] || return 1
	rmmod xen_pv_iommu 2>/run/rmmod || die "rmmod: $(cat /run/rmmod)"
	ok "driver unloaded: $(driver_says)"
}

# driver_stat NAME: a number from debugfs
driver_stat() {
	awk -v name="$1" '$1 == name { print $2; found = 1 }
		END { exit !found }' "$STATS"
}
