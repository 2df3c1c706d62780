/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations on their way to the hypervisor, in one queue per domain.
 *
 * The queue is first in, first out, and goes to the hypervisor in generations:
 * all that is queued when a hypercall begins is one.  Who wants an operation done
 * waits for its generation.  Nobody stands in line for that: whoever finds the
 * submit lock free submits what is queued, for all who wait, and they leave
 * together when it is done.  So nobody waits for more than the hypercall that is
 * under way and the next, if it has found room in the queue.  That makes two
 * promises simple:
 *
 *  - whoever waits for a generation returns when all that was queued before is
 *    done, whichever CPU has submitted it;
 *  - a frame that is unmapped and mapped again sees these in that order.
 *
 * A queue per CPU would not do: the IOMMU API may sleep and migrate between
 * mapping and synchronising, and a flush has to cover what all CPUs queued.
 */

#ifndef _XEN_PV_IOMMU_BATCH_H
#define _XEN_PV_IOMMU_BATCH_H

#include <linux/cache.h>
#include <linux/irq_work.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "hypercall.h"
#include "stats.h"

/* Why a batch is submitted. */
enum xpi_cause {
	XPI_CAUSE_SYNC_MAP,
	XPI_CAUSE_SYNC,
	XPI_CAUSE_FLUSH_ALL,
	XPI_CAUSE_FULL,
};

/*
 * Operations, frames in lists, and frames at all for which one hypercall is made.
 * Interrupts are off meanwhile: so nobody waits longer for a larger mapping, which
 * takes more hypercalls instead.
 */
#define XPI_BATCH_OPS		512U
#define XPI_BATCH_GFNS		4096U
#define XPI_BATCH_FRAMES	4096U

/*
 * Where the hypervisor takes lists of frames, runs that are shorter go into one, which
 * has no more than this.
 */
#define XPI_SHORT_RUN	8U
#define XPI_LIST_FRAMES	64U

/**
 * struct xpi_batch - the queue of one domain
 * @backend: how to submit
 * @ctx: the context that the operations are about
 * @size: room for operations
 * @nr_gfns_max: room for frames of lists; 0 without %XEN_IOMMU_CAP_list
 * @failed: called for each operation that failed for good, with the submit lock
 *	held
 * @lock: the queue lock: guards what follows, and what the owner of the queue keeps
 *	with it.  Never held across a hypercall
 * @ops: the operations
 * @frames: how many frames each is about; in an unmap operation the hypervisor
 *	overwrites it
 * @gfns: the frames of lists
 * @nr: operations in @ops
 * @nr_gfns: frames in @gfns
 * @nr_frames: frames that the operations are about
 * @open: the last operation, if it is a mapping that may go on as a list
 * @open.left: how many frames it may still take; 0 if it is none
 * @open.flags: its flags, but for XEN_IOMMU_MAP_list
 * @open.dfn: where it goes on
 * @open.next: where the next frame goes, or NULL while it is no list
 * @nr_unmaps: unmap operations among them
 * @flushes: some of them make the hypervisor flush the IOTLB
 * @unflushed: lazily unmapped and not yet flushed: unmaps that are queued or
 *	done, whose IOTLB entries may still be there, and no flush is queued
 * @gen: the generation that is being queued
 * @gen_all: that of the last operation
 * @gen_map: that of the last mapping; anybody may read it
 * @gen_strict: that of the last strict unmapping; likewise
 * @submit_lock: the submit lock: held, with interrupts off, across hypercalls.
 *	Guards what follows.  Taken before @lock
 * @done: generations up to this one are done; anybody may read it
 * @spare: arrays for what is queued while the hypervisor works on the others
 * @alone: for the frames of a list that was refused
 * @alone_frames: likewise
 * @flush_failed: the last flush failed: what was unmapped before may still be
 *	reachable for devices; anybody may read it
 * @nr_flush_failed: how many failed
 * @complaint: prints the next ones when the locks are free: a console may do DMA
 * @calls: hypercalls for it
 * @calls_flush: generations that flush the IOTLB
 * @bad_op: an operation that failed for good; its status is 0 if there is none
 * @bad_flush: how a flush failed, or 0
 * @bad_page: there was a page that is not dom0's own
 * @bad_owner: the domain whose page it was
 */
struct xpi_batch {
	const struct xpi_backend *backend;
	u16 ctx;
	unsigned int size;
	unsigned int nr_gfns_max;
	void (*failed)(struct xpi_batch *batch, const struct xen_iommu_op *op);

	/* Written by all who queue. */
	spinlock_t lock ____cacheline_aligned_in_smp;	/* queue lock */
	unsigned int nr;
	unsigned int nr_gfns;
	unsigned int nr_frames;
	struct xen_iommu_op *ops;
	u64 *frames;
	u64 *gfns;
	struct {
		u32 left;
		u16 flags;
		u64 dfn;
		u64 *next;
	} open;
	unsigned int nr_unmaps;
	bool flushes;
	bool unflushed;
	unsigned long gen;
	unsigned long gen_all;
	unsigned long gen_map;
	unsigned long gen_strict;

	/* Read by all who wait, and written by who submits. */
	spinlock_t submit_lock ____cacheline_aligned_in_smp; /* submit lock */
	unsigned long done;
	bool flush_failed;
	unsigned long nr_flush_failed;
	struct {
		struct xen_iommu_op *ops;
		u64 *frames;
		u64 *gfns;
	} spare;
	struct xen_iommu_op *alone;
	u64 *alone_frames;
	u64 calls;
	u64 calls_flush;
	struct irq_work complaint;
	struct xen_iommu_op bad_op;
	int bad_flush;
	bool bad_page;
	domid_t bad_owner;
};

int xpi_batch_init(struct xpi_batch *batch, const struct xpi_backend *backend,
		   unsigned int size, unsigned int nr_gfns,
		   void (*failed)(struct xpi_batch *batch,
				  const struct xen_iommu_op *op));
void xpi_batch_destroy(struct xpi_batch *batch);

void xpi_batch_map(struct xpi_batch *batch, u64 dfn, u64 gfn, u32 nr_frames,
		   u16 flags, domid_t owner);
void xpi_batch_map_one(struct xpi_batch *batch, u64 dfn, u64 gfn, u16 flags);
void xpi_batch_map_list(struct xpi_batch *batch, u64 dfn, const u64 *gfns,
			u32 nr_frames, u16 flags);
void xpi_batch_unmap(struct xpi_batch *batch, u64 dfn, u64 nr_frames,
		     u32 flags);
void xpi_batch_queue_flush(struct xpi_batch *batch);
void xpi_batch_lock_room(struct xpi_batch *batch, unsigned int nr_gfns,
			 unsigned long *flags)
	__acquires(&batch->lock);
void xpi_batch_foreign(struct xpi_batch *batch, domid_t owner);

/* submit.c */
void xpi_batch_wait(struct xpi_batch *batch, unsigned long gen,
		    enum xpi_cause cause);
bool xpi_batch_make_usable(struct xpi_batch *batch);

/**
 * xpi_batch_room() - can an operation be queued before any are submitted?
 * @batch: the queue, with the queue lock held
 * @nr_gfns: XPI_LIST_FRAMES for a mapping that may go into a list, else 0
 *
 * The last one may have XPI_BATCH_FRAMES by itself.
 *
 * Context: Any.
 * Return: true if so.
 */
static inline bool xpi_batch_room(const struct xpi_batch *batch,
				  unsigned int nr_gfns)
{
	lockdep_assert_held(&batch->lock);

	return batch->nr < batch->size && batch->nr_frames < XPI_BATCH_FRAMES &&
	       (!batch->nr_gfns_max ||
		batch->nr_gfns + nr_gfns <= batch->nr_gfns_max);
}

/**
 * xpi_batch_drop() - forget what is queued
 * @batch: the queue, with the queue lock held
 *
 * Context: Any.
 */
static inline void xpi_batch_drop(struct xpi_batch *batch)
{
	lockdep_assert_held(&batch->lock);

	batch->nr = 0;
	batch->nr_gfns = 0;
	batch->nr_frames = 0;
	batch->open.left = 0;
	xpi_count(XPI_QUEUED_UNMAPS, -(u64)batch->nr_unmaps);
	batch->nr_unmaps = 0;
	batch->flushes = false;
}

#endif /* _XEN_PV_IOMMU_BATCH_H */
