# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about A Debian host on a disk, which GRUB boots: the packages are installed with apt, the driver works, and all goes away again.
#: where host
#: variant once
#: variant life
#: variant life-6.1
#: slow life life-6.1
#: timeout 5400

words=
case $LAB_VARIANT in
once) words=--short ;;
life-*) words="--kernel ${LAB_VARIANT#life-}" ;;
esac
# shellcheck disable=SC2086 # words
PYTHONPATH=$LAB_PYTHONPATH exec python3 -m lab host $words \
	--logs "$LAB_RUN" 2>"$LAB_RUN/progress"
