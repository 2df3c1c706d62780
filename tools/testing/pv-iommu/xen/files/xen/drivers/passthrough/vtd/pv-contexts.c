/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VT-d: devices, and contexts for them.
 */

#include <xen/domain_page.h>
#include <xen/pci.h>

#include "../pv-iommu/private.h"
#include "iommu.h"
#include "dmar.h"
#include "extern.h"
#include "pv-iommu.h"

static bool is_translating(const struct acpi_drhd_unit *drhd)
{
    return drhd && drhd->iommu &&
           (dmar_readl(drhd->iommu->reg, DMAR_GSTS_REG) & DMA_GSTS_TES);
}

/* Those that domain_context_mapping() makes entries for. */
static void add_ids(const struct pci_dev *pdev, struct pv_iommu_device *dev)
{
    uint8_t bus = pdev->bus, devfn = pdev->devfn, secbus;

    if ( pdev->type != DEV_TYPE_PCIe_ENDPOINT && pdev->type != DEV_TYPE_PCI )
        return;

    do {
        pv_iommu_add_id(dev, PCI_SBDF(pdev->seg, bus, devfn));
        devfn += pdev->phantom_stride;
    } while ( devfn != pdev->devfn &&
              PCI_SLOT(devfn) == PCI_SLOT(pdev->devfn) );

    if ( pdev->type != DEV_TYPE_PCI )
        return;

    devfn = pdev->devfn;
    if ( find_upstream_bridge(pdev->seg, &bus, &devfn, &secbus) != 1 )
        return;

    pv_iommu_add_id(dev, PCI_SBDF(pdev->seg, bus, devfn));
    if ( pdev_type(pdev->seg, bus, devfn) == DEV_TYPE_PCIe2PCI_BRIDGE )
        pv_iommu_add_id(dev, PCI_SBDF(pdev->seg, secbus, 0));
}

void cf_check vtd_query(const struct pci_dev *pdev,
                        struct pv_iommu_device *dev)
{
    const struct acpi_drhd_unit *drhd = acpi_find_matched_drhd_unit(pdev);
    const struct vtd_iommu *iommu = drhd ? drhd->iommu : NULL;

    dev->flags = XEN_IOMMU_DEVICE_coherent;
    if ( !iommu )
        return;

    if ( is_translating(drhd) && !iommu_hwdom_passthrough )
        dev->flags |= XEN_IOMMU_DEVICE_translated;
    if ( cap_caching_mode(iommu->cap) )
        dev->flags |= XEN_IOMMU_DEVICE_caching_mode;
    /*
     * Xen has an interrupt checked for the device that it is from, but behind
     * a bridge for the bus only.
     */
    if ( iommu_intremap && iommu->intremap.maddr &&
         pdev->type == DEV_TYPE_PCIe_ENDPOINT )
        dev->flags |= XEN_IOMMU_DEVICE_intremap;
    dev->addr_bits = min_t(unsigned int, cap_mgaw(iommu->cap),
                           PAGE_SHIFT +
                           iommu->nr_pt_levels * PV_IOMMU_STRIDE);
    add_ids(pdev, dev);
}

/* Those of all devices; the caller picks. */
int cf_check vtd_identity(const struct pci_dev *pdev, iommu_grdm_t *fn,
                          void *data)
{
    return intel_iommu_get_reserved_device_memory(fn, data);
}

static struct vtd_iommu *unit_of(const struct pci_dev *pdev)
{
    return acpi_find_matched_drhd_unit(pdev)->iommu;
}

int cf_check vtd_join(struct pv_iommu *p, const struct pci_dev *pdev,
                      unsigned int *index)
{
    struct vtd_iommu *iommu = unit_of(pdev);
    struct pv_iommu_unit *unit;

    if ( !p->unit )
    {
        const struct acpi_drhd_unit *drhd;
        unsigned int nr = 0;

        for_each_drhd_unit ( drhd )
            nr = max(nr, drhd->iommu->index + 1U);

        p->unit = xzalloc_array(struct pv_iommu_unit, nr);
        if ( !p->unit )
            return -ENOMEM;
    }

    unit = &p->unit[iommu->index];
    if ( !unit->nr_devices )
    {
        unit->domid = iommu_alloc_domid(iommu->pseudo_domid_map);
        if ( unit->domid == DOMID_INVALID )
            return -ENOSPC;
        if ( context_set_domain_id(NULL, unit->domid, iommu) )
        {
            iommu_free_domid(unit->domid, iommu->pseudo_domid_map);
            return -ENOSPC;
        }
        /* Before a device can use it: who flushes from now on sees it. */
        smp_wmb();
    }
    ++unit->nr_devices;
    *index = iommu->index;

    return 0;
}

/* Until it is written the device reaches nothing.  The caller syncs the cache. */
static void rewrite_entry(struct context_entry *context,
                          struct context_entry new)
{
    context_clear_present(*context);
    iommu_sync_cache(context, sizeof(*context));
    write_atomic(&context->hi, new.hi);
    smp_wmb();
    write_atomic(&context->lo, new.lo);
}

/* Put root and ID into the entry of a requester ID.  Returns the ID before. */
static int set_entry(struct vtd_iommu *iommu, unsigned int bus,
                     unsigned int devfn, paddr_t pt_root, domid_t domid)
{
    const struct root_entry *roots = map_vtd_domain_page(iommu->root_maddr);
    struct context_entry *entries, *context, new;
    int rc = -ENODEV;

    if ( !root_present(roots[bus]) )
        goto out;

    entries = map_vtd_domain_page(get_context_addr(roots[bus]));
    context = &entries[devfn];
    new = *context;

    if ( context_present(new) &&
         context_translation_type(new) != CONTEXT_TT_PASS_THRU )
    {
        __uint128_t old = new.full;

        rc = context_domain_id(new);
        context_set_address_root(new, pt_root);
        if ( context_set_domain_id(&new, domid, iommu) )
            rc = -ENOSPC;
        else if ( cpu_has_cx16 )
            cmpxchg16b(context, &old, &new.full);
        else
            rewrite_entry(context, new);
        iommu_sync_cache(context, sizeof(*context));
    }

    unmap_vtd_domain_page(entries);
 out:
    unmap_vtd_domain_page(roots);

    return rc;
}

/* The entry was changed: forget it, and what was found by way of it. */
static int flush_entry(struct vtd_iommu *iommu, unsigned int did,
                       unsigned int bus, unsigned int devfn)
{
    int rc, ret;

    vtd_ops_preamble_quirk(iommu);
    rc = iommu->flush.context(iommu, did, PCI_BDF(bus, devfn),
                              DMA_CCMD_MASK_NOBIT, DMA_CCMD_DEVICE_INVL,
                              false);
    ret = iommu->flush.iotlb(iommu, did, 0, 0, DMA_TLB_DSI_FLUSH, false,
                             find_ats_dev_drhd(iommu));
    vtd_ops_postamble_quirk(iommu);

    return rc < 0 ? rc : min(ret, 0);
}

struct orphans {
    const struct domain *d;
    domid_t domid;
    paddr_t pt_root;
    unsigned int nr;
};

static void cf_check adopt(struct vtd_iommu *iommu,
                           struct context_entry *context, void *data)
{
    struct orphans *o = data;
    struct context_entry new = *context;

    if ( did_to_domain_id(iommu, context_domain_id(new)) != o->domid )
        return;

    context_set_address_root(new, o->pt_root);
    if ( !o->pt_root || context_set_domain_id(&new, o->d->domain_id, iommu) )
        context_clear_present(new);
    /* Nobody can say whose DMA that is: it has none for a moment. */
    rewrite_entry(context, new);
    iommu_sync_cache(context, sizeof(*context));
    ++o->nr;
}

/*
 * A requester ID that is not found any more as one of a device, because a bridge
 * is gone, is not to keep the context's tables.
 */
static void leave_none(struct pv_iommu *p, struct vtd_iommu *iommu,
                       domid_t domid)
{
    struct domain_iommu *hd = dom_iommu(p->d);
    struct orphans o = { .d = p->d, .domid = domid };

    spin_lock(&hd->arch.mapping_lock);
    o.pt_root = vtd_host_table(p->d, iommu->nr_pt_levels);
    spin_unlock(&hd->arch.mapping_lock);

    spin_lock(&iommu->lock);
    vtd_for_each_entry(iommu, adopt, &o);
    spin_unlock(&iommu->lock);

    if ( o.nr )
        vtd_flush_unit(iommu);
}

void cf_check vtd_part(struct pv_iommu *p, unsigned int index)
{
    struct pv_iommu_unit *unit = &p->unit[index];
    const struct acpi_drhd_unit *drhd;

    if ( --unit->nr_devices )
        return;

    for_each_drhd_unit ( drhd )
        if ( drhd->iommu->index == index )
        {
            leave_none(p, drhd->iommu, unit->domid);
            cleanup_domid_map(unit->domid, drhd->iommu);
            iommu_free_domid(unit->domid, drhd->iommu->pseudo_domid_map);
        }
}

int cf_check vtd_attach(struct domain *d, struct pv_iommu *p,
                        const struct pci_dev *pdev,
                        const struct pv_iommu_device *dev)
{
    struct domain_iommu *hd = dom_iommu(d);
    struct vtd_iommu *iommu = unit_of(pdev);
    domid_t domid = p ? p->unit[iommu->index].domid : d->domain_id;
    paddr_t pt_root;
    unsigned int i;

    if ( p )
        pt_root = page_to_maddr(p->root[iommu->nr_pt_levels]);
    else
    {
        spin_lock(&hd->arch.mapping_lock);
        pt_root = vtd_host_table(d, iommu->nr_pt_levels);
        spin_unlock(&hd->arch.mapping_lock);
        if ( !pt_root )
            return -EIO;
    }

    for ( i = 0; i < dev->nr_ids; ++i )
    {
        pci_sbdf_t id = { .sbdf = dev->ids[i] };
        int did, rc;

        spin_lock(&iommu->lock);
        did = set_entry(iommu, id.bus, id.devfn, pt_root, domid);
        spin_unlock(&iommu->lock);

        rc = did < 0 ? did : flush_entry(iommu, did, id.bus, id.devfn);
        if ( rc < 0 )
            return rc;
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
