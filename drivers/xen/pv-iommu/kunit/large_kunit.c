// SPDX-License-Identifier: GPL-2.0-only
/* Large pages: made of long runs, split by the hypervisor when part goes. */

#include <linux/pfn.h>
#include <linux/sizes.h>

#include "fixture.h"

/* Two large pages; fixture_contiguous() keeps the alignment. */
#define DFN		0x4000ULL
#define PFN		0x8000UL
#define LARGE		((unsigned long)MODEL_LARGE)
#define FRAMES		(2 * LARGE)

static struct xpi_domain *contiguous_domain(struct kunit *test)
{
	struct fixture *f = test->priv;

	f->contiguous = true;
	return fixture_domain(test);
}

/* A domain with two large pages. */
static struct xpi_domain *two_large_pages(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, DFN, PFN, FRAMES);
	KUNIT_ASSERT_EQ(test, 1U, m->nr_ops);
	KUNIT_ASSERT_EQ(test, 2UL, model_nr_large(m));
	model_count(m);
	return d;
}

/*
 * [@start, @start + @nr) of the two is gone, and the rest is as it was.  Its
 * frames are referenced as long as it is not @flushed.
 */
static void expect_gone(struct kunit *test, unsigned long start,
			unsigned long nr, bool flushed)
{
	struct model *m = fixture_model(test);
	unsigned int wrong = 0, refs = 0;
	unsigned long i;

	for (i = 0; i < FRAMES; i++) {
		u64 gfn = fixture_contiguous(PFN + i);
		bool gone = i - start < nr;

		if (model_gfn(m, DFN + i) != (gone ? MODEL_NOTHING : gfn))
			wrong++;
		if (model_access(m, DFN + i) !=
		    (gone && flushed ? MODEL_NOTHING : gfn))
			wrong++;
		if (model_refs(m, gfn) != !(gone && flushed))
			refs++;
	}
	KUNIT_EXPECT_EQ(test, 0U, wrong);
	KUNIT_EXPECT_EQ(test, 0U, refs);
	KUNIT_EXPECT_EQ(test, flushed ? 0UL : nr, model_nr_stale(m));
}

static void a_long_run_is_mapped_by_large_pages(struct kunit *test)
{
	struct xpi_domain *d = two_large_pages(test);
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_lookup, .status = XPI_STATUS_UNREACHED,
		.u.lookup.dfn = DFN + 700,
	};
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_EQ(test, 0, model_backend.submit(&op, 1));
	KUNIT_EXPECT_EQ(test, (u32)SZ_2M, op.u.lookup.pgsize);
	expect_gone(test, 0, 0, true);

	/* All of them in one operation, too, and none is split. */
	model_count(m);
	fixture_unmap_strict(test, d, DFN, FRAMES);
	KUNIT_EXPECT_EQ(test, 1U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 0U, m->splits);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_large(m));
	expect_gone(test, 0, FRAMES, true);
}

struct shape {
	const char *name;
	u64 dfn;
	unsigned long pfn;
	unsigned long nr;
	unsigned long large;
};

static const struct shape shapes[] = {
	{ "aligned", DFN, PFN, FRAMES, 2 },
	{ "one", DFN, PFN, LARGE, 1 },
	{ "one frame short", DFN, PFN, LARGE - 1, 0 },
	{ "some frames more", DFN, PFN, LARGE + 3, 1 },
	{ "off by the same", DFN + 5, PFN + 5, FRAMES, 1 },
	{ "dfn unaligned", DFN + 1, PFN, FRAMES, 0 },
	{ "gfn unaligned", DFN, PFN + 1, FRAMES, 0 },
};

KUNIT_ARRAY_PARAM_DESC(shape, shapes, name);

static void only_aligned_frames_make_a_large_page(struct kunit *test)
{
	const struct shape *s = test->param_value;
	struct xpi_domain *d = contiguous_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, s->dfn, s->pfn, s->nr);
	KUNIT_EXPECT_EQ(test, 1U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, s->large, model_nr_large(m));
	KUNIT_EXPECT_EQ(test, s->nr, model_nr_mapped(m));
	fixture_unmap_strict(test, d, s->dfn, s->nr);
	KUNIT_EXPECT_EQ(test, 0U, m->splits);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void scattered_frames_make_no_large_page(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);

	fixture_map_ok(test, d, DFN, PFN, FRAMES);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_large(fixture_model(test)));
}

struct part {
	const char *name;
	unsigned long start;
	unsigned long nr;
	unsigned int splits;
};

static const struct part parts[] = {
	{ "in the middle", 200, 1, 1 },
	{ "the first", 0, 1, 1 },
	{ "the last", FRAMES - 1, 1, 1 },
	{ "at the border", LARGE - 1, 1, 1 },
	{ "behind the border", LARGE, 1, 1 },
	{ "across the border", LARGE - 3, 7, 2 },
	{ "all but the ends", 1, FRAMES - 2, 2 },
	{ "one and a bit", 0, LARGE + 1, 1 },
	{ "one of the two", LARGE, LARGE, 0 },
};

KUNIT_ARRAY_PARAM_DESC(part, parts, name);

static void part_of_a_large_page_is_unmapped(struct kunit *test)
{
	const struct part *p = test->param_value;
	struct xpi_domain *d = two_large_pages(test);
	struct model *m = fixture_model(test);

	fixture_unmap_strict(test, d, DFN + p->start, p->nr);
	KUNIT_EXPECT_EQ(test, 1U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, p->splits, m->splits);
	expect_gone(test, p->start, p->nr, true);

	/* What is left goes as well; no split was forgotten. */
	xpi_domain_unmap(d, DFN, p->start, true);
	xpi_domain_unmap(d, DFN + p->start + p->nr, FRAMES - p->start - p->nr,
			 true);
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, p->splits, m->splits);
	expect_gone(test, 0, FRAMES, true);
}

static void part_of_it_stays_referenced_until_the_flush(struct kunit *test)
{
	const struct part *p = test->param_value;
	struct xpi_domain *d = two_large_pages(test);

	xpi_domain_unmap(d, DFN + p->start, p->nr, true);
	xpi_batch_wait(&d->batch, d->batch.gen_all, XPI_CAUSE_SYNC);
	expect_gone(test, p->start, p->nr, false);
	xpi_domain_flush_all(d);
	expect_gone(test, p->start, p->nr, true);

	/* And can be used again. */
	fixture_map_ok(test, d, DFN + p->start, PFN + p->start, p->nr);
	expect_gone(test, 0, 0, true);
	KUNIT_EXPECT_EQ(test, 0U, fixture_model(test)->stale);
}

static void fail_splits(struct kunit *test, unsigned int times)
{
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_NO_TABLE, .times = times,
	});
}

static void without_memory_to_split_it_is_tried_again(struct kunit *test)
{
	const struct part *p = test->param_value;
	struct xpi_domain *d = two_large_pages(test);
	struct model *m = fixture_model(test);

	fail_splits(test, 2);
	fixture_unmap_strict(test, d, DFN + p->start, p->nr);
	/* Before each try the hypervisor may free what it keeps. */
	KUNIT_EXPECT_EQ(test, p->splits ? 2U : 0U,
			m->ops[XEN_IOMMUOP_flush]);
	KUNIT_EXPECT_EQ(test, p->splits ? 3U : 1U,
			m->ops[XEN_IOMMUOP_unmap]);
	expect_gone(test, p->start, p->nr, true);
}

/* The second try comes behind the flush of the first. */
static void a_lazy_unmap_that_cannot_split_is_flushed(struct kunit *test)
{
	const struct part *p = test->param_value;
	struct xpi_domain *d = two_large_pages(test);

	fail_splits(test, 1);
	xpi_domain_unmap(d, DFN + p->start, p->nr, true);
	xpi_domain_flush_all(d);
	expect_gone(test, p->start, p->nr, true);
}

static void what_cannot_be_split_is_quarantined(struct kunit *test)
{
	u64 quarantined = xpi_counted(XPI_QUARANTINED);
	struct xpi_domain *d = two_large_pages(test);
	struct model *m = fixture_model(test);
	unsigned long mapped;

	fail_splits(test, MODEL_ALWAYS);
	fixture_unmap_strict(test, d, DFN + 500, 20);
	KUNIT_EXPECT_EQ(test, quarantined + 20,
			xpi_counted(XPI_QUARANTINED));
	KUNIT_EXPECT_EQ(test, 2UL, model_nr_large(m));
	expect_gone(test, 0, 0, true);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			xpi_domain_map(d, DFN + 500, PFN, 1, FIXTURE_RW,
				       GFP_KERNEL, &mapped));

	/* For Linux the neighbours are mapped, the others are not. */
	KUNIT_EXPECT_EQ(test, PFN_PHYS(PFN + 499ULL),
			XPI_SHADOW_PHYS(xpi_shadow_get(&d->shadow,
						       DFN + 499)));
	KUNIT_EXPECT_EQ(test, 0UL, xpi_domain_unmap(d, DFN + 500, 20, false));

	model_heal(m);
	fixture_map_ok(test, d, DFN + 500, PFN + 500, 20);
	KUNIT_EXPECT_EQ(test, 2U, m->splits);
	expect_gone(test, 0, 0, true);
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_long_run_is_mapped_by_large_pages),
	KUNIT_CASE_PARAM(only_aligned_frames_make_a_large_page,
			 shape_gen_params),
	KUNIT_CASE(scattered_frames_make_no_large_page),
	KUNIT_CASE_PARAM(part_of_a_large_page_is_unmapped, part_gen_params),
	KUNIT_CASE_PARAM(part_of_it_stays_referenced_until_the_flush,
			 part_gen_params),
	KUNIT_CASE_PARAM(without_memory_to_split_it_is_tried_again,
			 part_gen_params),
	KUNIT_CASE_PARAM(a_lazy_unmap_that_cannot_split_is_flushed,
			 part_gen_params),
	KUNIT_CASE(what_cannot_be_split_is_quarantined),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-large",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
