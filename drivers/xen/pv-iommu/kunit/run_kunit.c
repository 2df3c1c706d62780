// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs that fill tables of the shadow, which then has none for them: what may
 * happen to a frame may happen to one in a run.
 */

#include <kunit/static_stub.h>

#include <asm/xen/page.h>

#include "fixture.h"

#define DFN		0x4000ULL
#define PFN		0x8000UL
#define TABLE		XPI_SHADOW_ENTRIES
#define FRAMES		(3 * TABLE)

static struct xpi_domain *contiguous_domain(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d;

	f->contiguous = true;
	d = fixture_domain(test);
	/* So that what the tests count are tables of entries. */
	fixture_map_ok(test, d, DFN - 1, PFN - 1, 1);
	return d;
}

static struct xpi_domain *mapped_run(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);

	fixture_map_ok(test, d, DFN, PFN, FRAMES);
	return d;
}

static u64 tables(void)
{
	return xpi_counted(XPI_SHADOW_TABLES);
}

static int map_error(struct xpi_domain *d, u64 dfn, unsigned long nr)
{
	unsigned long mapped;

	return xpi_domain_map(d, dfn, PFN, nr, FIXTURE_RW, GFP_KERNEL,
			      &mapped);
}

static void fail_op(struct kunit *test, u16 op, unsigned int times, int err)
{
	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .op = op, .times = times, .err = err,
	});
}

/* [@start, @start + @nr) of the run is gone for Linux, the rest is there. */
static void expect_gone(struct kunit *test, struct xpi_domain *d,
			unsigned long start, unsigned long nr)
{
	unsigned int wrong = 0;
	unsigned long i;

	for (i = 0; i < FRAMES; i++) {
		u64 entry = xpi_shadow_get(&d->shadow, DFN + i);
		bool there = entry & XPI_SHADOW_VALID &&
			     XPI_SHADOW_PHYS(entry) == PFN_PHYS(PFN + i);

		if (there != (i - start >= nr))
			wrong++;
	}
	KUNIT_EXPECT_EQ(test, 0U, wrong);
}

static void a_run_takes_no_table(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	u64 before = tables();

	fixture_map_ok(test, d, DFN, PFN, FRAMES);
	KUNIT_EXPECT_EQ(test, before, tables());
	expect_gone(test, d, 0, 0);
	fixture_unmap_strict(test, d, DFN, FRAMES);
	KUNIT_EXPECT_EQ(test, before, tables());
	expect_gone(test, d, 0, FRAMES);

	/* What is scattered does, and what does not fill one. */
	fixture_map_ok(test, d, DFN, PFN, TABLE - 1);
	KUNIT_EXPECT_EQ(test, before + 1, tables());
	((struct fixture *)test->priv)->contiguous = false;
	fixture_map_ok(test, d, DFN + TABLE, PFN, 2 * TABLE);
	KUNIT_EXPECT_EQ(test, before + 3, tables());
}

/* It fills two tables of the four that it touches. */
static void ends_of_a_long_run_take_tables(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	u64 before = tables();

	fixture_map_ok(test, d, DFN + 1, PFN + 1, FRAMES + TABLE - 2);
	KUNIT_EXPECT_EQ(test, before + 2, tables());
	KUNIT_EXPECT_EQ(test, FRAMES + TABLE - 1,
			model_nr_mapped(fixture_model(test)));
	fixture_unmap_strict(test, d, DFN + 1, FRAMES + TABLE - 2);
	KUNIT_EXPECT_EQ(test, before + 2, tables());
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(fixture_model(test)));
}

static void part_of_a_run_is_unmapped(struct kunit *test)
{
	struct xpi_domain *d = mapped_run(test);
	u64 before = tables();

	fixture_unmap_strict(test, d, DFN + TABLE - 2, TABLE + 4);
	KUNIT_EXPECT_EQ(test, before + 2, tables());
	expect_gone(test, d, TABLE - 2, TABLE + 4);
	fixture_map_ok(test, d, DFN + TABLE - 2, PFN + TABLE - 2, TABLE + 4);
	expect_gone(test, d, 0, 0);
	KUNIT_EXPECT_EQ(test, before + 2, tables());
}

static void a_run_is_in_the_way(struct kunit *test)
{
	struct xpi_domain *d = mapped_run(test);

	KUNIT_EXPECT_EQ(test, -EEXIST, map_error(d, DFN, FRAMES));
	KUNIT_EXPECT_EQ(test, -EEXIST, map_error(d, DFN + 700, 1));
	KUNIT_EXPECT_EQ(test, -EEXIST, map_error(d, DFN + 700, 2));
	expect_gone(test, d, 0, 0);
}

static u64 *no_page(gfp_t gfp)
{
	return NULL;
}

/* Rather unmap nothing than forget the rest of it. */
/* Of what is unmapped in part a run is at either end. */
static void without_memory_part_of_a_run_goes_nevertheless(struct kunit *test)
{
	struct xpi_domain *d = mapped_run(test);
	struct model *m = fixture_model(test);

	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	fixture_unmap_strict(test, d, DFN + TABLE - 1, TABLE + 2);
	expect_gone(test, d, TABLE - 1, TABLE + 2);
	KUNIT_EXPECT_EQ(test, FRAMES - TABLE - 2 + 1, model_nr_mapped(m));
}

/* Once more is too much for the reserve. */
static void without_memory_part_of_a_run_stays_mapped(struct kunit *test)
{
	struct xpi_domain *d = mapped_run(test);
	struct model *m = fixture_model(test);
	unsigned int i;

	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	for (i = 0; i < XPI_SHADOW_RESERVED; i++) {
		free_page((unsigned long)d->shadow.reserved[i]);
		d->shadow.reserved[i] = NULL;
	}
	KUNIT_EXPECT_EQ(test, 0UL, xpi_domain_unmap(d, DFN + 7, 1, false));
	KUNIT_EXPECT_EQ(test, TABLE,
			xpi_domain_unmap(d, DFN, TABLE + 1, false));
	xpi_domain_sync(d);
	expect_gone(test, d, 0, TABLE);
	KUNIT_EXPECT_EQ(test, FRAMES - TABLE + 1, model_nr_mapped(m));

	/* All of it takes none. */
	fixture_unmap_strict(test, d, DFN + TABLE, FRAMES - TABLE);
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(m));
}

static void without_memory_nothing_is_mapped(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);

	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	KUNIT_EXPECT_EQ(test, -ENOMEM, map_error(d, DFN, 1));
	KUNIT_EXPECT_EQ(test, -ENOMEM, map_error(d, DFN, 2));
	/* This run needs the table above it. */
	KUNIT_EXPECT_EQ(test, -ENOMEM, map_error(d, DFN << 10, TABLE));
	KUNIT_EXPECT_EQ(test, 0U, d->batch.nr);
	fixture_map_ok(test, d, DFN, PFN, FRAMES);
}

/* Nothing of a run is entered while any of its tables is missing. */
static void without_memory_for_its_end_no_run_is_mapped(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	struct model *m = fixture_model(test);
	unsigned long mapped;

	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			xpi_domain_map(d, DFN - 5, PFN - 5, TABLE + 10,
				       FIXTURE_RW, GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 0UL, mapped);
	KUNIT_EXPECT_EQ(test, 0U, d->batch.nr);
	KUNIT_EXPECT_EQ(test, 0ULL, xpi_shadow_get(&d->shadow, DFN - 5));
	expect_gone(test, d, 0, FRAMES);

	/* With it, the run is one operation: a table, a run, a table. */
	kunit_deactivate_static_stub(test, xpi_shadow_page);
	fixture_unmap_strict(test, d, DFN - 1, 1);
	model_count(m);
	fixture_map_ok(test, d, DFN - 5, PFN - 5, TABLE + 10);
	KUNIT_EXPECT_EQ(test, 1U, m->ops[XEN_IOMMUOP_map]);
}

/* Whatever else it needs, there is no room for it. */
static void a_run_in_the_way_is_found_behind_a_missing_table(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	u64 dfn = DFN + 2 * TABLE;
	unsigned long mapped;

	fixture_map_ok(test, d, dfn, PFN, TABLE);
	KUNIT_EXPECT_EQ(test, -EEXIST,
			xpi_domain_map(d, dfn - 5, PFN, 10, FIXTURE_RW,
				       GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 5UL, mapped);
	fixture_unmap_strict(test, d, dfn - 5, 5);
}

/* A table for 512 frames, of which the tree has fewer. */
static void at_the_end_of_the_aperture_runs_have_tables(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct xpi_domain *d;
	u64 before;

	f->contiguous = true;
	f->model->caps.max_dfn = 3 * TABLE + 100;
	d = fixture_domain(test);
	fixture_map_ok(test, d, 0, PFN, 1);
	before = tables();
	fixture_map_ok(test, d, TABLE, PFN, 2 * TABLE + 101);
	KUNIT_EXPECT_EQ(test, before + 1, tables());
	KUNIT_EXPECT_EQ(test, 2 * TABLE + 102, model_nr_mapped(f->model));
	fixture_unmap_strict(test, d, TABLE, 2 * TABLE + 101);
}

static void a_run_beyond_the_aperture_is_refused(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	u64 end = d->shadow.max_dfn + 1;
	unsigned long mapped;

	KUNIT_EXPECT_EQ(test, -EINVAL, map_error(d, end, TABLE));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			xpi_domain_map(d, end - TABLE, PFN, 2 * TABLE,
				       FIXTURE_RW, GFP_KERNEL, &mapped));
	KUNIT_EXPECT_EQ(test, 0UL, mapped);
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(fixture_model(test)));
}

static void a_refused_run_is_undone(struct kunit *test)
{
	struct xpi_domain *d = contiguous_domain(test);
	u64 before = tables();

	fail_op(test, XEN_IOMMUOP_map, 1, -EPERM);
	KUNIT_EXPECT_EQ(test, -EIO, fixture_map(d, DFN, PFN, FRAMES));
	KUNIT_EXPECT_EQ(test, FRAMES, d->nr_refused);

	/* Part of it, and the rest at once. */
	fixture_unmap_strict(test, d, DFN + 5, 3);
	KUNIT_EXPECT_EQ(test, FRAMES - 3, d->nr_refused);
	fixture_unmap_strict(test, d, DFN, 5);
	fixture_unmap_strict(test, d, DFN + 8, FRAMES - 8);
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
	KUNIT_EXPECT_EQ(test, before + 1, tables());
	fixture_map_ok(test, d, DFN, PFN, FRAMES);
}

static void a_run_that_cannot_be_unmapped_is_quarantined(struct kunit *test)
{
	u64 quarantined = xpi_counted(XPI_QUARANTINED);
	u64 freed = xpi_counted(XPI_QUARANTINE_FREED);
	struct xpi_domain *d = mapped_run(test);

	fail_op(test, XEN_IOMMUOP_unmap, MODEL_ALWAYS, -EPERM);
	fixture_unmap_strict(test, d, DFN, FRAMES);
	KUNIT_EXPECT_EQ(test, quarantined + FRAMES,
			xpi_counted(XPI_QUARANTINED));
	KUNIT_EXPECT_EQ(test, 0UL, xpi_domain_unmap(d, DFN, FRAMES, false));
	KUNIT_EXPECT_EQ(test, -EBUSY, map_error(d, DFN, TABLE));
	KUNIT_EXPECT_EQ(test, -EBUSY, map_error(d, DFN + TABLE, 1));

	model_heal(fixture_model(test));
	fixture_map_ok(test, d, DFN, PFN, FRAMES);
	KUNIT_EXPECT_EQ(test, freed + FRAMES,
			xpi_counted(XPI_QUARANTINE_FREED));
}

/* Its pages would still be those of the old one. */
static void a_run_behind_a_failed_unmap_is_refused(struct kunit *test)
{
	struct xpi_domain *d = mapped_run(test);
	unsigned long mapped;

	KUNIT_EXPECT_EQ(test, FRAMES,
			xpi_domain_unmap(d, DFN, FRAMES, true));
	fail_op(test, XEN_IOMMUOP_unmap, MODEL_ALWAYS, -EPERM);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_map(d, DFN, PFN + FRAMES, FRAMES,
						FIXTURE_RW, GFP_KERNEL,
						&mapped));
	KUNIT_EXPECT_EQ(test, -EIO, xpi_domain_sync_map(d, DFN, FRAMES));
	KUNIT_EXPECT_EQ(test, FRAMES, d->nr_refused);
	model_heal(fixture_model(test));
	fixture_unmap_strict(test, d, DFN, FRAMES);
	KUNIT_EXPECT_EQ(test, 0UL, d->nr_refused);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_run_takes_no_table),
	KUNIT_CASE(ends_of_a_long_run_take_tables),
	KUNIT_CASE(part_of_a_run_is_unmapped),
	KUNIT_CASE(a_run_is_in_the_way),
	KUNIT_CASE(without_memory_part_of_a_run_goes_nevertheless),
	KUNIT_CASE(without_memory_part_of_a_run_stays_mapped),
	KUNIT_CASE(without_memory_nothing_is_mapped),
	KUNIT_CASE(without_memory_for_its_end_no_run_is_mapped),
	KUNIT_CASE(a_run_in_the_way_is_found_behind_a_missing_table),
	KUNIT_CASE(at_the_end_of_the_aperture_runs_have_tables),
	KUNIT_CASE(a_run_beyond_the_aperture_is_refused),
	KUNIT_CASE(a_refused_run_is_undone),
	KUNIT_CASE(a_run_that_cannot_be_unmapped_is_quarantined),
	KUNIT_CASE(a_run_behind_a_failed_unmap_is_refused),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-run",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
