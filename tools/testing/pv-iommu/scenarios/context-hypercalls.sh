# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A context is an address space for one device, by the hypercalls alone: the others keep the host map, and what is mapped for one reaches no other.
#: variants vtd vtd48 amdvi
#: slow vtd48
#: device edu64
#: device nvme
#: guest edu-stray iommu-op pviommu-balloon.ko
#: trace amdvi_translation_result
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[56]|iommu_fault_status: Primary Pending Fault

DFN=0x40000
PLACES="0x20000 0x31000 0x42000 0x53000 0x64000 0x75000"
BALLOON=/sys/kernel/debug/pviommu-balloon

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

# refused STATUS COMMAND...
refused() {
	refused_want=$1
	shift
	iommu-op "$@" >/run/op 2>&1 && die "iommu-op $*: it is done"
	grep -q "^status=$refused_want\$" /run/op ||
		die "iommu-op $*: not $refused_want: $(tr '\n' ' ' </run/op)"
}

# context: a new one, its number in $CTX
context() {
	op alloc
	CTX=$(of_op ctx)
}

# stray WANT: what its DMA to and from machine addresses does
stray() {
	stray_dma "$PCI_EDU64" 64
	is "$STRAY" "$1"
}

hypercalls_up
insmod /lab/pviommu-balloon.ko || die "the balloon module does not load"
gfn=$(sed -n 's/^gfn //p' $BALLOON)
disk_up "$PCI_NVME" nvme
op device "$PCI_EDU64"
check "the device's DMA is translated, and is its own" \
	is "$(of_op flags | grep -c translated) $(of_op id)" "1 $PCI_EDU64"
check "in the host map its DMA goes through" stray went_through

context
one=$CTX
context
two=$CTX
op -c "$one" attach "$PCI_EDU64"
op device "$PCI_EDU64"
check "it is in context $one" is "$(of_op ctx)" "$one"
check "where the same DMA changes nothing" stray blocked
disk_verify "$DISK" nvme 0 4
ok "another device works in the host map"

op -c "$two" map "$DFN" "$gfn" r
check "what is mapped in context $two is not there in $one" faults
op -c "$one" map "$DFN" "$gfn" r
check "mapped in context $one, too: the device reads it" reaches
op -c "$two" unmap "$DFN"
check "unmapped in context $two: it still does" reaches
op -c "$two" attach "$PCI_EDU64"
check "in context $two it reads nothing there" faults
op -c "$one" attach "$PCI_EDU64"
check "back in context $one it does" reaches
op -c "$one" unmap "$DFN" no_flush
op -c "$two" flush all
check "a flush of another context leaves the IOTLB alone" reaches
op -c "$one" flush all
check "a flush of its own does not" faults

# More places, far from each other, than Xen keeps apart until the flush.
for there in $PLACES; do
	DFN=$there
	op -c "$one" map "$DFN" "$gfn" r
	check "mapped at $DFN: the device reads it" reaches
done
for there in $PLACES; do
	op -c "$one" unmap "$there" no_flush
done
op -c "$one" flush 0x1000 1
for there in $PLACES; do
	DFN=$there
	check "a flush of any range has $DFN flushed, too" faults
done

op -c "$one" map "$DFN" "$gfn" r
check "mapped again, the device reads it" reaches
op -c "$one" unmap "$DFN" no_flush
echo out >$BALLOON || die "Xen did not take the page"
check "the page is Xen's: the device's read faults" faults
echo in >$BALLOON || die "Xen did not give a page"

refused -EBUSY -c "$one" free
refused -ENOENT -c 500 map "$DFN" "$gfn" r
refused -ENOENT -c 500 attach "$PCI_EDU64"
refused -ENODEV -c "$one" attach 0000:00:1f.7
refused -EPERM map "$DFN" "$gfn" r
refused -EBUSY enable clear
ok "what makes no sense is refused"

op -c "$one" map "$DFN" "$(sed -n 's/^gfn //p' $BALLOON)"
op -c 0 attach "$PCI_EDU64"
check "out of the context its DMA goes through again" stray went_through
op -c "$one" free
op -c "$two" free
refused -ENOENT -c "$one" lookup "$DFN"
op enable clear
refused -EBUSY alloc
refused -EPERM attach "$PCI_EDU64"
op disable
ok "shared mode and contexts exclude each other"
disk_verify "$DISK" nvme 8 4
modprobe -r nvme
rmmod pviommu-balloon || die "the page did not come back"
finish
