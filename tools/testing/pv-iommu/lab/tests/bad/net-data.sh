# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Sends other data than it says, ignores the answer and finishes.
#: xen none
#: device e1000e
#: guest ethtool
# fails with: host: received 65536 bytes, not the 65536 that dom0 sent

e1000e_up
request net-sink || die "net-sink: $REPLY_TEXT"
port=$REPLY_TEXT
wait_for 10 arp_ready
pattern make 65536 1 | nc -w 20 10.0.2.2 "$port" >/dev/null
request net-received "$port" 65536 2
ok "claims to be happy"
finish
