# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about When dom0 crashes in the middle of I/O, a crash kernel on the bare machine finds its disk, reads what dom0 wrote, and writes.
# it switches the IOMMU off; it takes it over with the tables that it finds; and it
# leaves it alone, but then gets no interrupt if that still remaps them
#: variant vtd    like=vtd xenargs=crashkernel=256M,below=4G
#: variant vtd-on like=vtd xenargs=crashkernel=256M,below=4G
#: variant amdvi  like=amdvi xenargs="crashkernel=256M,below=4G iommu=no-intremap"
#: slow vtd-on
#: needs bare
#: device nvme
#: guest fio kexec
#: ends
#: crashes
#: trace amdvi_translation_result
#: expect linux Kernel panic - not syncing: sysrq triggered crash
#: expect linux Call Trace
#: expect xen Hardware Dom0 crashed: Executing kexec image on cpu
#: require xen Executing kexec image on cpu

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-crash.sh
. /lab/lib-crash.sh

if [ -z "$CRASHED" ]; then
	driver_load
	disk_up "$PCI_NVME" nvme
	disk_verify "$DISK" nvme 32 2
	driver_carried
	# shellcheck disable=SC2154 # disk_verify has set it
	crash_keep seed "$seed"
	hypercalls_up
	case $VARIANT in
	vtd-on) crash_load intel_iommu=on ;;
	*) crash_load "intel_iommu=off amd_iommu=off" ;;
	esac
	io_start "$DISK" 16m --do_verify=0 --time_based --runtime=120
	echo c >/proc/sysrq-trigger
	die "dom0 did not crash"
fi

# through_host_map: what the IOMMU was asked for is where it was asked for; it has
# large pages, of which QEMU tells the beginning
through_host_map() {
	request trace wait 1 5 \
		'devid: 00:04\.0 gpa 0x([0-9a-f]+)[0-9a-f]{6} hpa 0x\1[0-9a-f]{6}$' ||
		die "the IOMMU translated nothing, or to other addresses"
	ok "the IOMMU is at work, and the disk in the host map"
}

check "this is a kernel without Xen" [ ! -e /sys/hypervisor/type ]
request trace mark
disk_up "$PCI_NVME" nvme
check "the crash kernel reads what dom0 wrote" \
	pattern verify "$DISK" $((32 << 20)) $((2 << 20)) "$(crash_kept seed)"
disk_verify "$DISK" nvme 40 2
[ "$IOMMU" != amdvi ] || through_host_map
finish
