/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux believes is mapped: a frame and flags for each dfn.
 *
 * A radix tree of pages, like a page table, so that a lookup is a few loads
 * and steady use allocates nothing.  No Xen types here.
 *
 * Where a run covers all that a table of entries would, the slot for that table
 * has the entry of the run's first frame instead: the others follow from it.
 *
 * Tables are only added while the tree lives, with cmpxchg(), and never where a
 * valid run is, but by xpi_shadow_split(); xpi_shadow_get() takes no lock.
 * Entries are the caller's to serialise, and so are valid runs and @recent of
 * the tree.
 */

#ifndef _XEN_PV_IOMMU_SHADOW_H
#define _XEN_PV_IOMMU_SHADOW_H

#include <linux/bits.h>
#include <linux/gfp_types.h>
#include <linux/mm.h>
#include <linux/types.h>

/* An entry: the physical address of a frame, and these.  0: nothing. */
#define XPI_SHADOW_VALID	BIT_ULL(0)
#define XPI_SHADOW_READ		BIT_ULL(1)
#define XPI_SHADOW_WRITE	BIT_ULL(2)
/* Valid for Linux, but the hypervisor refused to map it. */
#define XPI_SHADOW_REFUSED	BIT_ULL(3)
/* Not valid, but the hypervisor could not unmap it: not to be used again. */
#define XPI_SHADOW_QUARANTINED	BIT_ULL(4)
/* Refused for want of memory, so that it may work another time. */
#define XPI_SHADOW_NO_MEMORY	BIT_ULL(5)
/* Another domain's page, mapped by its grant. */
#define XPI_SHADOW_FOREIGN	BIT_ULL(6)

#define XPI_SHADOW_PHYS(entry)	((entry) & PAGE_MASK)

#define XPI_SHADOW_SHIFT	(PAGE_SHIFT - 3)
#define XPI_SHADOW_ENTRIES	BIT(XPI_SHADOW_SHIFT)

/* So many tables of entries are found without a look at the tree. */
#define XPI_SHADOW_RECENT	16

/* Unmapping a range splits two runs at most. */
#define XPI_SHADOW_RESERVED	2

/**
 * struct xpi_shadow_leaf - a table of entries
 * @entries: the table, or NULL
 * @dfn: the frame number of its first entry
 */
struct xpi_shadow_leaf {
	u64 *entries;
	u64 dfn;
};

/**
 * struct xpi_shadow - the tree
 * @root: top table
 * @levels: of tables
 * @max_dfn: highest frame number
 * @recent: tables that were found last, by low bits of the table's number
 * @reserved: pages for xpi_shadow_split() when there is no memory, or NULL
 */
struct xpi_shadow {
	u64 *root;
	unsigned int levels;
	u64 max_dfn;
	struct xpi_shadow_leaf recent[XPI_SHADOW_RECENT];
	u64 *reserved[XPI_SHADOW_RESERVED];
};

int xpi_shadow_init(struct xpi_shadow *sh, u64 max_dfn);
void xpi_shadow_reserve(struct xpi_shadow *sh, gfp_t gfp);
void xpi_shadow_destroy(struct xpi_shadow *sh);
u64 *xpi_shadow_find(struct xpi_shadow *sh, u64 dfn);
u64 *xpi_shadow_entries_alloc(struct xpi_shadow *sh, u64 dfn, gfp_t gfp);
u64 *xpi_shadow_run(struct xpi_shadow *sh, u64 dfn);
u64 *xpi_shadow_run_alloc(struct xpi_shadow *sh, u64 dfn, gfp_t gfp);
bool xpi_shadow_split(struct xpi_shadow *sh, u64 dfn);
u64 xpi_shadow_get(struct xpi_shadow *sh, u64 dfn);

/* Is what a slot for a table has an entry, and not a pointer to a table? */
static inline bool xpi_shadow_is_run(u64 slot)
{
	return slot & ~PAGE_MASK;
}

/* Does a range begin with all frames of what could be a table of entries? */
static inline bool xpi_shadow_whole(u64 dfn, u64 nr)
{
	return nr >= XPI_SHADOW_ENTRIES && !(dfn % XPI_SHADOW_ENTRIES);
}

/* Where the table that has @dfn is kept, if it was found lately. */
static inline struct xpi_shadow_leaf *xpi_shadow_recent(struct xpi_shadow *sh,
							u64 dfn)
{
	return &sh->recent[(dfn >> XPI_SHADOW_SHIFT) % XPI_SHADOW_RECENT];
}

/**
 * xpi_shadow_entries() - the entries from a frame on
 * @sh: the tree
 * @dfn: frame number
 *
 * Context: Any; with what serialises the entries held.
 * Return: the entry of @dfn, with those that the table has behind it, or NULL where
 *	   there is no table: nothing or a run.
 */
static inline u64 *xpi_shadow_entries(struct xpi_shadow *sh, u64 dfn)
{
	struct xpi_shadow_leaf *leaf = xpi_shadow_recent(sh, dfn);
	u64 offset = dfn - leaf->dfn;

	/* DMA comes back to where it was just now. */
	if (unlikely(offset >= XPI_SHADOW_ENTRIES || !leaf->entries))
		return xpi_shadow_find(sh, dfn);

	return &leaf->entries[offset];
}

#if IS_ENABLED(CONFIG_KUNIT)
u64 *xpi_shadow_page(gfp_t gfp);
#endif

#endif /* _XEN_PV_IOMMU_SHADOW_H */
