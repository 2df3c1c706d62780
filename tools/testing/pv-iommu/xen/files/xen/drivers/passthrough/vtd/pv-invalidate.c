/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VT-d: IOTLB flushes.
 *
 * What a unit is to forget goes into its queue together with the descriptor that
 * says when that is done: one hold of its lock, one write to its registers and no
 * read.  All units are told before the first of them is waited for.
 */

#include <xen/domain_page.h>
#include <xen/time.h>

#include "../pv-iommu/private.h"
#include "iommu.h"
#include "dmar.h"
#include "vtd.h"
#include "extern.h"
#include "pv-iommu.h"

/* Fields of descriptors that struct qinval_entry has as bit-fields. */
#define IOTLB_DSI           (2UL << 4)
#define IOTLB_PSI           (3UL << 4)
#define IOTLB_DRAIN_WRITES  (1UL << 6)
#define IOTLB_DRAIN_READS   (1UL << 7)
#define IOTLB_DID_SHIFT     16
#define WAIT_STATUS_WRITE   (1UL << 5)
#define WAIT_FENCE          (1UL << 6)
#define WAIT_STATUS_SHIFT   32

/* How many units are told before they are waited for. */
#define MAX_UNITS           8

/* Hardware says so when it has reached the number. */
struct told {
    struct vtd_iommu *iommu;
    uint32_t seq;
};

static unsigned int room(const struct vtd_iommu *iommu)
{
    return (iommu->queue.head - iommu->queue.tail - 1) & (iommu->queue.nr - 1);
}

/* Is there room for @nr descriptors?  Where the hardware is is read only if not. */
bool vtd_queue_has_room(struct vtd_iommu *iommu, unsigned int nr)
{
    ASSERT(spin_is_locked(&iommu->register_lock));

    if ( likely(room(iommu) >= nr) )
        return true;

    iommu->queue.head = dmar_readl(iommu->reg, DMAR_IQH_REG) /
                        sizeof(struct qinval_entry);

    return room(iommu) >= nr;
}

static void queue_add(struct vtd_iommu *iommu, uint64_t lo, uint64_t hi)
{
    paddr_t maddr = iommu->qinval_maddr +
                    iommu->queue.tail * sizeof(struct qinval_entry);
    void *page = map_vtd_domain_page(maddr & PAGE_MASK);
    struct qinval_entry *entry = page + (maddr & ~PAGE_MASK);

    entry->q.val.lo = lo;
    entry->q.val.hi = hi;
    unmap_vtd_domain_page(page);

    iommu->queue.tail = (iommu->queue.tail + 1) & (iommu->queue.nr - 1);
}

/* Returns the number that the unit is going to say when it is done. */
static uint32_t queue_flush(struct vtd_iommu *iommu, unsigned int did,
                            const struct pv_iommu_ranges *ranges, bool all)
{
    uint64_t lo = TYPE_INVAL_IOTLB | ((uint64_t)did << IOTLB_DID_SHIFT) |
                  (cap_write_drain(iommu->cap) ? IOTLB_DRAIN_WRITES : 0) |
                  (cap_read_drain(iommu->cap) ? IOTLB_DRAIN_READS : 0);
    unsigned int i, nr = all ? 1 : ranges->nr;
    unsigned long flags;
    uint32_t seq;

    spin_lock_irqsave(&iommu->register_lock, flags);

    while ( !vtd_queue_has_room(iommu, nr + 1) )
        cpu_relax();

    for ( i = 0; i < nr; ++i )
    {
        unsigned long dfn;
        unsigned int order = range_order(&ranges->range[i], &dfn);

        if ( all )
            queue_add(iommu, lo | IOTLB_DSI, 0);
        else
            queue_add(iommu, lo | IOTLB_PSI, pfn_to_paddr(dfn) | order);
    }

    seq = ++iommu->queue.seq;
    /* What follows is not begun before: so the numbers come in order. */
    queue_add(iommu, TYPE_INVAL_WAIT | WAIT_STATUS_WRITE | WAIT_FENCE |
                     ((uint64_t)seq << WAIT_STATUS_SHIFT),
              virt_to_maddr(&iommu->queue.done));
    dmar_writel(iommu->reg, DMAR_IQT_REG,
                iommu->queue.tail * sizeof(struct qinval_entry));

    spin_unlock_irqrestore(&iommu->register_lock, flags);

    return seq;
}

/* For ever, if need be: without the flush devices may still reach the frames. */
static void wait_for(const struct told *told)
{
    unsigned int i;
    s_time_t limit = 0;

    for ( i = 1; (int32_t)(ACCESS_ONCE(told->iommu->queue.done) -
                           told->seq) < 0; ++i )
    {
        cpu_relax();
        if ( i & 0xfff )
            continue;

        if ( !limit )
            limit = NOW() + MILLISECS(100);
        else if ( NOW() > limit )
        {
            printk(XENLOG_WARNING VTDPREFIX
                   " IOMMU#%u: IOTLB flush taking too long\n",
                   told->iommu->index);
            limit = STIME_MAX;
        }
    }
}

/* Without a queue, or with a need for care before and after each flush. */
static bool is_special(struct vtd_iommu *iommu)
{
    return !iommu->queue.nr || is_igd_drhd(iommu->drhd);
}

/* Such a unit's flush, by Xen's own functions. */
static int flush_special(struct vtd_iommu *iommu, unsigned int did,
                         const struct pv_iommu_ranges *ranges, bool all)
{
    unsigned int i;
    int rc = 0;

    for ( i = 0; i < (all ? 1 : ranges->nr); ++i )
    {
        unsigned long dfn;
        unsigned int order = range_order(&ranges->range[i], &dfn);
        int ret;

        vtd_ops_preamble_quirk(iommu);
        ret = iommu->flush.iotlb(iommu, did, all ? 0 : pfn_to_paddr(dfn),
                                 all ? 0 : order,
                                 all ? DMA_TLB_DSI_FLUSH : DMA_TLB_PSI_FLUSH,
                                 false, false);
        vtd_ops_postamble_quirk(iommu);
        rc = ret ?: rc;
    }

    return rc;
}

/* Is a range more than the unit flushes without all of the context? */
static bool is_too_much(const struct vtd_iommu *iommu,
                        const struct pv_iommu_ranges *ranges)
{
    unsigned int i;
    unsigned long dfn;

    for ( i = 0; i < ranges->nr; ++i )
        if ( range_order(&ranges->range[i], &dfn) >
             cap_max_amask_val(iommu->cap) )
            return true;

    return !cap_pgsel_inv(iommu->cap);
}

/* By what the unit knows the address space, or -1 if no device of it is there. */
static int id_of(const struct pv_iommu *p, const struct vtd_iommu *iommu)
{
    const struct pv_iommu_unit *unit;

    if ( !p->id )
        return get_iommu_did(p->d->domain_id, iommu, false);

    unit = p->unit ? &p->unit[iommu->index] : NULL;

    return unit && ACCESS_ONCE(unit->nr_devices)
           ? get_iommu_did(unit->domid, iommu, false) : -1;
}

int cf_check vtd_flush(struct pv_iommu *p,
                       const struct pv_iommu_ranges *ranges, bool modified)
{
    const struct acpi_drhd_unit *drhd;
    struct told told[MAX_UNITS];
    unsigned int nr = 0;
    int rc = 0;

    for_each_drhd_unit ( drhd )
    {
        struct vtd_iommu *iommu = drhd->iommu;
        int did = id_of(p, iommu);
        bool all;

        if ( did < 0 )
            continue;

        if ( !modified && !cap_caching_mode(iommu->cap) )
        {
            iommu_flush_write_buffer(iommu);
            continue;
        }

        all = is_too_much(iommu, ranges);
        if ( is_special(iommu) )
        {
            rc = flush_special(iommu, did, ranges, all) ?: rc;
            continue;
        }

        if ( nr == MAX_UNITS )
            while ( nr )
                wait_for(&told[--nr]);
        told[nr].iommu = iommu;
        told[nr++].seq = queue_flush(iommu, did, ranges, all);
    }

    while ( nr )
        wait_for(&told[--nr]);

    return rc;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
