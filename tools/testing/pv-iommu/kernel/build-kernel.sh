#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kernel.sh SOURCE_TREE VARIANT OUT: build a dom0 kernel with the driver.
#
# SOURCE_TREE is an unpacked, pristine kernel; nothing in it is changed.
# VARIANT is one or more names of config/NAME.config, joined by "+"; "base" is
# always there.  OUT must not exist.  See README.md for what is in it.
# JOBS says how many jobs (2).  WORK is a directory for the patched source and
# the objects: with the one of an earlier call, for the same SOURCE_TREE, only
# what has changed since is built.  Without it they go when the kernel is built.

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

mkdir -p "$3" "${WORK:-$3/objects}"
out=$(cd "$3" && pwd)
work=$(cd "${WORK:-$3/objects}" && pwd)
src=$work/linux
case +$variant+ in *+gcov+*) src=$work/linux-gcov ;; esac
obj=$work/build-$variant
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

# The driver only, tests not included: they are no coverage.
profile() {
	echo 'GCOV_PROFILE := y' >> "$src/drivers/xen/pv-iommu/Makefile"
}

# Every option of the fragments, the last word on each, must be as wanted.
check_config() {
	# shellcheck disable=SC2086 # a list
	cat $fragments | sed -nE \
		-e 's/^(CONFIG_\w+)=(.*)$/\1 \2/p' \
		-e 's/^# (CONFIG_\w+) is not set$/\1 n/p' |
		awk '{ name = $1; sub(/^[^ ]* /, ""); want[name] = $0 }
		     END { for (name in want) print name, want[name] }' |
		sort > "$obj/.wanted"
	while read -r name value; do
		has=$(sed -n "s/^$name=//p" "$obj/.config")
		[ "${has:-n}" = "$value" ] ||
			fail "$name is wanted as '$value' by variant '$variant'" \
				"but comes out as '${has:-n}'."
	done < "$obj/.wanted"
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

# The program to the kernel's benchmark, static: dom0's root has no libraries.  Its
# Makefile works inside the source only.
build_benchmark() {
	mkdir "$out/tools"
	make -C "$src/tools/dma" CFLAGS=-static >> "$log" 2>&1 ||
		fail "make in tools/dma failed, see $log."
	cp "$src/tools/dma/dma_map_benchmark" "$out/tools/"
	make -C "$src/tools/dma" clean >> "$log" 2>&1 ||
		fail "make clean in tools/dma failed, see $log."
}

# What gcov needs beside the counters, at the paths that the kernel names.
collect_gcov() {
	mkdir -p "$out/gcov"
	cp "$src"/drivers/xen/pv-iommu/*.[ch] "$out/gcov/"
	cp "$obj"/drivers/xen/pv-iommu/*.gcno "$out/gcov/"
	echo "$obj/drivers/xen/pv-iommu" > "$out/gcov/path"
}

"$series/make-series.sh" "$tree" "$out/series"
"$series/apply-series.sh" "$tree" "$out/series" "$src"
case +$variant+ in *+gcov+*) profile ;; esac
configure
say "building $(make -s -C "$src" O="$obj" kernelrelease 2>/dev/null) ($variant)"
build
cp "$obj/arch/x86/boot/bzImage" "$out/bzImage"
cp "$obj/.config" "$out/config"
cp "$obj/System.map" "$out/System.map"
cp "$obj/include/config/kernel.release" "$out/release"
case +$variant+ in *+gcov+*) collect_gcov ;; esac
case +$variant+ in *+benchmark+*) build_benchmark ;; esac
[ -n "${WORK-}" ] || rm -rf "$work"
say "$(cat "$out/release") ($variant) is in $out"
