/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mapping.c does to the shadow of a domain: frames enter it, and leave.
 *
 * Mapping and unmapping take just the queue lock, for the frames of a table at most,
 * and do not wait for another CPU's hypercall.  What they turn out to lack is got
 * with no lock held, and then they go on.
 */

#ifndef _XEN_PV_IOMMU_ENTRIES_H
#define _XEN_PV_IOMMU_ENTRIES_H

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include "domain.h"

/* It takes xpi_batch_make_usable(). */
#define XPI_NEED_FLUSH		(-ERESTART)
/* It takes xpi_entries_release(). */
#define XPI_NEED_RELEASE	(-EUCLEAN)
/* It takes xpi_entries_prepare(). */
#define XPI_NEED_TABLES		(-EAGAIN)

/* What an entry says of Linux and of the hypervisor. */
#define XPI_ENTRY_STATE		(XPI_SHADOW_VALID | XPI_SHADOW_REFUSED | \
				 XPI_SHADOW_FOREIGN)
#define XPI_ENTRY_KNOWN		XPI_SHADOW_VALID
#define XPI_ENTRY_FOREIGN	(XPI_SHADOW_VALID | XPI_SHADOW_FOREIGN)
#define XPI_ENTRY_REFUSED	(XPI_SHADOW_VALID | XPI_SHADOW_REFUSED)

/* How many of a range are in the table that has its first frame. */
static inline unsigned long xpi_entries_piece(u64 dfn, unsigned long nr)
{
	return min_t(unsigned long, nr,
		     XPI_SHADOW_ENTRIES - dfn % XPI_SHADOW_ENTRIES);
}

bool xpi_entries_ready(struct xpi_domain *d, u64 dfn, unsigned long nr);
unsigned long xpi_entries_enter(struct xpi_domain *d, u64 dfn,
				unsigned long nr, u64 value, int *ret);
int xpi_entries_release(struct xpi_domain *d, u64 dfn, unsigned long nr);
unsigned long xpi_entries_leave(struct xpi_domain *d, u64 dfn, unsigned long nr,
				u64 *state);
int xpi_entries_prepare(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			unsigned long nr, gfp_t gfp);

#endif /* _XEN_PV_IOMMU_ENTRIES_H */
