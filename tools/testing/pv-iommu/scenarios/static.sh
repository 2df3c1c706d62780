# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The kernel's own tools and a few others find nothing in the sources: checkpatch, sparse, W=1 and more.
#: where host
#: timeout 1200

PYTHONPATH=$LAB_PYTHONPATH python3 -m static >"$LAB_RUN/output" \
	2>"$LAB_RUN/progress"
code=$?
grep -E '^(ok|FAIL|skip|    )' "$LAB_RUN/output"
exit $code
