/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv-iommu.h: between pv-iommu.c, pv-contexts.c and pv-invalidate.c; see
 * pv-iommu/private.h.
 */

#ifndef __VTD_PV_IOMMU_H__
#define __VTD_PV_IOMMU_H__

#include "../pv-iommu/private.h"

struct context_entry;
struct vtd_iommu;

void vtd_for_each_entry(struct vtd_iommu *iommu,
                        void (*fn)(struct vtd_iommu *iommu,
                                   struct context_entry *context, void *data),
                        void *data);
int vtd_flush_unit(struct vtd_iommu *iommu);
paddr_t vtd_host_table(const struct domain *d, unsigned int levels);

void cf_check vtd_query(const struct pci_dev *pdev,
                        struct pv_iommu_device *dev);
int cf_check vtd_identity(const struct pci_dev *pdev, iommu_grdm_t *fn,
                          void *data);
int cf_check vtd_join(struct pv_iommu *p, const struct pci_dev *pdev,
                      unsigned int *index);
void cf_check vtd_part(struct pv_iommu *p, unsigned int index);
int cf_check vtd_attach(struct domain *d, struct pv_iommu *p,
                        const struct pci_dev *pdev,
                        const struct pv_iommu_device *dev);
int cf_check vtd_flush(struct pv_iommu *p,
                       const struct pv_iommu_ranges *ranges, bool modified);

#endif /* __VTD_PV_IOMMU_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
