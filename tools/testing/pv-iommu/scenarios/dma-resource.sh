# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device does DMA to another one's memory behind its BAR, once it is mapped for that, and not any more when it is unmapped.
#: variants vtd amdvi
#: slow amdvi
#: device edu64
#: device ivshmem
#: guest pviommu-dmatest.ko pviommu-userdma.ko userdma
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

U=/dev/pviommu-userdma
PEER=/sys/bus/pci/devices/$PCI_IVSHMEM
PAGES=4
SIZE=$((PAGES * 4096))

# u_must COMMAND...: to the module
u_must() { echo "$*" >$U 2>/run/check || die "$*: $(cat /run/check)"; }
u_get() { sed -n "s/^$1 //p" $U; }

# peer COMMAND...: the CPU looks at the memory through the BAR
peer() {
	command=$1
	shift
	userdma "$command" "$PEER/resource2" $SIZE "$@" >/run/check 2>&1 ||
		die "userdma $command $*: $(cat /run/check)"
}

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"
insmod /lab/pviommu-userdma.ko || die "pviommu-userdma does not load"
wait_for 5 test -c $U || die "no $U"
u_must device "$PCI_EDU64"

echo 1 >"$PEER/enable" || die "the other device cannot be enabled"
phys=$(sed -n '3s/ .*//p' "$PEER/resource")
u_must resource $SIZE "$phys"
peer device "$DMT"
dma=$(u_get dma0)
ok "the device read and wrote $PAGES pages of the BAR at $phys"

# by the end of the copy, 100 ms later, the flush queue has drained, too
peer fill 23
u_must free
must_fault "a write after unmapping" Write "$dma" seed=24
peer verify 23
ok "a write after unmapping faults and changes nothing"

rmmod pviommu-userdma || die "pviommu-userdma stays"
echo 0 >"$PEER/enable" || die "the other device cannot be disabled"
driver_carried
finish
