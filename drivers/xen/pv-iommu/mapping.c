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
 * Frames that are dealt with under one hold of the lock: scattered ones cost
 * an operation each, a run only its entries in the shadow.
 */
#define SCATTERED_FRAMES	512UL
#define CHUNK_FRAMES		((unsigned long)SZ_1G >> PAGE_SHIFT)

/* Up to an aligned end, so that no run is cut where it fills a table. */
static unsigned long chunk(u64 dfn, unsigned long nr)
{
	return nr > CHUNK_FRAMES ? CHUNK_FRAMES - dfn % CHUNK_FRAMES : nr;
}

/* Map as many of @nr frames as is decent with interrupts off. */
static unsigned long map_some(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			      unsigned long nr, u64 access, int *ret)
{
	unsigned long flags, done = 0;

	spin_lock_irqsave(&d->batch.lock, flags);
	*ret = unlikely(READ_ONCE(d->batch.flush_failed)) ? XPI_NEED_FLUSH : 0;
	while (!*ret && done < nr && done < SCATTERED_FRAMES) {
		struct xpi_gfn_run run;
		unsigned long n;
		u64 value;

		*ret = xpi_gfn_run(pfn + done, nr - done, &run);
		if (!*ret && unlikely(run.foreign) && !d->grants)
			*ret = -EOPNOTSUPP;
		if (unlikely(!xpi_batch_room(&d->batch)))
			*ret = XPI_NEED_ROOM;
		if (*ret)
			break;

		value = access | (run.foreign ? XPI_SHADOW_FOREIGN : 0);
		n = xpi_entries_enter(d, dfn + done, run.nr,
				      PFN_PHYS(pfn + done) | value |
				      XPI_SHADOW_VALID, ret);
		d->nr_mapped += n;
		if (n)
			xpi_batch_map(&d->batch, dfn + done, run.gfn, n,
				      xpi_map_flags(value), run.owner);
		done += n;
	}
	spin_unlock_irqrestore(&d->batch.lock, flags);
	return done;
}

/* Get what mapping the next of @nr frames turned out to lack. */
static int get_lacking(struct xpi_domain *d, int lack, u64 dfn,
		       unsigned long pfn, unsigned long nr, gfp_t gfp)
{
	switch (lack) {
	case XPI_NEED_TABLES:
		return xpi_entries_prepare(d, dfn, pfn, nr, gfp);
	case XPI_NEED_RELEASE:
		return xpi_entries_release(d, dfn, nr);
	case XPI_NEED_FLUSH:
		return xpi_batch_make_usable(&d->batch) ? 0 : -EIO;
	case XPI_NEED_ROOM:
		xpi_batch_make_room(&d->batch, 1);
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
	unsigned long flags;

	/* Mappings of ours that are not queued any more are done then. */
	xpi_batch_lock(&d->batch, &flags);
	if (d->batch.nr_maps)
		xpi_batch_submit_unlock(&d->batch, XPI_CAUSE_SYNC_MAP, flags);
	else
		xpi_batch_unlock(&d->batch, flags);

	return unlikely(READ_ONCE(d->nr_refused)) ? refusal(d, dfn, nr) : 0;
}

/*
 * What is not dom0's own, or may not be, is not left to be flushed some time: its
 * owner may have it back when the caller is done.
 */
static unsigned long unmap_other(struct xpi_domain *d, u64 dfn,
				 unsigned long nr)
{
	bool refused = xpi_shadow_get(&d->shadow, dfn) & XPI_SHADOW_REFUSED;
	unsigned long done;

	done = xpi_entries_leave(d, dfn, nr, refused ? XPI_ENTRY_REFUSED :
						       XPI_ENTRY_FOREIGN);
	if (refused)
		d->nr_refused -= done;
	/* What was refused may be there, if its status was lost. */
	if (done)
		xpi_batch_unmap(&d->batch, dfn, done,
				refused ? XEN_IOMMU_UNMAP_sparse : 0);
	return done;
}

/* Needs room for two operations. */
static unsigned long unmap_locked(struct xpi_domain *d, u64 dfn,
				  unsigned long nr, u32 flags, bool *other)
{
	unsigned long known, rest = 0;

	known = xpi_entries_leave(d, dfn, nr, XPI_ENTRY_KNOWN);
	if (known)
		xpi_batch_unmap(&d->batch, dfn, known, flags);
	if (unlikely(known < nr))
		rest = unmap_other(d, dfn + known, nr - known);
	*other |= rest;
	d->nr_mapped -= known + rest;
	return known + rest;
}

static unsigned long unmap_some(struct xpi_domain *d, u64 dfn,
				unsigned long nr, u32 no_flush, bool *other)
{
	unsigned long flags, done = 0;
	bool room;

	for (;;) {
		spin_lock_irqsave(&d->batch.lock, flags);
		room = xpi_batch_room(&d->batch) >= 2;
		if (likely(room))
			done = unmap_locked(d, dfn, nr, no_flush, other);
		spin_unlock_irqrestore(&d->batch.lock, flags);
		if (likely(room))
			return done;

		xpi_batch_make_room(&d->batch, 2);
	}
}

/* map_one()'s counterpart. */
static bool unmap_one(struct xpi_domain *d, u64 dfn, u32 no_flush)
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
		xpi_batch_unmap(&d->batch, dfn, 1, no_flush);
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
	u32 no_flush = lazy ? XEN_IOMMU_UNMAP_no_flush : 0;
	unsigned long done = 0, n;
	bool other = false;

	if (nr == 1 && unmap_one(d, dfn, no_flush))
		return 1;

	do {
		n = unmap_some(d, dfn + done, chunk(dfn + done, nr - done),
			       no_flush, &other);
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
	unsigned long flags;

	xpi_batch_lock(&d->batch, &flags);
	xpi_batch_submit_unlock(&d->batch, XPI_CAUSE_SYNC, flags);
}

/**
 * xpi_domain_flush_all() - have everything done, with its IOTLB flush
 * @d: the domain
 *
 * Context: Any.
 */
void xpi_domain_flush_all(struct xpi_domain *d)
{
	unsigned long flags;

	xpi_batch_lock_room(&d->batch, 1, &flags);
	xpi_batch_queue_flush(&d->batch);
	xpi_batch_submit_unlock(&d->batch, XPI_CAUSE_FLUSH_ALL, flags);
}
