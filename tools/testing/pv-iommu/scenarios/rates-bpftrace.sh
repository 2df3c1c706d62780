# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about bpftrace reads the fields of the driver's trace events while a disk is busy.
#: variants vtd
#: slow vtd
#: device nvme
#: guest fio bpftrace
#: memory 3072
#: dom0mem 2048

driver_load
disk_up "$PCI_NVME" nvme
fio_start "$DISK" 64m --rate=4m
bpftrace -e '
	tracepoint:xen_pv_iommu:xpi_map { @frames = sum(args->nr_frames); }
	tracepoint:xen_pv_iommu:xpi_submit { @ops = sum(args->nr_ops); }
	interval:s:3 { exit(); }' >/run/bpf 2>&1 ||
	die "bpftrace fails: $(tail -n 1 /run/bpf)"
fio_end
for name in frames ops; do
	count=$(sed -n "s/^@$name: *//p" /run/bpf)
	check "bpftrace counts $name: $count" [ "${count:-0}" -gt 0 ]
done
driver_carried
finish
