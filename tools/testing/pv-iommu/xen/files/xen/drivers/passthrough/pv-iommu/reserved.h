/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reserved.h: the ranges that the domain may not touch.
 */

#ifndef __PV_IOMMU_RESERVED_H__
#define __PV_IOMMU_RESERVED_H__

#include <xen/iommu.h>

#define PV_IOMMU_MAX_RESERVED   256

struct pv_iommu_vendor;

struct pv_iommu_reserved {
    unsigned long first, last;
    unsigned int flags;         /* XEN_IOMMU_RESERVED_* */
};

struct pv_iommu_reserved_list {
    unsigned int nr;
    struct pv_iommu_reserved range[PV_IOMMU_MAX_RESERVED]; /* sorted */
};

int pv_iommu_for_each_reserved(iommu_grdm_t *fn, void *data);
int pv_iommu_reserved_bus(const struct pv_iommu_vendor *vendor,
                          struct pv_iommu_reserved_list *list);
int pv_iommu_reserved_get(const struct domain *d,
                          const struct pv_iommu_vendor *vendor, uint32_t sbdf,
                          struct pv_iommu_reserved_list *list);

/* The first range that has something of [@first, @last], or NULL. */
static inline const struct pv_iommu_reserved *pv_iommu_reserved_find(
    const struct pv_iommu_reserved_list *list, unsigned long first,
    unsigned long last)
{
    unsigned int i;

    for ( i = 0; i < list->nr && list->range[i].first <= last; ++i )
        if ( list->range[i].last >= first )
            return &list->range[i];

    return NULL;
}

#endif /* __PV_IOMMU_RESERVED_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
