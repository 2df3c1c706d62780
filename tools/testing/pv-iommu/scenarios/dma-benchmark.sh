# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The kernel's own benchmark of the DMA API runs on the driver, lazy and strict, with buffers and with lists.
#: only 7.2-debug
#: device edu
#: guest dma_map_benchmark

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-bench.sh
. /lab/lib-bench.sh

# benchmark TEXT COUNTER PAGES OPTIONS...: one run of it, all of whose mappings, and
# as many unmappings, by this counter, are the driver's
benchmark() {
	benchmark_text=$1 benchmark_unmaps=$2 benchmark_pages=$3
	shift 3
	frames=$(driver_stat frames_map)
	unmaps=$(driver_stat "$benchmark_unmaps")
	kernel_run -s 1 -b 64 -g "$benchmark_pages" "$@"
	frames=$(($(driver_stat frames_map) - frames))
	unmaps=$(($(driver_stat "$benchmark_unmaps") - unmaps))
	ok "$benchmark_text: map $MAP_US us, unmap $UNMAP_US us"
	check "$benchmark_text: $frames frames, mapped by the driver" [ "$frames" -gt 0 ]
	check "$benchmark_text: all of them buffers" is $((frames % benchmark_pages)) 0
	check "$benchmark_text: unmapped $unmaps times" \
		is "$unmaps" $((frames / benchmark_pages))
}

driver_load
type=/sys/bus/pci/devices/$PCI_EDU/iommu_group/type
check "lazy is the default" is "$(cat "$type")" DMA-FQ
kernel_up "$PCI_EDU"
benchmark "lazy, a page" ops_unmap_lazy 1
benchmark "lazy, a list of 64 pages" ops_unmap_lazy 64 -m 1
benchmark "lazy, two threads" ops_unmap_lazy 16 -t 2
kernel_down "$PCI_EDU"

echo DMA >"$type" || die "the type does not change to DMA"
kernel_up "$PCI_EDU"
benchmark "strict, a page" ops_unmap 1
benchmark "strict, a list of 64 pages" ops_unmap 64 -m 1
kernel_down "$PCI_EDU"
echo DMA-FQ >"$type" || die "the type does not change back to DMA-FQ"
driver_carried
finish
