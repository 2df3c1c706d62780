// SPDX-License-Identifier: GPL-2.0-only
/* The life of a domain, and what domains that are contexts have in common. */

#include <linux/sizes.h>

#include "fixture.h"

static void expect_nothing_left(struct kunit *test)
{
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

/* From here on the hypervisor has contexts; Xen beside it is in shared mode. */
static void with_contexts(struct kunit *test)
{
	struct model *m = fixture_model(test);

	if (m->mirror)
		kunit_skip(test, "Xen is in shared mode here");
	m->owned = false;
	m->caps.flags |= XEN_IOMMU_CAP_contexts;
}

static void two_contexts(struct kunit *test, struct xpi_domain **one,
			 struct xpi_domain **two)
{
	with_contexts(test);
	*one = fixture_domain(test);
	*two = fixture_domain(test);
}

/* Its life ends in the test. */
static struct xpi_domain *mortal_domain(struct kunit *test)
{
	struct xpi_domain *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, d);
	KUNIT_ASSERT_EQ(test, 0, xpi_domain_init(d, &model_backend,
						 &fixture_model(test)->caps));
	model_count(fixture_model(test));
	return d;
}

/* Mapped, queued to be mapped, and unmapped in both ways. */
static void leave_work(struct kunit *test, struct xpi_domain *d)
{
	unsigned long mapped;

	fixture_map_ok(test, d, 100, 1000, 500);
	xpi_domain_unmap(d, 100, 250, true);
	xpi_domain_unmap(d, 400, 1, false);
	xpi_domain_map(d, 9000, 2000, 4, FIXTURE_RW, GFP_KERNEL, &mapped);
}

static void end_with_work_pending(struct kunit *test)
{
	struct xpi_domain *d = mortal_domain(test);
	u64 queued = xpi_counted(XPI_QUEUED_UNMAPS);
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);
	u16 ctx = d->batch.ctx;

	leave_work(test, d);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_destroy(d));
	model_look_at(fixture_model(test), ctx);
	expect_nothing_left(test);
	KUNIT_EXPECT_EQ(test, queued, xpi_counted(XPI_QUEUED_UNMAPS));
	KUNIT_EXPECT_GT(test, tables, xpi_counted(XPI_SHADOW_TABLES));
}

static void a_shared_domain_leaves_nothing(struct kunit *test)
{
	end_with_work_pending(test);
	/* What is in the queue is not done before all of it goes. */
	KUNIT_EXPECT_EQ(test, 2U, fixture_model(test)->calls);
}

static void a_context_leaves_nothing(struct kunit *test)
{
	with_contexts(test);
	end_with_work_pending(test);
	KUNIT_EXPECT_EQ(test, 0UL, fixture_model(test)->contexts);
}

/* Frames in quarantine go with their domain. */
static void quarantined_frames_go_too(struct kunit *test)
{
	struct xpi_domain *d = mortal_domain(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EIO,
	});
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_mapped(fixture_model(test)));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_destroy(d));
	expect_nothing_left(test);
}

static const struct model_fault last_faults[] = {
	{ .kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .err = -EIO },
	{ .kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush, .err = -EIO },
	{ .kind = MODEL_CALL, .err = -EFAULT },
};

/* Its owner has to know, so that nobody gets what it had mapped. */
static void what_is_left_of_a_shared_domain_is_reported(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(last_faults); i++) {
		struct xpi_domain *d = mortal_domain(test);
		struct model_fault fault = last_faults[i];

		fixture_map_ok(test, d, 100, 1000, 8);
		fault.times = 1;
		model_fail(fixture_model(test), fault);
		KUNIT_EXPECT_EQ(test, fault.err, xpi_domain_destroy(d));

		/* The next one takes it out. */
		KUNIT_EXPECT_EQ(test, 0,
				xpi_domain_destroy(mortal_domain(test)));
		expect_nothing_left(test);
	}
}

static void a_context_that_cannot_be_freed_is_reported(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain *d;

	with_contexts(test);
	d = mortal_domain(test);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_ctx_free, .times = 1,
		.err = -EBUSY,
	});
	KUNIT_EXPECT_EQ(test, -EBUSY, xpi_domain_destroy(d));
}

static void there_are_no_more_domains_than_contexts(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain one_more = {};
	u64 tables;
	unsigned int i;

	with_contexts(test);
	for (i = 1; i < MODEL_CONTEXTS; i++)
		fixture_domain(test);
	tables = xpi_counted(XPI_SHADOW_TABLES);
	KUNIT_EXPECT_EQ(test, -ENOSPC, xpi_domain_init(&one_more, &model_backend,
						       &m->caps));
	KUNIT_EXPECT_EQ(test, tables, xpi_counted(XPI_SHADOW_TABLES));
}

/* There are many: at rest one has a queue, twice, and the top of its shadow. */
static void a_context_takes_little_memory(struct kunit *test)
{
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);
	struct xpi_domain *d;
	size_t bytes;

	with_contexts(test);
	fixture_model(test)->caps.flags |= XEN_IOMMU_CAP_list;
	d = fixture_domain(test);
	bytes = sizeof(*d) + (2 * d->batch.size + XPI_LIST_FRAMES) *
		(sizeof(*d->batch.ops) + sizeof(*d->batch.frames));
	bytes += 2 * d->batch.nr_gfns_max * sizeof(*d->batch.gfns);
	bytes += (xpi_counted(XPI_SHADOW_TABLES) - tables) * PAGE_SIZE;
	KUNIT_EXPECT_LE(test, bytes, (size_t)SZ_128K);
}

static void the_same_address_is_another_in_each_context(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain *one, *two;

	two_contexts(test, &one, &two);
	KUNIT_ASSERT_NE(test, one->batch.ctx, two->batch.ctx);
	fixture_map_ok(test, one, 100, 1000, 8);
	fixture_map_ok(test, two, 104, 2000, 8);

	model_look_at(m, one->batch.ctx);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, fixture_scattered(1004UL), model_access(m, 104));
	fixture_unmap_strict(test, one, 100, 8);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));

	model_look_at(m, two->batch.ctx);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, fixture_scattered(2000UL), model_access(m, 104));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
}

static void a_flush_is_of_one_context(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain *one, *two;

	two_contexts(test, &one, &two);
	fixture_map_ok(test, one, 100, 1000, 8);
	fixture_map_ok(test, two, 100, 2000, 8);
	xpi_domain_unmap(one, 100, 8, true);
	xpi_domain_unmap(two, 100, 8, true);

	xpi_domain_flush_all(one);
	model_look_at(m, one->batch.ctx);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	model_look_at(m, two->batch.ctx);
	KUNIT_EXPECT_EQ(test, fixture_scattered(2000UL), model_access(m, 100));

	xpi_domain_flush_all(two);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
}

/* While one cannot be flushed it maps nothing; that is not the others' fault. */
static void a_failed_flush_is_of_one_context(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain *one, *two;

	two_contexts(test, &one, &two);
	fixture_map_ok(test, one, 100, 1000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush,
		.times = MODEL_ALWAYS, .err = -EIO,
	});
	xpi_domain_unmap(one, 100, 8, true);
	xpi_domain_flush_all(one);
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(one, 200, 1000, 1));
	fixture_map_ok(test, two, 200, 1000, 1);
	model_heal(m);
	fixture_map_ok(test, one, 200, 1000, 1);
}

struct other_device {
	struct xpi_domain *d;
	int ret;
};

static void other_device_maps(void *data)
{
	struct other_device *other = data;

	other->ret = fixture_map(other->d, 100, 2000, 8);
}

/* Each has a queue and a lock of its own: nobody waits for another's call. */
static void contexts_do_not_wait_for_one_another(struct kunit *test)
{
	struct other_device other = {};
	struct fixture_race race = {
		.work = other_device_maps, .data = &other, .free = true,
	};
	struct xpi_domain *one;

	with_contexts(test);
	one = fixture_domain(test);
	other.d = fixture_domain(test);
	fixture_race_begin(test, &race, 0);
	fixture_map_ok(test, one, 100, 1000, 8);
	fixture_race_end(test, &race);
	KUNIT_EXPECT_EQ(test, 0, other.ret);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_shared_domain_leaves_nothing),
	KUNIT_CASE(a_context_leaves_nothing),
	KUNIT_CASE(quarantined_frames_go_too),
	KUNIT_CASE(what_is_left_of_a_shared_domain_is_reported),
	KUNIT_CASE(a_context_that_cannot_be_freed_is_reported),
	KUNIT_CASE(there_are_no_more_domains_than_contexts),
	KUNIT_CASE(a_context_takes_little_memory),
	KUNIT_CASE(the_same_address_is_another_in_each_context),
	KUNIT_CASE(a_flush_is_of_one_context),
	KUNIT_CASE(a_failed_flush_is_of_one_context),
	KUNIT_CASE(contexts_do_not_wait_for_one_another),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-context",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
