# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A hostile program makes, fills, frees and mixes up contexts, and moves devices between them; Xen stays up and clean.
#: variants vtd amdvi
#: variant vtd-long   like=vtd
#: variant amdvi-long like=amdvi
#: slow vtd-long amdvi-long
#: device nvme
#: device edu
#: device edu32
#: device edu64
#: device rp0
#: guest hostile pviommu-balloon.ko
#: timeout 900
#: expect xen Bad steal mfn [0-9a-f]+ from d0

case $VARIANT in
*-long) seconds=120 ;;
*) seconds=8 ;;
esac

hypercalls_up
modprobe xen_gntdev || die "modprobe xen_gntdev failed"
insmod /lab/pviommu-balloon.ko || die "the balloon module does not load"
for group in contexts switch; do
	if ! hostile -g $group -t $seconds -c 10000 -e 8 >/run/hostile 2>&1; then
		while read -r line; do
			request show "$line"
		done </run/hostile
		die "$group: $(grep '^not ok' /run/hostile | head -n 1);" \
			"$(tail -n 1 /run/hostile)"
	fi
	ok "$group: $(sed -n 's/^# \(.* ok\), .*/\1/p' /run/hostile)"
	sed -n 's/^# switch: //p' /run/hostile | while read -r line; do
		tell "$line"
	done
done
rmmod pviommu-balloon || die "the balloon module does not unload"
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 8 1
finish
