// SPDX-License-Identifier: GPL-2.0-only
/*
 * Having done what is queued.  See batch.h.
 *
 * No status is thrown away: what can be tried again is, and what fails for
 * good goes to the owner of the queue.
 */

#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/processor.h>

#include "batch.h"
#include "stats.h"
#include "trace.h"

/* How often an operation is tried again that the hypervisor may yet do. */
#define MAX_RETRIES	3

/* So long a CPU waits for another before it offers to do something else: 0.1 ms. */
#define SPINS		8192

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

/* Operations that have been submitted, and what may become of them yet. */
struct taken {
	struct xen_iommu_op *ops;
	u64 *frames;
	unsigned int nr;
};

static void settle(struct xpi_batch *batch, struct taken *t);

/* Make an operation what it was when it was queued, but for its status. */
static void restore(struct taken *t, unsigned int i)
{
	if (t->ops[i].op == XEN_IOMMUOP_unmap)
		t->ops[i].u.unmap.nr_frames = t->frames[i];
}

static void note_flush_failed(struct xpi_batch *batch, int err)
{
	WRITE_ONCE(batch->flush_failed, true);
	batch->nr_flush_failed++;
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

/* Flush everything, after a flush that failed.  Returns whether that is done. */
static bool recover(struct xpi_batch *batch)
{
	unsigned int tries;

	for (tries = 0; tries < MAX_RETRIES; tries++) {
		unsigned long before = batch->nr_flush_failed;
		struct xen_iommu_op op = {
			.op = XEN_IOMMUOP_flush,
			.ctx = batch->ctx,
			.status = XPI_STATUS_UNREACHED,
			.u.flush.flags = XEN_IOMMU_FLUSH_all,
		};

		xpi_count(XPI_SUBMIT_RETRY, 1);
		xpi_count(XPI_OPS_FLUSH, 1);
		submit_ops(batch, &op, 1);
		if (op.status)
			note_flush_failed(batch, op.status);
		if (batch->nr_flush_failed == before) {
			WRITE_ONCE(batch->flush_failed, false);
			return true;
		}
	}

	return false;
}

/*
 * Is no operation behind the @i'th about any of these frames?  Else none may be tried
 * again, out of the queue's order: the later one would see them the wrong way round.
 */
static bool is_last(const struct taken *t, unsigned int i, u64 dfn, u64 nr)
{
	for (i++; i < t->nr; i++) {
		/* Of a map or unmap operation; both start with it. */
		u64 later = t->ops[i].u.map.dfn;

		if (t->ops[i].op != XEN_IOMMUOP_flush &&
		    dfn < later + t->frames[i] && later < dfn + nr)
			return false;
	}
	return true;
}

static bool may_retry(const struct taken *t, unsigned int i)
{
	return transient(t->ops[i].status) &&
	       t->ops[i].op != XEN_IOMMUOP_flush &&
	       is_last(t, i, t->ops[i].u.map.dfn, t->frames[i]);
}

/* An operation failed for good. */
static void fail(struct xpi_batch *batch, struct xen_iommu_op *op)
{
	/* A positive status is none that the interface knows. */
	if (op->status > 0)
		op->status = -EIO;

	if (op->op == XEN_IOMMUOP_flush) {
		note_flush_failed(batch, op->status);
		return;
	}

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

/*
 * Was a list refused for some of its frames?  Other errors are those of the call, or of
 * want of memory, which the others would meet, too.
 */
static bool is_refused_list(const struct xen_iommu_op *op)
{
	return op->op == XEN_IOMMUOP_map &&
	       op->u.map.flags & XEN_IOMMU_MAP_list &&
	       (op->status == -EPERM || op->status == -EEXIST ||
		op->status == -EINVAL);
}

/*
 * The hypervisor refuses a list as a whole, which may have the frames of several
 * callers: find out for which of them it is, with one call.
 */
static void try_alone(struct xpi_batch *batch, const struct taken *t,
		      unsigned int list)
{
	const struct xen_iommu_op *op = &t->ops[list];
	const u64 *gfns = (const u64 *)(unsigned long)op->u.map.gfn;
	struct taken alone = {
		.ops = batch->alone,
		.frames = batch->alone_frames,
	};
	u32 i;

	for (i = 0; i < op->u.map.nr_frames; i++) {
		struct xen_iommu_op *one = &alone.ops[alone.nr];

		*one = *op;
		one->u.map.dfn += i;
		one->u.map.gfn = gfns[i];
		one->u.map.nr_frames = 1;
		one->u.map.flags &= ~XEN_IOMMU_MAP_list;
		if (is_last(t, list, one->u.map.dfn, 1)) {
			one->status = XPI_STATUS_UNREACHED;
			alone.frames[alone.nr++] = 1;
		} else {
			fail(batch, one);
		}
	}

	if (!alone.nr)
		return;

	xpi_count(XPI_SUBMIT_RETRY, 1);
	/* None of them is a list, so this does not come back here. */
	if (!submit_ops(batch, alone.ops, alone.nr))
		settle(batch, &alone);
}

/*
 * Leave in @t what @may be tried again, in its order, and fail the rest.  Looks at
 * none again that it has moved.
 */
static void sort_out(struct xpi_batch *batch, struct taken *t,
		     bool (*may)(const struct taken *t, unsigned int i))
{
	unsigned int i, left = 0;

	for (i = 0; i < t->nr; i++) {
		if (!t->ops[i].status)
			continue;
		restore(t, i);
		if (may(t, i)) {
			t->ops[left] = t->ops[i];
			t->frames[left++] = t->frames[i];
		} else if (is_refused_list(&t->ops[i])) {
			try_alone(batch, t, i);
		} else {
			fail(batch, &t->ops[i]);
		}
	}
	t->nr = left;
}

static bool still_may(const struct taken *t, unsigned int i)
{
	return transient(t->ops[i].status);
}

/* All of @t once more, in one call; returns whether it was made. */
static bool retry(struct xpi_batch *batch, struct taken *t)
{
	bool full = false;
	unsigned int i;

	/* Flushing lets the hypervisor free what it kept for it. */
	for (i = 0; i < t->nr; i++)
		full |= t->ops[i].status == -ENOMEM;
	if (full && !recover(batch))
		return false;

	for (i = 0; i < t->nr; i++) {
		/* The flush that it could wait for may be done already. */
		if (t->ops[i].op == XEN_IOMMUOP_unmap)
			t->ops[i].u.unmap.flags &= ~XEN_IOMMU_UNMAP_no_flush;
		t->ops[i].status = XPI_STATUS_UNREACHED;
	}
	xpi_count(XPI_SUBMIT_RETRY, 1);
	submit_ops(batch, t->ops, t->nr);
	return true;
}

/*
 * Take everything out of the queue, with its arrays, which become the spare ones, and
 * begin the next generation.  Returns how many operations there are.
 */
static unsigned int take(struct xpi_batch *batch)
{
	unsigned int nr;

	spin_lock(&batch->lock);
	if (batch->flushes) {
		xpi_count(XPI_FLUSHES, 1);
		batch->calls_flush++;
	}

	swap(batch->ops, batch->spare.ops);
	swap(batch->frames, batch->spare.frames);
	swap(batch->gfns, batch->spare.gfns);
	nr = batch->nr;
	batch->gen++;
	xpi_batch_drop(batch);
	spin_unlock(&batch->lock);

	return nr;
}

/* Some of what was submitted has failed: try again what can be, report the rest. */
static void settle(struct xpi_batch *batch, struct taken *t)
{
	unsigned int tries, i;

	sort_out(batch, t, may_retry);
	for (tries = 0; t->nr && tries < MAX_RETRIES; tries++) {
		if (!retry(batch, t))
			break;
		sort_out(batch, t, still_may);
	}
	for (i = 0; i < t->nr; i++)
		fail(batch, &t->ops[i]);
	if (batch->flush_failed)
		recover(batch);
}

/* By itself, as CONFIG_INIT_STACK_ALL_ZERO clears what is on the stack each time. */
static noinline void settle_taken(struct xpi_batch *batch, unsigned int nr)
{
	struct taken t = {
		.ops = batch->spare.ops,
		.frames = batch->spare.frames,
		.nr = nr,
	};

	settle(batch, &t);
}

/* Have the generation done that is queued. */
static void submit(struct xpi_batch *batch, enum xpi_cause cause)
{
	unsigned int nr;
	bool clean;

	lockdep_assert_held(&batch->submit_lock);

	xpi_count(counter_of_cause[cause], 1);
	nr = take(batch);
	clean = submit_ops(batch, batch->spare.ops, nr);
	trace_xpi_submit(cause, nr);
	if (unlikely(!clean || batch->flush_failed))
		settle_taken(batch, nr);

	/*
	 * All generations go through here, one after the other.  Pairs with
	 * xpi_batch_wait(): first what became of it, then that it did.
	 */
	smp_store_release(&batch->done, batch->done + 1);
}

/**
 * xpi_batch_make_usable() - may new mappings be made?
 * @batch: the queue, with no lock held
 *
 * Not while stale IOTLB entries may be about, which reach what they should
 * not: after a flush that failed, another one has to succeed first.
 *
 * Context: Any.
 * Return: true when they may.
 */
bool xpi_batch_make_usable(struct xpi_batch *batch)
{
	unsigned long flags;
	bool usable;

	spin_lock_irqsave(&batch->submit_lock, flags);
	usable = !batch->flush_failed || recover(batch);
	spin_unlock_irqrestore(&batch->submit_lock, flags);
	return usable;
}

/**
 * xpi_batch_wait() - wait until a generation is done
 * @batch: the queue, with no lock held
 * @gen: the generation: something was queued in it; or 0
 * @cause: why
 *
 * When this returns, every operation of that generation and of those before is
 * done in the hypervisor or was reported to the queue's owner, and so are the IOTLB
 * flushes that they asked for.  Submits what is queued if nobody else does.  Spins,
 * with interrupts as they are.
 *
 * Context: Any.
 */
void xpi_batch_wait(struct xpi_batch *batch, unsigned long gen,
		    enum xpi_cause cause)
{
	unsigned long flags, start = READ_ONCE(batch->done);
	unsigned int tries = 0;

	/* Pairs with submit(). */
	while (smp_load_acquire(&batch->done) < gen) {
		if (!spin_trylock_irqsave(&batch->submit_lock, flags)) {
			if (!tries++)
				xpi_count(XPI_WAITS, 1);
			/* The vCPU that submits may be waiting for this CPU. */
			if (tries % SPINS)
				cpu_relax();
			else
				batch->backend->relax();
			continue;
		}
		/* Another may have done so meanwhile. */
		if (batch->done < gen)
			submit(batch, cause);
		spin_unlock_irqrestore(&batch->submit_lock, flags);
	}

	if (unlikely(tries))
		xpi_count_most(XPI_WAITED_CALLS,
			       READ_ONCE(batch->done) - start);
}
