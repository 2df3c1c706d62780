# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about pv-iommu-check says whether the driver is at work, which device has which address space, which has none and why, or what to do.
#: variants vtd
#: variant iommu-op-off like=vtd xenargs=iommu-op=off
#: needs module
#: device nvme
#: device virtio-plain
#: expect linux xen-pv-iommu: not used: the hypervisor does not offer iommu_op

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

# looked STATUS: what it says, in /run/said
looked() {
	pv-iommu-check >/run/said 2>&1
	is $? "$1" >/run/check || die "$(cat /run/check): $(tr '\n' ';' </run/said)"
}
says() { grep -qE "$1" /run/said || die "no '$1': $(tr '\n' ';' </run/said)"; }

pv-iommu-check --all >/run/said 2>&1 && die "it takes --all"
says '^pv-iommu-check: usage: '
[ "$(id -u)" = 0 ] || die "this is not root"

if [ "$VARIANT" = iommu-op-off ]; then
	driver_refused 'does not offer iommu_op'
	looked 1
	says '^driver +not used: the hypervisor does not offer iommu_op'
	says '^what to do +Boot a hypervisor that has iommu_op'
	ok "without the hypercall it says what to do"
	finish
	exit
fi

[ "$DRIVER" != module ] || driver_is_loaded || {
	looked 1
	says '^driver +not (loaded|there|used)'
	ok "without the driver it says so: $(grep ^driver /run/said)"
}
driver_load
virtio_give
device_is virtio-plain
disk_up "$PCI_NVME" nvme
looked 0
says '^hypervisor +xen 4\.[0-9]+'
says '^it offers +iommu_op format buffers'
says '^driver +at work: each group of devices gets an address space'
says "^$PCI_NVME +0x010802 +[0-9]+ +[1-9][0-9]* +DMA-FQ +nvme\$"
says "^$PCI .* - +- +- .*virtio-pci; stays on xen-swiotlb: it is a virtio device"
says '^[1-9][0-9]* devices have an address space of the driver, [1-9][0-9]* stay on xen-swiotlb, 0 can do no DMA'
[ "$(grep -c "^0000:00:00.0" /run/said)" = 0 ] || die "it lists the host bridge"
ok "with it, it shows each device: $(tail -n 1 /run/said)"

echo "$PCI_NVME" >/sys/bus/pci/drivers/nvme/unbind
group=/sys/bus/pci/devices/$PCI_NVME/iommu_group/type
before=$(tail -n 1 /run/said)
echo identity >"$group"
looked 0
says "^$PCI_NVME +0x010802 +[0-9]+ +0 +identity +-\$"
[ "$(tail -n 1 /run/said)" != "$before" ] || die "it counts the same"
ok "one that is left out is one less: $(tail -n 1 /run/said)"
echo DMA-FQ >"$group"

pv-iommu-check --report >/run/said 2>&1 || die "no report"
says '^kernel +[0-9]'
says "^pci +$PCI_NVME 0x1b36:0x0010 0x010802"
says '^linux .*took over'
ok "a report has the hardware: $(grep -c '^pci ' /run/said) devices"
driver_carried
finish
