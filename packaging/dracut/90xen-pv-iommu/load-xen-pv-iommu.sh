#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Load xen-pv-iommu before udev loads drivers.  Dracut reads this into its init.

case " $(getcmdline) " in
*" xen_pv_iommu=off "*) ;;
# Not a Xen dom0, or no hypervisor that offers it: the module says so itself.
*) modprobe -q xen-pv-iommu ;;
esac
