# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Skips what it could have done, after a fault of its own.
#: xen none
# fails with: Linux said: .*lab-made: I/O error

echo "lab-made: I/O error, dev none, sector 0" >/dev/kmsg
skip "no reason"
