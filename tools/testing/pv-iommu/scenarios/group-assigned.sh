# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Of devices that share an ID behind a bridge none goes to another domain while they are in a context; out of it, with their group's type, they do, and come back.
# QEMU's AMD-Vi translates nothing right behind a bridge: see group-topology
#: variants vtd
#: needs retype
#: device sdhci
#: device rtl8139
#: guest iommu-op xen-assign ethtool fio

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-op.sh
. /lab/lib-op.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-assign.sh
. /lab/lib-assign.sh

# QEMU's rtl8139 stops sending when it segments
unsegmented() {
	ethtool -K "$NET" sg off >/dev/null || die "ethtool -K $NET sg off failed"
}

hypercalls_up
driver_load
device_is sdhci
sdhci=$PCI
device_is rtl8139
card=$PCI
ctx=$(ctx_of "$card")
check "the two are in a context" [ "$ctx" != 0 ]
check "in one" is "$(ctx_of "$sdhci")" "$ctx"

domain_up
check "neither can be assigned" refused -EBUSY xen-assign assign "$DOMAIN" "$card"
refused -EBUSY xen-assign assign "$DOMAIN" "$sdhci"
check "and they stay where they are" is "$(ctx_of "$sdhci") $(ctx_of "$card")" "$ctx $ctx"

echo identity >"$(type_of "$card")" || die "the group cannot leave its context"
away "$card"
away "$sdhci"
ok "out of it, they can"
leaves lives "$card"
leaves lives "$sdhci"
toolstack deassign io "$card"
back lives "$sdhci" 0
ok "they are dom0's again"

echo DMA-FQ >"$(type_of "$card")" || die "the group gets no context again"
check "and in a context" [ "$(ctx_of "$card")" != 0 ]
check "the same one" is "$(ctx_of "$sdhci")" "$(ctx_of "$card")"
disk_check sdhci 1
card_check rtl8139 1 unsegmented
finish
