# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about NVMe writes and reads through mappings that dom0 made, compared in the disk image.
#: variants vtd vtd-strict amdvi amdvi-strict vtd-shared amdvi-shared
#: core vtd vtd-shared
#: device nvme
#: guest fio

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 16
fio_verify "$DISK" 16m
driver_carried
finish
