# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A USB disk on xHCI writes and reads through mappings that dom0 made, compared in the disk image.
#: variants vtd vtd-strict amdvi amdvi-strict
#: slow vtd-strict amdvi
#: device xhci
#: guest fio

driver_load
disk_up "$PCI_XHCI" xhci_pci usb_storage sd_mod
disk_verify "$DISK" xhci 8 16
fio_verify "$DISK" 16m
driver_carried
finish
