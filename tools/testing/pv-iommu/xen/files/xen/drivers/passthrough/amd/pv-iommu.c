/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-Vi: format of the page tables, and which tables the devices use.
 */

#include <xen/pci.h>

#include <asm/acpi.h>

#include "../pv-iommu/private.h"
#include "iommu.h"

/* Bits 1 ... 4 are ignored by hardware; Xen's own tables use them, too. */
#define PTE_REF     (1UL << 1)
#define PTE_FIXED   (1UL << 2)

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
    };

    return 0;
}

static bool cf_check amd_caching_mode(void)
{
    return false;
}

static bool is_ours(const struct pv_iommu *p, const struct amd_iommu_dte *dte)
{
    return dte->v && dte->tv && dte->domain_id == p->d->domain_id;
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
            amd_iommu_flush_device(iommu, bdf, DOMID_INVALID);
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

static const struct pv_iommu_vendor amd_vendor = {
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
