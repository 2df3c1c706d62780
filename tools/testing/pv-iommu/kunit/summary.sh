# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# summary FILE STATUS CONSOLE - from kunit.py's output and exit status, and what
# the kernel said, to one line and an exit status.  A warning of the kernel fails
# no test, but counts as a failure.  kunit.py ends with a line like
#   Testing complete. Ran 9 tests: passed: 7, failed: 1, skipped: 1

summary()
{
	total=$(grep -a 'Testing complete\. Ran ' "$1" | tail -n 1)
	passed=$(summary_count passed)
	skipped=$(summary_count skipped)
	failed=$(($(summary_count failed) + $(summary_count crashed) +
		  $(summary_count errors)))

	if [ "$passed" = 0 ] && [ "$failed" = 0 ]; then
		echo "no test was run to its end (kunit.py: $2)" >&2
		failed=1
	elif [ "$2" != 0 ] && [ "$failed" = 0 ]; then
		echo "kunit.py ended with $2" >&2
		failed=1
	fi
	splats=$(grep -acE '(WARNING|BUG|Oops|INFO): ' "$3" || :)
	splats=${splats:-0}
	if [ "$splats" != 0 ]; then
		echo "the kernel warned:" >&2
		grep -aE -A 30 '(WARNING|BUG|Oops|INFO): ' "$3" >&2
		failed=$((failed + splats))
	fi
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

summary_count()
{
	n=$(printf '%s\n' "$total" | sed -n "s/.*[ ,]$1: \([0-9]*\).*/\1/p")
	echo "${n:-0}"
}
