#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the driver's KUnit tests in QEMU, without Xen.
#
#   run.sh KERNEL_TREE BUILD_DIR [ARGUMENT OF kunit.py ...]
#
# KERNEL_TREE has the driver in drivers/xen/pv-iommu.  BUILD_DIR is made when it
# is not there, and used again when it is.  With KUNIT_EXEC=1 it has a kernel
# with the tests already, which is booted; then any KERNEL_TREE of that version
# will do.  Further arguments go to kunit.py: a filter ("xpi-batch*"),
# --kconfig_add=CONFIG_KASAN=y, --kernel_args=...
#
# The last line is "N passed, N failed, N skipped"; the exit status is 0 when
# all tests of the sources were run that a filter did not leave out, none failed,
# none was skipped that "skips" does not name, and the kernel did not warn.

set -eu

usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

[ $# -ge 2 ] || usage
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$1" && pwd) || usage
mkdir -p "$2"
build=$(cd "$2" && pwd)
shift 2

config=$tree/drivers/xen/pv-iommu/kunit/.kunitconfig
set -- --build_dir="$build" --qemu_config="$here/qemu.py" \
	--timeout="${KUNIT_RUN_TIMEOUT:-600}" "$@"
if [ -n "${KUNIT_EXEC-}" ]; then
	set -- exec "$@"
elif [ -f "$config" ]; then
	set -- run --kunitconfig="$config" --jobs="${KUNIT_JOBS:-2}" "$@"
else
	echo "$tree: the driver and its tests are not in this tree" >&2
	exit 2
fi

log=$build/kunit.log
rm -f "$build/test.log"
cd "$tree"
PATH=$here/bin:$PATH
status=0
PYTHONDONTWRITEBYTECODE=1 timeout "${KUNIT_TIMEOUT:-3600}" \
	python3 tools/testing/kunit/kunit.py "$@" >"$log.out" 2>&1 </dev/null ||
	status=$?
cat "$log.out"

# Of all tests that the filter, if there is one, lets through.
only=
for arg; do
	case $arg in
	-* | run | exec) ;;
	*) only=$arg ;;
	esac
done
PYTHONPATH=$here/.. PYTHONDONTWRITEBYTECODE=1 python3 -m lab.ktap \
	--status "$status" --only "$only" bare "$tree" "$build/test.log"
