// SPDX-License-Identifier: GPL-2.0-only
/* The queue: what is submitted when, and what becomes of each status. */

#include "batch_fixture.h"

static void an_empty_queue_makes_no_call(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_submit(q);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
}

static void what_is_queued_goes_in_one_call_and_in_order(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	unsigned int i;

	for (i = 0; i < 8; i++)
		queue_map(q, 100 + 2 * i, 7000 + i, 1);
	queue_unmap(q, 100, 1, false);
	queue_map(q, 100, 8000, 1);
	KUNIT_EXPECT_EQ(test, 0U, m->calls);

	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_ASSERT_EQ(test, 10U, m->nr_log);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, 100 + 2 * i, m->log[i].u.map.dfn);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_unmap, m->log[8].op);
	KUNIT_EXPECT_EQ(test, 8000ULL, model_gfn(m, 100));
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 0U, m->not_preset);
}

static void nothing_is_submitted_twice(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_map(q, 100, 7000, 1);
	queue_submit(q);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->ops[XEN_IOMMUOP_map]);
}

static void a_full_queue_is_submitted_to_make_room(struct kunit *test)
{
	u64 full = xpi_counted(XPI_SUBMIT_FULL);
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	unsigned int i;

	for (i = 0; i < QUEUE_SIZE; i++)
		queue_map(q, i, 7000 + i, 1);
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
	KUNIT_EXPECT_EQ(test, 0U, queue_room(q));
	queue_map(q, i, 7000 + i, 1);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, (unsigned int)QUEUE_SIZE, m->nr_ops);
	KUNIT_EXPECT_EQ(test, full + 1, xpi_counted(XPI_SUBMIT_FULL));
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, QUEUE_SIZE + 1U, m->nr_ops);
}

static void making_room_submits_no_more_often_than_it_has_to(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < QUEUE_SIZE; i++) {
		KUNIT_EXPECT_EQ(test, 0U, m->calls);
		queue_map(q, i, 7000 + 2 * i, 1);
	}
	for (i = 0; i < 2; i++) {
		xpi_batch_lock_room(&q->batch, 0, &flags);
		spin_unlock_irqrestore(&q->batch.lock, flags);
		KUNIT_EXPECT_EQ(test, 1U, m->calls);
	}
}

/* Lists, of which a queue holds so many frames. */

static const u64 three[] = { 7000, 7013, 7002 };

static void a_list_is_one_operation(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create_lists(test);
	unsigned int i;

	queue_list(q, 100, three, ARRAY_SIZE(three));
	queue_list(q, 110, three + 1, 1);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 2U, m->nr_ops);
	for (i = 0; i < ARRAY_SIZE(three); i++)
		KUNIT_EXPECT_EQ(test, three[i], model_gfn(m, 100 + i));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 103));
	KUNIT_EXPECT_EQ(test, three[1], model_gfn(m, 110));
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
}

static void a_queue_that_is_full_of_lists_is_submitted(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create_lists(test);
	unsigned int i, nr = ARRAY_SIZE(three);
	static const u64 more[15] = {
		6001, 6005, 6003, 6010, 6012, 6009, 6020, 6022, 6018, 6030,
		6040, 6050, 6060, 6070, 6080,
	};

	/* After that there is no room for the longest list. */
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, 0U, m->calls);
		queue_list(q, 100 + 20 * i, more, 15);
	}
	/* But for what needs none there is. */
	queue_unmap(q, 50, 1, true);
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
	queue_list(q, 300, three, nr);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 5UL * 15 + nr, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, three[2], model_gfn(m, 302));
}

/* The list is still there when it is read again, whatever is queued meanwhile. */
static void a_list_is_tried_again_as_it_was(struct kunit *test)
{
	static const u64 others[] = { 9000, 9001, 9002 };
	struct model *m = fixture_model(test);
	struct queue *q = queue_create_lists(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .times = 2, .err = -EAGAIN,
	});
	queue_list(q, 100, three, ARRAY_SIZE(three));
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 3U, m->calls);
	KUNIT_EXPECT_EQ(test, three[1], model_gfn(m, 101));
	queue_list(q, 200, others, ARRAY_SIZE(others));
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, others[1], model_gfn(m, 201));
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
}

static void a_refused_list_is_tried_frame_by_frame(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create_lists(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .times = 2, .err = -EPERM,
	});
	queue_list(q, 100, three, ARRAY_SIZE(three));
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 100ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, 1U, q->failed[0].u.map.nr_frames);
	KUNIT_EXPECT_EQ(test, 2UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, three[2], model_gfn(m, 102));
}

static void a_list_in_a_call_that_fails_fails(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create_lists(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_CALL, .times = 1, .err = -EFAULT,
	});
	queue_list(q, 100, three, ARRAY_SIZE(three));
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 3U, q->failed[0].u.map.nr_frames);
}

static void a_mapping_carries_what_it_was_given(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	unsigned long flags;

	xpi_batch_lock_room(&q->batch, 0, &flags);
	xpi_batch_map(&q->batch, 100, 7000, 5, XEN_IOMMU_MAP_readable, 0);
	spin_unlock_irqrestore(&q->batch.lock, flags);
	queue_submit(q);

	KUNIT_EXPECT_EQ(test, 7004ULL, model_gfn(m, 104));
	KUNIT_EXPECT_EQ(test, (u64)XEN_IOMMU_MAP_readable, model_flags(m, 104));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 105));
}

static void a_strict_unmap_flushes_at_the_end_of_the_call(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	queue_unmap(q, 100, 4, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void a_lazy_unmap_waits_for_flush_all(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	queue_unmap(q, 100, 4, true);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 100));
	KUNIT_EXPECT_EQ(test, 7000ULL, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 1UL, model_refs(m, 7000));

	/* The unmap is long gone; the flush is owed all the same. */
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
}

static void flush_all_submits_what_is_queued_and_one_flush(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	queue_unmap(q, 100, 1, true);
	queue_unmap(q, 102, 2, true);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_flush, m->log[2].op);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 7001ULL, model_access(m, 101));
}

static void flush_all_without_unmaps_flushes_nothing(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 1);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0U, m->calls);

	queue_unmap(q, 100, 1, true);
	queue_flush_all(q);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
}

/* Statuses that no second try can change, and one that is not a status. */
static const int fatal_errors[] = {
	-EINVAL, -EEXIST, -EPERM, -EOPNOTSUPP, -ENOENT, -EIO, -EFAULT, -E2BIG,
	-ENODEV, -ENOSPC, -ENOBUFS, -EALREADY, -ECONNRESET, 1, 4711,
};

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%d", *err);
}

KUNIT_ARRAY_PARAM(fatal, fatal_errors, error_name);

static void a_refused_map_is_reported_once_and_alone(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_three_maps(test, q, (struct model_fault) {
		.kind = MODEL_STATUS, .times = 1, .err = err,
	});
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 200ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, 3U, q->failed[0].u.map.nr_frames);
	KUNIT_EXPECT_EQ(test, err < 0 ? err : -EIO, q->failed[0].status);
	KUNIT_EXPECT_EQ(test, 7000ULL, model_gfn(m, 100));
	KUNIT_EXPECT_EQ(test, 9000ULL, model_gfn(m, 300));
}

static void an_unmap_of_nothing_is_no_failure(struct kunit *test)
{
	u64 absent = xpi_counted(XPI_UNMAP_ABSENT);
	struct queue *q = queue_create(test);

	queue_unmap(q, 100, 8, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, absent + 1, xpi_counted(XPI_UNMAP_ABSENT));
}

static void an_unmap_that_fails_is_reported(struct kunit *test)
{
	u64 failed = xpi_counted(XPI_UNMAP_FAILED);
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EIO,
	});
	queue_unmap(q, 100, 8, false);
	queue_submit(q);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 8ULL, q->failed[0].u.unmap.nr_frames);
	KUNIT_EXPECT_EQ(test, failed + 1, xpi_counted(XPI_UNMAP_FAILED));
}

/* But for -ENOENT, which is all that an unmap is for. */
static void a_refused_unmap_is_reported_once_and_alone(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .after = 1,
		.times = 1, .err = err,
	});
	queue_unmap(q, 100, 2, false);
	queue_unmap(q, 102, 4, false);
	queue_unmap(q, 106, 2, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 3U, m->ops[XEN_IOMMUOP_unmap]);
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
	KUNIT_ASSERT_EQ(test, err == -ENOENT ? 0U : 1U, q->nr_failed);
	if (err == -ENOENT)
		return;
	KUNIT_EXPECT_EQ(test, 102ULL, q->failed[0].u.unmap.dfn);
	KUNIT_EXPECT_EQ(test, 4ULL, q->failed[0].u.unmap.nr_frames);
	KUNIT_EXPECT_EQ(test, err < 0 ? err : -EIO, q->failed[0].status);
}

static void a_refused_flush_is_made_up_for(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	struct model_fault fault = {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush, .times = 1,
		.err = *(const int *)test->param_value,
	};

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, fault);
	queue_unmap(q, 100, 4, true);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_refs(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));

	fault.times = MODEL_ALWAYS;
	model_fail(m, fault);
	queue_unmap(q, 104, 4, true);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_stale(m));
	KUNIT_EXPECT_FALSE(test, queue_usable(q));
	model_heal(m);
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(an_empty_queue_makes_no_call),
	KUNIT_CASE(what_is_queued_goes_in_one_call_and_in_order),
	KUNIT_CASE(nothing_is_submitted_twice),
	KUNIT_CASE(a_full_queue_is_submitted_to_make_room),
	KUNIT_CASE(making_room_submits_no_more_often_than_it_has_to),
	KUNIT_CASE(a_list_is_one_operation),
	KUNIT_CASE(a_queue_that_is_full_of_lists_is_submitted),
	KUNIT_CASE(a_list_is_tried_again_as_it_was),
	KUNIT_CASE(a_refused_list_is_tried_frame_by_frame),
	KUNIT_CASE(a_list_in_a_call_that_fails_fails),
	KUNIT_CASE(a_mapping_carries_what_it_was_given),
	KUNIT_CASE(a_strict_unmap_flushes_at_the_end_of_the_call),
	KUNIT_CASE(a_lazy_unmap_waits_for_flush_all),
	KUNIT_CASE(flush_all_submits_what_is_queued_and_one_flush),
	KUNIT_CASE(flush_all_without_unmaps_flushes_nothing),
	KUNIT_CASE_PARAM(a_refused_map_is_reported_once_and_alone,
			 fatal_gen_params),
	KUNIT_CASE(an_unmap_of_nothing_is_no_failure),
	KUNIT_CASE(an_unmap_that_fails_is_reported),
	KUNIT_CASE_PARAM(a_refused_unmap_is_reported_once_and_alone,
			 fatal_gen_params),
	KUNIT_CASE_PARAM(a_refused_flush_is_made_up_for, fatal_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-batch",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
