// SPDX-License-Identifier: GPL-2.0-only
/* What the IOMMU API does to a domain: map, unmap, have it done. */

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>

#include "domain.h"
#include "entries.h"
#include "gfn.h"
#include "stats.h"

/**
 * struct block - frames that one operation maps
 * @pfn: the first
 * @run: the run that they begin with; of what is a list just @nr is used
 * @list: they are @run.nr in @gfns
 * @gfns: the frames of a list
 */
struct block {
	unsigned long pfn;
	struct xpi_gfn_run run;
	bool list;
	u64 gfns[XPI_LIST_FRAMES];
};

/*
 * What one operation may be about.  Up to an aligned end, so that no run is cut where
 * it fills a table, nor a large page.
 */
static unsigned long chunk(u64 dfn, unsigned long nr)
{
	return nr > XPI_BATCH_FRAMES ? XPI_BATCH_FRAMES - dfn % XPI_BATCH_FRAMES :
				       nr;
}

/*
 * Make a list of what a block begins with: frames up to the first that cannot be in
 * it, of at most @nr.
 */
static void make_list(struct block *b, unsigned long nr)
{
	struct xpi_gfn_run run = b->run;
	unsigned long n = 0, i;

	do {
		for (i = 0; i < run.nr; i++)
			b->gfns[n++] = run.gfn + i;
	} while (n < nr &&
		 !xpi_gfn_run(b->pfn + n, min_t(unsigned long, nr - n,
					  XPI_SHORT_RUN), &run) &&
		 !run.foreign && run.nr < XPI_SHORT_RUN);

	b->list = n > b->run.nr;
	b->run.nr = n;
}

/* What is mapped next of @nr frames from @pfn on. */
static int translate(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		     unsigned long nr, struct block *b)
{
	unsigned long most = min_t(unsigned long, xpi_entries_piece(dfn, nr),
				   XPI_LIST_FRAMES);
	int ret = xpi_gfn_run(pfn, nr, &b->run);

	if (!ret && unlikely(b->run.foreign) && !d->grants)
		ret = -EOPNOTSUPP;
	if (ret)
		return ret;

	b->pfn = pfn;
	b->list = false;
	if (d->batch.nr_gfns_max && !b->run.foreign &&
	    b->run.nr < min_t(unsigned long, most, XPI_SHORT_RUN))
		make_list(b, most);
	return 0;
}

static bool goes_in_list(const struct block *b)
{
	return b->list || (b->run.nr < XPI_SHORT_RUN && !b->run.foreign);
}

/* Queue the first @nr frames of a block, which are in the shadow. */
static void queue_block(struct xpi_domain *d, u64 dfn, const struct block *b,
			unsigned long nr, u16 flags)
{
	if (b->list)
		xpi_batch_map_list(&d->batch, dfn, b->gfns, nr, flags);
	else
		xpi_batch_map(&d->batch, dfn, b->run.gfn, nr, flags,
			      b->run.owner);
}

/*
 * Map a block.  It is one operation, so it has to have all of its tables; it is
 * queued when all of it, or up to what is in the way, is in the shadow.
 */
static unsigned long map_block(struct xpi_domain *d, u64 dfn,
			       const struct block *b, u64 access, int *ret)
{
	u64 entry = PFN_PHYS(b->pfn) | access | XPI_SHADOW_VALID |
		    (b->run.foreign ? XPI_SHADOW_FOREIGN : 0);
	unsigned long flags, done = 0, n, nr = b->run.nr;

	if (nr > xpi_entries_piece(dfn, nr) && !xpi_entries_ready(d, dfn, nr)) {
		*ret = XPI_NEED_TABLES;
		return 0;
	}

	do {
		xpi_batch_lock_room(&d->batch, goes_in_list(b) ?
				    XPI_LIST_FRAMES : 0, &flags);
		n = xpi_entries_enter(d, dfn + done,
				      xpi_entries_piece(dfn + done, nr - done),
				      entry + PFN_PHYS(done), ret);
		d->nr_mapped += n;
		done += n;
		if (done && (done == nr || *ret))
			queue_block(d, dfn, b, done, xpi_map_flags(entry));
		spin_unlock_irqrestore(&d->batch.lock, flags);
	} while (done < nr && !*ret);
	return done;
}

/*
 * Map some of @nr frames, whatever they are.  By itself, as
 * CONFIG_INIT_STACK_ALL_ZERO clears a block each time.
 */
static noinline unsigned long map_any(struct xpi_domain *d, u64 dfn,
				      unsigned long pfn, unsigned long nr,
				      u64 access, int *ret)
{
	struct block b;

	*ret = translate(d, dfn, pfn, nr, &b);
	return *ret ? 0 : map_block(d, dfn, &b, access, ret);
}

/* The same of a run of dom0's own, in one table. */
static unsigned long map_run(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			     u64 gfn, unsigned long nr, u64 access, int *ret)
{
	unsigned long flags, n;

	xpi_batch_lock_room(&d->batch, 0, &flags);
	n = xpi_entries_enter(d, dfn, nr, PFN_PHYS(pfn) | access | XPI_SHADOW_VALID,
			      ret);
	d->nr_mapped += n;
	if (likely(n))
		xpi_batch_map(&d->batch, dfn, gfn, n, xpi_map_flags(access), 0);
	spin_unlock_irqrestore(&d->batch.lock, flags);
	return n;
}

/* Map some of @nr frames. */
static unsigned long map_some(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			      unsigned long nr, u64 access, int *ret)
{
	u64 gfn = XPI_NO_GFN;

	if (unlikely(READ_ONCE(d->batch.flush_failed))) {
		*ret = XPI_NEED_FLUSH;
		return 0;
	}

	/* All in one table? */
	if (nr >= XPI_SHORT_RUN && nr == xpi_entries_piece(dfn, nr))
		gfn = xpi_gfn_plain_run(pfn, nr);
	return gfn == XPI_NO_GFN ? map_any(d, dfn, pfn, nr, access, ret) :
				   map_run(d, dfn, pfn, gfn, nr, access, ret);
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
	u64 *entry, gfn = xpi_gfn_plain(pfn);
	unsigned long flags;
	bool plain;

	if (unlikely(gfn == XPI_NO_GFN))
		return map_range(d, dfn, pfn, 1, access, gfp, mapped);

	spin_lock_irqsave(&d->batch.lock, flags);
	entry = xpi_shadow_entries(&d->shadow, dfn);
	plain = entry && !*entry && !READ_ONCE(d->batch.flush_failed) &&
		xpi_batch_room(&d->batch, XPI_LIST_FRAMES);
	if (likely(plain)) {
		WRITE_ONCE(*entry, PFN_PHYS(pfn) | access | XPI_SHADOW_VALID);
		d->nr_mapped++;
		xpi_batch_map_one(&d->batch, dfn, gfn, xpi_map_flags(access));
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
	/* It may be one that others have queued after ours. */
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
		xpi_batch_lock_room(&d->batch, 0, &flags);
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
	u64 *entry;
	bool plain;

	spin_lock_irqsave(&d->batch.lock, flags);
	entry = xpi_shadow_entries(&d->shadow, dfn);
	plain = entry && (*entry & XPI_ENTRY_STATE) == XPI_ENTRY_KNOWN &&
		xpi_batch_room(&d->batch, 0);
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

	xpi_batch_lock_room(&d->batch, 0, &flags);
	xpi_batch_queue_flush(&d->batch);
	gen = d->batch.gen_all;
	spin_unlock_irqrestore(&d->batch.lock, flags);

	xpi_batch_wait(&d->batch, gen, XPI_CAUSE_FLUSH_ALL);
}
