/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain that never runs, to have memory and devices that are not dom0's.  All
 * functions return 0 or a negative errno value; -EACCES for a Xen that is not 4.17.
 */

#ifndef PVIOMMU_DOMAIN_H
#define PVIOMMU_DOMAIN_H

#include <stdbool.h>

#include <xen/interface/xen.h>

/*
 * It may have @max_pages of memory, and has none; with @devices it can be given
 * some, for which Xen makes page tables.
 */
long domain_create(domid_t *domain, unsigned long max_pages, bool devices);
long domain_destroy(domid_t domain);

/*
 * A device of dom0's, or one in quarantine (DOMID_IO), for the domain.  And away
 * from it: into quarantine; from there, it is dom0's again.
 */
long domain_assign(domid_t domain, uint32_t sbdf);
long domain_deassign(domid_t domain, uint32_t sbdf);
/* Could it be assigned?  -EINVAL when it is. */
long domain_may_assign(uint32_t sbdf);

/* Gives it @nr pages.  @frames: their numbers, in a buffer of hyp_alloc(). */
long domain_populate(domid_t domain, xen_pfn_t *frames, unsigned int nr);

/* Is there such a domain, a dead one of which something is left included? */
bool domain_exists(domid_t domain);

/* The frame that Xen shares with it. */
long domain_shared_info(domid_t domain, xen_pfn_t *frame);

/*
 * Makes one of its frames a page table of the lowest level, which it is as long as
 * it is pinned; -EINVAL when it is, or can be, written to.
 */
long domain_pin(domid_t domain, xen_pfn_t frame);
long domain_unpin(domid_t domain, xen_pfn_t frame);

/*
 * Has Xen keep @nr pages for it, which nobody else can have, Xen included,
 * until there is another claim or the domain ends.  None of them is touched.
 */
long domain_claim(domid_t domain, unsigned long nr);

#endif /* PVIOMMU_DOMAIN_H */
