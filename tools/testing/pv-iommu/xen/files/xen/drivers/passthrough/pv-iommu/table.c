/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.c: the tables that page tables are made of.
 *
 * Tables that become empty stay linked, since DMA mappings come back to the
 * same place.  When they are not remembered any more, either, they are on a
 * list, to be unlinked when there are too many or when memory is short.  An
 * unlinked table is freed only after the flush that takes it out of the
 * hardware's caches.
 */

#include "table.h"

/* The tables that a device can have as root are never empty nor unlinked. */
static bool is_root(const struct pv_iommu *p, const struct page_info *pg)
{
    return p->root[table_level(pg)] == pg;
}

static void came_into_use(struct pv_iommu *p, struct page_info *pg)
{
    page_list_del(pg, &p->empty);
    --p->nr_empty;
    page_list_add(pg, &p->tables);
}

static void became_empty(struct pv_iommu *p, struct page_info *pg)
{
    page_list_del(pg, &p->tables);
    page_list_add_tail(pg, &p->empty);
    ++p->nr_empty;
}

/* A table of level 1 counts as in use as long as it is remembered. */
static void forget(struct pv_iommu *p, struct page_info **recent)
{
    if ( *recent && !table_used(*recent) )
        became_empty(p, *recent);

    *recent = NULL;
}

/*
 * Have @pg, of level 1, found without a walk the next time, and while that is
 * so not moved from list to list each time that a mapping comes and goes.
 */
static void remember(struct pv_iommu *p, struct page_info *pg)
{
    struct page_info **recent = table_recent(p, table_base(pg));

    forget(p, recent);
    *recent = pg;

    if ( !table_used(pg) )
        came_into_use(p, pg);
}

/* A table has become empty, or is so no more. */
void table_used_changed(struct pv_iommu *p, struct page_info *pg)
{
    if ( pg == *table_recent(p, table_base(pg)) || is_root(p, pg) )
        return;

    if ( table_used(pg) )
        came_into_use(p, pg);
    else
        became_empty(p, pg);
}

struct page_info *table_alloc(struct pv_iommu *p, unsigned long dfn,
                              unsigned int level)
{
    const struct domain_iommu *hd = dom_iommu(p->d);
    unsigned int memflags = 0;
    struct page_info *pg;
    void *t;

#ifdef CONFIG_NUMA
    if ( hd->node != NUMA_NO_NODE )
        memflags = MEMF_node(hd->node);
#endif

    t = pv_iommu_may_take(p->dom, p) ? alloc_xenheap_pages(0, memflags) : NULL;
    if ( !t )
        return NULL;

    clear_page(t);
    iommu_sync_cache(t, PAGE_SIZE);

    pg = virt_to_page(t);
    dfn &= ~(level_frames(level + 1) - 1);
    pg->u.inuse.type_info = (dfn >> PV_IOMMU_STRIDE) << TABLE_BASE_SHIFT |
                            (unsigned long)level << TABLE_LEVEL_SHIFT;
    ++p->nr_tables;
    atomic_inc(&p->dom->nr_pages);

    return pg;
}

void pt_free(struct pv_iommu *p, struct page_info *pg)
{
    pg->u.inuse.type_info = 0;
    free_xenheap_page(page_to_virt(pg));
    atomic_dec(&p->dom->nr_pages);
}

/* table_descend() all the way. */
struct page_info *table_walk(struct pv_iommu *p, unsigned long dfn,
                             unsigned int *level)
{
    struct page_info *pg = p->root[p->levels];
    unsigned int l;

    for ( l = p->levels; l > *level; --l )
    {
        uint64_t e = table_entries(pg)[table_index(dfn, l)];

        if ( !present(p, e) || is_leaf(p, e, l) )
            break;

        pg = mfn_to_page(_mfn(entry_mfn(p, e)));
    }

    *level = l;
    if ( l == 1 )
        remember(p, pg);

    return pg;
}

/* Hook a new, empty table into @pg (of @level) at @dfn. */
struct page_info *table_add(struct pv_iommu *p, struct page_info *pg,
                            unsigned long dfn, unsigned int level)
{
    struct page_info *new = table_alloc(p, dfn, level - 1);

    if ( !new )
        return NULL;

    smp_wmb();
    set_entry(&table_entries(pg)[table_index(dfn, level)], table_entry(p, new));

    page_list_add_tail(new, &p->empty);
    ++p->nr_empty;
    table_use(p, pg, 1);

    return new;
}

/*
 * Make the tables that a device can use as root: from the top down to the one
 * of the IOMMU that walks the fewest levels, each the first entry of the one
 * above.
 */
int pt_init(struct pv_iommu *p)
{
    unsigned int level;
    int rc = 0;

    spin_lock(&p->lock);

    for ( level = p->levels; level >= p->min_levels; --level )
    {
        struct page_info *pg = table_alloc(p, 0, level);

        if ( !pg )
        {
            rc = -ENOMEM;
            break;
        }

        p->root[level] = pg;
        page_list_add(pg, &p->tables);

        if ( level < p->levels )
        {
            set_entry(table_entries(p->root[level + 1]), table_entry(p, pg));
            table_use(p, p->root[level + 1], 1);
        }
    }

    spin_unlock(&p->lock);

    return rc;
}

/* Nothing points at the empty table @pg any more: free it after the flush. */
void table_unlink(struct pv_iommu *p, struct pv_iommu_call *call,
                  struct page_info *pg)
{
    struct pv_iommu_pending *pend = pending(p, PV_IOMMU_strict);
    struct page_info **recent = table_recent(p, table_base(pg));

    ASSERT(!table_used(pg) && !is_root(p, pg));

    if ( *recent == pg )
        forget(p, recent);

    page_list_del(pg, &p->empty);
    --p->nr_empty;
    --p->nr_tables;
    page_list_add(pg, &pend->dead);
    call->flush = true;
}

/*
 * Unlink empty tables until @keep are left, those longest on the list
 * first.  Returns whether there were any.
 */
bool pt_prune(struct pv_iommu *p, struct pv_iommu_call *call,
              unsigned int keep)
{
    bool any;
    unsigned int i;

    for ( i = 0; i < PV_IOMMU_RECENT; ++i )
        forget(p, &p->recent[i]);

    any = p->nr_empty > keep;
    if ( any )
        ranges_add(&pending(p, PV_IOMMU_strict)->ranges, 0, p->max_dfn);

    while ( p->nr_empty > keep )
    {
        struct page_info *pg = page_list_first(&p->empty), *parent;
        unsigned int level = table_level(pg) + 1;
        unsigned long dfn = table_base(pg);

        parent = table_descend(p, dfn, &level);
        ASSERT(level == table_level(pg) + 1);

        set_entry(&table_entries(parent)[table_index(dfn, level)], 0);

        table_unlink(p, call, pg);
        table_use(p, parent, -1);
    }

    return any;
}

/* Free a table.  No device uses them any more.  False if there is none. */
bool pt_release_step(struct pv_iommu *p)
{
    struct page_info *pg;

    ASSERT(spin_is_locked(&p->dom->ctl_lock));

    memset(p->recent, 0, sizeof(p->recent));
    page_list_splice(&p->empty, &p->tables);
    INIT_PAGE_LIST_HEAD(&p->empty);
    p->nr_empty = 0;

    pg = page_list_remove_head(&p->tables);
    if ( !pg )
        return false;

    --p->nr_tables;
    pt_free(p, pg);

    return true;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
