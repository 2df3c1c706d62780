# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Behind a bridge, behind a switch, in one slot, as virtual functions: groups are those of bare Linux; who shares one shares a context, and works there, also when it is plugged in.
#: variant bare       xen=none iommu=vtd linux=intel_iommu=on
#: variant bare-amdvi xen=none iommu=amdvi linux=amd_iommu=on
#: variants vtd
# a machine of its own: drivers that wait for these devices are not for others
#: variant amdvi-bridges like=amdvi xenargs=iommu-op=buffers
# the same groups by another driver
#: slow bare-amdvi
#: needs module
#: device nvme
#: device sdhci
#: device rtl8139
#: device tulip
#: device nvme-switch
#: device vmxnet3
#: device nvme-twin0
#: device nvme-twin1
#: device multi0
#: device multi1
#: device nvme-sriov
#: device spare5
#: guest fio ethtool nvme-vf iommu-op
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

# What isolates which devices from each other, by the names that the lab has for
# them.  Bare Linux proves that this is what Linux makes of the machine.  Ports and
# bridges are not listed; whose group they are in is seen by who is in it.
expected() {
	cat <<-END
		# alone on the root bus, which has no peer-to-peer by its rules
		nvme
		0000:00:00.0
		# functions of the chipset in one slot, without ACS
		0000:00:1f.0 0000:00:1f.2 0000:00:1f.3
		# functions of one device without ACS, behind a port with it
		multi0 multi1
		# virtual functions, and the one that makes them, each with an ID
		nvme-sriov
		vf0
		vf1
		# behind ports of a switch without ACS: Linux minds that where they
		# are functions in one slot
		nvme-switch
		vmxnet3
		nvme-twin0 nvme-twin1
		# behind a bridge to PCI, under whose ID they all do their DMA
		$1rtl8139 sdhci tulip
	END
}

# QEMU's AMD-Vi has DMA from behind any bridge come from bus 0, from before buses got
# their numbers: it works where all devices share an address space, and neither on
# bare Linux nor here.  There is no data to check then but on the root bus, and no
# virtual functions, which are asked for by way of such a device.
behind_bridges() { [ "$IOMMU" != amdvi ]; }

# names: a line "ADDRESS NAME" for each device that the lab has a name for.  A fork
# takes long here, so these functions have few.
names() {
	while read -r names_name names_path _; do
		# shellcheck disable=SC2231 # the path is a pattern
		for names_path in /sys/devices/pci*/$names_path; do
			echo "${names_path##*/} $names_name"
		done
	done </lab/devices
	[ -z "$VF0" ] || echo "$VF0 vf0"
	[ -z "$VF1" ] || echo "$VF1 vf1"
	# shellcheck disable=SC2231 # the path is a pattern
	for names_path in /sys/devices/pci*/$HOT; do
		[ ! -e "$names_path" ] || echo "${names_path##*/} hot"
	done
}

# members: a line "GROUP ADDRESS" for each that is neither a port, nor a bridge to
# another bus, nor the IOMMU; "none-ADDRESS" is who has no group
members() {
	for members_path in /sys/bus/pci/devices/* \
		/sys/kernel/iommu_groups/*/devices/*; do
		read -r members_class <"$members_path/class"
		case $members_class in
		0x0604* | 0x0806*) continue ;;
		esac
		members_pci=${members_path##*/}
		case $members_path in
		/sys/bus/*)
			[ -e "$members_path/iommu_group" ] ||
				echo "none-$members_pci $members_pci"
			;;
		*)
			members_group=${members_path%/devices/*}
			echo "${members_group##*/} $members_pci"
			;;
		esac
	done
}

# partition: a line for each group, with the names in it, all in order
partition() {
	names >/run/names
	members >/run/members
	awk 'NR == FNR { name[$1] = $2; next }
		{ print $1, ($2 in name ? name[$2] : $2) \
			($1 ~ /^none-/ ? "(without group)" : "") }' \
		/run/names /run/members | sort |
		awk '$1 != group { if (NR > 1) print line; line = ""; group = $1 }
			{ line = line (line ? " " : "") $2 }
			END { print line }' | sort
}

# groups_check TEXT [HOT]: are they as expected?  Groups of other devices only,
# which scenarios may have that share the boot, do not count.
groups_check() {
	expected "${2:+$2 }" | grep -v '^#' | sort >/run/expected
	[ -n "$VF0" ] || sed -i /^vf/d /run/expected
	tr ' ' '\n' </run/expected >/run/words
	partition >/run/groups
	awk 'NR == FNR { mine[$1]; next }
		{ for (i = 1; i <= NF; i++) if ($i in mine) { print; next } }' \
		/run/words /run/groups >/run/found
	diff /run/expected /run/found >/run/diff ||
		die "$1: $(grep '^[-+][^-+]' /run/diff | tr '\n' ';')"
	ok "$1: $(tr '\n' ';' </run/found)"
}

# contexts_check TEXT: each group is a context, and none is the host map; of those
# that groups_check has looked at
contexts_check() {
	names >/run/names
	awk 'NR == FNR { mine[$1]; next } $2 in mine' \
		/run/words /run/names >/run/mine
	while read -r contexts_pci contexts_name; do
		echo "of $contexts_pci"
		iommu-op device "$contexts_pci" || die "no context of $contexts_name"
	done </run/mine >/run/ops
	members >/run/members
	awk 'NR == FNR { group[$2] = $1; next }
		/^of / { pci = $2 }
		sub(/^ctx=/, "") { print group[pci], $0 }' \
		/run/members /run/ops | sort -u >/run/contexts
	for contexts_field in 1 2; do
		is "$(cut -d' ' -f$contexts_field /run/contexts | sort |
			uniq -d)" "" >/run/check ||
			die "$1: groups and contexts: $(tr '\n' ';' </run/contexts)"
	done
	! grep -q ' 0$' /run/contexts || die "$1: one is in the host map"
	ok "$1: $(wc -l </run/contexts) groups in as many contexts"
}

# The device that is plugged in, a sibling of the one that is next to it.  It has no
# MSI: below a bridge QEMU takes the range of buses that Xen has an interrupt checked
# for the wrong way round, and drops it.
HOT=${PCI_SDHCI%:*}:04.0
hot_there() { pci_at "$HOT"; }
hot_gone() { ! hot_there; }

plug() {
	request qmp device_add driver=virtio-blk-pci bus=bridge addr=4 id=hot \
		drive=disk-spare5 iommu_platform=on disable-legacy=on \
		vectors=0 ||
		die "device_add: $REPLY_TEXT"
	wait_for 30 hot_there || die "Linux does not see the new device"
}

unplug() {
	request qmp device_del id=hot || die "device_del: $REPLY_TEXT"
	wait_for 30 hot_gone || die "the device does not go"
}

# QEMU's vmxnet3 drops a packet of which a piece is in two pages that are no
# neighbours in machine memory, and segmenting is of no interest here
whole() { ethtool -K "$NET" sg off >/dev/null || die "ethtool -K $NET sg off failed"; }

if [ "$XEN" != none ]; then
	hypercalls_up
	driver_load
fi
VF0=
VF1=
if behind_bridges; then
	nvme_up nvme-sriov
	physical=$DISK
	vf_prepare "$PCI"
	echo 2 >"$PF/sriov_numvfs" || die "no virtual functions"
	VF0=$(basename "$(readlink "$PF/virtfn0")")
	VF1=$(basename "$(readlink "$PF/virtfn1")")
fi
groups_check "groups"

# with drivers those behind bridges would wait for what never comes
behind_bridges || echo 0 >/sys/bus/pci/drivers_autoprobe
if [ "$XEN" = none ]; then
	plug
	groups_check "with one more behind the bridge" hot
	if behind_bridges; then
		virtio_give
		disk_up "$(hot_there)" virtio_blk
		disk_verify "$DISK" spare5 8 1
		echo 0 >"$PF/sriov_numvfs"
	fi
	unplug
	finish
	exit
fi

if ! behind_bridges; then
	contexts_check "contexts"
	plug
	groups_check "with one more behind the bridge" hot
	contexts_check "contexts"
	unplug
	groups_check "without it"
	modprobe nvme
	echo "$PCI_NVME" >/sys/bus/pci/drivers/nvme/bind ||
		die "no driver for $PCI_NVME"
	disk_up "$PCI_NVME"
	disk_verify "$DISK" nvme 8 1
	echo 1 >/sys/bus/pci/drivers_autoprobe
	driver_carried
	finish
	exit
fi

contexts_check "contexts"
for disk in nvme nvme-switch nvme-twin0 nvme-twin1 multi0 multi1 sdhci; do
	device_is $disk
	# shellcheck disable=SC2086 # words
	disk_up "$PCI" $MODULES
	device_translated "$PCI"
	disk_verify "$DISK" $disk 8 1
done
bridged=$DISK
card_check vmxnet3 1 whole
card_check rtl8139 1 whole
disk_verify "$physical" nvme-sriov 8 1
vf_up 1
disk_verify "$DISK" nvme-sriov 16 1
vf_up 2
disk_verify "$DISK" nvme-sriov 24 1

# while its sibling is at work, under the ID that they have in common
io_start "$bridged" 8m --time_based --runtime=300 --do_verify=0
plug
groups_check "with one more behind the bridge" hot
contexts_check "contexts"
virtio_give
hot=$(hot_there)
disk_up "$hot" virtio_blk
device_translated "$hot"
disk_verify "$DISK" spare5 8 2
unplug
io_is_under_way || die "fio ended when its sibling went"
io_stop
disk_verify "$bridged" sdhci 16 2
groups_check "without it"
driver_carried

echo 0 >"$PF/sriov_numvfs" || die "the virtual functions stay"
finish
