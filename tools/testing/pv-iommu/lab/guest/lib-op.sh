# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For scenarios that make iommu_op hypercalls without the driver, or look where it has
# put a device.  They have iommu-op in the initramfs, and edu-stray and an edu64 for
# faults and reaches.

# op WORD...: an operation that has to be done
op() {
	iommu-op "$@" >/run/op 2>&1 || die "iommu-op $*: $(tr '\n' ' ' </run/op)"
}

# of_op NAME: what the last one said of it
of_op() { sed -n "s/^$1=//p" /run/op; }

# group_of PCI; type_of PCI: its group, and the file with the type of that
group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }
type_of() { echo "/sys/bus/pci/devices/$1/iommu_group/type"; }

# ctx_of PCI: the context that the hypervisor has it in
ctx_of() {
	op device "$1"
	of_op ctx
}

# faults: a read by the device at frame $DFN does; reaches: it does not
faults() {
	dma_faults_mark
	edu-stray -d "$PCI_EDU64" -m 64 read $((DFN << 12)) 64 >/run/stray 2>&1 ||
		die "edu-stray: $(tail -n 1 /run/stray)"
	dma_faults "$PCI_EDU64" 3
}

reaches() { ! faults; }
