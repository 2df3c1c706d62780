# SPDX-License-Identifier: GPL-2.0-only
#
# modules    build the driver, out of tree, for Debian's stock 6.12 kernel
#            (KDIR=DIR for another kernel's headers)
# install    put the module and what loads it from the initramfs into place
# check      run the scenarios; SCENARIO=name or SCENARIO=name@variant for one
# check-all  what "check" leaves out, on more kernels; takes longer
# kunit      the KUnit tests, in QEMU without Xen (WORDS=xpi-batch* for some)
# series     the patch series for Linux 7.2 (VERSION=6.12 for another)
# static     what the sources say without being run: checkpatch, sparse, W=1 and
#            more; ONLY=WORD for the checks whose names have WORD
# coverage   which lines of the driver the tests run
# mutants    break one line at a time of driver and hypervisor: do tests fail?
#            (MUTANT="gfn-truncated no-flush" for some)
# bench      what DMA costs, beside xen-swiotlb and bare Linux
#            (CONFIGURATION="pv-lazy bare-lazy" for some)
# model      what it would cost on hardware, predicted; seconds, and no QEMU
#            (LABFLAGS=--document puts it into the documentation)
# list       every scenario with one sentence
# demo       boot once and show what the driver does
# artifacts  build and print xen=PATH and module=PATH
# deb        build the Debian packages, and print where they are
# host       install the packages on a Debian host on a disk, boot it by GRUB, and
#            take them away again (LABFLAGS=--short for one boot only)
# htmldocs   the documentation and the manual pages as HTML
# clean      remove what "modules" left in the tree
#
# Everything but "modules" keeps what it fetches and builds outside the tree:
# $PV_IOMMU_CACHE, else xen-pv-iommu in $XDG_CACHE_HOME or ~/.cache.

DRIVER := drivers/xen/pv-iommu
RUN := PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(CURDIR)/tools/testing/pv-iommu \
	python3 -m
LAB := $(RUN) lab

.PHONY: all modules install check static check-all kunit coverage series \
	mutants bench model list demo artifacts deb host htmldocs clean python

all: modules

# The lab needs nothing but Python to begin with; it installs the rest.
python:
	@command -v python3 >/dev/null || { \
		echo "installing python3 with apt-get" >&2; \
		apt-get -qq update >&2 && \
		apt-get -qq install -y --no-install-recommends \
			-o DPkg::Lock::Timeout=600 python3 >&2; \
	} || { echo "python3 is missing and apt-get cannot install it" >&2; exit 1; }

modules: python
	@kdir="$(KDIR)"; [ -n "$$kdir" ] || kdir=$$($(LAB) kdir) || exit 1; \
	$(MAKE) -C "$$kdir" M=$(CURDIR)/$(DRIVER) CONFIG_XEN_PV_IOMMU=m modules

install: modules
	@kdir="$(KDIR)"; [ -n "$$kdir" ] || kdir=$$($(LAB) kdir) || exit 1; \
	$(MAKE) -C "$$kdir" M=$(CURDIR)/$(DRIVER) \
		CONFIG_XEN_PV_IOMMU=m modules_install && \
	depmod -b "$(INSTALL_MOD_PATH)/" \
		"$$(cat "$$kdir/include/config/kernel.release")"
	install -D -t $(DESTDIR)/etc/initramfs-tools/hooks \
		packaging/initramfs-tools/hooks/xen-pv-iommu
	install -D -t $(DESTDIR)/etc/initramfs-tools/scripts/init-top \
		packaging/initramfs-tools/scripts/init-top/00-xen-pv-iommu
	@echo "Now: update-initramfs -u"

clean: python
	@kdir="$(KDIR)"; [ -n "$$kdir" ] || kdir=$$($(LAB) kdir) || exit 1; \
	$(MAKE) -C "$$kdir" M=$(CURDIR)/$(DRIVER) clean

check: python
	@$(LAB) check $(LABFLAGS) $(SCENARIO)

check-all: python
	@$(LAB) check --all $(LABFLAGS)

kunit: python
	@$(LAB) kunit $(WORDS)

coverage: python
	@$(LAB) coverage

mutants: python
	@$(LAB) mutants $(MUTANT)

bench: python
	@$(LAB) bench $(LABFLAGS) $(CONFIGURATION)

model: python
	@$(RUN) bench.model $(LABFLAGS)

series: python
	@$(LAB) series $(VERSION)

static: python
	@$(RUN) static $(ONLY)

list: python
	@$(LAB) list

demo: python
	@$(LAB) demo

artifacts: python
	@$(LAB) artifacts

deb: python
	@$(LAB) deb

host: python
	@$(LAB) host $(LABFLAGS)

htmldocs: python
	@$(LAB) htmldocs
