# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Scatterlists as drivers make them: long ones are one segment for the device, limits are kept, each page is where it should be.
#: variants vtd vtd-strict amdvi amdvi-strict
#: variant no-list like=vtd xenargs=iommu-op=no-list
# slow: more combinations of the same IOMMUs, hypervisors and modes
#: slow vtd-strict amdvi amdvi-strict
#: device edu32
#: device edu64
#: guest pviommu-dmatest.ko

# one_list TEXT SEGMENTS OPTIONS...: SEGMENTS may be empty where it depends
one_list() {
	list_text=$1
	list_segs=$2
	shift 2
	dmt_must "" list "$@"
	[ -z "$list_segs" ] ||
		is "$(dmt_get segs)" "$list_segs" >/run/check ||
		die "$list_text: segments: $(cat /run/check)"
	ok "$list_text: $(dmt_get segs) segments, $(dmt_get bytes) bytes," \
		"$(dmt_get runs) runs of frames"
}

driver_load
dmt_up 32
for device in "$PCI_EDU64 64" "$PCI_EDU32 32"; do
	dmt_on "${device% *}"
	dmt_must "" mask bits="${device#* }"
	one_list "4 MiB in single pages" 1 \
		shape=stream entries=1024 edu=3
	one_list "8 MiB in pieces of up to 64 KiB" 1 \
		shape=stream entries=256 pages=16 dir=from
done

# 16 entries fill a segment: the first one begins in its page
one_list "segments of up to 64 KiB" 16 \
	shape=stream entries=256 max_seg=65536 edu=1
one_list "none across 64 KiB" "" shape=stream entries=256 pages=4 \
	boundary=0xffff edu=1
check "these are more than one" [ "$(dmt_get segs)" -gt 1 ]
one_list "pieces of any offset and length" "" \
	shape=odd entries=300 pages=3 edu=3 seed=5
one_list "the same, for reading, none across 16 KiB" "" \
	shape=odd entries=300 pages=3 dir=to boundary=0x3fff edu=1 seed=6

# More runs than a hypercall has room for.
full=$(driver_stat submit_full)
ops=$(driver_stat ops_map)
one_list "20 MiB in single pages" 1 shape=stream entries=5000 edu=1
ops=$(($(driver_stat ops_map) - ops))
runs=$(dmt_get runs)
check "more than 4096 runs" [ "$runs" -gt 4096 ]
check "they took more than one hypercall" [ "$(driver_stat submit_full)" -gt "$full" ]
if [ "$VARIANT" = no-list ]; then
	check "and as many operations: $ops" [ $ops -ge "$runs" ]
else
	check "in lists, which are few operations: $ops" [ $ops -lt $((runs / 16)) ]
fi
driver_carried
finish
