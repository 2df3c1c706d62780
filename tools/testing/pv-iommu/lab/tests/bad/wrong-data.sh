# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Claims to have written what is not in the image, ignores the answer and finishes.
#: xen debian
#: device nvme
# fails with: host: image nvme.*dom0 wrote 0123456789abcdef

disk_up "$PCI_NVME" nvme
request disk nvme 0 4096 0123456789abcdef
ok "claims to be happy"
finish
