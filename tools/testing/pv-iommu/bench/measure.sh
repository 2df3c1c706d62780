# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about What DMA costs: the DMA API by itself, an NVMe disk, a network card.
#: variant xen-swiotlb
#: variant pv-strict   linux=iommu.strict=1
#: variant pv-lazy     linux=iommu.strict=0
#: variant bare-strict xen=none "linux=intel_iommu=on iommu.strict=1"
#: variant bare-lazy   xen=none "linux=intel_iommu=on iommu.strict=0"
#: variant bare-pt     xen=none "linux=intel_iommu=on iommu=pt"
#: variant bare-off    xen=none linux=intel_iommu=off
#: xen ref
#: linux tsc=reliable
#: expect linux swiotlb buffer is full
#: device edu64
#: device nvme null=1
#: device virtio-net
#: guest fio pviommu-bench.ko
#: timeout 1200

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-bench.sh
. /lab/lib-bench.sh

# On a busy host Linux may take the TSC for unstable; fio, which asks for the time
# again and again, is a third slower with another clock.

# uptime_ns: with the resolution of the kernel's log
uptime_ns() {
	echo "bench-mark" >/dev/kmsg
	log_ns bench-mark
}

# log_ns WORDS: when the last line with these words was logged
log_ns() {
	dmesg | grep -F "$1" | tail -n 1 |
		sed -n 's/^\[ *\([0-9]*\)\.\([0-9]*\)\].*/\1\2000/p'
}

# measure NAME CASE OPTIONS...: one case of the module, and what was counted
measure() {
	measure_name=$1
	shift
	counts_begin
	if ! echo "$*" >"$RUN" 2>/run/error; then
		stat_is "$measure_name.error" "$(sed 's/.*: //' /run/error)"
		return 0
	fi
	while read -r measure_key measure_value; do
		case $measure_key in
		ns | p10 | p90 | min | map_ns | unmap_ns)
			stat_is "$measure_name.$measure_key" "$measure_value" ;;
		ops) measure_ops=$measure_value ;;
		esac
	done <"$RUN"
	counts_end "$measure_name" "$measure_ops"
}

# disk_fio NAME RW BLOCK DEPTH OPTION...: one run of fio; its numbers in /run/fio
disk_fio() {
	disk_name=$1 disk_rw=$2 disk_block=$3 disk_depth=$4
	shift 4
	fio --name=x --filename="$DISK" --rw="$disk_rw" --bs="$disk_block" \
		--iodepth="$disk_depth" --ioengine=libaio --direct=1 "$@" \
		--size=512m --norandommap --minimal >/run/fio 2>/run/error ||
		die "fio $disk_name: $(tail -n 1 /run/error)"
}

net_receive() {
	is "$(nc -w 60 10.0.2.2 "$net_port" </dev/null | wc -c)" \
		$((net_mib << 20)) || die "the network lost something"
}

net_send() {
	head -c $((net_mib << 20)) /dev/zero | nc -w 60 10.0.2.2 "$net_port" \
		>/dev/null || die "nc failed"
}

net_both() {
	net_size=$([ -z "$COUNTED" ] && echo 96 || echo 16)
	net_up "$PCI_VIRTIO_NET" virtio_net
	wait_for 10 arp_ready
	request net-source $((net_size << 20)) 1 ||
		die "net-source: $REPLY_TEXT"
	net_port=$REPLY_TEXT
	net_way net-receive "$net_size" net_receive
	request net-sink || die "net-sink: $REPLY_TEXT"
	net_port=$REPLY_TEXT
	net_way net-send "$net_size" net_send
}

# the variants without a driver have nothing to hold the network card back
if [ "$DRIVER" != none ]; then
	began_ns=$(uptime_ns)
	driver_load
	stat_is load.ns $(($(log_ns 'took over') - began_ns))
	stat_is load.hypercalls "$(driver_stat hypercalls)"
fi

measure_up "$PCI_EDU64"
measure idle idle
[ "$XEN" = none ] || measure null-hypercall hypercall
# there is nothing that could bring memory into the reach of 28 bits there, and
# Linux warns about it
case $VARIANT in
bare-pt | bare-off) all_bits='64 32' ;;
*) all_bits='64 32 28' ;;
esac
for bits in $all_bits; do
	of=$([ "$bits" = 64 ] || echo "-$bits")
	measure "single-4k$of" single size=4096 mask="$bits"
	measure "single-64k$of" single size=65536 mask="$bits"
	measure "single-1m$of" single size=1048576 mask="$bits" batch=4
	measure "sg-256$of" sg pages=256 mask="$bits" batch=4
done
measure coherent-4k coherent size=4096 mask=64
measure coherent-64k coherent size=65536 mask=64
measure coherent-2m coherent size=2097152 mask=64 iters=40
measure threads-2 threads n=2 size=4096 mask=64
# the driver's tables stay, so runs, which need none, come first; what tables
# the largest ones take is what they have grown by
for run in 4m 4k; do
	[ ! -e "$STATS" ] || tables=$(driver_stat shadow_tables)
	for size in 64m 256m 1g; do
		measure "big-$size-$run" big size=$size run=$run iters=3
	done
	[ ! -e "$STATS" ] || stat_is "memory-1g-$run.kib" \
		$((($(driver_stat shadow_tables) - tables) * 4))
done
ok "the DMA API was measured"

disk_up "$PCI_NVME" nvme
disk nvme-randread-4k-qd1 randread 4k 1
disk nvme-randread-4k-qd32 randread 4k 32
disk nvme-randwrite-4k-qd1 randwrite 4k 1
disk nvme-randwrite-4k-qd32 randwrite 4k 32
for depth in 1 8 32; do
	disk nvme-read-128k-qd$depth read 128k $depth
done
for depth in 1 4 32; do
	disk nvme-read-1m-qd$depth read 1m $depth
done
ok "the disk was measured"
virtio_give
net_both
ok "the network was measured"
finish
