# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about What the kernel's own dma_map_benchmark says that DMA costs, on 7.2, and our module beside it.
#: variant xen-swiotlb
#: variant pv-strict   linux=iommu.strict=1
#: variant pv-lazy     linux=iommu.strict=0
#: variant bare-strict xen=none "linux=intel_iommu=on iommu.strict=1"
#: variant bare-lazy   xen=none "linux=intel_iommu=on iommu.strict=0"
#: only 7.2
#: xen ref
#: linux tsc=reliable
#: device edu
#: device edu64
#: guest dma_map_benchmark pviommu-bench.ko
#: timeout 1200

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-bench.sh
. /lab/lib-bench.sh

# kernel_case NAME OPTIONS...: one case of the kernel's, for a device that reaches all
# and reads only.  Of a counted second its tenths are a hundred instructions each.
kernel_case() {
	kernel_name=$1
	shift
	kernel_run -b 64 -d 1 -s "$SECONDS_EACH" "$@"
	for kernel_way in map unmap; do
		case $kernel_way in
		map) kernel_us=$MAP_US ;;
		unmap) kernel_us=$UNMAP_US ;;
		esac
		if [ -z "$COUNTED" ]; then
			stat_is "kernel-$kernel_name-$kernel_way.us" "$kernel_us"
		else
			per_operation "kernel-$kernel_name-$kernel_way.instructions" \
				"$kernel_us" 0.001
		fi
	done
}

# our_case NAME CASE OPTIONS...: the same by our module, its halves as cases
our_case() {
	our_name=$1
	shift
	echo "$* mask=64" >"$RUN" 2>/run/error ||
		die "$our_name: $(sed 's/.*: //' /run/error)"
	for our_way in map unmap; do
		stat_is "ours-$our_name-$our_way.ns" \
			"$(sed -n "s/^${our_way}_ns //p" "$RUN")"
	done
}

# type_is WORD: how the kernel's device is translated
type_is() {
	is "$(cat "/sys/bus/pci/devices/$PCI_EDU/iommu_group/type")" "$1" >/run/check ||
		die "the group's type is $(cat /run/check)"
}

SECONDS_EACH=$([ -z "$COUNTED" ] && echo 3 || echo 1)
[ "$DRIVER" = none ] || driver_load
case $VARIANT in
*-strict) type_is DMA ;;
*-lazy) type_is DMA-FQ ;;
esac

kernel_up "$PCI_EDU"
kernel_case single-4k
kernel_case single-64k -g 16
kernel_case sg-256 -m 1 -g 256
# the CPUs of a counted machine take turns, and each has the other's time in its own
[ -n "$COUNTED" ] || kernel_case threads-2 -t 2
kernel_down "$PCI_EDU"
ok "the kernel measured the DMA API"

measure_up "$PCI_EDU64"
our_case single-4k single size=4096
our_case single-64k single size=65536
our_case sg-256 sg pages=256 batch=4
ok "our module did, too"
finish
