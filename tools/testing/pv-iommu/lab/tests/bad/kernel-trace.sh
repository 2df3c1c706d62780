# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about The kernel prints a backtrace; the scenario does not care.
#: xen none
# fails with: Linux said: .*Call Trace

ok "all that was done"
echo 8 >/proc/sysrq-trigger
echo l >/proc/sysrq-trigger
request finish
