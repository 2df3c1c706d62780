// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on their way to the hypervisor.  See batch.h.
 *
 * No status is thrown away: what can be tried again is, and what fails for
 * good goes to the owner of the queue.
 */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>

#include "batch.h"
#include "stats.h"
#include "trace.h"

/* How often an operation is tried again that the hypervisor may yet do. */
#define MAX_RETRIES	3

static const enum xpi_counter counter_of_cause[] = {
	[XPI_CAUSE_SYNC_MAP]	= XPI_SUBMIT_SYNC_MAP,
	[XPI_CAUSE_SYNC]	= XPI_SUBMIT_SYNC,
	[XPI_CAUSE_FLUSH_ALL]	= XPI_SUBMIT_FLUSH_ALL,
	[XPI_CAUSE_FULL]	= XPI_SUBMIT_FULL,
	[XPI_CAUSE_ATTACH]	= XPI_SUBMIT_ATTACH,
};

static void complain(struct irq_work *work)
{
	struct xpi_batch *batch = container_of(work, struct xpi_batch, complaint);
	struct xen_iommu_op op;
	unsigned long flags;
	int bad_flush;

	spin_lock_irqsave(&batch->lock, flags);
	op = batch->bad_op;
	bad_flush = batch->bad_flush;
	batch->bad_op.status = 0;
	batch->bad_flush = 0;
	spin_unlock_irqrestore(&batch->lock, flags);

	if (op.status && op.op == XEN_IOMMUOP_map)
		pr_err_ratelimited("the hypervisor refused to map %u frames at dfn %#llx (%d)\n",
				   op.u.map.nr_frames, op.u.map.dfn, op.status);
	else if (op.status)
		pr_err_ratelimited("the hypervisor refused to unmap %llu frames at dfn %#llx (%d): they are not used again\n",
				   op.u.unmap.nr_frames, op.u.unmap.dfn,
				   op.status);
	if (bad_flush)
		pr_err_ratelimited("the hypervisor could not flush the IOTLB (%d): no new mappings until it can\n",
				   bad_flush);
}

/**
 * xpi_batch_init() - an empty queue
 * @batch: the queue
 * @backend: how it submits
 * @size: how many operations it holds
 * @failed: called for each operation that failed for good, with the lock held
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int xpi_batch_init(struct xpi_batch *batch, const struct xpi_backend *backend,
		   unsigned int size,
		   void (*failed)(struct xpi_batch *batch,
				  const struct xen_iommu_op *op))
{
	*batch = (struct xpi_batch) {
		.backend = backend,
		.size = size,
		.failed = failed,
	};
	spin_lock_init(&batch->lock);
	init_irq_work(&batch->complaint, complain);
	batch->ops = kvmalloc_array(size, sizeof(*batch->ops), GFP_KERNEL);
	batch->frames = kvmalloc_array(size, sizeof(*batch->frames),
				       GFP_KERNEL);
	if (batch->ops && batch->frames)
		return 0;

	xpi_batch_destroy(batch);
	return -ENOMEM;
}

/**
 * xpi_batch_destroy() - free a queue
 * @batch: the queue, with nothing in it
 *
 * Context: Process context.
 */
void xpi_batch_destroy(struct xpi_batch *batch)
{
	WARN_ON(batch->nr);
	irq_work_sync(&batch->complaint);
	kvfree(batch->frames);
	kvfree(batch->ops);
}

static bool transient(int err)
{
	return err == -EAGAIN || err == -EBUSY || err == -EINTR ||
	       err == -ENOMEM;
}

/* Of a map or unmap operation; both start with the frame number. */
static bool overlap(const struct xpi_batch *batch, unsigned int a,
		    unsigned int b)
{
	u64 dfn_a = batch->ops[a].u.map.dfn;
	u64 dfn_b = batch->ops[b].u.map.dfn;

	return dfn_a < dfn_b + batch->frames[b] &&
	       dfn_b < dfn_a + batch->frames[a];
}

/* Make an operation what it was when it was queued, but for its status. */
static void restore(struct xpi_batch *batch, unsigned int i)
{
	if (batch->ops[i].op == XEN_IOMMUOP_unmap)
		batch->ops[i].u.unmap.nr_frames = batch->frames[i];
}

static void note_flush_failed(struct xpi_batch *batch, int err)
{
	batch->flush_failed = true;
	batch->bad_flush = err;
	irq_work_queue(&batch->complaint);
	xpi_count(XPI_FLUSH_FAILED, 1);
}

static bool any_unmap(const struct xen_iommu_op *ops, unsigned int nr)
{
	while (nr--)
		if (ops++->op == XEN_IOMMUOP_unmap)
			return true;
	return false;
}

/*
 * Have the hypervisor reach @nr operations, however many calls it takes.  An
 * operation that it does not reach gets an error for its status.  After a call
 * that failed and may have unmapped something, with or without a status for it,
 * nothing is known of its flush.
 */
static void submit_ops(struct xpi_batch *batch, struct xen_iommu_op *ops,
		       unsigned int nr)
{
	unsigned int done = 0, tries = 0;
	int unflushed = 0;

	for (;;) {
		unsigned int start = done;
		int ret = batch->backend->submit(ops + done, nr - done);

		while (done < nr && ops[done].status != XPI_STATUS_UNREACHED)
			done++;
		if (unlikely(ret) &&
		    (done > start || any_unmap(ops + done, nr - done)))
			unflushed = ret;
		if (done == nr)
			break;

		/* Progress counts as a new start. */
		if (done > start)
			tries = 0;
		if (!ret)
			ret = -EIO;
		if (!transient(ret) || ++tries > MAX_RETRIES)
			break;
		xpi_count(XPI_SUBMIT_RETRY, 1);
	}

	for (; done < nr; done++)
		if (ops[done].status == XPI_STATUS_UNREACHED)
			ops[done].status = -EIO;
	if (unlikely(unflushed))
		note_flush_failed(batch, unflushed);
}

/* Flush everything; true when that is done. */
static bool flush_now(struct xpi_batch *batch)
{
	unsigned int tries;

	for (tries = 0; tries < MAX_RETRIES; tries++) {
		struct xen_iommu_op op = {
			.op = XEN_IOMMUOP_flush,
			.status = XPI_STATUS_UNREACHED,
			.u.flush.flags = XEN_IOMMU_FLUSH_all,
		};

		batch->flush_failed = false;
		xpi_count(XPI_SUBMIT_RETRY, 1);
		xpi_count(XPI_OPS_FLUSH, 1);
		submit_ops(batch, &op, 1);
		if (op.status)
			note_flush_failed(batch, op.status);
		if (!batch->flush_failed)
			return true;
	}

	return false;
}

/**
 * xpi_batch_usable() - may new mappings be made?
 * @batch: the queue, locked
 *
 * Not while stale IOTLB entries may be about, which reach what they should
 * not: after a flush that failed, another one has to succeed first.
 *
 * Context: Any; @batch->lock held, interrupts off.
 * Return: true when they may.
 */
bool xpi_batch_usable(struct xpi_batch *batch)
{
	lockdep_assert_held(&batch->lock);

	return likely(!batch->flush_failed) || flush_now(batch);
}

/*
 * One operation once more, out of the queue's order: never when a later one
 * is about the same frames, which would then see them the wrong way round.
 * Where it is of no use for one it is @hopeless for the others, of which there
 * may be thousands.
 */
static void retry(struct xpi_batch *batch, unsigned int i, bool *hopeless)
{
	struct xen_iommu_op *op = &batch->ops[i];
	unsigned int tries, later;

	if (*hopeless)
		return;
	for (later = i + 1; later < batch->nr; later++)
		if (batch->ops[later].op != XEN_IOMMUOP_flush &&
		    overlap(batch, i, later))
			return;

	for (tries = 0; tries < MAX_RETRIES && transient(op->status); tries++) {
		/* Flushing lets the hypervisor free what it kept for it. */
		if (op->status == -ENOMEM && !flush_now(batch))
			break;
		/* The flush that it could wait for may be done already. */
		if (op->op == XEN_IOMMUOP_unmap)
			op->u.unmap.flags &= ~XEN_IOMMU_UNMAP_no_flush;
		op->status = XPI_STATUS_UNREACHED;
		xpi_count(XPI_SUBMIT_RETRY, 1);
		submit_ops(batch, op, 1);
		restore(batch, i);
	}
	*hopeless = transient(op->status);
}

static void fail(struct xpi_batch *batch, unsigned int i, bool *hopeless)
{
	struct xen_iommu_op *op = &batch->ops[i];

	/* A positive status is none that the interface knows. */
	if (op->status > 0)
		op->status = -EIO;

	if (op->op == XEN_IOMMUOP_flush) {
		note_flush_failed(batch, op->status);
		return;
	}

	restore(batch, i);
	if (transient(op->status))
		retry(batch, i, hopeless);
	if (!op->status)
		return;

	trace_xpi_failed(op);
	/* Part of the range may be unmapped, with its flush missing. */
	if (op->op == XEN_IOMMUOP_unmap && op->status == -EIO)
		note_flush_failed(batch, op->status);
	if (op->op == XEN_IOMMUOP_unmap && op->status == -ENOENT) {
		/* Nothing is mapped there now, which is all we want. */
		xpi_count(XPI_UNMAP_ABSENT, 1);
		return;
	}

	xpi_count(op->op == XEN_IOMMUOP_map ? XPI_MAP_FAILED : XPI_UNMAP_FAILED,
		  1);
	batch->bad_op = *op;
	irq_work_queue(&batch->complaint);
	batch->failed(batch, op);
}

/**
 * xpi_batch_submit() - have everything done that is queued
 * @batch: the queue, locked
 * @cause: why
 *
 * When this returns, every operation that was queued before is done in the
 * hypervisor or was reported to the queue's owner, and so are the IOTLB
 * flushes that they asked for.  Does nothing on an empty queue.
 *
 * Context: Any; @batch->lock held, interrupts off.
 */
void xpi_batch_submit(struct xpi_batch *batch, enum xpi_cause cause)
{
	bool hopeless = false;
	unsigned int i;

	lockdep_assert_held(&batch->lock);

	if (!batch->nr)
		return;

	xpi_count(counter_of_cause[cause], 1);
	if (batch->flushes)
		xpi_count(XPI_FLUSHES, 1);
	submit_ops(batch, batch->ops, batch->nr);
	trace_xpi_submit(cause, batch->nr);

	for (i = 0; i < batch->nr; i++)
		if (unlikely(batch->ops[i].status))
			fail(batch, i, &hopeless);

	xpi_batch_drop(batch);
	if (unlikely(batch->flush_failed))
		flush_now(batch);
}

/**
 * xpi_batch_drop() - forget what is queued
 * @batch: the queue, locked
 *
 * Context: Any; @batch->lock held, interrupts off.
 */
void xpi_batch_drop(struct xpi_batch *batch)
{
	lockdep_assert_held(&batch->lock);

	batch->nr = 0;
	batch->nr_maps = 0;
	xpi_count(XPI_QUEUED_UNMAPS, -(u64)batch->nr_unmaps);
	batch->nr_unmaps = 0;
	batch->flushes = false;
}

static struct xen_iommu_op *add(struct xpi_batch *batch, u16 op)
{
	struct xen_iommu_op *new;

	lockdep_assert_held(&batch->lock);

	if (batch->nr == batch->size)
		xpi_batch_submit(batch, XPI_CAUSE_FULL);

	new = &batch->ops[batch->nr++];
	*new = (struct xen_iommu_op) {
		.op = op,
		.status = XPI_STATUS_UNREACHED,
	};
	return new;
}

/**
 * xpi_batch_map() - queue a mapping
 * @batch: the queue, locked
 * @dfn: first device frame
 * @gfn: first guest frame
 * @nr_frames: contiguous on both sides
 * @flags: XEN_IOMMU_MAP_*
 *
 * A full queue is submitted first, so failures of earlier operations may be
 * reported to the owner from here.
 *
 * Context: Any; @batch->lock held, interrupts off.
 */
void xpi_batch_map(struct xpi_batch *batch, u64 dfn, u64 gfn, u32 nr_frames,
		   u16 flags)
{
	struct xen_iommu_op *op = add(batch, XEN_IOMMUOP_map);

	op->u.map.dfn = dfn;
	op->u.map.gfn = gfn;
	op->u.map.nr_frames = nr_frames;
	op->u.map.flags = flags;
	batch->frames[batch->nr - 1] = nr_frames;
	batch->nr_maps++;

	xpi_count(XPI_OPS_MAP, 1);
	xpi_count(XPI_FRAMES_MAP, nr_frames);
	trace_xpi_map(op);
}

/**
 * xpi_batch_unmap() - queue an unmapping
 * @batch: the queue, locked
 * @dfn: first device frame
 * @nr_frames: of them
 * @flags: XEN_IOMMU_UNMAP_*; with no_flush, the IOTLB need not be flushed before
 *	xpi_batch_flush_all()
 *
 * Context: Any; @batch->lock held, interrupts off.
 */
void xpi_batch_unmap(struct xpi_batch *batch, u64 dfn, u64 nr_frames,
		     u32 flags)
{
	bool lazy = flags & XEN_IOMMU_UNMAP_no_flush;
	struct xen_iommu_op *op = add(batch, XEN_IOMMUOP_unmap);

	op->u.unmap.dfn = dfn;
	op->u.unmap.nr_frames = nr_frames;
	op->u.unmap.flags = flags;
	batch->frames[batch->nr - 1] = nr_frames;
	if (lazy)
		batch->unflushed = true;
	else
		batch->flushes = true;
	batch->nr_unmaps++;

	xpi_count(XPI_QUEUED_UNMAPS, 1);
	xpi_count(lazy ? XPI_OPS_UNMAP_LAZY : XPI_OPS_UNMAP, 1);
	xpi_count(XPI_FRAMES_UNMAP, nr_frames);
	trace_xpi_unmap(op);
}

/**
 * xpi_batch_flush_all() - have everything done, and the IOTLB flushed
 * @batch: the queue, locked
 *
 * Context: Any; @batch->lock held, interrupts off.
 */
void xpi_batch_flush_all(struct xpi_batch *batch)
{
	lockdep_assert_held(&batch->lock);

	if (!batch->unflushed) {
		xpi_count(XPI_FLUSH_ALL_EMPTY, 1);
		xpi_batch_submit(batch, XPI_CAUSE_FLUSH_ALL);
		return;
	}

	add(batch, XEN_IOMMUOP_flush)->u.flush.flags = XEN_IOMMU_FLUSH_all;
	xpi_count(XPI_OPS_FLUSH, 1);
	batch->flushes = true;
	batch->unflushed = false;
	xpi_batch_submit(batch, XPI_CAUSE_FLUSH_ALL);
}
