/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels older than the one that the driver is written for, which is 7.2, and
 * stock kernels of any age, which lack our change to the DMA API.
 *
 * All that differs is here, in compat.c and in compat-ops.h; these, and
 * the lines that call xpi_compat_*(), do not go into a kernel tree.  compat.mk
 * finds out what there is.
 */

#ifndef _XEN_PV_IOMMU_COMPAT_H
#define _XEN_PV_IOMMU_COMPAT_H

#include <linux/device.h>
#include <linux/dma-direction.h>
#include <linux/iommu.h>
#include <linux/module.h>

/*
 * Newer kernels' DMA API calls dma-iommu by itself, and does not like a device
 * to have dma_map_ops as well.  In older ones dma-iommu is dma_map_ops.
 */
#ifdef XPI_HAVE_DIRECT_DMA_IOMMU
#include <linux/iommu-dma.h>
void xpi_compat_dma_init(void);
void xpi_compat_dma_exit(void);
void xpi_compat_dma_begin(void);
void xpi_compat_dma_end(void);
void xpi_compat_dma_keep(struct device *dev);
void xpi_compat_dma_attached(struct device *dev, struct iommu_domain *domain);
#else
static inline void xpi_compat_dma_init(void) { }
static inline void xpi_compat_dma_exit(void) { }
static inline void xpi_compat_dma_begin(void) { }
static inline void xpi_compat_dma_end(void) { }
static inline void xpi_compat_dma_keep(struct device *dev) { }
void xpi_compat_dma_attached(struct device *dev, struct iommu_domain *domain);
bool xpi_compat_setup_dma_iommu(struct device *dev);
#define use_dma_iommu			xpi_compat_setup_dma_iommu
#endif

/* Mappings began with a page there. */
#ifndef XPI_HAVE_DMA_MAP_PHYS
#define XPI_COMPAT_MAP_PAGE
dma_addr_t xpi_compat_refuse_map_page(struct device *dev, struct page *page,
				      unsigned long offset, size_t size,
				      enum dma_data_direction dir,
				      unsigned long attrs);
#endif

/* Each bus had its own there. */
#ifndef XPI_HAVE_DRIVER_OVERRIDE
int xpi_compat_driver_override(struct device *dev, const char *name);
#define device_set_driver_override	xpi_compat_driver_override
#endif

/* An older name of it. */
#ifndef XPI_HAVE_ISOLATED_MSI
#define IRQ_DOMAIN_FLAG_ISOLATED_MSI	IRQ_DOMAIN_FLAG_MSI_REMAP
#endif

/* Op tables of another shape: compat-ops.h. */
#ifndef XPI_HAVE_DOMAIN_PGSIZES
#define XPI_COMPAT_OPS
#endif
#ifndef XPI_HAVE_ATTACH_OLD
#undef XPI_COMPAT_OPS
#define XPI_COMPAT_OPS
#endif

#ifndef XPI_HAVE_DOMAIN_ALLOC_PAGING
struct iommu_group *xpi_compat_device_group(struct device *dev);
void xpi_compat_unregistered(const struct iommu_ops *ops);
/* Nor do resets block a device there. */
#define XPI_COMPAT_NO_BLOCKED
#define generic_single_device_group	xpi_compat_device_group
/* Lazy flushing is up to the domain's type alone there. */
#define IOMMU_CAP_DEFERRED_FLUSH	((enum iommu_cap)-1)
/* The IOMMU core cannot forget a driver there: no unloading. */
#undef module_exit
#define module_exit(fn)	\
	static void (*const xpi_compat_no_exit)(void) __maybe_unused = fn
#define xpi_compat_loaded()	\
	pr_info("cannot be unloaded: this kernel does not let go of IOMMU drivers\n")
#else
#define xpi_compat_loaded()	do { } while (0)
static inline void xpi_compat_unregistered(const struct iommu_ops *ops) { }
#endif

#endif /* _XEN_PV_IOMMU_COMPAT_H */
