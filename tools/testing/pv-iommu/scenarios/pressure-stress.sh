# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about All CPUs map and unmap while the device does DMA, and each page of each buffer is checked with the hypervisor, after unmapping, too.
#: variants vtd vtd-strict vtd48 amdvi vtd-shared
#: variant vtd-long like=vtd
#: slow vtd vtd-strict amdvi vtd-shared vtd-long
#: device edu64
#: guest pviommu-dmatest.ko
#: timeout 700

case $VARIANT in
vtd-long) seconds=120 ;;
*) seconds=15 ;;
esac

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"
dmt_must "$seconds s with every buffer right" stress seconds=$seconds \
	threads="$(nproc)"
check "the hypervisor was asked" is "$(dmt_get lookup)" 1
check "for pages that are mapped" [ "$(dmt_get mapped_pages)" -gt 0 ]
check "and for pages that were" [ "$(dmt_get unmapped_pages)" -gt 0 ]
check "the device did DMA" [ "$(dmt_get rounds)" -gt $seconds ]
check "no mapping failed" is "$(dmt_get map_failed)" 0
for name in strict maps unmaps frames unmapped_pages rounds reused; do
	stat_is $name "$(dmt_get $name)"
done
driver_carried
finish
