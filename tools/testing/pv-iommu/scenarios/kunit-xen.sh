# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The same kernel as dom0: the suites with real hypercalls, and all others, pass there.
#: where host
#: timeout 3600

PYTHONPATH=$LAB_PYTHONPATH python3 -m lab kunit --xen >"$LAB_RUN/output" \
	2>"$LAB_RUN/progress"
code=$?
[ $code != 77 ] || tail -n 1 "$LAB_RUN/progress"
[ $code != 0 ] || printf 'ok '
tail -n 1 "$LAB_RUN/output"
exit $code
