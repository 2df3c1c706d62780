// SPDX-License-Identifier: GPL-2.0-only
/* One address space: its mappings and what is pending.  See domain.h. */

#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/sizes.h>

#include "domain.h"
#include "gfn.h"
#include "stats.h"

/* As many as a mapping of 16 MiB in scattered frames takes. */
#define BATCH_OPS	4096U

/*
 * Frames that are dealt with under one hold of the lock: scattered ones cost
 * an operation each, a run only its entries in the shadow.
 */
#define SCATTERED_FRAMES	512UL
#define CHUNK_FRAMES		((unsigned long)SZ_1G >> PAGE_SHIFT)

static u16 map_flags(u64 entry)
{
	return (entry & XPI_SHADOW_READ ? XEN_IOMMU_MAP_readable : 0) |
	       (entry & XPI_SHADOW_WRITE ? XEN_IOMMU_MAP_writable : 0);
}

static void refuse(struct xpi_domain *d, u64 *entry)
{
	/* Nothing to refuse when its unmapping is queued behind it. */
	if ((*entry & (XPI_SHADOW_VALID | XPI_SHADOW_REFUSED)) !=
	    XPI_SHADOW_VALID)
		return;

	*entry |= XPI_SHADOW_REFUSED;
	d->nr_refused++;
}

static void quarantine(struct xpi_domain *d, u64 *entry)
{
	/* Mapped again behind it, which cannot have worked either. */
	if (*entry & XPI_SHADOW_VALID) {
		refuse(d, entry);
		return;
	}

	if (*entry & XPI_SHADOW_QUARANTINED)
		return;

	WRITE_ONCE(*entry, XPI_SHADOW_QUARANTINED);
	xpi_count(XPI_QUARANTINED, 1);
}

/* An operation failed for good: remember what that means for its frames. */
static void op_failed(struct xpi_batch *batch, const struct xen_iommu_op *op)
{
	struct xpi_domain *d = container_of(batch, struct xpi_domain, batch);
	bool map = op->op == XEN_IOMMUOP_map;
	u64 dfn = map ? op->u.map.dfn : op->u.unmap.dfn;
	u64 nr = map ? op->u.map.nr_frames : op->u.unmap.nr_frames;

	while (nr) {
		unsigned int left, n, i;
		u64 *entries = xpi_shadow_entries(&d->shadow, dfn, &left);

		/* The shadow was there when the operation was queued. */
		if (WARN_ON_ONCE(!entries))
			return;

		n = min_t(u64, nr, left);
		for (i = 0; i < n; i++) {
			if (map)
				refuse(d, &entries[i]);
			else
				quarantine(d, &entries[i]);
		}
		dfn += n;
		nr -= n;
	}
}

/**
 * xpi_domain_init() - an empty, inactive domain
 * @d: the domain
 * @backend: to the hypervisor
 * @caps: of the hypervisor
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int xpi_domain_init(struct xpi_domain *d, const struct xpi_backend *backend,
		    const struct xpi_caps *caps)
{
	int ret;

	ret = xpi_shadow_init(&d->shadow, caps->max_dfn);
	if (ret)
		return ret;

	ret = xpi_batch_init(&d->batch, backend, min(caps->max_ops, BATCH_OPS),
			     op_failed);
	if (ret)
		xpi_shadow_destroy(&d->shadow);
	return ret;
}

/**
 * xpi_domain_destroy() - the end of a domain
 * @d: the domain, inactive and without users
 *
 * Context: Process context.
 */
void xpi_domain_destroy(struct xpi_domain *d)
{
	WARN_ON(d->active);
	xpi_batch_destroy(&d->batch);
	xpi_shadow_destroy(&d->shadow);
}

static void play_back(void *data, u64 dfn, u64 *entries, unsigned int nr)
{
	struct xpi_domain *d = data;
	struct xpi_gfn_run run;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!(entries[i] & XPI_SHADOW_VALID))
			continue;
		if (entries[i] & XPI_SHADOW_REFUSED) {
			entries[i] &= ~XPI_SHADOW_REFUSED;
			d->nr_refused--;
		}
		if (xpi_gfn_run(PHYS_PFN(entries[i]), 1, &run))
			refuse(d, &entries[i]);
		else
			xpi_batch_map(&d->batch, dfn + i, run.gfn, 1,
				      map_flags(entries[i]));
	}
}

static void take_out(void *data, u64 dfn, u64 *entries, unsigned int nr)
{
	struct xpi_domain *d = data;
	unsigned int i, n;

	for (i = 0; i < nr; i += max(n, 1U)) {
		for (n = 0; i + n < nr; n++)
			if (!entries[i + n])
				break;
		if (n)
			xpi_batch_unmap(&d->batch, dfn + i, n,
					XEN_IOMMU_UNMAP_no_flush |
					XEN_IOMMU_UNMAP_sparse);
	}
}

/**
 * xpi_domain_activate() - put a domain into the hypervisor's address space
 * @d: the domain; no other is active
 *
 * Context: Process context.
 * Return: 0, or -EIO when the hypervisor refused a mapping or could not flush
 *	   the IOTLB; the domain is then inactive.
 */
int xpi_domain_activate(struct xpi_domain *d)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&d->batch.lock, flags);
	d->active = true;
	d->lost = false;
	/* The domain before this one may not have got its last flush. */
	d->batch.unflushed = true;
	xpi_batch_flush_all(&d->batch);
	ok = xpi_batch_usable(&d->batch);
	if (ok) {
		xpi_shadow_visit(&d->shadow, play_back, d);
		xpi_batch_submit(&d->batch, XPI_CAUSE_ATTACH);
		ok = !d->nr_refused;
	}
	spin_unlock_irqrestore(&d->batch.lock, flags);

	if (ok)
		return 0;

	xpi_domain_deactivate(d);
	return -EIO;
}

/**
 * xpi_domain_deactivate() - take a domain out of the hypervisor's address space
 * @d: the domain
 *
 * Its shadow stays as it is.  When this returns, everything that it had mapped
 * is unmapped and flushed.
 *
 * Context: Process context.
 */
void xpi_domain_deactivate(struct xpi_domain *d)
{
	unsigned long flags;

	spin_lock_irqsave(&d->batch.lock, flags);
	xpi_shadow_visit(&d->shadow, take_out, d);
	xpi_batch_flush_all(&d->batch);
	d->active = false;
	spin_unlock_irqrestore(&d->batch.lock, flags);
}

/**
 * xpi_domain_abandon() - the hypervisor's address space is about to go
 * @d: the active domain
 *
 * What is queued need not be done, and nothing more will be submitted.
 *
 * Context: Any.
 */
void xpi_domain_abandon(struct xpi_domain *d)
{
	unsigned long flags;

	spin_lock_irqsave(&d->batch.lock, flags);
	xpi_batch_drop(&d->batch);
	d->batch.unflushed = false;
	d->active = false;
	spin_unlock_irqrestore(&d->batch.lock, flags);
}

/**
 * xpi_domain_lose() - devices have this domain, but it cannot be had
 * @d: the domain, inactive
 *
 * Mappings would be good for nothing, so they fail until it is active again.
 *
 * Context: Any.
 */
void xpi_domain_lose(struct xpi_domain *d)
{
	unsigned long flags;

	spin_lock_irqsave(&d->batch.lock, flags);
	d->lost = true;
	spin_unlock_irqrestore(&d->batch.lock, flags);
}

/* Try to get a frame out of quarantine, so that it can be used after all. */
static int release_quarantined(struct xpi_domain *d, u64 dfn, u64 *entry)
{
	WRITE_ONCE(*entry, 0);
	if (!d->active)
		return 0;

	xpi_batch_unmap(&d->batch, dfn, 1, 0);
	xpi_batch_submit(&d->batch, XPI_CAUSE_SYNC);
	if (*entry)
		return -EBUSY;

	xpi_count(XPI_QUARANTINE_FREED, 1);
	/* It is unmapped, but devices may have it cached. */
	return xpi_batch_usable(&d->batch) ? 0 : -EIO;
}

/*
 * Enter frames into the shadow, whose tables are there.  Returns how many went
 * in; @ret says why not all.
 */
static unsigned long enter(struct xpi_domain *d, u64 dfn, unsigned long nr,
			   u64 value, int *ret)
{
	unsigned int left = 0;
	u64 *entry = NULL;
	unsigned long i;

	for (i = 0; i < nr; i++, entry++, left--, value += PAGE_SIZE) {
		if (!left)
			entry = xpi_shadow_entries(&d->shadow, dfn + i, &left);
		if (unlikely(*entry))
			*ret = *entry & XPI_SHADOW_VALID ? -EEXIST :
			       release_quarantined(d, dfn + i, entry);
		if (unlikely(*ret))
			break;
		WRITE_ONCE(*entry, value);
	}
	return i;
}

/* Map as many of @nr frames as is decent with interrupts off. */
static unsigned long map_some(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			      unsigned long nr, u64 access, int *ret)
{
	unsigned long flags, done = 0;

	spin_lock_irqsave(&d->batch.lock, flags);

	if (unlikely(d->lost) || !xpi_batch_usable(&d->batch))
		*ret = -EIO;

	while (!*ret && done < nr && done < SCATTERED_FRAMES) {
		struct xpi_gfn_run run;
		unsigned long n;

		*ret = xpi_gfn_run(pfn + done, nr - done, &run);
		if (*ret)
			break;

		n = enter(d, dfn + done, run.nr,
			  PFN_PHYS(pfn + done) | access | XPI_SHADOW_VALID, ret);
		if (n && d->active)
			xpi_batch_map(&d->batch, dfn + done, run.gfn, n,
				      map_flags(access));
		done += n;
	}

	spin_unlock_irqrestore(&d->batch.lock, flags);
	return done;
}

/* Allocate what the shadow needs for a range, before any lock is taken. */
static int prepare(struct xpi_domain *d, u64 dfn, unsigned long nr, gfp_t gfp)
{
	unsigned int left;
	u64 i;

	for (i = 0; i < nr; i += left)
		if (!xpi_shadow_entries_alloc(&d->shadow, dfn + i, gfp, &left))
			return dfn + i > d->shadow.max_dfn ? -EINVAL : -ENOMEM;
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
 *	   -EOPNOTSUPP for another domain's page, -ENOMEM, -EBUSY in quarantine,
 *	   -EIO while the IOTLB cannot be flushed, or the domain is lost.
 */
int xpi_domain_map(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		   unsigned long nr, u64 access, gfp_t gfp,
		   unsigned long *mapped)
{
	int ret = access ? 0 : -EINVAL;

	*mapped = 0;
	while (!ret && *mapped < nr) {
		unsigned long n = min(nr - *mapped, CHUNK_FRAMES);

		ret = prepare(d, dfn + *mapped, n, gfp);
		if (!ret)
			*mapped += map_some(d, dfn + *mapped, pfn + *mapped, n,
					    access, &ret);
	}

	if (unlikely(ret))
		xpi_count(XPI_MAP_REFUSED, 1);
	return ret;
}

static bool any_refused(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	u64 end = dfn + nr;

	for (; dfn < end; dfn++)
		if (xpi_shadow_get(&d->shadow, dfn) & XPI_SHADOW_REFUSED)
			return true;
	return false;
}

/**
 * xpi_domain_sync_map() - have mappings done
 * @d: the domain
 * @dfn: first device frame
 * @nr: frames
 *
 * Context: Any.
 * Return: 0, or -EIO when part of the range could not be mapped.
 */
int xpi_domain_sync_map(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	unsigned long flags, refused;

	spin_lock_irqsave(&d->batch.lock, flags);
	if (d->batch.nr_maps)
		xpi_batch_submit(&d->batch, XPI_CAUSE_SYNC_MAP);
	refused = d->nr_refused;
	spin_unlock_irqrestore(&d->batch.lock, flags);

	return unlikely(refused) && any_refused(d, dfn, nr) ? -EIO : 0;
}

/*
 * Take consecutive valid entries out of the shadow.  Those that the hypervisor
 * knows come first, in @known; then maybe some that it refused.
 */
static unsigned long leave(struct xpi_domain *d, u64 dfn, unsigned long nr,
			   unsigned long *known)
{
	unsigned int left = 0;
	unsigned long i;
	u64 *entry = NULL;

	*known = 0;
	for (i = 0; i < nr; i++, entry++, left--) {
		if (!left)
			entry = xpi_shadow_entries(&d->shadow, dfn + i, &left);
		if (!entry || !(*entry & XPI_SHADOW_VALID))
			break;
		if (unlikely(*entry & XPI_SHADOW_REFUSED))
			d->nr_refused--;
		else if (*known == i)
			(*known)++;
		else
			break;
		WRITE_ONCE(*entry, 0);
	}
	return i;
}

/**
 * xpi_domain_unmap() - unmap a range
 * @d: the domain
 * @dfn: first device frame
 * @nr: frames
 * @lazy: done after xpi_domain_flush_all(); else after xpi_domain_sync()
 *
 * Context: Any.
 * Return: frames that were unmapped: less than @nr at the first that was not
 *	   mapped.
 */
unsigned long xpi_domain_unmap(struct xpi_domain *d, u64 dfn, unsigned long nr,
			       bool lazy)
{
	u32 no_flush = lazy ? XEN_IOMMU_UNMAP_no_flush : 0;
	unsigned long done = 0, n;

	do {
		unsigned long flags, known;

		spin_lock_irqsave(&d->batch.lock, flags);
		n = leave(d, dfn + done, min(nr - done, CHUNK_FRAMES), &known);
		if (known && d->active)
			xpi_batch_unmap(&d->batch, dfn + done, known, no_flush);
		/* Refused, but it may be there, if its status was lost. */
		if (n > known && d->active)
			xpi_batch_unmap(&d->batch, dfn + done + known,
					n - known,
					no_flush | XEN_IOMMU_UNMAP_sparse);
		spin_unlock_irqrestore(&d->batch.lock, flags);
		done += n;
	} while (n && done < nr);

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

	spin_lock_irqsave(&d->batch.lock, flags);
	xpi_batch_submit(&d->batch, XPI_CAUSE_SYNC);
	spin_unlock_irqrestore(&d->batch.lock, flags);
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

	spin_lock_irqsave(&d->batch.lock, flags);
	xpi_batch_flush_all(&d->batch);
	spin_unlock_irqrestore(&d->batch.lock, flags);
}
