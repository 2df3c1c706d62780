# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about In shared mode a hostile program in dom0 throws bad handles, frames, ranges and orders at the hypercall; Xen stays up and clean, and I/O works.
#: variants vtd-shared amdvi-shared
#: variant vtd-no-list like=vtd xenargs=iommu-op=no-contexts,no-list
#: variant vtd-long like=vtd-shared
#: variant amdvi-long like=amdvi-shared
#: slow amdvi-shared vtd-no-list vtd-long amdvi-long
#: device nvme
#: device rp0
#: guest hostile pviommu-balloon.ko
#: timeout 900
#: expect xen Bad steal mfn [0-9a-f]+ from d0

# attack TEXT OPTIONS...: with frames as they come newly from Xen
attack() {
	attack_text=$1
	shift
	insmod /lab/pviommu-balloon.ko || die "the balloon module does not load"
	if ! hostile "$@" >/run/hostile 2>&1; then
		# what is good are hundreds of lines
		grep -v '^ok ' /run/hostile >/run/attack
		while read -r attack_line; do
			request show "$attack_line"
		done </run/attack
		die "$attack_text: $(grep '^not ok' /run/hostile | head -n 1);" \
			"$(tail -n 1 /run/hostile)"
	fi
	rmmod pviommu-balloon || die "the balloon module does not unload"
	stat_is seed "$(sed -n 's/.*seed[ =]*\([0-9a-fx]*\).*/\1/p' \
		/run/hostile | head -n 1)"
	ok "$attack_text: $(sed -n 's/^# \(.* ok\), .*/\1/p' /run/hostile)"
}

case $VARIANT in
*-long) LENGTH='-t 60 -T 5 -c 100000 -n 200000 -e 1' ;;
*) LENGTH='-t 5 -T 2 -c 10000 -n 20000 -e 8' ;;
esac

hypercalls_up
modprobe xen_gntdev || die "modprobe xen_gntdev failed"
# shellcheck disable=SC2086 # words
attack "without the driver" $LENGTH \
	-S "group contexts=the hypervisor has none here" \
	-S "group switch=the hypervisor has none here"
driver_load
disk_up "$PCI_NVME" nvme
# shellcheck disable=SC2086 # words
attack "beside the driver" $LENGTH \
	-S "group life=giving back would end the driver's DMA" \
	-S "group host_map=taking over without clear needs giving back" \
	-S "group nomem=without memory the driver could not map either" \
	-S "group contexts=the hypervisor has none here" \
	-S "group switch=the hypervisor has none here"
disk_verify "$DISK" nvme 8 8
driver_carried
modprobe -r nvme
driver_unload || :
finish
