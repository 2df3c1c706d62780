/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.c: which device is in which context.
 *
 * Devices are in the host map, which Xen made at boot, unless they are attached
 * to a context.  That is kept in the device, and is so for as long as the device
 * is the domain's: Xen moves it to the host map before it assigns it to another
 * domain, and back when it returns.  All of it with pcidevs_lock held.
 */

#include <xen/pci.h>

#include <xsm/xsm.h>

#include "private.h"

/* The ranges of a device, one after the other. */
struct identity {
    struct pv_iommu *p;
    const struct pci_dev *pdev;
    bool get;
    unsigned int nr;            /* that were mapped, or are to be unmapped */
};

/* The range that has all of [@first, @last], if there is one. */
static struct pv_iommu_identity *identity_find(struct pv_iommu *p,
                                               unsigned long first,
                                               unsigned long last)
{
    unsigned int i;

    for ( i = 0; i < p->nr_identity; ++i )
        if ( p->identity[i].first <= first && p->identity[i].last >= last )
            return &p->identity[i];

    return NULL;
}

/*
 * Ranges that overlap without one being part of the other cannot be counted:
 * the second is refused, as what the domain has mapped there would be.
 */
static int identity_get(struct pv_iommu *p, unsigned long first,
                        unsigned long last)
{
    struct pv_iommu_identity *r = identity_find(p, first, last);
    struct pv_iommu_call call = { .p = p, .ranges = { 1, { { first, last } } } };
    unsigned long done = 0;
    int rc;

    if ( r )
    {
        ++r->users;
        return 0;
    }

    if ( p->nr_identity == ARRAY_SIZE(p->identity) )
        return -ENOMEM;
    if ( last > p->max_dfn )
        return -EIO;

    rc = pv_iommu_install(p, first, first, last - first + 1,
                          p->fmt.read | p->fmt.write | p->fmt.fixed, &done);
    if ( rc )
    {
        pv_iommu_uninstall(p, first, done);
        return rc;
    }

    /* Devices may be there that have tables in their caches which went. */
    rc = pv_iommu_flush(&call, false);
    if ( rc )
        return rc;

    p->identity[p->nr_identity++] =
        (struct pv_iommu_identity){ first, last, 1 };

    return 0;
}

static void identity_put(struct pv_iommu *p, unsigned long first,
                         unsigned long last)
{
    struct pv_iommu_identity *r = identity_find(p, first, last);

    if ( !r || --r->users )
        return;

    first = r->first;
    last = r->last;
    *r = p->identity[--p->nr_identity];
    pv_iommu_uninstall(p, first, last - first + 1);
}

/* What firmware has reserved for all devices is mapped as long as @data is. */
int cf_check pv_iommu_firmware_range(xen_pfn_t start, xen_ulong_t nr,
                                     uint32_t sbdf, void *data)
{
    return identity_get(data, start, start + nr - 1);
}

/* Called for each range and device that there is. */
static int cf_check identity_range(xen_pfn_t start, xen_ulong_t nr,
                                   uint32_t sbdf, void *ctxt)
{
    struct identity *it = ctxt;
    int rc;

    if ( sbdf != it->pdev->sbdf.sbdf )
        return 0;
    if ( !nr )
        return 1;

    if ( it->get )
    {
        rc = identity_get(it->p, start, start + nr - 1);
        if ( rc )
            return rc;
        ++it->nr;
    }
    else if ( it->nr )
    {
        identity_put(it->p, start, start + nr - 1);
        --it->nr;
    }

    return 1;
}

/* The device was in @p, behind this IOMMU, with so many of its ranges. */
static void leave_space(struct pv_iommu *p, struct pci_dev *pdev,
                        unsigned int unit, unsigned int nr)
{
    struct identity it = { p, pdev, false, nr };

    if ( !p )
        return;

    p->vendor->identity(pdev, identity_range, &it);
    p->vendor->part(p, unit);
    --p->nr_devices;
}

/*
 * All that a device needs to be attached to @p, but the attaching.  @unit is its
 * IOMMU then.
 */
static int enter_space(struct pv_iommu *p, struct pci_dev *pdev,
                       unsigned int *unit)
{
    struct identity it = { p, pdev, true };
    int rc;

    if ( !p )
        return 0;

    rc = p->vendor->join(p, pdev, unit);
    if ( rc )
        return rc;

    ++p->nr_devices;
    rc = p->vendor->identity(pdev, identity_range, &it);
    if ( rc >= 0 )
        return 0;

    leave_space(p, pdev, *unit, it.nr);

    return rc;
}

static struct pv_iommu *space_of(const struct pv_iommu_dom *dom,
                                 const struct pci_dev *pdev)
{
    return pdev->arch.pv_ctx ? dom->space[pdev->arch.pv_ctx] : NULL;
}

static bool has_id(const struct pv_iommu_device *dev, uint32_t id)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_ids; ++i )
        if ( dev->ids[i] == id )
            return true;

    return false;
}

/* Does @other have a requester ID in common with @dev? */
static bool shares_id(const struct pv_iommu_vendor *vendor,
                      const struct pv_iommu_device *dev,
                      const struct pci_dev *other)
{
    struct pv_iommu_device o = {};
    unsigned int i;

    vendor->query(other, &o);

    for ( i = 0; i < dev->nr_ids; ++i )
        if ( has_id(&o, dev->ids[i]) )
            return true;

    return false;
}

/* So many devices can have a requester ID in common. */
#define MAX_SET         32

struct set {
    unsigned int nr;
    struct pci_dev *pdev[MAX_SET];
    unsigned int unit[MAX_SET]; /* of the context that they enter */
};

/* Which devices of @d have to move with @pdev?  Others must not have to. */
static int find_set(const struct pv_iommu_dom *dom, struct pci_dev *pdev,
                    const struct pv_iommu_device *dev, struct set *set)
{
    const struct domain *d;
    struct pci_dev *other;
    int rc = 0;

    set->nr = 1;
    set->pdev[0] = pdev;

    rcu_read_lock(&domlist_read_lock);
    for_each_domain ( d )
        for_each_pdev ( d, other )
        {
            if ( other == pdev || !shares_id(dom->vendor, dev, other) )
                continue;
            if ( d != dom->d )
                rc = -EBUSY;
            else if ( set->nr == MAX_SET )
                rc = -ENOSPC;
            else
                set->pdev[set->nr++] = other;
        }
    rcu_read_unlock(&domlist_read_lock);

    for_each_pdev ( dom_io, other )
        if ( other != pdev && shares_id(dom->vendor, dev, other) )
            rc = -EBUSY;

    return rc;
}

static int move(struct pv_iommu_dom *dom, struct pv_iommu *p,
                const struct pci_dev *pdev)
{
    struct pv_iommu_device dev = {};

    dom->vendor->query(pdev, &dev);

    return dom->vendor->attach(dom->d, p, pdev, &dev);
}

/* It is in @p now, and no longer where it was. */
static void entered(struct pv_iommu_dom *dom, struct pv_iommu *p,
                    struct pci_dev *pdev, unsigned int unit)
{
    leave_space(space_of(dom, pdev), pdev, pdev->arch.pv_unit, ~0U);
    pdev->arch.pv_ctx = p ? p->id : 0;
    pdev->arch.pv_unit = unit;
}

static int move_set(struct pv_iommu_dom *dom, struct pv_iommu *p,
                    struct set *set)
{
    unsigned int i, nr, moved = 0;
    int rc = 0, back = 0;

    for ( nr = 0; !rc && nr < set->nr; ++nr )
        rc = enter_space(p, set->pdev[nr], &set->unit[nr]);
    if ( rc )
        --nr;

    for ( ; !rc && moved < set->nr; ++moved )
        rc = move(dom, p, set->pdev[moved]);

    if ( !rc )
    {
        for ( i = 0; i < set->nr; ++i )
            entered(dom, p, set->pdev[i], set->unit[i]);
        return 0;
    }

    /* Also the one that may be half-way. */
    for ( i = 0; i < moved; ++i )
        back = move(dom, space_of(dom, set->pdev[i]), set->pdev[i]) ?: back;

    if ( back )
        /* The tables of neither can go: they stay counted in both. */
        printk(XENLOG_ERR "%pd: %pp and what goes with it are between contexts\n",
               dom->d, &set->pdev[0]->sbdf);
    else
        for ( i = 0; i < nr; ++i )
            leave_space(p, set->pdev[i], set->unit[i], ~0U);

    return rc;
}

/* It is elsewhere now, and will be in @p when it is back. */
static int remember(struct pv_iommu_dom *dom, struct pv_iommu *p,
                    struct pci_dev *pdev)
{
    unsigned int unit = 0;
    int rc = enter_space(p, pdev, &unit);

    if ( !rc )
        entered(dom, p, pdev, unit);

    return rc;
}

static int attach(struct pv_iommu_dom *dom, struct pv_iommu *p, uint32_t sbdf)
{
    struct pci_dev *pdev = pci_get_pdev(NULL, (pci_sbdf_t){ .sbdf = sbdf });
    struct pv_iommu_device dev = {};
    struct set set;
    int rc;

    /* Of other domains' devices only those that were attached before. */
    if ( !pdev || (pdev->domain != dom->d && !pdev->arch.pv_ctx) )
        return -ENODEV;

    dom->vendor->query(pdev, &dev);
    if ( !(dev.flags & XEN_IOMMU_DEVICE_translated) &&
         p != space_of(dom, pdev) && p )
        return -EXDEV;
    /* A bridge that does no DMA of its own. */
    if ( !dev.nr_ids && !space_of(dom, pdev) )
        return 0;

    rc = find_set(dom, pdev, &dev, &set);
    if ( rc )
        return rc;

    if ( pdev->domain != dom->d )
        return set.nr > 1 ? -EBUSY : remember(dom, p, pdev);

    /* Also if it is there already: that puts right what may be wrong. */
    return move_set(dom, p, &set);
}

int pv_iommu_ctx_attach(struct domain *d, unsigned int id, uint32_t sbdf)
{
    struct pv_iommu_dom *dom = dom_iommu(d)->pv;
    struct pv_iommu *p;
    int rc;

    if ( !pv_iommu_has_contexts(d) )
        return -EOPNOTSUPP;

    if ( !dom )
        return id ? -ENOENT : 0;

    p = id ? pv_iommu_space(dom, id) : NULL;
    if ( id && !p )
        return -ENOENT;

    rc = xsm_resource_setup_pci(XSM_PRIV, sbdf);
    if ( rc )
        return rc;

    pcidevs_lock();

    if ( id && p->state != PV_IOMMU_owned )
        rc = -ENOENT;
    else if ( dom->space[0]->state != PV_IOMMU_idle )
        rc = -EPERM;
    else
        rc = attach(dom, p, sbdf);

    pcidevs_unlock();

    return rc;
}

static struct pv_iommu_dom *attached(const struct pci_dev *pdev)
{
    ASSERT(pcidevs_locked());

    return pdev->arch.pv_ctx ? dom_iommu(hardware_domain)->pv : NULL;
}

int pv_iommu_goes(struct pci_dev *pdev)
{
    struct pv_iommu_dom *dom = attached(pdev);
    struct pv_iommu_device dev = {};
    struct set set;
    int rc;

    if ( !dom || pdev->domain != dom->d )
        return 0;

    /* Those that share its requester IDs would go with it. */
    dom->vendor->query(pdev, &dev);
    rc = find_set(dom, pdev, &dev, &set);
    if ( !rc && set.nr > 1 )
        rc = -EBUSY;

    return rc ?: move(dom, NULL, pdev);
}

void pv_iommu_comes_back(struct pci_dev *pdev)
{
    struct pv_iommu_dom *dom = attached(pdev);

    if ( !dom || pdev->domain != dom->d )
        return;

    if ( move(dom, space_of(dom, pdev), pdev) )
        printk(XENLOG_ERR "%pd: %pp cannot go back to context %u\n",
               dom->d, &pdev->sbdf, pdev->arch.pv_ctx);
}

void pv_iommu_came(struct pci_dev *pdev)
{
    struct pv_iommu_dom *dom = dom_iommu(hardware_domain)->pv;
    struct pv_iommu_device dev = {};
    struct pci_dev *other;

    ASSERT(pcidevs_locked());

    if ( !dom || !dom->nr_ctx || pdev->domain != dom->d )
        return;

    dom->vendor->query(pdev, &dev);
    for_each_pdev ( dom->d, other )
        if ( other != pdev && other->arch.pv_ctx &&
             shares_id(dom->vendor, &dev, other) )
        {
            struct pv_iommu *p = space_of(dom, other);

            if ( !(remember(dom, p, pdev) ?: move(dom, p, pdev)) )
                return;
            move(dom, p, other); /* what they share stays where it is */
            printk(XENLOG_ERR "%pd: %pp is not in context %u with its ID\n",
                   dom->d, &pdev->sbdf, p->id);
            return;
        }
}

/* Is the ID one of a device of @d, but @pdev, that is or may be in a context? */
static bool used_by(const struct domain *d, const struct pci_dev *pdev,
                    uint32_t id, bool attached)
{
    const struct pv_iommu_vendor *vendor = pv_iommu_vendor();
    const struct pci_dev *other;

    ASSERT(pcidevs_locked());

    if ( !vendor )
        return false;

    for_each_pdev ( d, other )
    {
        struct pv_iommu_device dev = {};

        if ( other == pdev || (attached && !other->arch.pv_ctx) )
            continue;

        vendor->query(other, &dev);
        if ( has_id(&dev, id) )
            return true;
    }

    return false;
}

bool pv_iommu_attached_under(const struct domain *d, uint32_t id)
{
    const struct pv_iommu_dom *dom =
        is_hardware_domain(d) ? dom_iommu(d)->pv : NULL;

    return dom && dom->nr_ctx && used_by(d, NULL, id, true);
}

bool pv_iommu_shares_id(const struct pci_dev *pdev, uint32_t id)
{
    return is_hardware_domain(pdev->domain) &&
           used_by(pdev->domain, pdev, id, false);
}

void pv_iommu_gone(struct pci_dev *pdev)
{
    struct pv_iommu_dom *dom = attached(pdev);

    if ( dom )
        entered(dom, NULL, pdev, 0);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
