# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The driver's KUnit tests pass in QEMU without Xen, against a model of the hypervisor: with lockdep, PREEMPT_RT, KASAN, KCSAN.
#: where host
#: variant debug
#: variant rt
#: variant kasan
#: variant kcsan
#: slow rt kasan kcsan
#: timeout 5400

PYTHONPATH=$LAB_PYTHONPATH python3 -m lab kunit --kernel "7.2-$LAB_VARIANT" \
	>"$LAB_RUN/output" 2>"$LAB_RUN/progress"
code=$?
[ $code != 77 ] || tail -n 1 "$LAB_RUN/progress"
[ $code != 0 ] || printf 'ok '
tail -n 1 "$LAB_RUN/output"
exit $code
