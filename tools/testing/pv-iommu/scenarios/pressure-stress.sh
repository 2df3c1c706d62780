# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Two CPUs map and unmap at the same time, and each page of each buffer is checked with the hypervisor.
#: variants vtd vtd-strict amdvi
#: slow vtd-strict
#: device edu64
#: guest pviommu-dmatest.ko
#: timeout 700

case $VARIANT in
vtd-strict) seconds=120 ;;
*) seconds=45 ;;
esac

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"
dmt_must "$seconds s with every buffer right" stress seconds=$seconds threads=2
check "the hypervisor was asked" is "$(dmt_get lookup)" 1
check "for pages that are mapped" [ "$(dmt_get mapped_pages)" -gt 0 ]
check "no mapping failed" is "$(dmt_get map_failed)" 0
for name in maps unmaps frames; do
	stat_is $name "$(dmt_get $name)"
done
driver_carried
finish
