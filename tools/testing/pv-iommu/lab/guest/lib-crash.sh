# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# For scenarios that make dom0 crash.  They say "#: crashes", have kexec in the
# initramfs, and memory that Xen has set aside (crashkernel=).  They begin once
# more in the crash kernel, which knows by $CRASHED, and end there.

# crash_keep NAME TEXT; crash_kept NAME: for the time after the crash
crash_keep() {
	mkdir -p /lab/crash
	echo "$2" >"/lab/crash/$1"
}

crash_kept() { cat "/lab/crash/$1"; }

# crash_load WORDS: Debian's kernel is loaded, for the bare machine, with these
# words, and a root with what dom0's has in few bytes
crash_load() {
	crash_keep id "$LAB_ID"
	# dom0 will have asked some more by then
	crash_keep seq $(($(cat /run/seq) + 1000))
	mkdir -p /tmp/crash/lib
	for crash_dir in dev proc sys run tmp; do
		mkdir "/tmp/crash/$crash_dir"
	done
	cp -a /bin /lab /tmp/crash || die "no root for the crash kernel"
	cp -a /lib/modules /tmp/crash/lib
	cp /lab/crash-init /tmp/crash/init
	(cd /tmp/crash && find . | cpio -o -H newc 2>/dev/null) >/tmp/crash-root
	rm -r /tmp/crash

	modprobe xenfs || die "xenfs does not load"
	mount -t xenfs xenfs /proc/xen || die "no /proc/xen"
	kexec -p /vmlinuz --initrd=/tmp/crash-root \
		--append="console=ttyS0 loglevel=7 panic=1 nr_cpus=1 $1" \
		>/run/kexec 2>&1 || die "kexec: $(tail -n 1 /run/kexec)"
	state "a crash kernel is loaded"
}
