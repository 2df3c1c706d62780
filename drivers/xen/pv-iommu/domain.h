/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One address space as Linux sees it, and how it gets into the hypervisor.
 *
 * A domain is in the hypervisor for as long as it exists: a context of its own
 * or, where the hypervisor has none, the address space that all of dom0's devices
 * share.
 *
 * What may be pending, and for whom:
 *
 *  - a mapping is queued by xpi_domain_map() and done, or reported as failed,
 *    when xpi_domain_sync_map() returns for a range that holds it.  The IOMMU
 *    core gives the address to nobody before that;
 *  - a strict unmapping is queued and done, IOTLB included, when
 *    xpi_domain_sync() returns.  The core reuses the address after that;
 *  - a lazy unmapping may stay queued until xpi_domain_flush_all(), which is
 *    what the flush queue calls before it lets go of addresses.  All that any
 *    CPU queued before is done when it returns;
 *  - another domain's page is unmapped, IOTLB included, when xpi_domain_unmap()
 *    returns, even if that is lazy: its owner may have it back at once.
 *
 * (The core's side of this is in drivers/iommu/dma-iommu.c, fq_flush_iotlb()
 * and __iommu_dma_unmap(), and in drivers/iommu/iommu.c, iommu_map_sg().)
 */

#ifndef _XEN_PV_IOMMU_DOMAIN_H
#define _XEN_PV_IOMMU_DOMAIN_H

#include <linux/types.h>

#include "batch.h"
#include "shadow.h"

/**
 * struct xpi_domain - one address space
 * @shadow: what Linux has mapped
 * @batch: what is on the way to the hypervisor; its queue lock guards the entries
 *	of @shadow and the fields below
 * @nr_mapped: frames that are valid in @shadow
 * @nr_refused: of them, those that the hypervisor refused to map
 * @grants: the hypervisor maps other domains' pages; constant
 */
struct xpi_domain {
	struct xpi_shadow shadow;
	struct xpi_batch batch;
	unsigned long nr_mapped;
	unsigned long nr_refused;
	bool grants;
};

/* XEN_IOMMU_MAP_* for an entry of the shadow. */
static inline u16 xpi_map_flags(u64 entry)
{
	return (entry & XPI_SHADOW_READ ? XEN_IOMMU_MAP_readable : 0) |
	       (entry & XPI_SHADOW_WRITE ? XEN_IOMMU_MAP_writable : 0) |
	       (entry & XPI_SHADOW_FOREIGN ? XEN_IOMMU_MAP_gref : 0);
}

/* domain.c */
int xpi_domain_init(struct xpi_domain *d, const struct xpi_backend *backend,
		    const struct xpi_caps *caps);
int xpi_domain_destroy(struct xpi_domain *d);

/* mapping.c */
int xpi_domain_map(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		   unsigned long nr, u64 access, gfp_t gfp,
		   unsigned long *mapped);
int xpi_domain_sync_map(struct xpi_domain *d, u64 dfn, unsigned long nr);
unsigned long xpi_domain_unmap(struct xpi_domain *d, u64 dfn, unsigned long nr,
			       bool lazy);
void xpi_domain_sync(struct xpi_domain *d);
void xpi_domain_flush_all(struct xpi_domain *d);

#endif /* _XEN_PV_IOMMU_DOMAIN_H */
