// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that must not do DMA while we are in charge.
 *
 * They are those that we could not claim where all share an address space, that are
 * in one of others, or that are another domain's.  The addresses that xen-swiotlb, or
 * nobody, would give them may be ones at which dom0, or that domain, has mapped
 * something for another device.  So every new mapping of theirs fails, and every mask,
 * which a driver that starts finds out.  What a driver has already it can give back.
 *
 * When we go nobody is left to refuse that, so one that is not back in the host map
 * then gets no driver.
 */

#include <kunit/static_stub.h>

#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "compat.h"
#include "pv-iommu.h"

/* Written by xpi_forbid_init() only. */
static struct dma_map_ops forbidden;

static void *refuse_alloc(struct device *dev, size_t size, dma_addr_t *handle,
			  gfp_t gfp, unsigned long attrs)
{
	return NULL;
}

#ifndef XPI_COMPAT_MAP_PAGE
static dma_addr_t refuse_map_phys(struct device *dev, phys_addr_t phys,
				  size_t size, enum dma_data_direction dir,
				  unsigned long attrs)
{
	return DMA_MAPPING_ERROR;
}
#endif

static int refuse_map_sg(struct device *dev, struct scatterlist *sg, int nents,
			 enum dma_data_direction dir, unsigned long attrs)
{
	return -EIO;
}

static int refuse_mask(struct device *dev, u64 mask)
{
	/* Most parts of devices never do DMA, so nothing was said of them. */
	if (!dev_is_pci(dev))
		dev_err(dev, "it is part of a device that has an address space of its own: this device cannot do DMA\n");
	return 0;
}

/**
 * xpi_forbid_init() - get ready to forbid DMA
 *
 * Context: Process context; the architecture has the DMA operations that
 *	    devices have used until now.
 */
void xpi_forbid_init(void)
{
	if (dma_ops)
		forbidden = *dma_ops;
	forbidden.alloc = refuse_alloc;
#ifdef XPI_COMPAT_MAP_PAGE
	forbidden.map_page = xpi_compat_refuse_map_page;
#else
	forbidden.map_phys = refuse_map_phys;
#endif
	forbidden.map_sg = refuse_map_sg;
	forbidden.dma_supported = refuse_mask;
}

/*
 * Nobody looks at a device's operations while dma-iommu serves it.  When it may again,
 * its group may be of another type than it was.
 */
#ifdef XPI_HAVE_DIRECT_DMA_IOMMU
static void let_serve(struct device *dev, bool serve)
{
#ifdef XPI_HAVE_DEVICE_FLAGS
	dev_assign_dma_iommu(dev, serve);
#else
	dev->dma_iommu = serve;
#endif
}

static void withhold(struct device *dev)
{
	struct xpi_dev *xdev = dev_iommu_priv_get(dev);

	if (!xdev || !use_dma_iommu(dev))
		return;
	xdev->withheld = true;
	let_serve(dev, false);
}

static void restore(struct device *dev)
{
	struct xpi_dev *xdev = dev_iommu_priv_get(dev);
	struct iommu_domain *domain;

	if (!xdev || !xdev->withheld)
		return;
	xdev->withheld = false;
	domain = iommu_get_domain_for_dev(dev);
	let_serve(dev, domain && iommu_is_dma_domain(domain));
}
#else
static void withhold(struct device *dev) { }
static void restore(struct device *dev) { }
#endif

/**
 * xpi_forbid_dma() - from now on a device cannot do DMA
 * @dev: the device
 * @why: for the log
 *
 * Context: Any.
 */
void xpi_forbid_dma(struct device *dev, const char *why)
{
	withhold(dev);
	if (dev->dma_ops == &forbidden)
		return;

	dev_err(dev, "%s: this device cannot do DMA\n", why);
	set_dma_ops(dev, &forbidden);
}

/**
 * xpi_forbid_part() - the same for a part of a PCI device that has a space of its own
 * @dev: the device, of the platform bus; its driver should use the parent for DMA
 *
 * Context: Any.
 */
void xpi_forbid_part(struct device *dev)
{
	set_dma_ops(dev, &forbidden);
}

/**
 * xpi_allow_dma() - undo xpi_forbid_dma() or xpi_forbid_part()
 * @dev: the device, which may not have been forbidden
 *
 * Context: Any.
 */
void xpi_allow_dma(struct device *dev)
{
	if (dev->dma_ops == &forbidden)
		set_dma_ops(dev, NULL);
	restore(dev);
}

static int allow(struct device *dev, void *unused)
{
	xpi_allow_dma(dev);
	return 0;
}

/**
 * xpi_allow_all() - undo every xpi_forbid_dma() and xpi_forbid_part()
 *
 * Context: Process context.  Nothing is left of our address space, and the
 *	    architecture has its DMA operations again: without either the
 *	    devices would get addresses that lead to others' memory.
 */
void xpi_allow_all(void)
{
	bus_for_each_dev(&pci_bus_type, NULL, NULL, allow);
	bus_for_each_dev(&platform_bus_type, NULL, NULL, allow);
}

/**
 * xpi_cut_off() - no driver is to use a device any more, also when we are gone
 * @dev: the device, of the PCI bus, without a driver
 * @why: for the log
 * @until: for the log, what makes it right again
 *
 * Context: Process context.
 */
void xpi_cut_off(struct device *dev, const char *why, const char *until)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_cut_off, dev, why, until);

	if (device_set_driver_override(dev, "no-dma"))
		dev_err(dev, "%s: it must not be used until %s\n", why, until);
	else
		dev_err(dev, "%s: no driver can use it until %s\n", why, until);
}
