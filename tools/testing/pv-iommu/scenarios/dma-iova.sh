# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Addresses first, memory in parts later: what is linked is reached, what is unlinked or failed half-way is not.
#: variants vtd vtd-strict amdvi
#: slow vtd-strict amdvi
#: needs iova-api
#: device edu64
#: guest pviommu-dmatest.ko

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"
dmt_must "linked in parts, unlinked in parts, and half-way" iova
check "a link over one that is there fails" is "$(dmt_get link_half_way)" -17
check "the hypervisor was asked of pages that are linked" \
	[ "$(dmt_get mapped_pages)" -gt 0 ]
check "and of pages that are not" [ "$(dmt_get unmapped_pages)" -gt 0 ]
for name in map_failed unmap_failed unmap_absent flush_failed quarantined; do
	check "$name is 0" is "$(driver_stat $name)" 0
done
finish
