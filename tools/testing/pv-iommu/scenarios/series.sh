# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The patch series for Linux 7.2 is made, applies with git am, and passes the kernel's checks.
#: where host
#: timeout 3600

PYTHONPATH=$LAB_PYTHONPATH python3 -m lab series >"$LAB_RUN/output" \
	2>"$LAB_RUN/progress"
code=$?
[ $code != 77 ] || tail -n 1 "$LAB_RUN/progress"
grep -E '^(ok|FAIL)' "$LAB_RUN/output"
exit $code
