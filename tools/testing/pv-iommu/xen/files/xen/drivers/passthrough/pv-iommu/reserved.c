/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reserved.c: the ranges that the domain may not touch.
 */

#include <xen/pci.h>
#include <xen/pci_regs.h>

#include <asm/e820.h>

#include "private.h"

#define IOAPIC_FIRST    0xfec00UL
#define MSI_FIRST       0xfee00UL
#define MSI_LAST        0xfeeffUL
#define ISA_LAST        0xfffUL     /* 16 MiB */

struct collect {
    struct pv_iommu_reserved_list *list;
    uint32_t sbdf;
};

/* Insert, sorted; ranges of the same kind that touch become one. */
static int add(struct pv_iommu_reserved_list *list, unsigned long first,
               unsigned long last, unsigned int flags)
{
    unsigned int i;

    for ( i = 0; i < list->nr; )
    {
        struct pv_iommu_reserved *r = &list->range[i];

        if ( r->flags == flags && first <= r->last + 1 && r->first <= last + 1 )
        {
            first = min(first, r->first);
            last = max(last, r->last);
            memmove(r, r + 1, (--list->nr - i) * sizeof(*r));
        }
        else
            ++i;
    }

    if ( list->nr == ARRAY_SIZE(list->range) )
        return -ENOSPC;

    for ( i = list->nr; i && list->range[i - 1].first > first; --i )
        list->range[i] = list->range[i - 1];

    list->range[i] = (struct pv_iommu_reserved){ first, last, flags };
    ++list->nr;

    return 0;
}

static int cf_check collect_identity(xen_pfn_t start, xen_ulong_t nr,
                                     uint32_t sbdf, void *ctxt)
{
    const struct collect *c = ctxt;
    int rc;

    if ( c->sbdf != XEN_IOMMU_RESERVED_ALL_DEVICES && c->sbdf != sbdf &&
         sbdf != XEN_IOMMU_RESERVED_ALL_DEVICES )
        return 0;

    if ( !nr )
        return 1;

    rc = add(c->list, start, start + nr - 1, XEN_IOMMU_RESERVED_identity);

    return rc ?: 1;
}

/*
 * If the user says so, call @fn for what the memory map has as reserved below
 * 4 GiB, as needed by all devices (an sbdf that is none).  There firmware may
 * have buffers that it tells nobody about.
 */
int pv_iommu_for_each_reserved(iommu_grdm_t *fn, void *data)
{
    unsigned int i;
    int rc = 0;

    for ( i = 0; rc >= 0 && pv_iommu_opt.firmware && i < e820.nr_map; ++i )
    {
        const struct e820entry *e = &e820.map[i];
        unsigned long first = PFN_DOWN(e->addr);
        unsigned long end = min(PFN_UP(e->addr + e->size), 1UL << 20);

        /* Not the interrupt controllers' registers, nor the MSI window. */
        if ( e->type != E820_RESERVED || first >= end ||
             (first <= MSI_LAST && end > IOAPIC_FIRST) )
            continue;

        rc = fn(first, end - first, XEN_IOMMU_RESERVED_ALL_DEVICES, data);
    }

    return rc;
}

static bool is_isa_bridge(const struct pci_dev *pdev)
{
    return pci_conf_read16(pdev->sbdf, PCI_CLASS_DEVICE) == 0x0601;
}

static bool has_isa_bridge(const struct domain *d, uint32_t sbdf)
{
    const struct pci_dev *pdev;
    bool found = false;

    pcidevs_lock();

    for_each_pdev ( d, pdev )
        if ( (sbdf == XEN_IOMMU_RESERVED_ALL_DEVICES ||
              sbdf == pdev->sbdf.sbdf) && is_isa_bridge(pdev) )
        {
            found = true;
            break;
        }

    pcidevs_unlock();

    return found;
}

/* What the bus does not leave to page tables. */
int pv_iommu_reserved_bus(const struct pv_iommu_vendor *vendor,
                          struct pv_iommu_reserved_list *list)
{
    int rc;

    list->nr = 0;
    rc = add(list, MSI_FIRST, MSI_LAST, XEN_IOMMU_RESERVED_msi);

    if ( !rc && vendor->bus_last )
        rc = add(list, vendor->bus_first, vendor->bus_last,
                 XEN_IOMMU_RESERVED_bus);

    return rc;
}

/* Get what is reserved for one device of the domain or for all of them. */
int pv_iommu_reserved_get(const struct domain *d,
                          const struct pv_iommu_vendor *vendor, uint32_t sbdf,
                          struct pv_iommu_reserved_list *list)
{
    struct collect c = { .list = list, .sbdf = sbdf };
    int rc = pv_iommu_reserved_bus(vendor, list);

    if ( !rc )
        rc = iommu_get_reserved_device_memory(collect_identity, &c);
    if ( rc >= 0 )
        rc = pv_iommu_for_each_reserved(collect_identity, &c);
    if ( rc < 0 )
        return rc;

    return has_isa_bridge(d, sbdf) ? add(list, 0, ISA_LAST,
                                         XEN_IOMMU_RESERVED_isa) : 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
