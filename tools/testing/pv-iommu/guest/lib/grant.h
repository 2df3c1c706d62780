/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that a domain which never runs grants to dom0, with its table of grants
 * written by us in its place; and dom0's mappings of them, by /dev/xen/gntdev.
 */

#ifndef PVIOMMU_GRANT_H
#define PVIOMMU_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/interface/xen.h>

/* As Xen reads it: version 1. */
struct grant_entry {
	uint16_t flags;
	uint16_t domid;
	uint32_t frame;
};

/* Entries of the first page of the table, which is there from the beginning. */
#define GRANT_ENTRIES	512U

/* Of @domain; NULL with errno when it cannot be had. */
struct grant_entry *grant_table(domid_t domain);
/* As long as this was not called some of the domain stays when it is destroyed. */
void grant_table_close(struct grant_entry *table);

/* Grants dom0 the frame, by the entry. */
void grant_give(struct grant_entry *entry, xen_pfn_t frame, bool write);
/* Takes a page that dom0 transfers. */
void grant_accept(struct grant_entry *entry);
/* Ends it for who has not mapped it yet. */
void grant_revoke(struct grant_entry *entry);

struct grant_mapping {
	uint64_t index;
	uint8_t *page;
};

/* 0 or a negative errno. */
int grant_map(domid_t domain, uint32_t ref, bool write, struct grant_mapping *m);
int grant_unmap(struct grant_mapping *m);

#endif /* PVIOMMU_GRANT_H */
