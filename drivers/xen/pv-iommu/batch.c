// SPDX-License-Identifier: GPL-2.0-only
/* Operations on their way to the hypervisor.  See batch.h. */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "batch.h"
#include "stats.h"
#include "trace.h"

static void complain(struct irq_work *work)
{
	struct xpi_batch *batch = container_of(work, struct xpi_batch, complaint);
	struct xen_iommu_op op;
	unsigned long flags;
	domid_t bad_owner;
	bool bad_page;
	int bad_flush;

	spin_lock_irqsave(&batch->submit_lock, flags);
	op = batch->bad_op;
	bad_flush = batch->bad_flush;
	bad_page = batch->bad_page;
	bad_owner = batch->bad_owner;
	batch->bad_op.status = 0;
	batch->bad_flush = 0;
	batch->bad_page = false;
	spin_unlock_irqrestore(&batch->submit_lock, flags);

	if (op.status && op.op == XEN_IOMMUOP_map &&
	    op.u.map.flags & XEN_IOMMU_MAP_gref)
		pr_err_ratelimited("the hypervisor refused to map a page of domain %u, its grant %llu, for a device (%d): the I/O fails\n",
				   op.u.map.domid, op.u.map.gfn, op.status);
	else if (op.status && op.op == XEN_IOMMUOP_map)
		pr_err_ratelimited("the hypervisor refused to map %u frames at dfn %#llx (%d)\n",
				   op.u.map.nr_frames, op.u.map.dfn, op.status);
	else if (op.status)
		pr_err_ratelimited("the hypervisor refused to unmap %llu frames at dfn %#llx (%d): they are not used again\n",
				   op.u.unmap.nr_frames, op.u.unmap.dfn,
				   op.status);
	if (bad_flush)
		pr_err_ratelimited("the hypervisor could not flush the IOTLB (%d): no new mappings until it can\n",
				   bad_flush);
	if (bad_page)
		pr_err_ratelimited("a page of domain %u is not mapped for a device, so its I/O fails: the hypervisor maps dom0's own memory only\n",
				   bad_owner);
}

/**
 * xpi_batch_foreign() - complain of a page that is another domain's
 * @batch: the queue, with no lock held
 * @owner: that domain
 *
 * Context: Any.
 */
void xpi_batch_foreign(struct xpi_batch *batch, domid_t owner)
{
	unsigned long flags;

	spin_lock_irqsave(&batch->submit_lock, flags);
	batch->bad_page = true;
	batch->bad_owner = owner;
	spin_unlock_irqrestore(&batch->submit_lock, flags);
	irq_work_queue(&batch->complaint);
}

/**
 * xpi_batch_init() - an empty queue
 * @batch: the queue
 * @backend: how it submits
 * @size: how many operations it holds
 * @nr_gfns: how many frames of lists: 0 for no lists, or XPI_LIST_FRAMES at least
 * @failed: called for each operation that failed for good, with the submit lock
 *	held
 *
 * Context: Process context.
 * Return: 0 or -ENOMEM.
 */
int xpi_batch_init(struct xpi_batch *batch, const struct xpi_backend *backend,
		   unsigned int size, unsigned int nr_gfns,
		   void (*failed)(struct xpi_batch *batch,
				  const struct xen_iommu_op *op))
{
	unsigned int nr_alone;

	*batch = (struct xpi_batch) {
		.backend = backend,
		.size = size,
		.nr_gfns_max = nr_gfns,
		.failed = failed,
		.gen = 1,
	};
	spin_lock_init(&batch->submit_lock);
	spin_lock_init(&batch->lock);
	init_irq_work(&batch->complaint, complain);
	batch->ops = kvmalloc_array(size, sizeof(*batch->ops), GFP_KERNEL);
	batch->frames = kvmalloc_array(size, sizeof(*batch->frames),
				       GFP_KERNEL);
	batch->spare.ops = kvmalloc_array(size, sizeof(*batch->ops),
					  GFP_KERNEL);
	batch->spare.frames = kvmalloc_array(size, sizeof(*batch->frames),
					     GFP_KERNEL);
	batch->gfns = kvmalloc_array(nr_gfns, sizeof(*batch->gfns), GFP_KERNEL);
	batch->spare.gfns = kvmalloc_array(nr_gfns, sizeof(*batch->gfns),
					   GFP_KERNEL);
	nr_alone = nr_gfns ? XPI_LIST_FRAMES : 0;
	batch->alone = kvmalloc_array(nr_alone, sizeof(*batch->alone),
				      GFP_KERNEL);
	batch->alone_frames = kvmalloc_array(nr_alone,
					     sizeof(*batch->alone_frames),
					     GFP_KERNEL);
	/* Without lists their arrays are ZERO_SIZE_PTR. */
	if (batch->ops && batch->frames && batch->gfns && batch->alone &&
	    batch->alone_frames && batch->spare.ops && batch->spare.frames &&
	    batch->spare.gfns)
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
	kvfree(batch->alone_frames);
	kvfree(batch->alone);
	kvfree(batch->spare.gfns);
	kvfree(batch->gfns);
	kvfree(batch->spare.frames);
	kvfree(batch->spare.ops);
	kvfree(batch->frames);
	kvfree(batch->ops);
}

/* Whoever calls this sets what is particular to the operation, all of it. */
static struct xen_iommu_op *add(struct xpi_batch *batch, u16 op)
{
	struct xen_iommu_op *new;

	lockdep_assert_held(&batch->lock);

	new = &batch->ops[batch->nr++];
	new->op = op;
	new->ctx = batch->ctx;
	new->status = XPI_STATUS_UNREACHED;
	batch->open.left = 0;
	batch->gen_all = batch->gen;

	return new;
}

/* The last operation may go on as a list, of which there are @nr frames. */
static void leave_open(struct xpi_batch *batch, u64 dfn, u32 nr, u16 flags,
		       u64 *next)
{
	unsigned int used = next ? nr : 0;

	if (batch->nr_gfns - used + XPI_LIST_FRAMES > batch->nr_gfns_max)
		return;

	batch->open.left = XPI_LIST_FRAMES - nr;
	batch->open.flags = flags;
	batch->open.dfn = dfn + nr;
	batch->open.next = next;
}

/* Does a mapping that may go into a list go on where the last operation ends? */
static bool joins(const struct xpi_batch *batch, u64 dfn, u32 nr, u16 flags)
{
	return nr <= batch->open.left && dfn == batch->open.dfn &&
	       flags == batch->open.flags;
}

/* Make the last operation, which is open, a list. */
static void make_list(struct xpi_batch *batch, struct xen_iommu_op_map *map)
{
	u64 *list = batch->gfns + batch->nr_gfns;
	u32 i;

	for (i = 0; i < map->nr_frames; i++)
		list[i] = map->gfn + i;
	batch->nr_gfns += map->nr_frames;
	batch->open.next = list + map->nr_frames;
	map->gfn = (unsigned long)list;
	map->flags |= XEN_IOMMU_MAP_list;
}

/* Have the last operation, which is open, go on; returns where its frames go. */
static __always_inline u64 *extend(struct xpi_batch *batch, u32 nr)
{
	struct xen_iommu_op_map *map = &batch->ops[batch->nr - 1].u.map;
	u64 *list;

	if (unlikely(!batch->open.next))
		make_list(batch, map);

	list = batch->open.next;
	batch->open.next += nr;
	batch->open.dfn += nr;
	batch->open.left -= nr;
	batch->nr_gfns += nr;
	batch->nr_frames += nr;
	map->nr_frames += nr;
	batch->frames[batch->nr - 1] = map->nr_frames;
	return list;
}

static void add_map(struct xpi_batch *batch, u64 dfn, u64 gfn, u32 nr_frames,
		    u16 flags, domid_t owner)
{
	struct xen_iommu_op *op = add(batch, XEN_IOMMUOP_map);

	op->u.map = (struct xen_iommu_op_map) {
		.dfn = dfn,
		.gfn = gfn,
		.nr_frames = nr_frames,
		.flags = flags,
		.domid = owner,
	};
	batch->frames[batch->nr - 1] = nr_frames;
	batch->nr_frames += nr_frames;
	xpi_count(XPI_OPS_MAP, 1);
}

/**
 * xpi_batch_map() - queue a mapping
 * @batch: the queue, with the queue lock held and xpi_batch_room()
 * @dfn: first device frame
 * @gfn: first guest frame, or a grant reference
 * @nr_frames: contiguous on both sides; at most XPI_BATCH_FRAMES
 * @flags: XEN_IOMMU_MAP_*
 * @owner: whose grant it is; else 0
 *
 * Context: Any.
 */
void xpi_batch_map(struct xpi_batch *batch, u64 dfn, u64 gfn, u32 nr_frames,
		   u16 flags, domid_t owner)
{
	bool is_short = nr_frames < XPI_SHORT_RUN;
	u64 *list;
	u32 i;

	if (is_short && joins(batch, dfn, nr_frames, flags)) {
		list = extend(batch, nr_frames);
		for (i = 0; i < nr_frames; i++)
			list[i] = gfn + i;
	} else {
		add_map(batch, dfn, gfn, nr_frames, flags, owner);
		if (is_short && !(flags & XEN_IOMMU_MAP_gref))
			leave_open(batch, dfn, nr_frames, flags, NULL);
	}
	WRITE_ONCE(batch->gen_map, batch->gen);

	xpi_count(XPI_FRAMES_MAP, nr_frames);
	if (unlikely(flags & XEN_IOMMU_MAP_gref))
		xpi_count(XPI_FRAMES_GRANTED, nr_frames);
	trace_xpi_map(dfn, gfn, nr_frames, flags, owner);
}

/**
 * xpi_batch_map_one() - queue a mapping of one frame of dom0's
 * @batch: the queue, with the queue lock held and xpi_batch_room()
 * @dfn: device frame
 * @gfn: guest frame
 * @flags: XEN_IOMMU_MAP_*
 *
 * What lists are made of, one call for each frame.
 *
 * Context: Any.
 */
void xpi_batch_map_one(struct xpi_batch *batch, u64 dfn, u64 gfn, u16 flags)
{
	if (!joins(batch, dfn, 1, flags) || !batch->open.next) {
		xpi_batch_map(batch, dfn, gfn, 1, flags, 0);
		return;
	}

	*extend(batch, 1) = gfn;
	WRITE_ONCE(batch->gen_map, batch->gen);
	xpi_count(XPI_FRAMES_MAP, 1);
	trace_xpi_map(dfn, gfn, 1, flags, 0);
}

/**
 * xpi_batch_map_list() - queue a mapping of frames that are anywhere
 * @batch: the queue, with the queue lock held and xpi_batch_room()
 * @dfn: first device frame
 * @gfns: the guest frames
 * @nr_frames: of them; at most XPI_LIST_FRAMES
 * @flags: XEN_IOMMU_MAP_*
 *
 * Context: Any.
 */
void xpi_batch_map_list(struct xpi_batch *batch, u64 dfn, const u64 *gfns,
			u32 nr_frames, u16 flags)
{
	u64 *list;

	if (joins(batch, dfn, nr_frames, flags)) {
		list = extend(batch, nr_frames);
	} else {
		list = batch->gfns + batch->nr_gfns;
		batch->nr_gfns += nr_frames;
		add_map(batch, dfn, (unsigned long)list, nr_frames,
			flags | XEN_IOMMU_MAP_list, 0);
		leave_open(batch, dfn, nr_frames, flags, list + nr_frames);
	}
	memcpy(list, gfns, nr_frames * sizeof(*list));
	WRITE_ONCE(batch->gen_map, batch->gen);

	xpi_count(XPI_FRAMES_MAP, nr_frames);
	trace_xpi_map(dfn, *gfns, nr_frames, flags | XEN_IOMMU_MAP_list, 0);
}

/**
 * xpi_batch_unmap() - queue an unmapping
 * @batch: the queue, with the queue lock held and xpi_batch_room()
 * @dfn: first device frame
 * @nr_frames: of them; at most XPI_BATCH_FRAMES
 * @flags: XEN_IOMMU_UNMAP_*; with no_flush, the IOTLB need not be flushed before
 *	the next xpi_batch_queue_flush()
 *
 * Context: Any.
 */
void xpi_batch_unmap(struct xpi_batch *batch, u64 dfn, u64 nr_frames,
		     u32 flags)
{
	bool lazy = flags & XEN_IOMMU_UNMAP_no_flush;
	struct xen_iommu_op *op = add(batch, XEN_IOMMUOP_unmap);

	op->u.unmap = (struct xen_iommu_op_unmap) {
		.dfn = dfn,
		.nr_frames = nr_frames,
		.flags = flags,
	};
	batch->frames[batch->nr - 1] = nr_frames;
	batch->nr_frames += nr_frames;
	if (lazy) {
		batch->unflushed = true;
	} else {
		batch->flushes = true;
		WRITE_ONCE(batch->gen_strict, batch->gen);
	}
	batch->nr_unmaps++;

	xpi_count(XPI_QUEUED_UNMAPS, 1);
	xpi_count(lazy ? XPI_OPS_UNMAP_LAZY : XPI_OPS_UNMAP, 1);
	xpi_count(XPI_FRAMES_UNMAP, nr_frames);
	trace_xpi_unmap(op);
}

/**
 * xpi_batch_queue_flush() - queue the IOTLB flush that lazy unmaps wait for
 * @batch: the queue, with the queue lock held and xpi_batch_room()
 *
 * Context: Any.
 */
void xpi_batch_queue_flush(struct xpi_batch *batch)
{
	/* Who has queued one since may have it under way: that is for who waits. */
	if (!batch->unflushed) {
		xpi_count(XPI_FLUSH_ALL_EMPTY, 1);
		return;
	}

	add(batch, XEN_IOMMUOP_flush)->u.flush = (struct xen_iommu_op_flush) {
		.flags = XEN_IOMMU_FLUSH_all,
	};
	xpi_count(XPI_OPS_FLUSH, 1);
	batch->flushes = true;
	batch->unflushed = false;
}

/**
 * xpi_batch_lock_room() - take the queue lock, with room in the queue
 * @batch: the queue, with no lock held
 * @nr_gfns: as for xpi_batch_room()
 * @flags: OUT: for spin_unlock_irqrestore()
 *
 * What is queued is submitted if it is in the way, again and again if others are
 * faster to fill the queue.
 *
 * Context: Any.
 */
void xpi_batch_lock_room(struct xpi_batch *batch, unsigned int nr_gfns,
			 unsigned long *flags)
	__acquires(&batch->lock)
{
	spin_lock_irqsave(&batch->lock, *flags);
	while (unlikely(!xpi_batch_room(batch, nr_gfns))) {
		unsigned long full = batch->gen;

		spin_unlock_irqrestore(&batch->lock, *flags);
		xpi_batch_wait(batch, full, XPI_CAUSE_FULL);
		spin_lock_irqsave(&batch->lock, *flags);
	}
}
