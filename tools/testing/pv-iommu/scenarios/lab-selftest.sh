#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#: about The lab's own parts: the cache under real damage, the judge, the channel, headers, sources, archives.
#: where host

export PYTHONPATH="$LAB_PYTHONPATH"
python3 -m unittest discover -v -t "$LAB_PYTHONPATH" \
	-s "$LAB_PYTHONPATH/lab/tests" >"$LAB_RUN/unittest" 2>&1
code=$?
sed -n 's/^\(.*\) \.\.\. ok$/ok \1/p' "$LAB_RUN/unittest"
cat "$LAB_RUN/unittest"
exit $code
