/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * query.c: what there is, in the words of the "buffers" format.
 */

#include <xen/err.h>
#include <xen/guest_access.h>
#include <xen/pci.h>

#include "buffers.h"
#include "pretend.h"

DEFINE_XEN_GUEST_HANDLE(uint32_t);

int pv_iommu_query_caps(struct domain *d, unsigned int max_ops,
                        struct xen_iommu_op_query_caps *caps)
{
    const struct pv_iommu_dom *dom;
    const struct pv_iommu *p;

    memset(caps, 0, sizeof(*caps));
    caps->version = XEN_IOMMU_OP_VERSION +
                    pv_iommu_pretends(PRETEND_other_version);
    caps->max_ops = max_ops;
    caps->mode = pv_iommu_mode(d);

    if ( caps->mode == XEN_IOMMU_MODE_off )
        return 0;

    dom = pv_iommu_get(d);
    if ( IS_ERR(dom) )
    {
        caps->mode = XEN_IOMMU_MODE_off;
        return 0;
    }
    p = dom->space[0];

    caps->caps = XEN_IOMMU_CAP_deferred_flush | XEN_IOMMU_CAP_lookup |
                 /* As all DMA is on x86. */
                 XEN_IOMMU_CAP_coherent |
                 (pv_iommu_opt.clear ? XEN_IOMMU_CAP_clear : 0) |
                 (pv_iommu_has_contexts(d) ? XEN_IOMMU_CAP_contexts : 0) |
                 (pv_iommu_has_gref() ? XEN_IOMMU_CAP_gref : 0) |
                 (pv_iommu_opt.list ? XEN_IOMMU_CAP_list : 0) |
                 (pv_iommu_opt.registers ? XEN_IOMMU_CAP_registers : 0) |
                 (p->max_leaf_level > 1 ? XEN_IOMMU_CAP_large_pages : 0) |
                 /* With one table for all, devices can forge them (AMD). */
                 (iommu_intremap && amd_iommu_perdev_intremap
                  ? XEN_IOMMU_CAP_intremap : 0) |
                 (p->caching_mode ? XEN_IOMMU_CAP_caching_mode : 0);
    caps->max_dfn = p->max_dfn;
    caps->pgsize_mask = PAGE_SIZE_4K |
                        (p->max_leaf_level > 1 ? PAGE_SIZE_2M : 0);
    caps->nr_ctx = pv_iommu_has_contexts(d) ? pv_iommu_max_contexts() : 0;

    if ( pv_iommu_pretends(PRETEND_other_mode) )
        caps->mode = ~0;

    return 0;
}

int pv_iommu_query_reserved(struct domain *d,
                            struct xen_iommu_op_query_reserved *q)
{
    struct pv_iommu_reserved_list *list;
    unsigned int i, room = q->nr_entries;
    int rc;

    if ( q->pad )
        return -EINVAL;

    q->nr_entries = 0;
    if ( pv_iommu_mode(d) == XEN_IOMMU_MODE_off )
        return 0;
    if ( pv_iommu_pretends(PRETEND_no_reserved) )
        return -EIO;

    list = xzalloc(struct pv_iommu_reserved_list);
    if ( !list )
        return -ENOMEM;

    rc = pv_iommu_reserved_get(d, pv_iommu_vendor(), q->sbdf, list);

    for ( i = 0; !rc && i < list->nr && i < room; ++i )
    {
        const struct pv_iommu_reserved *r = &list->range[i];
        struct xen_iommu_reserved_range range = {
            .start_dfn = r->first,
            .nr_frames = r->last - r->first + 1,
            .flags = r->flags,
        };

        if ( copy_to_guest_offset(q->ranges, i, &range, 1) )
            rc = -EFAULT;
    }

    q->nr_entries = list->nr;
    if ( !rc && list->nr > room )
        rc = -ENOBUFS;

    xfree(list);

    return rc;
}

void pv_iommu_add_id(struct pv_iommu_device *dev, pci_sbdf_t id)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_ids; ++i )
        if ( dev->ids[i] == id.sbdf )
            return;

    ASSERT(dev->nr_ids < ARRAY_SIZE(dev->ids));
    dev->ids[dev->nr_ids++] = id.sbdf;
}

int pv_iommu_query_device(struct domain *d,
                          struct xen_iommu_op_query_device *q)
{
    const struct pv_iommu_dom *dom = pv_iommu_get(d);
    struct pv_iommu_device dev = {};
    const struct pci_dev *pdev;
    unsigned int room = q->nr_ids;

    if ( q->pad )
        return -EINVAL;
    if ( pv_iommu_mode(d) == XEN_IOMMU_MODE_off || IS_ERR(dom) )
        return -ENODEV;

    pcidevs_lock();

    pdev = pci_get_pdev(NULL, (pci_sbdf_t){ .sbdf = q->sbdf });
    if ( !pdev || !pdev->domain )
    {
        pcidevs_unlock();
        return -ENODEV;
    }

    dom->vendor->query(pdev, &dev);
    q->flags = dev.flags |
               (pdev->domain != d ? XEN_IOMMU_DEVICE_assigned : 0);
    q->nr_ids = dev.nr_ids;
    q->addr_bits = dev.addr_bits;
    q->pgsize_mask = PAGE_SIZE_4K |
                     (dom->space[0]->max_leaf_level > 1 ? PAGE_SIZE_2M : 0);
    q->ctx = pdev->arch.pv_ctx;

    pcidevs_unlock();

    if ( copy_to_guest(guest_handle_cast(q->ids, uint32_t), dev.ids,
                       min(room, dev.nr_ids)) )
        return -EFAULT;

    return dev.nr_ids > room ? -ENOBUFS : 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
