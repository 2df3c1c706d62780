#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#: about The Debian packages are built, twice the same, lintian finds nothing in them, the hypervisor is the lab's, and DKMS builds the driver for Debian's kernels, and refuses others.
#: where host
#: timeout 900

cd "$LAB_TREE" || exit 1
unset MAKEFLAGS MAKELEVEL
PYTHONPATH=$LAB_PYTHONPATH python3 -m lab deb --twice >"$LAB_RUN/debs" ||
	{ echo "the packages are not built, or not the same when built again"; exit 1; }
for name in xen-pv-iommu-dkms xen-pv-iommu-tools xen-hypervisor-4.17-pv-iommu; do
	grep -q "/${name}_.*\\.deb\$" "$LAB_RUN/debs" || { echo "there is no package $name"; exit 1; }
done
echo "ok the packages are built, twice the same"
# shellcheck disable=SC2046 # a path for each package
lintian --allow-root --fail-on error,warning $(cat "$LAB_RUN/debs") || exit 1
echo "ok lintian finds nothing"

root=$LAB_RUN/root
while read -r deb; do
	dpkg -x "$deb" "$root" || exit 1
done <"$LAB_RUN/debs"
version=$(sed -n '1,/^## [0-9]/s/^## \([0-9.]*\) .*/\1/p' CHANGELOG.md)
[ -f "$root/usr/src/xen-pv-iommu-$version/dkms.conf" ] ||
	{ echo "the sources are not those of version $version"; exit 1; }
for page in "$root"/usr/share/man/man8/*.8.gz; do
	[ -x "$root/usr/sbin/$(basename "$page" .8.gz)" ] ||
		{ echo "$page is of no program"; exit 1; }
done
echo "ok sources and pages are those of version $version"

make artifacts | sed -n 's/^xen=//p' >"$LAB_RUN/xen" || exit 1
gzip -dc "$root/boot/pv-iommu-xen-4.17.gz" | cmp - "$(cat "$LAB_RUN/xen")" ||
	{ echo "the packed hypervisor is not the lab's"; exit 1; }
echo "ok the hypervisor is the one that the lab boots"
# GRUB's own script takes /boot/xen* and would sort it among Debian's
[ -z "$(find "$root/boot" -name 'xen*')" ] ||
	{ echo "a file in /boot has a name that begins with xen"; exit 1; }
sh -n "$root/etc/grub.d/21_linux_xen-4.17-pv-iommu" || exit 1
! grep -rl '@[A-Z][A-Z]*@' "$root/etc" "$root/usr/share/doc" ||
	{ echo "a placeholder was left"; exit 1; }
echo "ok its files are as GRUB wants them"

# on_dkms COMMAND KERNEL: with nothing of the machine's own
on_dkms() {
	dkms "$1" -m xen-pv-iommu -v "$version" -k "$2" --force \
		--sourcetree "$root/usr/src" --dkmstree "$LAB_RUN/dkms" \
		>>"$LAB_RUN/dkms.log" 2>&1
}

mkdir -p "$LAB_RUN/dkms"
for release in 6.12 6.1; do
	headers=$(PYTHONPATH=$LAB_PYTHONPATH python3 -m lab kdir $release) || exit 1
	kernel=${headers##*/linux-headers-}
	on_dkms build "$kernel" ||
		{ echo "DKMS does not build it for $kernel"; tail "$LAB_RUN/dkms.log"; exit 1; }
	find "$LAB_RUN/dkms/xen-pv-iommu/$version/$kernel" -name 'xen-pv-iommu.ko*' | grep -q . ||
		{ echo "there is no module for $kernel"; exit 1; }
	echo "ok DKMS builds it for $kernel"
done
on_dkms build 5.10.0-30-amd64 && { echo "DKMS tries it on 5.10"; exit 1; }
grep -q "BUILD_EXCLUSIVE" "$LAB_RUN/dkms.log" ||
	{ echo "DKMS has no clear word for 5.10"; tail "$LAB_RUN/dkms.log"; exit 1; }
echo "ok DKMS leaves it out on 5.10"
