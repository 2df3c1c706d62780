# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A device goes to another domain and comes back, again and again, also from one that dies with it: meanwhile it reaches nothing of dom0, then works as before.
#: variants vtd amdvi
#: device edu64
#: device nvme
#: guest edu-stray iommu-op xen-assign xen-claim pviommu-dmatest.ko
#: trace amdvi_translation_result
# on a machine that does much else
#: timeout 600
#: expect xen (DMAR:|IO_PAGE_FAULT).*00:0d\.0
#: expect xen DMAR: reason 0[256]|iommu_fault_status: Primary Pending Fault
# of the driver that is started on a disk which is another domain's
#: expect linux nvme 0000:00:04\.0: it is assigned to another domain: this device cannot do DMA
#: expect linux nvme 0000:00:04\.0: (probe with driver nvme failed with error|xen map irq failed)
#: expect linux nvme nvme\d+: Removing after probe failure status: -12

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-assign.sh
. /lab/lib-assign.sh

EDU=$PCI_EDU64

# out_of_reach WHEN: what dom0 has mapped at $addr; the IOMMU faults
out_of_reach() {
	must_fault "$1, a write" Write "$addr" seed=7
	must_fault "$1, a read" Read "$addr" seed=6
	is "$(dmt_get match)" 1 >/dev/null && die "$1, it got the data"
	dmt_must "$1 the device cannot reach a buffer that dom0 has mapped for it" \
		verify buf=0 seed=6
}

# quarantined: the same.  There QEMU's AMD-Vi translates nothing where real ones
# abort, and remembers that afterwards: no DMA then
quarantined() {
	case $IOMMU in
	amdvi) ;;
	*) out_of_reach "in quarantine" ;;
	esac
}

# wish: dom0 may say in which context it is to be afterwards, which changes nothing
# now
wish() {
	op -c "$other" attach "$EDU"
	check "that is remembered" is "$(ctx_of "$EDU")" "$other"
	is_away "$EDU"
	"$@"
	op -c "$ctx" attach "$EDU"
}

# edu_turn lives|dies: with its driver at work, which Xen cannot know, and dom0
# should not have it do
edu_turn() {
	domain_up
	away "$EDU"
	out_of_reach "while it is the domain's"
	check "it cannot be assigned twice" refused -EINVAL xen-assign test "$EDU"
	wish out_of_reach "after dom0 has attached it"
	leaves "$1" "$EDU"
	wish quarantined
	back "$1" "$EDU" "$ctx"
	dmt_must "back, it reaches what was mapped before" edu_check buf=0 seed=6
	dmt_must "" fill buf=0 seed=6
}

no_driver() { ! [ -e "/sys/bus/pci/devices/$1/driver" ]; }

# disk_away: as a toolstack does it, with no driver on the disk
disk_away() {
	device_free "$PCI_NVME"
	check "the disk can be assigned" xen-assign test "$PCI_NVME"
	domain_up
	away "$PCI_NVME"
	# that fails, on 6.1 a moment later
	echo "$PCI_NVME" 2>/dev/null >/sys/bus/pci/drivers/nvme/bind
	wait_for 20 no_driver "$PCI_NVME" ||
		die "a driver of dom0's works on the domain's disk"
	refusals=$((refusals + 1))
	check "a driver of dom0's is refused the domain's disk" is \
		"$(log_since | grep -c "$PCI_NVME: it is assigned to another")" $refusals
}

# disk_back lives|dies CTX MiB
disk_back() {
	leaves "$1" "$PCI_NVME"
	back "$1" "$PCI_NVME" "$2"
	device_give "$PCI_NVME"
	disk_up "$PCI_NVME"
	disk_verify "$DISK" nvme "$3" 1
}

# disk_turn lives|dies MiB
disk_turn() {
	disk_away
	disk_back "$1" "$disk_ctx" "$2"
}

# retyped_meanwhile: its group is of another type when it is back
retyped_meanwhile() {
	disk_away
	echo identity >"$(type_of "$PCI_NVME")" || die "the type does not change"
	untranslated "$PCI_NVME"
	disk_back lives 0 6
	untranslated
	device_free "$PCI_NVME"
	echo DMA-FQ >"$(type_of "$PCI_NVME")" || die "the type does not change back"
	disk_ctx=$(ctx_of "$PCI_NVME")
	device_give "$PCI_NVME"
	disk_turn lives 7
}

# idle_turn: with nothing that dom0 does by the way
idle_turn() {
	domain_up
	away "$EDU"
	leaves lives "$EDU"
	back lives "$EDU" "$ctx"
}

# lost_less PAGES: than before the turns; Xen ends a domain in its own time
xen_free() { xen-claim free | sed 's/^free=//'; }
lost_less() { [ $((before - $(xen_free))) -lt "$1" ]; }

# removed_meanwhile: dom0 forgets it and finds it again, and Xen with it
removed_meanwhile() {
	domain_up
	away "$EDU"
	echo 1 >"/sys/bus/pci/devices/$EDU/remove" || die "$EDU cannot be removed"
	echo 1 >/sys/bus/pci/rescan
	toolstack destroy "$DOMAIN"
	wait_for 5 group_of "$EDU" || die "$EDU is in no group"
	is_ours "found again"
}

# is_ours WHEN: claimed, and in a context
is_ours() {
	op device "$EDU"
	check "$1, it is dom0's" [ -z "$(of_op flags | grep assigned)" ]
	check "and in a context of its own" [ "$(of_op ctx)" != 0 ]
}

left_alone() { ! [ -e "/sys/bus/pci/devices/$EDU/iommu_group" ]; }

# unloaded_meanwhile: the driver lets go of a device that is not dom0's, then does
# not claim it
unloaded_meanwhile() {
	domain_up
	away "$EDU"
	driver_unload || return
	is_away "$EDU"
	check "the driver is unloaded, the device where it was" is "$(of_op ctx)" 0
	op alloc
	unknown=$(of_op ctx)
	check "one that is not dom0's is attached to nothing" \
		refused -ENODEV iommu-op -c "$unknown" attach "$EDU"
	op -c "$unknown" free
	driver_load
	check "loaded again, the driver leaves it alone" left_alone
	dmesg >/run/dmesg
	check "and says why" grep -q \
		"$EDU: stays on xen-swiotlb: it is assigned to another domain" \
		/run/dmesg
	leaves lives "$EDU"
	back lives "$EDU" 0
	echo 1 >"/sys/bus/pci/devices/$EDU/remove" || die "$EDU cannot be removed"
	echo 1 >/sys/bus/pci/rescan
	is_ours "back, removed and found again"
}

refusals=0
hypercalls_up
driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 1
disk_ctx=$(ctx_of "$PCI_NVME")
check "the disk is in a context of its own" [ "$disk_ctx" != 0 ]
dmt_up 64
dmt_on "$EDU"
dmt_must "" alloc buf=0 kind=single size=4096 dir=both
dmt_must "" map buf=0
addr=$(dmt_get addr)
dmt_must "a buffer is mapped and reached" edu_check buf=0 seed=6
dmt_must "" fill buf=0 seed=6
ctx=$(ctx_of "$EDU")
op alloc
other=$(of_op ctx)

edu_turn lives
for turn in 1 2 3 4; do
	disk_turn lives $turn
done
disk_turn dies 5
# where a type file is for more than lazy and strict
[ "$KERNEL" = 6.1 ] || retyped_meanwhile
edu_turn dies

before=$(xen_free)
for turn in 1 2 3 4 5 6 7 8 9 10; do
	idle_turn
done
wait_for 10 lost_less 10 || die "Xen has $(xen_free) pages, not $before"
stat_is xen_lost_pages $((before - $(xen_free)))
ok "after ten more turns Xen has lost less than a page for each"

dmt_must "" unmap buf=0
dmt_must "" free buf=0
op -c "$other" free
rmmod pviommu_dmatest
modprobe -r nvme
removed_meanwhile
unloaded_meanwhile
finish
