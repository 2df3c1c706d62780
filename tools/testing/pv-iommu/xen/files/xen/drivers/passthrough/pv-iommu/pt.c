/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pt.c: the page tables.
 *
 * Everything works on runs: one descent from the root, then a stride over the
 * entries of one table.
 */

#include "entries.h"
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
 * but then the hardware may know it and a flush is needed: 1, and the entry counts as
 * in use already.
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

/* Make the tables from @pg, of level @l, down to @level, for @dfn. */
static int noinline table_make(struct pv_iommu *p, unsigned long dfn,
                               unsigned int l, unsigned int level,
                               struct page_info **pg)
{
    for ( ; l > level; --l )
    {
        if ( present(p, table_entries(*pg)[table_index(dfn, l)]) )
            return -EEXIST;

        *pg = table_add(p, *pg, dfn, l);
        if ( !*pg )
            return -ENOMEM;
    }

    return 0;
}

/* The table of @level that has @dfn, with those on the way made if there are none. */
static inline int table_get(struct pv_iommu *p, unsigned long dfn,
                            unsigned int level, struct page_info **pg)
{
    unsigned int l = level;

    *pg = table_descend(p, dfn, &l);

    return likely(l == level) ? 0 : table_make(p, dfn, l, level, pg);
}

/*
 * Map @nr single frames, which must all be in one table.  All or nothing.
 * They are those from @mfns[0] on; or, if @scattered, those of @mfns.
 */
int pt_map(struct pv_iommu *p, unsigned long dfn, const unsigned long *mfns,
           bool scattered, unsigned int nr, uint64_t bits)
{
    unsigned int i, idx = table_index(dfn, 1);
    struct page_info *pg;
    uint64_t *e;
    int rc = table_get(p, dfn, 1, &pg);

    if ( unlikely(rc) )
        return rc;

    ASSERT(idx + nr <= PV_IOMMU_ENTRIES);

    e = table_entries(pg) + idx;
    if ( !all_free(p, e, nr) )
        return -EEXIST;

    bits |= p->fmt.leaf;

    if ( !scattered )
        write_run(e, bits | pfn_to_paddr(mfns[0]), PAGE_SIZE, nr);
    else
        for ( i = 0; i < nr; ++i )
            write_atomic(&e[i], bits | pfn_to_paddr(mfns[i]));

    iommu_sync_cache(e, nr * sizeof(*e));
    table_use(p, pg, nr);

    return 0;
}

/*
 * Map a page of @level, above 1.  -EAGAIN means that smaller pages may do.
 */
int pt_map_large(struct pv_iommu *p, struct pv_iommu_call *call,
                 unsigned long dfn, unsigned long mfn, unsigned int level,
                 uint64_t bits)
{
    struct page_info *pg;
    uint64_t *e;
    int rc = table_get(p, dfn, level, &pg);

    if ( rc )
        return rc;

    ASSERT(!(dfn & (level_frames(level) - 1)));

    e = table_entries(pg) + table_index(dfn, level);
    rc = make_room(p, call, e, dfn, level);
    if ( rc < 0 )
        return rc;

    set_entry(e, bits | p->fmt.leaf | p->fmt.leaf_val | pfn_to_paddr(mfn));
    if ( !rc )
        table_use(p, pg, 1);
    ++p->nr_large;

    return 0;
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

    if ( !new )
        return -ENOMEM;

    --p->nr_large;
    if ( level == 2 )
        e &= ~p->fmt.leaf_val;
    else
        p->nr_large += PV_IOMMU_ENTRIES;

    n = table_entries(new);
    write_run(n, e, level_frames(level - 1) << PAGE_SHIFT, PV_IOMMU_ENTRIES);
    iommu_sync_cache(n, PAGE_SIZE);

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
        uint64_t *t = table_entries(pg), e = t[table_index(dfn, level)];
        int rc;

        if ( !(dfn & (level_frames(level) - 1)) || !present(p, e) ||
             (e & p->fmt.fixed) )
            return 0;

        rc = split(p, call, t, table_index(dfn, level), dfn, level);
        if ( rc )
            return rc;
    }
}

/* Large pages that are cleared under one hold of the lock. */
#define MAX_LARGE       8

/*
 * @nr entries of @pg were cleared, all of them in the @nr_entries from @e on, which
 * are those for @frames frames from @dfn on; nr_large is unmap_large()'s.
 */
static void always_inline account(struct pv_iommu *p,
                                  struct pv_iommu_call *call,
                                  enum pv_iommu_class class,
                                  struct page_info *pg, uint64_t *e,
                                  unsigned int nr_entries, unsigned int nr,
                                  unsigned long dfn, unsigned long frames)
{
    if ( unlikely(!nr) )
        return;

    iommu_sync_cache(e, nr_entries * sizeof(*e));
    table_use(p, pg, -(int)nr);
    ranges_add(&pending(p, class)->ranges, dfn, dfn + frames - 1);
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

/*
 * Clear an entry if it is for a frame of the domain's, and not mapped by Xen itself.
 * It is counted first, as that may be refused: nobody can tell, as long as @lock is
 * held, which whoever takes the frame away waits for.
 */
static bool always_inline clear_single(const struct pv_iommu_dom *dom, uint64_t *t,
                                       uint64_t kinds, uint64_t ref, uint64_t addr)
{
    uint64_t e = *t;

    if ( (e & kinds) != ref ||
         !record_put(frame_record(dom, (e & addr) >> PAGE_SHIFT)) )
        return false;

    write_atomic(t, 0);

    return true;
}

static inline uint64_t fmt_kinds(const struct pv_iommu *p)
{
    return p->fmt.ref | p->fmt.fixed | p->fmt.foreign;
}

/* The same of @n entries, up to anything else or to where a run begins; how many? */
static unsigned int noinline clear_singles(const struct pv_iommu *p, uint64_t *t,
                                           unsigned int n)
{
    const struct pv_iommu_dom *dom = p->dom;
    const uint64_t kinds = fmt_kinds(p), ref = p->fmt.ref, addr = p->fmt.addr;
    unsigned int i = 0;

    while ( i < n && (i + 1 == n || t[i + 1] != t[i] + PAGE_SIZE) &&
            clear_single(dom, &t[i], kinds, ref, addr) )
        ++i;

    return i;
}

/* Clear what goes on at @t[0] as it begins there, of @n entries; nothing: 0. */
static unsigned int noinline clear_run(struct pv_iommu *p,
                                       struct pv_iommu_pending *pend,
                                       uint64_t *t, unsigned int n)
{
    uint64_t e = *t;
    unsigned int run;

    if ( !present(p, e) || (e & p->fmt.fixed) )
        return 0;

    run = run_length(t, n);
    write_run(t, 0, 0, run);

    if ( unlikely(e & p->fmt.foreign) )
        pending_run(pend, entry_mfn(p, e), run,
                    PV_IOMMU_RUN_FOREIGN |
                    (e & p->fmt.write ? PV_IOMMU_RUN_WRITABLE : 0));
    else if ( e & p->fmt.ref )
        put_frames(p, pend, entry_mfn(p, e), run);

    return run;
}

/*
 * pt_unmap() in @pg, a table of level 1.  Scattered memory, and a page by itself, is
 * what there is most.  All are counted right now, unless they are to be dropped.
 */
static long unmap_small(struct pv_iommu *p, struct pv_iommu_call *call,
                        enum pv_iommu_class class, struct page_info *pg,
                        unsigned long dfn, unsigned long nr,
                        unsigned long *unmapped)
{
    unsigned int i, run, cleared = 0, idx = table_index(dfn, 1);
    unsigned int n = min_t(unsigned long, nr, PV_IOMMU_ENTRIES - idx);
    struct pv_iommu_pending *pend = pending(p, class);
    uint64_t *e = table_entries(pg) + idx;

    if ( n == 1 && likely(clear_single(p->dom, e, fmt_kinds(p), p->fmt.ref,
                                       p->fmt.addr)) )
        cleared = 1;
    else
        for ( i = 0; i < n; i += run ?: 1 )
        {
            run = clear_singles(p, &e[i], n - i) ?:
                  clear_run(p, pend, &e[i], n - i);
            cleared += run;
        }

    account(p, call, class, pg, e, n, cleared, dfn, n);
    *unmapped += cleared;

    return n;
}

/*
 * The same in a table of @level, up to another table or to a page that the end
 * of the range cuts.  One that the beginning cuts is split first: -EAGAIN then, or
 * -ENOMEM.
 */
static long noinline unmap_large(struct pv_iommu *p, struct pv_iommu_call *call,
                                 enum pv_iommu_class class,
                                 struct page_info *pg, unsigned int level,
                                 unsigned long dfn, unsigned long nr,
                                 unsigned long *unmapped)
{
    unsigned int first = table_index(dfn, level), idx = first, cleared = 0;
    unsigned long size = level_frames(level), done = 0;
    struct pv_iommu_pending *pend = pending(p, class);
    uint64_t *t = table_entries(pg);

    for ( ; done < nr && idx < PV_IOMMU_ENTRIES; ++idx )
    {
        unsigned long offset = (dfn + done) & (size - 1);
        unsigned long step = min(size - offset, nr - done);
        uint64_t e = t[idx];

        /* The first is dealt with in any case: pt_unfix() does not look for room. */
        if ( done &&
             (pend->nr_frames >= PV_IOMMU_MAX_PENDING || cleared == MAX_LARGE) )
            break;

        if ( present(p, e) && !(e & p->fmt.fixed) )
        {
            if ( !is_leaf(p, e, level) )
                break;

            if ( step < size )
            {
                if ( !done )
                    return split(p, call, t, idx, dfn, level) ?: -EAGAIN;
                break;
            }

            write_atomic(&t[idx], 0);
            ++cleared;
            if ( e & p->fmt.ref )
                put_frames(p, pend, entry_mfn(p, e), size);
        }

        done += step;
    }

    p->nr_large -= cleared;
    account(p, call, class, pg, &t[first], idx - first, cleared, dfn, done);
    *unmapped += cleared * size;

    return done;
}

/*
 * Unmap what one table has of [@dfn, @dfn + @nr).  Returns how many frames
 * that was, with @unmapped increased by those which were mapped, or 0 if there
 * is no memory to split a page.  pending() must have room for a table full, unless
 * no frame of it is referenced.
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
    uint64_t *e = table_entries(pg) + table_index(dfn, level);
    bool fixed = present(p, *e) && (*e & p->fmt.fixed);

    if ( fixed )
        set_entry(e, *e & ~p->fmt.fixed);

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
    const uint64_t *e = table_entries(pg) + idx;

    if ( level > 1 || idx + nr > PV_IOMMU_ENTRIES )
        return false;

    /* A run is alike. */
    for ( i = 0; i < nr; i += i + 1 < nr ? run_length(&e[i], nr - i) : 1 )
        if ( !present(p, e[i]) || (e[i] & p->fmt.fixed) )
            return false;

    return true;
}

/* What @dfn is mapped to, and at which level; 0 when it is not mapped. */
unsigned int pt_lookup(struct pv_iommu *p, unsigned long dfn, uint64_t *e)
{
    unsigned int level = 1;
    struct page_info *pg = table_descend(p, dfn, &level);

    *e = table_entries(pg)[table_index(dfn, level)];

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
