#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#: about The Debian packages are built, lintian finds nothing in them, and DKMS builds the driver of one for Debian's kernels, and refuses others.
#: where host
#: timeout 900

cd "$LAB_TREE" || exit 1
unset MAKEFLAGS MAKELEVEL
make deb >"$LAB_RUN/debs" || exit 1
for name in dkms tools; do
	grep -q "/xen-pv-iommu-${name}_.*_all\\.deb\$" "$LAB_RUN/debs" ||
		{ echo "there is no package of the $name"; exit 1; }
done
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
