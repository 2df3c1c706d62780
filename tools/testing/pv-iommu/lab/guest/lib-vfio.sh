# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# For scenarios in which a program drives a device by vfio-pci: by type 1, or where
# BY=iommufd: that way.

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

BY=
IOVA=0x123456000
LOW=0x1234000
# What the driver makes one hypercall for at least: operations, frames.
QUEUE=512
FRAMES=4096

# checked: by lockdep and the like, with which all takes longer
checked() { [ -e /proc/lockdep ]; }

# vfio_up: what the kernel has for that
vfio_up() {
	case $BY in
	iommufd:) vfio_by=iommufd ;;
	*) vfio_by=vfio_iommu_type1 ;;
	esac
	modprobe $vfio_by || die "$vfio_by does not load"
	modprobe vfio_pci || die "vfio_pci does not load"
}

# to_vfio PCI: whatever drives it
to_vfio() {
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || device_free "$1"
	echo vfio-pci >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ -e "/sys/bus/pci/drivers/vfio-pci/$1" ] || die "vfio-pci does not take $1"
}

from_vfio() {
	echo "$1" >/sys/bus/pci/drivers/vfio-pci/unbind
	echo >"/sys/bus/pci/devices/$1/driver_override"
}

plugged() { ls -d "/sys/bus/pci/devices/$PCI_RP0"/0000:*:00.0; }
unplugged() { ! plugged; }

# edu TEXT COMMAND...: the program does so with the device
edu() {
	edu_text=$1
	shift
	vfio-edu "$BY$PCI_EDU64" "$@" >/run/edu 2>&1 ||
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

# edu_map MIB ORDER: type 1 and iommufd have each run of Linux' frames mapped by a
# call of its own, which is done when it returns: so a hypercall for each (on 6.1 up
# to three, one for each size of pages), and one whenever the driver's queue is full,
# of operations or of frames.  Unmapping is waited for after 512 runs, or less often.
edu_map() {
	edu "" map $IOVA "$1" "$2"
	runs=$(of_edu pfn_runs)
	case $KERNEL in
	6.1) most=$((runs * 3)) ;;
	*) most=$runs ;;
	esac
	full=$(($(of_edu frames) / FRAMES))
	most=$((most + full + $(of_edu gfn_runs) / QUEUE + 2))
	check "mapped, $(of_edu frames) frames in $runs runs take $(of_edu map_hypercalls) hypercalls" \
		[ "$(of_edu map_hypercalls)" -le $most ]
	check "unmapped, $(of_edu unmap_hypercalls)" \
		[ "$(of_edu unmap_hypercalls)" -le $((full + runs * 2 / QUEUE + 2)) ]
	check "the driver counts each frame" \
		is "$(of_edu map_frames) $(of_edu unmap_frames)" \
		"$(of_edu frames) $(of_edu frames)"
	tell "in the machine they are $(of_edu gfn_runs) runs"
	stat_is "frames_per_hypercall_$2" \
		$(($(of_edu frames) / $(of_edu map_hypercalls)))
}

# hold PCI IOVA OWN: the program is at work in the background, and the device not
# in its OWN context
holds() { grep -q copied /run/hold; }
hold() {
	rm -f /run/hold
	vfio-edu "$BY$1" hold "$2" >/run/hold 2>&1 &
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

# edu_up: the program can have the device, whose own context is $own
edu_up() {
	own=$(ctx_of "$PCI_EDU64")
	vfio_up
	to_vfio "$PCI_EDU64"
}

# edu_works: what a program may, and may not, do with the device
edu_works() {
	edu "DMA to and from memory at addresses of all sizes, compared" dma
	edu "a legacy interrupt comes five times by its eventfd" irq intx 5
	edu "so does an MSI" irq msi 5
	edu_faults "what is unmapped is out of reach" unmapped $IOVA
	edu_faults "so is other memory of the same program, for reading and writing" stray
	edu "what is mapped to be read is not written" readonly $IOVA
	mib=256
	! checked || mib=32
	edu_map $mib forth
	edu_map 16 back
}

# edu_killed: while it works
edu_killed() {
	hold "$PCI_EDU64" $IOVA "$own"
	kill -9 "$HOLDER"
	wait "$HOLDER"
	mapped_back
	check "killed in its work: the device is in the context that it was in" \
		is "$(ctx_of "$PCI_EDU64")" "$own"
	edu "and the next program can have it" dma
}

# edu_removed: by Linux, while it works
edu_removed() {
	hold "$PCI_EDU64" $IOVA "$own"
	echo 1 >"/sys/bus/pci/devices/$PCI_EDU64/remove" || die "it cannot be removed"
	let_go "removed"
	echo 1 >/sys/bus/pci/rescan
	to_vfio "$PCI_EDU64"
	edu "found again it works" dma
	from_vfio "$PCI_EDU64"
}

# edu_unplugged: one that was plugged in; it is of QEMU's own width, and so reaches
# $LOW only.  With lockdep 7.2's pciehp is found to take reset_lock both before and
# after pci_rescan_remove_lock, without any of this, and lockdep then is off.
edu_unplugged() {
	if checked; then
		tell "nothing is plugged in where lockdep is on"
		return
	fi
	request qmp device_add driver=edu bus=rp0 id=hot-edu ||
		die "device_add: $REPLY_TEXT"
	wait_for 20 plugged || die "dom0 does not see the new device"
	hot=$(basename "$(plugged)")
	to_vfio "$hot"
	hold "$hot" $LOW "$(ctx_of "$hot")"
	request qmp device_del id=hot-edu || die "device_del: $REPLY_TEXT"
	let_go "unplugged"
	wait_for 30 unplugged || die "the device does not go"
}

# disk_works: a program's disk, with data that the kernel's driver wrote and the
# other way round; what it was reading when it was killed has nowhere to go
disk_works() {
	LENGTH=$((2 << 20))
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 0 2
	to_vfio "$PCI_NVME"
	mapped_mark
	check "the program finds the disk" vfio-nvme "$BY$PCI_NVME" identify
	# shellcheck disable=SC2154 # set by new_seed
	vfio-nvme "$BY$PCI_NVME" read 0 $LENGTH 2>/run/nvme |
		pattern check $LENGTH "$seed" 2>/run/pattern ||
		die "the program reads other data: $(cat /run/nvme /run/pattern)"
	ok "it reads what the kernel's driver wrote"
	new_seed
	pattern make $LENGTH "$seed" |
		vfio-nvme "$BY$PCI_NVME" write 0 $LENGTH 2>/run/nvme ||
		die "the program does not write: $(cat /run/nvme)"
	request disk nvme 0 $LENGTH "$seed" ||
		die "the host finds other data in the image: $REPLY_TEXT"
	vfio-nvme "$BY$PCI_NVME" read 0 $((64 << 20)) >/run/read 2>/run/nvme &
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
}

# drive_all: all of the above, from loading the driver to its end
drive_all() {
	hypercalls_up
	driver_load
	mapped_mark

	edu_up
	edu_works
	edu_killed
	edu_removed
	edu_unplugged
	disk_works

	modprobe -r nvme vfio_pci
	if driver_unload; then
		check "with the driver unloaded the device is in the host map" \
			is "$(ctx_of "$PCI_EDU64")" 0
	fi
}
