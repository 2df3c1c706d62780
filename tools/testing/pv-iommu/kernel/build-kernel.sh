#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kernel.sh SOURCE_TREE VARIANT OUT: build a dom0 kernel with the driver.
#
# SOURCE_TREE is an unpacked, pristine kernel; nothing in it is changed.
# VARIANT is one or more names of config/NAME.config, joined by "+"; "base" is
# always there.  OUT must not exist.  See README.md for what is in it.
# JOBS says how many jobs (2); KEEP=1 keeps source and objects in OUT/work.

set -eu

fail() {
	echo "build-kernel.sh: $*" >&2
	exit 1
}

say() { echo "build-kernel.sh: $*" >&2; }

here=$(cd "$(dirname "$0")" && pwd)
series=$here/../series

[ $# -eq 3 ] || fail "usage: build-kernel.sh SOURCE_TREE VARIANT OUT"
tree=$(cd "$1" 2>/dev/null && pwd) || fail "$1 is not a directory."
variant=$2
[ ! -e "$3" ] || fail "$3 exists already."

fragments=$here/config/base.config
rest=$variant
while [ -n "$rest" ]; do
	name=${rest%%+*}
	case $rest in *+*) rest=${rest#*+} ;; *) rest= ;; esac
	[ -e "$here/config/$name.config" ] ||
		fail "no variant '$name'; there are: $(cd "$here/config" &&
			echo *.config | sed 's/\.config//g')"
	fragments="$fragments $here/config/$name.config"
done

for tool in gcc make flex bison bc patch depmod perl; do
	command -v $tool >/dev/null || fail "$tool is missing."
done

mkdir -p "$3"
out=$(cd "$3" && pwd)
src=$out/work/linux
obj=$out/work/build
log=$out/build.log
mkdir -p "$obj"

# The same input gives the same kernel, on whatever machine.
export KBUILD_BUILD_USER=pv-iommu KBUILD_BUILD_HOST=lab LC_ALL=C
export KBUILD_BUILD_VERSION=1
KBUILD_BUILD_TIMESTAMP=@$(stat -c %Y "$tree/Makefile")
export KBUILD_BUILD_TIMESTAMP

kmake() {
	make -C "$src" O="$obj" -j"${JOBS:-2}" "$@" >> "$log" 2>&1 ||
		fail "make $* failed, see $log: $(grep -E \
			'error:|Error |undefined' "$log" | head -n 1)"
}

# A copy to patch: hard links where possible, but never to a patched file.
copy_source() {
	cp -al "$tree" "$src" 2>/dev/null || {
		rm -rf "$src"
		cp -a "$tree" "$src"
	}
	python3 "$series/intree.py" "$tree" touched > "$out/work/touched"
	while read -r file; do
		cp --remove-destination "$tree/$file" "$src/$file"
	done < "$out/work/touched"
}

apply_series() {
	"$series/make-series.sh" "$tree" "$out/series"
	for patch in "$out/series"/[0-9]*.patch; do
		case $patch in */0000-*) continue ;; esac
		patch -d "$src" -p1 -F0 --force --quiet \
			--no-backup-if-mismatch < "$patch" >> "$log" 2>&1 ||
			fail "$(basename "$patch") does not apply, see $log."
	done
	case +$variant+ in
	*+gcov+*)
		# The driver only, tests not included: they are no coverage.
		echo 'GCOV_PROFILE := y' >> "$src/drivers/xen/pv-iommu/Makefile"
		;;
	esac
}

# Every option of the fragments, the last word on each, must be as wanted.
check_config() {
	# shellcheck disable=SC2086 # a list
	cat $fragments | sed -nE \
		-e 's/^(CONFIG_\w+)=(.*)$/\1 \2/p' \
		-e 's/^# (CONFIG_\w+) is not set$/\1 n/p' |
		awk '{ name = $1; sub(/^[^ ]* /, ""); want[name] = $0 }
		     END { for (name in want) print name, want[name] }' |
		sort > "$out/work/wanted"
	while read -r name value; do
		has=$(sed -n "s/^$name=//p" "$obj/.config")
		[ "${has:-n}" = "$value" ] ||
			fail "$name is wanted as '$value' by variant '$variant'" \
				"but comes out as '${has:-n}'."
	done < "$out/work/wanted"
}

configure() {
	kmake tinyconfig
	# shellcheck disable=SC2086 # a list
	(cd "$obj" && "$src/scripts/kconfig/merge_config.sh" -m .config \
		$fragments) >> "$log" 2>&1 || fail "merge_config.sh failed, see $log."
	kmake olddefconfig
	check_config
}

build() {
	kmake bzImage modules
	if grep -qE '(^|/)drivers/xen/pv-iommu.*warning:' "$log"; then
		fail "the driver has warnings: $(grep -E \
			'drivers/xen/pv-iommu.*warning:' "$log" | head -n 1)"
	fi
	kmake INSTALL_MOD_PATH="$out" modules_install
	rm -f "$out"/lib/modules/*/build "$out"/lib/modules/*/source
	# shellcheck disable=SC2016 # make expands it
	kmake run-command KBUILD_RUN_COMMAND='$(srctree)/scripts/package/install-extmod-build '"$out/kdir"
	cp "$obj/.config" "$out/kdir/.config"
}

# What gcov needs beside the counters, at the paths that the kernel names.
collect_gcov() {
	mkdir -p "$out/gcov"
	cp "$src"/drivers/xen/pv-iommu/*.[ch] "$out/gcov/"
	cp "$obj"/drivers/xen/pv-iommu/*.gcno "$out/gcov/"
	echo "$obj/drivers/xen/pv-iommu" > "$out/gcov/path"
}

say "copying and patching the source"
copy_source
apply_series
configure
say "building $(make -s -C "$src" O="$obj" kernelrelease 2>/dev/null) ($variant)"
build
cp "$obj/arch/x86/boot/bzImage" "$out/bzImage"
cp "$obj/.config" "$out/config"
cp "$obj/System.map" "$out/System.map"
cp "$obj/include/config/kernel.release" "$out/release"
case +$variant+ in *+gcov+*) collect_gcov ;; esac
[ -n "${KEEP-}" ] || rm -rf "$out/work"
say "$(cat "$out/release") ($variant) is in $out"
