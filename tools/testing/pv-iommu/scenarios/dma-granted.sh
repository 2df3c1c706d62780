# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Direct I/O with pages that are mapped by grant moves their data, and nothing is left of it; on a hypervisor without gref it fails, moves nothing, and the disk works on.
#: variants vtd amdvi vtd-strict vtd-shared
#: variant no-gref like=vtd xenargs=iommu-op=no-gref
#: slow vtd-strict vtd-shared
#: device ahci
#: guest fio granted pviommu-userdma.ko
#: expect linux ata\d+\.\d+: (exception Emask|failed command)
#: expect linux xen-pv-iommu: a page of domain 0 is not mapped
#: expect linux sd .* FAILED Result|I/O error, dev sd

# NVMe, virtio and most SCSI hosts take what cannot be mapped for a lack of
# memory, and try for ever.  ATA gives up.

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh

U=/dev/pviommu-userdma

ended() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

driver_load
ahci_up
modprobe xen_gntdev || die "modprobe xen_gntdev failed"
modprobe xen_gntalloc || die "modprobe xen_gntalloc failed"
insmod /lab/pviommu-userdma.ko || die "pviommu-userdma does not load"
for node in /dev/xen/gntdev /dev/xen/gntalloc $U; do
	wait_for 5 test -c "$node" || die "no $node"
done
echo "device $PCI_AHCI" >$U || die "no device $PCI_AHCI"

if [ -n "$(driver_says 'no gref')" ]; then
	what=refused
else
	what=works
fi
before=$(driver_stat map_refused)
granted $what $U "$DISK" 8388608 8 >/run/granted 2>&1 &
granted_pid=$!
wait_for 120 ended $granted_pid || die "hangs after: $(tail -n 1 /run/granted)"
wait $granted_pid || die "$(grep -v '^ok' /run/granted | head -n 1)"
while read -r line; do
	ok "${line#ok }"
done </run/granted
if [ $what = refused ]; then
	check "the driver counts what it refused" \
		[ "$(driver_stat map_refused)" -gt "$before" ]
	check "and says whose page it was" \
		[ -n "$(driver_says 'a page of domain 0 is not mapped')" ]
else
	check "the driver refused nothing" is "$(driver_stat map_refused)" "$before"
	nothing_granted
fi
fio_verify "$DISK" 4m
disk_verify "$DISK" ahci 16 4
for failed in map_failed unmap_failed flush_failed quarantined; do
	check "$failed is 0" is "$(driver_stat $failed)" 0
done
finish
