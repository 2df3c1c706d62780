# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The patch series for Linux 7.2 and 6.12 is made, applies with git am, and passes the kernel's checks; kernels with it build.
#: where host
#: variant 7.2
#: variant 7.2-builds
#: variant 6.12-builds
#: slow 7.2-builds 6.12-builds
#: timeout 3600

build=
[ "${LAB_VARIANT%-builds}" = "$LAB_VARIANT" ] || build=--build
# shellcheck disable=SC2086 # an option or nothing
PYTHONPATH=$LAB_PYTHONPATH python3 -m lab series $build \
	"${LAB_VARIANT%-builds}" >"$LAB_RUN/output" 2>"$LAB_RUN/progress"
code=$?
[ $code != 77 ] || tail -n 1 "$LAB_RUN/progress"
grep -E '^(ok|FAIL|skip)' "$LAB_RUN/output"
exit $code
