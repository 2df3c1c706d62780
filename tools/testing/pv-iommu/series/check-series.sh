#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-series.sh SOURCE_TREE SERIES [WORK]: is the series fit to be sent?
#
# SERIES is what make-series.sh made for SOURCE_TREE.  Applies it with git am,
# runs the kernel's own checks on each patch, and asks for its maintainers.
# With WORK, a directory for a copy of the tree and for objects, it also builds
# the kernel after each patch, and in the end the driver as =y and =m, on by
# default or not, with W=1 and sparse; from their patch on with the KUnit tests.
# That takes some ten minutes; the fast part takes seconds.
# Ends with a line "N checks, N failed"; status 1 when one failed.

set -eu

fail() {
	echo "check-series.sh: $*" >&2
	exit 2
}

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 2 ] || [ $# -eq 3 ] ||
	fail "usage: check-series.sh SOURCE_TREE SERIES [WORK]"
tree=$(cd "$1" 2>/dev/null && pwd) || fail "$1 is not a directory."
patches=$(cd "$2" 2>/dev/null && pwd) || fail "$2 is not a directory."
ls "$patches"/0001-*.patch > /dev/null 2>&1 || fail "$2 has no patches."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
checks=0
failed=0

# check TEXT COMMAND...: nothing on standard output or error when it succeeds
check() {
	text=$1
	shift
	checks=$((checks + 1))
	if "$@" > "$tmp/out" 2>&1; then
		echo "ok    $text"
	else
		failed=$((failed + 1))
		echo "FAIL  $text"
		tail -n 40 "$tmp/out" | sed 's/^/      /'
	fi
}

# ignored PATCH: types of message that are not asked for: those of files in it,
# with the reasons in the list; and FILE_PATH_CHANGES, "does MAINTAINERS need
# updating?" for each new file, whatever MAINTAINERS says: maintained() looks
# there.  (--no-signoff: the submitter signs.)
ignored() {
	printf FILE_PATH_CHANGES
	while read -r where types; do
		case $where in '' | '#'*) continue ;; esac
		! grep -q "^+++ b/$where" "$1" || printf ',%s' "$types"
	done < "$here/../static/checkpatch-ignore"
}

checkpatch() {
	(cd "$tree" && perl scripts/checkpatch.pl --strict --no-signoff \
		--show-types --terse --no-summary \
		--ignore "$(ignored "$1")" "$1") \
		> "$tmp/checkpatch" 2>&1 || :
	cat "$tmp/checkpatch"
	[ ! -s "$tmp/checkpatch" ]
}

# A repository with the files that the series touches, as the tree has them.
new_repo() {
	repo=$tmp/repo
	git init -q -b check "$repo"
	PYTHONDONTWRITEBYTECODE=1 python3 "$here/intree.py" "$tree" touched |
		while read -r file; do
			mkdir -p "$repo/$(dirname "$file")"
			cp "$tree/$file" "$repo/$file"
		done
	git -C "$repo" config user.name check
	git -C "$repo" config user.email check@example.org
	git -C "$repo" config advice.detachedHead false
	git -C "$repo" add -A
	git -C "$repo" commit -q -m base
	git -C "$repo" tag base
}

apply() { git -C "$repo" am --whitespace=error "$1"; }

# Every file that is new has this driver's maintainer.
maintained() {
	for file in $(git -C "$repo" diff --name-only --diff-filter=A base); do
		(cd "$repo" && perl "$tree/scripts/get_maintainer.pl" --no-git \
			--no-git-fallback --mpath="$repo/MAINTAINERS" \
			--no-tree --sections -f "$file") > "$tmp/owner" 2>&1
		grep -q '^XEN PV-IOMMU DRIVER' "$tmp/owner" ||
			{ echo "$file has no maintainer"; return 1; }
	done
}

# The kernel's own sorter leaves the new entry where it is.
sorted() {
	mkdir "$tmp/sort"
	perl "$tree/scripts/parse-maintainers.pl" --input="$repo/MAINTAINERS" \
		--output="$tmp/sort/new" --order > "$tmp/sort/log" 2>&1
	for file in "$repo/MAINTAINERS" "$tmp/sort/new"; do
		grep -A 12 '^XEN PV-IOMMU DRIVER$' "$file" | sed '/^$/,$d'
		grep -E '^[A-Z0-9].{3,}$' "$file" | grep -v '^.:	' |
			grep -x -B 1 -A 1 'XEN PV-IOMMU DRIVER'
		echo "--"
	done > "$tmp/sort/both"
	cat "$tmp/sort/both"
	awk 'BEGIN { RS = "--\n" } { part[NR] = $0 }
	     END { exit !(part[1] != "" && part[1] == part[2]) }' "$tmp/sort/both"
}

kernel_doc() {
	(cd "$repo" && find drivers/xen include/xen -name '*.[ch]' \
		-exec "$tree/scripts/kernel-doc" -none -Werror {} +)
}

# --- with WORK

kmake() {
	make -C "$work/linux" O="$work/build" -j"${JOBS:-2}" "$@" \
		> "$work/log" 2>&1 ||
		{ grep -E 'error:|warning:' "$work/log"; tail -n 20 "$work/log"
		  return 1; }
}

# no_warnings: make in the driver's directory said nothing about it
no_warnings() {
	if grep -E 'drivers/xen/pv-iommu.*(warning|error):' "$work/log"; then
		return 1
	fi
}

want() {
	grep -qx "CONFIG_$1" "$work/build/.config" ||
		{ echo "CONFIG_$1 is not set"; return 1; }
}

driver_as() {
	"$work/linux/scripts/config" --file "$work/build/.config" \
		--set-val XEN_PV_IOMMU "$1"
	kmake olddefconfig && want "XEN_PV_IOMMU=$1"
}

# merge FRAGMENT...: of the lab's kernels, into the configuration
merge() {
	(cd "$here/../kernel/config" && cat "$@") > "$work/fragment"
	(cd "$work/build" && ../linux/scripts/kconfig/merge_config.sh -m \
		.config ../fragment) > "$work/log" 2>&1 ||
		{ tail -n 20 "$work/log"; return 1; }
}

# Once they are there, the tests are built whenever the driver is =y.
with_tests() {
	[ -e "$work/linux/drivers/xen/pv-iommu/kunit" ] || return 0
	merge kunit.config && driver_as y && want XEN_PV_IOMMU_KUNIT_TEST=y
}

step_builds() {
	patch -d "$work/linux" -p1 -F0 --force --quiet \
		--no-backup-if-mismatch < "$1" || return
	if [ -e "$work/linux/drivers/xen/pv-iommu" ]; then
		driver_as y && with_tests || return
		rm -rf "$work/build/drivers/xen/pv-iommu"
		kmake W=1 drivers/xen/pv-iommu/ && no_warnings || return
	fi
	kmake vmlinux
}

static_checks() {
	rm -rf "$work/build/drivers/xen/pv-iommu"
	kmake W=1 C=2 CF='-D__CHECK_ENDIAN__' drivers/xen/pv-iommu/ &&
		no_warnings
}

as_module() {
	driver_as m && rm -rf "$work/build/drivers/xen/pv-iommu" &&
		kmake W=1 vmlinux modules && no_warnings &&
		[ -e "$work/build/drivers/xen/pv-iommu/xen-pv-iommu.ko" ]
}

# What the tests' documentation tells to use, and with all that it asks for.
kunit_config() {
	(cd "$work/linux" && PYTHONDONTWRITEBYTECODE=1 python3 \
		tools/testing/kunit/kunit.py config --arch=x86_64 \
		--kunitconfig=drivers/xen/pv-iommu/kunit \
		--build_dir="$work/kunit") > "$work/log" 2>&1 ||
		{ tail -n 20 "$work/log"; return 1; }
}

# switch: what the driver's switch is without a word on the command line
switch() {
	kmake drivers/xen/pv-iommu/core.o || return
	obj=$work/build/drivers/xen/pv-iommu/core.o
	at=$(nm "$obj" | sed -n 's/^0*\([0-9a-f]*\) d switched_on$/0x0\1/p')
	objcopy -O binary -j .init.data "$obj" "$work/init-data" &&
		od -An -tu1 -j "$at" -N1 "$work/init-data" | tr -d ' '
}

by_default() {
	driver_as y && is "$(switch)" 0 &&
		merge default-on.config && driver_as y &&
		want XEN_PV_IOMMU_DEFAULT_ON=y && is "$(switch)" 1
}

is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }; }

# The new pages only: those of the whole kernel take half an hour.  The guide
# is beside the others for this.
pages() {
	dir=$work/linux/Documentation/driver-api/xen-pv-iommu
	cp -r "$dir" "$work/pages"
	cp "$work/linux/Documentation/admin-guide/xen-pv-iommu.rst" "$dir/guide.rst"
	sed -i 's/^   design$/&\n   guide/' "$dir/index.rst"
	make -C "$work/linux" SPHINXDIRS=driver-api/xen-pv-iommu htmldocs \
		> "$work/log" 2>&1 || { tail -n 20 "$work/log"; return 1; }
	rm -rf "$dir"
	mv "$work/pages" "$dir"
	if grep -E '(pv-iommu.*|guide\.rst.*)(WARNING|ERROR|warning:)' "$work/log"
	then
		return 1
	fi
}

builds() {
	mkdir -p "$1"
	work=$(cd "$1" && pwd)
	rm -rf "$work/linux"
	cp -al "$tree" "$work/linux" 2>/dev/null ||
		{ rm -rf "$work/linux"; cp -a "$tree" "$work/linux"; }
	PYTHONDONTWRITEBYTECODE=1 python3 "$here/intree.py" "$tree" touched |
		while read -r file; do
			cp --remove-destination "$tree/$file" "$work/linux/$file"
		done
	mkdir -p "$work/build"
	kmake tinyconfig
	merge base.config
	echo CONFIG_COMPILE_TEST=y >> "$work/build/.config"
	check "the kernel builds without the series" kmake olddefconfig vmlinux
	for patch in "$patches"/0*.patch; do
		case $patch in */0000-*) continue ;; esac
		check "builds after $(basename "$patch")" step_builds "$patch"
	done
	check "sparse and W=1 are content" static_checks
	check "builds as a module" as_module
	check "off by default, on with DEFAULT_ON" by_default
	check "kunit.py takes the tests' own configuration" kunit_config
	if command -v sphinx-build > /dev/null; then
		check "Sphinx is content with the pages" pages
	else
		echo "skip  Sphinx is not installed: the pages are not checked"
	fi
}

new_repo
for patch in "$patches"/0*.patch; do
	name=$(basename "$patch")
	case $name in 0000-*) continue ;; esac
	check "git am $name" apply "$patch"
	check "checkpatch --strict $name" checkpatch "$patch"
done
check "every new file has its maintainer" maintained
check "MAINTAINERS is in order" sorted
check "kernel-doc -Werror" kernel_doc
[ $# -eq 2 ] || builds "$3"

echo "$checks checks, $failed failed"
[ "$failed" -eq 0 ]
