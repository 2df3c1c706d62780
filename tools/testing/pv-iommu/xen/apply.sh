#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# apply.sh XEN_SRC_DIR: put the iommu_op hypercall into a Xen source tree.
#
# XEN_SRC_DIR is an unpacked Debian source package of Xen (the directory with
# xen/ in it), of a version that has a directory here.  Only what is known, byte
# by byte, is patched.  Either all is done or, with one line on standard error
# and status 1, nothing.

set -eu

fail() {
	echo "apply.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
header=$here/../../../../include/xen/interface/iommu_op.h
stamp=.pv-iommu-overlay

[ $# -eq 1 ] || fail "usage: apply.sh XEN_SRC_DIR"
src=$(cd "$1" 2>/dev/null && pwd) || fail "$1 is not a directory."

[ -d "$src/xen/drivers/passthrough" ] ||
	fail "$src is not a Xen source tree."

version=$(sed -n 's/^export XEN_\(SUB\)\{0,1\}VERSION *= *//p' \
	"$src/xen/Makefile" 2>/dev/null | paste -s -d .)
known=$(cd "$here" && echo [0-9]*)
[ -e "$here/${version:-none}/hooks.patch" ] ||
	fail "$src is Xen ${version:-of no version}; this overlay is for: $known."

# What this overlay consists of, to tell whether a tree has this very one.
id=$(cd "$here" && {
	cat "$header"
	find "$version/hooks.patch" files -type f | LC_ALL=C sort | while read -r f; do
		echo "$f"
		cat "$f"
	done
} | sha256sum | cut -d ' ' -f 1)

if [ -e "$src/$stamp" ]; then
	[ "$(cat "$src/$stamp")" = "$id" ] &&
		fail "$src has this overlay already."
	fail "$src has another version of this overlay: start from a pristine tree."
fi

bad=$(cd "$src" && sha256sum -c --quiet "$here/$version/pristine.sha256" 2>/dev/null |
      sed -n 's/: FAILED.*//p' | tr '\n' ' ')
[ -z "$bad" ] ||
	fail "not the source of Xen $version this overlay is for, these differ: $bad"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# One text of the ABI: the Linux header, with Xen's names for the macros.
sed -E \
	-e 's,^#include <xen/interface/xen\.h>$,#include "xen.h",' \
	-e 's,^DEFINE_GUEST_HANDLE_STRUCT\((\w+)\);$,typedef struct \1 \1_t;\nDEFINE_XEN_GUEST_HANDLE(\1_t);,' \
	-e 's,\bGUEST_HANDLE\(void\),XEN_GUEST_HANDLE(void),' \
	-e 's,\bGUEST_HANDLE\((\w+)\),XEN_GUEST_HANDLE(\1_t),' \
	"$header" > "$tmp/iommu_op.h"

# Undoing it must give what it was made from: nothing was missed or mangled.
sed -E \
	-e 's,^#include "xen\.h"$,#include <xen/interface/xen.h>,' \
	-e '/^typedef struct (\w+) \1_t;$/d' \
	-e 's,^DEFINE_XEN_GUEST_HANDLE\((\w+)_t\);$,DEFINE_GUEST_HANDLE_STRUCT(\1);,' \
	-e 's,\bXEN_GUEST_HANDLE\(void\),GUEST_HANDLE(void),' \
	-e 's,\bXEN_GUEST_HANDLE\((\w+)_t\),GUEST_HANDLE(\1),' \
	"$tmp/iommu_op.h" | cmp -s - "$header" ||
	fail "include/xen/interface/iommu_op.h cannot be turned into Xen's form."
if grep -qE '(^|[^_])GUEST_HANDLE|xen/interface' "$tmp/iommu_op.h"; then
	fail "include/xen/interface/iommu_op.h has Linux idioms that were not translated."
fi

(cd "$here/files" && find . -type f | sed 's,^\./,,') > "$tmp/new"
echo xen/include/public/iommu_op.h >> "$tmp/new"
while read -r f; do
	[ ! -e "$src/$f" ] || fail "$src/$f exists already."
done < "$tmp/new"

patch -d "$src" -p1 -F0 --dry-run --force < "$here/$version/hooks.patch" \
	> "$tmp/log" 2>&1 || fail "$version/hooks.patch does not apply: $(tail -n 1 "$tmp/log")"

# From here on nothing is expected to fail.
echo incomplete > "$src/$stamp"
patch -d "$src" -p1 -F0 --force --quiet --no-backup-if-mismatch \
	< "$here/$version/hooks.patch"
cp -R "$here/files/." "$src/"
cp "$tmp/iommu_op.h" "$src/xen/include/public/iommu_op.h"
echo "$id" > "$src/$stamp"
