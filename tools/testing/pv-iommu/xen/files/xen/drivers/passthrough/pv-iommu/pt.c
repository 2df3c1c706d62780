/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pt.c: the page tables.
 *
 * Everything works on runs: one descent from the root, then a stride over the
 * entries of one table.  Tables that become empty stay linked, since DMA
 * mappings come back to the same place; they are on a list, to be unlinked
 * when there are too many or when memory is short.  An unlinked table is freed
 * only after the flush that takes it out of the hardware's caches.
 */

#include <xen/domain_page.h>

#include "private.h"

/*
 * What we need to know about a table is in its struct page_info's type_info,
 * which is not otherwise used for anonymous pages, and must be zero again
 * when the page is freed.
 */
#define TABLE_USED_MASK     0x3ffUL     /* entries in use: 0 ... 512 */
#define TABLE_LEVEL_SHIFT   10
#define TABLE_LEVEL_MASK    7UL
#define TABLE_BASE_SHIFT    16          /* the first dfn, without low bits */

/* Keep that many empty tables (2 MiB's worth) before unlinking any. */
#define MAX_EMPTY           512

static unsigned int table_used(const struct page_info *pg)
{
    return pg->u.inuse.type_info & TABLE_USED_MASK;
}

static unsigned int table_level(const struct page_info *pg)
{
    return (pg->u.inuse.type_info >> TABLE_LEVEL_SHIFT) & TABLE_LEVEL_MASK;
}

static unsigned long table_base(const struct page_info *pg)
{
    return (pg->u.inuse.type_info >> TABLE_BASE_SHIFT) << PV_IOMMU_STRIDE;
}

/* The tables that a device can have as root are never empty nor unlinked. */
static bool is_root(const struct pv_iommu *p, const struct page_info *pg)
{
    return p->root[table_level(pg)] == pg;
}

static unsigned int table_index(unsigned long dfn, unsigned int level)
{
    return (dfn >> ((level - 1) * PV_IOMMU_STRIDE)) & (PV_IOMMU_ENTRIES - 1);
}

static void table_use(struct pv_iommu *p, struct page_info *pg, int delta)
{
    bool was = table_used(pg), is;

    pg->u.inuse.type_info += delta;
    is = table_used(pg);

    if ( was == is || is_root(p, pg) )
        return;

    if ( is )
    {
        page_list_del(pg, &p->empty);
        --p->nr_empty;
        page_list_add(pg, &p->tables);
    }
    else
    {
        page_list_del(pg, &p->tables);
        page_list_add_tail(pg, &p->empty);
        ++p->nr_empty;
    }
}

static struct page_info *table_alloc(struct pv_iommu *p, unsigned long dfn,
                                     unsigned int level)
{
    const struct domain_iommu *hd = dom_iommu(p->d);
    unsigned int memflags = 0;
    struct page_info *pg;
    uint64_t *t;

#ifdef CONFIG_NUMA
    if ( hd->node != NUMA_NO_NODE )
        memflags = MEMF_node(hd->node);
#endif

    pg = alloc_domheap_page(NULL, memflags);
    if ( !pg )
        return NULL;

    t = __map_domain_page(pg);
    clear_page(t);
    iommu_sync_cache(t, PAGE_SIZE);
    unmap_domain_page(t);

    dfn &= ~(level_frames(level + 1) - 1);
    pg->u.inuse.type_info = (dfn >> PV_IOMMU_STRIDE) << TABLE_BASE_SHIFT |
                            (unsigned long)level << TABLE_LEVEL_SHIFT;
    ++p->nr_tables;

    return pg;
}

void pt_free(struct page_info *pg)
{
    pg->u.inuse.type_info = 0;
    free_domheap_page(pg);
}

static void set_entry(uint64_t *entry, uint64_t val)
{
    write_atomic(entry, val);
    iommu_sync_cache(entry, sizeof(*entry));
}

static uint64_t table_entry(const struct pv_iommu *p, const struct page_info *pg)
{
    return page_to_maddr(pg) | p->fmt.table |
           p->fmt.table_level * table_level(pg);
}

/*
 * The lowest table on the way to @dfn, but none below @level; its own level is
 * returned there.
 */
static struct page_info *descend(struct pv_iommu *p, unsigned long dfn,
                                 unsigned int *level)
{
    struct page_info *pg = p->root[p->levels];
    unsigned int l;

    ASSERT(spin_is_locked(&p->lock));

    for ( l = p->levels; l > *level; --l )
    {
        const uint64_t *t = __map_domain_page(pg);
        uint64_t e = t[table_index(dfn, l)];

        unmap_domain_page(t);

        if ( !present(p, e) || is_leaf(p, e, l) )
            break;

        pg = mfn_to_page(_mfn(entry_mfn(p, e)));
    }

    *level = l;

    return pg;
}

/* Hook a new, empty table into @pg (of @level) at @dfn. */
static struct page_info *add_table(struct pv_iommu *p, struct page_info *pg,
                                   unsigned long dfn, unsigned int level)
{
    struct page_info *new = table_alloc(p, dfn, level - 1);
    uint64_t *t;

    if ( !new )
        return NULL;

    t = __map_domain_page(pg);
    smp_wmb();
    set_entry(&t[table_index(dfn, level)], table_entry(p, new));
    unmap_domain_page(t);

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
            uint64_t *t = __map_domain_page(p->root[level + 1]);

            set_entry(&t[0], table_entry(p, pg));
            unmap_domain_page(t);
            table_use(p, p->root[level + 1], 1);
        }
    }

    spin_unlock(&p->lock);

    return rc;
}

/* The largest page that can begin at @dfn. */
unsigned int pt_level(const struct pv_iommu *p, unsigned long dfn,
                      unsigned long mfn, unsigned long nr)
{
    unsigned int level;

    for ( level = p->max_leaf_level; level > 1; --level )
        if ( nr >= level_frames(level) &&
             !((dfn | mfn) & (level_frames(level) - 1)) )
            break;

    return level;
}

static void unlink(struct pv_iommu *p, struct pv_iommu_call *call,
                   struct page_info *pg)
{
    struct pv_iommu_pending *pend = pending(p, PV_IOMMU_strict);

    ASSERT(!table_used(pg) && !is_root(p, pg));

    page_list_del(pg, &p->empty);
    --p->nr_empty;
    --p->nr_tables;
    page_list_add(pg, &pend->dead);
    call->flush = true;
}

/*
 * Is the entry free for a large page?  An empty table that is in the way goes,
 * but then the hardware may know it and a flush is needed.
 */
static int make_room(struct pv_iommu *p, struct pv_iommu_call *call,
                     uint64_t *entry, unsigned long dfn, unsigned int level)
{
    struct page_info *pg;

    if ( !present(p, *entry) )
        return 0;

    if ( is_leaf(p, *entry, level) )
        return -EEXIST;

    pg = mfn_to_page(_mfn(entry_mfn(p, *entry)));
    if ( table_used(pg) )
        /* In a level 2 table that may be nothing but more tables. */
        return level > 2 ? -EAGAIN : -EEXIST;

    set_entry(entry, 0);
    unlink(p, call, pg);
    pending_range(pending(p, PV_IOMMU_strict), dfn,
                  dfn + level_frames(level) - 1);

    return 1;
}

/*
 * Map @nr pages of @level, which must all be in one table.  All or nothing.
 * @refs has a bit for each page that is referenced; if it is NULL, none is.
 *
 * -EAGAIN means that smaller pages may do.
 */
int pt_map(struct pv_iommu *p, struct pv_iommu_call *call, unsigned long dfn,
           unsigned long mfn, unsigned int level, unsigned int nr,
           uint64_t bits, const unsigned long *refs)
{
    unsigned int i, idx, l = level;
    struct page_info *pg = descend(p, dfn, &l);
    uint64_t *t;
    int rc = 0;

    for ( ; l > level; --l )
    {
        uint64_t e;

        t = __map_domain_page(pg);
        e = t[table_index(dfn, l)];
        unmap_domain_page(t);

        if ( present(p, e) )
            return -EEXIST;

        pg = add_table(p, pg, dfn, l);
        if ( !pg )
            return -ENOMEM;
    }

    idx = table_index(dfn, level);
    ASSERT(idx + nr <= PV_IOMMU_ENTRIES);

    t = __map_domain_page(pg);

    if ( level > 1 )
    {
        ASSERT(nr == 1 && !(dfn & (level_frames(level) - 1)));
        rc = make_room(p, call, &t[idx], dfn, level);
        if ( rc > 0 )
            table_use(p, pg, -1);
    }
    else
        for ( i = idx; i < idx + nr; ++i )
            if ( present(p, t[i]) )
            {
                rc = -EEXIST;
                break;
            }

    if ( rc >= 0 )
    {
        uint64_t e = pfn_to_paddr(mfn) | bits | p->fmt.leaf |
                     (level > 1 ? p->fmt.leaf_val : 0);

        for ( i = 0; i < nr; ++i )
        {
            write_atomic(&t[idx + i],
                         e | (refs && test_bit(i, refs) ? p->fmt.ref : 0));
            e += level_frames(level) << PAGE_SHIFT;
        }
        iommu_sync_cache(&t[idx], nr * sizeof(*t));
        table_use(p, pg, nr);
        if ( level > 1 )
            ++p->nr_large;
        rc = 0;
    }

    unmap_domain_page(t);

    return rc;
}

/*
 * Split the large page behind @t[@idx], a table of @level that covers @dfn.
 * The new table says the same, but as the hardware need not like to see two
 * sizes at once, all of the page is due to be flushed.
 */
static int split(struct pv_iommu *p, struct pv_iommu_call *call, uint64_t *t,
                 unsigned int idx, unsigned long dfn, unsigned int level)
{
    struct page_info *new = table_alloc(p, dfn, level - 1);
    unsigned long size = level_frames(level);
    uint64_t e = t[idx], *n;
    unsigned int i;

    if ( !new )
        return -ENOMEM;

    --p->nr_large;
    if ( level == 2 )
        e &= ~p->fmt.leaf_val;
    else
        p->nr_large += PV_IOMMU_ENTRIES;

    n = __map_domain_page(new);
    for ( i = 0; i < PV_IOMMU_ENTRIES; ++i )
    {
        n[i] = e;
        e += level_frames(level - 1) << PAGE_SHIFT;
    }
    iommu_sync_cache(n, PAGE_SIZE);
    unmap_domain_page(n);

    new->u.inuse.type_info += PV_IOMMU_ENTRIES;
    page_list_add(new, &p->tables);

    smp_wmb();
    set_entry(&t[idx], table_entry(p, new));

    dfn &= ~(size - 1);
    pending_range(pending(p, PV_IOMMU_strict), dfn, dfn + size - 1);
    call->flush = true;

    return 0;
}

/* Make sure that no large page reaches across the lower end of @dfn. */
int pt_split(struct pv_iommu *p, struct pv_iommu_call *call, unsigned long dfn)
{
    for ( ; ; )
    {
        unsigned int level = 1;
        struct page_info *pg = descend(p, dfn, &level);
        unsigned int idx = table_index(dfn, level);
        uint64_t *t, e;
        int rc;

        if ( !(dfn & (level_frames(level) - 1)) )
            return 0;

        t = __map_domain_page(pg);
        e = t[idx];
        rc = present(p, e) && !(e & p->fmt.fixed)
             ? split(p, call, t, idx, dfn, level) : 1;
        unmap_domain_page(t);

        if ( rc )
            return min(rc, 0);
    }
}

/*
 * Unmap what one table has of [@dfn, @dfn + @nr).  Returns how many frames
 * that was, with @unmapped increased by those which were mapped, or 0 if there
 * is no memory to split a page.  pending() must have room for a table full.
 */
unsigned long pt_unmap(struct pv_iommu *p, struct pv_iommu_call *call,
                       enum pv_iommu_class class, unsigned long dfn,
                       unsigned long nr, unsigned long *unmapped)
{
    struct pv_iommu_pending *pend = pending(p, class);
    unsigned int level = 1, cleared = 0, idx;
    struct page_info *pg = descend(p, dfn, &level);
    unsigned long size = level_frames(level), done = 0;
    unsigned int start = idx = table_index(dfn, level);
    uint64_t *t = __map_domain_page(pg);

    for ( ; done < nr && idx < PV_IOMMU_ENTRIES; ++idx )
    {
        unsigned long offset = (dfn + done) & (size - 1);
        unsigned long step = min(size - offset, nr - done);
        uint64_t e = t[idx];

        if ( present(p, e) && !(e & p->fmt.fixed) )
        {
            if ( !is_leaf(p, e, level) )
                break;

            if ( step < size )
            {
                /* Has to be the first entry, or comes again as such. */
                if ( !done && !split(p, call, t, idx, dfn, level) )
                {
                    unmap_domain_page(t);
                    return pt_unmap(p, call, class, dfn, nr, unmapped);
                }
                break;
            }

            write_atomic(&t[idx], 0);
            ++cleared;
            *unmapped += size;
            pending_range(pend, dfn + done, dfn + done + size - 1);
            if ( e & p->fmt.ref )
                pending_run(pend, entry_mfn(p, e), size);
        }

        done += step;

        if ( pend->nr_frames >= PV_IOMMU_MAX_PENDING )
        {
            ++idx;
            break;
        }
    }

    if ( cleared )
    {
        iommu_sync_cache(&t[start], (idx - start) * sizeof(*t));
        table_use(p, pg, -(int)cleared);
        if ( level > 1 )
            p->nr_large -= cleared;
        if ( class == PV_IOMMU_strict )
            call->flush = true;
    }

    unmap_domain_page(t);

    if ( p->nr_empty > MAX_EMPTY )
        pt_prune(p, call, MAX_EMPTY / 2);

    return done;
}

/* What @dfn is mapped to, and at which level; 0 when it is not mapped. */
unsigned int pt_lookup(struct pv_iommu *p, unsigned long dfn, uint64_t *e)
{
    unsigned int level = 1;
    const uint64_t *t = __map_domain_page(descend(p, dfn, &level));

    *e = t[table_index(dfn, level)];
    unmap_domain_page(t);

    return present(p, *e) ? level : 0;
}

/* Unlink empty tables, those that have been empty for longest first. */
void pt_prune(struct pv_iommu *p, struct pv_iommu_call *call,
              unsigned int keep)
{
    if ( p->nr_empty > keep )
        pending_range(pending(p, PV_IOMMU_strict), 0, p->max_dfn);

    while ( p->nr_empty > keep )
    {
        struct page_info *pg = page_list_first(&p->empty), *parent;
        unsigned int level = table_level(pg) + 1;
        unsigned long dfn = table_base(pg);
        uint64_t *t;

        parent = descend(p, dfn, &level);
        ASSERT(level == table_level(pg) + 1);

        t = __map_domain_page(parent);
        set_entry(&t[table_index(dfn, level)], 0);
        unmap_domain_page(t);

        unlink(p, call, pg);
        table_use(p, parent, -1);
    }
}

/*
 * Free a table, or drop the references of one entry of it if that is a large
 * page.  No device uses the tables any more.  Returns whether anything is
 * left.
 */
bool pt_release_step(struct pv_iommu *p)
{
    struct page_info *pg;
    unsigned int level;
    uint64_t *t;

    ASSERT(spin_is_locked(&p->ctl_lock));

    page_list_splice(&p->empty, &p->tables);
    INIT_PAGE_LIST_HEAD(&p->empty);
    p->nr_empty = 0;

    pg = page_list_first(&p->tables);
    if ( !pg )
        return false;

    level = table_level(pg);
    t = __map_domain_page(pg);

    while ( p->release_idx < PV_IOMMU_ENTRIES )
    {
        uint64_t e = t[p->release_idx++];
        unsigned long i, mfn = entry_mfn(p, e);

        if ( !present(p, e) || !is_leaf(p, e, level) || !(e & p->fmt.ref) )
            continue;

        for ( i = 0; i < level_frames(level); ++i )
            put_page(mfn_to_page(_mfn(mfn + i)));
        p->dropped += i;

        if ( level > 1 )
            break;
    }

    unmap_domain_page(t);

    if ( p->release_idx == PV_IOMMU_ENTRIES )
    {
        p->release_idx = 0;
        page_list_del(pg, &p->tables);
        --p->nr_tables;
        pt_free(pg);
    }

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
