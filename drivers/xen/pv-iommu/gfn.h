/* SPDX-License-Identifier: GPL-2.0-only */
/* From Linux' frame numbers to those that a hypercall takes. */

#ifndef _XEN_PV_IOMMU_GFN_H
#define _XEN_PV_IOMMU_GFN_H

#include <linux/types.h>

#include <xen/interface/xen.h>

/* A run of frames, contiguous on both sides. */
struct xpi_gfn_run {
	u64 gfn;
	unsigned long nr;
};

int xpi_gfn_run(unsigned long pfn, unsigned long nr, struct xpi_gfn_run *run);
bool xpi_gfn_foreign(unsigned long pfn, domid_t *owner);

#if IS_ENABLED(CONFIG_KUNIT)
unsigned long xpi_p2m_entry(unsigned long pfn);
unsigned long xpi_p2m_run(unsigned long pfn, unsigned long nr,
			  unsigned long entry);
#endif

#endif /* _XEN_PV_IOMMU_GFN_H */
