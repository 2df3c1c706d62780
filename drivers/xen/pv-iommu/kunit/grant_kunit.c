// SPDX-License-Identifier: GPL-2.0-only
/* Pages that another domain granted: mapped by their grant, given back at once. */

#include "fixture.h"

/* So many pages from here on are the guest's, by its grants 0 and so on. */
#define PFN		1000UL
#define NR		16UL

/* dom0's own, next to them. */
#define OWN		(PFN + NR)

#define GFN(gref)	(MODEL_GRANT_GFN + (gref))

static int init(struct kunit *test)
{
	int ret = fixture_init(test);

	fixture_grants(test, PFN, NR);
	return ret;
}

static unsigned long grants_held(struct model *m)
{
	unsigned long i, nr = 0;

	for (i = 0; i < NR; i++)
		nr += model_refs(m, GFN(i));
	return nr;
}

static void a_granted_page_is_mapped_by_its_grant(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, PFN + 3, 1);
	KUNIT_EXPECT_EQ(test, GFN(3), model_gfn(m, 100));
	KUNIT_EXPECT_EQ(test, PFN + 3, xpi_shadow_get(&d->shadow, 100) >>
				       PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, 1UL, grants_held(m));
}

/* As a request of a guest's is, with a header of the backend's own. */
static void a_mixed_list_is_one_call_each_way(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	unsigned long i;

	fixture_map_ok(test, d, 100, PFN, NR + 4);
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	for (i = 0; i < NR; i++)
		KUNIT_EXPECT_EQ(test, GFN(i), model_gfn(m, 100 + i));
	for (; i < NR + 4; i++)
		KUNIT_EXPECT_EQ(test, (u64)fixture_scattered(PFN + i),
				model_gfn(m, 100 + i));

	fixture_unmap_strict(test, d, 100, NR + 4);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

/* What dom0 does next is to unmap the grant, and the guest uses its page. */
static void a_lazy_unmap_of_a_granted_page_waits_for_nobody(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, PFN, 1);
	KUNIT_EXPECT_EQ(test, 1UL, xpi_domain_unmap(d, 100, 1, true));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
	KUNIT_EXPECT_EQ(test, 0UL, grants_held(m));
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
}

static void a_lazy_unmap_of_both_is_one_call_and_flush(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	/* Own pages on both sides. */
	fixture_map_ok(test, d, 100, PFN - 4, NR + 8);
	model_count(m);
	KUNIT_EXPECT_EQ(test, NR + 8, xpi_domain_unmap(d, 100, NR + 8, true));
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
	KUNIT_EXPECT_EQ(test, 3U, m->nr_ops);
	KUNIT_EXPECT_EQ(test, 0UL, grants_held(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));

	/* Its own it may be told of later, and is. */
	KUNIT_EXPECT_EQ(test, 8UL, model_nr_refs(m));
	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
}

static void own_pages_are_as_lazy_as_ever(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, OWN, 4);
	model_count(m);
	KUNIT_EXPECT_EQ(test, 4UL, xpi_domain_unmap(d, 100, 4, true));
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
	xpi_domain_flush_all(d);
}

static int map_for_reading(struct xpi_domain *d, u64 dfn, unsigned long pfn)
{
	unsigned long mapped;

	return xpi_domain_map(d, dfn, pfn, 1, XPI_SHADOW_READ, GFP_KERNEL,
			      &mapped) ?:
	       xpi_domain_sync_map(d, dfn, 1);
}

static void what_is_granted_to_read_is_not_written(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	m->grants_write = 0;
	KUNIT_EXPECT_EQ(test, 0, map_for_reading(d, 100, PFN));
	KUNIT_EXPECT_EQ(test, (u64)XEN_IOMMU_MAP_readable, model_flags(m, 100));

	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 101, PFN + 1, 1));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 101));
	fixture_unmap_strict(test, d, 100, 2);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

/* The pages around it are mapped, and all of them can be unmapped. */
static void a_grant_that_is_gone_is_an_error(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	m->grants &= ~BIT_ULL(5);
	m->grants_write = m->grants;
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 100, PFN, NR));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_gfn(m, 105));

	/* A core that gives up unmaps all of it, lazily, too. */
	KUNIT_EXPECT_EQ(test, NR, xpi_domain_unmap(d, 100, NR, true));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_mapped);
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);

	/* The dfn can be used for another page. */
	fixture_map_ok(test, d, 105, OWN, 1);
}

/* Whether it was done is not known; then the hypervisor is told to undo it. */
static void a_granted_page_of_unknown_state_is_not_left(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_LIE,
		.op = XEN_IOMMUOP_map,
		.times = 1,
		.err = -EINVAL,
	});
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, 100, PFN, 1));
	KUNIT_EXPECT_EQ(test, 1UL, grants_held(m));
	KUNIT_EXPECT_EQ(test, 1UL, xpi_domain_unmap(d, 100, 1, true));
	KUNIT_EXPECT_EQ(test, 0UL, grants_held(m));
	KUNIT_EXPECT_EQ(test, MODEL_NOTHING, model_access(m, 100));
}

/* The hypervisor keeps the page from the guest until the flush is made up for. */
static void a_flush_that_fails_keeps_the_page(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);

	fixture_map_ok(test, d, 100, PFN, 1);
	model_fail(m, (struct model_fault) {
		.kind = MODEL_NO_FLUSH,
		.times = MODEL_ALWAYS,
		.err = -EIO,
	});
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS,
		.op = XEN_IOMMUOP_flush,
		.times = MODEL_ALWAYS,
		.err = -EIO,
	});
	KUNIT_EXPECT_EQ(test, 1UL, xpi_domain_unmap(d, 100, 1, true));
	KUNIT_EXPECT_EQ(test, 1UL, grants_held(m));
	KUNIT_EXPECT_NE(test, 0, fixture_map(d, 200, OWN, 1));

	model_heal(m);
	fixture_map_ok(test, d, 200, OWN, 1);
	KUNIT_EXPECT_EQ(test, 0UL, grants_held(m));
}

static void without_gref_the_owner_is_named(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain *d;
	u64 before = xpi_counted(XPI_MAP_REFUSED);

	m->caps.flags &= ~XEN_IOMMU_CAP_gref;
	d = fixture_domain(test);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fixture_map(d, 100, PFN + 2, 1));
	KUNIT_EXPECT_EQ(test, MODEL_GUEST, d->batch.bad_owner);
	KUNIT_EXPECT_EQ(test, before + 1, xpi_counted(XPI_MAP_REFUSED));
	KUNIT_EXPECT_EQ(test, 0U, m->calls);
}

static void a_context_that_ends_gives_grants_back(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi_domain d;

	KUNIT_ASSERT_EQ(test, 0, xpi_domain_init(&d, &model_backend, &m->caps));
	fixture_map_ok(test, &d, 100, PFN, NR);
	KUNIT_EXPECT_EQ(test, NR, grants_held(m));
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_destroy(&d));
	KUNIT_EXPECT_EQ(test, 0UL, grants_held(m));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_granted_page_is_mapped_by_its_grant),
	KUNIT_CASE(a_mixed_list_is_one_call_each_way),
	KUNIT_CASE(a_lazy_unmap_of_a_granted_page_waits_for_nobody),
	KUNIT_CASE(a_lazy_unmap_of_both_is_one_call_and_flush),
	KUNIT_CASE(own_pages_are_as_lazy_as_ever),
	KUNIT_CASE(what_is_granted_to_read_is_not_written),
	KUNIT_CASE(a_grant_that_is_gone_is_an_error),
	KUNIT_CASE(a_granted_page_of_unknown_state_is_not_left),
	KUNIT_CASE(a_flush_that_fails_keeps_the_page),
	KUNIT_CASE(without_gref_the_owner_is_named),
	KUNIT_CASE(a_context_that_ends_gives_grants_back),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-grant",
	.init = init,
	.test_cases = cases,
};

kunit_test_suite(suite);
MODULE_LICENSE("GPL");
