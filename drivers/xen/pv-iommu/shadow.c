// SPDX-License-Identifier: GPL-2.0-only
/* What Linux believes is mapped.  See shadow.h. */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "shadow.h"
#include "stats.h"

static unsigned int index_at(u64 dfn, unsigned int level)
{
	return (dfn >> (level * XPI_SHADOW_SHIFT)) & (XPI_SHADOW_ENTRIES - 1);
}

/* A table pointer is kept in a u64 slot of the table above. */
static u64 *table_of(u64 slot)
{
	return (u64 *)(unsigned long)slot;
}

VISIBLE_IF_KUNIT u64 *xpi_shadow_page(gfp_t gfp)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_shadow_page, gfp);

	/* A mapping that fails is an answer that drivers know, and it is counted. */
	return (u64 *)__get_free_page(gfp | __GFP_NOWARN);
}

/*
 * Put a new @table, if there is memory for it, where there is @old: nothing, or a
 * run, which the table then has frame by frame.  Another CPU's is as good.
 */
static u64 *add_table(u64 *slot, u64 old, u64 *table)
{
	unsigned int i;
	u64 now;

	if (!table)
		return NULL;

	for (i = 0; i < XPI_SHADOW_ENTRIES; i++)
		table[i] = old ? old + i * PAGE_SIZE : 0;

	now = cmpxchg64(slot, old, (unsigned long)table);
	if (now != old) {
		free_page((unsigned long)table);
		return xpi_shadow_is_run(now) ? NULL : table_of(now);
	}

	xpi_count(XPI_SHADOW_TABLES, 1);
	return table;
}

/**
 * xpi_shadow_reserve() - replace the pages that xpi_shadow_split() has used
 * @sh: the tree
 * @gfp: how to allocate
 *
 * Without memory there are none, until there is.
 *
 * Context: Any, if @gfp allows.
 */
void xpi_shadow_reserve(struct xpi_shadow *sh, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < XPI_SHADOW_RESERVED; i++) {
		u64 *page;

		if (likely(READ_ONCE(sh->reserved[i])))
			continue;
		page = xpi_shadow_page(gfp);
		if (page && cmpxchg(&sh->reserved[i], NULL, page))
			free_page((unsigned long)page);
	}
}

static u64 *take_reserved(struct xpi_shadow *sh)
{
	u64 *page = NULL;
	unsigned int i;

	for (i = 0; !page && i < XPI_SHADOW_RESERVED; i++)
		page = xchg(&sh->reserved[i], NULL);
	return page;
}

/**
 * xpi_shadow_init() - an empty tree
 * @sh: the tree
 * @max_dfn: highest frame number that it has to hold
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int xpi_shadow_init(struct xpi_shadow *sh, u64 max_dfn)
{
	sh->max_dfn = max_dfn;
	sh->levels = DIV_ROUND_UP(max(fls64(max_dfn), 1), XPI_SHADOW_SHIFT);
	memset(sh->recent, 0, sizeof(sh->recent));
	memset(sh->reserved, 0, sizeof(sh->reserved));
	sh->root = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!sh->root)
		return -ENOMEM;

	xpi_count(XPI_SHADOW_TABLES, 1);
	xpi_shadow_reserve(sh, GFP_KERNEL);
	return 0;
}

static void free_table(u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level && i < XPI_SHADOW_ENTRIES; i++)
		if (table[i] && !xpi_shadow_is_run(table[i]))
			free_table(table_of(table[i]), level - 1);

	free_page((unsigned long)table);
	xpi_count(XPI_SHADOW_TABLES, -1);
}

/**
 * xpi_shadow_destroy() - free a tree with all it holds
 * @sh: the tree; nobody else may use it any more
 *
 * Context: Any.
 */
void xpi_shadow_destroy(struct xpi_shadow *sh)
{
	unsigned int i;

	for (i = 0; i < XPI_SHADOW_RESERVED; i++)
		free_page((unsigned long)take_reserved(sh));
	free_table(sh->root, sh->levels - 1);
	sh->root = NULL;
}

/* The slot, or at level 0 the entry, for @dfn in the table of a level. */
static u64 *walk(struct xpi_shadow *sh, u64 dfn, unsigned int to, bool alloc,
		 gfp_t gfp)
{
	unsigned int level = sh->levels - 1;
	u64 *table = sh->root;

	if (dfn > sh->max_dfn || to > level)
		return NULL;

	for (; level > to; level--) {
		u64 *slot = &table[index_at(dfn, level)];
		u64 old = READ_ONCE(*slot);

		if (old && !xpi_shadow_is_run(old))
			table = table_of(old);
		else if (alloc && !(old & XPI_SHADOW_VALID))
			table = add_table(slot, old, xpi_shadow_page(gfp));
		else
			return NULL;
		if (!table)
			return NULL;
	}

	return &table[index_at(dfn, to)];
}

/**
 * xpi_shadow_find() - xpi_shadow_entries() in a table that was not found lately
 * @sh: the tree
 * @dfn: frame number
 *
 * Context: Any; with what serialises the entries held.
 * Return: the entry of @dfn, or NULL where there is no table.
 */
u64 *xpi_shadow_find(struct xpi_shadow *sh, u64 dfn)
{
	u64 *entry = walk(sh, dfn, 0, false, 0);
	unsigned int index = index_at(dfn, 0);

	/* Not where it goes beyond the end: that is for walk() to see. */
	if (entry && sh->max_dfn - (dfn - index) >= XPI_SHADOW_ENTRIES - 1) {
		*xpi_shadow_recent(sh, dfn) = (struct xpi_shadow_leaf) {
			.entries = entry - index,
			.dfn = dfn - index,
		};
	}
	return entry;
}

/**
 * xpi_shadow_entries_alloc() - the entries, with a new table if there is none
 * @sh: the tree
 * @dfn: frame number
 * @gfp: how to allocate
 *
 * A run that is valid stays.
 *
 * Context: Any, if @gfp allows.
 * Return: the entry of @dfn, or NULL without memory, beyond the tree, or where
 *	   a run is.
 */
u64 *xpi_shadow_entries_alloc(struct xpi_shadow *sh, u64 dfn, gfp_t gfp)
{
	return walk(sh, dfn, 0, true, gfp);
}

/**
 * xpi_shadow_run() - where a run has its entry, or a table its slot
 * @sh: the tree
 * @dfn: any frame number of the table's; for a run, all are to be in the tree
 *
 * Context: Any.  Valid runs are for who holds what serialises them; anything
 *	    else can become a table meanwhile, so takes cmpxchg() to change.
 * Return: the slot, or NULL where the tree has none yet, or has one table only.
 */
u64 *xpi_shadow_run(struct xpi_shadow *sh, u64 dfn)
{
	return walk(sh, dfn, 1, false, 0);
}

/**
 * xpi_shadow_run_alloc() - have xpi_shadow_run() return a slot
 * @sh: the tree
 * @dfn: any frame number of the table's
 * @gfp: how to allocate
 *
 * Context: Any, if @gfp allows.
 * Return: the slot, or NULL without memory, beyond the tree, or where that has
 *	   one table only.
 */
u64 *xpi_shadow_run_alloc(struct xpi_shadow *sh, u64 dfn, gfp_t gfp)
{
	return walk(sh, dfn, 1, true, gfp);
}

/**
 * xpi_shadow_split() - have a table for the frames of a run
 * @sh: the tree
 * @dfn: any frame number of the run's
 *
 * This allocates on the way to an unmapping, which the IOMMU API would rather
 * not have, so there is a reserve.  Who unmaps all that was mapped at once never
 * gets here.
 *
 * Context: Any; with what serialises runs held.
 * Return: true, or false without memory or a run.
 */
bool xpi_shadow_split(struct xpi_shadow *sh, u64 dfn)
{
	u64 *slot = xpi_shadow_run(sh, dfn);
	u64 run = slot ? READ_ONCE(*slot) : 0;
	u64 *page;

	if (!xpi_shadow_is_run(run))
		return false;

	page = xpi_shadow_page(GFP_ATOMIC);
	return add_table(slot, run, page ?: take_reserved(sh));
}

/**
 * xpi_shadow_get() - one entry
 * @sh: the tree
 * @dfn: frame number
 *
 * Context: Any.
 * Return: the entry, 0 where there is none.
 */
u64 xpi_shadow_get(struct xpi_shadow *sh, u64 dfn)
{
	unsigned int level = sh->levels - 1;
	u64 *table = sh->root;

	if (dfn > sh->max_dfn)
		return 0;

	for (; level; level--) {
		u64 slot = READ_ONCE(table[index_at(dfn, level)]);

		if (!slot)
			return 0;
		if (xpi_shadow_is_run(slot))
			return slot + index_at(dfn, 0) * PAGE_SIZE;
		table = table_of(slot);
	}

	return READ_ONCE(table[index_at(dfn, 0)]);
}
