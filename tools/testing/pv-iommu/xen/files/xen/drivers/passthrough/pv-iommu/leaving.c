/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * leaving.c: frames that leave the domain.
 *
 * A frame that was unmapped before has left no trace but a range that some
 * address space has yet to flush, whoever was to do it.  So all of them are
 * flushed before the reference on it is dropped.  As that takes long, frames are
 * collected: their record is marked, so that nobody maps them any more, and
 * counts one more mapping until they are settled.  What is unmapped from then on
 * has frames_drop() called after its flush.
 */

#include "frames.h"

/* Mark the frame's record, if there is one; whether it has to be settled. */
static bool leave(struct pv_iommu_dom *dom, unsigned long mfn, bool mapped)
{
    uint32_t *r = frame_record_find(dom, mfn), old, seen;

    group_end(dom, mfn);

    for ( seen = r ? ACCESS_ONCE(*r) : 0; ; seen = old )
    {
        if ( !seen || (seen & FRAME_LEAVING) ||
             (!mapped && (seen & FRAME_COUNT)) )
            return false;

        old = cmpxchg(r, seen, (seen | FRAME_LEAVING) + 1);
        if ( old == seen )
            break;
    }

    dom->leaving[dom->nr_leaving++] = mfn;

    return true;
}

/* Flush what is pending anywhere.  An error of one is an error of all. */
static int flush_spaces(struct pv_iommu_dom *dom)
{
    unsigned int i;
    int rc = 0;

    for ( i = 0; i <= pv_iommu_max_contexts(); ++i )
    {
        struct pv_iommu *p = ACCESS_ONCE(dom->space[i]);
        struct pv_iommu_call call = { .p = p };

        if ( p && ACCESS_ONCE(p->state) == PV_IOMMU_owned )
            rc = pv_iommu_flush(&call, true) ?: rc;
    }

    return rc;
}

/* Drop those frames that were collected and have no other mapping. */
void frames_settle(struct pv_iommu_dom *dom)
{
    unsigned long mfn[PV_IOMMU_MAX_LEAVING / 8];
    unsigned int i, nr, dropped;
    int rc;

    ASSERT(spin_is_locked(&dom->leave_lock));

    while ( dom->nr_leaving )
    {
        rc = flush_spaces(dom);

        for ( nr = dom->nr_leaving; nr; nr = dom->nr_leaving )
        {
            spin_lock(&dom->record_lock);
            for ( i = dropped = 0; i < ARRAY_SIZE(mfn) && nr; ++i )
            {
                unsigned long leaving = dom->leaving[--nr];
                uint32_t *r = frame_record(dom, leaving);

                /* A device may reach it unseen: it stays, as if mapped. */
                if ( rc || !record_drop(r) )
                    continue;
                write_atomic(r, 0);
                mfn[dropped++] = leaving;
            }
            dom->nr_leaving = nr;
            spin_unlock(&dom->record_lock);

            while ( dropped )
                put_page(mfn_to_page(_mfn(mfn[--dropped])));
        }
    }
}

void pv_iommu_settle(struct domain *d)
{
    struct pv_iommu_dom *dom = ACCESS_ONCE(dom_iommu(d)->pv);

    if ( likely(!dom) || likely(!ACCESS_ONCE(dom->nr_leaving)) )
        return;

    spin_lock(&dom->leave_lock);
    frames_settle(dom);
    spin_unlock(&dom->leave_lock);
}

static void forget(struct domain *d, const struct page_info *pg, bool mapped)
{
    struct pv_iommu_dom *dom = ACCESS_ONCE(dom_iommu(d)->pv);
    unsigned long mfn = mfn_x(page_to_mfn(pg));
    bool known;

    if ( likely(!dom) )
        return;

    /* A frame that is not allocated any more gets no record if it has none. */
    spin_lock(&dom->record_lock);
    known = frame_record_find(dom, mfn) && *frame_record_find(dom, mfn);
    spin_unlock(&dom->record_lock);
    if ( likely(!known) )
        return;

    /* As long as this is held, nobody else gives records back. */
    spin_lock(&dom->leave_lock);

    spin_lock(&dom->record_lock);
    known = leave(dom, mfn, mapped);
    spin_unlock(&dom->record_lock);

    if ( (known && !mapped) || dom->nr_leaving == ARRAY_SIZE(dom->leaving) )
        frames_settle(dom);

    spin_unlock(&dom->leave_lock);
}

void pv_iommu_forget(struct domain *d, const struct page_info *pg)
{
    forget(d, pg, true);
}

void pv_iommu_forget_unmapped(struct domain *d, const struct page_info *pg)
{
    forget(d, pg, false);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
