# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The KUnit tests pass at the boot of a dom0 as well, with those that make hypercalls and have a device do DMA.
#: needs kunit
#: linux xen_pv_iommu=off kunit.enable=1 kunit.filter_glob=xpi-*
#: variants vtd amdvi
#: variant bare xen=none iommu=none
#: core vtd amdvi
#: slow bare amdvi
#: device edu
#: device edu32
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0b\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault
#: expect linux xen-pv-iommu: |this device cannot do DMA|# [-\w]+: pass:

# They were run at boot, and the host judges what is on the console of that: by
# the tests that are in the sources, and by the skips that are allowed.  What
# takes devices from the domain that runs it runs without Xen only, and what makes
# hypercalls on Xen only.
where=xen
[ "$XEN" != none ] || where=bare
request ktap $where
finish
