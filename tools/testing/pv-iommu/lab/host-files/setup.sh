# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Make of a Debian root a host that boots by BIOS and GRUB, with all consoles on the
# first serial port.  Runs in the root, with DISK; the files of this directory are in
# /run/packages.

cat >/etc/default/grub.d/lab.cfg <<-'EOF'
	GRUB_TIMEOUT=2
	GRUB_TERMINAL=serial
	GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
	GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0 net.ifnames=0"
	GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="console=hvc0 net.ifnames=0"
	GRUB_CMDLINE_XEN="console=com1 com1=115200,8n1 loglvl=all"
	GRUB_CMDLINE_XEN_DEFAULT="dom0_mem=1G,max:1G bootscrub=0 iommu=verbose,debug"
	XEN_OVERRIDE_GRUB_DEFAULT=1
EOF
cat >/etc/systemd/network/lab.network <<-'EOF'
	[Match]
	Name=eth*
	[Network]
	DHCP=ipv4
EOF
echo host >/etc/hostname
echo "UUID=$(blkid -p -s UUID -o value "${DISK}p1") / ext4 errors=remount-ro 0 1" >/etc/fstab

install -m 755 /run/packages/agent /usr/local/sbin/lab-agent
install -m 644 /run/packages/agent.service /etc/systemd/system/lab-agent.service
systemctl enable lab-agent.service systemd-networkd.service
# nothing here happens once a day
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	systemd-networkd-wait-online.service
# and nobody asks for these; all that is started takes its time here
systemctl mask xendomains.service getty@tty1.service systemd-binfmt.service \
	proc-sys-fs-binfmt_misc.automount systemd-update-utmp.service \
	systemd-update-utmp-runlevel.service modprobe@drm.service \
	modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service \
	modprobe@dm_mod.service
systemd-machine-id-setup

# The drivers of this machine are in the initramfs, and few others: it is made often
# here, and each time that takes as long as the rest.
echo MODULES=list >/etc/initramfs-tools/conf.d/lab
printf '%s\n' nvme ext4 crc32c_generic ahci sd_mod e1000e >>/etc/initramfs-tools/modules
update-initramfs -u -k all

grub-install --target=i386-pc "$DISK"
update-grub
# GRUB writes there, and must not have to make it larger
grub-editenv - create
# all that has to be done once is done
apt-get clean
