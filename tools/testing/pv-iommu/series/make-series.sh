#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# make-series.sh SOURCE_TREE OUTDIR: make the patch series for a kernel tree.
#
# SOURCE_TREE is an unpacked kernel, 6.12 or later, without the driver; nothing
# in it is changed.  OUTDIR gets the patches, for git am; older ones there are
# removed.  Either all is done or, with one line on standard error and status
# 1, nothing.

set -eu

fail() {
	echo "make-series.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)

[ $# -eq 2 ] || fail "usage: make-series.sh SOURCE_TREE OUTDIR"
tree=$(cd "$1" 2>/dev/null && pwd) || fail "$1 is not a directory."
out=$2
for tool in git python3 unifdef; do
	command -v $tool >/dev/null || fail "$tool is missing."
done
[ -e "$tree/drivers/xen/Kconfig" ] || fail "$tree is not a kernel source tree."
[ ! -e "$tree/drivers/xen/pv-iommu" ] ||
	fail "$tree has the driver already: start from a pristine tree."

intree() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$here/intree.py" "$tree" "$@"
}

# Who, and when: as in the project's history, so that the same input gives the
# same patches.  Who runs this may have no name, as a CI has none: then it is who
# made the last commit.  Outside a repository git's usual variables say who.
last() { git -c safe.directory='*' -C "$here" log -1 --format="$1" 2>/dev/null; }

name=${GIT_AUTHOR_NAME:-$(git -C "$here" config user.name || last %an)} ||
	fail "git does not know who you are: set user.name and user.email."
email=${GIT_AUTHOR_EMAIL:-$(git -C "$here" config user.email || last %ae)} ||
	fail "git does not know who you are: set user.name and user.email."
date=$(last %ct) ||
	date=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$here/intree.py")}

export GIT_AUTHOR_NAME="$name" GIT_AUTHOR_EMAIL="$email"
export GIT_COMMITTER_NAME="$name" GIT_COMMITTER_EMAIL="$email"
export GIT_AUTHOR_DATE="$date +0000" GIT_COMMITTER_DATE="$date +0000"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null LC_ALL=C
IDENTITY="$name <$email>"
DATE=$(date -u -d "@$date" '+%B %Y')
export IDENTITY DATE

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A repository of the few files that the series touches is enough.
repo=$tmp/repo
git init -q -b series "$repo"
intree touched > "$tmp/touched"
while read -r file; do
	[ -e "$tree/$file" ] || fail "$tree has no $file."
	mkdir -p "$repo/$(dirname "$file")"
	cp "$tree/$file" "$repo/$file"
done < "$tmp/touched"
git -C "$repo" add -A
git -C "$repo" commit -q -m "the kernel"
git -C "$repo" tag base

intree steps > "$tmp/steps"
while read -r step; do
	intree "$step" "$repo"
	git -C "$repo" add -A
	git -C "$repo" commit -q -F "$here/text/$step.msg"
done < "$tmp/steps"

# Nothing of the compat layer may be left, whatever the steps believe.
if git -C "$repo" grep -nE 'XPI_COMPAT|XPI_HAVE|xpi_compat|KBUILD_EXTMOD' -- \
	drivers/xen/pv-iommu include/xen > "$tmp/left"; then
	fail "of the compat layer remains: $(head -n 1 "$tmp/left")"
fi

git -C "$repo" config branch.series.description \
	"$(cat "$here/text/cover-letter")"
git -C "$repo" format-patch -q --cover-letter --no-signature \
	--cover-from-description=subject -M -o "$tmp/patches" base

mkdir -p "$out"
rm -f "$out"/[0-9][0-9][0-9][0-9]-*.patch
cp "$tmp/patches"/* "$out/"
echo "$(($(find "$tmp/patches" -type f | wc -l) - 1)) patches in $out" >&2
