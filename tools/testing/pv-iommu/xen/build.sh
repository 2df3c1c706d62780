#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh XEN_SRC_DIR OUT [debug]: build the hypervisor from a tree that
# apply.sh has treated, and put it, an uncompressed multiboot ELF, at OUT, how
# it was configured at OUT.config, and where its functions are, which the ELF
# does not say, at OUT.map.  With "debug", with Xen's assertions.
# JOBS says how many jobs (2).  In a tree that was built before, with the same
# words, only what changed since is built.

set -eu

fail() {
	echo "build.sh: $*" >&2
	exit 1
}

[ $# -eq 2 ] || [ $# -eq 3 ] || fail "usage: build.sh XEN_SRC_DIR OUT [debug]"
here=$(cd "$(dirname "$0")" && pwd)
src=$1
out=$2

[ -e "$src/xen/include/public/iommu_op.h" ] ||
	fail "$src has no overlay, run apply.sh first."

# The same source gives the same file, whoever builds it, when and where; by
# these words "xl info" says that it is not Debian's own.
src=$(cd "$src" && pwd)
date=$(dpkg-parsechangelog -l "$src/debian/changelog" -S Timestamp) ||
	fail "$src/debian/changelog does not say when it was written."
XEN_BUILD_DATE=$(LC_ALL=C date -u -d "@$date")
XEN_BUILD_TIME=$(date -u -d "@$date" +%T)
DEB_VERSION=$(dpkg-parsechangelog -l "$src/debian/changelog" -S Version)
DEB_MAINTAINER="pv-iommu <pv-iommu@reference>"
export XEN_BUILD_DATE XEN_BUILD_TIME DEB_VERSION DEB_MAINTAINER
export EXTRA_CFLAGS_XEN_CORE="-ffile-prefix-map=$src=. \
	-fdebug-prefix-map=$src=."

configure() {
	make -C "$src/xen" defconfig
	[ "$1" = debug ] || return 0
	sed -i -e '/CONFIG_DEBUG\b/d' "$src/xen/.config"
	echo CONFIG_DEBUG=y >> "$src/xen/.config"
	make -C "$src/xen" olddefconfig
	grep -qx CONFIG_DEBUG=y "$src/xen/.config" ||
		fail "could not enable CONFIG_DEBUG."
}

# Done once more, it would have all files built once more.
words=${3:-release}
if [ "$(cat "$src/.pv-iommu-built" 2>/dev/null)" != "$words" ]; then
	configure "$words"
	echo "$words" > "$src/.pv-iommu-built"
fi
make -C "$src/xen" -j"${JOBS:-2}"

# Those of our objects that there are: one is for debug builds.
objects() {
	(cd "$here/files" && find xen -name '*.c') | sed 's/c$/o/' |
	while read -r object; do
		[ ! -e "$object" ] || echo "$object"
	done
}

if grep -qx CONFIG_XEN_IBT=y "$src/xen/.config"; then
	bad=$(cd "$src" && objects | xargs python3 "$here/ibt.py") ||
		fail "not fit for CET-IBT, or ibt.py cannot tell: $(echo "$bad" |
		     tr "\n" " ")"
fi

cp "$src/xen/xen" "$out"
cp "$src/xen/.config" "$out.config"
cp "$src/xen/xen-syms.map" "$out.map"
