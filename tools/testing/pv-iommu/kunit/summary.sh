# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# summary FILE STATUS CONSOLE - from kunit.py's output and exit status, and what
# the kernel said, to one line and an exit status.  A warning of the kernel fails
# no test, but counts as a failure; what is one, the lab's judge knows ($here
# is this directory).  kunit.py ends with a line like
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
	summary_splats "$3"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

summary_count()
{
	n=$(printf '%s\n' "$total" | sed -n "s/.*[ ,]$1: \([0-9]*\).*/\1/p")
	echo "${n:-0}"
}

# summary_splats CONSOLE - show what a kernel must not say, and count it
summary_splats()
{
	splats_code=0
	# shellcheck disable=SC2154 # of run.sh
	if forbidden=$(PYTHONPATH=$here/.. PYTHONDONTWRITEBYTECODE=1 python3 -c \
		'from lab import judge; print(judge.KERNEL_FORBIDDEN.pattern)'); then
		splats=$(LC_ALL=C grep -acP -e "$forbidden" "$1") ||
			splats_code=$?
	else
		splats_code=2
	fi
	case $splats_code in
	0)
		echo "the kernel warned:" >&2
		LC_ALL=C grep -aP -A 30 -e "$forbidden" "$1" >&2
		failed=$((failed + splats))
		;;
	1)
		;;
	*)
		echo "nobody can tell whether the kernel warned" >&2
		failed=$((failed + 1))
		;;
	esac
}
