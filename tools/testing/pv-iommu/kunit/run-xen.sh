#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot the kernel that run.sh has built as dom0 of the reference hypervisor, and
# run the KUnit tests there, those with hypercalls among them.
#
#   run-xen.sh KERNEL_TREE BUILD_DIR XEN [FILTER]
#
# XEN is the hypervisor's uncompressed image (xen/xen of a build).  FILTER is a
# glob of suites; without it all are run.  XEN_ARGS and QEMU_IOMMU replace the
# defaults below.
#
# The last line is "N passed, N failed, N skipped"; the exit status is 0 when
# something was run and nothing failed.

set -eu

[ $# -ge 3 ] || {
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
tree=$1
build=$2
xen=$3
filter=${4:-xpi-*}

image=$build/arch/x86/boot/bzImage
log=$build/kunit-xen.log
for f in "$image" "$xen" "$tree/tools/testing/kunit/kunit.py"; do
	[ -f "$f" ] || {
		echo "$f: not there" >&2
		exit 2
	}
done

# A comma would end the module's arguments.
dom0="console=hvc0 earlyprintk=xen panic=-1"
dom0="$dom0 kunit.enable=1 kunit_shutdown=poweroff kunit.filter_glob=$filter"
hypervisor="console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"
hypervisor="$hypervisor iommu=verbose dom0_mem=1G noreboot ${XEN_ARGS:-}"

# QEMU_IOMMU is more than one word.
# shellcheck disable=SC2086
timeout "${KUNIT_RUN_TIMEOUT:-300}" qemu-system-x86_64 \
	-nodefaults -no-user-config -nographic -no-reboot -serial stdio \
	-machine q35,kernel-irqchip=split -accel tcg,thread=multi \
	-cpu max,-smap -smp 2 -m 2G \
	-kernel "$xen" -append "$hypervisor" -initrd "$image $dom0" \
	${QEMU_IOMMU:--device intel-iommu,intremap=on} -device edu \
	>"$log" 2>&1 </dev/null || echo "QEMU ended with $?" >&2

# The hypervisor's lines are not of the test.
grep -av '^(XEN)' "$log" | tr -d '\r' >"$log.dom0" || :
status=0
PYTHONDONTWRITEBYTECODE=1 python3 "$tree/tools/testing/kunit/kunit.py" parse "$log.dom0" \
	>"$log.out" 2>&1 || status=$?
cat "$log.out"

# shellcheck source=summary.sh
. "$(dirname "$0")/summary.sh"
summary "$log.out" "$status" "$log.dom0"
