# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Leaves a module in use.
#: xen none
#: device nvme
# fails with: left behind: nvme

disk_up "$PCI_NVME" nvme
# a block device that is in use keeps its driver
losetup /dev/loop0 "$DISK" 2>/dev/null || mkswap "$DISK"
swapon "$DISK" 2>/run/swapon || die "no use of the disk: $(cat /run/swapon)"
ok "all that was done"
finish
