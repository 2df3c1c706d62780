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

static struct kunit_case cases[] = {
	KUNIT_CASE(in_the_right_order_nothing_is_stale),
	KUNIT_CASE(a_flush_before_the_unmap_is_seen),
	KUNIT_CASE(a_flush_that_is_missing_is_seen),
	KUNIT_CASE(a_strict_unmap_is_flushed_at_the_end),
	KUNIT_CASE(a_flush_of_a_range_is_one_of_that_range),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-model",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
