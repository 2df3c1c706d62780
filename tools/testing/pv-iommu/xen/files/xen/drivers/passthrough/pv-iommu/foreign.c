/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * foreign.c: references on pages that other domains have granted.
 *
 * They are not the domain's, so it is not trusted with them: a guest must not
 * be able to have a page table where a device still writes.  Each entry of a page
 * table has a reference of its own, and if it is writable one on the page's
 * type, until it is gone *and* flushed.  Which of them it has is in the entry, so
 * there is no other record: they are dropped on every way on which entries go, the
 * end of the address space included, whatever became of the grant and of its owner.
 * Nor does a reference stay for the next mapping, as that on a page of the domain's
 * own does: the owner's memory could not be freed when it dies.
 */

#include <xen/grant_table.h>

#include "frames.h"

/*
 * The frame that is behind a grant which the calling domain has mapped, with what
 * an entry needs.  To be called without locks: getting a type may take a flush of
 * other CPUs' TLBs.
 */
int pv_iommu_get_foreign(struct pv_iommu *p, domid_t owner, unsigned int gref,
                         bool write, unsigned long *mfn)
{
    struct domain *rd = rcu_lock_domain_by_id(owner);
    struct page_info *pg;
    int rc;

    if ( !rd )
        return -ESRCH;

    rc = gnttab_get_mapped_page(rd, gref, write, &pg);
    rcu_unlock_domain(rd);

    if ( rc )
        return rc;

    *mfn = mfn_x(page_to_mfn(pg));
    atomic_inc(&p->nr_foreign);

    return 0;
}

/* Entries for @nr frames are gone and flushed, or were never made. */
void pv_iommu_put_foreign(struct pv_iommu *p, unsigned long mfn,
                          unsigned long nr, bool write)
{
    unsigned long i;

    for ( i = 0; i < nr; ++i )
    {
        struct page_info *pg = mfn_to_page(_mfn(mfn + i));

        if ( write )
            put_page_and_type(pg);
        else
            put_page(pg);
    }

    atomic_sub(nr, &p->nr_foreign);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
