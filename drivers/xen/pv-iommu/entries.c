// SPDX-License-Identifier: GPL-2.0-only
/* What mapping.c does to the shadow of a domain.  See entries.h. */

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>

#include "entries.h"
#include "gfn.h"
#include "stats.h"

/*
 * Enter frames where the shadow has no table of entries, nor needs one if they
 * would fill it.  Returns how many went in: none, without an error, where there
 * is a table by now.
 */
static unsigned long enter_run(struct xpi_domain *d, u64 dfn, unsigned long nr,
			       u64 value, int *ret)
{
	bool whole = xpi_shadow_whole(dfn, nr);
	u64 *slot = xpi_shadow_run(&d->shadow, dfn);
	u64 old;

	if (!slot) {
		*ret = XPI_NEED_TABLES;
		return 0;
	}

	old = whole ? cmpxchg64(slot, 0, value) : READ_ONCE(*slot);
	if (!old && whole)
		return XPI_SHADOW_ENTRIES;

	if (old & XPI_SHADOW_VALID)
		*ret = -EEXIST;
	else if (!old || xpi_shadow_is_run(old))
		*ret = XPI_NEED_TABLES;
	return 0;
}

/*
 * Does a run that goes on at @dfn lack anything there: a table of @entries, or
 * where it needs none, the one above?  Looks at no entry, so takes no lock.
 */
static bool lacks_table(struct xpi_domain *d, u64 dfn, unsigned long nr,
			bool *entries)
{
	u64 *slot = xpi_shadow_run(&d->shadow, dfn);
	u64 old = slot ? READ_ONCE(*slot) : 0;

	/* Frames leave quarantine one by one. */
	*entries = !xpi_shadow_whole(dfn, nr) || old & XPI_SHADOW_QUARANTINED;
	/* A table, or a run that is in the way? */
	if (old && !(old & XPI_SHADOW_QUARANTINED))
		return false;
	return *entries || !slot;
}

/**
 * xpi_entries_ready() - are the tables there that a run needs?
 * @d: the domain
 * @dfn: first device frame
 * @nr: frames
 *
 * Context: Any.
 * Return: true if so, or if something is in the way.
 */
bool xpi_entries_ready(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	bool entries;
	u64 i;

	for (i = 0; i < nr; i += xpi_entries_piece(dfn + i, nr - i))
		if (lacks_table(d, dfn + i, nr - i, &entries))
			return false;
	return true;
}

/* Write four entries, each @step more than the last. */
static void write_four(u64 *entries, u64 value, u64 step)
{
	WRITE_ONCE(entries[0], value);
	WRITE_ONCE(entries[1], value + step);
	WRITE_ONCE(entries[2], value + 2 * step);
	WRITE_ONCE(entries[3], value + 3 * step);
}

/* Those of a table. */
static unsigned long enter_table(u64 *entries, unsigned long nr, u64 value,
				 int *ret)
{
	unsigned long i;

	for (i = 0; i + 4 <= nr; i += 4, value += 4 * PAGE_SIZE) {
		if (unlikely(entries[i] | entries[i + 1] | entries[i + 2] |
			     entries[i + 3]))
			break;
		write_four(&entries[i], value, PAGE_SIZE);
	}

	for (; i < nr; i++, value += PAGE_SIZE) {
		if (unlikely(entries[i])) {
			*ret = entries[i] & XPI_SHADOW_VALID ? -EEXIST :
							       XPI_NEED_RELEASE;
			break;
		}
		WRITE_ONCE(entries[i], value);
	}
	return i;
}

/**
 * xpi_entries_enter() - enter frames into the shadow
 * @d: the domain, with the queue lock held
 * @dfn: first device frame
 * @nr: frames: of a run, xpi_entries_piece() at most
 * @value: the entry of the first
 * @ret: IN: 0, OUT: why not all went in: -EEXIST, %XPI_NEED_RELEASE,
 *	%XPI_NEED_TABLES
 *
 * Context: Any.
 * Return: how many frames went in.
 */
unsigned long xpi_entries_enter(struct xpi_domain *d, u64 dfn,
				unsigned long nr, u64 value, int *ret)
{
	unsigned long done = 0;

	while (!done && !*ret) {
		u64 *entries = xpi_shadow_entries(&d->shadow, dfn);

		if (unlikely(!entries))
			done = enter_run(d, dfn, nr, value, ret);
		else
			return enter_table(entries, nr, value, ret);
	}
	return done;
}

/**
 * xpi_entries_release() - try to get frames out of quarantine, to use them after all
 * @d: the domain
 * @dfn: first device frame, where xpi_entries_enter() stopped
 * @nr: frames that are to be mapped from there on
 *
 * Those of one table are, with one hypercall.
 *
 * Context: Any.
 * Return: 0, or -EBUSY when the hypervisor does not unmap them.
 */
int xpi_entries_release(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	unsigned long flags, gen, i;
	u64 *entries;

	xpi_batch_lock_room(&d->batch, 0, &flags);
	entries = xpi_shadow_entries(&d->shadow, dfn);
	nr = xpi_entries_piece(dfn, nr);
	for (i = 0; i < nr && entries[i] & XPI_SHADOW_QUARANTINED; i++)
		WRITE_ONCE(entries[i], 0);
	/* What went into quarantine for a status that was lost may be unmapped. */
	xpi_batch_unmap(&d->batch, dfn, i, XEN_IOMMU_UNMAP_sparse);
	gen = d->batch.gen;
	spin_unlock_irqrestore(&d->batch.lock, flags);
	xpi_batch_wait(&d->batch, gen, XPI_CAUSE_SYNC);

	/* They are nobody's but the caller's, or back in quarantine. */
	if (READ_ONCE(*entries))
		return -EBUSY;

	xpi_count(XPI_QUARANTINE_FREED, i);
	return 0;
}

/*
 * Take entries out where the shadow has no table of them.  Returns how many: all
 * of a run or, without an error, none where there is a table instead now.
 */
static unsigned long leave_run(struct xpi_domain *d, u64 dfn, unsigned long nr,
			       u64 *state, int *ret)
{
	u64 *slot = xpi_shadow_run(&d->shadow, dfn);
	u64 run = slot ? READ_ONCE(*slot) : 0;

	if (!*state)
		*state = run & XPI_ENTRY_STATE;
	if (!(run & XPI_SHADOW_VALID) || (run & XPI_ENTRY_STATE) != *state) {
		*ret = -ENOENT;
		return 0;
	}
	if (xpi_shadow_whole(dfn, nr)) {
		WRITE_ONCE(*slot, 0);
		return XPI_SHADOW_ENTRIES;
	}
	if (!xpi_shadow_split(&d->shadow, dfn))
		*ret = -ENOMEM;
	return 0;
}

static unsigned long leave_table(u64 *entries, unsigned long nr, u64 *state)
{
	unsigned long i;

	if (!*state)
		*state = *entries & XPI_ENTRY_STATE;
	if (!(*state & XPI_SHADOW_VALID))
		return 0;

	for (i = 0; i + 4 <= nr; i += 4) {
		const u64 *e = &entries[i];

		if (unlikely(((e[0] ^ *state) | (e[1] ^ *state) | (e[2] ^ *state) |
			      (e[3] ^ *state)) & XPI_ENTRY_STATE))
			break;
		write_four(&entries[i], 0, 0);
	}

	for (; i < nr; i++) {
		if (unlikely((entries[i] & XPI_ENTRY_STATE) != *state))
			break;
		WRITE_ONCE(entries[i], 0);
	}
	return i;
}

/**
 * xpi_entries_leave() - take frames out of the shadow
 * @d: the domain, with the queue lock held
 * @dfn: first device frame
 * @nr: frames: xpi_entries_piece() at most
 * @state: %XPI_ENTRY_KNOWN, %XPI_ENTRY_FOREIGN, %XPI_ENTRY_REFUSED: of which all are
 *	to be; 0 becomes that of the first
 *
 * Context: Any.
 * Return: how many there are up to the first that is not valid or in another state,
 *	   or in a run of which there is no memory to remember the rest.
 */
unsigned long xpi_entries_leave(struct xpi_domain *d, u64 dfn, unsigned long nr,
				u64 *state)
{
	unsigned long done = 0;
	int ret = 0;

	while (!done && !ret) {
		u64 *entries = xpi_shadow_entries(&d->shadow, dfn);

		if (likely(entries))
			return leave_table(entries, nr, state);
		done = leave_run(d, dfn, nr, state, &ret);
	}
	return done;
}

/**
 * xpi_entries_prepare() - allocate what the shadow lacks for the next run
 * @d: the domain
 * @dfn: first device frame
 * @pfn: first frame of Linux
 * @nr: frames in the range that the run is in
 * @gfp: how to allocate
 *
 * Context: Any, if @gfp allows.
 * Return: 0, -ENOMEM, or what xpi_gfn_run() returns.
 */
int xpi_entries_prepare(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			unsigned long nr, gfp_t gfp)
{
	struct xpi_gfn_run run;
	bool entries;
	u64 i, *got;
	int ret;

	ret = xpi_gfn_run(pfn, nr, &run);
	if (ret)
		return ret;

	xpi_shadow_reserve(&d->shadow, gfp);
	for (i = 0; i < run.nr; i += xpi_entries_piece(dfn + i, run.nr - i)) {
		if (!lacks_table(d, dfn + i, run.nr - i, &entries))
			continue;
		got = entries ? xpi_shadow_entries_alloc(&d->shadow, dfn + i,
							 gfp) :
				xpi_shadow_run_alloc(&d->shadow, dfn + i, gfp);
		if (!got)
			return -ENOMEM;
	}
	return 0;
}
