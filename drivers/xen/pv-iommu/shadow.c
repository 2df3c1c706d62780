// SPDX-License-Identifier: GPL-2.0-only
/* What Linux believes is mapped.  See shadow.h. */

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

static u64 *add_table(u64 *slot, gfp_t gfp)
{
	u64 *table = (u64 *)get_zeroed_page(gfp);
	u64 old;

	if (!table)
		return NULL;

	old = cmpxchg64(slot, 0, (unsigned long)table);
	if (old) {
		free_page((unsigned long)table);
		return table_of(old);
	}

	xpi_count(XPI_SHADOW_TABLES, 1);
	return table;
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
	sh->root = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!sh->root)
		return -ENOMEM;

	xpi_count(XPI_SHADOW_TABLES, 1);
	return 0;
}

static void free_table(u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level && i < XPI_SHADOW_ENTRIES; i++)
		if (table[i])
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
	free_table(sh->root, sh->levels - 1);
	sh->root = NULL;
}

static u64 *walk(struct xpi_shadow *sh, u64 dfn, bool alloc, gfp_t gfp,
		 unsigned int *left)
{
	unsigned int level = sh->levels - 1;
	u64 *table = sh->root;

	if (dfn > sh->max_dfn)
		return NULL;

	for (; level; level--) {
		u64 *slot = &table[index_at(dfn, level)];

		table = table_of(READ_ONCE(*slot));
		if (!table && alloc)
			table = add_table(slot, gfp);
		if (!table)
			return NULL;
	}

	*left = XPI_SHADOW_ENTRIES - index_at(dfn, 0);
	return &table[index_at(dfn, 0)];
}

/**
 * xpi_shadow_find() - xpi_shadow_entries() in a table that was not found lately
 * @sh: the tree
 * @dfn: frame number
 * @left: OUT: how many entries follow in an array, this one included
 *
 * Context: Any; with what serialises the entries held.
 * Return: the entry of @dfn, or NULL where there is no table.
 */
u64 *xpi_shadow_find(struct xpi_shadow *sh, u64 dfn, unsigned int *left)
{
	u64 *entry = walk(sh, dfn, false, 0, left);
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
 * xpi_shadow_entries_alloc() - the entries, with a new table where there is none
 * @sh: the tree
 * @dfn: frame number
 * @gfp: how to allocate
 * @left: OUT: how many entries follow in an array, this one included
 *
 * Context: Any, if @gfp allows.
 * Return: the entry of @dfn, or NULL without memory or beyond the tree.
 */
u64 *xpi_shadow_entries_alloc(struct xpi_shadow *sh, u64 dfn, gfp_t gfp,
			      unsigned int *left)
{
	return walk(sh, dfn, true, gfp, left);
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
	unsigned int left;
	u64 *entry = walk(sh, dfn, false, 0, &left);

	return entry ? READ_ONCE(*entry) : 0;
}

static void visit(u64 *table, unsigned int level, u64 dfn, xpi_shadow_fn *fn,
		  void *data)
{
	unsigned int i;

	if (!level) {
		fn(data, dfn, table, XPI_SHADOW_ENTRIES);
		return;
	}

	for (i = 0; i < XPI_SHADOW_ENTRIES; i++)
		if (table[i])
			visit(table_of(table[i]), level - 1,
			      dfn + ((u64)i << (level * XPI_SHADOW_SHIFT)), fn,
			      data);
}

/**
 * xpi_shadow_visit() - visit all entries, in order
 * @sh: the tree
 * @fn: called for each table of entries
 * @data: for @fn
 *
 * Context: Any that suits @fn.
 */
void xpi_shadow_visit(struct xpi_shadow *sh, xpi_shadow_fn *fn, void *data)
{
	visit(sh->root, sh->levels - 1, 0, fn, data);
}
