/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pt.c: the page tables.
 *
 * Everything works on runs: one descent from the root, then a stride over the
 * entries of one table.
 */

#include <xen/domain_page.h>

#include "frames.h"
#include "table.h"

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
    table_unlink(p, call, pg);
    ranges_add(&pending(p, PV_IOMMU_strict)->ranges, dfn,
               dfn + level_frames(level) - 1);

    return 1;
}

/*
 * Map @nr pages of @level, which must all be in one table.  All or nothing.
 * They are those from @mfns[0] on; or, if @scattered, those of @mfns.
 *
 * -EAGAIN means that smaller pages may do.
 */
int pt_map(struct pv_iommu *p, struct pv_iommu_call *call, unsigned long dfn,
           const unsigned long *mfns, bool scattered, unsigned int level,
           unsigned int nr, uint64_t bits)
{
    unsigned int i, idx, l = level;
    struct page_info *pg = table_descend(p, dfn, &l);
    uint64_t *t, *e;
    int rc = 0;

    for ( ; l > level; --l )
    {
        bool there;

        t = __map_domain_page(pg);
        there = present(p, t[table_index(dfn, l)]);
        unmap_domain_page(t);

        if ( there )
            return -EEXIST;

        pg = table_add(p, pg, dfn, l);
        if ( !pg )
            return -ENOMEM;
    }

    idx = table_index(dfn, level);
    ASSERT(idx + nr <= PV_IOMMU_ENTRIES);

    t = __map_domain_page(pg);
    e = &t[idx];

    if ( level > 1 )
    {
        ASSERT(nr == 1 && !(dfn & (level_frames(level) - 1)));
        rc = make_room(p, call, e, dfn, level);
        if ( rc > 0 )
            table_use(p, pg, -1);
        bits |= p->fmt.leaf_val;
    }
    else
    {
        uint64_t any = 0;

        for ( i = 0; i < nr; ++i )
            any |= e[i];
        if ( unlikely(present(p, any)) )
            rc = -EEXIST;
    }

    if ( likely(rc >= 0) )
    {
        bits |= p->fmt.leaf;

        if ( scattered )
            for ( i = 0; i < nr; ++i )
                write_atomic(&e[i], bits | pfn_to_paddr(mfns[i]));
        else
            for ( i = 0, bits |= pfn_to_paddr(mfns[0]); i < nr; ++i )
            {
                write_atomic(&e[i], bits);
                bits += PAGE_SIZE;
            }

        iommu_sync_cache(e, nr * sizeof(*e));
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
    ranges_add(&pending(p, PV_IOMMU_strict)->ranges, dfn, dfn + size - 1);
    call->flush = true;

    return 0;
}

/* Make sure that no large page reaches across the lower end of @dfn. */
int pt_split(struct pv_iommu *p, struct pv_iommu_call *call, unsigned long dfn)
{
    for ( ; ; )
    {
        unsigned int level = 1;
        struct page_info *pg = table_descend(p, dfn, &level);
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

/* Large pages that are cleared under one hold of the lock. */
#define MAX_LARGE       8

/* Entries of one table that were cleared. */
struct cleared {
    unsigned int nr;
    unsigned long first, last;  /* the dfns behind them */
};

/* Account for cleared entries; nr_large is clear_large()'s. */
static void always_inline account(struct pv_iommu *p,
                                  struct pv_iommu_call *call,
                                  enum pv_iommu_class class,
                                  struct page_info *pg, uint64_t *t,
                                  unsigned int level, const struct cleared *c,
                                  unsigned long *unmapped)
{
    uint64_t *first = &t[table_index(c->first, level)];
    uint64_t *last = &t[table_index(c->last, level)];

    if ( !c->nr )
        return;

    iommu_sync_cache(first, (last - first + 1) * sizeof(*t));
    table_use(p, pg, -(int)c->nr);
    *unmapped += c->nr * level_frames(level);
    ranges_add(&pending(p, class)->ranges, c->first, c->last);
    if ( class == PV_IOMMU_strict )
        call->flush = true;
}

/* Frames are not mapped any more: some may have to wait for the flush. */
static inline void put_frames(struct pv_iommu *p,
                              struct pv_iommu_pending *pend,
                              unsigned long mfn, unsigned long nr)
{
    unsigned long done = frames_put(p->dom, mfn, nr);

    if ( unlikely(done < nr) )
        pending_run(pend, mfn + done, nr - done, PV_IOMMU_RUN_OWN);
}

/* Clear entries for single frames of the domain, up to anything else; how many? */
static unsigned int noinline clear_singles(const struct pv_iommu *p, uint64_t *t,
                                           unsigned int n)
{
    const struct pv_iommu_dom *dom = p->dom;
    const uint64_t ref = p->fmt.ref, addr = p->fmt.addr;
    const uint64_t kinds = ref | p->fmt.fixed | p->fmt.foreign;
    unsigned int i;

    for ( i = 0; i < n; ++i )
    {
        uint64_t e = t[i];

        if ( (e & kinds) != ref || (i + 1 < n && t[i + 1] == e + PAGE_SIZE) ||
             !record_put(frame_record(dom, (e & addr) >> PAGE_SHIFT)) )
            break;
        write_atomic(&t[i], 0);
    }

    return i;
}

/* Clear what goes on at @t[0] as it begins there, of @n entries; nothing: 0. */
static unsigned int noinline clear_run(struct pv_iommu *p,
                                       struct pv_iommu_pending *pend,
                                       uint64_t *t, unsigned int n)
{
    uint64_t e = *t, next = e;
    unsigned int run = 0;

    if ( !present(p, e) || (e & p->fmt.fixed) )
        return 0;

    for ( ; run < n && t[run] == next; next += PAGE_SIZE )
        write_atomic(&t[run++], 0);

    if ( unlikely(e & p->fmt.foreign) )
        pending_run(pend, entry_mfn(p, e), run,
                    PV_IOMMU_RUN_FOREIGN |
                    (e & p->fmt.write ? PV_IOMMU_RUN_WRITABLE : 0));
    else if ( e & p->fmt.ref )
        put_frames(p, pend, entry_mfn(p, e), run);

    return run;
}

/*
 * Clear what is mapped of [@dfn, @dfn + @nr) in @t, a table of level 1; returns
 * how many frames it has of them.  Scattered memory, and a page by itself, is what
 * there is most.  All are counted right now, unless they are to be dropped.
 */
static long clear_small(struct pv_iommu *p, struct pv_iommu_pending *pend,
                        uint64_t *t, unsigned long dfn, unsigned long nr,
                        struct cleared *c)
{
    unsigned int i, run, idx = table_index(dfn, 1);
    unsigned int n = min_t(unsigned long, nr, PV_IOMMU_ENTRIES - idx);

    for ( i = 0, t += idx; i < n; i += run ?: 1 )
    {
        run = clear_singles(p, &t[i], n - i) ?: clear_run(p, pend, &t[i], n - i);
        if ( !run )
            continue;

        if ( !c->nr )
            c->first = dfn + i;
        c->nr += run;
        c->last = dfn + i + run - 1;
    }

    return n;
}

/*
 * The same in a table of @level, up to another table or to a page that the end
 * of the range cuts.  One that the beginning cuts is split: -EAGAIN then, or
 * -ENOMEM.
 */
static long clear_large(struct pv_iommu *p, struct pv_iommu_call *call,
                        struct pv_iommu_pending *pend, uint64_t *t,
                        unsigned int level, unsigned long dfn, unsigned long nr,
                        struct cleared *c)
{
    unsigned int idx = table_index(dfn, level);
    unsigned long size = level_frames(level), done = 0;

    for ( ; done < nr && idx < PV_IOMMU_ENTRIES; ++idx )
    {
        unsigned long offset = (dfn + done) & (size - 1);
        unsigned long step = min(size - offset, nr - done);
        uint64_t e = t[idx];

        if ( present(p, e) && !(e & p->fmt.fixed) )
        {
            unsigned long mfn = entry_mfn(p, e);

            if ( !is_leaf(p, e, level) )
                break;

            if ( step < size )
            {
                if ( !done )
                    return split(p, call, t, idx, dfn, level) ?: -EAGAIN;
                break;
            }

            write_atomic(&t[idx], 0);
            if ( !c->nr++ )
                c->first = dfn + done;
            c->last = dfn + done + size - 1;

            if ( e & p->fmt.ref )
                put_frames(p, pend, mfn, size);
        }

        done += step;

        if ( pend->nr_frames >= PV_IOMMU_MAX_PENDING || c->nr == MAX_LARGE )
            break;
    }

    p->nr_large -= c->nr;

    return done;
}

/* pt_unmap() in @pg, a table of level 1. */
static long unmap_small(struct pv_iommu *p, struct pv_iommu_call *call,
                        enum pv_iommu_class class, struct page_info *pg,
                        unsigned long dfn, unsigned long nr,
                        unsigned long *unmapped)
{
    uint64_t *t = __map_domain_page(pg);
    struct cleared c = {};
    long done = clear_small(p, pending(p, class), t, dfn, nr, &c);

    account(p, call, class, pg, t, 1, &c, unmapped);
    unmap_domain_page(t);

    return done;
}

/* The same in a table of @level; -EAGAIN when a page was split first. */
static long noinline unmap_large(struct pv_iommu *p, struct pv_iommu_call *call,
                                 enum pv_iommu_class class,
                                 struct page_info *pg, unsigned int level,
                                 unsigned long dfn, unsigned long nr,
                                 unsigned long *unmapped)
{
    uint64_t *t = __map_domain_page(pg);
    struct cleared c = {};
    long done = clear_large(p, call, pending(p, class), t, level, dfn, nr, &c);

    account(p, call, class, pg, t, level, &c, unmapped);
    unmap_domain_page(t);

    return done;
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
    long done;

    do {
        unsigned int level = 1;
        struct page_info *pg = table_descend(p, dfn, &level);

        done = likely(level == 1)
               ? unmap_small(p, call, class, pg, dfn, nr, unmapped)
               : unmap_large(p, call, class, pg, level, dfn, nr, unmapped);
    } while ( unlikely(done == -EAGAIN) );

    if ( p->nr_empty > MAX_EMPTY )
        pt_prune(p, call, MAX_EMPTY / 2);

    return max(done, 0L);
}

/*
 * Unmap what is fixed in one table's part of [@dfn, @dfn + @nr), if the range
 * begins with that; returns how many frames that part has.
 */
unsigned long pt_unfix(struct pv_iommu *p, struct pv_iommu_call *call,
                       unsigned long dfn, unsigned long nr,
                       unsigned long *unmapped)
{
    unsigned int level = 1;
    struct page_info *pg = table_descend(p, dfn, &level);
    unsigned long size = level_frames(level);
    uint64_t *t = __map_domain_page(pg), *e = &t[table_index(dfn, level)];
    bool fixed = present(p, *e) && (*e & p->fmt.fixed);

    if ( fixed )
        set_entry(e, *e & ~p->fmt.fixed);
    unmap_domain_page(t);

    /* A page of its own: whatever is larger was installed as such. */
    nr = level > 1 ? size - (dfn & (size - 1)) : 1;
    if ( fixed )
        pt_unmap(p, call, PV_IOMMU_strict, dfn, nr, unmapped);

    return nr;
}

/*
 * Are all of [@dfn, @dfn + @nr) mapped, in one table of level 1, and nothing of
 * it by Xen itself?  So that nothing is in the way of unmapping them.
 */
bool pt_plain(struct pv_iommu *p, unsigned long dfn, unsigned long nr)
{
    unsigned int i, level = 1, idx = table_index(dfn, 1);
    struct page_info *pg = table_descend(p, dfn, &level);
    const uint64_t *t;

    if ( level > 1 || idx + nr > PV_IOMMU_ENTRIES )
        return false;

    t = __map_domain_page(pg);
    for ( i = 0; i < nr; ++i )
        if ( !present(p, t[idx + i]) || (t[idx + i] & p->fmt.fixed) )
            break;
    unmap_domain_page(t);

    return i == nr;
}

/* What @dfn is mapped to, and at which level; 0 when it is not mapped. */
unsigned int pt_lookup(struct pv_iommu *p, unsigned long dfn, uint64_t *e)
{
    unsigned int level = 1;
    const uint64_t *t = __map_domain_page(table_descend(p, dfn, &level));

    *e = t[table_index(dfn, level)];
    unmap_domain_page(t);

    return present(p, *e) ? level : 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
