# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A hostile program in dom0 throws bad handles, frames, ranges and orders at the hypercall; Xen stays up and clean, and I/O works.
#: variants vtd amdvi
#: device nvme
#: guest hostile
#: timeout 600

# attack TEXT OPTIONS...
attack() {
	attack_text=$1
	shift
	if ! hostile "$@" >/run/hostile 2>&1; then
		while read -r attack_line; do
			request show "$attack_line"
		done </run/hostile
		die "$attack_text: $(grep '^not ok' /run/hostile | head -n 1);" \
			"$(tail -n 1 /run/hostile)"
	fi
	stat_is seed "$(sed -n 's/.*seed[ =]*\([0-9a-fx]*\).*/\1/p' \
		/run/hostile | head -n 1)"
	ok "$attack_text: $(grep '^# .* ok,' /run/hostile | tail -n 1)"
}

hypercalls_up
attack "without the driver" -t 15 -c 20000
driver_load
disk_up "$PCI_NVME" nvme
attack "beside the driver" -t 10 -c 5000
disk_verify "$DISK" nvme 8 8
driver_carried
modprobe -r nvme
driver_unload || :
finish
