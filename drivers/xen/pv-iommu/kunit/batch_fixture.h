/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites of the queue share: a queue, and what it reports. */

#ifndef _XEN_PV_IOMMU_KUNIT_BATCH_FIXTURE_H
#define _XEN_PV_IOMMU_KUNIT_BATCH_FIXTURE_H

#include "fixture.h"

#define QUEUE_SIZE	16
#define QUEUE_GFNS	128

/**
 * struct queue - a queue under test
 * @batch: itself
 * @failed: operations that it reported as failed
 * @nr_failed: of them
 */
struct queue {
	struct xpi_batch batch;
	struct xen_iommu_op failed[2 * QUEUE_SIZE];
	unsigned int nr_failed;
};

static inline void queue_failed(struct xpi_batch *batch,
				const struct xen_iommu_op *op)
{
	struct queue *q = container_of(batch, struct queue, batch);

	if (q->nr_failed < ARRAY_SIZE(q->failed))
		q->failed[q->nr_failed] = *op;
	q->nr_failed++;
}

static inline void queue_destroy(void *data)
{
	struct queue *q = data;

	xpi_batch_destroy(&q->batch);
}

static inline struct queue *queue_create_with(struct kunit *test,
					      unsigned int nr_gfns)
{
	struct queue *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_ASSERT_EQ(test, 0, xpi_batch_init(&q->batch, &model_backend,
						QUEUE_SIZE, nr_gfns,
						queue_failed));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, queue_destroy, q));
	return q;
}

static inline struct queue *queue_create(struct kunit *test)
{
	return queue_create_with(test, 0);
}

/* One that has lists, on a hypervisor that takes them. */
static inline struct queue *queue_create_lists(struct kunit *test)
{
	fixture_model(test)->caps.flags |= XEN_IOMMU_CAP_list;
	return queue_create_with(test, QUEUE_GFNS);
}

static inline unsigned int queue_room(struct queue *q)
{
	return q->batch.size - q->batch.nr;
}

static inline void queue_map(struct queue *q, u64 dfn, u64 gfn, u32 nr)
{
	unsigned long flags;

	xpi_batch_lock_room(&q->batch, 0, &flags);
	xpi_batch_map(&q->batch, dfn, gfn, nr,
		      XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable, 0);
	spin_unlock_irqrestore(&q->batch.lock, flags);
}

static inline void queue_list(struct queue *q, u64 dfn, const u64 *gfns, u32 nr)
{
	unsigned long flags;

	xpi_batch_lock_room(&q->batch, XPI_LIST_FRAMES, &flags);
	xpi_batch_map_list(&q->batch, dfn, gfns, nr,
			   XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable);
	spin_unlock_irqrestore(&q->batch.lock, flags);
}

static inline void queue_unmap(struct queue *q, u64 dfn, u64 nr, bool lazy)
{
	unsigned long flags;

	xpi_batch_lock_room(&q->batch, 0, &flags);
	xpi_batch_unmap(&q->batch, dfn, nr,
			lazy ? XEN_IOMMU_UNMAP_no_flush : 0);
	spin_unlock_irqrestore(&q->batch.lock, flags);
}

static inline void queue_submit(struct queue *q)
{
	xpi_batch_wait(&q->batch, q->batch.gen_all, XPI_CAUSE_SYNC);
}

static inline void queue_flush_all(struct queue *q)
{
	unsigned long flags;

	xpi_batch_lock_room(&q->batch, 0, &flags);
	xpi_batch_queue_flush(&q->batch);
	spin_unlock_irqrestore(&q->batch.lock, flags);
	xpi_batch_wait(&q->batch, q->batch.gen_all, XPI_CAUSE_FLUSH_ALL);
}

static inline bool queue_usable(struct queue *q)
{
	return xpi_batch_make_usable(&q->batch);
}

/* Have something mapped, and count from there on. */
static inline void queue_mapped(struct kunit *test, struct queue *q, u64 dfn,
				u64 gfn, u32 nr)
{
	queue_map(q, dfn, gfn, nr);
	queue_submit(q);
	KUNIT_ASSERT_EQ(test, gfn, model_gfn(fixture_model(test), dfn));
	model_count(fixture_model(test));
}

/* Three mappings, of which the second gets a fault. */
static inline void queue_three_maps(struct kunit *test, struct queue *q,
				    struct model_fault fault)
{
	fault.after = 1;
	model_fail(fixture_model(test), fault);
	queue_map(q, 100, 7000, 1);
	queue_map(q, 200, 8000, 3);
	queue_map(q, 300, 9000, 1);
	queue_submit(q);
}

#endif /* _XEN_PV_IOMMU_KUNIT_BATCH_FIXTURE_H */
