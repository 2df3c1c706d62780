// SPDX-License-Identifier: GPL-2.0-only
/* One address space when the hypervisor refuses, fails or lies. */

#include <asm/xen/page.h>

#include "fixture.h"

static void fail_op(struct kunit *test, u16 op, unsigned int times, int err)
{
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = op, .times = times, .err = err,
	});
}

static unsigned long map(struct xpi_domain *d, u64 dfn, unsigned long pfn,
			 unsigned long nr)
{
	unsigned long mapped;

	xpi_domain_map(d, dfn, pfn, nr, FIXTURE_RW, GFP_KERNEL, &mapped);
	return mapped;
}

static int map_error(struct xpi_domain *d, u64 dfn, unsigned long pfn,
		     unsigned long nr)
{
	unsigned long mapped;

	return xpi_domain_map(d, dfn, pfn, nr, FIXTURE_RW, GFP_KERNEL,
			      &mapped);
}

static void a_refused_mapping_fails_the_sync_of_its_range(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 8UL, map(d, 100, 1000, 8));
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .after = 5, .times = 1, .err = -EPERM,
	});
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 100, 8));
	/* The core undoes the range, and may use it again. */
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
	fixture_map_ok(test, d, 100, 1000, 8);
}

/* Drivers try again what failed for want of memory, and nothing else. */
static void a_refusal_for_want_of_memory_is_told(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	fail_op(test, XEN_IOMMUOP_map, MODEL_ALWAYS, -ENOMEM);
	map(d, 100, 1000, 4);
	KUNIT_EXPECT_EQ(test, -ENOMEM, xpi_domain_sync_map(d, 100, 4));

	model_heal(fixture_model(test));
	fail_op(test, XEN_IOMMUOP_map, MODEL_ALWAYS, -EPERM);
	map(d, 104, 1004, 1);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 104, 1));
	KUNIT_EXPECT_EQ(test, -ENOMEM, xpi_domain_sync_map(d, 100, 4));
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 100, 5));
	fixture_unmap_strict(test, d, 100, 5);
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

/* It was another CPU whose operations happened to go along. */
static void a_refused_mapping_does_not_fail_others(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	map(d, 100, 1000, 8);
	map(d, 200, 2000, 8);
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .after = 5, .times = 1, .err = -EPERM,
	});
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 200, 8));
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 100, 8));
	/* The range is what counts, to the frame. */
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 100, 5));
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 105, 1));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 106, 2));
}

struct two_users {
	struct xpi_domain *d;
	unsigned long mapped;
	int ret;
};

static void other_maps(void *data)
{
	struct two_users *users = data;

	users->mapped = map(users->d, 100, 1000, 8);
}

static void other_syncs(void *data)
{
	struct two_users *users = data;

	users->ret = xpi_domain_sync_map(users->d, 100, 8);
}

/* One CPU submits what is another's; each gets the answer that is its own. */
static void a_refusal_reaches_the_cpu_that_mapped(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	struct two_users users = { .d = d };
	struct fixture_race race = {
		.before = other_maps, .work = other_syncs, .data = &users,
	};
	int ret;

	fixture_race_begin(test, &race, 10);
	map(d, 200, 2000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .after = 5, .times = 1, .err = -EPERM,
	});
	ret = xpi_domain_sync_map(d, 200, 8);
	fixture_race_end(test, &race);

	KUNIT_EXPECT_EQ(test, 8UL, users.mapped);
	KUNIT_EXPECT_EQ(test, 0, ret);
	KUNIT_EXPECT_EQ(test, -EIO, users.ret);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 15UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 105));
}

/* Only who needs the hypervisor waits for it. */
static void another_cpu_maps_while_a_call_is_under_way(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	struct two_users users = { .d = d };
	struct fixture_race race = {
		.work = other_maps, .data = &users,
		.free = true,
	};

	map(d, 200, 2000, 8);
	fixture_race_begin(test, &race, 4);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 200, 8));
	fixture_race_end(test, &race);

	KUNIT_EXPECT_EQ(test, 8UL, users.mapped);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_mapped(m));

	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 100, 8));
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_EXPECT_EQ(test, 16UL, model_nr_mapped(m));
}

static void other_unmaps(void *data)
{
	struct two_users *users = data;

	users->mapped = xpi_domain_unmap(users->d, 100, 8, true);
}

static void another_cpu_unmaps_while_a_call_is_under_way(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	struct two_users users = { .d = d };
	struct fixture_race race = {
		.work = other_unmaps, .data = &users,
		.free = true,
	};

	fixture_map_ok(test, d, 100, 1000, 8);
	KUNIT_ASSERT_EQ(test, 8UL, xpi_domain_unmap(d, 100, 4, true) +
				   map(d, 100, 1000, 4));
	model_count(m);
	fixture_race_begin(test, &race, 1);
	xpi_domain_flush_all(d);
	fixture_race_end(test, &race);

	/* It came too late for that flush, and is not lost. */
	KUNIT_EXPECT_EQ(test, 8UL, users.mapped);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_mapped(m));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void a_refusal_found_early_is_kept_for_the_sync(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	map(d, 100, 1000, 8);
	fail_op(test, XEN_IOMMUOP_map, 1, -EPERM);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 100, 8));
}

static void a_refused_run_is_refused_whole(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d = fixture_domain(test);

	f->contiguous = true;
	/* Across the border of two shadow tables. */
	map(d, 500, 1000, 600);
	fail_op(test, XEN_IOMMUOP_map, 1, -ENOSPC);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 1099, 1));
	KUNIT_EXPECT_EQ(test, 600UL, d->nr_refused);
	KUNIT_EXPECT_EQ(test, 600UL, xpi_domain_unmap(d, 500, 600, false));
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

/* The hypervisor says it did not; nothing may be left there all the same. */
static void a_mapping_that_was_done_but_denied_is_undone(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	map(d, 100, 1000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_LIE, .after = 3, .times = 2, .err = 1,
	});
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 100, 8));
	KUNIT_EXPECT_EQ(test, 8UL, xpi_domain_unmap(d, 100, 8, false));
	xpi_domain_sync(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

/* -EFAULT: "of those whose status could not be written nothing can be said" */
static void a_mapping_of_which_nothing_is_known_is_undone(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	map(d, 100, 1000, 8);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_MUTE, .after = 4, .times = 1,
	});
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STOP, .after = 4, .times = 1, .err = -EFAULT,
	});
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 100, 8));
	KUNIT_EXPECT_EQ(test, 5UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 8UL, xpi_domain_unmap(d, 100, 8, true));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static void frames_that_cannot_be_unmapped_are_quarantined(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	u64 quarantined = xpi_counted(XPI_QUARANTINED);
	u64 freed = xpi_counted(XPI_QUARANTINE_FREED);

	fixture_map_ok(test, d, 100, 1000, 8);
	fail_op(test, XEN_IOMMUOP_unmap, MODEL_ALWAYS, -EIO);
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, quarantined + 8,
			xpi_counted(XPI_QUARANTINED));

	/* For Linux nothing is there, but nothing new can come there. */
	KUNIT_EXPECT_EQ(test, 0UL, xpi_domain_unmap(d, 100, 8, false));
	KUNIT_EXPECT_EQ(test, 0UL, map(d, 100, 2000, 8));
	KUNIT_EXPECT_EQ(test, -EBUSY, map_error(d, 107, 2000, 1));
	KUNIT_EXPECT_EQ(test, fixture_scattered(1000UL), model_gfn(m, 100));

	/* All of them at once: to unmap, and to map. */
	model_heal(m);
	model_count(m);
	fixture_map_ok(test, d, 100, 2000, 8);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_EXPECT_EQ(test, fixture_scattered(2007UL), model_gfn(m, 107));
	KUNIT_EXPECT_EQ(test, fixture_scattered(2007UL), model_access(m, 107));
	KUNIT_EXPECT_EQ(test, freed + 8, xpi_counted(XPI_QUARANTINE_FREED));
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_refs(m));
}

static void frames_that_are_unmapped_in_part_are_quarantined(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d = fixture_domain(test);
	u64 quarantined = xpi_counted(XPI_QUARANTINED);
	unsigned int i;

	f->contiguous = true;
	fixture_map_ok(test, d, 100, 1000, 8);
	model_fail(f->model, (struct model_fault) {
		.kind = MODEL_PARTLY, .times = 1,
	});
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, quarantined + 8,
			xpi_counted(XPI_QUARANTINED));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(f->model));
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_refs(f->model));

	fixture_map_ok(test, d, 100, 2000, 8);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, fixture_contiguous(2000ULL + i),
				model_access(f->model, 100 + i));
	KUNIT_EXPECT_EQ(test, 0U, f->model->stale);
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_refs(f->model));
}

/* The hypervisor overwrites nr_frames of an unmap, also of one that fails. */
static void an_unmap_without_memory_quarantines_all_of_it(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d = fixture_domain(test);

	f->contiguous = true;
	fixture_map_ok(test, d, 100, 1000, 600);
	fail_op(test, XEN_IOMMUOP_unmap, MODEL_ALWAYS, -ENOMEM);
	fixture_unmap_strict(test, d, 100, 600);
	KUNIT_EXPECT_EQ(test, -EBUSY, map_error(d, 100, 2000, 1));
	KUNIT_EXPECT_EQ(test, -EBUSY, map_error(d, 699, 2000, 1));
}

static void an_unmap_without_memory_for_once_is_done(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d = fixture_domain(test);

	f->contiguous = true;
	fixture_map_ok(test, d, 100, 1000, 600);
	fail_op(test, XEN_IOMMUOP_unmap, 2, -ENOMEM);
	fixture_unmap_strict(test, d, 100, 600);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(f->model));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(f->model));
	fixture_map_ok(test, d, 100, 1000, 600);
}

/* A quarantined frame inside a range leaves the part before it mapped. */
static void a_range_ends_at_a_quarantined_frame(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 104, 1000, 1);
	fail_op(test, XEN_IOMMUOP_unmap, MODEL_ALWAYS, -EIO);
	fixture_unmap_strict(test, d, 104, 1);
	KUNIT_EXPECT_EQ(test, 4UL, map(d, 100, 2000, 8));
	model_heal(m);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 100, 4));
	fixture_unmap_strict(test, d, 100, 4);
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(m));
}

/* What is said to be mapped is mapped, whatever was there before it. */
static void a_mapping_behind_a_failed_unmap_fails(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 4);
	fail_op(test, XEN_IOMMUOP_unmap, 1, -EIO);
	xpi_domain_unmap(d, 100, 4, true);
	map(d, 102, 2000, 4);
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, 102, 4));
	KUNIT_EXPECT_EQ(test, fixture_scattered(1002UL), model_gfn(m, 102));

	/* Undone, nothing is left, but in quarantine; it can be used again. */
	fixture_unmap_strict(test, d, 102, 4);
	fixture_map_ok(test, d, 100, 3000, 8);
	KUNIT_EXPECT_EQ(test, fixture_scattered(3002UL), model_gfn(m, 102));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static void a_mapping_made_again_behind_its_refusal_is_undone(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	map(d, 100, 1000, 4);
	xpi_domain_unmap(d, 100, 4, true);
	map(d, 100, 2000, 4);
	fail_op(test, XEN_IOMMUOP_map, 4, -EPERM);
	/* Nobody can tell which one it was; an error is right either way. */
	if (!xpi_domain_sync_map(d, 100, 4))
		KUNIT_EXPECT_EQ(test, 4UL, model_nr_mapped(m));
	fixture_unmap_strict(test, d, 100, 4);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

static void fail_flushes(struct kunit *test)
{
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_NO_FLUSH, .times = MODEL_ALWAYS, .err = -EIO,
	});
	fail_op(test, XEN_IOMMUOP_flush, MODEL_ALWAYS, -EIO);
}

static void without_a_flush_nothing_new_is_mapped(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	fail_flushes(test);
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, -EIO, map_error(d, 100, 2000, 8));
	KUNIT_EXPECT_EQ(test, -EIO, map_error(d, 9000, 2000, 8));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, -EIO, map_error(d, 100, 2000, 8));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);

	model_heal(m);
	fixture_map_ok(test, d, 100, 2000, 8);
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

/* Unmapped at last, but a device could still get there. */
static void without_a_flush_quarantine_does_not_end(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	fail_op(test, XEN_IOMMUOP_unmap, 1, -EIO);
	fixture_unmap_strict(test, d, 100, 8);
	fail_flushes(test);
	KUNIT_EXPECT_NE(test, 0, map_error(d, 100, 2000, 8));
	KUNIT_EXPECT_EQ(test, 0UL, map(d, 100, 2000, 8));
	xpi_domain_sync(d);
	KUNIT_EXPECT_EQ(test, 0U, m->stale);

	model_heal(m);
	fixture_map_ok(test, d, 100, 2000, 8);
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
	KUNIT_EXPECT_EQ(test, fixture_scattered(2000UL), model_access(m, 100));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_refused_mapping_fails_the_sync_of_its_range),
	KUNIT_CASE(a_refusal_for_want_of_memory_is_told),
	KUNIT_CASE(a_refused_mapping_does_not_fail_others),
	KUNIT_CASE(a_refusal_reaches_the_cpu_that_mapped),
	KUNIT_CASE(another_cpu_maps_while_a_call_is_under_way),
	KUNIT_CASE(another_cpu_unmaps_while_a_call_is_under_way),
	KUNIT_CASE(a_refusal_found_early_is_kept_for_the_sync),
	KUNIT_CASE(a_refused_run_is_refused_whole),
	KUNIT_CASE(a_mapping_that_was_done_but_denied_is_undone),
	KUNIT_CASE(a_mapping_of_which_nothing_is_known_is_undone),
	KUNIT_CASE(frames_that_cannot_be_unmapped_are_quarantined),
	KUNIT_CASE(frames_that_are_unmapped_in_part_are_quarantined),
	KUNIT_CASE(an_unmap_without_memory_quarantines_all_of_it),
	KUNIT_CASE(an_unmap_without_memory_for_once_is_done),
	KUNIT_CASE(a_range_ends_at_a_quarantined_frame),
	KUNIT_CASE(a_mapping_behind_a_failed_unmap_fails),
	KUNIT_CASE(a_mapping_made_again_behind_its_refusal_is_undone),
	KUNIT_CASE(without_a_flush_nothing_new_is_mapped),
	KUNIT_CASE(without_a_flush_quarantine_does_not_end),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-domain-fail",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
