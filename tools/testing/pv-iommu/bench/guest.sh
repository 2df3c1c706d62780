# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about What requests of a PV guest cost: its disk is an NVMe of dom0's by blkback, its network card one of dom0's by netback.
#: variant xen-swiotlb
#: variant pv-strict   linux=iommu.strict=1
#: variant pv-lazy     linux=iommu.strict=0
#: xen ref
#: linux tsc=reliable
#: device toolstack
#: device nvme null=1
#: device e1000e
#: timeout 1800

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-bench.sh
. /lab/lib-bench.sh

# guest_runs TEXT COMMAND: to look whether it has ended costs instructions, too
guest_runs() {
	guest_send bench "$2"
	while [ -n "$COUNTED" ] && ! guest_said bench "^guest: $guest_number [0-9]"; do
		sleep 4
	done
	guest_result bench 300 "$1"
}

# disk_fio NAME RW BLOCK DEPTH OPTION...: one run of fio in the guest; its numbers in
# /run/fio
disk_fio() {
	disk_name=$1 disk_rw=$2 disk_block=$3 disk_depth=$4
	shift 4
	guest_runs "$disk_name" "fio --name=x --filename=/dev/$NODE \
--rw=$disk_rw --bs=$disk_block --iodepth=$disk_depth --ioengine=libaio --direct=1 $* \
--size=512m --norandommap --minimal >/run/fio && sed 's/^/fio:/' /run/fio"
	sed -n 's/^fio:\(.*;.*\)/\1/p' "$(guest_console bench)" |
		tail -n 1 >/run/fio
}

# disks NAME: what is measured of a disk
disks() {
	disk "$1-randread-4k-qd1" randread 4k 1
	disk "$1-randread-4k-qd32" randread 4k 32
	disk "$1-read-128k-qd8" read 128k 8
	disk "$1-read-1m-qd4" read 1m 4
}

net_receive() {
	guest_runs "receives $net_mib MiB" \
		"[ \$(nc -w 60 10.0.2.2 $net_port </dev/null | wc -c) = $((net_mib << 20)) ]"
}

net_send() {
	guest_runs "sends $net_mib MiB" \
		"head -c $((net_mib << 20)) /dev/zero | nc -w 60 10.0.2.2 $net_port"
}

driver_load
disk_up "$PCI_NVME" nvme
# see guest-net.sh
net_up "$PCI_E1000E" e1000e
toolstack_up
bridge_with "$NET"

guest_up bench "phy:$DISK,xvda,w" -- 'vif = [ "bridge=xenbr0" ]'
NODE=xvda
disks guest
echo N >/sys/module/xen_blkback/parameters/feature_persistent
xl block-attach bench "phy:$DISK,xvdb,w"
guest_runs "a second disk is there" "until [ -b /dev/xvdb ]; do sleep 1; done"
NODE=xvdb
disks guest-mapped
ok "the guest's disks were measured"

guest_runs "it has a network card" \
	"ip addr add 10.0.2.16/24 dev eth0 && ip link set eth0 up"
guest_runs "the host is reached" "ping -c 1 -W 10 10.0.2.2"
net_size=$([ -z "$COUNTED" ] && echo 32 || echo 8)
request net-source $((net_size << 20)) 1 || die "net-source: $REPLY_TEXT"
net_port=$REPLY_TEXT
net_way guest-net-receive "$net_size" net_receive
request net-sink || die "net-sink: $REPLY_TEXT"
net_port=$REPLY_TEXT
net_way guest-net-send "$net_size" net_send
ok "the guest's network was measured"
guest_down bench
finish
