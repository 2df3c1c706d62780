# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about pv-iommu-top shows per second what the driver does for a busy disk.
#: device nvme
#: guest fio

if [ "$DRIVER" = module ]; then
	pv-iommu-top -n 1 >/run/top 2>&1 && die "it runs without the driver"
	check "without the driver it says so" grep -q 'is the driver loaded' /run/top
fi
driver_load
pv-iommu-top -n 1 soon >/run/top 2>&1 && die "'soon' is taken for a number"
check "it explains itself" grep -q 'usage:' /run/top

disk_up "$PCI_NVME" nvme
fio_start "$DISK" 32m --rate=4m
pv-iommu-top -n 2 2 >/run/top || die "pv-iommu-top fails"
fio_end
check "it was shown twice" is "$(grep -c '^xen-pv-iommu, per second' /run/top)" 2
rate=$(sed -n 's/^  mappings  *\([0-9]*\)$/\1/p' /run/top | tail -n 1)
calls=$(sed -n 's/^  hypercalls  *\([0-9]*\) .*/\1/p' /run/top | tail -n 1)
check "$rate mappings a second" [ "$rate" -gt 0 ]
check "$calls hypercalls a second" [ "$calls" -gt 0 ]
driver_carried
finish
