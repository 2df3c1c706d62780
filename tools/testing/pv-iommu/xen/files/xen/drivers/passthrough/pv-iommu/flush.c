/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flush.c: IOTLB flushes, and what may be dropped only after one.
 *
 * Unmapping leaves the range to flush in pending[], with page tables that it
 * has unlinked and frames that are to be dropped.  A flush takes the whole lot,
 * with the address space's lock held, by switching to the other of two buffers;
 * only then flushes; and only then drops.  As flush_lock is held all along, whoever
 * finds nothing pending once he has it knows that his entries are flushed, by
 * whomever.
 */

#include <xen/domain_page.h>
#include <xen/vmap.h>

#include "frames.h"

static void pending_reset(struct pv_iommu_pending *pend)
{
    pend->ranges.nr = 0;
    pend->nr_runs = 0;
    pend->nr_frames = 0;
}

int pv_iommu_pending_init(struct pv_iommu *p)
{
    unsigned int i;

    for ( i = 0; i < PV_IOMMU_classes * 2; ++i )
    {
        struct pv_iommu_pending *pend = &p->pending[i / 2][i % 2];

        pend->runs = vzalloc(PV_IOMMU_MAX_RUNS * sizeof(*pend->runs));
        if ( !pend->runs )
        {
            pv_iommu_pending_free(p);
            return -ENOMEM;
        }

        INIT_PAGE_LIST_HEAD(&pend->dead);
        pending_reset(pend);
    }

    for ( i = 0; i < PV_IOMMU_classes; ++i )
        p->cur[i] = p->pending[i];

    return 0;
}

void pv_iommu_pending_free(struct pv_iommu *p)
{
    unsigned int i;

    for ( i = 0; i < PV_IOMMU_classes * 2; ++i )
    {
        struct pv_iommu_pending *pend = &p->pending[i / 2][i % 2];

        vfree(pend->runs);
        pend->runs = NULL;
    }
}

void pending_run(struct pv_iommu_pending *pend, unsigned long mfn,
                 unsigned long nr, unsigned int kind)
{
    struct pv_iommu_run *run = pend->runs + pend->nr_runs;

    pend->nr_frames += nr;

    if ( pend->nr_runs && run[-1].mfn + run[-1].nr == mfn &&
         run[-1].kind == kind && run[-1].nr + nr < (1U << 22) )
    {
        run[-1].nr += nr;
        return;
    }

    ASSERT(nr < (1U << 22));
    ASSERT(pend->nr_runs < PV_IOMMU_MAX_RUNS);
    run->mfn = mfn;
    run->nr = nr;
    run->kind = kind;
    ++pend->nr_runs;
}

/* Drop what a flush has made safe to drop. */
static void drain(struct pv_iommu *p, struct pv_iommu_pending *pend)
{
    struct page_info *pg;
    unsigned int i;

    for ( i = 0; i < pend->nr_runs; ++i )
    {
        const struct pv_iommu_run *run = &pend->runs[i];

        if ( run->kind == PV_IOMMU_RUN_OWN )
            frames_drop(p->dom, run->mfn, run->nr);
        else
            pv_iommu_put_foreign(p, run->mfn, run->nr,
                                 run->kind & PV_IOMMU_RUN_WRITABLE);
    }

    while ( (pg = page_list_remove_head(&pend->dead)) )
        pt_free(p, pg);

    pending_reset(pend);
}

/*
 * The flush failed: a device may still reach the frames and the IOMMU the page
 * tables.  Losing the tables for good, and the frames until the domain gives
 * back, is better than handing them out.  The range has yet to be flushed, and
 * other domains' frames, which nothing else gives back, wait for that; for good
 * where there is no room for them.
 */
static void leak(struct pv_iommu *p, enum pv_iommu_class class,
                 struct pv_iommu_pending *pend)
{
    struct pv_iommu_pending *next;
    unsigned int i;

    printk_once(XENLOG_ERR
                "%pd: IOTLB flush failed, DMA-able frames and tables leaked\n",
                p->d);

    spin_lock(&p->lock);
    next = pending(p, class);
    ranges_join(&next->ranges, &pend->ranges);
    for ( i = 0; i < pend->nr_runs; ++i )
    {
        const struct pv_iommu_run *run = &pend->runs[i];

        if ( run->kind != PV_IOMMU_RUN_OWN && !pending_full(next) )
            pending_run(next, run->mfn, run->nr, run->kind);
    }
    spin_unlock(&p->lock);

    INIT_PAGE_LIST_HEAD(&pend->dead);
    pending_reset(pend);
}

static int flush_ranges(struct pv_iommu *p,
                        const struct pv_iommu_ranges *ranges, bool modified)
{
    if ( !ranges->nr )
        return 0;

    ++p->stat.flushes;

    /* The one error that the interface has for it. */
    return p->vendor->flush(p, ranges, modified) ? -EIO : 0;
}

static struct pv_iommu_pending *switch_pending(struct pv_iommu *p,
                                               enum pv_iommu_class class)
{
    struct pv_iommu_pending *pend = pending(p, class);

    ASSERT(spin_is_locked(&p->lock));
    p->cur[class] = &p->pending[class][pend == p->pending[class]];

    return pend;
}

/* The ranges of the call so far; what is found from now on is for another flush. */
static void take_ranges(struct pv_iommu_call *call,
                        struct pv_iommu_ranges *ranges)
{
    ranges->nr = 0;
    ranges_join(ranges, &call->ranges);
    call->ranges.nr = 0;
}

/*
 * Flush everything strict, if @lazy everything lazy as well, and in any case the
 * ranges of the call.  With flush_lock held.
 */
int pv_iommu_flush_locked(struct pv_iommu_call *call, bool lazy)
{
    struct pv_iommu *p = call->p;
    struct pv_iommu_pending *pend[PV_IOMMU_classes];
    struct pv_iommu_ranges ranges;
    unsigned int i, nr = lazy ? PV_IOMMU_classes : PV_IOMMU_strict + 1;
    int rc;

    ASSERT(spin_is_locked(&p->flush_lock));

    call->flush = false;
    take_ranges(call, &ranges);

    spin_lock(&p->lock);

    if ( p->state != PV_IOMMU_owned )
    {
        /* Giving back drains all there is; the devices are elsewhere. */
        spin_unlock(&p->lock);
        return 0;
    }

    for ( i = 0; i < nr; ++i )
    {
        pend[i] = switch_pending(p, i);
        ranges_join(&ranges, &pend[i]->ranges);
    }

    spin_unlock(&p->lock);

    rc = flush_ranges(p, &ranges, true);

    for ( i = 0; i < nr; ++i )
        if ( likely(!rc) )
            drain(p, pend[i]);
        else
            leak(p, i, pend[i]);

    return rc;
}

int pv_iommu_flush(struct pv_iommu_call *call, bool lazy)
{
    int rc;

    spin_lock(&call->p->flush_lock);
    rc = pv_iommu_flush_locked(call, lazy);
    spin_unlock(&call->p->flush_lock);

    return rc;
}

/* The flush at the end of a hypercall. */
int pv_iommu_flush_call(struct pv_iommu_call *call)
{
    struct pv_iommu_ranges ranges;

    if ( call->flush )
        return pv_iommu_flush(call, false);

    if ( likely(!call->ranges.nr) )
        return 0;

    take_ranges(call, &ranges);

    return flush_ranges(call->p, &ranges, false);
}

/* The hypercall is preempted: leave its flush to the continuation. */
void pv_iommu_defer(struct pv_iommu_call *call)
{
    struct pv_iommu *p = call->p;

    if ( !call->ranges.nr )
        return;

    spin_lock(&p->lock);
    ranges_join(&pending(p, PV_IOMMU_strict)->ranges, &call->ranges);
    spin_unlock(&p->lock);

    call->flush = true;
}

/* Drop all that is pending; the devices no longer use the tables. */
void pv_iommu_drain(struct pv_iommu *p)
{
    unsigned int i;

    /* Wait for a flush that is under way. */
    spin_lock(&p->flush_lock);

    for ( i = 0; i < PV_IOMMU_classes * 2; ++i )
        drain(p, &p->pending[i / 2][i % 2]);

    spin_unlock(&p->flush_lock);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
