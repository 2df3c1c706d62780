# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Claims to have written what is not in the image, ignores the answer and finishes.
#: xen none
#: device nvme
# fails with: host: image nvme.* bytes differ, the first at 4096

disk_up "$PCI_NVME" nvme
request disk nvme 4096 4096 77
ok "claims to be happy"
finish
