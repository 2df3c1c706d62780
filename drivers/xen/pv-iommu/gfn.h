/* SPDX-License-Identifier: GPL-2.0-only */
/* From Linux' frame numbers to those that a hypercall takes. */

#ifndef _XEN_PV_IOMMU_GFN_H
#define _XEN_PV_IOMMU_GFN_H

#include <linux/types.h>

#include <xen/grant_table.h>
#include <xen/interface/xen.h>

/**
 * struct xpi_gfn_run - a run of frames, contiguous on both sides
 * @gfn: the first; if @foreign the grant reference of the one that there is
 * @nr: frames
 * @foreign: a page of another domain
 * @owner: that domain; else 0
 */
struct xpi_gfn_run {
	u64 gfn;
	unsigned long nr;
	bool foreign;
	domid_t owner;
};

/* Of no frame. */
#define XPI_NO_GFN	(~0ULL)

u64 xpi_gfn_plain(unsigned long pfn);
u64 xpi_gfn_plain_run(unsigned long pfn, unsigned long nr);
int xpi_gfn_run(unsigned long pfn, unsigned long nr, struct xpi_gfn_run *run);
bool xpi_gfn_foreign(unsigned long pfn, struct xen_page_foreign *grant);

#if IS_ENABLED(CONFIG_KUNIT)
unsigned long xpi_p2m_entry(unsigned long pfn);
unsigned long xpi_p2m_run(unsigned long pfn, unsigned long nr,
			  unsigned long entry);
#endif

#endif /* _XEN_PV_IOMMU_GFN_H */
