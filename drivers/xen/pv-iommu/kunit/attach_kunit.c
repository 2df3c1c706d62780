// SPDX-License-Identifier: GPL-2.0-only
/* Domains that come into the hypervisor's address space, and go. */

#include <asm/xen/page.h>

#include "fixture.h"

static void expect_empty(struct kunit *test)
{
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void what_is_not_attached_makes_no_call(struct kunit *test)
{
	struct xpi_domain *d = fixture_inactive_domain(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	KUNIT_EXPECT_EQ(test, 4UL, xpi_domain_unmap(d, 100, 4, true));
	xpi_domain_flush_all(d);
	fixture_unmap_strict(test, d, 104, 2);
	KUNIT_EXPECT_EQ(test, 0U, fixture_model(test)->calls);
}

static void what_was_mapped_before_is_there_after_attaching(struct kunit *test)
{
	struct xpi_domain *d = fixture_inactive_domain(test);
	struct model *m = fixture_model(test);
	unsigned long mapped;

	fixture_map_ok(test, d, 100, 1000, 600);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_map(d, 9000, 2000, 1,
						XPI_SHADOW_READ, GFP_KERNEL,
						&mapped));
	xpi_domain_unmap(d, 300, 1, false);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(d));
	KUNIT_EXPECT_EQ(test, 600UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, fixture_scattered(1599UL), model_gfn(m, 699));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 300));
	KUNIT_EXPECT_EQ(test, 1ULL, model_flags(m, 9000));
	KUNIT_EXPECT_TRUE(test, d->active);
}

static void detaching_takes_all_out_and_keeps_the_shadow(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	fixture_map_ok(test, d, 100, 1000, 600);
	fixture_map_ok(test, d, 9000, 2000, 3);
	xpi_domain_deactivate(d);
	expect_empty(test);
	KUNIT_EXPECT_FALSE(test, d->active);

	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(d));
	KUNIT_EXPECT_EQ(test, 603UL, model_nr_mapped(fixture_model(test)));
}

static void detaching_does_what_was_queued(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	unsigned long mapped;

	fixture_map_ok(test, d, 100, 1000, 8);
	xpi_domain_unmap(d, 100, 4, true);
	xpi_domain_unmap(d, 104, 1, false);
	xpi_domain_map(d, 200, 2000, 4, FIXTURE_RW, GFP_KERNEL, &mapped);
	xpi_domain_deactivate(d);
	expect_empty(test);
	KUNIT_EXPECT_EQ(test, 0U, d->batch.nr);
}

static void a_domain_can_be_freed_with_work_pending(struct kunit *test)
{
	struct xpi_domain *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	u64 queued = fixture_counter(XPI_QUEUED_UNMAPS);
	u64 tables = fixture_counter(XPI_SHADOW_TABLES);
	struct model *m = fixture_model(test);

	KUNIT_ASSERT_NOT_NULL(test, d);
	KUNIT_ASSERT_EQ(test, 0, xpi_domain_init(d, &model_backend, &m->caps));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(d));
	fixture_map_ok(test, d, 100, 1000, 1000);
	xpi_domain_unmap(d, 100, 500, true);
	xpi_domain_deactivate(d);
	xpi_domain_destroy(d);
	expect_empty(test);
	KUNIT_EXPECT_EQ(test, queued, fixture_counter(XPI_QUEUED_UNMAPS));
	KUNIT_EXPECT_EQ(test, tables, fixture_counter(XPI_SHADOW_TABLES));
}

static void domains_take_turns(struct kunit *test)
{
	struct xpi_domain *a = fixture_domain(test);
	struct xpi_domain *b = fixture_inactive_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, a, 100, 1000, 8);
	fixture_map_ok(test, b, 104, 2000, 8);
	xpi_domain_deactivate(a);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(b));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, fixture_scattered(2000UL), model_access(m, 104));

	fixture_map_ok(test, a, 200, 3000, 1);
	xpi_domain_deactivate(b);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(a));
	KUNIT_EXPECT_EQ(test, fixture_scattered(1004UL), model_access(m, 104));
	KUNIT_EXPECT_EQ(test, fixture_scattered(3000UL), model_access(m, 200));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 111));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
}

/* Frames behind pages change: ballooning, exchange of memory. */
static void attaching_looks_up_the_frames_anew(struct kunit *test)
{
	struct xpi_domain *d = fixture_inactive_domain(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	fixture_p2m(test, 1000, 1, 4242, true);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(d));
	KUNIT_EXPECT_EQ(test, 4242ULL, model_gfn(fixture_model(test), 100));
}

static void attaching_fails_when_a_page_has_no_frame(struct kunit *test)
{
	struct xpi_domain *d = fixture_inactive_domain(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	fixture_p2m(test, 1004, 1, INVALID_P2M_ENTRY, true);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_activate(d));
	KUNIT_EXPECT_FALSE(test, d->active);
	expect_empty(test);
}

static void attaching_fails_when_a_mapping_is_refused(struct kunit *test)
{
	struct xpi_domain *d = fixture_inactive_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .after = 5,
		.times = 1, .err = -EPERM,
	});
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_activate(d));
	KUNIT_EXPECT_FALSE(test, d->active);
	expect_empty(test);

	/* Devices may be meant to have it, so nothing more goes in. */
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 200, 1000, 1));
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 200, 1000, 8));

	/* Nothing of that is left when it is tried again. */
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(d));
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_mapped(m));
	fixture_map_ok(test, d, 200, 1000, 1);
	fixture_unmap_strict(test, d, 200, 1);
	xpi_domain_deactivate(d);
	expect_empty(test);
}

/* One frame stays behind; whoever comes next does not take it for its own. */
static void what_cannot_be_taken_out_is_not_mapped_over(struct kunit *test)
{
	struct xpi_domain *a = fixture_domain(test);
	struct xpi_domain *b = fixture_inactive_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, a, 100, 1000, 1);
	fixture_map_ok(test, b, 100, 2000, 1);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EIO,
	});
	xpi_domain_deactivate(a);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_activate(b));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
}

/* A frame in quarantine is unmapped at the latest when its domain goes. */
static void detaching_tries_quarantined_frames_again(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -EIO,
	});
	fixture_unmap_strict(test, d, 100, 8);
	xpi_domain_deactivate(d);
	expect_empty(test);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(d));
	fixture_map_ok(test, d, 100, 2000, 8);
}

/* What the last domain had mapped may still be cached at the same dfns. */
static void a_flush_that_is_owed_by_one_is_owed_by_all(struct kunit *test)
{
	struct xpi_domain *a = fixture_domain(test);
	struct xpi_domain *b = fixture_inactive_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, a, 100, 1000, 8);
	fixture_map_ok(test, b, 100, 2000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush,
		.times = MODEL_ALWAYS, .err = -EIO,
	});
	xpi_domain_deactivate(a);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_activate(b));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));

	model_heal(m);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_activate(b));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
	KUNIT_EXPECT_EQ(test, fixture_scattered(2000UL), model_access(m, 100));
}

/*
 * At the end of the kernel.  To unmap must not be an error then; to map has to be,
 * as the addresses will be those of other memory.
 */
static void what_is_abandoned_makes_no_call(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned int calls;

	fixture_map_ok(test, d, 100, 1000, 8);
	xpi_domain_unmap(d, 100, 4, true);
	calls = m->calls;
	xpi_domain_abandon(d);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 200, 1000, 1));
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 200, 1000, 8));
	fixture_unmap_strict(test, d, 104, 4);
	KUNIT_EXPECT_EQ(test, calls, m->calls);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_is_not_attached_makes_no_call),
	KUNIT_CASE(what_was_mapped_before_is_there_after_attaching),
	KUNIT_CASE(detaching_takes_all_out_and_keeps_the_shadow),
	KUNIT_CASE(detaching_does_what_was_queued),
	KUNIT_CASE(a_domain_can_be_freed_with_work_pending),
	KUNIT_CASE(domains_take_turns),
	KUNIT_CASE(attaching_looks_up_the_frames_anew),
	KUNIT_CASE(attaching_fails_when_a_page_has_no_frame),
	KUNIT_CASE(attaching_fails_when_a_mapping_is_refused),
	KUNIT_CASE(what_cannot_be_taken_out_is_not_mapped_over),
	KUNIT_CASE(detaching_tries_quarantined_frames_again),
	KUNIT_CASE(a_flush_that_is_owed_by_one_is_owed_by_all),
	KUNIT_CASE(what_is_abandoned_makes_no_call),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-attach",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
