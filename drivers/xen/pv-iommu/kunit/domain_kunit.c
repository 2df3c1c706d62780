// SPDX-License-Identifier: GPL-2.0-only
/* One address space, while nothing goes wrong: what is done when. */

#include <kunit/static_stub.h>

#include <linux/math.h>
#include <linux/minmax.h>

#include <asm/xen/page.h>

#include "../gfn.h"
#include "fixture.h"

static u64 phys(struct xpi_domain *d, u64 dfn)
{
	u64 entry = xpi_shadow_get(&d->shadow, dfn);

	return entry & XPI_SHADOW_VALID ? XPI_SHADOW_PHYS(entry) : 0;
}

static unsigned long map(struct kunit *test, struct xpi_domain *d, u64 dfn,
			 unsigned long pfn, unsigned long nr, int want)
{
	unsigned long mapped;

	KUNIT_EXPECT_EQ(test, want, xpi_domain_map(d, dfn, pfn, nr, FIXTURE_RW,
						   GFP_KERNEL, &mapped));
	return mapped;
}

static void a_mapping_is_done_by_its_sync_in_one_call(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 256UL, map(test, d, 100, 1000, 256, 0));
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 100, 256));
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 256U, m->ops[XEN_IOMMUOP_map]);
	KUNIT_EXPECT_EQ(test, fixture_scattered(1000UL), model_gfn(m, 100));
	KUNIT_EXPECT_EQ(test, fixture_scattered(1255UL), model_gfn(m, 355));
	KUNIT_EXPECT_EQ(test, 256UL, model_nr_mapped(m));
}

static void contiguous_frames_take_one_operation(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d = fixture_domain(test);

	f->contiguous = true;
	/* Across the border of two shadow tables. */
	fixture_map_ok(test, d, 500, 1000, 600);
	KUNIT_EXPECT_EQ(test, 1U, f->model->nr_ops);
	KUNIT_EXPECT_EQ(test, 600UL, model_nr_mapped(f->model));

	fixture_unmap_strict(test, d, 500, 600);
	KUNIT_EXPECT_EQ(test, 2U, f->model->nr_ops);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(f->model));
}

static void a_sync_with_nothing_queued_makes_no_call(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 0, 1000));
	xpi_domain_sync(d);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0U, fixture_model(test)->calls);
}

static void access_is_what_was_asked_for(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned long mapped;

	KUNIT_EXPECT_EQ(test, 0, xpi_domain_map(d, 1, 1, 1, XPI_SHADOW_READ,
						GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_map(d, 2, 2, 1, XPI_SHADOW_WRITE,
						GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_map(d, 3, 3, 1, FIXTURE_RW,
						GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, -EINVAL, xpi_domain_map(d, 4, 4, 1, 0, GFP_KERNEL,
						      &mapped));
	KUNIT_EXPECT_EQ(test, 0UL, mapped);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 1, 3));
	KUNIT_EXPECT_EQ(test, 1ULL, model_flags(m, 1));
	KUNIT_EXPECT_EQ(test, 2ULL, model_flags(m, 2));
	KUNIT_EXPECT_EQ(test, 3ULL, model_flags(m, 3));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 4));
}

static void the_shadow_knows_at_once(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	map(test, d, 100, 1000, 4, 0);
	KUNIT_EXPECT_EQ(test, PFN_PHYS(1002ULL), phys(d, 102));
	xpi_domain_unmap(d, 100, 4, true);
	KUNIT_EXPECT_EQ(test, 0ULL, phys(d, 102));
}

static void a_strict_unmap_is_done_by_its_sync(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	model_count(m);
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 103));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void lazy_unmaps_wait_and_go_in_one_call(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned int i;

	fixture_map_ok(test, d, 100, 1000, 64);
	model_count(m);
	for (i = 0; i < 64; i += 2)
		KUNIT_EXPECT_EQ(test, 2UL, xpi_domain_unmap(d, 100 + i, 2,
							    true));
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

/* An unmap that went along with somebody else's call is still not flushed. */
static void lazy_unmaps_that_went_early_are_flushed_later(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 4);
	xpi_domain_unmap(d, 100, 4, true);
	fixture_map_ok(test, d, 200, 2000, 4);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 100));
	KUNIT_EXPECT_NE(test, MODEL_NOTHING, model_access(m, 100));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
}

static void a_strict_sync_does_not_make_lazy_unmaps_forgotten(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 4);
	fixture_map_ok(test, d, 200, 2000, 4);
	xpi_domain_unmap(d, 100, 4, true);
	fixture_unmap_strict(test, d, 200, 4);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 200));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void a_mapping_undone_before_its_sync_leaves_nothing(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	map(test, d, 100, 1000, 8, 0);
	fixture_unmap_strict(test, d, 100, 8);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
}

static void unmap_and_map_of_a_frame_stay_in_order(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 8);
	xpi_domain_unmap(d, 100, 8, true);
	fixture_map_ok(test, d, 104, 2000, 8);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 100));
	KUNIT_EXPECT_EQ(test, fixture_scattered(2000UL), model_gfn(m, 104));
	KUNIT_EXPECT_EQ(test, fixture_scattered(2007UL), model_gfn(m, 111));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static void an_unmap_ends_at_the_first_hole(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, 1000, 4);
	fixture_map_ok(test, d, 105, 1005, 4);
	KUNIT_EXPECT_EQ(test, 4UL, xpi_domain_unmap(d, 100, 9, false));
	KUNIT_EXPECT_EQ(test, 0UL, xpi_domain_unmap(d, 104, 5, false));
	KUNIT_EXPECT_EQ(test, 0UL, xpi_domain_unmap(d, 5000, 5, false));
	xpi_domain_sync(d);
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_mapped(m));
}

static void what_is_mapped_is_not_mapped_over(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 104, 1000, 1);
	KUNIT_EXPECT_EQ(test, 4UL, map(test, d, 100, 2000, 8, -EEXIST));
	/* The core undoes what was mapped. */
	fixture_unmap_strict(test, d, 100, 4);
	KUNIT_EXPECT_EQ(test, fixture_scattered(1000UL), model_gfn(m, 104));
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(m));
}

static void beyond_the_highest_frame_is_refused(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	u64 max = fixture_model(test)->caps.max_dfn;

	KUNIT_EXPECT_EQ(test, 0UL, map(test, d, max + 1, 1000, 1, -EINVAL));
	KUNIT_EXPECT_EQ(test, 0UL, map(test, d, max - 3, 1000, 8, -EINVAL));
	fixture_map_ok(test, d, max, 1000, 1);
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(fixture_model(test)));
}

static void a_foreign_page_ends_a_mapping(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	fixture_p2m(test, 1003, 1, FOREIGN_FRAME(77UL), true);
	KUNIT_EXPECT_EQ(test, 3UL, map(test, d, 100, 1000, 8, -EOPNOTSUPP));
	fixture_unmap_strict(test, d, 100, 3);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(fixture_model(test)));
}

/* It is submitted first then, and nobody has its flush without it. */
static void flush_all_of_a_full_queue_flushes_last(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned int i, nr = d->batch.size;

	fixture_map_ok(test, d, 100, 1000, nr);
	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, 1UL,
				xpi_domain_unmap(d, 100 + i, 1, true));
	KUNIT_ASSERT_EQ(test, nr, d->batch.nr);
	model_count(m);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static void a_page_without_a_frame_ends_a_mapping(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	fixture_p2m(test, 1000, 1, INVALID_P2M_ENTRY, true);
	KUNIT_EXPECT_EQ(test, 0UL, map(test, d, 100, 1000, 8, -EINVAL));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 100, 8));
	KUNIT_EXPECT_EQ(test, 0U, fixture_model(test)->calls);
}

static void mmio_is_mapped_and_not_counted(struct kunit *test)
{
	unsigned long mmio = MODEL_MMIO_GFN + 0x100;
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_p2m(test, 3000, 16, IDENTITY_FRAME(mmio), false);
	fixture_map_ok(test, d, 100, 3000, 16);
	KUNIT_EXPECT_EQ(test, (u64)mmio + 15, model_gfn(m, 115));
	KUNIT_EXPECT_EQ(test, 1U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

/* More operations than the queue holds, so that it goes more than once. */
static void a_mapping_larger_than_the_queue_is_done_whole(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned int i, wrong = 0;

	fixture_map_ok(test, d, 100, 1000, 5000);
	KUNIT_EXPECT_EQ(test, DIV_ROUND_UP(5000, d->batch.size), m->calls);
	for (i = 0; i < 5000; i++)
		if (model_gfn(m, 100 + i) != fixture_scattered(1000UL + i))
			wrong++;
	KUNIT_EXPECT_EQ(test, 0U, wrong);
	KUNIT_EXPECT_LE(test, m->biggest, m->caps.max_ops);
}

/* A hypervisor that does not care, for sizes that the model takes long for. */
static unsigned int nr_big_ops;
static u64 next_dfn, next_gfn, big_wrong, most_frames;

static int big_submit(struct xen_iommu_op *ops, unsigned int nr)
{
	u64 begin = next_dfn;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		bool map = ops[i].op == XEN_IOMMUOP_map;

		ops[i].status = 0;
		if (ops[i].op == XEN_IOMMUOP_flush)
			continue;
		if (ops[i].u.map.dfn != next_dfn ||
		    (map && ops[i].u.map.gfn != next_gfn))
			big_wrong++;
		next_dfn += map ? ops[i].u.map.nr_frames :
				  ops[i].u.unmap.nr_frames;
		next_gfn += map ? ops[i].u.map.nr_frames : 0;
		nr_big_ops++;
	}
	most_frames = max(most_frames, next_dfn - begin);
	return 0;
}

static const struct xpi_backend big_backend = { .submit = big_submit };

static void more_lazy_unmaps_than_the_queue_holds_are_all_done(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned int i, nr = d->batch.size + 5;

	fixture_map_ok(test, d, 100, 1000, nr);
	model_count(m);
	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, 1UL, xpi_domain_unmap(d, 100 + i, 1, true));
	/* What did not go in time is still queued, and it is not much. */
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_LE(test, model_nr_mapped(m), 6UL);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

/* Interrupts are off in a call, so none is longer for a larger mapping. */
static void gibibytes_are_mapped_by_many_calls(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	const unsigned long nr = (SZ_1G >> PAGE_SHIFT) + 1000;
	const unsigned int nr_ops = DIV_ROUND_UP(100 + nr, XPI_BATCH_FRAMES);
	struct fixture *f = test->priv;

	f->contiguous = true;
	d->batch.backend = &big_backend;
	next_dfn = 100;
	next_gfn = fixture_contiguous(1000UL);
	nr_big_ops = 0;
	big_wrong = 0;
	most_frames = 0;
	fixture_map_ok(test, d, 100, 1000, nr);
	KUNIT_EXPECT_EQ(test, 100ULL + nr, next_dfn);
	KUNIT_EXPECT_EQ(test, nr_ops, nr_big_ops);

	next_dfn = 100;
	fixture_unmap_strict(test, d, 100, nr);
	KUNIT_EXPECT_EQ(test, 100ULL + nr, next_dfn);
	KUNIT_EXPECT_EQ(test, 2 * nr_ops, nr_big_ops);
	KUNIT_EXPECT_EQ(test, 0ULL, big_wrong);
	KUNIT_EXPECT_LT(test, most_frames, 2ULL * XPI_BATCH_FRAMES);
	d->batch.backend = &model_backend;
}

/* Nor for many that are not waited for. */
static void lazy_unmaps_of_many_frames_go_early(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	const u64 begin = XPI_BATCH_FRAMES, end = 4 * begin;
	struct fixture *f = test->priv;
	u64 dfn;

	f->contiguous = true;
	d->batch.backend = &big_backend;
	next_dfn = begin;
	next_gfn = fixture_contiguous(begin);
	big_wrong = 0;
	fixture_map_ok(test, d, begin, begin, end - begin);

	next_dfn = begin;
	most_frames = 0;
	for (dfn = begin; dfn < end; dfn += 256)
		KUNIT_ASSERT_EQ(test, 256UL, xpi_domain_unmap(d, dfn, 256, true));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, end, next_dfn);
	KUNIT_EXPECT_EQ(test, 0ULL, big_wrong);
	KUNIT_EXPECT_EQ(test, (u64)XPI_BATCH_FRAMES, most_frames);
	d->batch.backend = &model_backend;
}

static void counters_agree_with_what_was_done(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	u64 maps = xpi_counted(XPI_OPS_MAP);
	u64 frames = xpi_counted(XPI_FRAMES_UNMAP);
	u64 queued = xpi_counted(XPI_QUEUED_UNMAPS);
	u64 flushes = xpi_counted(XPI_FLUSHES);

	fixture_map_ok(test, d, 100, 1000, 8);
	KUNIT_EXPECT_EQ(test, maps + m->ops[XEN_IOMMUOP_map],
			xpi_counted(XPI_OPS_MAP));
	xpi_domain_unmap(d, 100, 8, true);
	KUNIT_EXPECT_EQ(test, frames + 8, xpi_counted(XPI_FRAMES_UNMAP));
	KUNIT_EXPECT_EQ(test, queued + 1, xpi_counted(XPI_QUEUED_UNMAPS));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, queued, xpi_counted(XPI_QUEUED_UNMAPS));
	KUNIT_EXPECT_EQ(test, flushes + m->flushes,
			xpi_counted(XPI_FLUSHES));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_mapping_is_done_by_its_sync_in_one_call),
	KUNIT_CASE(contiguous_frames_take_one_operation),
	KUNIT_CASE(a_sync_with_nothing_queued_makes_no_call),
	KUNIT_CASE(access_is_what_was_asked_for),
	KUNIT_CASE(the_shadow_knows_at_once),
	KUNIT_CASE(a_strict_unmap_is_done_by_its_sync),
	KUNIT_CASE(lazy_unmaps_wait_and_go_in_one_call),
	KUNIT_CASE(lazy_unmaps_that_went_early_are_flushed_later),
	KUNIT_CASE(a_strict_sync_does_not_make_lazy_unmaps_forgotten),
	KUNIT_CASE(a_mapping_undone_before_its_sync_leaves_nothing),
	KUNIT_CASE(unmap_and_map_of_a_frame_stay_in_order),
	KUNIT_CASE(an_unmap_ends_at_the_first_hole),
	KUNIT_CASE(what_is_mapped_is_not_mapped_over),
	KUNIT_CASE(beyond_the_highest_frame_is_refused),
	KUNIT_CASE(a_foreign_page_ends_a_mapping),
	KUNIT_CASE(flush_all_of_a_full_queue_flushes_last),
	KUNIT_CASE(a_page_without_a_frame_ends_a_mapping),
	KUNIT_CASE(mmio_is_mapped_and_not_counted),
	KUNIT_CASE(a_mapping_larger_than_the_queue_is_done_whole),
	KUNIT_CASE(more_lazy_unmaps_than_the_queue_holds_are_all_done),
	KUNIT_CASE_SLOW(gibibytes_are_mapped_by_many_calls),
	KUNIT_CASE(lazy_unmaps_of_many_frames_go_early),
	KUNIT_CASE(counters_agree_with_what_was_done),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-domain",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
