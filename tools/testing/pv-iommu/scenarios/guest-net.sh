# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A PV guest is on a bridge with dom0's network card by netback: megabytes, small packets and jumbo frames go, its pages are mapped for the card, and none of them is left.
#: variants vtd amdvi
#: slow amdvi
#: device toolstack
#: device virtio-net
#: device e1000e
#: device pair0
#: device pair1
#: timeout 600

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-guest.sh
. /lab/lib-guest.sh
# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-pair.sh
. /lab/lib-pair.sh

# guest_net MiB TEXT: that much from the host, then as much to it
guest_net() {
	net_bytes=$(($1 << 20))
	guest_do net 60 "the host is reached $2" "ping -c 1 -W 10 10.0.2.2"
	new_seed
	# shellcheck disable=SC2154 # set by new_seed
	request net-source "$net_bytes" "$seed" || die "net-source: $REPLY_TEXT"
	guest_do net 120 "$1 MiB came as sent $2" \
		"nc -w 60 10.0.2.2 $REPLY_TEXT </dev/null | pattern check $net_bytes $seed"
	new_seed
	request net-sink || die "net-sink: $REPLY_TEXT"
	net_port=$REPLY_TEXT
	guest_do net 120 "$1 MiB sent $2" \
		"pattern make $net_bytes $seed | nc -w 60 10.0.2.2 $net_port"
	request net-received "$net_port" "$net_bytes" "$seed" ||
		die "the host received other data: $REPLY_TEXT"
	guest_do net 60 "small packets go $2" \
		"ping -q -c 100 -i 0.01 -s 8 10.0.2.2 | grep -q ' 0% packet loss'"
}

driver_load
virtio_give
net_up "$PCI_VIRTIO_NET" virtio_net
first=$NET
# What e1000e_up is for are pieces that reach into another page, which those of a
# guest do not.
net_up "$PCI_E1000E" e1000e
second=$NET
toolstack_up
bounce_mark
bridge_with "$first"
guest_up net -- 'vif = [ "bridge=xenbr0,mac=00:16:3e:00:00:10" ]'
guest_do net 20 "it has a network card" \
	"ip addr add 10.0.2.16/24 dev eth0 && ip link set eth0 up"

# QEMU's user network has virtio-net without checksums, so Linux has it without
# scatter-gather, and copies into one piece.
guest_net 4 "by virtio-net"

bridge_with "$second"
granted_mark
guest_net 8 "by e1000e"
granted_mapped 8

pair_up
bridge_with "$NET"
ip link set "vif$(in_root xl domid net).0" mtu 9000
guest_do net 20 "its card is for jumbo frames now" \
	"ip link set eth0 mtu 9000 && ip addr add $NEAR_IP/24 dev eth0"
jumbo=$(packets tx)
new_seed
# shellcheck disable=SC2154 # set by new_seed
far nc -l -p $PORT -e sh -c "pattern check 1048576 $seed" &
there=$!
wait_for 5 listening $FAR || die "nobody listens"
guest_do net 60 "it sends a MiB" \
	"pattern make 1048576 $seed | nc -w 60 $FAR_IP $PORT"
wait $there || die "other data came from the guest"
jumbo=$(($(packets tx) - jumbo))
check "the MiB came as sent, in $jumbo frames" [ $jumbo -lt 256 ]
pair_down

guest_down net
card_errors "$first"
card_errors "$second"
card_errors "$NET"
nothing_left
nothing_granted
nothing_bounced "$PCI_E1000E" "$PCI_VIRTIO_NET"
driver_carried
finish
