# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What a scenario changes of the machine's state, so that it can be as it was.

# A fork costs tens of milliseconds here, so there are as few as can be.
modules() { cut -d' ' -f1 /proc/modules; }
mounts() { cut -d' ' -f2 /proc/mounts; }
processes() { ps -o pid,ppid | awk '$2 != 2 && $1 > 2 { print $1 }'; }

# bindings: each PCI device that has a driver, with it
bindings() {
	for bindings_path in /sys/bus/pci/drivers/*/*:*:*; do
		[ ! -e "$bindings_path" ] || echo "$bindings_path"
	done
}

# new_of WHAT: lines of the function WHAT that are not in /run/lab/WHAT:
# that were not there at the beginning, and do not stay
new_of() {
	"$1" >/run/lab/now
	grep -vxF -f "/run/lab/$1" /run/lab/now
}

# stays_mark WHAT...; stays WHAT...: what there is of it now, and was not then, is there
# for later scenarios
stays_mark() {
	for stays_what in "$@"; do
		$stays_what >"/run/lab/before-$stays_what"
	done
}

stays() {
	for stays_what in "$@"; do
		$stays_what | grep -vxF -f "/run/lab/before-$stays_what" \
			>>"/run/lab/$stays_what"
	done
}
