# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about An AHCI disk writes and reads through mappings that dom0 made, compared in the disk image.
#: variants vtd vtd-strict amdvi amdvi-strict
#: slow vtd-strict amdvi
#: device ahci
#: guest fio

driver_load
ahci_up
disk_verify "$DISK" ahci 8 16
fio_verify "$DISK" 16m
driver_carried
finish
