# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Where the kernel cannot let go of an IOMMU driver, the driver says so when loaded, does not unload, and works on.
#: needs no-unload
#: variants vtd
#: core vtd
#: device nvme

driver_load
dmesg | grep -q 'xen-pv-iommu: .*cannot be unloaded' || die "it does not say so"
ok "it says that it cannot be unloaded"
rmmod xen_pv_iommu 2>/run/rmmod && die "it was unloaded"
ok "rmmod: $(cat /run/rmmod)"
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 8
driver_carried
finish
