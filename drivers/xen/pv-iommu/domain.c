// SPDX-License-Identifier: GPL-2.0-only
/* One address space: its mappings and what is pending.  See domain.h. */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/spinlock.h>

#include "domain.h"
#include "entries.h"
#include "gfn.h"
#include "stats.h"

/* @entry is that of @frames frames: one, or all of a run; @err says why. */
static void refuse(struct xpi_domain *d, u64 *entry, unsigned int frames,
		   int err)
{
	/* Nothing to refuse when its unmapping is queued behind it. */
	if ((*entry & (XPI_SHADOW_VALID | XPI_SHADOW_REFUSED)) !=
	    XPI_SHADOW_VALID)
		return;

	*entry &= ~XPI_SHADOW_FOREIGN;
	*entry |= XPI_SHADOW_REFUSED |
		  (err == -ENOMEM ? XPI_SHADOW_NO_MEMORY : 0);
	d->nr_refused += frames;
}

static void quarantine(struct xpi_domain *d, u64 *entry, int err)
{
	/* Mapped again behind it, which cannot have worked either. */
	if (*entry & XPI_SHADOW_VALID) {
		refuse(d, entry, 1, err);
		return;
	}

	if (*entry & XPI_SHADOW_QUARANTINED)
		return;

	WRITE_ONCE(*entry, XPI_SHADOW_QUARANTINED);
	xpi_count(XPI_QUARANTINED, 1);
}

/*
 * The same where the shadow has no table of entries: the operation was on all
 * of a run.  Returns false where there is a table by now.
 */
static bool run_failed(struct xpi_domain *d, u64 dfn, bool map, int err)
{
	u64 *slot = xpi_shadow_run(&d->shadow, dfn);
	u64 old;

	if (WARN_ON_ONCE(!slot))
		return true;	/* it was there when it was queued */

	old = READ_ONCE(*slot);
	if (old & XPI_SHADOW_VALID) {
		refuse(d, slot, XPI_SHADOW_ENTRIES, err);
	} else if (!old && !map) {
		old = cmpxchg64(slot, 0, XPI_SHADOW_QUARANTINED);
		if (!old)
			xpi_count(XPI_QUARANTINED, XPI_SHADOW_ENTRIES);
	}
	return !old || xpi_shadow_is_run(old);
}

/*
 * The same of the frames of a failed operation that are in one table.  Returns how
 * many these are.
 */
static unsigned int table_failed(struct xpi_domain *d, u64 dfn, u64 nr, bool map,
				 int err)
{
	unsigned int n = xpi_entries_piece(dfn, nr);
	u64 *entries = xpi_shadow_entries(&d->shadow, dfn);
	unsigned int i;

	if (!entries && !run_failed(d, dfn, map, err))
		return 0;	/* there is a table by now */

	for (i = 0; entries && i < n; i++) {
		if (map)
			refuse(d, &entries[i], 1, err);
		else
			quarantine(d, &entries[i], err);
	}
	return n;
}

/* An operation failed for good: remember what that means for its frames. */
static void op_failed(struct xpi_batch *batch, const struct xen_iommu_op *op)
{
	struct xpi_domain *d = container_of(batch, struct xpi_domain, batch);
	bool map = op->op == XEN_IOMMUOP_map;
	u64 dfn = map ? op->u.map.dfn : op->u.unmap.dfn;
	u64 nr = map ? op->u.map.nr_frames : op->u.unmap.nr_frames;
	unsigned int n;

	for (; nr; dfn += n, nr -= n) {
		spin_lock(&batch->lock);
		n = table_failed(d, dfn, nr, map, op->status);
		spin_unlock(&batch->lock);
	}
}

/**
 * xpi_domain_init() - an empty domain
 * @d: the domain
 * @backend: to the hypervisor
 * @caps: of the hypervisor
 *
 * With contexts it is a new one; else it is the address space that all devices
 * share, and there can be one such domain at a time.
 *
 * Context: Process context.
 * Return: 0 or a negative errno: -ENOMEM, -ENOSPC when there are too many.
 */
int xpi_domain_init(struct xpi_domain *d, const struct xpi_backend *backend,
		    const struct xpi_caps *caps)
{
	bool contexts = caps->flags & XEN_IOMMU_CAP_contexts;
	int ret;

	d->grants = caps->flags & XEN_IOMMU_CAP_gref;
	ret = xpi_shadow_init(&d->shadow, caps->max_dfn);
	if (ret)
		return ret;

	ret = xpi_batch_init(&d->batch, backend,
			     min(caps->max_ops, XPI_BATCH_OPS),
			     caps->flags & XEN_IOMMU_CAP_list ?
			     XPI_BATCH_GFNS : 0, op_failed);
	if (ret)
		goto out_shadow;

	if (contexts)
		ret = backend->ctx_alloc(&d->batch.ctx);
	if (!ret)
		return 0;

	xpi_batch_destroy(&d->batch);
out_shadow:
	xpi_shadow_destroy(&d->shadow);
	return ret;
}

/* Unmap everything that is in the shared address space. */
static int unmap_all(struct xpi_domain *d)
{
	struct xen_iommu_op ops[] = {
		{
			.op = XEN_IOMMUOP_unmap,
			.status = XPI_STATUS_UNREACHED,
			.u.unmap.nr_frames = d->shadow.max_dfn + 1,
			.u.unmap.flags = XEN_IOMMU_UNMAP_no_flush |
					 XEN_IOMMU_UNMAP_sparse,
		},
		{
			.op = XEN_IOMMUOP_flush,
			.status = XPI_STATUS_UNREACHED,
			.u.flush.flags = XEN_IOMMU_FLUSH_all,
		},
	};
	int ret = d->batch.backend->submit(ops, ARRAY_SIZE(ops));

	ret = ret ?: ops[0].status ?: ops[1].status;
	/* Not reached, although the call says that all is done. */
	return ret > 0 ? -EPROTO : ret;
}

/**
 * xpi_domain_destroy() - the end of a domain
 * @d: the domain, without users
 *
 * What is queued need not be done: all that is mapped goes with it.
 *
 * Context: Process context.
 * Return: 0, or a negative errno when the hypervisor kept something of it.
 */
int xpi_domain_destroy(struct xpi_domain *d)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&d->batch.lock, flags);
	xpi_batch_drop(&d->batch);
	spin_unlock_irqrestore(&d->batch.lock, flags);

	if (d->batch.ctx)
		ret = d->batch.backend->ctx_free(d->batch.ctx);
	else
		ret = unmap_all(d);

	xpi_batch_destroy(&d->batch);
	xpi_shadow_destroy(&d->shadow);
	return ret;
}
