/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostmap.c: filling the tables before the devices use them, above all with a
 * copy of the host map.
 */

#include <xen/domain_page.h>
#include <xen/event.h>

#include "private.h"

/* Map a run that holds no references; @done grows by what is mapped. */
int pv_iommu_install(struct pv_iommu *p, unsigned long dfn, unsigned long mfn,
                     unsigned long nr, uint64_t bits, unsigned long *done)
{
    struct pv_iommu_call call = { .p = p };

    while ( nr )
    {
        unsigned int level = pt_level(p, dfn, mfn, nr), n = 1;
        int rc;

        do {
            if ( level == 1 )
                n = min(nr, PV_IOMMU_ENTRIES - (dfn & (PV_IOMMU_ENTRIES - 1)));

            spin_lock(&p->lock);
            rc = level > 1 ? pt_map_large(p, &call, dfn, mfn, level, bits)
                           : pt_map(p, dfn, &mfn, false, n, bits);
            spin_unlock(&p->lock);
        } while ( rc == -EAGAIN && --level );

        if ( rc )
            return rc;

        *done += n * level_frames(level);
        dfn += n * level_frames(level);
        mfn += n * level_frames(level);
        nr -= n * level_frames(level);
    }

    return 0;
}

/*
 * Unmap what is fixed there, and nothing else: as much under one hold of the lock
 * as a stride is, so that nobody maps anything in between.
 */
void pv_iommu_uninstall(struct pv_iommu *p, unsigned long dfn,
                        unsigned long nr)
{
    struct pv_iommu_call call = { .p = p };
    unsigned long end = dfn + nr, unmapped = 0;

    while ( dfn < end )
    {
        spin_lock(&p->lock);
        dfn += pt_unfix(p, &call, dfn, min(end - dfn, PV_IOMMU_ENTRIES + 0UL),
                        &unmapped);
        spin_unlock(&p->lock);
    }

    pv_iommu_flush_call(&call);
}

/*
 * What the host map has at @dfn: returns the length of the run, with its frame
 * and its permissions, which are 0 if nothing is mapped.
 */
static unsigned long host_run(const struct pv_iommu *p, unsigned long dfn,
                              unsigned long *mfn, uint64_t *bits)
{
    struct domain_iommu *hd = dom_iommu(p->d);
    const uint64_t prot = p->fmt.read | p->fmt.write;
    unsigned long nr = p->max_dfn + 1 - dfn, size, offset;
    unsigned int level, idx;
    const uint64_t *t;
    paddr_t maddr;
    uint64_t e;

    *bits = 0;

    spin_lock(&hd->arch.mapping_lock);

    maddr = p->vendor->host_root(p->d, &level);
    if ( !maddr || dfn >> (level * PV_IOMMU_STRIDE) )
    {
        spin_unlock(&hd->arch.mapping_lock);
        return nr;
    }

    for ( ; ; --level )
    {
        size = level_frames(level);
        offset = dfn & (size - 1);
        idx = (dfn / size) & (PV_IOMMU_ENTRIES - 1);
        t = map_domain_page(maddr_to_mfn(maddr));
        e = t[idx];

        if ( !present(p, e) || is_leaf(p, e, level) )
            break;

        maddr = e & p->fmt.addr;
        unmap_domain_page(t);
    }

    if ( present(p, e) )
    {
        *bits = e & prot;
        *mfn = entry_mfn(p, e) + offset;
    }

    for ( nr = size - offset; ++idx < PV_IOMMU_ENTRIES; nr += size )
        if ( *bits ? !present(p, t[idx]) || !is_leaf(p, t[idx], level) ||
                     (t[idx] & prot) != *bits ||
                     entry_mfn(p, t[idx]) != *mfn + nr
                   : present(p, t[idx]) )
            break;

    unmap_domain_page(t);

    spin_unlock(&hd->arch.mapping_lock);

    return min(nr, p->max_dfn + 1 - dfn);
}

/* Copy the host map as far as it is not in a reserved range. */
int pv_iommu_copy_host_map(struct pv_iommu *p)
{
    while ( p->build_dfn <= p->max_dfn )
    {
        unsigned long mfn = 0, dfn = p->build_dfn;
        const struct pv_iommu_reserved *r;
        uint64_t bits;
        unsigned long nr = host_run(p, dfn, &mfn, &bits);

        r = bits ? pv_iommu_reserved_find(p->reserved, dfn, dfn + nr - 1)
                 : NULL;
        if ( r && r->first <= dfn )
        {
            nr = min(nr, r->last + 1 - dfn);
            bits = 0;
        }
        else if ( r )
            nr = r->first - dfn;

        if ( bits )
        {
            int rc = pv_iommu_install(p, dfn, mfn, nr, bits, &p->copied);

            if ( rc )
                return rc;
        }

        p->build_dfn += nr;

        if ( general_preempt_check() )
            return -ERESTART;
    }

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
