// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue: calls that fail, end early or lie, flushes that fail, and what
 * another CPU sees of a call that is under way.
 */

#include "batch_fixture.h"

static const int call_errors[] = {
	-EPERM, -E2BIG, -EINVAL, -EFAULT, -EIO, -EOPNOTSUPP, 1,
};

static const int transient_errors[] = { -EAGAIN, -EBUSY, -EINTR, -ENOMEM };

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%d", *err);
}

KUNIT_ARRAY_PARAM(call, call_errors, error_name);
KUNIT_ARRAY_PARAM(transient, transient_errors, error_name);

/* Calls beside those that flush because a call has failed. */
static unsigned int calls(struct kunit *test)
{
	struct model *m = fixture_model(test);

	return m->calls - m->ops[XEN_IOMMUOP_flush];
}

static void map_ten(struct queue *q)
{
	unsigned int i;

	for (i = 0; i < 10; i++)
		queue_map(q, 100 + i, 7000 + 2 * i, 1);
	queue_submit(q);
}

static void a_call_that_fails_fails_all_its_operations(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	unsigned int i;

	model_fail(m, (struct model_fault) {
		.kind = MODEL_CALL, .times = 1,
		.err = *(const int *)test->param_value,
	});
	map_ten(q);
	KUNIT_EXPECT_EQ(test, 1U, calls(test));
	KUNIT_ASSERT_EQ(test, 10U, q->nr_failed);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, 100ULL + i, q->failed[i].u.map.dfn);
		KUNIT_EXPECT_EQ(test, -EIO, q->failed[i].status);
	}
}

static void a_call_that_fails_for_now_is_made_again(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_CALL, .times = 3,
		.err = *(const int *)test->param_value,
	});
	map_ten(q);
	KUNIT_EXPECT_EQ(test, 4U, m->calls);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 10UL, model_nr_mapped(m));
}

static void a_call_that_fails_for_ever_is_given_up(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_CALL, .times = MODEL_ALWAYS,
		.err = *(const int *)test->param_value,
	});
	map_ten(q);
	/* Nor do the flushes get anywhere that there may be then. */
	KUNIT_EXPECT_LE(test, m->calls, 4U + 3 * 4);
	KUNIT_EXPECT_EQ(test, 10U, q->nr_failed);
}

static void a_call_that_ends_early_fails_what_it_did_not_reach(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .after = 6, .times = 1, .err = -EFAULT,
	});
	map_ten(q);
	KUNIT_EXPECT_EQ(test, 1U, calls(test));
	KUNIT_ASSERT_EQ(test, 4U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 106ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, 6UL, model_nr_mapped(m));
}

static void a_call_that_ends_early_goes_on_where_it_ended(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .after = 6, .times = 2,
		.err = *(const int *)test->param_value,
	});
	map_ten(q);
	KUNIT_EXPECT_EQ(test, 3U, calls(test));
	KUNIT_EXPECT_EQ(test, 10U, m->ops[XEN_IOMMUOP_map]);
	KUNIT_EXPECT_EQ(test, 0U, m->not_preset);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
}

static void stop_again(struct model *m, void *data)
{
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .times = 1, .err = -EAGAIN,
	});
	m->hook_op = m->nr_ops + 1;
	m->hook = stop_again;
}

/* However often it is interrupted: as long as it gets on, it is let. */
static void a_call_that_gets_on_is_never_given_up(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	m->hook_op = 1;
	m->hook = stop_again;
	map_ten(q);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_GE(test, m->calls, 10U);
	KUNIT_EXPECT_EQ(test, 10U, m->ops[XEN_IOMMUOP_map]);
	m->hook = NULL;
}

/* The return value says all is well; the statuses say it is not. */
static void a_status_that_was_not_written_is_a_failure(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .after = 8, .times = 1, .err = 0,
	});
	map_ten(q);
	KUNIT_ASSERT_EQ(test, 2U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 108ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, 1U, calls(test));
}

static void a_hole_in_the_statuses_fails_that_one_only(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_MUTE, .after = 4, .times = 1,
	});
	map_ten(q);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 104ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, 10U, m->ops[XEN_IOMMUOP_map]);
}

static void a_positive_status_is_a_failure(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_LIE, .after = 4, .times = 2, .err = 1,
	});
	map_ten(q);
	KUNIT_ASSERT_EQ(test, 2U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, -EIO, q->failed[0].status);
}

/* Flushes that fail. */

static void fail_flushes(struct kunit *test, unsigned int times)
{
	struct model *m = fixture_model(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_NO_FLUSH, .times = times, .err = -EIO,
	});
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush, .times = times,
		.err = -EIO,
	});
}

static void a_failed_flush_is_made_up_for_at_once(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	fail_flushes(test, 1);
	queue_unmap(q, 100, 4, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

static void while_flushes_fail_the_queue_is_unusable(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	fail_flushes(test, MODEL_ALWAYS);
	queue_unmap(q, 100, 4, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_stale(m));
	KUNIT_EXPECT_FALSE(test, queue_usable(q));
	KUNIT_EXPECT_FALSE(test, queue_usable(q));

	/* Nor does a flush of nothing make it usable. */
	queue_flush_all(q);
	KUNIT_EXPECT_FALSE(test, queue_usable(q));

	model_heal(m);
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static void a_failed_flush_operation_is_made_up_for(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush, .times = 2,
		.err = *(const int *)test->param_value,
	});
	queue_unmap(q, 100, 4, true);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

static void a_flush_that_was_not_reached_is_made_up_for(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 4);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .op = XEN_IOMMUOP_flush, .times = 1,
		.err = -EFAULT,
	});
	queue_unmap(q, 100, 4, true);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

/* What a call has unmapped whose statuses or flush got lost. */

static void an_unmap_that_is_done_in_part_is_flushed(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_PARTLY, .times = 1,
	});
	queue_unmap(q, 100, 8, false);
	queue_submit(q);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, -EIO, q->failed[0].status);
	KUNIT_EXPECT_EQ(test, 8ULL, q->failed[0].u.unmap.nr_frames);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_refs(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

static void unflushed_parts_make_the_queue_unusable(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_PARTLY, .times = 1,
	});
	fail_flushes(test, MODEL_ALWAYS);
	queue_unmap(q, 100, 8, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_stale(m));
	KUNIT_EXPECT_FALSE(test, queue_usable(q));

	model_heal(m);
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_refs(m));
}

/* Three unmaps; the call's flush fails, and as often those to make up for it */
static void three_unflushed_unmaps(struct kunit *test, struct queue *q,
				   unsigned int times)
{
	fail_flushes(test, times);
	queue_unmap(q, 100, 2, false);
	queue_unmap(q, 102, 4, false);
	queue_unmap(q, 106, 2, false);
	queue_submit(q);
}

static void unmaps_without_a_status_are_flushed(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_MUTE, .op = XEN_IOMMUOP_unmap, .after = 1,
		.times = 2,
	});
	three_unflushed_unmaps(test, q, 1);
	KUNIT_EXPECT_EQ(test, 2U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

static void unmaps_without_a_status_or_a_flush_are_unusable(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_MUTE, .op = XEN_IOMMUOP_unmap, .times = 3,
	});
	three_unflushed_unmaps(test, q, MODEL_ALWAYS);
	KUNIT_EXPECT_EQ(test, 3U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_stale(m));
	KUNIT_EXPECT_FALSE(test, queue_usable(q));

	model_heal(m);
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

/* The return value is about the end; the flush is missing all the same. */
static void a_call_that_ends_early_may_not_have_flushed(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .op = XEN_IOMMUOP_unmap, .after = 2,
		.times = 1, .err = -EFAULT,
	});
	three_unflushed_unmaps(test, q, 1);
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 106ULL, q->failed[0].u.unmap.dfn);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 2UL, model_nr_refs(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

static void a_call_that_goes_on_may_not_have_flushed(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .op = XEN_IOMMUOP_unmap, .after = 2,
		.times = 1, .err = *(const int *)test->param_value,
	});
	three_unflushed_unmaps(test, q, 1);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_TRUE(test, queue_usable(q));
}

/* Two CPUs. */

static void submit(void *data)
{
	queue_submit(data);
}

static void flush_all(void *data)
{
	queue_flush_all(data);
}

static void a_flush_waits_for_another_cpus_drain(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	struct fixture_race race = {
		.work = flush_all, .data = q,
	};

	queue_mapped(test, q, 100, 7000, 8);
	queue_unmap(q, 100, 2, true);
	queue_unmap(q, 102, 2, true);
	queue_unmap(q, 104, 4, true);
	fixture_race_begin(test, &race, 2);
	queue_submit(q);
	fixture_race_end(test, &race);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void a_submission_waits_for_another_cpus_flush(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	struct fixture_race race = {
		.work = submit, .data = q,
	};

	queue_mapped(test, q, 100, 7000, 8);
	queue_unmap(q, 100, 2, false);
	queue_unmap(q, 102, 2, true);
	queue_map(q, 200, 8000, 1);
	fixture_race_begin(test, &race, 2);
	queue_flush_all(q);
	fixture_race_end(test, &race);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 8000ULL, model_gfn(m, 200));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_call_that_fails_fails_all_its_operations,
			 call_gen_params),
	KUNIT_CASE_PARAM(a_call_that_fails_for_now_is_made_again,
			 transient_gen_params),
	KUNIT_CASE_PARAM(a_call_that_fails_for_ever_is_given_up,
			 transient_gen_params),
	KUNIT_CASE(a_call_that_ends_early_fails_what_it_did_not_reach),
	KUNIT_CASE_PARAM(a_call_that_ends_early_goes_on_where_it_ended,
			 transient_gen_params),
	KUNIT_CASE(a_call_that_gets_on_is_never_given_up),
	KUNIT_CASE(a_status_that_was_not_written_is_a_failure),
	KUNIT_CASE(a_hole_in_the_statuses_fails_that_one_only),
	KUNIT_CASE(a_positive_status_is_a_failure),
	KUNIT_CASE(a_failed_flush_is_made_up_for_at_once),
	KUNIT_CASE(while_flushes_fail_the_queue_is_unusable),
	KUNIT_CASE_PARAM(a_failed_flush_operation_is_made_up_for,
			 transient_gen_params),
	KUNIT_CASE(a_flush_that_was_not_reached_is_made_up_for),
	KUNIT_CASE(an_unmap_that_is_done_in_part_is_flushed),
	KUNIT_CASE(unflushed_parts_make_the_queue_unusable),
	KUNIT_CASE(unmaps_without_a_status_are_flushed),
	KUNIT_CASE(unmaps_without_a_status_or_a_flush_are_unusable),
	KUNIT_CASE(a_call_that_ends_early_may_not_have_flushed),
	KUNIT_CASE_PARAM(a_call_that_goes_on_may_not_have_flushed,
			 transient_gen_params),
	KUNIT_CASE(a_flush_waits_for_another_cpus_drain),
	KUNIT_CASE(a_submission_waits_for_another_cpus_flush),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-batch-call",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
