# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A program drives a device by its own file and iommufd: it reaches what it maps and no more, gets its interrupts, can be killed, and the device goes back to its kernel driver.
#: needs iommufd
#: variants vtd amdvi
#: core vtd amdvi
#: slow amdvi
#: timeout 600
#: device edu64
#: device nvme
#: device rp0
#: guest iommu-op vfio-edu vfio-nvme
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-vfio.sh
. /lab/lib-vfio.sh

BY=iommufd:

drive_all
finish
