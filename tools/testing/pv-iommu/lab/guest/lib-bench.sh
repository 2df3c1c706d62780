# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For the benchmark: every result goes to the host as CASE.METRIC VALUE.

driver_counters() {
	[ ! -e "$STATS" ] || grep -E '^(hypercalls|submit_|ops_|frames_)' "$STATS"
}

counts_begin() {
	driver_counters >/run/before
	[ -n "$COUNTED" ] || return 0
	request trace mark
	instructions_mark
}

# instructions_mark; instructions_since: what all CPUs executed since the mark
# goes to $EXECUTED
instructions_mark() {
	request instructions || die "instructions: $REPLY_TEXT"
	instructions_before=$REPLY_TEXT
}

instructions_since() {
	request instructions || die "instructions: $REPLY_TEXT"
	EXECUTED=$((REPLY_TEXT - instructions_before))
}

# per_operation NAME NUMBER OPERATIONS
per_operation() {
	stat_is "$1" "$(awk -v n="$2" -v ops="$3" \
		'BEGIN { printf "%.5f", n / ops }')"
}

# counts_end NAME OPERATIONS: what was counted since, for each operation
counts_end() {
	driver_counters | awk -v ops="$2" '
		NR == FNR { before[$1] = $2; next }
		$2 != before[$1] { printf "%s %.5f\n", $1, ($2 - before[$1]) / ops }
		' /run/before - >/run/counted
	while read -r counts_key counts_value; do
		stat_is "$1.$counts_key" "$counts_value"
	done </run/counted
	[ -n "$COUNTED" ] || return 0
	counts_flushes=$(ask trace count 'vtd_inv_desc_iotlb')
	per_operation "$1.flushes" "$counts_flushes" "$2"
}

# measure_up PCI: our module has the device
measure_up() {
	insmod /lab/pviommu-bench.ko || die "the benchmark does not load"
	RUN=/sys/kernel/debug/pviommu-bench/$1/run
	wait_for 5 test -e "$RUN" || die "no $RUN"
}

# kernel_up PCI; kernel_down PCI: the kernel's own benchmark has the device
kernel_up() {
	echo dma_map_benchmark >"/sys/bus/pci/devices/$1/driver_override" ||
		die "$1 takes no driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	wait_for 5 test -e /sys/kernel/debug/dma_map_benchmark ||
		die "dma_map_benchmark does not take $1"
}

kernel_down() {
	echo "$1" >/sys/bus/pci/drivers/dma_map_benchmark/unbind ||
		die "dma_map_benchmark does not let go of $1"
	echo >"/sys/bus/pci/devices/$1/driver_override"
}

# kernel_says map|unmap: the average that the kernel's program found, in its unit
kernel_says() {
	sed -nE "s/^average $1 latency\(us\):([0-9]+\.[0-9]) .*/\1/p" /run/kernel
}

# kernel_run OPTIONS...: the kernel's program; averages in $MAP_US and $UNMAP_US
kernel_run() {
	dma_map_benchmark "$@" >/run/kernel 2>&1 ||
		die "dma_map_benchmark $*: $(tail -n 1 /run/kernel)"
	MAP_US=$(kernel_says map)
	UNMAP_US=$(kernel_says unmap)
	case $MAP_US/$UNMAP_US in
	/* | */) die "dma_map_benchmark $* says: $(tr '\n' ' ' </run/kernel)" ;;
	esac
}

# block_kib BLOCK: in KiB, as fio has what it moved
block_kib() {
	case $1 in
	*m) echo $((${1%m} * 1024)) ;;
	*) echo "${1%k}" ;;
	esac
}

# disk NAME RW BLOCK DEPTH: requests in a second, or what one takes.  To begin and
# to end takes fio as many instructions as thousands of requests do: those of a run
# with one request are not counted, but what it and the machine do meanwhile is.
disk() {
	case $2 in
	*read) disk_kib=6 disk_iops=8 ;;
	*) disk_kib=47 disk_iops=49 ;;
	esac
	if [ -z "$COUNTED" ]; then
		disk_fio "$@" --runtime=4 --time_based --ramp_time=1
		stat_is "$1.iops" "$(cut -d';' -f$disk_iops /run/fio)"
		return 0
	fi
	instructions_mark
	disk_fio "$@" --number_ios=1
	instructions_since
	disk_once=$EXECUTED
	counts_begin
	disk_fio "$@" --number_ios=6000
	instructions_since
	disk_kib=$(cut -d';' -f$disk_kib /run/fio)
	disk_requests=$((disk_kib / $(block_kib "$3")))
	counts_end "$1" $disk_requests
	per_operation "$1.instructions" $((EXECUTED - disk_once)) \
		$((disk_requests - 1))
}

# net_way NAME MiB COMMAND...: MiB in a second, or what one takes
net_way() {
	net_name=$1 net_mib=$2
	shift 2
	[ -z "$COUNTED" ] || counts_begin
	net_began=$(cut -d' ' -f1 /proc/uptime)
	"$@"
	if [ -n "$COUNTED" ]; then
		instructions_since
		counts_end "$net_name" "$net_mib"
		per_operation "$net_name.instructions" "$EXECUTED" "$net_mib"
	else
		stat_is "$net_name.mibs" "$(awk -v begin="$net_began" \
			-v mib="$net_mib" \
			'{ printf "%.1f", mib / ($1 - begin) }' /proc/uptime)"
	fi
}
