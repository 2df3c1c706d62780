// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor of the other tests, itself: does it see what it is there to
 * see?  Here the operations go to it in the order in which they are written.
 */

#include "fixture.h"

#define OP(kind)							\
	.op = XEN_IOMMUOP_##kind, .status = XPI_STATUS_UNREACHED

#define MAP(_dfn, _gfn, nr) {						\
	OP(map), .u.map = { .dfn = _dfn, .gfn = _gfn, .nr_frames = nr,	\
			    .flags = XEN_IOMMU_MAP_readable },		\
}

#define UNMAP(_dfn, nr, _flags) {					\
	OP(unmap), .u.unmap = { .dfn = _dfn, .nr_frames = nr,		\
				.flags = _flags },			\
}

#define FLUSH() { OP(flush), .u.flush.flags = XEN_IOMMU_FLUSH_all }

#define LAZY	XEN_IOMMU_UNMAP_no_flush

static void submit(struct kunit *test, struct xen_iommu_op *ops,
		   unsigned int nr)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, model_backend.submit(ops, nr));
	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ_MSG(test, 0, ops[i].status, "operation %u", i);
}

static void in_the_right_order_nothing_is_stale(struct kunit *test)
{
	struct xen_iommu_op ops[] = {
		MAP(100, 7000, 8), UNMAP(100, 4, LAZY), FLUSH(),
		MAP(100, 8000, 4), UNMAP(104, 4, 0),
	};
	struct model *m = fixture_model(test);

	submit(test, ops, ARRAY_SIZE(ops));
	KUNIT_EXPECT_EQ(test, 0U, m->stale);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 8003ULL, model_access(m, 103));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 104));
}

/* The devices go on between the flush and the unmap. */
static void a_flush_before_the_unmap_is_seen(struct kunit *test)
{
	struct xen_iommu_op ops[] = {
		MAP(100, 7000, 8), FLUSH(), UNMAP(100, 4, LAZY),
		MAP(100, 8000, 2),
	};
	struct model *m = fixture_model(test);

	submit(test, ops, ARRAY_SIZE(ops));
	KUNIT_EXPECT_EQ(test, 2U, m->stale);
	KUNIT_EXPECT_EQ(test, 4UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 10UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 7000ULL, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 7003ULL, model_access(m, 103));
}

static void a_flush_that_is_missing_is_seen(struct kunit *test)
{
	struct xen_iommu_op ops[] = { MAP(100, 7000, 8), UNMAP(100, 8, LAZY) };
	struct xen_iommu_op again[] = { MAP(104, 8000, 1) };
	struct model *m = fixture_model(test);

	submit(test, ops, ARRAY_SIZE(ops));
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_refs(m));
	submit(test, again, ARRAY_SIZE(again));
	KUNIT_EXPECT_EQ(test, 1U, m->stale);
}

/* The flush at the end of a call comes too late for what is in the call. */
static void a_strict_unmap_is_flushed_at_the_end(struct kunit *test)
{
	struct xen_iommu_op ops[] = {
		MAP(100, 7000, 8), UNMAP(100, 8, 0), MAP(100, 8000, 1),
	};
	struct model *m = fixture_model(test);

	submit(test, ops, ARRAY_SIZE(ops));
	KUNIT_EXPECT_EQ(test, 1U, m->stale);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 8000ULL, model_access(m, 100));
}

/* A flush of a range leaves the rest as it is. */
static void a_flush_of_a_range_is_one_of_that_range(struct kunit *test)
{
	struct xen_iommu_op ops[] = {
		MAP(100, 7000, 8), UNMAP(100, 8, LAZY),
		{ OP(flush), .u.flush = { .dfn = 102, .nr_frames = 3 } },
	};
	struct model *m = fixture_model(test);

	submit(test, ops, ARRAY_SIZE(ops));
	KUNIT_EXPECT_EQ(test, 5UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 5UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 104));
	KUNIT_EXPECT_EQ(test, 7005ULL, model_access(m, 105));
}

/* It has frames 6000 to 9999 here, and what is behind a PFN. */
static void frames_that_are_not_dom0s_are_refused(struct kunit *test)
{
	static const struct {
		u64 gfn;
		u32 nr;
		int want;
	} tries[] = {
		{ 6000, 4000, 0 }, { 5999, 1, -EPERM }, { 5999, 2, -EPERM },
		{ 9999, 2, -EPERM }, { 10000, 1, -EPERM }, { 0, 1, -EPERM },
		{ 0x100000, 1, 0 }, { 0x100000, 2, -EPERM },
		{ 0x100001, 1, -EPERM }, { BIT_ULL(32) | 7000, 1, -EPERM },
		{ BIT_ULL(40), 1, 0 }, { BIT_ULL(40) - 1, 1, -EPERM },
		{ BIT_ULL(40), 0x100001, -EPERM },
	};
	struct model *m = fixture_model(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		struct xen_iommu_op op = MAP(0x10000 * (i + 1), tries[i].gfn,
					     tries[i].nr);

		KUNIT_EXPECT_EQ(test, 0, model_backend.submit(&op, 1));
		KUNIT_EXPECT_EQ_MSG(test, tries[i].want, op.status, "gfn %#llx",
				    tries[i].gfn);
	}
	KUNIT_EXPECT_EQ(test, 4002UL, model_nr_mapped(m));
}

/* PFN 1 is behind 0x100000, until another frame is. */
static void a_stale_frame_is_not_dom0s_any_more(struct kunit *test)
{
	struct xen_iommu_op old = MAP(100, 0x100000, 1);
	struct xen_iommu_op new = MAP(200, 0x50000, 1);

	fixture_p2m(test, 1, 1, 0x50000, true);
	KUNIT_EXPECT_EQ(test, 0, model_backend.submit(&old, 1));
	KUNIT_EXPECT_EQ(test, -EPERM, old.status);
	submit(test, &new, 1);
}

/* Devices that came by before there was a mapping do not see it at once. */
static void in_caching_mode_a_mapping_waits_for_a_flush(struct kunit *test)
{
	struct xen_iommu_op flushed[] = { MAP(100, 7000, 8) };
	struct xen_iommu_op not_flushed[] = { MAP(200, 8000, 8) };
	struct xen_iommu_op flush[] = { FLUSH() };
	struct model *m = fixture_model(test);

	m->caps.flags |= XEN_IOMMU_CAP_caching_mode;
	submit(test, flushed, 1);
	KUNIT_EXPECT_EQ(test, 7003ULL, model_access(m, 103));
	not_flushed[0].u.map.flags |= XEN_IOMMU_MAP_no_flush;
	submit(test, not_flushed, 1);
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 203));
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_stale(m));
	submit(test, flush, 1);
	KUNIT_EXPECT_EQ(test, 8003ULL, model_access(m, 203));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(in_the_right_order_nothing_is_stale),
	KUNIT_CASE(a_flush_before_the_unmap_is_seen),
	KUNIT_CASE(a_flush_that_is_missing_is_seen),
	KUNIT_CASE(a_strict_unmap_is_flushed_at_the_end),
	KUNIT_CASE(a_flush_of_a_range_is_one_of_that_range),
	KUNIT_CASE(frames_that_are_not_dom0s_are_refused),
	KUNIT_CASE(a_stale_frame_is_not_dom0s_any_more),
	KUNIT_CASE(in_caching_mode_a_mapping_waits_for_a_flush),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-model",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
