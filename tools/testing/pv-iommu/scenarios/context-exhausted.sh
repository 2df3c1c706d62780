# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When the hypervisor has no more contexts the devices that are left stay on xen-swiotlb and work; one that another gives back can be had.
#: variant vtd   like=vtd xenargs=iommu-op=max-contexts=4
#: variant amdvi like=amdvi xenargs=iommu-op=max-contexts=4
#: needs retype
#: device nvme
#: device nvme2
#: device virtio-blk
#: device e1000e
#: device edu64
#: guest iommu-op ethtool

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

# of_type identity|DMA: the devices whose group is, or is not, of type identity
of_type() {
	for of_pci in $PCI_NVME $PCI_NVME2 $PCI_VIRTIO_BLK $PCI_E1000E $PCI_EDU64; do
		case $(cat "$(type_of "$of_pci")") in
		identity) [ "$1" = identity ] && echo "$of_pci" ;;
		*) [ "$1" = identity ] || echo "$of_pci" ;;
		esac
	done
}

hypercalls_up
driver_load
virtio_give
dmesg >/run/dmesg
left=$(of_type identity)
# shellcheck disable=SC2086 # words
untranslated $left
have=$(of_type DMA)
check "some devices have contexts: $(echo "$have" | tr '\n' ' ')" [ -n "$have" ]
check "and some have not: $(echo "$left" | tr '\n' ' ')" [ -n "$left" ]
for pci in $left; do
	check "$pci is in the host map" is "$(ctx_of "$pci")" 0
	check "and the log says why" grep -q \
		"$pci: stays on xen-swiotlb: the hypervisor has no more than 4 contexts" \
		/run/dmesg
done
for name in nvme nvme2 virtio-blk; do
	device_is $name
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	disk_verify "$DISK" $name 8 1
done
e1000e_up
net_verify 1

modprobe -r nvme
ip link set "$NET" down
modprobe -r e1000e
others_free none virtio-pci
one=$(echo "$left" | head -n 1)
echo DMA-FQ 2>/dev/null >"$(type_of "$one")" && die "$one has a context more"
check "no context is to be had for $one" is "$(ctx_of "$one")" 0
giver=$(echo "$have" | head -n 1)
echo identity >"$(type_of "$giver")" || die "$giver does not give its context back"
check "$giver gave one back" is "$(ctx_of "$giver")" 0
echo DMA-FQ >"$(type_of "$one")" || die "$one does not get it"
check "and $one has it" [ "$(ctx_of "$one")" != 0 ]
driver_unload || :
finish
