/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * takeover.c: one address space for all of the domain's devices: taking over and
 * giving back.
 *
 * The domain's own tables are made and filled while the devices still use the
 * host map, which is left alone all the time; taking over points the devices
 * at ours, giving back points them at the host map.  Everything that can take
 * long is done in steps under ctl_lock; whoever finds things half done goes on
 * with them.
 */

#include <xen/err.h>
#include <xen/event.h>
#include <xen/pci.h>
#include <xen/pci_regs.h>

#include "pretend.h"
#include "frames.h"

paddr_t pv_iommu_root(const struct domain *d, unsigned int *levels)
{
    const struct pv_iommu_dom *dom = dom_iommu(d)->pv;
    const struct pv_iommu *p = dom ? dom->space[0] : NULL;
    unsigned int level;

    ASSERT(pcidevs_locked());

    if ( !p || p->state != PV_IOMMU_owned )
        return 0;

    level = *levels ?: p->levels;
    ASSERT(level >= p->min_levels && level <= p->levels);
    *levels = level;

    return page_to_maddr(p->root[level]);
}

/* What no device may have mapped otherwise. */
static int make_reserved(struct pv_iommu *p)
{
    struct pv_iommu_dom *dom = p->dom;

    if ( !dom->reserved )
    {
        struct pv_iommu_reserved_list *list =
            xmalloc(struct pv_iommu_reserved_list);

        if ( !list )
            return -ENOMEM;

        if ( pv_iommu_reserved_get(p->d, p->vendor,
                                   XEN_IOMMU_RESERVED_ALL_DEVICES, list) )
        {
            xfree(list);
            return -EIO;
        }

        dom->reserved = list;
    }

    p->reserved = dom->reserved;

    return 0;
}

/* Not of a host bridge, nor of an IOMMU that shows itself as a device. */
static bool does_dma(const struct pci_dev *pdev)
{
    return pdev->type != DEV_TYPE_PCI_HOST_BRIDGE &&
           pci_conf_read16(pdev->sbdf, PCI_CLASS_DEVICE) != 0x0806;
}

/* A device whose DMA is not translated would take dfns for machine frames. */
static int check_devices(const struct pv_iommu *p)
{
    const struct pci_dev *pdev;
    int rc = 0;

    pcidevs_lock();

    for_each_pdev ( p->d, pdev )
    {
        struct pv_iommu_device dev = {};

        p->vendor->query(pdev, &dev);
        if ( (dev.flags & XEN_IOMMU_DEVICE_translated) || !does_dma(pdev) )
            continue;
        printk(XENLOG_G_INFO
               "%pd: the DMA of %pp is not translated: no takeover\n",
               p->d, &pdev->sbdf);
        rc = -EXDEV;
    }

    pcidevs_unlock();

    return rc;
}

static int build_begin(struct pv_iommu *p, bool clear)
{
    unsigned long done = 0;
    unsigned int i;
    int rc;

    p->state = PV_IOMMU_building;
    p->keep_host_map = !clear;
    p->build_dfn = p->copied = p->dropped = p->release_dfn = 0;
    p->build_err = 0;

    rc = check_devices(p) ?: make_reserved(p);
    if ( !rc )
        rc = pv_iommu_pending_init(p);
    if ( !rc )
        rc = frames_init(p->dom);
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
                                  p->fmt.read | p->fmt.write | p->fmt.fixed,
                                  &done);
    }

    return rc;
}

/* Neither way works: the tables are never to be freed. */
static void stick(struct pv_iommu *p)
{
    printk(XENLOG_ERR "%pd: devices are between two I/O address spaces\n",
           p->d);
    p->stuck = true;
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
        stick(p);

    pcidevs_unlock();

    if ( rc )
        return rc;

    if ( p->keep_host_map )
        printk(XENLOG_G_INFO
               "%pd: took over its I/O address space with the host map's %lu frames, up to dfn %#lx\n",
               p->d, p->copied, p->max_dfn);
    else
        printk(XENLOG_G_INFO
               "%pd: took over its I/O address space, empty, up to dfn %#lx\n",
               p->d, p->max_dfn);

    return 0;
}

/*
 * Unmap all that is mapped, which no device can reach any more, in steps.  What
 * is fixed stays for pt_release_step().  With ctl_lock held.
 */
int pv_iommu_clear(struct pv_iommu *p)
{
    struct pv_iommu_call call = { .p = p };

    ASSERT(p->state == PV_IOMMU_releasing);

    while ( p->release_dfn <= p->max_dfn && p->root[p->levels] )
    {
        struct pv_iommu_pending *pend;
        unsigned long nr = 0;
        bool full;

        spin_lock(&p->lock);
        pend = pending(p, PV_IOMMU_strict);
        full = pending_full(pend);
        if ( !full )
            nr = pt_unmap(p, &call, PV_IOMMU_strict, p->release_dfn,
                          p->max_dfn + 1 - p->release_dfn, &p->dropped);
        spin_unlock(&p->lock);

        if ( full )
            pv_iommu_drain(p);
        p->release_dfn += nr;

        if ( p->release_dfn <= p->max_dfn && general_preempt_check() )
            return -ERESTART;
    }

    pv_iommu_drain(p);

    return 0;
}

/* Take the address space apart; the devices use the host map. */
static int release(struct pv_iommu *p)
{
    struct pv_iommu_dom *dom = p->dom;
    int rc;

    ASSERT(p->state == PV_IOMMU_releasing);

    if ( p->stuck )
        return -EIO;

    rc = pv_iommu_clear(p);
    if ( rc )
        return rc;

    while ( pt_release_step(p) )
        if ( general_preempt_check() )
            return -ERESTART;

    dom->releasing = dom->chunks;
    rc = pv_iommu_release_records(dom);
    if ( rc )
        return rc;

    ASSERT(!p->nr_tables);
    p->nr_large = 0;
    memset(p->root, 0, sizeof(p->root));
    pv_iommu_pending_free(p);
    p->state = PV_IOMMU_idle;

    if ( !p->build_err )
        printk(XENLOG_G_INFO
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

/* One step of taking over, with ctl_lock held. */
static int enable_step(struct pv_iommu *p, bool clear, bool continued)
{
    int rc = 0;

    if ( p->dom->nr_ctx )
        return -EBUSY;

    if ( p->state == PV_IOMMU_releasing )
    {
        rc = release(p);
        if ( !rc )
        {
            rc = p->build_err;
            p->build_err = 0;
        }
    }
    else if ( p->state == PV_IOMMU_idle )
        rc = pv_iommu_release_records(p->dom);

    if ( p->state == PV_IOMMU_owned )
        /* If this is a continuation, another vCPU did the rest for us. */
        return continued ? 0 : -EALREADY;
    if ( rc )
        return rc;

    if ( p->state == PV_IOMMU_idle )
        rc = build_begin(p, clear);
    if ( !rc )
        rc = build(p);
    if ( !rc || rc == -ERESTART )
        return rc;

    p->state = PV_IOMMU_releasing;
    p->build_err = rc;
    if ( release(p) == -ERESTART )
        return -ERESTART;
    p->build_err = 0;

    return rc;
}

int pv_iommu_enable(struct domain *d, bool clear, bool continued,
                    bool *cleared)
{
    struct pv_iommu_dom *dom;
    int rc;

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

    dom = pv_iommu_get(d);
    if ( IS_ERR(dom) )
        return PTR_ERR(dom);

    spin_lock(&dom->ctl_lock);
    rc = enable_step(dom->space[0], clear, continued);
    *cleared = !dom->space[0]->keep_host_map;
    spin_unlock(&dom->ctl_lock);

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
        stick(p);

    pcidevs_unlock();

    if ( !rc )
        pv_iommu_drain(p);

    return rc;
}

int pv_iommu_disable(struct domain *d, bool continued)
{
    struct pv_iommu_dom *dom = dom_iommu(d)->pv;
    struct pv_iommu *p = dom ? dom->space[0] : NULL;
    int rc = continued ? 0 : -EPERM;

    if ( !p )
        return -EPERM;
    if ( pv_iommu_pretends(PRETEND_no_disable) && !continued )
        return -EIO;

    spin_lock(&dom->ctl_lock);

    if ( p->state == PV_IOMMU_owned && !continued )
        rc = release_begin(p);
    else if ( p->state == PV_IOMMU_releasing )
        rc = 0;

    if ( !rc && p->state == PV_IOMMU_releasing )
        rc = release(p);

    spin_unlock(&dom->ctl_lock);

    return rc;
}

/* The domain is dying.  With ctl_lock held. */
int pv_iommu_release_shared(struct pv_iommu_dom *dom)
{
    struct pv_iommu *p = dom->space[0];
    int rc = 0;

    if ( p->state == PV_IOMMU_owned )
        rc = release_begin(p);
    else if ( p->state == PV_IOMMU_building )
        p->state = PV_IOMMU_releasing;

    if ( p->state == PV_IOMMU_releasing )
        rc = release(p);

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
