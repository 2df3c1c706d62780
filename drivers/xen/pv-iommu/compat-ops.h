/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The op tables of iommu.c in the shape of older kernels; included by it where
 * the functions are known.  See compat.h.
 */

#ifndef XPI_HAVE_ATTACH_OLD
static int compat_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	return xpi_attach_dev(domain, dev, NULL);
}

static int compat_attach_identity(struct iommu_domain *domain,
				  struct device *dev)
{
	return xpi_attach_identity(domain, dev, NULL);
}

#ifndef XPI_COMPAT_NO_BLOCKED
static int compat_attach_blocked(struct iommu_domain *domain,
				 struct device *dev)
{
	return xpi_attach_blocked(domain, dev, NULL);
}
#endif
#endif

/* Where the core does not know that it is static, it frees it. */
#ifndef XPI_HAVE_DOMAIN_ALLOC_PAGING
static void compat_keep_domain(struct iommu_domain *domain)
{
}
#endif

static const struct iommu_domain_ops xpi_identity_ops = {
#ifdef XPI_HAVE_ATTACH_OLD
	.attach_dev = xpi_attach_identity,
#else
	.attach_dev = compat_attach_identity,
#endif
#ifndef XPI_HAVE_DOMAIN_ALLOC_PAGING
	.free = compat_keep_domain,
#endif
};

static struct iommu_domain xpi_identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &xpi_identity_ops,
};

#ifndef XPI_HAVE_DOMAIN_ALLOC_PAGING
static struct iommu_domain *compat_domain_alloc(unsigned int type)
{
	struct iommu_domain *domain;

	if (type == IOMMU_DOMAIN_IDENTITY && xpi_has_contexts(registered))
		return &xpi_identity_domain;

	/* NULL for lazy makes the core fall back to strict. */
	if (type != IOMMU_DOMAIN_UNMANAGED && type != IOMMU_DOMAIN_DMA &&
	    (type != IOMMU_DOMAIN_DMA_FQ ||
	     !(registered->caps.flags & XEN_IOMMU_CAP_deferred_flush)))
		return NULL;

	domain = xpi_domain_alloc_paging(NULL);
	return IS_ERR(domain) ? NULL : domain;
}

/*
 * iotlb_sync_map() cannot report an error, so each range has to be done when
 * it is mapped: a hypercall for each PFN-contiguous part of a scatterlist.
 */
static int compat_map_pages(struct iommu_domain *domain, unsigned long iova,
			    phys_addr_t paddr, size_t pgsize, size_t pgcount,
			    int prot, gfp_t gfp, size_t *mapped)
{
	int ret, err;

	ret = xpi_map_pages(domain, iova, paddr, pgsize, pgcount, prot, gfp,
			    mapped);
	err = *mapped ? xpi_iotlb_sync_map(domain, iova, *mapped) : 0;
	return ret ?: err;
}
#endif

static const struct iommu_domain_ops xpi_domain_ops = {
#ifdef XPI_HAVE_ATTACH_OLD
	.attach_dev = xpi_attach_dev,
#else
	.attach_dev = compat_attach_dev,
#endif
#ifdef XPI_HAVE_DOMAIN_ALLOC_PAGING
	.map_pages = xpi_map_pages,
	.iotlb_sync_map = xpi_iotlb_sync_map,
#else
	.map_pages = compat_map_pages,
#endif
	.unmap_pages = xpi_unmap_pages,
	.iotlb_sync = xpi_iotlb_sync,
	.flush_iotlb_all = xpi_flush_iotlb_all,
	.iova_to_phys = xpi_iova_to_phys,
	.free = xpi_domain_free,
};

#ifndef XPI_COMPAT_NO_BLOCKED
static const struct iommu_domain_ops xpi_blocked_ops = {
#ifdef XPI_HAVE_ATTACH_OLD
	.attach_dev = xpi_attach_blocked,
#else
	.attach_dev = compat_attach_blocked,
#endif
};

static struct iommu_domain xpi_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &xpi_blocked_ops,
};
#endif

static const struct iommu_ops xpi_iommu_ops = {
	.owner = THIS_MODULE,
	.capable = xpi_capable,
#ifndef XPI_COMPAT_NO_BLOCKED
	.blocked_domain = &xpi_blocked_domain,
#endif
#ifdef XPI_HAVE_DOMAIN_ALLOC_PAGING
	.identity_domain = &xpi_identity_domain,
	.domain_alloc_paging = xpi_domain_alloc_paging,
#else
	.domain_alloc = compat_domain_alloc,
#endif
	.def_domain_type = xpi_def_domain_type,
	.probe_device = xpi_probe_device,
	.probe_finalize = xpi_claim_check_dma,
	.release_device = xpi_release_device,
	.device_group = xpi_device_group,
	.get_resv_regions = xpi_get_resv_regions,
	.default_domain_ops = &xpi_domain_ops,
#ifndef XPI_HAVE_DOMAIN_PGSIZES
	.pgsize_bitmap = XPI_PGSIZES,
#endif
};
