/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VT-d: format of the page tables, and which tables the devices use.
 */

#include <xen/domain_page.h>
#include <xen/pci.h>

#include "../pv-iommu/private.h"
#include "iommu.h"
#include "dmar.h"
#include "extern.h"
#include "pv-iommu.h"

/* Bits 52 ... 61 are ignored by hardware; Xen's own tables use 52 ... 55. */
#define PTE_REF     (1UL << 56)
#define PTE_FIXED   (1UL << 57)
#define PTE_FOREIGN (1UL << 58)

static int cf_check vtd_setup_tables(struct pv_iommu *p)
{
    const struct acpi_drhd_unit *drhd;
    unsigned int width = 64;

    p->levels = 0;
    p->min_levels = UINT_MAX;

    for_each_drhd_unit ( drhd )
    {
        const struct vtd_iommu *iommu = drhd->iommu;

        p->levels = max(p->levels, iommu->nr_pt_levels + 0U);
        p->min_levels = min(p->min_levels, iommu->nr_pt_levels + 0U);
        width = min_t(unsigned int, width, cap_mgaw(iommu->cap));
    }

    if ( !p->levels || p->levels > PV_IOMMU_MAX_LEVELS )
        return -EOPNOTSUPP;

    /* What the IOMMU with the smallest reach cannot translate is no use. */
    width = min(width, PAGE_SHIFT + p->min_levels * PV_IOMMU_STRIDE);
    p->max_dfn = (1UL << (width - PAGE_SHIFT)) - 1;

    p->fmt = (struct pv_iommu_fmt){
        .present = DMA_PTE_PROT,
        .addr = PADDR_MASK & PAGE_MASK,
        .read = DMA_PTE_READ,
        .write = DMA_PTE_WRITE,
        .leaf = iommu_snoop ? DMA_PTE_SNP : 0,
        .leaf_mask = DMA_PTE_SP,
        .leaf_val = DMA_PTE_SP,
        .table = DMA_PTE_PROT,
        .ref = PTE_REF,
        .fixed = PTE_FIXED,
        .foreign = PTE_FOREIGN,
    };

    return 0;
}

static bool cf_check vtd_caching_mode(void)
{
    const struct acpi_drhd_unit *drhd;

    for_each_drhd_unit ( drhd )
        if ( cap_caching_mode(drhd->iommu->cap) )
            return true;

    return false;
}

static bool cf_check vtd_write_buffer(void)
{
    const struct acpi_drhd_unit *drhd;

    for_each_drhd_unit ( drhd )
        if ( cap_rwbf(drhd->iommu->cap) )
            return true;

    return rwbf_quirk;
}

/* Call @fn for each entry that devices have in the tables of @iommu. */
void vtd_for_each_entry(struct vtd_iommu *iommu,
                        void (*fn)(struct vtd_iommu *iommu,
                                   struct context_entry *context, void *data),
                        void *data)
{
    const struct root_entry *roots = map_vtd_domain_page(iommu->root_maddr);
    unsigned int bus, devfn;

    for ( bus = 0; bus < 256; ++bus )
    {
        struct context_entry *entries;

        if ( !root_present(roots[bus]) )
            continue;

        entries = map_vtd_domain_page(get_context_addr(roots[bus]));

        for ( devfn = 0; devfn < 256; ++devfn )
            if ( context_present(entries[devfn]) &&
                 context_translation_type(entries[devfn]) !=
                 CONTEXT_TT_PASS_THRU )
                fn(iommu, &entries[devfn], data);

        unmap_vtd_domain_page(entries);
    }

    unmap_vtd_domain_page(roots);
}

/*
 * Replace the address root in a context entry.  If ID, width and type stay
 * the same this is one 64-bit write and no transaction can see half of it.
 */
static void set_root(struct context_entry *context, paddr_t pt_root)
{
    struct context_entry new = *context;

    context_set_address_root(new, pt_root);
    write_atomic(&context->lo, new.lo);
    iommu_sync_cache(context, sizeof(*context));
}

struct root_switch {
    const struct domain *d;
    paddr_t pt_root;
};

static void cf_check switch_entry(struct vtd_iommu *iommu,
                                  struct context_entry *context, void *data)
{
    const struct root_switch *sw = data;

    if ( did_to_domain_id(iommu, context_domain_id(*context)) ==
         sw->d->domain_id )
        set_root(context, sw->pt_root);
}

static void switch_one(struct pv_iommu *p, struct vtd_iommu *iommu,
                       paddr_t pt_root)
{
    struct root_switch sw = { p->d, pt_root };

    spin_lock(&iommu->lock);
    vtd_for_each_entry(iommu, switch_entry, &sw);
    spin_unlock(&iommu->lock);
}

int vtd_flush_unit(struct vtd_iommu *iommu)
{
    bool dev_iotlb = find_ats_dev_drhd(iommu);
    int rc, ret;

    vtd_ops_preamble_quirk(iommu);
    rc = iommu->flush.context(iommu, 0, 0, 0, DMA_CCMD_GLOBAL_INVL, false);
    ret = iommu->flush.iotlb(iommu, 0, 0, 0, DMA_TLB_GLOBAL_FLUSH, false,
                             dev_iotlb);
    vtd_ops_postamble_quirk(iommu);

    return rc < 0 ? rc : min(ret, 0);
}

/*
 * The host map always has four levels; IOMMUs that walk fewer use the table
 * behind the first entry, as domain_pgd_maddr() has it.
 */
paddr_t vtd_host_table(const struct domain *d, unsigned int levels)
{
    const struct domain_iommu *hd = dom_iommu(d);
    unsigned int level = agaw_to_level(hd->arch.vtd.agaw);
    paddr_t maddr = hd->arch.vtd.pgd_maddr;

    for ( ; maddr && level > levels; --level )
    {
        const struct dma_pte *pte = map_vtd_domain_page(maddr);

        maddr = dma_pte_present(*pte) && !dma_pte_superpage(*pte)
                ? dma_pte_addr(*pte) : 0;
        unmap_vtd_domain_page(pte);
    }

    return maddr;
}

static int cf_check vtd_switch_root(struct pv_iommu *p, bool ours)
{
    struct domain_iommu *hd = dom_iommu(p->d);
    const struct acpi_drhd_unit *drhd;
    paddr_t pt_root[PV_IOMMU_MAX_LEVELS + 1] = {};
    unsigned int level;
    int rc = 0;

    ASSERT(pcidevs_locked());

    spin_lock(&hd->arch.mapping_lock);
    for ( level = p->min_levels; level <= p->levels; ++level )
    {
        pt_root[level] = ours ? page_to_maddr(p->root[level])
                              : vtd_host_table(p->d, level);
        if ( !pt_root[level] )
            rc = -EIO;
    }
    spin_unlock(&hd->arch.mapping_lock);

    if ( rc )
        return rc;

    for_each_drhd_unit ( drhd )
        switch_one(p, drhd->iommu, pt_root[drhd->iommu->nr_pt_levels]);

    for_each_drhd_unit ( drhd )
    {
        int ret = vtd_flush_unit(drhd->iommu);

        if ( !rc )
            rc = ret;
    }

    return rc;
}

static paddr_t cf_check vtd_host_root(struct domain *d, unsigned int *levels)
{
    struct domain_iommu *hd = dom_iommu(d);

    ASSERT(spin_is_locked(&hd->arch.mapping_lock));

    *levels = agaw_to_level(hd->arch.vtd.agaw);

    return hd->arch.vtd.pgd_maddr;
}

struct crash {
    const struct pv_iommu_dom *dom;
    paddr_t pt_root;
};

static void cf_check crash_entry(struct vtd_iommu *iommu,
                                 struct context_entry *context, void *data)
{
    const struct crash *crash = data;
    paddr_t root = context->lo & PADDR_MASK & PAGE_MASK;

    if ( pv_iommu_is_root(crash->dom, iommu->nr_pt_levels, root) )
        set_root(context, crash->pt_root);
}

static void cf_check vtd_crash(const struct pv_iommu_dom *dom)
{
    const struct acpi_drhd_unit *drhd;

    for_each_drhd_unit ( drhd )
    {
        struct crash crash = {
            .dom = dom,
            .pt_root = vtd_host_table(dom->d, drhd->iommu->nr_pt_levels),
        };

        if ( !crash.pt_root )
            continue;

        /* Whoever had them was stopped. */
        spin_lock_init(&drhd->iommu->lock);
        spin_lock_init(&drhd->iommu->register_lock);
        vtd_for_each_entry(drhd->iommu, crash_entry, &crash);
        vtd_flush_unit(drhd->iommu);
    }
}

static const struct pv_iommu_vendor vtd_vendor = {
    .query = vtd_query,
    .identity = vtd_identity,
    .join = vtd_join,
    .part = vtd_part,
    .attach = vtd_attach,
    .crash = vtd_crash,
    .flush = vtd_flush,
    .setup = vtd_setup_tables,
    .caching_mode = vtd_caching_mode,
    .write_buffer = vtd_write_buffer,
    .switch_root = vtd_switch_root,
    .host_root = vtd_host_root,
};

const struct pv_iommu_vendor *vtd_pv_iommu(void)
{
    return list_empty(&acpi_drhd_units) ? NULL : &vtd_vendor;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
