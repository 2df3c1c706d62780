# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The KUnit tests pass in a dom0 as well, with those that make hypercalls and have a device do DMA.
#: needs kunit
#: linux xen_pv_iommu=off kunit.enable=1 kunit.filter_glob=xpi-*
#: variants vtd amdvi
#: core vtd amdvi
#: device edu
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0b\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# They were run at boot; the log without its times, and only of the tests.
dmesg | sed -n 's/^\[[^]]*\] *//p' | sed -n '/^KTAP version/,$p' >/run/ktap
grep -q '^ok .* xpi-xen$' /run/ktap || die "the suite xpi-xen did not pass"
grep '^not ok' /run/ktap | while read -r kunit_line; do
	request show "$kunit_line"
done
check "no test failed" is "$(grep -c '^not ok' /run/ktap)" 0
check "none was skipped" is "$(grep -c '^ok.*# SKIP' /run/ktap)" 0
ok "$(grep -c '^ok' /run/ktap) lines say ok"
finish
