/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mapping.c does to the shadow of a domain: frames enter it, and leave.
 *
 * Mapping and unmapping take just the queue's lock, and do not wait for another
 * CPU's hypercall, unless they turn out to need one themselves: @both then says
 * that both locks are held.
 */

#ifndef _XEN_PV_IOMMU_ENTRIES_H
#define _XEN_PV_IOMMU_ENTRIES_H

#include <linux/errno.h>
#include <linux/types.h>

#include "domain.h"

/* It takes both locks. */
#define XPI_NEED_BOTH		(-ERESTART)
/* It takes xpi_batch_make_room(), with no lock held. */
#define XPI_NEED_ROOM		(-ENOBUFS)
/* It takes xpi_entries_prepare(), with no lock held. */
#define XPI_NEED_TABLES		(-EAGAIN)

/* What an entry says of Linux and of the hypervisor. */
#define XPI_ENTRY_STATE		(XPI_SHADOW_VALID | XPI_SHADOW_REFUSED)
#define XPI_ENTRY_KNOWN		XPI_SHADOW_VALID
#define XPI_ENTRY_REFUSED	(XPI_SHADOW_VALID | XPI_SHADOW_REFUSED)

unsigned long xpi_entries_enter(struct xpi_domain *d, bool both, u64 dfn,
				unsigned long nr, u64 value, int *ret);
unsigned long xpi_entries_leave(struct xpi_domain *d, u64 dfn, unsigned long nr,
				u64 state);
int xpi_entries_prepare(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			unsigned long nr, gfp_t gfp);

#endif /* _XEN_PV_IOMMU_ENTRIES_H */
