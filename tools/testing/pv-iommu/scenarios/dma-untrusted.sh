# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device that is not trusted reaches what it is to reach, and nothing else of the same page: such parts are bounced.
#: variants vtd amdvi
#: device edu64
#: guest pviommu-dmatest.ko pviommu-userdma.ko userdma
#: expect linux swiotlb buffer is full

U=/dev/pviommu-userdma
# the part of the page that is mapped
OFF=512
LEN=1024

# u_must COMMAND...: to the module
u_must() { echo "$*" >$U 2>/run/check || die "$*: $(cat /run/check)"; }
u_get() { sed -n "s/^$1 //p" $U; }

fill() { userdma fill $U 4096 "$1" || die "userdma fill failed"; }

# page_is TEXT SEED_AROUND SEED_OF_THE_PART
page_is() {
	for window in "$2 0 $OFF" "$3 $OFF $LEN" \
		      "$2 $((OFF + LEN)) $((4096 - OFF - LEN))"; do
		# shellcheck disable=SC2086
		userdma verify $U 4096 $window >/run/check 2>&1 ||
			die "$1: pattern $window: $(cat /run/check)"
	done
	ok "$1"
}

# part_map DIRECTION: its address is in $addr, that of its page in $base
part_map() {
	u_must map $OFF $LEN "$1"
	addr=$(u_get dma0)
	base=$((addr & ~4095))
}

# reads SEED: does the device read this in the part?
reads() {
	dmt_must "" edu_read addr="$addr" len=$LEN seed="$1" off=$OFF
	[ "$(dmt_get match)" = 1 ]
}

reads_not() { ! reads "$1"; }

# around SEED: how many bytes of the page around the part does the device read
# that are this pattern?
around() {
	before=$((addr - base))
	after=$((4096 - before - LEN))
	same=0
	if [ $before -gt 0 ]; then
		dmt_must "" edu_read addr=$base len=$before seed="$1"
		same=$(dmt_get same)
	fi
	dmt_must "" edu_read addr=$((addr + LEN)) seed="$1" \
		len=$((after > 2048 ? 2048 : after)) off=$((OFF + LEN))
	echo $((same + $(dmt_get same)))
}

insmod /lab/pviommu-userdma.ko || die "pviommu-userdma does not load"
wait_for 5 test -c $U || die "no $U"
u_must device "$PCI_EDU64"
u_must untrusted 1
driver_load
[ "$DRIVER" != module ] || check "lazy unmapping is not for its group" \
	is "$(cat "/sys/bus/pci/devices/$PCI_EDU64/iommu_group/type")" DMA
dmt_up 64
dmt_on "$PCI_EDU64"
u_must page 4096

# what this would look like
u_must untrusted 0
fill 31
part_map both
check "one that is trusted reads the part" reads 31
check "and what is around it" [ "$(around 31)" -gt 2000 ]
u_must unmap

u_must untrusted 1
part_map to
check "one that is not trusted reads the part" reads 31
check "and not what is around it" [ "$(around 31)" -lt 100 ]
u_must unmap

part_map both
dmt_must "" edu_write addr="$addr" len=$LEN seed=32 off=$OFF
dmt_must "" edu_write addr=$((addr + LEN)) len=$((4096 - addr + base - LEN > \
	2048 ? 2048 : 4096 - addr + base - LEN)) seed=33
page_is "what it writes is not in the page yet" 31 31
u_must sync cpu
page_is "after a sync the part is, and what it wrote around is not" 31 32
fill 34
check "what the CPU writes it does not read yet" reads_not 34
u_must sync device
check "after a sync it does" reads 34
dmt_must "" edu_write addr="$addr" len=$LEN seed=35 off=$OFF
u_must unmap
page_is "after unmapping the part is there, and nothing else" 34 35

fill 36
part_map from
dmt_must "" edu_write addr="$addr" len=64 seed=37 off=$OFF
u_must unmap
userdma verify $U 4096 37 $OFF 64 >/run/check || die "from: $(cat /run/check)"
LEN=64
page_is "where the device wrote little, the rest is as it was" 36 37
LEN=1024

fill 38
part_map both
u_must exhaust 130560
check "without bounce buffers mapping fails" [ "$(u_get exhausted)" -gt 0 ]
stat_is bounced "$(u_get exhausted)"
check "and what was mapped before is right" reads 38
u_must unmap
page_is "until it is unmapped" 38 38
u_must free
dmt_must "" alloc buf=0 kind=sg size=10000
dmt_must "" map buf=0
dmt_must "a scatterlist with an odd end is right" edu_check buf=0 seed=39
dmt_must "" unmap buf=0
dmt_must "" free buf=0

u_must untrusted 0
rmmod pviommu-userdma || die "pviommu-userdma stays"
driver_carried
finish
