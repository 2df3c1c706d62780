/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-Vi: IOTLB flushes.
 *
 * What an IOMMU is to forget goes into its buffer together with the command that
 * says when that is done: one hold of its lock, a read and a write of its
 * registers.  All IOMMUs are told before the first of them is waited for.
 */

#include <xen/time.h>

#include "../pv-iommu/private.h"
#include "iommu.h"
#include "pv-iommu.h"

/* How many IOMMUs are told before they are waited for. */
#define MAX_UNITS       8

/* An address says by its lowest clear bit how much; more is everything. */
#define LARGEST_ORDER       (51 - PAGE_SHIFT)

struct command {
    uint32_t word[4];
};

/* The IOMMU says so when it has reached the number. */
struct told {
    struct amd_iommu *iommu;
    uint64_t seq;
};

static struct command invalidate(domid_t domid, const struct pv_iommu_range *r)
{
    unsigned long dfn;
    unsigned int order = range_order(r, &dfn);
    /* Tables may be among what went, unless it is a single page. */
    uint32_t flags = order ? IOMMU_INV_IOMMU_PAGES_S_FLAG_MASK |
                             IOMMU_INV_IOMMU_PAGES_PDE_FLAG_MASK : 0;
    uint64_t addr = pfn_to_paddr(dfn);

    if ( order > LARGEST_ORDER )
        addr = INV_IOMMU_ALL_PAGES_ADDRESS;
    else if ( order )
        addr |= (1UL << (order - 1 + PAGE_SHIFT)) - 1;

    return (struct command){ {
        0,
        domid | MASK_INSR(IOMMU_CMD_INVALIDATE_IOMMU_PAGES,
                          IOMMU_CMD_OPCODE_MASK),
        ((uint32_t)addr & PAGE_MASK) | flags,
        addr >> 32,
    } };
}

static struct command completion(const uint64_t *done, uint64_t seq)
{
    paddr_t addr = virt_to_maddr(done);

    return (struct command){ {
        addr | IOMMU_COMP_WAIT_S_FLAG_MASK,
        (addr >> 32) | MASK_INSR(IOMMU_CMD_COMPLETION_WAIT,
                                 IOMMU_CMD_OPCODE_MASK),
        seq,
        seq >> 32,
    } };
}

static void buffer_add(struct ring_buffer *ring, struct command cmd)
{
    memcpy(ring->buffer + ring->tail, &cmd, sizeof(cmd));
    ring->tail = (ring->tail + sizeof(cmd)) & (ring->size - 1);
}

static unsigned int room(struct amd_iommu *iommu)
{
    const struct ring_buffer *ring = &iommu->cmd_buffer;
    uint32_t head = readl(iommu->mmio_base + IOMMU_CMD_BUFFER_HEAD_OFFSET) &
                    IOMMU_RING_BUFFER_PTR_MASK;

    return ((head - ring->tail - sizeof(struct command)) & (ring->size - 1)) /
           sizeof(struct command);
}

/* Returns the number that the IOMMU is going to say when it is done. */
static uint64_t queue_flush(struct amd_iommu *iommu, domid_t domid,
                            const struct pv_iommu_ranges *ranges)
{
    unsigned long flags;
    unsigned int i;
    uint64_t seq;

    spin_lock_irqsave(&iommu->lock, flags);

    while ( room(iommu) <= ranges->nr )
        cpu_relax();

    for ( i = 0; i < ranges->nr; ++i )
        buffer_add(&iommu->cmd_buffer, invalidate(domid, &ranges->range[i]));

    /* Commands before it are done by then, so the numbers come in order. */
    seq = ++iommu->pv_seq;
    buffer_add(&iommu->cmd_buffer, completion(&iommu->pv_done, seq));
    writel(iommu->cmd_buffer.tail,
           iommu->mmio_base + IOMMU_CMD_BUFFER_TAIL_OFFSET);

    spin_unlock_irqrestore(&iommu->lock, flags);

    return seq;
}

/* For ever, if need be: without the flush devices may still reach the frames. */
static void wait_for(const struct told *told)
{
    unsigned int i;
    s_time_t limit = 0;

    for ( i = 1; ACCESS_ONCE(told->iommu->pv_done) < told->seq; ++i )
    {
        cpu_relax();
        if ( i & 0xfff )
            continue;

        if ( !limit )
            limit = NOW() + MILLISECS(100);
        else if ( NOW() > limit )
        {
            printk(XENLOG_WARNING
                   "AMD IOMMU %pp: IOTLB flush taking too long\n",
                   &PCI_SBDF(told->iommu->seg, told->iommu->bdf));
            limit = STIME_MAX;
        }
    }
}

/*
 * By what the IOMMU, the @i-th, knows the address space; DOMID_INVALID if no
 * device of it is there.
 */
static domid_t id_of(const struct pv_iommu *p, unsigned int i)
{
    if ( !p->id )
        return p->d->domain_id;

    return p->unit && ACCESS_ONCE(p->unit[i].nr_devices) ? p->unit[i].domid
                                                         : DOMID_INVALID;
}

int cf_check amd_flush(struct pv_iommu *p,
                       const struct pv_iommu_ranges *ranges, bool modified)
{
    struct amd_iommu *iommu;
    struct told told[MAX_UNITS];
    unsigned int i = 0, nr = 0;

    if ( !modified && !p->caching_mode )
        return 0;

    for_each_amd_iommu ( iommu )
    {
        domid_t domid = id_of(p, i++);

        if ( domid == DOMID_INVALID )
            continue;

        if ( nr == MAX_UNITS )
            while ( nr )
                wait_for(&told[--nr]);
        told[nr].iommu = iommu;
        told[nr++].seq = queue_flush(iommu, domid, ranges);
    }

    while ( nr )
        wait_for(&told[--nr]);

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
