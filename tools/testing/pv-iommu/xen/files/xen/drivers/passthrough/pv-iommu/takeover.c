/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * takeover.c: taking over and giving back.
 *
 * The domain's own tables are made and filled while the devices still use the
 * host map, which is left alone all the time; taking over points the devices
 * at ours, giving back points them at the host map.  Everything that can take
 * long is done in steps under ctl_lock; whoever finds things half done goes on
 * with them.
 */

#include <xen/err.h>
#include <xen/event.h>
#include <xen/init.h>
#include <xen/keyhandler.h>
#include <xen/paging.h>
#include <xen/pci.h>

#include "private.h"

const struct pv_iommu_vendor *pv_iommu_vendor(void)
{
    return vtd_pv_iommu() ?: amd_pv_iommu();
}

unsigned int pv_iommu_mode(const struct domain *d)
{
    const struct pv_iommu *p = dom_iommu(d)->pv;

    if ( !is_iommu_enabled(d) || !pv_iommu_vendor() )
        return XEN_IOMMU_MODE_off;

    if ( paging_mode_translate(d) )
        return XEN_IOMMU_MODE_guest_map;

    if ( iommu_hwdom_passthrough )
        return XEN_IOMMU_MODE_passthrough;

    if ( need_iommu_pt_sync(d) )
        return XEN_IOMMU_MODE_strict;

    return p && p->state == PV_IOMMU_owned ? XEN_IOMMU_MODE_owned
                                           : XEN_IOMMU_MODE_host_map;
}

/* The domain's record.  It is made when first asked for. */
struct pv_iommu *pv_iommu_get(struct domain *d)
{
    struct domain_iommu *hd = dom_iommu(d);
    unsigned long sizes = iommu_get_ops()->page_sizes;
    struct pv_iommu *p = ACCESS_ONCE(hd->pv), *old;
    int rc;

    if ( p )
        return p;

    p = xzalloc(struct pv_iommu);
    if ( !p )
        return ERR_PTR(-ENOMEM);

    p->d = d;
    p->vendor = pv_iommu_vendor();
    spin_lock_init(&p->ctl_lock);
    spin_lock_init(&p->flush_lock);
    spin_lock_init(&p->lock);
    INIT_PAGE_LIST_HEAD(&p->tables);
    INIT_PAGE_LIST_HEAD(&p->empty);

    rc = p->vendor->setup(p);
    if ( rc )
    {
        xfree(p);
        return ERR_PTR(rc);
    }

    p->caching_mode = p->vendor->caching_mode();
    p->flush_new = p->caching_mode || (p->vendor->write_buffer &&
                                       p->vendor->write_buffer());
    p->max_leaf_level = !(sizes & PAGE_SIZE_2M) ? 1
                        : !(sizes & PAGE_SIZE_1G) ? 2 : 3;

    old = cmpxchgptr(&hd->pv, NULL, p);
    if ( old )
    {
        xfree(p);
        p = old;
    }

    return p;
}

paddr_t pv_iommu_root(const struct domain *d, unsigned int *levels)
{
    const struct pv_iommu *p = dom_iommu(d)->pv;
    unsigned int level;

    ASSERT(pcidevs_locked());

    if ( !p || p->state != PV_IOMMU_owned )
        return 0;

    level = *levels ?: p->levels;
    ASSERT(level >= p->min_levels && level <= p->levels);
    *levels = level;

    return page_to_maddr(p->root[level]);
}

static int build_begin(struct pv_iommu *p, bool clear)
{
    unsigned int i;
    int rc;

    p->state = PV_IOMMU_building;
    p->keep_host_map = !clear;
    p->build_dfn = p->copied = p->dropped = 0;
    p->build_err = 0;

    if ( !p->reserved )
    {
        struct pv_iommu_reserved_list *list =
            xmalloc(struct pv_iommu_reserved_list);

        if ( !list )
            return -ENOMEM;

        rc = pv_iommu_reserved_get(p->d, p->vendor,
                                   XEN_IOMMU_RESERVED_ALL_DEVICES, list);
        if ( rc )
        {
            xfree(list);
            return -EIO;
        }

        /* It stays as it is until the domain goes. */
        smp_wmb();
        p->reserved = list;
    }

    rc = pv_iommu_pending_init(p);
    if ( !rc )
        rc = frames_init(p);
    if ( !rc )
        rc = pt_init(p);

    for ( i = 0; !rc && i < p->reserved->nr; ++i )
    {
        const struct pv_iommu_reserved *r = &p->reserved->range[i];

        if ( r->flags != XEN_IOMMU_RESERVED_identity )
            continue;

        /* A device that needs it is beyond our reach. */
        if ( r->last > p->max_dfn )
            rc = -EIO;
        else
            rc = pv_iommu_install(p, r->first, r->first,
                                  r->last - r->first + 1,
                                  p->fmt.read | p->fmt.write | p->fmt.fixed);
    }

    return rc;
}

static int build_end(struct pv_iommu *p)
{
    int rc;

    /* Nothing that the tables have seen so far needs a flush. */
    pv_iommu_drain(p);

    pcidevs_lock();

    rc = p->vendor->switch_root(p, true);
    if ( !rc )
    {
        spin_lock(&p->lock);
        p->state = PV_IOMMU_owned;
        spin_unlock(&p->lock);
    }
    else if ( p->vendor->switch_root(p, false) )
        panic("%pd: devices are between two I/O address spaces\n", p->d);

    pcidevs_unlock();

    if ( rc )
        return rc;

    if ( p->keep_host_map )
        printk(XENLOG_INFO
               "%pd: took over its I/O address space with the host map's %lu frames, up to dfn %#lx\n",
               p->d, p->copied, p->max_dfn);
    else
        printk(XENLOG_INFO
               "%pd: took over its I/O address space, empty, up to dfn %#lx\n",
               p->d, p->max_dfn);

    return 0;
}

/* Free the tables and drop the references; the devices use the host map. */
static int release(struct pv_iommu *p)
{
    ASSERT(p->state == PV_IOMMU_releasing);

    while ( pt_release_step(p) || frames_release_step(p) )
        if ( general_preempt_check() )
            return -ERESTART;

    ASSERT(!p->nr_tables);
    p->nr_tables = 0;
    p->nr_large = 0;
    memset(p->root, 0, sizeof(p->root));
    pv_iommu_pending_free(p);
    p->state = PV_IOMMU_idle;

    if ( !p->build_err )
        printk(XENLOG_INFO
               "%pd: gave its I/O address space back, with %lu frames in use\n",
               p->d, p->dropped);

    return 0;
}

static int build(struct pv_iommu *p)
{
    int rc = 0;

    if ( p->keep_host_map )
        rc = pv_iommu_copy_host_map(p);
    if ( !rc )
        rc = build_end(p);

    return rc;
}

int pv_iommu_enable(struct domain *d, bool clear, bool continued,
                    bool *cleared)
{
    struct pv_iommu *p;
    int rc = 0;

    switch ( pv_iommu_mode(d) )
    {
    case XEN_IOMMU_MODE_strict:
        return -EPERM;

    case XEN_IOMMU_MODE_host_map:
    case XEN_IOMMU_MODE_owned:
        break;

    default:
        return -EOPNOTSUPP;
    }

    if ( pv_iommu_pretends(PRETEND_no_enable) && !continued )
        return -ENOMEM;

    p = pv_iommu_get(d);
    if ( IS_ERR(p) )
        return PTR_ERR(p);

    spin_lock(&p->ctl_lock);

    if ( p->state == PV_IOMMU_releasing )
    {
        rc = release(p);
        if ( !rc )
        {
            rc = p->build_err;
            p->build_err = 0;
        }
    }

    if ( p->state == PV_IOMMU_owned )
        /* If this is a continuation, another vCPU did the rest for us. */
        rc = continued ? 0 : -EALREADY;
    else if ( !rc )
    {
        if ( p->state == PV_IOMMU_idle )
            rc = build_begin(p, clear);
        if ( !rc )
            rc = build(p);

        if ( rc && rc != -ERESTART )
        {
            p->state = PV_IOMMU_releasing;
            p->build_err = rc;
            if ( release(p) )
                rc = -ERESTART;
            else
                p->build_err = 0;
        }
    }

    *cleared = !p->keep_host_map;

    spin_unlock(&p->ctl_lock);

    return rc;
}

static int release_begin(struct pv_iommu *p)
{
    int rc;

    pcidevs_lock();

    rc = p->vendor->switch_root(p, false);
    if ( !rc )
    {
        spin_lock(&p->lock);
        p->state = PV_IOMMU_releasing;
        spin_unlock(&p->lock);
    }
    else if ( p->vendor->switch_root(p, true) )
        panic("%pd: devices are between two I/O address spaces\n", p->d);

    pcidevs_unlock();

    if ( !rc )
        pv_iommu_drain(p);

    return rc;
}

int pv_iommu_disable(struct domain *d, bool continued)
{
    struct pv_iommu *p = dom_iommu(d)->pv;
    int rc = continued ? 0 : -EPERM;

    if ( !p )
        return -EPERM;
    if ( pv_iommu_pretends(PRETEND_no_disable) && !continued )
        return -EIO;

    spin_lock(&p->ctl_lock);

    if ( p->state == PV_IOMMU_owned && !continued )
        rc = release_begin(p);
    else if ( p->state == PV_IOMMU_releasing )
        rc = 0;

    if ( !rc && p->state == PV_IOMMU_releasing )
        rc = release(p);

    spin_unlock(&p->ctl_lock);

    return rc;
}

int pv_iommu_release(struct domain *d)
{
    struct pv_iommu *p = dom_iommu(d)->pv;
    int rc = 0;

    if ( !p )
        return 0;

    spin_lock(&p->ctl_lock);

    if ( p->state == PV_IOMMU_owned )
        rc = release_begin(p);
    else if ( p->state == PV_IOMMU_building )
        p->state = PV_IOMMU_releasing;

    if ( p->state == PV_IOMMU_releasing )
        rc = release(p);

    spin_unlock(&p->ctl_lock);

    if ( rc == -ERESTART )
        return rc;

    if ( rc )
    {
        /* Some device may still use the tables: they can't be freed. */
        printk(XENLOG_ERR "%pd: cannot give I/O address space back: %d\n",
               d, rc);
        return 0;
    }

    dom_iommu(d)->pv = NULL;
    xfree(p->reserved);
    xfree(p);

    return 0;
}

static void cf_check dump(unsigned char key)
{
    static const char *const states[] = {
        [PV_IOMMU_idle] = "idle",
        [PV_IOMMU_building] = "taking over",
        [PV_IOMMU_owned] = "owned",
        [PV_IOMMU_releasing] = "giving back",
    };
    const struct domain *d;

    rcu_read_lock(&domlist_read_lock);

    for_each_domain ( d )
    {
        const struct pv_iommu *p = dom_iommu(d)->pv;

        if ( !p )
            continue;

        printk("%pd: I/O address space: %s, %u tables (%u of them long empty), %lu large pages\n",
               d, states[p->state], p->nr_tables, p->nr_empty, p->nr_large);
        printk("%pd: %lu calls, %lu continuations, %lu flushes (%lu for want of room), %lu reclaims\n",
               d, p->stat.calls, p->stat.continuations, p->stat.flushes,
               p->stat.early_flushes, p->stat.reclaims);
    }

    rcu_read_unlock(&domlist_read_lock);
}

static int __init cf_check init(void)
{
    register_keyhandler('U', dump, "dump PV-IOMMU state", 0);

    return 0;
}
__initcall(init);

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
