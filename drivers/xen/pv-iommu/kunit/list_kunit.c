// SPDX-License-Identifier: GPL-2.0-only
/* Scattered memory on a hypervisor that takes lists of frames. */

#include <asm/xen/page.h>

#include "fixture.h"

#define DFN		(8 * XPI_SHADOW_ENTRIES)
/* Frames of one operation. */
#define LIST		((unsigned long)XPI_LIST_FRAMES)
#define PFN		1000UL

static struct xpi_domain *list_domain(struct kunit *test)
{
	fixture_model(test)->caps.flags |= XEN_IOMMU_CAP_list;
	return fixture_domain(test);
}

static void expect_mapped(struct kunit *test, u64 dfn, unsigned long pfn,
			  unsigned long nr)
{
	struct model *m = fixture_model(test);
	unsigned long i, wrong = 0;

	for (i = 0; i < nr; i++)
		wrong += model_gfn(m, dfn + i) != fixture_p2m_entry(pfn + i);
	KUNIT_EXPECT_EQ(test, 0UL, wrong);
}

static void scattered_frames_take_few_operations(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, DFN, PFN, 256);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 256 / LIST, m->nr_ops);
	expect_mapped(test, DFN, PFN, 256);
	KUNIT_EXPECT_EQ(test, 256UL, model_nr_refs(m));

	fixture_unmap_strict(test, d, DFN, 256);
	KUNIT_EXPECT_EQ(test, 256 / LIST + 1, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void one_frame_is_no_list(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, DFN, PFN, 1);
	fixture_map_ok(test, d, DFN + 1, PFN + 1, 1);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_map, m->log[1].op);
	KUNIT_EXPECT_EQ(test, 0, m->log[1].u.map.flags & XEN_IOMMU_MAP_list);
	expect_mapped(test, DFN, PFN, 2);
}

/* A list, a run, and a list that has a run of a few frames in it. */
static void runs_are_operations_of_their_own(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	fixture_p2m(test, PFN + 10, 20, 50000, false);
	fixture_p2m(test, PFN + 35, 5, 60000, false);
	fixture_map_ok(test, d, DFN, PFN, 50);
	KUNIT_EXPECT_EQ(test, 3U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 10U, m->log[0].u.map.nr_frames);
	KUNIT_EXPECT_EQ(test, 50000ULL, m->log[1].u.map.gfn);
	KUNIT_EXPECT_EQ(test, 20U, m->log[1].u.map.nr_frames);
	KUNIT_EXPECT_EQ(test, 20U, m->log[2].u.map.nr_frames);
	expect_mapped(test, DFN, PFN, 50);
}

static void a_list_goes_on_in_another_table(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, DFN - 5, PFN, 20);
	KUNIT_EXPECT_EQ(test, 1U, m->nr_ops);
	expect_mapped(test, DFN - 5, PFN, 20);
}

/* As many frames as a queue holds go with a hypercall, in few operations. */
static void more_frames_than_the_queue_holds_are_all_mapped(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);
	unsigned long nr = XPI_BATCH_GFNS + 100;

	fixture_map_ok(test, d, DFN, PFN, nr);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_EXPECT_EQ(test, DIV_ROUND_UP(nr, LIST), m->nr_ops);
	expect_mapped(test, DFN, PFN, nr);
	fixture_unmap_strict(test, d, DFN, nr);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void a_page_without_a_frame_ends_a_list(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	unsigned long mapped;

	fixture_p2m(test, PFN + 7, 1, INVALID_P2M_ENTRY, true);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			xpi_domain_map(d, DFN, PFN, 20, FIXTURE_RW, GFP_KERNEL,
				       &mapped));
	KUNIT_EXPECT_EQ(test, 7UL, mapped);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, DFN, mapped));
	expect_mapped(test, DFN, PFN, mapped);
}

static void a_granted_page_is_in_no_list(struct kunit *test)
{
	struct xpi_domain *d;
	struct model *m = fixture_model(test);

	fixture_grants(test, PFN + 7, 2);
	d = list_domain(test);
	fixture_map_ok(test, d, DFN, PFN, 20);
	KUNIT_EXPECT_EQ(test, 4U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 7U, m->log[0].u.map.nr_frames);
	KUNIT_EXPECT_TRUE(test, m->log[1].u.map.flags & XEN_IOMMU_MAP_gref);
	KUNIT_EXPECT_TRUE(test, m->log[2].u.map.flags & XEN_IOMMU_MAP_gref);
	KUNIT_EXPECT_EQ(test, 11U, m->log[3].u.map.nr_frames);
	KUNIT_EXPECT_EQ(test, (u64)MODEL_GRANT_GFN + 1, model_gfn(m, DFN + 8));
	expect_mapped(test, DFN + 9, PFN + 9, 11);
}

static void what_is_in_the_way_ends_a_list(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	unsigned long mapped;

	fixture_map_ok(test, d, DFN + 7, PFN, 1);
	KUNIT_EXPECT_EQ(test, -EEXIST,
			xpi_domain_map(d, DFN, PFN + 100, 20, FIXTURE_RW,
				       GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 7UL, mapped);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, DFN, mapped));
	expect_mapped(test, DFN, PFN + 100, mapped);
	expect_mapped(test, DFN + 7, PFN, 1);
}

/* What one driver maps page by page is a list, too. */
static void pages_one_by_one_are_one_list(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);
	unsigned long i, mapped;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, 0,
				xpi_domain_map(d, DFN + i, PFN + i, 1,
					       FIXTURE_RW, GFP_KERNEL,
					       &mapped));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, DFN, 100));
	KUNIT_EXPECT_EQ(test, 2U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 100UL, model_nr_refs(m));
	expect_mapped(test, DFN, PFN, 100);
}

/* Neither of another place, nor of another kind. */
static void other_pages_are_not_in_it(struct kunit *test)
{
	static const struct { u64 dfn; u64 access; } pages[] = {
		{ 0, FIXTURE_RW }, { 2, FIXTURE_RW }, { 1, FIXTURE_RW },
		{ 3, XPI_SHADOW_READ }, { 4, FIXTURE_RW },
	};
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);
	unsigned long i, mapped;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		KUNIT_ASSERT_EQ(test, 0,
				xpi_domain_map(d, DFN + pages[i].dfn, PFN + i, 1,
					       pages[i].access, GFP_KERNEL,
					       &mapped));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, DFN, 5));
	KUNIT_EXPECT_EQ(test, 5U, m->nr_ops);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		KUNIT_EXPECT_EQ(test, fixture_p2m_entry(PFN + i),
				model_gfn(m, DFN + pages[i].dfn));
	KUNIT_EXPECT_EQ(test, (u64)XEN_IOMMU_MAP_readable,
			model_flags(m, DFN + 3));
}

static void refuse(struct kunit *test, unsigned int times)
{
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = times,
		.err = -EPERM,
	});
}

/* A list, and after that its first frame: the others are not refused. */
static void a_refused_frame_is_refused_alone(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	refuse(test, 2);
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, DFN, PFN, LIST));
	KUNIT_EXPECT_EQ(test, 1UL, d->nr_refused);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, DFN));
	expect_mapped(test, DFN + 1, PFN + 1, LIST - 1);
	fixture_unmap_strict(test, d, DFN, LIST);
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	fixture_map_ok(test, d, DFN, PFN, LIST);
}

/* Who shares a list with it has not failed. */
static void a_refusal_is_of_one_caller(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);
	unsigned long i, mapped;

	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, 0,
				xpi_domain_map(d, DFN + i, PFN + i, 1,
					       FIXTURE_RW, GFP_KERNEL,
					       &mapped));
	refuse(test, 2);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, DFN + 1, 1));
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, DFN, 1));
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(m));
	expect_mapped(test, DFN + 1, PFN + 1, 1);
}

/* What fails for now with one of its frames is tried again for that one, too. */
static void a_frame_that_fails_for_now_is_mapped(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	refuse(test, 1);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .after = 3,
		.times = 2, .err = -ENOMEM,
	});
	fixture_map_ok(test, d, DFN, PFN, 20);
	expect_mapped(test, DFN, PFN, 20);
}

/* Nor do those fail whose neighbours were unmapped behind. */
static void what_is_not_unmapped_behind_is_tried_alone(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);
	unsigned long mapped;

	KUNIT_ASSERT_EQ(test, 0, xpi_domain_map(d, DFN, PFN, 20, FIXTURE_RW,
						GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 5UL, xpi_domain_unmap(d, DFN + 15, 5, false));
	refuse(test, 1);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, DFN, 15));
	KUNIT_EXPECT_EQ(test, 15UL, model_nr_mapped(m));
	expect_mapped(test, DFN, PFN, 15);
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

/* It would be mapped after it was unmapped. */
static void a_refused_list_that_is_unmapped_behind_stays_so(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);
	unsigned long mapped;

	KUNIT_ASSERT_EQ(test, 0, xpi_domain_map(d, DFN, PFN, 20, FIXTURE_RW,
						GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 20UL, xpi_domain_unmap(d, DFN, 20, false));
	refuse(test, 1);
	xpi_domain_sync(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

static void a_list_that_fails_for_now_is_mapped(struct kunit *test)
{
	struct xpi_domain *d = list_domain(test);
	struct model *m = fixture_model(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 2,
		.err = -ENOMEM,
	});
	fixture_map_ok(test, d, DFN, PFN, 100);
	expect_mapped(test, DFN, PFN, 100);
}

static void without_the_capability_each_frame_is_an_operation(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, DFN, PFN, 20);
	KUNIT_EXPECT_EQ(test, 20U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 0U, d->batch.nr_gfns_max);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(scattered_frames_take_few_operations),
	KUNIT_CASE(one_frame_is_no_list),
	KUNIT_CASE(runs_are_operations_of_their_own),
	KUNIT_CASE(a_list_goes_on_in_another_table),
	KUNIT_CASE(more_frames_than_the_queue_holds_are_all_mapped),
	KUNIT_CASE(a_page_without_a_frame_ends_a_list),
	KUNIT_CASE(a_granted_page_is_in_no_list),
	KUNIT_CASE(what_is_in_the_way_ends_a_list),
	KUNIT_CASE(pages_one_by_one_are_one_list),
	KUNIT_CASE(other_pages_are_not_in_it),
	KUNIT_CASE(a_refused_frame_is_refused_alone),
	KUNIT_CASE(a_refusal_is_of_one_caller),
	KUNIT_CASE(a_frame_that_fails_for_now_is_mapped),
	KUNIT_CASE(what_is_not_unmapped_behind_is_tried_alone),
	KUNIT_CASE(a_refused_list_that_is_unmapped_behind_stays_so),
	KUNIT_CASE(a_list_that_fails_for_now_is_mapped),
	KUNIT_CASE(without_the_capability_each_frame_is_an_operation),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-list",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
