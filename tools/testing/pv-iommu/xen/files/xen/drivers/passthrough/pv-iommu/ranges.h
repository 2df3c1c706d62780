/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ranges.h: a few ranges of dfns, that are to be flushed.
 */

#ifndef __PV_IOMMU_RANGES_H__
#define __PV_IOMMU_RANGES_H__

#include <xen/bitops.h>
#include <xen/lib.h>

#define PV_IOMMU_MAX_RANGES     4

/* Dfns that are to be flushed. */
struct pv_iommu_ranges {
    unsigned int nr;
    struct pv_iommu_range {
        unsigned long first, last;
    } range[PV_IOMMU_MAX_RANGES];
};

/*
 * Add a range.  It joins the newest one if it meets that, which is what follows
 * one unmapping with the next; or if there is room for no more.
 */
static inline void ranges_add(struct pv_iommu_ranges *ranges,
                              unsigned long first, unsigned long last)
{
    struct pv_iommu_range *r = &ranges->range[ranges->nr];

    if ( ranges->nr &&
         (ranges->nr == PV_IOMMU_MAX_RANGES ||
          (first <= r[-1].last + 1 && last + 1 >= r[-1].first)) )
    {
        r[-1].first = min(r[-1].first, first);
        r[-1].last = max(r[-1].last, last);
        return;
    }

    *r = (struct pv_iommu_range){ first, last };
    ++ranges->nr;
}

static inline void ranges_join(struct pv_iommu_ranges *ranges,
                               const struct pv_iommu_ranges *other)
{
    unsigned int i;

    for ( i = 0; i < other->nr; ++i )
        ranges_add(ranges, other->range[i].first, other->range[i].last);
}

/*
 * The order of the smallest naturally aligned power of two that has all of a
 * range: that is what hardware can flush.  It has the dfns from *@dfn on.
 */
static inline unsigned int range_order(const struct pv_iommu_range *r,
                                       unsigned long *dfn)
{
    unsigned int order = flsl(r->first ^ r->last);

    *dfn = order < BITS_PER_LONG ? (r->first >> order) << order : 0;

    return order;
}

#endif /* __PV_IOMMU_RANGES_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
