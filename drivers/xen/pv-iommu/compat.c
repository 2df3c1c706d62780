// SPDX-License-Identifier: GPL-2.0-only
/* What older kernels, and stock kernels, lack.  See compat.h. */

#include <linux/dma-map-ops.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/pnp.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"

#ifdef XPI_HAVE_DIRECT_DMA_IOMMU
/*
 * Keeping the DMA API right for the devices that are not ours.
 *
 * In a PV dom0 the global dma_ops are xen-swiotlb's.  A device that uses
 * dma-iommu must not have any: dma_supported() in kernel/dma/mapping.c warns
 * and refuses every mask while get_dma_ops() finds some, and the global ones
 * are found for every device.  So, while we are in charge, the devices that
 * stay on xen-swiotlb have its operations each to itself, and the global ones
 * are gone.
 *
 * Without operations a device would get dma-direct, whose addresses are wrong
 * in a PV domain.  Hence all buses whose devices may do DMA are covered, for
 * devices that exist as for those that appear later.
 */

/* What dma_ops was, between xpi_compat_dma_begin() and its end. */
static const struct dma_map_ops *xen_dma_ops;

/* Buses other than PCI, whose devices iommu.c decides about one by one. */
static const struct bus_type *buses[2];
static unsigned int nr_buses;

/**
 * xpi_compat_dma_keep() - leave a device on xen-swiotlb
 * @dev: the device; it may have operations of its own already
 *
 * Context: Any.
 */
void xpi_compat_dma_keep(struct device *dev)
{
	if (!dev->dma_ops)
		set_dma_ops(dev, xen_dma_ops);
}

static int keep(struct device *dev, void *unused)
{
	xpi_compat_dma_keep(dev);
	return 0;
}

static int keep_driven(struct device *dev, void *unused)
{
	if (dev->driver)
		xpi_compat_dma_keep(dev);
	return 0;
}

static int drop(struct device *dev, void *unused)
{
	if (dev->dma_ops == xen_dma_ops)
		set_dma_ops(dev, NULL);
	return 0;
}

/**
 * xpi_compat_dma_attached() - a device was put into a domain
 * @dev: the device; it may have a driver at work if it is blocked for a reset
 * @domain: of the IOMMU core
 *
 * Context: Any.
 */
void xpi_compat_dma_attached(struct device *dev, struct iommu_domain *domain)
{
	if (!xen_dma_ops)
		return;

	if (iommu_is_dma_domain(domain))
		drop(dev, NULL);
	else if (domain->type == IOMMU_DOMAIN_IDENTITY)
		xpi_compat_dma_keep(dev);
}

static int device_added(struct notifier_block *nb, unsigned long action,
			void *dev)
{
	if (action == BUS_NOTIFY_ADD_DEVICE && READ_ONCE(xen_dma_ops))
		xpi_compat_dma_keep(dev);
	return NOTIFY_OK;
}

static struct notifier_block bus_nb[ARRAY_SIZE(buses)] = {
	{ .notifier_call = device_added },
	{ .notifier_call = device_added },
};

#ifdef CONFIG_PNP
/* The PNP bus has no exported name; a driver without devices has it. */
static struct pnp_driver pnp_probe = {
	.name = "xen-pv-iommu",
	.driver.probe_type = PROBE_FORCE_SYNCHRONOUS,
};

static const struct bus_type *find_pnp_bus(void)
{
	if (pnp_register_driver(&pnp_probe))
		return NULL;
	pnp_unregister_driver(&pnp_probe);
	return pnp_probe.driver.bus;
}
#else
static const struct bus_type *find_pnp_bus(void)
{
	return NULL;
}
#endif

/**
 * xpi_compat_dma_init() - get ready to see devices appear
 *
 * Not in xpi_compat_dma_begin(): the locks of the buses' notifiers are outside
 * of bind.c's.
 *
 * Context: Process context.
 */
void xpi_compat_dma_init(void)
{
	const struct bus_type *pnp = find_pnp_bus();
	unsigned int i;

	nr_buses = 0;
	buses[nr_buses++] = &platform_bus_type;
	if (pnp)
		buses[nr_buses++] = pnp;
	for (i = 0; i < nr_buses; i++)
		bus_register_notifier(buses[i], &bus_nb[i]);
}

/**
 * xpi_compat_dma_exit() - undo xpi_compat_dma_init()
 *
 * Context: Process context.
 */
void xpi_compat_dma_exit(void)
{
	unsigned int i;

	for (i = 0; i < nr_buses; i++)
		bus_unregister_notifier(buses[i], &bus_nb[i]);
}

/**
 * xpi_compat_dma_begin() - take the global operations out of the way
 *
 * Context: Process context.
 */
void xpi_compat_dma_begin(void)
{
	unsigned int i;

	WRITE_ONCE(xen_dma_ops, dma_ops);
	for (i = 0; i < nr_buses; i++)
		bus_for_each_dev(buses[i], NULL, NULL, keep);
	/* Those with a driver, which must not be without for a moment. */
	bus_for_each_dev(&pci_bus_type, NULL, NULL, keep_driven);

	/*
	 * Whoever looked before the device had its own is to get the global, a
	 * few instructions later, and may be preempted between them.
	 */
	synchronize_rcu_tasks();
	WRITE_ONCE(dma_ops, NULL);
}

/**
 * xpi_compat_dma_end() - undo xpi_compat_dma_begin() and every xpi_compat_dma_keep()
 *
 * Context: Process context.
 */
void xpi_compat_dma_end(void)
{
	unsigned int i;

	WRITE_ONCE(dma_ops, xen_dma_ops);
	synchronize_rcu_tasks();

	for (i = 0; i < nr_buses; i++)
		bus_for_each_dev(buses[i], NULL, NULL, drop);
	bus_for_each_dev(&pci_bus_type, NULL, NULL, drop);
	WRITE_ONCE(xen_dma_ops, NULL);
}
#else
/* Here the global operations stay, for who has none of its own. */
void xpi_compat_dma_attached(struct device *dev, struct iommu_domain *domain)
{
	if (domain->type == IOMMU_DOMAIN_IDENTITY)
		set_dma_ops(dev, NULL);
}

/* Here it is the driver's to say that a device shall use dma-iommu. */
bool xpi_compat_setup_dma_iommu(struct device *dev)
{
	iommu_setup_dma_ops(dev, 0, U64_MAX);
	return dev->dma_ops;
}
#endif

#ifndef XPI_HAVE_DOMAIN_ALLOC_PAGING
static struct iommu_group *the_group;

/* The core leaves a driver that it could not register with the buses. */
void xpi_compat_unregistered(const struct iommu_ops *ops)
{
	iommu_group_put(the_group);
	the_group = NULL;
	if (pci_bus_type.iommu_ops == ops)
		pci_bus_type.iommu_ops = NULL;
	if (platform_bus_type.iommu_ops == ops)
		platform_bus_type.iommu_ops = NULL;
}

/* The one group of all devices; once registered the module stays, and it does. */
struct iommu_group *xpi_compat_device_group(struct device *dev)
{
	/* The IOMMU core probes one device at a time. */
	if (!the_group) {
		struct iommu_group *new = iommu_group_alloc();

		if (IS_ERR(new))
			return new;
		the_group = new;
	}
	return iommu_group_ref_get(the_group);
}
#endif

#ifdef XPI_COMPAT_MAP_PAGE
dma_addr_t xpi_compat_refuse_map_page(struct device *dev, struct page *page,
				      unsigned long offset, size_t size,
				      enum dma_data_direction dir,
				      unsigned long attrs)
{
	return DMA_MAPPING_ERROR;
}
#endif

#ifndef XPI_HAVE_DRIVER_OVERRIDE
/* Without the device's lock: its driver would wait for us in the bus notifier. */
int xpi_compat_driver_override(struct device *dev, const char *name)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	const char *old = pdev->driver_override;

	pdev->driver_override = kstrdup(name, GFP_KERNEL);
	kfree(old);
	return pdev->driver_override ? 0 : -ENOMEM;
}
#endif
