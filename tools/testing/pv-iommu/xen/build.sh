#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh XEN_SRC_DIR OUT [debug]: build the hypervisor from a tree that
# apply.sh has treated, and put it, an uncompressed multiboot ELF, at OUT.
# With "debug", with Xen's assertions.  JOBS says how many jobs (2).

set -eu

fail() {
	echo "build.sh: $*" >&2
	exit 1
}

[ $# -eq 2 ] || [ $# -eq 3 ] || fail "usage: build.sh XEN_SRC_DIR OUT [debug]"
src=$1
out=$2

[ -e "$src/xen/include/public/iommu_op.h" ] ||
	fail "$src has no overlay, run apply.sh first."

make -C "$src/xen" defconfig
if [ "${3-}" = debug ]; then
	sed -i -e '/CONFIG_DEBUG\b/d' "$src/xen/.config"
	echo CONFIG_DEBUG=y >> "$src/xen/.config"
	make -C "$src/xen" olddefconfig
	grep -qx CONFIG_DEBUG=y "$src/xen/.config" ||
		fail "could not enable CONFIG_DEBUG."
fi
make -C "$src/xen" -j"${JOBS:-2}"

cp "$src/xen/xen" "$out"
