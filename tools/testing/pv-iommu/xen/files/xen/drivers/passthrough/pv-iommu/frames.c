/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frames.c: references on the domain's frames of RAM.
 *
 * A frame is referenced from before a device can reach it until after it is
 * unmapped and flushed.  It is a reference only, no type: with lazy unmapping a
 * writable type would be in the way of the domain using a page as page table
 * that it has just freed.  The hardware domain is trusted with its own pages,
 * just as it is with the host map.
 *
 * DMA comes back to the same frames all the time, and taking and dropping a
 * reference is two atomic operations on memory that is not in the cache.  So a
 * frame is referenced once, when it is mapped for the first time, and counted
 * here from then on, under the lock that changing the page tables takes anyway.
 * The reference stays when nothing maps the frame any more, until the domain
 * parts with it: pv_iommu_forget() is told.
 */

#include <xen/bitmap.h>
#include <xen/iocap.h>
#include <xen/vmap.h>

#include "frames.h"

/* How many records are dealt with under one hold of the lock. */
#define DROP_FRAMES     512U

int frames_init(struct pv_iommu *p)
{
    unsigned long nr = (max_page >> CHUNK_SHIFT) + 1;

    p->chunks = vzalloc(nr * sizeof(*p->chunks));
    if ( !p->chunks )
        return -ENOMEM;

    p->nr_chunks = nr;
    p->release_chunk = 0;

    return 0;
}

/* The record of any frame, or NULL. */
static uint32_t *record_find(const struct pv_iommu *p, unsigned long mfn)
{
    unsigned long chunk = mfn >> CHUNK_SHIFT;

    if ( unlikely(chunk >= p->nr_chunks) || unlikely(!p->chunks[chunk]) )
        return NULL;

    return frame_record(p, mfn);
}

/* The record of a frame of RAM, made if there is none. */
static uint32_t *record_make(struct pv_iommu *p, unsigned long mfn)
{
    unsigned long chunk = mfn >> CHUNK_SHIFT;

    /* Memory that was plugged in after the domain took over. */
    if ( chunk >= p->nr_chunks )
        return NULL;

    if ( !p->chunks[chunk] )
    {
        uint32_t *new = alloc_xenheap_page();

        if ( !new )
            return NULL;
        clear_page(new);
        p->chunks[chunk] = new;
    }

    return frame_record(p, mfn);
}

/* One of the domain's frames of RAM, with a reference that may be kept. */
static int get_ram(struct pv_iommu *p, struct page_info *pg, unsigned long mfn)
{
    uint32_t *r = record_make(p, mfn);

    if ( !r )
        return -ENOMEM;

    if ( *r )
        return *r & FRAME_LEAVING ? -EPERM : -ENOMEM;

    /*
     * Neither what Xen has allocated to share it with the domain, nor what the
     * domain has parted with and something else still refers to.  If it does so
     * right now, pv_iommu_forget() waits for the lock and finds the record.
     */
    if ( (pg->count_info & (PGC_allocated | PGC_xen_heap | PGC_extra)) !=
         PGC_allocated )
        return -EPERM;

    *r = FRAME_REF | 1;

    return 1;
}

/* 1: RAM, it is counted.  0: MMIO, nothing to refer to. */
static int get_slow(struct pv_iommu *p, unsigned long mfn, bool write)
{
    if ( mfn >> (paddr_bits - PAGE_SHIFT) )
        return -EPERM;

    if ( mfn_valid(_mfn(mfn)) )
    {
        struct page_info *pg = mfn_to_page(_mfn(mfn));
        const struct domain *owner = page_get_owner(pg);

        /* With the lock held, let nobody else's page end with our reference. */
        if ( owner != p->d && owner != dom_io )
            return -EPERM;

        owner = page_get_owner_and_reference(pg);
        if ( likely(owner == p->d) )
        {
            int rc = get_ram(p, pg, mfn);

            if ( rc < 0 )
                put_page(pg);
            return rc;
        }

        if ( owner )
            put_page(pg);

        if ( owner != dom_io )
            return -EPERM;
    }

    if ( !iomem_access_permitted(p->d, mfn, mfn) ||
         (write && rangeset_contains_singleton(mmio_ro_ranges, mfn)) )
        return -EPERM;

    return 0;
}

/*
 * Can a frame with this record be mapped once more just like that?  Of the
 * three highest bits, FRAME_REF is the only one set then.
 */
static inline bool ready(uint32_t r)
{
    return r - FRAME_REF < FRAME_FULL;
}

static inline int get(struct pv_iommu *p, unsigned long mfn, bool write)
{
    uint32_t *r = record_find(p, mfn);

    if ( likely(r) && likely(ready(*r)) )
    {
        ++*r;
        return 1;
    }

    return get_slow(p, mfn, write);
}

/* Get what is ready of a run; returns how many frames that is. */
static unsigned long get_ready(struct pv_iommu *p, unsigned long mfn,
                               unsigned long nr)
{
    unsigned long done = 0;

    while ( done < nr )
    {
        uint32_t *r = record_find(p, mfn + done);
        unsigned long i, n = CHUNK_FRAMES - ((mfn + done) & (CHUNK_FRAMES - 1));

        if ( !r )
            break;

        n = min(n, nr - done);
        for ( i = 0; i < n && likely(ready(r[i])); ++i )
            ++r[i];

        done += i;
        if ( i < n )
            break;
    }

    return done;
}

/*
 * Count one more mapping for each of @nr frames, from @mfns[0] on or, if
 * @scattered, those of @mfns.  Returns how many from the first on are alike:
 * RAM, then @ram is true, or MMIO, of which there is no count.  Those behind
 * them are as they were.  An error is that of the first frame.
 */
long frames_get(struct pv_iommu *p, const unsigned long *mfns, bool scattered,
                unsigned long nr, bool write, bool *ram)
{
    unsigned long i = scattered ? 0 : get_ready(p, mfns[0], nr);
    int first = i ? 1 : get(p, mfns[0], write);

    if ( unlikely(first < 0) )
        return first;

    for ( i = max(i, 1UL); i < nr; ++i )
    {
        unsigned long mfn = scattered ? mfns[i] : mfns[0] + i;
        int rc = get(p, mfn, write);

        if ( likely(rc == first) )
            continue;

        if ( rc > 0 )
            --*frame_record(p, mfn);
        break;
    }

    *ram = first;

    return i;
}

/* Undo frames_get() of @nr frames of RAM, with the lock held all along. */
void frames_unget(struct pv_iommu *p, const unsigned long *mfns,
                  bool scattered, unsigned long nr)
{
    unsigned long i;

    for ( i = 0; i < nr; ++i )
        --*frame_record(p, scattered ? mfns[i] : mfns[0] + i);
}

/* Add @delta, 1 or -1, to the counts of a run; returns all flags there are. */
static inline uint32_t count(struct pv_iommu *p, unsigned long mfn,
                             unsigned long nr, int delta)
{
    uint32_t any = 0;

    while ( nr )
    {
        uint32_t *r = frame_record(p, mfn);
        unsigned long i, n = CHUNK_FRAMES - (mfn & (CHUNK_FRAMES - 1));

        n = min(n, nr);
        for ( i = 0; i < n; ++i )
        {
            any |= r[i];
            r[i] += delta;
        }

        mfn += n;
        nr -= n;
    }

    return any;
}

/* frame_put() of @nr frames: all or none. */
bool frames_put(struct pv_iommu *p, unsigned long mfn, unsigned long nr)
{
    if ( likely(!(count(p, mfn, nr, -1) & FRAME_LEAVING)) )
        return true;

    count(p, mfn, nr, 1);

    return false;
}

/*
 * Entries for @nr frames of RAM are gone and flushed: count one mapping less
 * for each, and drop the reference of what the domain has parted with.
 */
void frames_drop(struct pv_iommu *p, unsigned long mfn, unsigned long nr)
{
    while ( nr )
    {
        DECLARE_BITMAP(unused, DROP_FRAMES) = {};
        unsigned int i, n = min_t(unsigned long, nr, DROP_FRAMES);

        spin_lock(&p->lock);
        for ( i = 0; i < n; ++i )
        {
            uint32_t *r = frame_record(p, mfn + i);

            ASSERT(*r & FRAME_COUNT);
            if ( --*r == (FRAME_REF | FRAME_LEAVING) )
            {
                *r = 0;
                __set_bit(i, unused);
            }
        }
        spin_unlock(&p->lock);

        for_each_set_bit ( i, unused, n )
            put_page(mfn_to_page(_mfn(mfn + i)));

        mfn += n;
        nr -= n;
    }
}

/*
 * Nobody is to map the frame any more; if @mapped, even if it is mapped.
 * Returns its record if that is news and a flush has to follow.
 */
static uint32_t *leave(struct pv_iommu *p, unsigned long mfn, bool mapped)
{
    uint32_t *r = p->state == PV_IOMMU_owned ? record_find(p, mfn)
                                            : NULL;

    if ( !r || !*r || (!mapped && (*r & FRAME_COUNT)) )
        return NULL;

    *r |= FRAME_LEAVING;

    return r;
}

/*
 * What was unmapped before is flushed now, whoever was to do it, since it has
 * left no trace but its range.  What is unmapped from here on has frames_drop()
 * called after its flush.  Returns whether the reference is to be dropped.
 */
static bool left(struct pv_iommu *p, uint32_t *r, bool mapped, int rc)
{
    bool drop = false;

    spin_lock(&p->lock);

    if ( !rc )
    {
        drop = *r == (FRAME_REF | FRAME_LEAVING);
        if ( drop )
            *r = 0;
    }
    else if ( !mapped )
        *r &= ~FRAME_LEAVING;
    else if ( *r & FRAME_COUNT )
        /* A device may reach it unseen: it stays until giving back. */
        ++*r;

    spin_unlock(&p->lock);

    return drop;
}

static void forget(struct domain *d, unsigned long mfn, bool mapped)
{
    struct pv_iommu *p = ACCESS_ONCE(dom_iommu(d)->pv);
    struct pv_iommu_call call = { .p = p };
    uint32_t *r;

    if ( likely(!p) )
        return;

    /* As long as this is held, giving back does not get as far as records. */
    spin_lock(&p->flush_lock);

    spin_lock(&p->lock);
    r = leave(p, mfn, mapped);
    spin_unlock(&p->lock);

    if ( r && left(p, r, mapped,
                   pv_iommu_flush_locked(&call, true, ~0UL, 0)) )
        put_page(mfn_to_page(_mfn(mfn)));

    spin_unlock(&p->flush_lock);
}

void pv_iommu_forget(struct domain *d, const struct page_info *pg)
{
    forget(d, mfn_x(page_to_mfn(pg)), true);
}

void pv_iommu_forget_unmapped(struct domain *d, const struct page_info *pg)
{
    forget(d, mfn_x(page_to_mfn(pg)), false);
}

/*
 * Drop the references of some frames.  No device uses the tables any more.
 * Returns whether there may be more.
 */
bool frames_release_step(struct pv_iommu *p)
{
    unsigned long chunk, i;

    ASSERT(spin_is_locked(&p->ctl_lock));

    while ( p->release_chunk < p->nr_chunks && !p->chunks[p->release_chunk] )
        ++p->release_chunk;

    chunk = p->release_chunk;
    if ( chunk == p->nr_chunks )
    {
        vfree(p->chunks);
        p->chunks = NULL;
        p->nr_chunks = p->release_chunk = 0;
        return false;
    }

    for ( i = 0; i < CHUNK_FRAMES; ++i )
    {
        uint32_t r = p->chunks[chunk][i];

        if ( !r )
            continue;

        if ( r & FRAME_COUNT )
            ++p->dropped;
        put_page(mfn_to_page(_mfn((chunk << CHUNK_SHIFT) + i)));
    }

    free_xenheap_page(p->chunks[chunk]);
    p->chunks[chunk] = NULL;

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
