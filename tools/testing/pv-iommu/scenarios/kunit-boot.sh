# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The KUnit tests pass at the boot of a dom0 as well, with those that make hypercalls and have a device do DMA.
#: needs kunit
#: linux xen_pv_iommu=off kunit.enable=1 kunit.filter_glob=xpi-*
#: variants vtd amdvi
#: variant bare xen=none iommu=none
#: core vtd amdvi
#: slow bare
#: device edu
#: device edu32
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0b\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault
#: expect linux xen-pv-iommu: |this device cannot do DMA

# They were run at boot; the log without its times, and only of the tests.
dmesg | sed -n 's/^\[[^]]*\] *//p' | sed -n '/^KTAP version/,$p' >/run/ktap
grep '^not ok' /run/ktap | while read -r kunit_line; do
	request show "$kunit_line"
done
check "no test failed" is "$(grep -c '^not ok' /run/ktap)" 0

# What takes devices from the domain that runs it runs without Xen only, and what
# makes hypercalls on Xen only.
sed -n '/^# Subtest: xpi-xen$/,$p' /run/ktap >/run/ktap-xen
skipped=$(grep -c '^ok.*# SKIP' /run/ktap-xen)
if [ "$XEN" = none ]; then
	check "no hypercall was made" [ "$skipped" -gt 0 ]
else
	check "the tests with hypercalls ran" is "$skipped" 0
	check "and passed" grep -q '^ok .* xpi-xen$' /run/ktap-xen
fi
ok "$(grep -c '^ok .* xpi-' /run/ktap) suites, $(grep -c '^ok' /run/ktap) lines say ok"
finish
