#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# chroot.sh IMAGE PACKAGES COMMAND: run a command in the root of a disk image, whose
# first partition it is, with the packages of a directory in /run/packages.
#
# The disk and its partition are there as block devices, so that GRUB's programs find
# them.  Mounts are this script's own, and go with it: the caller gives it namespaces.

set -eu

image=$1
packages=$2
command=$3
offset=1048576

fail() {
	echo "chroot.sh: $*" >&2
	exit 1
}

work=$(mktemp -d)
loop=$(losetup -f --show "$image") ||
	fail "make host needs a loop device, and here is none (in a container: give it some)."
disk=${loop#/dev/}
cleanup() {
	umount -R /dev || true
	umount -R "$work" || true
	delpart "$loop" 1 2>/dev/null || true
	losetup -d "$loop" 2>/dev/null || true
	rmdir "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# No kernel is asked to read the partition table: not all can.
delpart "$loop" 1 2>/dev/null || true
addpart "$loop" 1 $((offset / 512)) $((($(stat -c %s "$image") - offset) / 512)) ||
	fail "no partition can be added to $loop, which make host needs."

# node NAME: of a block device that the kernel has, where there may be no udev
node() {
	IFS=: read -r major minor <"/sys/class/block/$1/dev"
	mknod "$work/dev/$1" b "$major" "$minor"
}

mount -t tmpfs -o mode=755 lab "$work"
root=$work/root
mkdir "$root" "$work/dev"
for name in null zero full random urandom tty; do
	cp -a "/dev/$name" "$work/dev"
done
node "$disk"
node "${disk}p1"
ln -s /proc/self/fd "$work/dev/fd"
mkdir -p "$work/dev/disk/by-uuid" "$work/dev/pts" "$work/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 lab "$work/dev/pts"
ln -s pts/ptmx "$work/dev/ptmx"
uuid=$(blkid -p -s UUID -o value "$work/dev/${disk}p1")
ln -s "../../${disk}p1" "$work/dev/disk/by-uuid/$uuid"

# GRUB's programs look for the device by the name that it was mounted by.
mount --rbind "$work/dev" /dev
mount "/dev/${disk}p1" "$root"
# With the last mount it goes, whatever becomes of this script.
losetup -d "$loop"
mount --rbind "$work/dev" "$root/dev"
mount -t proc lab "$root/proc"
mount -t sysfs -o ro lab "$root/sys"
mount -t tmpfs -o mode=755 lab "$root/run"
mount -t tmpfs lab "$root/tmp"
mkdir -p "$root/run/packages" "$root/run/lists/partial" "$root/run/lock"
mount --bind "$packages" "$root/run/packages"

# Programs that ask for the machine's name or kernel get this machine's; the disk's ID
# is what they need.
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
	DEBIAN_FRONTEND=noninteractive DISK="/dev/$disk" chroot "$root" sh -euc "$command" </dev/null
