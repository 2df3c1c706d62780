# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about pv-iommu-top and perf show what the driver does for a busy disk.
#: device nvme
#: guest fio perf

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

if [ "$DRIVER" = module ]; then
	pv-iommu-top -n 1 >/run/top 2>&1 && die "it runs without the driver"
	check "without the driver it says so" grep -q 'is the driver loaded' /run/top
fi
driver_load
pv-iommu-top -n 1 soon >/run/top 2>&1 && die "'soon' is taken for a number"
check "it explains itself" grep -q 'usage:' /run/top

# perf_count EVENT: of the last "perf stat"
perf_count() {
	awk -F, -v event="xen_pv_iommu:$1" '$3 == event { print $1 }' /run/perf
}

disk_up "$PCI_NVME" nvme
io_start "$DISK" 32m --rate=4m
pv-iommu-top -n 2 2 >/run/top || die "pv-iommu-top fails"
perf stat -a -x, -o /run/perf -e 'xen_pv_iommu:*' sleep 1 || die "perf fails"
fio_end
check "it was shown twice" is "$(grep -c '^xen-pv-iommu, per second' /run/top)" 2
rate=$(sed -n 's/^  mappings  *\([0-9]*\)$/\1/p' /run/top | tail -n 1)
calls=$(sed -n 's/^  hypercalls  *\([0-9]*\) .*/\1/p' /run/top | tail -n 1)
check "$rate mappings a second" [ "$rate" -gt 0 ]
check "$calls hypercalls a second" [ "$calls" -gt 0 ]
# shellcheck disable=SC2016 # awk's own
check "its group is shown, in a context and at work" \
	awk -v pci="$PCI_NVME" 'index($0, pci) && $2 > 0 && $3 == "DMA-FQ" && $5 > 0 {
		found = 1 } END { exit !found }' /run/top
for event in xpi_map xpi_unmap xpi_submit; do
	count=$(perf_count $event)
	check "perf counts $event: $count" [ "$count" -gt 0 ]
done
check "perf counts no failure" is "$(perf_count xpi_failed)" 0
driver_carried
finish
