# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Behind a bridge all devices do DMA under one ID: while one of them that was in use at load is on xen-swiotlb, so are the others, and all work.
# QEMU's AMD-Vi translates nothing right behind a bridge: see group-topology
#: variants vtd
#: needs unload
#: device nvme
#: device sdhci
#: device rtl8139
#: device spare4
#: guest fio ethtool iommu-op

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh

left_alone() { ! [ -e "/sys/bus/pci/devices/$1/iommu_group" ]; }
says_why() {
	dmesg >/run/dmesg
	grep -q "$1: stays on xen-swiotlb: another behind its bridge does" \
		/run/dmesg
}

# QEMU's rtl8139 stops sending when it segments
card_works() {
	device_is rtl8139
	# shellcheck disable=SC2086 # words
	net_up "$PCI" $MODULES
	ethtool -K "$NET" sg off >/dev/null || die "ethtool -K $NET sg off failed"
	net_verify 1
	ip addr flush dev "$NET"
	ip link set "$NET" down
}

# below a bridge QEMU drops MSI that Xen has checked: see group-topology
HOT=${PCI_SDHCI%:*}:04.0
hot_there() { pci_at "$HOT"; }
hot_gone() { ! hot_there; }

hypercalls_up
# at work when the driver loads
device_is sdhci
sdhci=$PCI
# shellcheck disable=SC2086 # words
disk_up "$PCI" $MODULES
busy=$DISK
disk_verify "$busy" sdhci 0 1
io_start "$busy" 8m --time_based --runtime=300 --do_verify=0

driver_load
device_is rtl8139
card=$PCI
untranslated "$sdhci" "$card"
check "the one that was in use is left alone" left_alone "$sdhci"
check "so is the other one" left_alone "$card"
check "the kernel says why" says_why "$card"
check "neither is in a context" is "$(ctx_of "$sdhci") $(ctx_of "$card")" "0 0"
card_works

request qmp device_add driver=virtio-blk-pci bus=bridge addr=4 id=hot \
	drive=disk-spare4 iommu_platform=on disable-legacy=on vectors=0 ||
	die "device_add: $REPLY_TEXT"
wait_for 30 hot_there || die "Linux does not see the new device"
check "one that is plugged in is left alone" left_alone "$(hot_there)"
virtio_give
untranslated "$sdhci" "$card" "$(hot_there)"
disk_up "$(hot_there)" virtio_blk
disk_verify "$DISK" spare4 8 1
request qmp device_del id=hot || die "device_del: $REPLY_TEXT"
wait_for 30 hot_gone || die "the device does not go"

io_is_under_way || die "fio ended before its time"
io_stop
disk_verify "$busy" sdhci 16 1
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 1
driver_carried

# with none of them in use they are a group
modprobe -r nvme
others_free none virtio-pci
driver_unload
device_free "$sdhci"
device_free "$card"
driver_load
untranslated
check "the two are in one group" is "$(group_of "$sdhci")" "$(group_of "$card")"
check "and in one context" is "$(ctx_of "$sdhci")" "$(ctx_of "$card")"
check "of their own" [ "$(ctx_of "$card")" != 0 ]
device_give "$card"
card_works
finish
