# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about An e1000e network card moves data both ways through mappings that dom0 made, compared on both ends.
#: variants vtd vtd-strict amdvi amdvi-strict
#: slow vtd-strict amdvi
#: device e1000e
#: guest ethtool

driver_load
e1000e_up
net_verify 8
driver_carried
finish
