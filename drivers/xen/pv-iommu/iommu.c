// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommu_ops: devices, groups, reserved regions, domains.
 *
 * With contexts each group of devices has an address space of its own.  Without
 * them there is one, shared by all devices of dom0, so all are in one group; that
 * is the truth about their isolation from each other.
 */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/irqdomain.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/slab.h>

#include "compat.h"
#include "domain.h"
#include "pv-iommu.h"

/* The IOMMU core asks about devices before they are known to be ours. */
static struct xpi *registered;

struct xpi_iommu_domain {
	struct iommu_domain domain;
	struct xpi *xpi;
	struct xpi_domain d;
	bool held;	/* has a reference to the module */
};

static struct xpi_iommu_domain *to_xpi(struct iommu_domain *domain)
{
	return container_of(domain, struct xpi_iommu_domain, domain);
}

static struct xpi *dev_to_xpi(struct device *dev)
{
	return container_of(dev->iommu->iommu_dev, struct xpi, iommu);
}

/*
 * There are fewer contexts to be had than the hypervisor says, as when others have some,
 * or there is no memory for more.  Where devices are just being claimed, see
 * claim_devices(), so many are enough; later only this domain fails.
 */
static void be_content(struct xpi *xpi)
{
	unsigned int nr_ctx = atomic_read(&xpi->nr_ctx);

	if (xpi_has_contexts(xpi) && !xpi->settled)
		xpi->caps.nr_ctx = min(xpi->caps.nr_ctx, nr_ctx);
}

static struct iommu_domain *xpi_domain_alloc_paging(struct device *dev)
{
	struct xpi_iommu_domain *xd;
	struct xpi *xpi = registered;
	int ret;

	xd = kzalloc(sizeof(*xd), GFP_KERNEL);
	if (!xd)
		return ERR_PTR(-ENOMEM);

	ret = -EBUSY;
	if (!xpi_has_contexts(xpi) && cmpxchg(&xpi->shared, NULL, &xd->d)) {
		pr_err("a second address space is refused: the hypervisor has one for all devices\n");
		goto out_free;
	}

	ret = xpi_domain_init(&xd->d, xpi->backend, &xpi->caps);
	if (ret) {
		be_content(xpi);
		goto out_shared;
	}
	atomic_inc(&xpi->nr_ctx);

	xd->xpi = xpi;
	xd->domain.pgsize_bitmap = XPI_PGSIZES;
	xd->domain.geometry.aperture_end = PFN_PHYS(xpi->caps.max_dfn + 1) - 1;
	xd->domain.geometry.force_aperture = true;
	return &xd->domain;

out_shared:
	cmpxchg(&xpi->shared, &xd->d, NULL);
out_free:
	kfree(xd);
	return ERR_PTR(ret);
}

static void xpi_domain_free(struct iommu_domain *domain)
{
	struct xpi_iommu_domain *xd = to_xpi(domain);
	bool held = xd->held;
	int ret;

	xpi_groups_forget(domain);
	ret = xpi_domain_destroy(&xd->d);
	/* The last device may go when the host map is there again. */
	if (ret == -EPERM && !registered)
		ret = 0;
	if (ret) {
		/* It stays counted, and the shared one in use: none comes after it. */
		pr_err("the hypervisor keeps mappings of an address space that is not used any more (%d)\n",
		       ret);
	} else {
		atomic_dec(&xd->xpi->nr_ctx);
		cmpxchg(&xd->xpi->shared, &xd->d, NULL);
	}
	kfree(xd);
	if (held)
		module_put(THIS_MODULE);
}

/*
 * Have the hypervisor put a device into a context, 0 being the host map, for a
 * domain of the core.
 */
static int attach_to(struct xpi *xpi, u16 ctx, struct device *dev,
		     struct iommu_domain *domain, struct xpi_domain *d)
{
	int ret = xpi->backend->ctx_attach(ctx, xpi_sbdf(to_pci_dev(dev)));

	if (ret)
		return ret;

	xpi_compat_dma_attached(dev, domain);
	xpi_groups_attached(dev_iommu_priv_get(dev), domain, d, ctx);
	return 0;
}

static int xpi_attach_dev(struct iommu_domain *domain, struct device *dev,
			  struct iommu_domain *old)
{
	struct xpi_iommu_domain *xd = to_xpi(domain);

	/* What a program does with its device is another domain's then. */
	if (!iommu_is_dma_domain(domain) &&
	    xpi_device_is_away(xd->xpi, to_pci_dev(dev)))
		return -EBUSY;

	/* One that is not the core's may outlive what pins the module: see bind.c. */
	if (!iommu_is_dma_domain(domain) && !xchg(&xd->held, true))
		__module_get(THIS_MODULE);

	if (xpi_has_contexts(xd->xpi))
		return attach_to(xd->xpi, xd->d.batch.ctx, dev, domain, &xd->d);

	/* Where there is but one, every device is in it. */
	xpi_groups_attached(dev_iommu_priv_get(dev), domain, &xd->d, 0);
	return 0;
}

static int xpi_attach_identity(struct iommu_domain *domain, struct device *dev,
			       struct iommu_domain *old)
{
	struct xpi *xpi = dev_to_xpi(dev);

	/* The host map is gone where all devices share an address space. */
	if (!xpi_has_contexts(xpi))
		return -EOPNOTSUPP;
	return attach_to(xpi, 0, dev, domain, NULL);
}

#ifndef XPI_COMPAT_NO_BLOCKED
static int xpi_attach_blocked(struct iommu_domain *domain, struct device *dev,
			      struct iommu_domain *old)
{
	struct xpi *xpi = dev_to_xpi(dev);

	/* What all share cannot be taken away from one. */
	if (!xpi_has_contexts(xpi))
		return -EOPNOTSUPP;
	return attach_to(xpi, xpi->blocked_ctx, dev, domain, NULL);
}
#endif

static int xpi_map_pages(struct iommu_domain *domain, unsigned long iova,
			 phys_addr_t paddr, size_t pgsize, size_t pgcount,
			 int prot, gfp_t gfp, size_t *mapped)
{
	u64 access = 0;
	int ret;

	if (prot & IOMMU_READ)
		access |= XPI_SHADOW_READ;
	if (prot & IOMMU_WRITE)
		access |= XPI_SHADOW_WRITE;

	ret = xpi_domain_map(&to_xpi(domain)->d, PFN_DOWN(iova),
			     PHYS_PFN(paddr), pgsize * pgcount >> PAGE_SHIFT,
			     access, gfp, mapped);
	/* The domain counts frames, the core bytes. */
	*mapped <<= PAGE_SHIFT;
	return ret;
}

static int xpi_iotlb_sync_map(struct iommu_domain *domain, unsigned long iova,
			      size_t size)
{
	return xpi_domain_sync_map(&to_xpi(domain)->d, PFN_DOWN(iova),
				   size >> PAGE_SHIFT);
}

static size_t xpi_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			      size_t pgsize, size_t pgcount,
			      struct iommu_iotlb_gather *gather)
{
	return xpi_domain_unmap(&to_xpi(domain)->d, PFN_DOWN(iova),
				pgsize * pgcount >> PAGE_SHIFT,
				iommu_iotlb_gather_queued(gather)) << PAGE_SHIFT;
}

static void xpi_iotlb_sync(struct iommu_domain *domain,
			   struct iommu_iotlb_gather *gather)
{
	xpi_domain_sync(&to_xpi(domain)->d);
}

static void xpi_flush_iotlb_all(struct iommu_domain *domain)
{
	xpi_domain_flush_all(&to_xpi(domain)->d);
}

/*
 * Ranges that the hypervisor keeps mapped are in every domain, or with contexts in
 * those of the devices that they are for.  Which these are a domain does not know, so
 * it answers for all.
 */
static bool kept_by_hypervisor(struct xpi *xpi, u64 dfn)
{
	unsigned int i;

	for (i = 0; i < xpi->nr_reserved; i++) {
		struct xen_iommu_reserved_range *r = &xpi->reserved[i];

		if (r->flags & XEN_IOMMU_RESERVED_identity &&
		    dfn - r->start_dfn < r->nr_frames)
			return true;
	}
	return false;
}

static phys_addr_t xpi_iova_to_phys(struct iommu_domain *domain,
				    dma_addr_t iova)
{
	struct xpi_iommu_domain *xd = to_xpi(domain);
	u64 entry = xpi_shadow_get(&xd->d.shadow, PFN_DOWN(iova));

	if (likely(entry & XPI_SHADOW_VALID))
		return XPI_SHADOW_PHYS(entry) | offset_in_page(iova);
	return kept_by_hypervisor(xd->xpi, PFN_DOWN(iova)) ? iova : 0;
}

static bool xpi_capable(struct device *dev, enum iommu_cap cap)
{
	u32 flags = dev_to_xpi(dev)->caps.flags;

	if (cap == IOMMU_CAP_CACHE_COHERENCY)
		return flags & XEN_IOMMU_CAP_coherent;
	if (cap == IOMMU_CAP_DEFERRED_FLUSH)
		return flags & XEN_IOMMU_CAP_deferred_flush;
	return false;
}

/* Who cannot have an address space of its own is not to have none at all. */
static int xpi_def_domain_type(struct device *dev)
{
	struct xpi_dev *xdev = dev_iommu_priv_get(dev);
	struct iommu_domain *now = READ_ONCE(xdev->domain);
	struct xpi *xpi = dev_to_xpi(dev);

	/* For one that is not trusted there is one, or it would not be claimed. */
	if (!xpi_has_contexts(xpi) || to_pci_dev(dev)->untrusted ||
	    xpi_claim_contexts_left(xpi))
		return 0;

	/* The core asks again when the type is changed. */
	if (now)
		return iommu_is_dma_domain(now) ? 0 : IOMMU_DOMAIN_IDENTITY;

	dev_info(dev, "stays on xen-swiotlb: the hypervisor has no more than %u contexts\n",
		 xpi->caps.nr_ctx);
	return IOMMU_DOMAIN_IDENTITY;
}

/*
 * Of the hypervisor's interrupt remapping Linux' domain of MSIs knows nothing,
 * and VFIO gives no device to user space whose MSIs are not said to be isolated.
 * It is as true when we are gone.
 */
static void tell_intremap(struct device *dev)
{
	struct irq_domain *msis = dev_get_msi_domain(dev);

	if (msis && registered->caps.flags & XEN_IOMMU_CAP_intremap)
		msis->flags |= IRQ_DOMAIN_FLAG_ISOLATED_MSI;
}

static struct iommu_device *xpi_probe_device(struct device *dev)
{
	struct xpi_dev *xdev;
	int ret;

	if (!dev_is_pci(dev))
		return ERR_PTR(-ENODEV);

	ret = xpi_claim_ask(registered, dev);
	if (ret)
		return ERR_PTR(ret);

	xdev = kzalloc(sizeof(*xdev), GFP_KERNEL);
	if (!xdev)
		return ERR_PTR(-ENOMEM);

	xdev->dev = dev;
	xpi_groups_add(xdev);
	dev_iommu_priv_set(dev, xdev);
	tell_intremap(dev);
	return &registered->iommu;
}

/**
 * xpi_iommu_added() - there is a new device
 * @dev: the device, which the core has seen
 *
 * Context: Process context; no takeover is under way.
 */
void xpi_iommu_added(struct device *dev)
{
	if (registered)
		xpi_claim_check_trust(registered, dev);
}

/**
 * xpi_iommu_starts() - a driver starts on a device
 * @dev: the device
 *
 * Context: Process context; no takeover is under way.
 */
void xpi_iommu_starts(struct device *dev)
{
	if (registered)
		xpi_claim_starts(registered, dev);
}

static void xpi_release_device(struct device *dev)
{
	struct xpi_dev *xdev = dev_iommu_priv_get(dev);
	struct xpi *xpi = dev_to_xpi(dev);

	if (xpi_has_contexts(xpi))
		xpi_claim_put_back(xpi, dev);
	xpi_groups_remove(xdev);
	kfree(xdev);
}

static void xpi_get_resv_regions(struct device *dev, struct list_head *head)
{
	xpi_device_regions(dev_to_xpi(dev), to_pci_dev(dev), head);
}

/* What cannot be told apart is one group; all, where they share everything. */
static struct iommu_group *xpi_device_group(struct device *dev)
{
	return xpi_has_contexts(registered) ? xpi_topology_group(dev) :
					      generic_single_device_group(dev);
}

#ifdef XPI_COMPAT_OPS
#include "compat-ops.h"
#else
static const struct iommu_domain_ops xpi_domain_ops = {
	.attach_dev = xpi_attach_dev,
	.map_pages = xpi_map_pages,
	.unmap_pages = xpi_unmap_pages,
	.iotlb_sync_map = xpi_iotlb_sync_map,
	.iotlb_sync = xpi_iotlb_sync,
	.flush_iotlb_all = xpi_flush_iotlb_all,
	.iova_to_phys = xpi_iova_to_phys,
	.free = xpi_domain_free,
};

static const struct iommu_domain_ops xpi_blocked_ops = {
	.attach_dev = xpi_attach_blocked,
};

static struct iommu_domain xpi_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &xpi_blocked_ops,
};

static const struct iommu_domain_ops xpi_identity_ops = {
	.attach_dev = xpi_attach_identity,
};

static struct iommu_domain xpi_identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &xpi_identity_ops,
};

static const struct iommu_ops xpi_iommu_ops = {
	.owner = THIS_MODULE,
	.capable = xpi_capable,
	.blocked_domain = &xpi_blocked_domain,
	.identity_domain = &xpi_identity_domain,
	.domain_alloc_paging = xpi_domain_alloc_paging,
	.def_domain_type = xpi_def_domain_type,
	.probe_device = xpi_probe_device,
	.probe_finalize = xpi_claim_check_dma,
	.release_device = xpi_release_device,
	.device_group = xpi_device_group,
	.get_resv_regions = xpi_get_resv_regions,
	.default_domain_ops = &xpi_domain_ops,
};
#endif

/*
 * The core claims all devices, or none where it gets no domain for one.  So it tries
 * again while that has shown how many domains there can be.
 */
static int claim_devices(struct xpi *xpi)
{
	unsigned int nr_ctx;
	int ret;

	do {
		nr_ctx = xpi->caps.nr_ctx;
		ret = iommu_device_register(&xpi->iommu, &xpi_iommu_ops, NULL);
		if (!ret)
			return 0;
		xpi_compat_unregistered(&xpi_iommu_ops);
	} while (xpi->caps.nr_ctx < nr_ctx);

	return ret;
}

/**
 * xpi_iommu_register() - claim dom0's devices
 * @xpi: the hypervisor, taken over
 *
 * Context: Process context, between xpi_bind_lock() and xpi_bind_unlock().
 * Return: 0 or a negative errno, with no device claimed; some may be forbidden.
 */
int xpi_iommu_register(struct xpi *xpi)
{
	struct pci_dev *pdev = NULL;
	int ret;

	ret = iommu_device_sysfs_add(&xpi->iommu, NULL, NULL, "xen-pv-iommu");
	if (ret)
		return ret;

	registered = xpi;
	ret = claim_devices(xpi);
	if (ret)
		goto out_sysfs;

	xpi->settled = true;
	for_each_pci_dev(pdev)
		xpi_claim_check_trust(xpi, &pdev->dev);
	xpi_groups_put_module();
	return 0;

out_sysfs:
	registered = NULL;
	iommu_device_sysfs_remove(&xpi->iommu);
	return ret;
}

/**
 * xpi_iommu_unregister() - let go of dom0's devices
 * @xpi: the hypervisor
 *
 * But for those that are just being removed: xpi_iommu_end() comes later.
 *
 * Context: Process context, between xpi_bind_lock() and xpi_bind_unlock(); no device
 *	    is in use.
 */
void xpi_iommu_unregister(struct xpi *xpi)
{
	iommu_device_unregister(&xpi->iommu);
	registered = NULL;
	xpi_claim_end(xpi);
}

/**
 * xpi_iommu_end() - the last device goes, and what it was linked to in sysfs
 * @xpi: the hypervisor
 *
 * Context: Process context; nobody who starts a driver waits for us.
 */
void xpi_iommu_end(struct xpi *xpi)
{
	xpi_groups_wait();
	iommu_device_sysfs_remove(&xpi->iommu);
}
