#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# apply-series.sh SOURCE_TREE SERIES TARGET: bring TARGET to SOURCE_TREE with
# the series.
#
# TARGET is made as a copy of SOURCE_TREE, with hard links where possible, or
# is what an earlier call has left: then only the files that differ are
# written, so that make builds again what has to be and nothing else.

set -eu

fail() {
	echo "apply-series.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)

[ $# -eq 3 ] || fail "usage: apply-series.sh SOURCE_TREE SERIES TARGET"
tree=$(cd "$1" 2>/dev/null && pwd) || fail "$1 is not a directory."
patches=$(cd "$2" 2>/dev/null && pwd) || fail "$2 is not a directory."
target=$3

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# What the files of the series look like in the end.
made=$tmp/made
PYTHONDONTWRITEBYTECODE=1 python3 "$here/intree.py" "$tree" touched |
	while read -r file; do
		mkdir -p "$made/$(dirname "$file")"
		cp "$tree/$file" "$made/$file"
	done
for patch in "$patches"/[0-9]*.patch; do
	case $patch in */0000-*) continue ;; esac
	patch -d "$made" -p1 -F0 --force --quiet --no-backup-if-mismatch \
		< "$patch" > "$tmp/log" 2>&1 ||
		fail "$(basename "$patch") does not apply: $(head -n 1 "$tmp/log")"
done

if [ ! -e "$target" ]; then
	cp -al "$tree" "$target.new" 2>/dev/null || {
		rm -rf "$target.new"
		cp -a "$tree" "$target.new"
	}
	mv "$target.new" "$target"
fi

# The list of the last time is outside the tree, which is to be clean.
list=$target.files
(cd "$made" && find . -type f | LC_ALL=C sort) > "$tmp/files"
if [ -e "$list" ]; then
	LC_ALL=C comm -23 "$list" "$tmp/files" | while read -r file; do
		rm -f "$target/$file"
	done
fi
cp "$tmp/files" "$list"
while read -r file; do
	cmp -s "$made/$file" "$target/$file" && continue
	mkdir -p "$target/$(dirname "$file")"
	cp --remove-destination "$made/$file" "$target/$file"
done < "$tmp/files"
