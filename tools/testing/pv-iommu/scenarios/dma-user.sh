# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Memory that a device and user space share is the same pages for both, and for the kernel; a dma-buf of user memory, too.
#: variants vtd amdvi
#: slow amdvi
#: device edu64
#: guest pviommu-dmatest.ko pviommu-userdma.ko userdma

U=/dev/pviommu-userdma

# u_must COMMAND...: to the module
u_must() { echo "$*" >$U 2>/run/check || die "$*: $(cat /run/check)"; }

# user COMMAND...: in user space
user() { userdma "$@" >/run/check 2>&1 || die "userdma $*: $(cat /run/check)"; }

# by_kind KIND PAGES
by_kind() {
	size=$(($2 * 4096))
	u_must "$1" $size
	user fill $U $size 11
	u_must verify 11
	u_must fill 12
	user verify $U $size 12
	user device $U $size "$DMT"
	user refused $U $((size + 4096))
	case $1 in
	coherent | contiguous) u_must sgtable ;;
	esac
	u_must free
	ok "$1: user space, kernel and device share $2 pages, and no more"
}

# by_import PAGES: memory of a program; Debian's 6.1 has no udmabuf
by_import() {
	userdma import $U $(($1 * 4096)) >/run/import 2>&1 &
	import_pid=$!
	wait_for 10 grep -q '^memory=' /run/import ||
		die "no dma-buf: $(cat /run/import)"
	user device "$(sed -n 's/^memory=//p' /run/import)" $(($1 * 4096)) "$DMT"
	kill $import_pid
	wait $import_pid
	u_must free
	ok "a dma-buf: user space and device share $1 pages"
}

driver_load
dmt_up 64
dmt_on "$PCI_EDU64"
insmod /lab/pviommu-userdma.ko || die "pviommu-userdma does not load"
wait_for 5 test -c $U || die "no $U"
u_must device "$PCI_EDU64"
by_kind coherent 6
by_kind noncontiguous 6
by_kind contiguous 3
by_kind pages 3
case $(uname -r) in
6.1.*) tell "no udmabuf in this kernel" ;;
*) by_import 6 ;;
esac
driver_carried
finish
