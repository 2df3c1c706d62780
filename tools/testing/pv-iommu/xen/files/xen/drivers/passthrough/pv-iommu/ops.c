/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ops.c: map, unmap, lookup.
 *
 * Frames of RAM are referenced from before they are mapped until after they
 * are unmapped and flushed.  It is a reference only, no type: with lazy
 * unmapping a writable type would be in the way of the domain using a page as
 * page table that it has just freed.  The hardware domain is trusted with its
 * own pages, just as it is with the host map.
 *
 * Progress comes back from the guest with each continuation, and the operation
 * is read anew from its memory.  Neither is believed: every stride is checked
 * for itself, and whether an entry holds a reference is kept in the entry.  A
 * guest that makes things up asks for another operation than at first, no more.
 */

#include <xen/bitmap.h>
#include <xen/event.h>
#include <xen/iocap.h>

#include "private.h"

/* 1: RAM, a reference was taken.  0: MMIO, nothing to refer to. */
static int get_frame(struct domain *d, unsigned long mfn, bool write)
{
    if ( mfn_valid(_mfn(mfn)) )
    {
        struct page_info *pg = mfn_to_page(_mfn(mfn));
        const struct domain *owner = page_get_owner_and_reference(pg);

        if ( likely(owner == d) )
        {
            /* Not what Xen has allocated to share it with the domain. */
            if ( likely(!(pg->count_info & (PGC_xen_heap | PGC_extra))) )
                return 1;

            put_page(pg);
            return -EPERM;
        }

        if ( owner )
            put_page(pg);

        if ( owner != dom_io )
            return -EPERM;
    }

    if ( !iomem_access_permitted(d, mfn, mfn) ||
         (write && rangeset_contains_singleton(mmio_ro_ranges, mfn)) )
        return -EPERM;

    return 0;
}

static void put_frames(unsigned long mfn, unsigned long nr)
{
    while ( nr-- )
        put_page(mfn_to_page(_mfn(mfn++)));
}

/* References for up to a table full of small pages; a bit in @refs for each. */
static int get_small(struct domain *d, unsigned long mfn, unsigned int nr,
                     bool write, unsigned long *refs)
{
    unsigned int i;

    for ( i = 0; i < nr; ++i )
    {
        int rc = get_frame(d, mfn + i, write);

        if ( unlikely(rc < 0) )
        {
            while ( i-- )
                if ( test_bit(i, refs) )
                    put_frames(mfn + i, 1);
            return rc;
        }

        if ( likely(rc) )
            __set_bit(i, refs);
    }

    return 0;
}

/* References for a large page: all or none of its frames can have one. */
static int get_large(struct domain *d, unsigned long mfn, unsigned long nr,
                     bool write, unsigned long *refs)
{
    unsigned long i;
    int first = get_frame(d, mfn, write);

    if ( first < 0 )
        return first;

    for ( i = 1; i < nr; ++i )
    {
        int rc = get_frame(d, mfn + i, write);

        if ( likely(rc == first) )
            continue;

        if ( rc > 0 )
            put_frames(mfn + i, 1);
        if ( first )
            put_frames(mfn, i);

        return rc < 0 ? rc : -EAGAIN;
    }

    if ( first )
        __set_bit(0, refs);

    return 0;
}

static void put_stride(unsigned long mfn, unsigned int level, unsigned int nr,
                       const unsigned long *refs)
{
    unsigned int i;

    for ( i = 0; i < nr; ++i )
        if ( test_bit(i, refs) )
            put_frames(mfn + i * level_frames(level), level_frames(level));
}

/*
 * Unlink all tables that are empty and have them freed.  Returns whether that
 * has freed any.
 */
static bool reclaim(struct pv_iommu_call *call)
{
    struct pv_iommu *p = call->p;
    bool any;

    spin_lock(&p->lock);
    any = p->state == PV_IOMMU_owned && p->nr_empty;
    if ( any )
        pt_prune(p, call, 0);
    spin_unlock(&p->lock);

    p->stat.reclaims += any;

    return any && !pv_iommu_flush(call, false, ~0UL, 0);
}

/* Map as much as one table takes; returns the number of frames. */
static long map_stride(struct pv_iommu_call *call, unsigned long dfn,
                       unsigned long mfn, unsigned long left, bool write,
                       uint64_t bits)
{
    struct pv_iommu *p = call->p;
    unsigned int level = pt_level(p, dfn, mfn, left), nr;
    int rc;

    for ( ; ; --level )
    {
        DECLARE_BITMAP(refs, PV_IOMMU_ENTRIES);
        bool retried = false;

        if ( level > 1 )
        {
            nr = 1;
            __clear_bit(0, refs);
            rc = get_large(p->d, mfn, level_frames(level), write, refs);
        }
        else
        {
            nr = min(left, PV_IOMMU_ENTRIES - (dfn & (PV_IOMMU_ENTRIES - 1)));
            bitmap_zero(refs, nr);
            rc = get_small(p->d, mfn, nr, write, refs);
        }

        if ( rc == -EAGAIN )
            continue;
        if ( rc )
            return rc;

        do {
            spin_lock(&p->lock);
            rc = likely(p->state == PV_IOMMU_owned)
                 ? pt_map(p, call, dfn, &mfn, false, level, nr, bits, refs)
                 : -EPERM;
            spin_unlock(&p->lock);
        } while ( unlikely(rc == -ENOMEM) && !retried &&
                  (retried = reclaim(call)) );

        if ( likely(!rc) )
            return nr * level_frames(level);

        /* Nothing of this has been visible. */
        put_stride(mfn, level, nr, refs);
        if ( rc != -EAGAIN )
            return rc;
    }
}

/* One stride of unmapping; the number of frames, or an error. */
static long unmap_stride(struct pv_iommu_call *call, enum pv_iommu_class class,
                         unsigned long dfn, unsigned long nr,
                         unsigned long *unmapped)
{
    struct pv_iommu *p = call->p;
    bool retried = false;

    for ( ; ; )
    {
        unsigned long done = 0;
        bool full;

        spin_lock(&p->lock);

        if ( unlikely(p->state != PV_IOMMU_owned) )
        {
            spin_unlock(&p->lock);
            return -EPERM;
        }

        full = pv_iommu_pending_full(p, class);
        if ( likely(!full) )
            done = pt_unmap(p, call, class, dfn, nr, unmapped);

        spin_unlock(&p->lock);

        if ( likely(done) )
            return done;

        if ( full )
        {
            int rc = pv_iommu_flush(call, class == PV_IOMMU_lazy, ~0UL, 0);

            ++p->stat.early_flushes;
            if ( rc )
                return rc;
        }
        else if ( retried || !(retried = reclaim(call)) )
            return -ENOMEM;
    }
}

static int roll_back(struct pv_iommu_call *call,
                     const struct pv_iommu_map_op *op,
                     struct pv_iommu_progress *prog)
{
    while ( prog->count < prog->done )
    {
        unsigned long unmapped;
        long rc = unmap_stride(call, PV_IOMMU_strict, op->dfn + prog->count,
                               prog->done - prog->count, &unmapped);

        if ( rc == -EPERM )
            break;

        /*
         * No error is possible on what the operation has mapped, unless the
         * domain interferes with it, in which case anything is right.
         */
        prog->count += rc > 0 ? rc : 1;

        if ( prog->count < prog->done && hypercall_preempt_check() )
            return -ERESTART;
    }

    return -prog->err;
}

static uint64_t access_bits(const struct pv_iommu *p, unsigned int flags)
{
    return (flags & XEN_IOMMU_MAP_writable ? p->fmt.write : 0) |
           (flags & XEN_IOMMU_MAP_readable ? p->fmt.read : 0);
}

static unsigned long max_gfn(void)
{
    return (1UL << (paddr_bits - PAGE_SHIFT)) - 1;
}

/* New mappings matter to hardware that caches their absence. */
static void note_mapped(struct pv_iommu_call *call, unsigned long dfn,
                        unsigned long nr, unsigned int flags)
{
    if ( flags & XEN_IOMMU_MAP_no_flush )
        return;

    call->first = min(call->first, dfn);
    call->last = max(call->last, dfn + nr - 1);
}

/*
 * Map single frames, wherever they are, at consecutive dfns of one table: what
 * as many operations would do, but with one look at the table.  It is for the
 * usual case: after an error nothing has happened, and the operations have to
 * be done one by one to know which of them fails, and how.
 */
int pv_iommu_map_frames(struct pv_iommu_call *call, unsigned long dfn,
                        const unsigned long *gfns, unsigned int nr,
                        unsigned int flags)
{
    struct pv_iommu *p = call->p;
    DECLARE_BITMAP(refs, PV_IOMMU_MAX_SINGLES) = {};
    bool write = flags & XEN_IOMMU_MAP_writable;
    unsigned int i;
    int rc = 0;

    ASSERT(nr <= PV_IOMMU_MAX_SINGLES);

    for ( i = 0; i < nr; ++i )
    {
        rc = gfns[i] > max_gfn() ? -EPERM : get_frame(p->d, gfns[i], write);
        if ( unlikely(rc < 0) )
            break;
        if ( likely(rc) )
            __set_bit(i, refs);
    }

    if ( likely(rc >= 0) )
    {
        spin_lock(&p->lock);
        rc = likely(p->state == PV_IOMMU_owned)
             ? pt_map(p, call, dfn, gfns, true, 1, nr, access_bits(p, flags),
                      refs)
             : -EPERM;
        spin_unlock(&p->lock);
    }

    if ( likely(!rc) )
    {
        note_mapped(call, dfn, nr, flags);
        return 0;
    }

    while ( i-- )
        if ( test_bit(i, refs) )
            put_frames(gfns[i], 1);

    return rc;
}

int pv_iommu_map(struct pv_iommu_call *call, const struct pv_iommu_map_op *op,
                 struct pv_iommu_progress *prog)
{
    const struct pv_iommu *p = call->p;
    bool write = op->flags & XEN_IOMMU_MAP_writable;
    uint64_t bits = access_bits(p, op->flags);

    if ( op->gfn > max_gfn() || op->nr - 1 > max_gfn() - op->gfn )
        return -EPERM;

    if ( prog->done > op->nr )
        return -EINVAL;

    if ( unlikely(prog->err) )
        return roll_back(call, op, prog);

    while ( prog->done < op->nr )
    {
        long rc = map_stride(call, op->dfn + prog->done, op->gfn + prog->done,
                             op->nr - prog->done, write, bits);

        if ( unlikely(rc < 0) )
        {
            prog->err = -rc;
            prog->count = 0;
            return roll_back(call, op, prog);
        }

        prog->done += rc;

        if ( prog->done < op->nr && hypercall_preempt_check() )
            break;
    }

    note_mapped(call, op->dfn, op->nr, op->flags);

    return prog->done < op->nr ? -ERESTART : 0;
}

/*
 * Large pages that reach across an end of the range are split first, while
 * running out of memory still means that nothing happens.
 */
static int split_ends(struct pv_iommu_call *call, unsigned long dfn,
                      unsigned long nr)
{
    struct pv_iommu *p = call->p;
    bool retried = false;
    int rc;

    do {
        spin_lock(&p->lock);

        rc = 0;
        if ( p->state == PV_IOMMU_owned && p->nr_large )
        {
            rc = pt_split(p, call, dfn);
            if ( !rc && dfn + nr <= p->max_dfn )
                rc = pt_split(p, call, dfn + nr);
        }

        spin_unlock(&p->lock);
    } while ( rc && !retried && (retried = reclaim(call)) );

    return rc;
}

int pv_iommu_unmap(struct pv_iommu_call *call, unsigned long dfn,
                   unsigned long nr, unsigned int flags,
                   struct pv_iommu_progress *prog)
{
    enum pv_iommu_class class = flags & XEN_IOMMU_UNMAP_no_flush
                                ? PV_IOMMU_lazy : PV_IOMMU_strict;

    if ( prog->done > nr || prog->count > prog->done )
        return -EINVAL;

    if ( !prog->done )
    {
        int rc = split_ends(call, dfn, nr);

        if ( rc )
            return rc;
    }

    while ( prog->done < nr )
    {
        long rc = unmap_stride(call, class, dfn + prog->done, nr - prog->done,
                               &prog->count);

        if ( rc < 0 )
            return rc;

        prog->done += rc;

        if ( prog->done < nr && hypercall_preempt_check() )
            return -ERESTART;
    }

    return prog->count == nr || (flags & XEN_IOMMU_UNMAP_sparse) ? 0 : -ENOENT;
}

int pv_iommu_lookup(struct pv_iommu *p, unsigned long dfn, uint64_t *gfn,
                    unsigned int *pgsize, unsigned int *flags)
{
    unsigned int level;
    uint64_t e;

    spin_lock(&p->lock);

    if ( p->state != PV_IOMMU_owned )
    {
        spin_unlock(&p->lock);
        return -EPERM;
    }

    level = pt_lookup(p, dfn, &e);

    spin_unlock(&p->lock);

    if ( !level )
        return -ENOENT;

    *gfn = entry_mfn(p, e) + (dfn & (level_frames(level) - 1));
    *pgsize = level_frames(level) << PAGE_SHIFT;
    *flags = (e & p->fmt.read ? XEN_IOMMU_MAP_readable : 0) |
             (e & p->fmt.write ? XEN_IOMMU_MAP_writable : 0);

    return 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
