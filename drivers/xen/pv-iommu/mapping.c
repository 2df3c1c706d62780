// SPDX-License-Identifier: GPL-2.0-only
/* What the IOMMU API does to a domain: map, unmap, have it done. */

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "domain.h"
#include "entries.h"
#include "gfn.h"
#include "stats.h"

/*
 * Frames that are scattered cost an operation each.  So many are translated, and then
 * queued under one hold of the queue lock.
 */
#define BLOCK_RUNS	16U

/* A run is one operation, if it is no longer than this. */
#define RUN_FRAMES	((unsigned long)SZ_1G >> PAGE_SHIFT)

/* Up to an aligned end, so that no run is cut where it fills a table. */
static unsigned long chunk(u64 dfn, unsigned long nr)
{
	return nr > RUN_FRAMES ? RUN_FRAMES - dfn % RUN_FRAMES : nr;
}

/* The entry for the first frame of a run. */
static u64 entry_of(const struct xpi_gfn_run *run, unsigned long pfn, u64 access)
{
	return PFN_PHYS(pfn) | access | XPI_SHADOW_VALID |
	       (run->foreign ? XPI_SHADOW_FOREIGN : 0);
}

/* Map frames of a run that are in one table; see map_run(). */
static unsigned long map_piece(struct xpi_domain *d, u64 dfn,
			       const struct xpi_gfn_run *run, unsigned long done,
			       u64 entry, int *ret)
{
	unsigned long nr = xpi_entries_piece(dfn + done, run->nr - done), n;

	if (unlikely(!xpi_batch_room(&d->batch))) {
		*ret = XPI_NEED_ROOM;
		return done;
	}

	n = xpi_entries_enter(d, dfn + done, nr, entry + PFN_PHYS(done), ret);
	d->nr_mapped += n;
	done += n;
	if (done && (done == run->nr || *ret))
		xpi_batch_map(&d->batch, dfn, run->gfn, done,
			      xpi_map_flags(entry), run->owner);
	return done;
}

/*
 * Map a run that has its frames in more than one table.  It is one operation, so it
 * has to have all of them; it is queued when all of it, or up to what is in the way,
 * is in the shadow.
 */
static unsigned long map_run(struct xpi_domain *d, u64 dfn,
			     const struct xpi_gfn_run *run, u64 entry, int *ret)
{
	unsigned long flags, done = 0;

	if (!xpi_entries_ready(d, dfn, run->nr)) {
		*ret = XPI_NEED_TABLES;
		return 0;
	}

	while (done < run->nr && !*ret) {
		xpi_batch_lock_room(&d->batch, 1, &flags);
		done = map_piece(d, dfn, run, done, entry, ret);
		spin_unlock_irqrestore(&d->batch.lock, flags);
	}
	return done;
}

/* The runs that a range begins with; returns how many. */
static unsigned int translate(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			      unsigned long nr, struct xpi_gfn_run *runs,
			      int *ret)
{
	unsigned long done = 0;
	unsigned int i;

	for (i = 0; i < BLOCK_RUNS && done < min(nr, XPI_SHADOW_ENTRIES); i++) {
		unsigned long piece = xpi_entries_piece(dfn + done, nr - done);

		/* Of one that is not the first, just whether it is too long. */
		*ret = xpi_gfn_run(pfn + done,
				   i ? min(nr - done, piece + 1) : nr - done,
				   &runs[i]);
		if (!*ret && unlikely(runs[i].foreign) && !d->grants)
			*ret = -EOPNOTSUPP;
		if (unlikely(*ret))
			break;
		/* One that takes map_run() is by itself. */
		if (runs[i].nr > piece)
			return i ?: 1;
		done += runs[i].nr;
	}
	/* What stops it is the first the next time. */
	if (i)
		*ret = 0;
	return i;
}

/* Map some of @nr frames. */
static unsigned long map_some(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			      unsigned long nr, u64 access, int *ret)
{
	struct xpi_gfn_run runs[BLOCK_RUNS];
	unsigned long flags, done = 0;
	unsigned int i, nr_runs;

	if (unlikely(READ_ONCE(d->batch.flush_failed)))
		*ret = XPI_NEED_FLUSH;
	else
		nr_runs = translate(d, dfn, pfn, nr, runs, ret);
	if (unlikely(*ret))
		return 0;

	if (runs[0].nr > xpi_entries_piece(dfn, runs[0].nr))
		return map_run(d, dfn, runs, entry_of(runs, pfn, access), ret);

	spin_lock_irqsave(&d->batch.lock, flags);
	for (i = 0; i < nr_runs && !*ret; i++)
		done += map_piece(d, dfn + done, &runs[i], 0,
				  entry_of(&runs[i], pfn + done, access), ret);
	spin_unlock_irqrestore(&d->batch.lock, flags);
	return done;
}

/* Get what mapping the next of @nr frames turned out to lack. */
static int get_lacking(struct xpi_domain *d, int lack, u64 dfn,
		       unsigned long pfn, unsigned long nr, gfp_t gfp)
{
	unsigned long flags;

	switch (lack) {
	case XPI_NEED_TABLES:
		return xpi_entries_prepare(d, dfn, pfn, nr, gfp);
	case XPI_NEED_RELEASE:
		return xpi_entries_release(d, dfn, nr);
	case XPI_NEED_FLUSH:
		return xpi_batch_make_usable(&d->batch) ? 0 : -EIO;
	case XPI_NEED_ROOM:
		/* Others may have filled it again when we come back. */
		xpi_batch_lock_room(&d->batch, 1, &flags);
		spin_unlock_irqrestore(&d->batch.lock, flags);
		return 0;
	default:
		return lack;
	}
}

static void tell_refused(struct xpi_domain *d, unsigned long pfn, int err)
{
	struct xen_page_foreign grant;

	xpi_count(XPI_MAP_REFUSED, 1);
	if (err == -EOPNOTSUPP && xpi_gfn_foreign(pfn, &grant))
		xpi_batch_foreign(&d->batch, grant.domid);
}

/* xpi_domain_map() of any range. */
static int map_range(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		     unsigned long nr, u64 access, gfp_t gfp,
		     unsigned long *mapped)
{
	u64 max = d->shadow.max_dfn;
	int ret = 0;

	*mapped = 0;
	if (!access || dfn > max || nr - 1 > max - dfn)
		ret = -EINVAL;

	while (!ret && *mapped < nr) {
		unsigned long n = chunk(dfn + *mapped, nr - *mapped);
		unsigned long done = map_some(d, dfn + *mapped, pfn + *mapped,
					      n, access, &ret);

		*mapped += done;
		if (unlikely(ret))
			ret = get_lacking(d, ret, dfn + *mapped, pfn + *mapped,
					  n - done, gfp);
	}

	if (unlikely(ret))
		tell_refused(d, pfn + *mapped, ret);
	return ret;
}

/* The same of what most of DMA is, a frame where nothing is in the way. */
static int map_one(struct xpi_domain *d, u64 dfn, unsigned long pfn, u64 access,
		   gfp_t gfp, unsigned long *mapped)
{
	struct xpi_gfn_run run;
	unsigned long flags;
	unsigned int left;
	u64 *entry;
	bool plain;

	if (unlikely(xpi_gfn_run(pfn, 1, &run) || run.foreign))
		return map_range(d, dfn, pfn, 1, access, gfp, mapped);

	spin_lock_irqsave(&d->batch.lock, flags);
	entry = xpi_shadow_entries(&d->shadow, dfn, &left);
	plain = entry && !*entry && !READ_ONCE(d->batch.flush_failed) &&
		xpi_batch_room(&d->batch);
	if (likely(plain)) {
		WRITE_ONCE(*entry, PFN_PHYS(pfn) | access | XPI_SHADOW_VALID);
		d->nr_mapped++;
		xpi_batch_map(&d->batch, dfn, run.gfn, 1,
			      xpi_map_flags(access), 0);
	}
	spin_unlock_irqrestore(&d->batch.lock, flags);

	if (unlikely(!plain))
		return map_range(d, dfn, pfn, 1, access, gfp, mapped);

	*mapped = 1;
	return 0;
}

/**
 * xpi_domain_map() - map a range; done after xpi_domain_sync_map()
 * @d: the domain
 * @dfn: first device frame
 * @pfn: first frame of Linux
 * @nr: frames
 * @access: %XPI_SHADOW_READ, %XPI_SHADOW_WRITE
 * @gfp: how to allocate
 * @mapped: OUT: frames that are mapped, also when an error is returned
 *
 * Context: Any, if @gfp allows.
 * Return: 0 or a negative errno: -EINVAL for no access or no such frame,
 *	   -EOPNOTSUPP for another domain's page that the hypervisor does not
 *	   map, -ENOMEM, -EEXIST where something is mapped, -EBUSY in
 *	   quarantine, -EIO while the IOTLB cannot be flushed.
 */
int xpi_domain_map(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		   unsigned long nr, u64 access, gfp_t gfp,
		   unsigned long *mapped)
{
	if (nr == 1 && access)
		return map_one(d, dfn, pfn, access, gfp, mapped);
	return map_range(d, dfn, pfn, nr, access, gfp, mapped);
}

/* Why the hypervisor refused to map some of a range, or 0. */
static int refusal(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	u64 end = dfn + nr;
	int ret = 0;

	for (; dfn < end; dfn++) {
		u64 entry = xpi_shadow_get(&d->shadow, dfn);

		if (!(entry & XPI_SHADOW_REFUSED))
			continue;
		if (!(entry & XPI_SHADOW_NO_MEMORY))
			return -EIO;
		ret = -ENOMEM;
	}
	return ret;
}

/**
 * xpi_domain_sync_map() - have mappings done
 * @d: the domain
 * @dfn: first device frame
 * @nr: frames
 *
 * Context: Any.
 * Return: 0, or when part of the range could not be mapped -ENOMEM if that was for
 *	   want of the hypervisor's memory, else -EIO.
 */
int xpi_domain_sync_map(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	/* Of others' mappings those that were queued after ours are included. */
	xpi_batch_wait(&d->batch, READ_ONCE(d->batch.gen_map),
		       XPI_CAUSE_SYNC_MAP);
	return unlikely(READ_ONCE(d->nr_refused)) ? refusal(d, dfn, nr) : 0;
}

/*
 * What is not dom0's own, or may not be, is not left to be flushed some time: its
 * owner may have it back when the caller is done.  And what was refused may be there,
 * if its status was lost.
 */
static u32 unmap_flags(u64 state, bool lazy)
{
	switch (state) {
	case XPI_ENTRY_REFUSED:
		return XEN_IOMMU_UNMAP_sparse;
	case XPI_ENTRY_FOREIGN:
		return 0;
	default:
		return lazy ? XEN_IOMMU_UNMAP_no_flush : 0;
	}
}

/*
 * Unmap frames that are alike, with one operation: it is queued when all of them are
 * out of the shadow.  @other becomes true where they are not dom0's own.
 */
static unsigned long unmap_alike(struct xpi_domain *d, u64 dfn, unsigned long nr,
				 bool lazy, bool *other)
{
	unsigned long flags, done = 0, n, piece;
	u64 state = 0;

	do {
		piece = xpi_entries_piece(dfn + done, nr - done);
		xpi_batch_lock_room(&d->batch, 1, &flags);
		n = xpi_entries_leave(d, dfn + done, piece, &state);
		d->nr_mapped -= n;
		if (unlikely(state == XPI_ENTRY_REFUSED))
			d->nr_refused -= n;
		done += n;
		if (done && (n < piece || done == nr))
			xpi_batch_unmap(&d->batch, dfn, done,
					unmap_flags(state, lazy));
		spin_unlock_irqrestore(&d->batch.lock, flags);
	} while (n == piece && done < nr);

	*other |= done && state != XPI_ENTRY_KNOWN;
	return done;
}

/* map_one()'s counterpart. */
static bool unmap_one(struct xpi_domain *d, u64 dfn, bool lazy)
{
	unsigned long flags;
	unsigned int left;
	u64 *entry;
	bool plain;

	spin_lock_irqsave(&d->batch.lock, flags);
	entry = xpi_shadow_entries(&d->shadow, dfn, &left);
	plain = entry && (*entry & XPI_ENTRY_STATE) == XPI_ENTRY_KNOWN &&
		xpi_batch_room(&d->batch);
	if (likely(plain)) {
		WRITE_ONCE(*entry, 0);
		d->nr_mapped--;
		xpi_batch_unmap(&d->batch, dfn, 1,
				unmap_flags(XPI_ENTRY_KNOWN, lazy));
	}
	spin_unlock_irqrestore(&d->batch.lock, flags);
	return plain;
}

/**
 * xpi_domain_unmap() - unmap a range
 * @d: the domain
 * @dfn: first device frame
 * @nr: frames
 * @lazy: done after xpi_domain_flush_all(); else after xpi_domain_sync().  Other
 *	domains' pages are unmapped when this returns, if it is
 *
 * Context: Any.
 * Return: frames that were unmapped: less than @nr at the first that was not
 *	   mapped, or where there is no memory to remember the rest of a run.
 */
unsigned long xpi_domain_unmap(struct xpi_domain *d, u64 dfn, unsigned long nr,
			       bool lazy)
{
	unsigned long done = 0, n;
	bool other = false;

	if (nr == 1 && unmap_one(d, dfn, lazy))
		return 1;

	do {
		n = unmap_alike(d, dfn + done, chunk(dfn + done, nr - done),
				lazy, &other);
		done += n;
	} while (n && done < nr);

	/* Nobody else comes to do so. */
	if (unlikely(other) && lazy)
		xpi_domain_sync(d);
	return done;
}

/**
 * xpi_domain_sync() - have strict unmappings done, with their IOTLB flush
 * @d: the domain
 *
 * Context: Any.
 */
void xpi_domain_sync(struct xpi_domain *d)
{
	xpi_batch_wait(&d->batch, READ_ONCE(d->batch.gen_strict),
		       XPI_CAUSE_SYNC);
}

/**
 * xpi_domain_flush_all() - have everything done, with its IOTLB flush
 * @d: the domain
 *
 * Context: Any.
 */
void xpi_domain_flush_all(struct xpi_domain *d)
{
	unsigned long flags, gen;

	xpi_batch_lock_room(&d->batch, 1, &flags);
	xpi_batch_queue_flush(&d->batch);
	gen = d->batch.gen_all;
	spin_unlock_irqrestore(&d->batch.lock, flags);

	xpi_batch_wait(&d->batch, gen, XPI_CAUSE_FLUSH_ALL);
}
