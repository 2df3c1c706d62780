/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pretend.h: what is not so, for tests; see pretend.c.
 */

#ifndef __PV_IOMMU_PRETEND_H__
#define __PV_IOMMU_PRETEND_H__

#include <xen/types.h>

enum pv_iommu_pretence {
    PRETEND_nothing,
    PRETEND_not_allowed,
    PRETEND_other_version,
    PRETEND_other_mode,
    PRETEND_no_reserved,
    PRETEND_no_enable,
    PRETEND_no_disable,
};

#ifdef CONFIG_DEBUG
bool pv_iommu_pretends(enum pv_iommu_pretence what);
#else
static inline bool pv_iommu_pretends(enum pv_iommu_pretence what)
{
    return false;
}
#endif

#endif /* __PV_IOMMU_PRETEND_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
