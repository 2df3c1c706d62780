// SPDX-License-Identifier: GPL-2.0-only
/*
 * Having done what is queued.  See batch.h.
 *
 * No status is thrown away: what can be tried again is, and what fails for
 * good goes to the owner of the queue.
 */

#include <linux/errno.h>
#include <linux/lockdep.h>

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
};

static bool transient(int err)
{
	return err == -EAGAIN || err == -EBUSY || err == -EINTR ||
	       err == -ENOMEM;
}

/* What was taken out of the queue to be submitted. */
struct taken {
	struct xen_iommu_op *ops;
	u64 *frames;
	unsigned int nr;
};

/* Of a map or unmap operation; both start with the frame number. */
static bool overlap(const struct taken *t, unsigned int a, unsigned int b)
{
	u64 dfn_a = t->ops[a].u.map.dfn;
	u64 dfn_b = t->ops[b].u.map.dfn;

	return dfn_a < dfn_b + t->frames[b] && dfn_b < dfn_a + t->frames[a];
}

/* Make an operation what it was when it was queued, but for its status. */
static void restore(struct taken *t, unsigned int i)
{
	if (t->ops[i].op == XEN_IOMMUOP_unmap)
		t->ops[i].u.unmap.nr_frames = t->frames[i];
}

static void note_flush_failed(struct xpi_batch *batch, int err)
{
	WRITE_ONCE(batch->flush_failed, true);
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
 * A call for @nr operations returned @ret.  Have the hypervisor reach them all,
 * however many calls it takes.  An operation that it does not reach gets an
 * error for its status.  After a call that failed and may have unmapped
 * something, with or without a status for it, nothing is known of its flush.
 */
static void reach_all(struct xpi_batch *batch, struct xen_iommu_op *ops,
		      unsigned int nr, int ret)
{
	unsigned int done = 0, tries = 0;
	int unflushed = 0;

	for (;;) {
		unsigned int start = done;

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
		batch->calls++;
		ret = batch->backend->submit(ops + done, nr - done);
	}

	for (; done < nr; done++)
		if (ops[done].status == XPI_STATUS_UNREACHED)
			ops[done].status = -EIO;
	if (unlikely(unflushed))
		note_flush_failed(batch, unflushed);
}

/* Returns whether all operations are done without an error. */
static bool submit_ops(struct xpi_batch *batch, struct xen_iommu_op *ops,
		       unsigned int nr)
{
	unsigned int i;
	int ret;

	batch->calls++;
	ret = batch->backend->submit(ops, nr);

	for (i = 0; i < nr; i++)
		if (unlikely(ops[i].status))
			break;
	if (likely(!ret && i == nr))
		return true;

	reach_all(batch, ops, nr, ret);
	return false;
}

/**
 * xpi_batch_recover() - flush everything, after a flush that failed
 * @batch: the queue, with both locks held
 *
 * Context: Any.
 * Return: true when that is done.
 */
bool xpi_batch_recover(struct xpi_batch *batch)
{
	unsigned int tries;

	/* Who has only @lock is not to take the try for a success. */
	lockdep_assert_held(&batch->lock);

	for (tries = 0; tries < MAX_RETRIES; tries++) {
		struct xen_iommu_op op = {
			.op = XEN_IOMMUOP_flush,
			.ctx = batch->ctx,
			.status = XPI_STATUS_UNREACHED,
			.u.flush.flags = XEN_IOMMU_FLUSH_all,
		};

		WRITE_ONCE(batch->flush_failed, false);
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

/*
 * One operation once more, out of the queue's order: never when a later one
 * is about the same frames, which would then see them the wrong way round.
 * Where it is of no use for one it is @hopeless for the others, of which there
 * may be thousands.
 */
static void retry(struct xpi_batch *batch, struct taken *t, unsigned int i,
		  bool *hopeless)
{
	struct xen_iommu_op *op = &t->ops[i];
	unsigned int tries, later;

	if (*hopeless)
		return;
	for (later = i + 1; later < t->nr; later++)
		if (t->ops[later].op != XEN_IOMMUOP_flush &&
		    overlap(t, i, later))
			return;

	for (tries = 0; tries < MAX_RETRIES && transient(op->status); tries++) {
		/* Flushing lets the hypervisor free what it kept for it. */
		if (op->status == -ENOMEM && !xpi_batch_recover(batch))
			break;
		/* The flush that it could wait for may be done already. */
		if (op->op == XEN_IOMMUOP_unmap)
			op->u.unmap.flags &= ~XEN_IOMMU_UNMAP_no_flush;
		op->status = XPI_STATUS_UNREACHED;
		xpi_count(XPI_SUBMIT_RETRY, 1);
		submit_ops(batch, op, 1);
		restore(t, i);
	}
	*hopeless = transient(op->status);
}

static void fail(struct xpi_batch *batch, struct taken *t, unsigned int i,
		 bool *hopeless)
{
	struct xen_iommu_op *op = &t->ops[i];

	/* A positive status is none that the interface knows. */
	if (op->status > 0)
		op->status = -EIO;

	if (op->op == XEN_IOMMUOP_flush) {
		note_flush_failed(batch, op->status);
		return;
	}

	restore(t, i);
	if (transient(op->status))
		retry(batch, t, i, hopeless);
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

/* Take everything out of the queue. */
static void begin(struct xpi_batch *batch, enum xpi_cause cause,
		  struct taken *t)
{
	lockdep_assert_held(&batch->call_lock);
	lockdep_assert_held(&batch->lock);

	xpi_count(counter_of_cause[cause], 1);
	if (batch->flushes) {
		xpi_count(XPI_FLUSHES, 1);
		batch->calls_flush++;
	}

	*t = (struct taken) {
		.ops = batch->ops,
		.frames = batch->frames,
		.nr = batch->nr,
	};
	batch->ops = batch->spare.ops;
	batch->frames = batch->spare.frames;
	xpi_batch_drop(batch);
}

/* Have it done; returns whether there may be something to settle(). */
static bool call(struct xpi_batch *batch, enum xpi_cause cause,
		 struct taken *t)
{
	bool clean = submit_ops(batch, t->ops, t->nr);

	trace_xpi_submit(cause, t->nr);
	return unlikely(!clean || batch->flush_failed);
}

static void settle(struct xpi_batch *batch, struct taken *t)
{
	bool hopeless = false;
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (t->ops[i].status)
			fail(batch, t, i, &hopeless);
	if (batch->flush_failed)
		xpi_batch_recover(batch);
}

static void finish(struct xpi_batch *batch, const struct taken *t)
{
	batch->spare.ops = t->ops;
	batch->spare.frames = t->frames;
}

/**
 * xpi_batch_submit() - have everything done that is queued
 * @batch: the queue, with both locks held
 * @cause: why
 *
 * When this returns, every operation that was queued before is done in the
 * hypervisor or was reported to the queue's owner, and so are the IOTLB
 * flushes that they asked for.  Does nothing on an empty queue.
 *
 * Context: Any.
 */
void xpi_batch_submit(struct xpi_batch *batch, enum xpi_cause cause)
{
	struct taken t;

	if (!batch->nr)
		return;

	begin(batch, cause, &t);
	if (unlikely(call(batch, cause, &t)))
		settle(batch, &t);
	finish(batch, &t);
}

/**
 * xpi_batch_submit_unlock() - the same, with the queue open meanwhile
 * @batch: the queue, with both locks held; it is unlocked
 * @cause: why
 * @flags: from xpi_batch_lock()
 *
 * Context: Any.
 */
void xpi_batch_submit_unlock(struct xpi_batch *batch, enum xpi_cause cause,
			     unsigned long flags)
	__releases(&batch->lock) __releases(&batch->call_lock)
{
	bool any = batch->nr;
	struct taken t;

	if (any)
		begin(batch, cause, &t);
	spin_unlock(&batch->lock);

	if (any) {
		if (unlikely(call(batch, cause, &t))) {
			spin_lock(&batch->lock);
			settle(batch, &t);
			spin_unlock(&batch->lock);
		}
		finish(batch, &t);
	}
	spin_unlock_irqrestore(&batch->call_lock, flags);
}
