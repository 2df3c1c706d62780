/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ops.c: map, unmap, lookup.
 *
 * Progress comes back from the guest with each continuation, and the operation
 * is read anew from its memory.  Neither is believed: every stride is checked
 * for itself, and whether an entry is counted is kept in the entry.  A
 * guest that makes things up asks for another operation than at first, no more.
 */

#include <xen/event.h>

#include "buffers.h"
#include "frames.h"

/*
 * Unlink all tables that are empty and have them freed.  Returns whether that
 * has freed any.
 */
static bool reclaim(struct pv_iommu_call *call)
{
    struct pv_iommu *p = call->p;
    bool any;

    spin_lock(&p->lock);
    any = p->state == PV_IOMMU_owned && pt_prune(p, call, 0);
    spin_unlock(&p->lock);

    p->stat.reclaims += any;

    return any && !pv_iommu_flush(call, false);
}

/*
 * Map up to @nr frames in one table, as one page if @level is above 1.  They
 * are those from @mfns[0] on or, if @scattered, those of @mfns.  Returns how
 * many are mapped: less where RAM ends and MMIO begins, or the other way round,
 * but -EAGAIN then if it is to be one page, or @all.
 */
static long always_inline map_locked(struct pv_iommu_call *call,
                                     unsigned long dfn,
                                     const unsigned long *mfns, bool scattered,
                                     unsigned int level, unsigned long nr,
                                     bool write, uint64_t bits, bool all)
{
    struct pv_iommu *p = call->p;
    bool ram = true;
    long n = 1;
    int rc;

    if ( unlikely(p->state != PV_IOMMU_owned) )
        return no_space(p->id);

    if ( nr > 1 || unlikely(!frame_get_again(p->dom, mfns[0])) )
        n = frames_get(p->dom, mfns, scattered, nr, write, &ram);
    if ( unlikely(n < 0) )
        return n;

    if ( ram )
        bits |= p->fmt.ref;

    if ( n < nr && (all || level > 1) )
        rc = -EAGAIN;
    else if ( level == 1 )
        rc = pt_map(p, dfn, mfns, scattered, n, bits);
    else
        rc = pt_map_large(p, call, dfn, mfns[0], level, bits);

    if ( likely(!rc) )
        return n;

    if ( ram )
        frames_unget(p->dom, mfns, scattered, n);

    return rc;
}

/* Map as much as one table takes; returns the number of frames. */
static long map_stride(struct pv_iommu_call *call, unsigned long dfn,
                       unsigned long mfn, unsigned long left, bool write,
                       uint64_t bits)
{
    struct pv_iommu *p = call->p;
    unsigned int level = pt_level(p, dfn, mfn, left);
    bool retried = false;

    for ( ; ; )
    {
        unsigned long nr = level > 1
            ? level_frames(level)
            : min(left, PV_IOMMU_ENTRIES - (dfn & (PV_IOMMU_ENTRIES - 1)));
        long rc;

        spin_lock(&p->lock);
        rc = map_locked(call, dfn, &mfn, false, level, nr, write, bits,
                        false);
        spin_unlock(&p->lock);

        if ( rc == -EAGAIN )
            --level;
        else if ( rc != -ENOMEM || retried || !(retried = reclaim(call)) )
            return rc;
    }
}

/* One stride of unmapping; the number of frames, or an error. */
static long always_inline unmap_stride(struct pv_iommu_call *call,
                                       enum pv_iommu_class class,
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
            return no_space(p->id);
        }

        full = pending_full(pending(p, class));
        if ( likely(!full) )
            done = pt_unmap(p, call, class, dfn, nr, unmapped);

        spin_unlock(&p->lock);

        if ( likely(done) )
            return done;

        if ( full )
        {
            int rc = pv_iommu_flush(call, class == PV_IOMMU_lazy);

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
        unsigned long unmapped = 0;
        long rc = unmap_stride(call, PV_IOMMU_strict, op->dfn + prog->count,
                               prog->done - prog->count, &unmapped);

        /* The space has gone, with all that is mapped there. */
        if ( rc == -EPERM || rc == -ENOENT )
            break;

        /*
         * When a flush fails there is room again, and it is tried once more.  No
         * other error is possible on what the operation has mapped, unless the
         * domain interferes with it, in which case anything is right.
         */
        if ( rc != -EIO )
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

/* To some hardware new mappings do not matter. */
static inline void note_mapped(struct pv_iommu_call *call, unsigned long dfn,
                               unsigned long nr, unsigned int flags)
{
    if ( unlikely(call->p->flush_new) && !(flags & XEN_IOMMU_MAP_no_flush) )
        ranges_add(&call->ranges, dfn, dfn + nr - 1);
}

/*
 * Map single frames, wherever they are, at consecutive dfns of one table: what
 * as many operations would do, but with one look at the table.  Returns how
 * many are mapped.  This is for the usual case: where it ends before @nr, the
 * operations have to be done one by one to know which of them fails, and how.
 */
unsigned int pv_iommu_map_singles(struct pv_iommu_call *call,
                                  unsigned long dfn, const unsigned long *gfns,
                                  unsigned int nr, unsigned int flags)
{
    struct pv_iommu *p = call->p;
    long rc;

    spin_lock(&p->lock);
    rc = map_locked(call, dfn, gfns, true, 1, nr,
                    flags & XEN_IOMMU_MAP_writable, access_bits(p, flags),
                    false);
    spin_unlock(&p->lock);

    if ( unlikely(rc <= 0) )
        return 0;

    note_mapped(call, dfn, rc, flags);

    return rc;
}

int pv_iommu_map(struct pv_iommu_call *call, const struct pv_iommu_map_op *op,
                 struct pv_iommu_progress *prog)
{
    const struct pv_iommu *p = call->p;
    bool write = op->flags & XEN_IOMMU_MAP_writable;
    uint64_t bits = access_bits(p, op->flags);

    if ( prog->done > op->nr )
        return -EINVAL;

    if ( unlikely(prog->err) )
        return roll_back(call, op, prog);

    if ( op->nr - 1 > ~op->gfn )
        return -EPERM;

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

/* Map a page that another domain has granted: one frame, and never a large page. */
int pv_iommu_map_gref(struct pv_iommu_call *call,
                      const struct pv_iommu_map_op *op, domid_t owner)
{
    struct pv_iommu *p = call->p;
    bool write = op->flags & XEN_IOMMU_MAP_writable, retried = false;
    unsigned long mfn;
    int rc = pv_iommu_get_foreign(p, owner, op->gfn, write, &mfn);

    if ( rc )
        return rc;

    do {
        spin_lock(&p->lock);
        rc = p->state != PV_IOMMU_owned
             ? no_space(p->id) : pt_map(p, op->dfn, &mfn, false, 1,
                               access_bits(p, op->flags) | p->fmt.foreign);
        spin_unlock(&p->lock);
    } while ( rc == -ENOMEM && !retried && (retried = reclaim(call)) );

    if ( rc )
        pv_iommu_put_foreign(p, mfn, 1, write);
    else
        note_mapped(call, op->dfn, 1, op->flags);

    return rc;
}

/*
 * Unmap the @nr frames at @dfn and map what @map says, which is in one table;
 * both of them or just one, where nothing is unusual: else -EAGAIN, and nothing
 * is done.  The mapping is first, as it may fail, and unmapping what was looked
 * at does not.
 */
int pv_iommu_exchange(struct pv_iommu_call *call,
                      const struct pv_iommu_map_op *map, unsigned long dfn,
                      unsigned long nr, enum pv_iommu_class class)
{
    struct pv_iommu *p = call->p;
    unsigned long unmapped = 0;
    int rc = -EAGAIN;

    spin_lock(&p->lock);

    if ( p->state == PV_IOMMU_owned &&
         (!nr || (!pending_full(pending(p, class)) && pt_plain(p, dfn, nr))) &&
         (!map->nr || map_locked(call, map->dfn, &map->gfn, false, 1, map->nr,
                                 map->flags & XEN_IOMMU_MAP_writable,
                                 access_bits(p, map->flags), true) > 0) )
    {
        if ( nr )
            pt_unmap(p, call, class, dfn, nr, &unmapped);
        ASSERT(unmapped == nr);
        rc = 0;
    }

    spin_unlock(&p->lock);

    if ( !rc && map->nr )
        note_mapped(call, map->dfn, map->nr, map->flags);

    return rc;
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

    /* A single frame is all or nothing anyway. */
    if ( !prog->done && nr > 1 )
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
        return no_space(p->id);
    }

    level = pt_lookup(p, dfn, &e);

    spin_unlock(&p->lock);

    if ( !level )
        return -ENOENT;

    *gfn = entry_mfn(p, e) + (dfn & (level_frames(level) - 1));
    *pgsize = level_frames(level) << PAGE_SHIFT;
    *flags = (e & p->fmt.read ? XEN_IOMMU_MAP_readable : 0) |
             (e & p->fmt.write ? XEN_IOMMU_MAP_writable : 0) |
             (e & p->fmt.foreign ? XEN_IOMMU_MAP_gref : 0);

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
