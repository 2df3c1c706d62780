# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device with 28 bits uses its addresses up; mapping then fails cleanly, and after unmapping all are there again.
#: variants vtd vtd-strict amdvi
#: slow vtd-strict amdvi
#: device edu
#: guest pviommu-dmatest.ko
#: timeout 600

# mapped: frames that are mapped now
mapped() { echo $(($(driver_stat frames_map) - $(driver_stat frames_unmap))); }

driver_load
dmt_up 28
dmt_on "$PCI_EDU"
before=$(mapped)
dmt_must "addresses used up and got back, and none leads to the buffer" exhaust
stat_is mappings "$(dmt_get first)"
check "the limit was met" is "$(dmt_get exhausted)" 1
check "all of them were looked at" is "$(dmt_get left_pages)" 65536
check "the driver has as many frames mapped as before" is "$(mapped)" "$before"
dmt_must "" alloc buf=0 kind=sg size=65536
dmt_must "" map buf=0
dmt_must "the device still works" edu_check buf=0 seed=1 pages=4
dmt_must "" lookup buf=0
driver_carried
finish
