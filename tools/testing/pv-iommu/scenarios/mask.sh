# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Devices of 24 to 64 bits get addresses that they can reach, or none; a mask may change, and memory from dma_alloc have one of its own.
#: variants vtd vtd-strict amdvi vtd48 vtd-shared
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd vtd-strict amdvi vtd-shared
#: device edu
#: device edu32
#: device edu64
#: guest pviommu-dmatest.ko

grep -q iommu.forcedac=1 /proc/cmdline && HIGH=yes

# within ADDRESS BITS
within() { [ "$2" = 64 ] || [ $(($1 >> $2)) = 0 ]; }

# above_4g ADDRESS: where the kernel begins at the top of what a device can do
above_4g() { [ -z "$HIGH" ] || [ $(($1 >> 32)) != 0 ]; }

# mapped BUF KIND BITS [ALLOC OPTIONS...]: a buffer at an address of BITS bits, in
# $addr, that the device and the CPU see alike
mapped() {
	mapped_buf=$1
	mapped_kind=$2
	mapped_bits=$3
	shift 3
	dmt_must "" alloc buf="$mapped_buf" kind="$mapped_kind" "$@" size=65536
	[ "$mapped_kind" = coherent ] || dmt_must "" map buf="$mapped_buf"
	dmt_must "" show buf="$mapped_buf"
	addr=$(dmt_get addr)
	within "$addr" "$mapped_bits" || die "$addr is beyond $mapped_bits bits"
	dmt_must "" edu_check buf="$mapped_buf" seed="$mapped_bits" pages=2
	dmt_must "" lookup buf="$mapped_buf"
	ok "$mapped_bits bits: $mapped_kind buffer at $addr, checked by DMA"
}

# gone BUF
gone() {
	dmt unmap buf="$1"
	dmt_must "" free buf="$1"
}

# try_mask PCI BITS
try_mask() {
	dmt_on "$1"
	dmt_must "" mask bits="$2"
	for kind in coherent single sg; do
		mapped 0 $kind "$2"
		gone 0
	done
	mapped 0 single "$2" offset=$((2 * $2 + 1))
	gone 0
}

driver_load
dmt_up 28

# From the top down: what the larger ones leave cached is not for the smaller.
try_mask "$PCI_EDU64" 64
above_4g "$addr" || die "64 bits: $addr is not above 4 GiB"
[ -z "$HIGH" ] || ok "64 bits: $addr is above 4 GiB"
try_mask "$PCI_EDU64" 40
try_mask "$PCI_EDU32" 32
try_mask "$PCI_EDU32" 31
try_mask "$PCI_EDU" 28

# A mask that shrinks: what is mapped stays, what comes is lower.
dmt_on "$PCI_EDU64"
dmt_must "" mask bits=64
mapped 0 single 64
high=$addr
dmt_must "" mask bits=31
mapped 1 sg 31
dmt_must "the buffer at $high is still reached" edu_check buf=0 seed=9 pages=2
dmt_must "" lookup buf=0
gone 0
gone 1

# Two masks.  Of the size of the second the kernel's allocator caches no
# addresses: else it may give a low one that was used before.
dmt_must "" mask bits=64 coherent=32
mapped 0 coherent 32
mapped 1 single 64 size=262144
above_4g "$addr" || die "$addr is not above 4 GiB"
gone 0
gone 1
dmt_must "" mask bits=32 coherent=64
mapped 0 single 32
mapped 1 coherent 64
gone 0
gone 1

# Where devices share an address space with an ISA bridge nothing is mapped below
# 16 MiB: no DMA, for this reason.
# This is the last, as the kernel's allocator takes what is below 4 GiB for full
# after it, for all devices, until addresses from there are free again that it has
# not kept in its caches.
no_24_bits() {
	grep -qi '^0x0*0 0x0*ffffff ' /sys/kernel/iommu_groups/*/reserved_regions ||
		die "the first 16 MiB are not reserved"
	dmt_on "$PCI_EDU"
	dmt_must "" mask bits=24
	dmt alloc buf=0 kind=coherent size=4096 && die "24 bits: got coherent memory"
	dmt_must "" alloc buf=0 kind=single size=4096
	dmt map buf=0 && die "24 bits: mapped at $(dmt_get addr)"
	check "24 bits: refused" is "$(dmt_get ret)" -12
	dmt_must "" free buf=0
}

case $VARIANT in
*-shared) no_24_bits ;;
*) try_mask "$PCI_EDU" 24 ;;
esac
driver_carried
finish
