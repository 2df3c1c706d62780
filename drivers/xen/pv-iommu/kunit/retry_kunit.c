// SPDX-License-Identifier: GPL-2.0-only
/* The queue: operations that fail for now, and are tried again. */

#include "batch_fixture.h"

/* Statuses that a second try may change. */
static const int transient_errors[] = { -EAGAIN, -EBUSY, -EINTR, -ENOMEM };

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%d", *err);
}

KUNIT_ARRAY_PARAM(transient, transient_errors, error_name);

static void a_transient_error_is_tried_again(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_three_maps(test, q, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 3,
		.err = err,
	});
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 8002ULL, model_gfn(m, 202));
	KUNIT_EXPECT_EQ(test, 0U, m->not_preset);
}

static void a_lasting_transient_error_is_reported(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_three_maps(test, q, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map,
		.times = MODEL_ALWAYS, .err = err,
	});
	/* The third, too; the first one was before it all began. */
	KUNIT_ASSERT_EQ(test, 2U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 200ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, err, q->failed[0].status);
	KUNIT_EXPECT_EQ(test, 300ULL, q->failed[1].u.map.dfn);
	KUNIT_EXPECT_LE(test, m->calls, 20U);
}

/* So that the hypervisor can free what it keeps for unmapped frames. */
static void without_memory_a_flush_comes_before_the_next_try(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 50, 6000, 1);
	queue_unmap(q, 50, 1, true);
	queue_three_maps(test, q, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 1,
		.err = -ENOMEM,
	});
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_ASSERT_EQ(test, 6U, m->nr_log);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_flush, m->log[4].op);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_map, m->log[5].op);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static void without_memory_and_flush_it_is_not_tried_again(struct kunit *test)
{
	struct queue *q = queue_create(test);

	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush,
		.times = MODEL_ALWAYS, .err = -EIO,
	});
	queue_three_maps(test, q, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 1,
		.err = -ENOMEM,
	});
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, -ENOMEM, q->failed[0].status);
}

/* Else the later one would come first. */
static void no_second_try_across_a_later_one_for_the_frames(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EBUSY,
	});
	queue_unmap(q, 100, 8, false);
	queue_map(q, 107, 9000, 1);
	queue_submit(q);

	/* The map found the frame in use; nobody took that frame away later. */
	KUNIT_EXPECT_EQ(test, 1U, m->ops[XEN_IOMMUOP_unmap]);
	KUNIT_ASSERT_EQ(test, 2U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_unmap, q->failed[0].op);
	KUNIT_EXPECT_EQ(test, -EEXIST, q->failed[1].status);
	KUNIT_EXPECT_EQ(test, 7007ULL, model_gfn(m, 107));
}

static void a_map_is_not_tried_again_after_its_unmap(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 1,
		.err = -EAGAIN,
	});
	queue_map(q, 100, 7000, 8);
	queue_unmap(q, 96, 5, false);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
}

static void operations_beside_it_do_not_hinder_a_second_try(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EBUSY,
	});
	queue_unmap(q, 100, 8, true);
	queue_map(q, 108, 9000, 4);
	queue_map(q, 96, 9100, 4);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 2U, m->ops[XEN_IOMMUOP_unmap]);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 0UL, model_refs(m, 7000));
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_refs(m));
}

/* Its second try comes behind the flush that should have been its own. */
static void a_lazy_unmap_that_is_tried_again_is_flushed(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 100, 7000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = *(const int *)test->param_value,
	});
	queue_unmap(q, 100, 8, true);
	queue_flush_all(q);
	KUNIT_EXPECT_EQ(test, 0U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_refs(m, 7000));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));

	queue_map(q, 100, 8000, 8);
	queue_submit(q);
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
	KUNIT_EXPECT_EQ(test, 8000ULL, model_access(m, 100));
}

/* However many there are, in their order; others that fail are not in the way. */
static void all_that_can_be_is_tried_again_in_one_call(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);
	unsigned int i;

	queue_mapped(test, q, 50, 6000, 1);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 8,
		.err = err,
	});
	for (i = 0; i < 8; i++)
		queue_map(q, 100 + i, 7000 + 2 * i, 1);
	queue_map(q, 50, 6100, 1);
	queue_unmap(q, 50, 1, false);
	queue_submit(q);

	KUNIT_EXPECT_EQ(test, err == -ENOMEM ? 3U : 2U, m->calls);
	KUNIT_EXPECT_EQ(test, 8U + 1 + 8, m->ops[XEN_IOMMUOP_map]);
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, 7000ULL + 2 * i, model_gfn(m, 100 + i));
		KUNIT_EXPECT_EQ(test, 100ULL + i,
				m->log[m->nr_log - 8 + i].u.map.dfn);
	}
	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 50ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, -EEXIST, q->failed[0].status);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 50));
}

/* One that never works does not keep another from being tried. */
static void a_hopeless_one_does_not_hinder_another(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct queue *q = queue_create(test);

	queue_mapped(test, q, 300, 7300, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map,
		.times = MODEL_ALWAYS, .err = -ENOMEM,
	});
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EAGAIN,
	});
	queue_map(q, 100, 7000, 1);
	queue_unmap(q, 300, 8, false);
	queue_submit(q);

	KUNIT_ASSERT_EQ(test, 1U, q->nr_failed);
	KUNIT_EXPECT_EQ(test, 100ULL, q->failed[0].u.map.dfn);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 300));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_transient_error_is_tried_again,
			 transient_gen_params),
	KUNIT_CASE_PARAM(a_lasting_transient_error_is_reported,
			 transient_gen_params),
	KUNIT_CASE(without_memory_a_flush_comes_before_the_next_try),
	KUNIT_CASE(without_memory_and_flush_it_is_not_tried_again),
	KUNIT_CASE(no_second_try_across_a_later_one_for_the_frames),
	KUNIT_CASE(a_map_is_not_tried_again_after_its_unmap),
	KUNIT_CASE(operations_beside_it_do_not_hinder_a_second_try),
	KUNIT_CASE_PARAM(a_lazy_unmap_that_is_tried_again_is_flushed,
			 transient_gen_params),
	KUNIT_CASE_PARAM(all_that_can_be_is_tried_again_in_one_call,
			 transient_gen_params),
	KUNIT_CASE(a_hopeless_one_does_not_hinder_another),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-retry",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
