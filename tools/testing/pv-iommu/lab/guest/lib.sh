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
	[ -e /run/seq ] || echo 0 >/run/seq
}

# request VERB TEXT...: the answer is in $REPLY_TEXT; false when it was "no"
request() {
	# in a file, as subshells ask, too; and nothing is forked for it
	read -r request_seq </run/seq
	request_seq=$((request_seq + 1))
	echo $request_seq >/run/seq
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

state() { request state "$*"; }
ok() { request ok "$*"; }
stat_is() { request stat "$1" "$2"; }
tell() { request tell "$*"; }

die() {
	request fail "$*"
	pause "$*"
	exit 1
}

# pause WORDS: a shell in dom0 on the user's terminal, with LABFLAGS=--shell
pause() {
	request shell "$*" || return 0
	stty -F /dev/ttyS1 sane
	setsid -c sh -i </dev/ttyS1 >/dev/ttyS1 2>&1
	# at its end the port was hung up
	channel_open
	echo "lab: the shell is over" >&3
}

skip() {
	request skip "$*"
	exit 0
}

finish() { request finish; }

# scenario_begin: what the machine's state is measured against from now on
scenario_begin() {
	rm -f /run/lab/stats
	[ ! -e "$STATS" ] || cp "$STATS" /run/lab/stats
}

# log_since: Linux' log since the scenario began; all that there is of it, where so
# much was said since then that the beginning is lost
log_since() {
	dmesg | awk -v begin="lab: begin $LAB_ID" '
		substr($0, length($0) - length(begin) + 1) == begin { n = 0 }
		{ line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }'
}

# leaks: where the kernel has kmemleak, what it finds; it wants to find an object
# unchanged twice before it calls it lost, and says nothing of one that is
# younger than five seconds
leaks() {
	leaks_file=/sys/kernel/debug/kmemleak
	[ -e $leaks_file ] || return 0
	sleep 6
	for leaks_time in 1 2; do
		echo scan >$leaks_file || echo "no scan ($leaks_time)"
	done
	tr '\n' ' ' <$leaks_file | head -c 600
}

# counters_send: what gcov counted, if this kernel has it
counters_send() {
	find /sys/kernel/debug/gcov -name '*.gcda' 2>/dev/null |
		grep '/xen/pv-iommu/[^/]*$' >/run/counters
	while read -r counters_file; do
		request gcov "$(basename "$counters_file")" \
			"$(gzip -c <"$counters_file" | base64 | tr -d '\n')" ||
			request fail "the host takes no counters: $REPLY_TEXT"
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

# device_free PCI: take it from its driver
device_free() {
	device_driver=/sys/bus/pci/devices/$1/driver
	basename "$(readlink "$device_driver")" >/run/driver-of
	echo "$1" >"$device_driver/unbind" || die "$1 cannot be unbound"
}

# device_give PCI: back to the driver that device_free took it from
device_give() {
	echo "$1" >"/sys/bus/pci/drivers/$(cat /run/driver-of)/bind" ||
		die "$1 cannot be bound to $(cat /run/driver-of)"
}

# virtio_give: virtio devices to their driver, which init keeps them from where it
# is built in
virtio_give() {
	[ -e /sys/bus/pci/drivers/virtio-pci ] || modprobe virtio_pci ||
		die "modprobe virtio_pci failed"
	while read -r virtio_pci; do
		[ -e "/sys/bus/pci/devices/$virtio_pci/driver" ] ||
			echo "$virtio_pci" >/sys/bus/pci/drivers/virtio-pci/bind ||
			die "$virtio_pci cannot be bound to virtio-pci"
	done </run/lab/virtio
}

# --- data

# new_seed: of data that nothing in this boot has had before, in $seed
new_seed() {
	read -r seed </run/seq
	# shellcheck disable=SC2153 # of the configuration
	seed=$((SEED * 100000 + seed))
}

# disk_verify NODE IMAGE OFFSET_MiB LENGTH_MiB: new data through the device; read
# back by the device, and by the host from the image
disk_verify() {
	new_seed
	set -- "$1" "$2" $(($3 << 20)) $(($4 << 20)) "$4"
	pattern write "$1" "$3" "$4" "$seed" 2>/run/pattern ||
		die "writing $1: $(tail -n 1 /run/pattern)"
	pattern verify "$1" "$3" "$4" "$seed" 2>/run/pattern ||
		die "$1 reads back other data: $(tail -n 1 /run/pattern)"
	ok "$5 MiB written to $1 and read back the same"
	request disk "$2" "$3" "$4" "$seed" ||
		die "the host finds other data in the image: $REPLY_TEXT"
	was_translated "/sys/block/${1##*/}"
}

# untranslated [PCI...]: these are to stay on xen-swiotlb, from here on
untranslated() { UNTRANSLATED=$*; }

# was_translated PATH: the device with this path in sysfs was used; while the driver
# is at work its DMA is the driver's, unless it is to be untranslated
was_translated() {
	[ -e /sys/class/iommu/xen-pv-iommu ] || return 0
	used=$(readlink -f "$1" | tr / '\n' | grep '^[0-9a-f]\{4\}:.*\.[0-7]$' | tail -n 1)
	case " $UNTRANSLATED " in *" $used "*) return ;; esac
	grep -qs ^DMA "/sys/bus/pci/devices/$used/iommu_group/type" ||
		die "$used was used, and its DMA is not the driver's"
}

# fio_start NODES SIZE [FIO OPTIONS...], fio_end [TEXT]: random writes in the
# background, to all nodes at once, then verified reads
fio_start() {
	fio_jobs=--size=$2
	for fio_node in $1; do
		fio_jobs="$fio_jobs --name=${fio_node##*/} --filename=$fio_node"
	done
	fio_out=/run/fio-${fio_node##*/}
	shift 2
	# shellcheck disable=SC2086 # words
	fio --name=global --allow_file_create=0 \
		--rw=randwrite --bsrange=4k-128k --direct=1 --ioengine=libaio \
		--iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--output="$fio_out" "$@" $fio_jobs >"$fio_out-err" 2>&1 &
	FIO_PID=$!
}

fio_end() {
	wait "$FIO_PID" || die "fio: $(fio_fault)"
	ok "${1:-fio in the background verified its data}"
}

# fio_fault: what fio has to say, beside how it began
fio_fault() {
	cat /run/fio-*-err /run/fio-* | grep -E 'verify|error|failed' |
		grep -v '(g=' | head -n 1
}

# fio_verify NODE SIZE [FIO OPTIONS...]: the same, and wait for it
fio_verify() {
	fio_start "$@"
	fio_end "fio wrote and verified $2 on $1"
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
	new_seed
	request net-source "$net_bytes" "$seed" ||
		die "net-source: $REPLY_TEXT"
	net_port=$REPLY_TEXT
	wait_for 10 arp_ready
	nc -w 60 10.0.2.2 "$net_port" </dev/null |
		pattern check "$net_bytes" "$seed" 2>/run/pattern ||
		die "$NET received other data: $(tail -n 1 /run/pattern)"
	ok "$NET received $1 MiB as sent"
	new_seed
	request net-sink || die "net-sink: $REPLY_TEXT"
	net_port=$REPLY_TEXT
	pattern make "$net_bytes" "$seed" |
		nc -w 60 10.0.2.2 "$net_port" >/dev/null || die "nc failed"
	request net-received "$net_port" "$net_bytes" "$seed" ||
		die "the host received other data: $REPLY_TEXT"
	was_translated "/sys/class/net/$NET"
}

arp_ready() { ping -c 1 -W 2 10.0.2.2; }

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
	DMT_PCI=$1
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

# must_fault TEXT Read|Write ADDRESS [OPTIONS...]: the device that dmt is for does
# so with 64 bytes there, and the IOMMU faults: at this page, in this direction.
# QEMU's AMD-Vi tells of the address only.
must_fault() {
	fault_text=$1
	case $IOMMU in
	amdvi) fault_how=$(printf 'translation_result.*%s .*gpa 0x%x .* 0x0$' \
		"${DMT_PCI#0000:}" "$3") ;;
	*) fault_how=$(printf 'DMA %s\\] .*%s.* fault addr %x$' \
		"$2" "$DMT_PCI" $(($3 & ~4095))) ;;
	esac
	fault_command="edu_$(echo "$2" | tr RW rw) addr=$3 len=64"
	shift 3
	dma_faults_mark
	dmt "$fault_command" "$@"
	dma_faults "$DMT_PCI" || die "$fault_text: no fault"
	case $IOMMU in
	amdvi) request trace wait 1 5 "$fault_how" ;;
	*) request xenlog wait 1 5 "$fault_how" ;;
	esac || die "$fault_text: another fault than $fault_how: $REPLY_TEXT"
}

# --- the driver

# driver_load: loads it, if it is a module, or ends the scenario; where it cannot
# be unloaded it may be there already
driver_load() {
	case $DRIVER in
	none)
		tell "no driver: on xen-swiotlb"
		return 0
		;;
	module) driver_is_loaded || driver_insert ;;
	esac
	# a second try of insmod does not count
	says=$(driver_says 'took over')
	[ -n "$says" ] || die "no takeover, but: $(driver_says)"
	refused=$(driver_log | grep -c 'not used')
	is "$refused" "${REFUSED:-0}" >/dev/null ||
		die "not at the first try: $(driver_log | grep 'not used' | tail -n 1)"
	state "driver loaded: $says"
}

driver_insert() {
	rm -f /run/lab/stats
	insmod "$MODULE" 2>/run/insmod ||
		die "insmod: $(cat /run/insmod); $(driver_says)"
	driver_is_loaded || die "the driver is not loaded"
	log_since | grep 'xen-pv-iommu: ' >/run/lab/driver-log
}

driver_is_loaded() { grep -q '^xen_pv_iommu ' /proc/modules; }

# driver_carried: the I/O until now really went through the driver, and nothing
# of it failed
driver_carried() {
	[ "$DRIVER" != none ] || return 0
	carried=$(driver_stat frames_map) || die "no statistics in $STATS"
	[ "$carried" -gt 0 ] || die "the driver mapped nothing"
	driver_none map_failed map_refused unmap_failed unmap_absent \
		flush_failed quarantined
	ok "$carried frames mapped by $(driver_stat hypercalls) hypercalls"
}

# driver_none NAME...: of these its counters none has counted
driver_none() {
	for failed in "$@"; do
		is "$(driver_stat "$failed")" 0 >/run/check ||
			die "$failed is $(cat /run/check)"
	done
}

# driver_log: the driver's lines since the scenario began, and before that those
# of its loading, where it was there already
driver_log() {
	{
		case $DRIVER in
		builtin) cat /run/lab/dmesg ;;
		*) [ ! -e /run/lab/stats ] || cat /run/lab/driver-log ;;
		esac
		log_since
	} | grep -o 'xen-pv-iommu: .*'
}

# driver_says [WORDS]: its last line in the log, with these words in it
driver_says() { driver_log | grep ".*${1:-}" | tail -n 1; }

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
	driver_log | sort -u >/run/reasons
	is "$(wc -l </run/reasons)" 1 >/dev/null ||
		die "not one line of reason but: $(tr '\n' ' ' </run/reasons)"
	REFUSED=$(driver_log | grep -c 'not used')
	driver_says | grep -qE "$1" ||
		die "the reason does not match '$1': $(driver_says)"
	ok "refused: $(driver_says)"
}

# driver_unload: where it can be; false where not, which is no failure
driver_unload() {
	[ "$DRIVER" != none ] && [ -n "$UNLOADS" ] || return 1
	rmmod xen_pv_iommu 2>/run/rmmod || die "rmmod: $(cat /run/rmmod)"
	state "driver unloaded: $(driver_says)"
}

# driver_stat NAME: a number from debugfs, since the scenario or the driver began
driver_stat() {
	{
		[ ! -e /run/lab/stats ] || sed 's/^/before /' /run/lab/stats
		cat "$STATS"
	} | awk -v name="$1" '$1 == "before" && $2 == name { before = $3 }
		$1 == name { print $2 - before; found = 1 }
		END { exit !found }'
}
