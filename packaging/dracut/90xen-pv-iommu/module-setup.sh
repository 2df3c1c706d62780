#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Put xen-pv-iommu into the initramfs, if it was built for this kernel.

check() { return 0; }

depends() { return 0; }

installkernel() {
	# whether or not the host that makes the initramfs uses it now
	hostonly='' instmods xen-pv-iommu
}

install() {
	# shellcheck disable=SC2154 # dracut's
	inst_hook pre-udev 00 "$moddir/load-xen-pv-iommu.sh"
}
