# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The devices pair0 and pair1: two cards on one wire, the far one in a network
# namespace of its own.

# shellcheck disable=SC2034 # for who includes this
NEAR_IP=10.9.0.1
FAR_IP=10.9.0.2
# 1389 in /proc/PID/net/tcp
PORT=5001

# far COMMAND...: where the far card is
far() { nsenter -t "$FAR" -n "$@"; }
far_is_apart() { [ "$(readlink "/proc/$FAR/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# pair_card NAME: its interface in $NET
pair_card() {
	device_is "$1"
	modules_up
	wait_for 10 net_of "$PCI" || die "no network interface at $PCI"
	NET=$(net_of "$PCI")
	device_translated "$PCI"
}

pair_up() {
	pair_card pair1
	far_net=$NET
	pair_card pair0
	unshare -n sleep 600 &
	FAR=$!
	wait_for 5 far_is_apart || die "no network namespace"
	ip link set "$far_net" netns $FAR || die "$far_net does not go there"
	far ip link set "$far_net" mtu 9000 || die "$far_net: no jumbo frames"
	far ip addr add $FAR_IP/24 dev "$far_net"
	far ip link set "$far_net" up
	ip link set "$NET" mtu 9000 || die "$NET: no jumbo frames"
	ip addr add $NEAR_IP/24 dev "$NET"
	ip link set "$NET" up
	wait_for 15 grep -q 1 "/sys/class/net/$NET/carrier" ||
		die "$NET has no carrier"
	wait_for 15 ping -c 1 -W 2 $FAR_IP || die "the pair does not answer"
}

pair_down() {
	ip addr flush dev "$NET"
	ip link set "$NET" down
	kill "$FAR"
	wait "$FAR"
}

# listening PID|self: somebody waits at the port in that process's network
listening() { grep -qs ":1389 .* 0A " "/proc/$1/net/tcp" "/proc/$1/net/tcp6"; }
# packets rx|tx: of the card $NET
packets() { cat "/sys/class/net/$NET/statistics/$1_packets"; }
