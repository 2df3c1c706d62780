# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A sound card plays through mappings that dom0 made, compared with what came out of it.
#: variants vtd amdvi
#: slow amdvi
#: device hda
#: guest play

# shellcheck source=tools/testing/pv-iommu/lab/guest/lib-io.sh
. /lab/lib-io.sh

driver_load
mapped_mark
device_is hda
modules_up
device_translated "$PCI"
wait_for 10 test -c /dev/snd/pcmC0D0p || die "no sound card"
new_seed
# shellcheck disable=SC2154 # set by new_seed
pattern make 49152 "$seed" >/tmp/sound
check "a quarter of a second of noise was played" \
	play /dev/snd/pcmC0D0p /tmp/sound
request audio hda 49152 "$seed" || die "the host heard other noise: $REPLY_TEXT"
driver_carried
rm /tmp/sound
modprobe -r snd_hda_intel
mapped_back
finish
