# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel that we build against has.  By looking and not by version:
# much of it was backported to stable kernels.

xen-pv-iommu-y += compat.o

ccflags-y += -I$(src)/../../../include

ifeq ($(wildcard $(srctree)/include/kunit/static_stub.h),)
ccflags-y += -I$(src)/compat-include
endif

xpi-grep = $(shell grep -sq '$(3)' $(srctree)/include/linux/$(2) && echo -D$(1))

ccflags-y += $(call xpi-grep,XPI_HAVE_DIRECT_DMA_IOMMU,iommu-dma.h,use_dma_iommu)
ccflags-y += $(call xpi-grep,XPI_HAVE_DOMAIN_ALLOC_PAGING,iommu.h,(.domain_alloc_paging))
ccflags-y += $(call xpi-grep,XPI_HAVE_ATTACH_OLD,iommu.h,(.attach_dev).*dev.$$)
ccflags-y += $(call xpi-grep,XPI_HAVE_DMA_MAP_PHYS,dma-map-ops.h,(.map_phys))
ccflags-y += $(call xpi-grep,XPI_HAVE_DOMAIN_PGSIZES,iommu.h,domain_alloc_paging_flags)
ccflags-y += $(call xpi-grep,XPI_HAVE_DEVICE_RESET,iommu.h,pci_dev_reset_iommu_prepare)
ccflags-y += $(call xpi-grep,XPI_HAVE_DRIVER_OVERRIDE,device.h,device_set_driver_override)
ccflags-y += $(call xpi-grep,XPI_HAVE_DEVICE_FLAGS,device.h,DEV_FLAG_DMA_IOMMU)
# Nothing in a header tells of this one; what is looked for came with it, in 6.15.
ccflags-y += $(call xpi-grep,XPI_HAVE_DRIVERS_MINDED,iommu.h,iommu_domain_cookie_type)
ccflags-y += $(call xpi-grep,XPI_HAVE_ISOLATED_MSI,irqdomain.h,IRQ_DOMAIN_FLAG_ISOLATED_MSI)
