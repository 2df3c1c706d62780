/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv-iommu.h: between pv-iommu.c and pv-invalidate.c; see pv-iommu/private.h.
 */

#ifndef __AMD_PV_IOMMU_H__
#define __AMD_PV_IOMMU_H__

#include "../pv-iommu/private.h"

int cf_check amd_flush(struct pv_iommu *p,
                       const struct pv_iommu_ranges *ranges, bool modified);

#endif /* __AMD_PV_IOMMU_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
