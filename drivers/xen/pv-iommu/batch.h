/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations on their way to the hypervisor, in one queue per domain.
 *
 * The queue is first in, first out.  Whoever submits holds one lock while the
 * hypervisor works on what was queued, and another, that of the queue, as a rule
 * only to take it out; so other CPUs queue meanwhile, and whoever of them is next submits
 * it all.  That makes two promises simple:
 *
 *  - whoever submits returns when everything that was queued before is done,
 *    also what another CPU is submitting at that moment;
 *  - a frame that is unmapped and mapped again sees these in that order.
 *
 * A queue per CPU would not do: the IOMMU API may sleep and migrate between
 * mapping and synchronising, and a flush has to cover what all CPUs queued.
 */

#ifndef _XEN_PV_IOMMU_BATCH_H
#define _XEN_PV_IOMMU_BATCH_H

#include <linux/irq_work.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "hypercall.h"

/* Why a batch is submitted. */
enum xpi_cause {
	XPI_CAUSE_SYNC_MAP,
	XPI_CAUSE_SYNC,
	XPI_CAUSE_FLUSH_ALL,
	XPI_CAUSE_FULL,
};

/**
 * struct xpi_batch - the queue of one domain
 * @call_lock: held, with interrupts off, across hypercalls.  Guards @spare
 *	and the @bad ones.  Taken before @lock
 * @lock: guards the rest, and what the owner of the queue keeps with it
 * @backend: how to submit
 * @ctx: the context that the operations are about
 * @ops: the operations
 * @frames: how many frames each is about; in an unmap operation the hypervisor
 *	overwrites it
 * @spare: arrays for what is queued while the hypervisor works on the others
 * @nr: operations in @ops
 * @size: room for them
 * @nr_maps: map operations among them
 * @nr_unmaps: unmap operations among them
 * @flushes: some of them make the hypervisor flush the IOTLB
 * @unflushed: lazily unmapped and not yet flushed: unmaps that are queued or
 *	done, whose IOTLB entries may still be there
 * @flush_failed: the last flush failed: what was unmapped before may still be
 *	reachable for devices.  Set with @call_lock held, cleared with both, as a
 *	flush that makes up for it has yet to succeed then
 * @failed: called for each operation that failed for good, both locks held
 * @complaint: prints the next ones when the locks are free: a console may do DMA
 * @calls: hypercalls for it; written with @call_lock held
 * @calls_flush: submissions of the queue that flush the IOTLB; likewise
 * @bad_op: an operation that failed for good; its status is 0 if there is none
 * @bad_flush: how a flush failed, or 0
 * @bad_page: there was a page that is not dom0's own
 * @bad_owner: the domain whose page it was
 */
struct xpi_batch {
	spinlock_t call_lock;	/* across hypercalls; before lock */
	spinlock_t lock;	/* the queue, and the owner's */
	const struct xpi_backend *backend;
	u16 ctx;
	struct xen_iommu_op *ops;
	u64 *frames;
	struct {
		struct xen_iommu_op *ops;
		u64 *frames;
	} spare;
	unsigned int nr;
	unsigned int size;
	unsigned int nr_maps;
	unsigned int nr_unmaps;
	bool flushes;
	bool unflushed;
	bool flush_failed;
	void (*failed)(struct xpi_batch *batch, const struct xen_iommu_op *op);
	struct irq_work complaint;
	u64 calls;
	u64 calls_flush;
	struct xen_iommu_op bad_op;
	int bad_flush;
	bool bad_page;
	domid_t bad_owner;
};

int xpi_batch_init(struct xpi_batch *batch, const struct xpi_backend *backend,
		   unsigned int size,
		   void (*failed)(struct xpi_batch *batch,
				  const struct xen_iommu_op *op));
void xpi_batch_destroy(struct xpi_batch *batch);
bool xpi_batch_make_usable(struct xpi_batch *batch);

void xpi_batch_map(struct xpi_batch *batch, u64 dfn, u64 gfn, u32 nr_frames,
		   u16 flags, domid_t owner);
void xpi_batch_unmap(struct xpi_batch *batch, u64 dfn, u64 nr_frames,
		     u32 flags);
void xpi_batch_queue_flush(struct xpi_batch *batch);
void xpi_batch_lock_room(struct xpi_batch *batch, unsigned int nr,
			 unsigned long *flags)
	__acquires(&batch->call_lock) __acquires(&batch->lock);
void xpi_batch_make_room(struct xpi_batch *batch, unsigned int nr);
void xpi_batch_foreign(struct xpi_batch *batch, domid_t owner);
void xpi_batch_submit_unlock(struct xpi_batch *batch, enum xpi_cause cause,
			     unsigned long flags)
	__releases(&batch->lock) __releases(&batch->call_lock);
void xpi_batch_drop(struct xpi_batch *batch);

/**
 * xpi_batch_lock() - nothing is under way, nor is it until xpi_batch_unlock()
 * @batch: the queue
 * @flags: OUT: for xpi_batch_unlock()
 *
 * Context: Any.
 */
static inline void xpi_batch_lock(struct xpi_batch *batch, unsigned long *flags)
	__acquires(&batch->call_lock) __acquires(&batch->lock)
{
	spin_lock_irqsave(&batch->call_lock, *flags);
	spin_lock(&batch->lock);
}

static inline void xpi_batch_unlock(struct xpi_batch *batch,
				    unsigned long flags)
	__releases(&batch->lock) __releases(&batch->call_lock)
{
	spin_unlock(&batch->lock);
	spin_unlock_irqrestore(&batch->call_lock, flags);
}

/**
 * xpi_batch_room() - how many operations can be queued before any are submitted
 * @batch: the queue, with at least @lock held
 *
 * Context: Any.
 * Return: their number.
 */
static inline unsigned int xpi_batch_room(const struct xpi_batch *batch)
{
	lockdep_assert_held(&batch->lock);

	return batch->size - batch->nr;
}

#endif /* _XEN_PV_IOMMU_BATCH_H */
