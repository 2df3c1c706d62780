/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-Vi: format of the page tables, and which tables the devices use.
 */

#include <xen/pci.h>

#include <asm/acpi.h>

#include "../pv-iommu/private.h"
#include "iommu.h"
#include "pv-iommu.h"

/* Bits 1 ... 4 are ignored by hardware; Xen's own tables use them, too. */
#define PTE_REF     (1UL << 1)
#define PTE_FIXED   (1UL << 2)
#define PTE_FOREIGN (1UL << 3)

static int cf_check amd_setup_tables(struct pv_iommu *p)
{
    /* FC as Xen's own leaves have it: see set_iommu_pde_present(). */
    union amd_iommu_pte leaf = { .pr = true, .fc = true };
    union amd_iommu_pte table = { .pr = true, .ir = true, .iw = true };
    union amd_iommu_pte level = { .next_level = 1 };
    /* Some firmware, QEMU's among it, does not say. */
    unsigned int width = MASK_EXTR(amd_iommu_acpi_info,
                                   ACPI_IVRS_VIRTUAL_SIZE) ?: 64;

    if ( amd_iommu_max_paging_mode < PV_IOMMU_MAX_LEVELS ||
         amd_iommu_min_paging_mode > PV_IOMMU_MAX_LEVELS ||
         width <= PAGE_SHIFT )
        return -EOPNOTSUPP;

    p->levels = p->min_levels = PV_IOMMU_MAX_LEVELS;
    width = min(width, PAGE_SHIFT + p->levels * PV_IOMMU_STRIDE);
    p->max_dfn = (1UL << (width - PAGE_SHIFT)) - 1;

    p->fmt = (struct pv_iommu_fmt){
        .present = 1,
        .addr = PADDR_MASK & PAGE_MASK,
        .read = (union amd_iommu_pte){ .ir = true }.raw,
        .write = (union amd_iommu_pte){ .iw = true }.raw,
        .leaf = leaf.raw,
        .leaf_mask = (union amd_iommu_pte){ .next_level = 7 }.raw,
        .leaf_val = 0,
        .table = table.raw,
        .table_level = level.raw,
        .ref = PTE_REF,
        .fixed = PTE_FIXED,
        .foreign = PTE_FOREIGN,
    };

    return 0;
}

static bool cf_check amd_caching_mode(void)
{
    struct amd_iommu *iommu;

    for_each_amd_iommu ( iommu )
        if ( iommu_has_cap(iommu, PCI_CAP_NP_CACHE_SHIFT) )
            return true;

    return false;
}

static bool is_ours(const struct pv_iommu *p, const struct amd_iommu_dte *dte)
{
    return dte->v && dte->tv && dte->domain_id == p->d->domain_id;
}

/* The IOMMUs of a segment share a table: is this the first of them? */
static bool has_own_table(const struct amd_iommu *which)
{
    const struct amd_iommu *iommu;

    for_each_amd_iommu ( iommu )
        if ( iommu->dev_table.buffer == which->dev_table.buffer )
            return iommu == which;

    return false;
}

/* Which of those that share @iommu's table is responsible? */
static struct amd_iommu *unit_for(struct amd_iommu *iommu, unsigned int bdf)
{
    return find_iommu_for_device(iommu->seg, bdf) ?: iommu;
}

/*
 * Root, number of levels and permissions all sit in the first quadword, and
 * the domain ID stays the same: one 64-bit write switches the device.
 */
static void switch_one(struct pv_iommu *p, struct amd_iommu *iommu,
                       paddr_t pt_root, unsigned int levels)
{
    struct amd_iommu_dte *table = iommu->dev_table.buffer;
    unsigned int bdf, nr = iommu->dev_table.alloc_size / sizeof(*table);
    unsigned long flags;

    spin_lock_irqsave(&iommu->lock, flags);

    for ( bdf = 0; bdf < nr; ++bdf )
    {
        union {
            struct amd_iommu_dte dte;
            uint64_t raw64[4];
        } new = { .dte = table[bdf] };

        if ( !is_ours(p, &new.dte) )
            continue;

        new.dte.pt_root = paddr_to_pfn(pt_root);
        new.dte.paging_mode = levels;
        write_atomic((uint64_t *)&table[bdf], new.raw64[0]);
    }

    spin_unlock_irqrestore(&iommu->lock, flags);

    /* Sending commands takes the lock. */
    for ( bdf = 0; bdf < nr; ++bdf )
        if ( is_ours(p, &table[bdf]) )
            amd_iommu_flush_device(unit_for(iommu, bdf), bdf, DOMID_INVALID);
}

static int cf_check amd_switch_root(struct pv_iommu *p, bool ours)
{
    const struct domain_iommu *hd = dom_iommu(p->d);
    const struct page_info *pg = ours ? p->root[p->levels]
                                      : hd->arch.amd.root_table;
    struct amd_iommu *iommu;

    ASSERT(pcidevs_locked());

    if ( !pg )
        return -EIO;

    for_each_amd_iommu ( iommu )
        if ( has_own_table(iommu) )
            switch_one(p, iommu, page_to_maddr(pg),
                       ours ? p->levels : hd->arch.amd.paging_mode);

    amd_iommu_flush_all_pages(p->d);

    return 0;
}

static paddr_t cf_check amd_host_root(struct domain *d, unsigned int *levels)
{
    struct domain_iommu *hd = dom_iommu(d);

    ASSERT(spin_is_locked(&hd->arch.mapping_lock));

    *levels = hd->arch.amd.paging_mode;

    return hd->arch.amd.root_table ? page_to_maddr(hd->arch.amd.root_table)
                                   : 0;
}

/*
 * The number of an IOMMU.  They are numbered as they are in the list, which is
 * complete once the hardware domain runs.
 */
static unsigned int unit_index(const struct amd_iommu *which)
{
    const struct amd_iommu *iommu;
    unsigned int i = 0;

    for_each_amd_iommu ( iommu )
    {
        if ( iommu == which )
            break;
        ++i;
    }

    return i;
}

static struct amd_iommu *unit_of(const struct pci_dev *pdev)
{
    return find_iommu_for_device(pdev->seg, pdev->sbdf.bdf);
}

static void cf_check amd_query(const struct pci_dev *pdev,
                               struct pv_iommu_device *dev)
{
    const struct amd_iommu *iommu = unit_of(pdev);
    const struct ivrs_mappings *ivrs = get_ivrs_mappings(pdev->seg);
    unsigned int bdf = pdev->sbdf.bdf, devfn = pdev->devfn;

    dev->flags = XEN_IOMMU_DEVICE_coherent;
    if ( !iommu || !ivrs || !ivrs[ivrs[bdf].dte_requestor_id].valid ||
         bdf == iommu->bdf )
        return;

    if ( iommu->enabled && !iommu_hwdom_passthrough )
        dev->flags |= XEN_IOMMU_DEVICE_translated;
    /* With one table for all, a device can ask for another's interrupts. */
    if ( iommu_intremap && amd_iommu_perdev_intremap )
        dev->flags |= XEN_IOMMU_DEVICE_intremap;
    dev->addr_bits = PAGE_SHIFT + PV_IOMMU_MAX_LEVELS * PV_IOMMU_STRIDE;

    do {
        unsigned int req = get_dma_requestor_id(pdev->seg,
                                                PCI_BDF(pdev->bus, devfn));

        pv_iommu_add_id(dev, PCI_SBDF(pdev->seg, req));
        devfn += pdev->phantom_stride;
    } while ( devfn != pdev->devfn &&
              PCI_SLOT(devfn) == PCI_SLOT(pdev->devfn) );
}

static int cf_check amd_identity(const struct pci_dev *pdev, iommu_grdm_t *fn,
                                 void *data)
{
    const struct ivrs_mappings *ivrs = get_ivrs_mappings(pdev->seg);
    const struct amd_iommu *iommu = unit_of(pdev);
    unsigned int req = get_dma_requestor_id(pdev->seg, pdev->sbdf.bdf);
    const struct ivrs_unity_map *um;
    int rc = 0;

    if ( iommu->exclusion_enable && (iommu->exclusion_allow_all ||
                                     ivrs[req].dte_allow_exclusion) )
        rc = fn(PFN_DOWN(iommu->exclusion_base),
                PFN_UP(iommu->exclusion_limit | 1) -
                PFN_DOWN(iommu->exclusion_base), pdev->sbdf.sbdf, data);

    for ( um = ivrs[req].unity_map; rc >= 0 && um; um = um->next )
        rc = fn(PFN_DOWN(um->addr), PFN_DOWN(um->length), pdev->sbdf.sbdf,
                data);

    return rc;
}

static int cf_check amd_join(struct pv_iommu *p, const struct pci_dev *pdev,
                             unsigned int *index)
{
    struct amd_iommu *iommu = unit_of(pdev);
    struct pv_iommu_unit *unit;

    if ( !p->unit )
    {
        p->unit = xzalloc_array(struct pv_iommu_unit, unit_index(NULL));
        if ( !p->unit )
            return -ENOMEM;
    }

    unit = &p->unit[unit_index(iommu)];
    if ( !unit->nr_devices )
    {
        unit->domid = iommu_alloc_domid(iommu->domid_map);
        if ( unit->domid == DOMID_INVALID )
            return -ENOSPC;
        /* Before a device can use it: who flushes from now on sees it. */
        smp_wmb();
    }
    ++unit->nr_devices;
    *index = unit_index(iommu);

    return 0;
}

/*
 * A requester ID that is not found any more as one of a device is not to keep
 * the context's tables.
 */
static void leave_none(struct pv_iommu *p, struct amd_iommu *iommu)
{
    const struct domain_iommu *hd = dom_iommu(p->d);
    struct amd_iommu_dte *table = iommu->dev_table.buffer;
    unsigned int bdf, nr = iommu->dev_table.alloc_size / sizeof(*table);
    uint64_t root = mfn_x(page_to_mfn(p->root[p->levels]));

    for ( bdf = 0; bdf < nr; ++bdf )
    {
        struct amd_iommu_dte *dte = &table[bdf];
        unsigned long flags;
        domid_t prev = dte->domain_id;

        if ( !dte->v || !dte->tv || dte->pt_root != root ||
             unit_for(iommu, bdf) != iommu )
            continue;

        spin_lock_irqsave(&iommu->lock, flags);
        if ( amd_iommu_set_root_page_table(
                 dte, page_to_maddr(hd->arch.amd.root_table),
                 p->d->domain_id, hd->arch.amd.paging_mode,
                 SET_ROOT_VALID | SET_ROOT_WITH_UNITY_MAP) < 0 )
            dte->tv = false;
        spin_unlock_irqrestore(&iommu->lock, flags);
        amd_iommu_flush_device(iommu, bdf, prev);
    }
}

static void cf_check amd_part(struct pv_iommu *p, unsigned int index)
{
    struct pv_iommu_unit *unit = &p->unit[index];
    struct amd_iommu *iommu;

    if ( --unit->nr_devices )
        return;

    for_each_amd_iommu ( iommu )
        if ( unit_index(iommu) == index )
        {
            leave_none(p, iommu);
            iommu_free_domid(unit->domid, iommu->domid_map);
        }
}

static int cf_check amd_attach(struct domain *d, struct pv_iommu *p,
                               const struct pci_dev *pdev,
                               const struct pv_iommu_device *dev)
{
    const struct domain_iommu *hd = dom_iommu(d);
    struct amd_iommu *iommu = unit_of(pdev);
    const struct page_info *pg = p ? p->root[p->levels]
                                   : hd->arch.amd.root_table;
    domid_t domid = p ? p->unit[unit_index(iommu)].domid : d->domain_id;
    unsigned int levels = p ? p->levels : hd->arch.amd.paging_mode;
    unsigned int i;

    if ( !pg )
        return -EIO;

    for ( i = 0; i < dev->nr_ids; ++i )
    {
        unsigned int bdf = dev->ids[i] & 0xffff;
        struct amd_iommu_dte *dte = iommu->dev_table.buffer;
        unsigned long flags;
        domid_t prev;
        int rc = -ENODEV;

        dte += bdf;
        spin_lock_irqsave(&iommu->lock, flags);
        prev = dte->domain_id;
        if ( dte->v && dte->tv )
            rc = amd_iommu_set_root_page_table(
                     dte, page_to_maddr(pg), domid, levels,
                     SET_ROOT_VALID | SET_ROOT_WITH_UNITY_MAP);
        spin_unlock_irqrestore(&iommu->lock, flags);

        if ( rc < 0 )
            return rc;
        amd_iommu_flush_device(iommu, bdf, prev);
    }

    return 0;
}

static void cf_check amd_crash(const struct pv_iommu_dom *dom)
{
    const struct domain_iommu *hd = dom_iommu(dom->d);
    struct amd_iommu *iommu;

    if ( !hd->arch.amd.root_table )
        return;

    for_each_amd_iommu ( iommu )
    {
        /* Whoever had it was stopped. */
        spin_lock_init(&iommu->lock);
    }

    for_each_amd_iommu ( iommu )
    {
        struct amd_iommu_dte *table = iommu->dev_table.buffer;
        unsigned int bdf, nr = iommu->dev_table.alloc_size / sizeof(*table);

        if ( !has_own_table(iommu) )
            continue;

        for ( bdf = 0; bdf < nr; ++bdf )
        {
            union {
                struct amd_iommu_dte dte;
                uint64_t raw64[4];
            } new = { .dte = table[bdf] };

            if ( !new.dte.v || !new.dte.tv ||
                 !pv_iommu_is_root(dom, PV_IOMMU_MAX_LEVELS,
                                   pfn_to_paddr(new.dte.pt_root)) )
                continue;

            new.dte.pt_root =
                mfn_x(page_to_mfn(hd->arch.amd.root_table));
            new.dte.paging_mode = hd->arch.amd.paging_mode;
            write_atomic((uint64_t *)&table[bdf], new.raw64[0]);
            amd_iommu_flush_device(unit_for(iommu, bdf), bdf,
                                   new.dte.domain_id);
        }
    }
}

static const struct pv_iommu_vendor amd_vendor = {
    .query = amd_query,
    .identity = amd_identity,
    .join = amd_join,
    .part = amd_part,
    .attach = amd_attach,
    .crash = amd_crash,
    .flush = amd_flush,
    .setup = amd_setup_tables,
    .caching_mode = amd_caching_mode,
    .switch_root = amd_switch_root,
    .host_root = amd_host_root,
    /* HyperTransport: 0xfd_0000_0000 ... 0xff_ffff_ffff */
    .bus_first = 0xfd00000,
    .bus_last = 0xfffffff,
};

const struct pv_iommu_vendor *amd_pv_iommu(void)
{
    return iommu_found() ? &amd_vendor : NULL;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
