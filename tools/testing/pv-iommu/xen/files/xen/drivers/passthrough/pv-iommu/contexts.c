/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * contexts.c: address spaces for some of the domain's devices: they come and go.
 */

#include <xen/err.h>
#include <xen/event.h>
#include <xen/nospec.h>

#include "pretend.h"
#include "frames.h"

/* What map refuses in all contexts: what the bus does not leave to tables. */
static int make_reserved(struct pv_iommu *p)
{
    struct pv_iommu_dom *dom = p->dom;
    int rc = 0;

    if ( !dom->bus )
    {
        struct pv_iommu_reserved_list *list =
            xmalloc(struct pv_iommu_reserved_list);

        if ( !list )
            return -ENOMEM;

        rc = pv_iommu_reserved_bus(p->vendor, list);
        if ( rc )
            xfree(list);
        else
            dom->bus = list;
    }

    p->reserved = dom->bus;

    return rc;
}

static int ctx_init(struct pv_iommu *p)
{
    int rc = make_reserved(p) ?: pv_iommu_pending_init(p);

    if ( !rc )
        rc = frames_init(p->dom);
    if ( !rc )
        rc = pt_init(p);
    if ( !rc )
        rc = pv_iommu_for_each_reserved(pv_iommu_firmware_range, p);
    if ( rc >= 0 )
        return 0;

    while ( pt_release_step(p) )
        ;
    memset(p->root, 0, sizeof(p->root));
    p->nr_large = p->nr_identity = 0;
    pv_iommu_pending_free(p);

    return rc;
}

/* An ID that is free, with its record. */
static struct pv_iommu *find_free(struct pv_iommu_dom *dom)
{
    unsigned int id;

    for ( id = 1; id <= pv_iommu_max_contexts(); ++id )
    {
        struct pv_iommu *p = dom->space[id];

        if ( p && p->state != PV_IOMMU_idle )
            continue;

        if ( !p )
        {
            p = pv_iommu_make(dom, id);
            if ( IS_ERR(p) )
                return p;
            smp_wmb();
            dom->space[id] = p;
        }

        return p;
    }

    return ERR_PTR(-ENOSPC);
}

int pv_iommu_ctx_alloc(struct domain *d, uint16_t *id)
{
    struct pv_iommu_dom *dom;
    struct pv_iommu *p;
    int rc;

    if ( !pv_iommu_has_contexts(d) )
        return -EOPNOTSUPP;

    if ( pv_iommu_pretends(PRETEND_no_enable) )
        return -ENOMEM;

    dom = pv_iommu_get(d);
    if ( IS_ERR(dom) )
        return PTR_ERR(dom);

    spin_lock(&dom->ctl_lock);

    rc = dom->space[0]->state != PV_IOMMU_idle ? -EBUSY
                                               : pv_iommu_release_records(dom);
    if ( rc )
        goto out;

    p = find_free(dom);
    rc = IS_ERR(p) ? PTR_ERR(p) : ctx_init(p);
    if ( rc )
        goto out;

    p->release_dfn = 0;
    ++dom->nr_ctx;
    spin_lock(&p->lock);
    p->state = PV_IOMMU_owned;
    spin_unlock(&p->lock);
    *id = p->id;

 out:
    if ( rc && rc != -ERESTART && !dom->nr_ctx &&
         dom->space[0]->state == PV_IOMMU_idle )
        dom->releasing = dom->chunks;
    spin_unlock(&dom->ctl_lock);

    return rc;
}

/* Take a context apart that no device is in.  With ctl_lock held. */
static int ctx_release(struct pv_iommu *p)
{
    struct pv_iommu_dom *dom = p->dom;
    int rc = pv_iommu_clear(p);

    if ( rc )
        return rc;

    while ( pt_release_step(p) )
        if ( general_preempt_check() )
            return -ERESTART;

    ASSERT(!p->nr_tables);
    memset(p->root, 0, sizeof(p->root));
    p->nr_large = 0;
    p->nr_identity = 0;
    pv_iommu_pending_free(p);
    p->state = PV_IOMMU_idle;

    if ( !--dom->nr_ctx )
        dom->releasing = dom->chunks;

    return 0;
}

int pv_iommu_ctx_free(struct domain *d, unsigned int id, bool continued)
{
    struct pv_iommu_dom *dom = dom_iommu(d)->pv;
    struct pv_iommu *p = dom && id ? pv_iommu_space(dom, id) : NULL;
    int rc = 0;

    if ( !p )
        return -ENOENT;

    spin_lock(&dom->ctl_lock);

    /* If it is there again while we continue, another vCPU did the rest. */
    if ( p->state == PV_IOMMU_owned && !continued )
    {
        pcidevs_lock();
        if ( p->nr_devices )
            rc = -EBUSY;
        else
        {
            spin_lock(&p->lock);
            p->state = PV_IOMMU_releasing;
            spin_unlock(&p->lock);
        }
        pcidevs_unlock();
    }
    else if ( p->state != PV_IOMMU_releasing && !continued )
        rc = -ENOENT;

    /* A continuation may find nothing left but the records. */
    if ( !rc && p->state == PV_IOMMU_releasing )
        rc = ctx_release(p);
    if ( !rc )
        rc = pv_iommu_release_records(dom);

    spin_unlock(&dom->ctl_lock);

    return rc;
}

/* The domain is dying, and has no devices any more.  With ctl_lock held. */
int pv_iommu_release_contexts(struct pv_iommu_dom *dom)
{
    unsigned int id;

    for ( id = 1; id <= pv_iommu_max_contexts(); ++id )
    {
        struct pv_iommu *p = dom->space[id];
        int rc;

        if ( !p || p->state == PV_IOMMU_idle )
            continue;

        if ( p->nr_devices )
            return -EBUSY;

        spin_lock(&p->lock);
        p->state = PV_IOMMU_releasing;
        spin_unlock(&p->lock);

        rc = ctx_release(p);
        if ( rc )
            return rc;
    }

    return pv_iommu_release_records(dom);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
