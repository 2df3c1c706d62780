# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Devices with DMA masks of 28, 32 and 64 bits get addresses that they can reach, and their DMA ends in the right memory.
#: variants vtd amdvi
#: variant vtd-high iommu=vtd linux=iommu.forcedac=1
#: variant vtd48-high iommu=vtd48 linux=iommu.forcedac=1
#: core vtd
#: slow vtd-high vtd48-high
#: device edu
#: device edu32
#: device edu64
#: guest pviommu-dmatest.ko

driver_load
dmt_up 28

# try_mask PCI BITS
try_mask() {
	dmt_on "$1"
	dmt_must "" mask bits="$2"
	for kind in coherent single sg; do
		dmt_must "" alloc buf=0 kind=$kind size=65536
		[ $kind = coherent ] || dmt_must "" map buf=0
		dmt_must "" show buf=0
		addr=$(dmt_get addr)
		[ "$2" = 64 ] || [ $((addr >> $2)) = 0 ] ||
			die "$addr is beyond $2 bits"
		dmt_must "$2 bits: $kind buffer at $addr, first pages checked by DMA" \
			edu_check buf=0 seed="$2" pages=4
		dmt_must "" lookup buf=0
		[ $kind = coherent ] || dmt_must "" unmap buf=0
		dmt_must "" free buf=0
	done
}

# From the top down: what the larger ones leave cached is not for the smaller.
try_mask "$PCI_EDU64" 64
case $VARIANT in
*-high)
	[ $((addr >> 32)) != 0 ] || die "$addr is not above 4 GiB"
	ok "64 bits: $addr is above 4 GiB" ;;
esac
try_mask "$PCI_EDU32" 32
try_mask "$PCI_EDU" 28
finish
