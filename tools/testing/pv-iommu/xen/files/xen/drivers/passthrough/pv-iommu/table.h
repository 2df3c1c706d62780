/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h: between pt.c and table.c.  Everything with pv_iommu.lock held.
 */

#ifndef __PV_IOMMU_TABLE_H__
#define __PV_IOMMU_TABLE_H__

#include <xen/mm.h>

#include "private.h"

/*
 * What we need to know about a table is in its struct page_info's type_info,
 * which is not otherwise used for pages of Xen's own, and must be zero again
 * when the page is freed.
 */
#define TABLE_USED_MASK     0x3ffUL     /* entries in use: 0 ... 512 */
#define TABLE_LEVEL_SHIFT   10
#define TABLE_LEVEL_MASK    7UL
#define TABLE_BASE_SHIFT    16          /* the first dfn, without low bits */

/* Keep that many empty tables (2 MiB's worth) before unlinking any. */
#define MAX_EMPTY           512

static inline unsigned int table_used(const struct page_info *pg)
{
    return pg->u.inuse.type_info & TABLE_USED_MASK;
}

static inline unsigned int table_level(const struct page_info *pg)
{
    return (pg->u.inuse.type_info >> TABLE_LEVEL_SHIFT) & TABLE_LEVEL_MASK;
}

static inline unsigned long table_base(const struct page_info *pg)
{
    return (pg->u.inuse.type_info >> TABLE_BASE_SHIFT) << PV_IOMMU_STRIDE;
}

static inline unsigned int table_index(unsigned long dfn, unsigned int level)
{
    return (dfn >> ((level - 1) * PV_IOMMU_STRIDE)) & (PV_IOMMU_ENTRIES - 1);
}

/* Tables are of Xen's heap, so they are always mapped. */
static inline uint64_t *table_entries(const struct page_info *pg)
{
    return page_to_virt(pg);
}

static inline void set_entry(uint64_t *entry, uint64_t val)
{
    write_atomic(entry, val);
    iommu_sync_cache(entry, sizeof(*entry));
}

static inline uint64_t table_entry(const struct pv_iommu *p,
                                   const struct page_info *pg)
{
    return page_to_maddr(pg) | p->fmt.table |
           p->fmt.table_level * table_level(pg);
}

/* Where the table of level 1 that has @dfn is kept, if it was used lately. */
static inline struct page_info **table_recent(struct pv_iommu *p,
                                              unsigned long dfn)
{
    return &p->recent[(dfn >> PV_IOMMU_STRIDE) % PV_IOMMU_RECENT];
}

void table_used_changed(struct pv_iommu *p, struct page_info *pg);

/* Account for @delta entries, not 0, of @pg that have come into use. */
static inline void table_use(struct pv_iommu *p, struct page_info *pg, int delta)
{
    bool was_empty = !table_used(pg);

    pg->u.inuse.type_info += delta;
    if ( unlikely(was_empty) || unlikely(!table_used(pg)) )
        table_used_changed(p, pg);
}

struct page_info *table_alloc(struct pv_iommu *p, unsigned long dfn,
                              unsigned int level);
struct page_info *table_add(struct pv_iommu *p, struct page_info *pg,
                            unsigned long dfn, unsigned int level);
struct page_info *table_walk(struct pv_iommu *p, unsigned long dfn,
                             unsigned int *level);
void table_unlink(struct pv_iommu *p, struct pv_iommu_call *call,
                  struct page_info *pg);

/*
 * The lowest table on the way to @dfn, but none below @level; its own level is
 * returned there.
 */
static inline struct page_info *table_descend(struct pv_iommu *p,
                                              unsigned long dfn,
                                              unsigned int *level)
{
    struct page_info *pg = *table_recent(p, dfn);

    ASSERT(spin_is_locked(&p->lock));

    /* DMA comes back to where it was just now. */
    if ( *level == 1 && likely(pg) &&
         likely(pg->u.inuse.type_info >> TABLE_BASE_SHIFT ==
                dfn >> PV_IOMMU_STRIDE) )
        return pg;

    return table_walk(p, dfn, level);
}

#endif /* __PV_IOMMU_TABLE_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
