/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv-iommu.h: what the rest of Xen needs to know about the hardware domain
 * managing its own I/O address space (see public/iommu_op.h).
 */

#ifndef __XEN_PV_IOMMU_H__
#define __XEN_PV_IOMMU_H__

#include <xen/types.h>

struct domain;
struct page_info;

/*
 * The root of the page tables that the devices of @d are to use instead of
 * Xen's own, or 0 when the domain has not taken over.
 *
 * On input *@levels is the number of levels that the IOMMU in question walks,
 * or 0 for as many as there are; on output (only if the result is not 0) the
 * number of levels below the returned root.
 *
 * To be called with pcidevs_lock held: the answer changes only under it.
 */
paddr_t pv_iommu_root(const struct domain *d, unsigned int *levels);

/*
 * @d has parted with @pg, which is no longer allocated to it: no new mappings
 * of it, and its reference goes away once no device can reach it.
 */
#ifdef CONFIG_X86
void pv_iommu_forget(struct domain *d, const struct page_info *pg);
#else
static inline void pv_iommu_forget(struct domain *d,
                                   const struct page_info *pg) {}
#endif

/*
 * The reference on @pg is in somebody's way: drop it, unless @pg is mapped.
 */
void pv_iommu_forget_unmapped(struct domain *d, const struct page_info *pg);

/*
 * Drop everything held for @d, which is dying.  Returns -ERESTART when there
 * is more to do.
 */
int pv_iommu_release(struct domain *d);

#endif /* __XEN_PV_IOMMU_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
