# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When dom0 is switched off, or reboots, in the middle of I/O, Xen gets its host map back before the end, and no device does DMA any more.
#: variants vtd amdvi
#: variant reboot iommu=vtd
#: core vtd
#: device nvme
#: guest fio
#: require xen d0: .*gave its I/O address space back
#: require xen Hardware Dom0 (halted: halting|shutdown: rebooting) machine
#: ends

writes() { awk '{ print $5 }' "/sys/block/${DISK##*/}/stat"; }
under_way() { [ "$(writes)" -gt $((began + 100)) ]; }

driver_load
disk_up "$PCI_NVME" nvme
disk_verify "$DISK" nvme 0 1
driver_carried
began=$(writes)
fio_start "$DISK" 32m --do_verify=0 --time_based --runtime=120
wait_for 30 under_way || die "fio does not begin"
finish
case $VARIANT in
reboot)	reboot -f ;;
*)	poweroff -f ;;
esac
