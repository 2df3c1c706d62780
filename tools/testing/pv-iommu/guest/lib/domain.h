/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain that never runs, to have memory that is not dom0's.  All functions
 * return 0 or a negative errno value; -EACCES for a Xen that is not 4.17.
 */

#ifndef PVIOMMU_DOMAIN_H
#define PVIOMMU_DOMAIN_H

#include <xen/interface/xen.h>

/* It may have @max_pages of memory, and has none. */
long domain_create(domid_t *domain, unsigned long max_pages);
long domain_destroy(domid_t domain);

/* Gives it @nr pages.  @frames: their numbers, in a buffer of hyp_alloc(). */
long domain_populate(domid_t domain, xen_pfn_t *frames, unsigned int nr);

/*
 * Has Xen keep @nr pages for it, which nobody else can have, Xen included,
 * until there is another claim or the domain ends.  None of them is touched.
 */
long domain_claim(domid_t domain, unsigned long nr);

#endif /* PVIOMMU_DOMAIN_H */
