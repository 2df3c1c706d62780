# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A program drives a device by vfio-pci: it reaches what it maps and no more, gets its interrupts, can be killed, and the device goes back to its kernel driver.
#: needs vfio
#: variants vtd amdvi
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

IOVA=0x123456000
LOW=0x1234000
QUEUE=512

plugged() { ls -d "/sys/bus/pci/devices/$PCI_RP0"/0000:*:00.0; }
unplugged() { ! plugged; }

ctx_of() {
	iommu-op device "$1" >/run/op || die "iommu-op: $(tr '\n' ' ' </run/op)"
	sed -n 's/^ctx=//p' /run/op
}

# edu TEXT COMMAND...: the program does so with the device
edu() {
	edu_text=$1
	shift
	vfio-edu "$PCI_EDU64" "$@" >/run/edu 2>&1 ||
		die "$edu_text: vfio-edu $*: $(tr '\n' ' ' </run/edu)"
	[ -z "$edu_text" ] || ok "$edu_text"
}

of_edu() { sed -n "s/^$1=//p" /run/edu; }

# edu_faults TEXT COMMAND...: the same, and the IOMMU faults at /run/edu's address
edu_faults() {
	dma_faults_mark
	edu "$@"
	case $IOMMU in
	amdvi) request trace wait 1 10 "$(printf \
		'translation_result.*%s .*gpa 0x%x .* 0x0$' \
		"${PCI_EDU64#0000:}" "$(of_edu stray)")" ;;
	*) request xenlog wait 1 10 "$(printf 'DMAR:.*%s.* fault addr %x$' \
		"$PCI_EDU64" "$(of_edu stray)")" ;;
	esac || die "$1: no fault at $(of_edu stray): $REPLY_TEXT"
}

# edu_map MIB ORDER: VFIO has each run of Linux' frames mapped by a call of its own,
# which is done when it returns: so a hypercall for each (on 6.1 up to three, one
# for each size of pages), and one whenever the driver's queue is full.  When it
# unmaps it waits for 512 runs at a time.
edu_map() {
	edu "" map $IOVA "$1" "$2"
	runs=$(of_edu pfn_runs)
	case $KERNEL in
	6.1) most=$((runs * 3)) ;;
	*) most=$runs ;;
	esac
	most=$((most + $(of_edu gfn_runs) / QUEUE + 2))
	check "mapped, $(of_edu frames) frames in $runs runs take $(of_edu map_hypercalls) hypercalls" \
		[ "$(of_edu map_hypercalls)" -le $most ]
	check "unmapped, $(of_edu unmap_hypercalls)" \
		[ "$(of_edu unmap_hypercalls)" -le $((runs * 2 / QUEUE + 2)) ]
	check "the driver counts each frame" \
		is "$(of_edu map_frames) $(of_edu unmap_frames)" \
		"$(of_edu frames) $(of_edu frames)"
	tell "in the machine they are $(of_edu gfn_runs) runs"
}

# hold PCI IOVA OWN: the program is at work in the background, and the device not
# in its OWN context
holds() { grep -q copied /run/hold; }
hold() {
	rm -f /run/hold
	vfio-edu "$1" hold "$2" >/run/hold 2>&1 &
	HOLDER=$!
	wait_for 20 holds || die "vfio-edu hold: $(cat /run/hold)"
	held=$(ctx_of "$1")
	case $held in
	0 | "$3") die "held, the device is in context $held" ;;
	esac
}

# let_go TEXT: the program has let go, because it was asked to
let_go() {
	wait "$HOLDER" || die "$1: vfio-edu hold: $(tail -n 1 /run/hold)"
	check "$1: the program is asked to let go" grep -q wanted_back /run/hold
	mapped_back
}

hypercalls_up
driver_load
mapped_mark
own=$(ctx_of "$PCI_EDU64")
vfio_up
to_vfio "$PCI_EDU64"

edu "DMA to and from memory at addresses of all sizes, compared" dma
edu "a legacy interrupt comes five times by its eventfd" irq intx 5
edu "so does an MSI" irq msi 5
edu_faults "what is unmapped is out of reach" unmapped $IOVA
edu_faults "so is other memory of the same program, for reading and writing" stray
edu "what is mapped to be read is not written" readonly $IOVA
edu_map 256 forth
edu_map 16 back

hold "$PCI_EDU64" $IOVA "$own"
kill -9 "$HOLDER"
wait "$HOLDER"
mapped_back
check "killed in its work: the device is in the context that it was in" \
	is "$(ctx_of "$PCI_EDU64")" "$own"
edu "and the next program can have it" dma

hold "$PCI_EDU64" $IOVA "$own"
echo 1 >"/sys/bus/pci/devices/$PCI_EDU64/remove" || die "it cannot be removed"
let_go "removed"
echo 1 >/sys/bus/pci/rescan
to_vfio "$PCI_EDU64"
edu "found again it works" dma
from_vfio "$PCI_EDU64"

# of QEMU's own width, so it reaches LOW only
request qmp device_add driver=edu bus=rp0 id=hot-edu ||
	die "device_add: $REPLY_TEXT"
wait_for 20 plugged || die "dom0 does not see the new device"
hot=$(basename "$(plugged)")
to_vfio "$hot"
hold "$hot" $LOW "$(ctx_of "$hot")"
request qmp device_del id=hot-edu || die "device_del: $REPLY_TEXT"
let_go "unplugged"
wait_for 30 unplugged || die "the device does not go"

# A program's disk, with data that the kernel's driver wrote and the other way
# round; what it was reading when it was killed has nowhere to go.
LENGTH=$((2 << 20))
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 2
to_vfio "$PCI_NVME"
mapped_mark
check "the program finds the disk" vfio-nvme "$PCI_NVME" identify
# shellcheck disable=SC2154 # set by new_seed
vfio-nvme "$PCI_NVME" read 0 $LENGTH 2>/run/nvme |
	pattern check $LENGTH "$seed" 2>/run/pattern ||
	die "the program reads other data: $(cat /run/nvme /run/pattern)"
ok "it reads what the kernel's driver wrote"
new_seed
pattern make $LENGTH "$seed" |
	vfio-nvme "$PCI_NVME" write 0 $LENGTH 2>/run/nvme ||
	die "the program does not write: $(cat /run/nvme)"
request disk nvme 0 $LENGTH "$seed" ||
	die "the host finds other data in the image: $REPLY_TEXT"
vfio-nvme "$PCI_NVME" read 0 $((64 << 20)) >/run/read 2>/run/nvme &
HOLDER=$!
wait_for 20 test -s /run/read || die "vfio-nvme: $(cat /run/nvme)"
kill -9 "$HOLDER" || die "it is not at work any more"
wait "$HOLDER"
mapped_back
from_vfio "$PCI_NVME"
device_give "$PCI_NVME"
disk_up "$PCI_NVME"
disk_verify "$DISK" nvme 2 2
driver_carried

modprobe -r nvme vfio_pci
if driver_unload; then
	check "with the driver unloaded the device is in the host map" \
		is "$(ctx_of "$PCI_EDU64")" 0
fi
finish
