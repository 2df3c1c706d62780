// SPDX-License-Identifier: GPL-2.0-only
/* One address space: its mappings and what is pending.  See domain.h. */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/printk.h>

#include "domain.h"
#include "gfn.h"
#include "stats.h"

/* As many as a mapping of 16 MiB in scattered frames takes. */
#define BATCH_OPS	4096U
/* Of many domains each has its own queue. */
#define CTX_BATCH_OPS	512U

/* @entry is that of @frames frames: one, or all of a run. */
static void refuse(struct xpi_domain *d, u64 *entry, unsigned int frames)
{
	/* Nothing to refuse when its unmapping is queued behind it. */
	if ((*entry & (XPI_SHADOW_VALID | XPI_SHADOW_REFUSED)) !=
	    XPI_SHADOW_VALID)
		return;

	*entry |= XPI_SHADOW_REFUSED;
	d->nr_refused += frames;
}

static void quarantine(struct xpi_domain *d, u64 *entry)
{
	/* Mapped again behind it, which cannot have worked either. */
	if (*entry & XPI_SHADOW_VALID) {
		refuse(d, entry, 1);
		return;
	}

	if (*entry & XPI_SHADOW_QUARANTINED)
		return;

	WRITE_ONCE(*entry, XPI_SHADOW_QUARANTINED);
	xpi_count(XPI_QUARANTINED, 1);
}

/*
 * The same where the shadow has no table of entries: the operation was on all
 * of a run.  (Only one that played a domain back may have been on part of it,
 * and then any failure means that the domain is not attached.)  Returns false
 * where there is a table by now.
 */
static bool run_failed(struct xpi_domain *d, u64 dfn, bool map)
{
	u64 *slot = xpi_shadow_run(&d->shadow, dfn);
	u64 old;

	if (WARN_ON_ONCE(!slot))
		return true;	/* it was there when it was queued */

	old = READ_ONCE(*slot);
	if (old & XPI_SHADOW_VALID) {
		refuse(d, slot, XPI_SHADOW_ENTRIES);
	} else if (!old && !map) {
		old = cmpxchg64(slot, 0, XPI_SHADOW_QUARANTINED);
		if (!old)
			xpi_count(XPI_QUARANTINED, XPI_SHADOW_ENTRIES);
	}
	return !old || xpi_shadow_is_run(old);
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

		if (!entries && !run_failed(d, dfn, map))
			continue;	/* there is a table by now */

		n = min_t(u64, nr, left);
		for (i = 0; entries && i < n; i++) {
			if (map)
				refuse(d, &entries[i], 1);
			else
				quarantine(d, &entries[i]);
		}
		dfn += n;
		nr -= n;
	}
}

/**
 * xpi_domain_init() - an empty domain
 * @d: the domain
 * @backend: to the hypervisor
 * @caps: of the hypervisor
 *
 * With contexts it is one and always in the hypervisor, so active from the
 * beginning; else inactive.
 *
 * Context: Process context.
 * Return: 0 or a negative errno: -ENOMEM, -ENOSPC when there are too many.
 */
int xpi_domain_init(struct xpi_domain *d, const struct xpi_backend *backend,
		    const struct xpi_caps *caps)
{
	bool contexts = caps->flags & XEN_IOMMU_CAP_contexts;
	int ret;

	ret = xpi_shadow_init(&d->shadow, caps->max_dfn);
	if (ret)
		return ret;

	ret = xpi_batch_init(&d->batch, backend,
			     min(caps->max_ops,
				 contexts ? CTX_BATCH_OPS : BATCH_OPS),
			     op_failed);
	if (ret)
		goto out_shadow;

	d->active = contexts;
	if (contexts)
		ret = backend->ctx_alloc(&d->batch.ctx);
	if (!ret)
		return 0;

	d->active = false;
	xpi_batch_destroy(&d->batch);
out_shadow:
	xpi_shadow_destroy(&d->shadow);
	return ret;
}

/**
 * xpi_domain_destroy() - the end of a domain
 * @d: the domain, without users, and inactive unless it is a context
 *
 * Context: Process context.
 */
void xpi_domain_destroy(struct xpi_domain *d)
{
	if (d->batch.ctx) {
		/* All that is mapped in it goes with it. */
		xpi_domain_abandon(d);
		if (d->batch.backend->ctx_free(d->batch.ctx))
			pr_err("context %u is not given back\n", d->batch.ctx);
	}

	WARN_ON(d->active);
	xpi_batch_destroy(&d->batch);
	xpi_shadow_destroy(&d->shadow);
}

static void play_back_entry(struct xpi_domain *d, u64 dfn, u64 *entry,
			    unsigned int frames)
{
	unsigned long pfn = PHYS_PFN(*entry);
	unsigned int done;
	struct xpi_gfn_run run;

	/* What was a run when it was mapped need not be one any more. */
	for (done = 0; done < frames; done += run.nr) {
		if (xpi_gfn_run(pfn + done, frames - done, &run)) {
			refuse(d, entry, frames);
			return;
		}
		xpi_batch_map(&d->batch, dfn + done, run.gfn, run.nr,
			      xpi_map_flags(*entry));
	}
}

static void play_back(void *data, u64 dfn, u64 *entries, unsigned int nr,
		      unsigned int frames)
{
	struct xpi_domain *d = data;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!(entries[i] & XPI_SHADOW_VALID))
			continue;
		if (entries[i] & XPI_SHADOW_REFUSED) {
			entries[i] &= ~XPI_SHADOW_REFUSED;
			d->nr_refused -= frames;
		}
		play_back_entry(d, dfn + i, &entries[i], frames);
	}
}

static void take_out(void *data, u64 dfn, u64 *entries, unsigned int nr,
		     unsigned int frames)
{
	struct xpi_domain *d = data;
	unsigned int i, n;

	for (i = 0; i < nr; i += max(n, 1U)) {
		for (n = 0; i + n < nr; n++)
			if (!entries[i + n])
				break;
		if (n)
			xpi_batch_unmap(&d->batch, dfn + i, (u64)n * frames,
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
 *	   the IOTLB; the domain is then inactive, and as devices may be meant to
 *	   have it all the same, it takes no mappings until it is active.
 */
int xpi_domain_activate(struct xpi_domain *d)
{
	unsigned long flags;
	bool ok;

	xpi_batch_lock(&d->batch, &flags);
	d->active = true;
	/* The domain before this one may not have got its last flush. */
	d->batch.unflushed = true;
	xpi_batch_flush_all(&d->batch);
	ok = xpi_batch_usable(&d->batch);
	if (ok) {
		xpi_shadow_visit(&d->shadow, play_back, d);
		xpi_batch_submit(&d->batch, XPI_CAUSE_ATTACH);
		ok = !d->nr_refused;
	}
	d->lost = !ok;
	xpi_batch_unlock(&d->batch, flags);

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

	xpi_batch_lock(&d->batch, &flags);
	xpi_shadow_visit(&d->shadow, take_out, d);
	xpi_batch_flush_all(&d->batch);
	d->active = false;
	xpi_batch_unlock(&d->batch, flags);
}

/**
 * xpi_domain_abandon() - the hypervisor's address space is about to go
 * @d: the active domain
 *
 * What is queued need not be done, and nothing more will be submitted.  Mappings
 * fail from here on: their addresses would be those of other memory.
 *
 * Context: Any.
 */
void xpi_domain_abandon(struct xpi_domain *d)
{
	unsigned long flags;

	xpi_batch_lock(&d->batch, &flags);
	xpi_batch_drop(&d->batch);
	d->batch.unflushed = false;
	d->batch.flush_failed = false;
	d->active = false;
	d->lost = true;
	xpi_batch_unlock(&d->batch, flags);
}
