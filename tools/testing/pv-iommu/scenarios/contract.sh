#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#: about "make artifacts" and "make list" print what they promise on standard output, and nothing else.
#: where host
#: timeout 900

cd "$LAB_TREE" || exit 1
unset MAKEFLAGS MAKELEVEL
make artifacts >"$LAB_RUN/artifacts" || exit 1
[ "$(wc -l <"$LAB_RUN/artifacts")" = 2 ] || { echo "not two lines"; exit 1; }
xen=$(sed -n '1s/^xen=\(\/.*\)/\1/p' "$LAB_RUN/artifacts")
module=$(sed -n '2s/^module=\(\/.*\)/\1/p' "$LAB_RUN/artifacts")
[ "$(head -c 4 "$xen" | od -An -tx1)" = " 7f 45 4c 46" ] ||
	{ echo "xen is no ELF file: $xen"; exit 1; }
# the header that QEMU looks for is within the first 8 KiB
head -c 8192 "$xen" | od -An -v -tx1 | tr -d ' \n' | grep -q 02b0ad1b ||
	{ echo "xen has no multiboot header: $xen"; exit 1; }
echo "ok xen is a multiboot ELF"
strings -a "$module" 2>/dev/null | grep -q '^vermagic=6\.12\.' ||
	{ echo "the module is not for 6.12: $module"; exit 1; }
echo "ok module is for Debian's 6.12"

make list >"$LAB_RUN/list" || exit 1
for path in tools/testing/pv-iommu/scenarios/*.sh; do
	grep -qE "^$(basename "$path" .sh) +[^ ].*\.\$" "$LAB_RUN/list" ||
		{ echo "$path is not in the list with a sentence"; exit 1; }
done
echo "ok every scenario is listed with a sentence"
