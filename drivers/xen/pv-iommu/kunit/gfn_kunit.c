// SPDX-License-Identifier: GPL-2.0-only
/* From PFNs to GFNs: where a run ends, and what has no frame. */

#include <linux/prandom.h>

#include <kunit/static_stub.h>

#include <asm/xen/page.h>

#include "../gfn.h"
#include "fixture.h"

#define PFN		1000UL

static void expect_run(struct kunit *test, unsigned long pfn, unsigned long nr,
		       u64 gfn, unsigned long len)
{
	struct xpi_gfn_run run = {};
	u64 plain;

	KUNIT_ASSERT_EQ(test, 0, xpi_gfn_run(pfn, nr, &run));
	KUNIT_EXPECT_EQ(test, gfn, run.gfn);
	KUNIT_EXPECT_EQ(test, len, run.nr);

	/* Where the array ends that the P2M is in, it need not know. */
	plain = nr > 1 ? xpi_gfn_plain_run(pfn, nr) : xpi_gfn_plain(pfn);
	if (plain != XPI_NO_GFN) {
		KUNIT_EXPECT_EQ(test, nr, len);
		KUNIT_EXPECT_EQ(test, gfn, plain);
	}
}

/* In the array, see fixture_p2m_run(). */
static void a_run_of_memory_is_plain(struct kunit *test)
{
	fixture_p2m(test, 23 * 50, 30, 5000, false);
	KUNIT_EXPECT_EQ(test, 5000ULL, xpi_gfn_plain_run(23 * 50, 23));
	KUNIT_EXPECT_EQ(test, 5004ULL, xpi_gfn_plain_run(23 * 50 + 4, 2));
	KUNIT_EXPECT_EQ(test, XPI_NO_GFN, xpi_gfn_plain_run(23 * 50 + 28, 3));
}

static void what_is_special_is_not_plain(struct kunit *test)
{
	fixture_p2m(test, PFN, 1, 5000, false);
	fixture_p2m(test, PFN + 1, 1, INVALID_P2M_ENTRY, false);
	fixture_p2m(test, PFN + 2, 1, FOREIGN_FRAME(5002), false);
	fixture_p2m(test, PFN + 3, 1, IDENTITY_FRAME(PFN + 3), false);

	KUNIT_EXPECT_EQ(test, 5000ULL, xpi_gfn_plain(PFN));
	KUNIT_EXPECT_EQ(test, XPI_NO_GFN, xpi_gfn_plain(PFN + 1));
	KUNIT_EXPECT_EQ(test, XPI_NO_GFN, xpi_gfn_plain(PFN + 2));
	KUNIT_EXPECT_EQ(test, XPI_NO_GFN, xpi_gfn_plain(PFN + 3));
	KUNIT_EXPECT_EQ(test, XPI_NO_GFN, xpi_gfn_plain_run(PFN, 2));
	KUNIT_EXPECT_EQ(test, XPI_NO_GFN, xpi_gfn_plain_run(PFN + 1, 2));
}

static void scattered_frames_are_runs_of_one(struct kunit *test)
{
	unsigned long pfn;

	for (pfn = PFN; pfn < PFN + 10; pfn++)
		expect_run(test, pfn, 10, fixture_scattered(pfn), 1);
}

static void contiguous_frames_are_one_run(struct kunit *test)
{
	fixture_p2m(test, PFN, 700, 5000, false);
	expect_run(test, PFN, 700, 5000, 700);
	expect_run(test, PFN + 3, 600, 5003, 600);
	expect_run(test, PFN + 699, 1, 5699, 1);
}

static void a_run_is_not_longer_than_asked_for(struct kunit *test)
{
	fixture_p2m(test, PFN, 700, 5000, false);
	expect_run(test, PFN, 1, 5000, 1);
	expect_run(test, PFN, 2, 5000, 2);
}

static void a_run_ends_where_the_frames_jump(struct kunit *test)
{
	fixture_p2m(test, PFN, 8, 5000, false);
	fixture_p2m(test, PFN + 8, 8, 5009, false);
	expect_run(test, PFN, 16, 5000, 8);
	expect_run(test, PFN + 8, 8, 5009, 8);
}

/* Frames may go down, or repeat; neither is a run. */
static void descending_and_equal_frames_are_no_run(struct kunit *test)
{
	fixture_p2m(test, PFN, 1, 5001, false);
	fixture_p2m(test, PFN + 1, 2, 5000, true);
	expect_run(test, PFN, 3, 5001, 1);
	expect_run(test, PFN + 1, 2, 5000, 1);
}

static void mmio_is_its_own_frame_without_the_mark(struct kunit *test)
{
	fixture_p2m(test, 0xfe000, 16, IDENTITY_FRAME(0xfe000UL), false);
	expect_run(test, 0xfe000, 16, 0xfe000, 16);
}

/* RAM whose frame numbers happen to run into those of MMIO. */
static void a_run_does_not_go_from_ram_into_mmio(struct kunit *test)
{
	fixture_p2m(test, PFN, 4, PFN, false);
	fixture_p2m(test, PFN + 4, 4, IDENTITY_FRAME(PFN + 4), false);
	expect_run(test, PFN, 8, PFN, 4);
	expect_run(test, PFN + 4, 4, PFN + 4, 4);
}

static void a_run_does_not_go_from_mmio_into_ram(struct kunit *test)
{
	fixture_p2m(test, PFN, 4, IDENTITY_FRAME(PFN), false);
	fixture_p2m(test, PFN + 4, 4, PFN + 4, false);
	expect_run(test, PFN, 8, PFN, 4);
}

static void a_hole_has_no_frame(struct kunit *test)
{
	struct xpi_gfn_run run;

	fixture_p2m(test, PFN, 1, INVALID_P2M_ENTRY, true);
	KUNIT_EXPECT_EQ(test, -EINVAL, xpi_gfn_run(PFN, 1, &run));
	KUNIT_EXPECT_EQ(test, -EINVAL, xpi_gfn_run(PFN, 10, &run));
}

static void a_run_ends_before_a_hole(struct kunit *test)
{
	fixture_p2m(test, PFN, 8, 5000, false);
	fixture_p2m(test, PFN + 5, 1, INVALID_P2M_ENTRY, true);
	expect_run(test, PFN, 8, 5000, 5);
}

static void a_foreign_frame_without_a_grant_is_refused(struct kunit *test)
{
	struct xpi_gfn_run run;

	fixture_p2m(test, PFN, 4, FOREIGN_FRAME(5000UL), false);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, xpi_gfn_run(PFN, 1, &run));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, xpi_gfn_run(PFN, 4, &run));
}

/* Its machine frame says nothing: those of two grants may be neighbours. */
static void a_granted_frame_is_a_run_by_itself(struct kunit *test)
{
	struct xpi_gfn_run run;

	fixture_grants(test, PFN, 4);
	KUNIT_ASSERT_EQ(test, 0, xpi_gfn_run(PFN + 2, 2, &run));
	KUNIT_EXPECT_EQ(test, 2ULL, run.gfn);
	KUNIT_EXPECT_EQ(test, 1UL, run.nr);
	KUNIT_EXPECT_TRUE(test, run.foreign);
	KUNIT_EXPECT_EQ(test, MODEL_GUEST, run.owner);

	/* The same run again, of dom0's own. */
	KUNIT_ASSERT_EQ(test, 0, xpi_gfn_run(PFN + 4, 1, &run));
	KUNIT_EXPECT_FALSE(test, run.foreign);
	KUNIT_EXPECT_EQ(test, 0, run.owner);
}

static void a_run_ends_before_a_foreign_frame(struct kunit *test)
{
	fixture_p2m(test, PFN, 8, 5000, false);
	fixture_p2m(test, PFN + 2, 1, FOREIGN_FRAME(5002UL), false);
	expect_run(test, PFN, 8, 5000, 2);
}

/* Not the fixture's P2M but the kernel's: identity behind its end. */
static void behind_the_end_of_the_p2m_all_is_identity(struct kunit *test)
{
	unsigned long pfn = 1UL << 36;

	kunit_deactivate_static_stub(test, xpi_p2m_entry);
	kunit_deactivate_static_stub(test, xpi_p2m_run);
	expect_run(test, pfn, 512, pfn, 512);
}

/* Both of them the kernel's again. */
static void the_array_of_the_p2m_says_what_the_kernel_says(struct kunit *test)
{
	unsigned long pfn, i, nr, end = min(xen_p2m_size, 1UL << 16);

	if (!end)
		kunit_skip(test, "there is a P2M only on Xen");

	kunit_deactivate_static_stub(test, xpi_p2m_entry);
	kunit_deactivate_static_stub(test, xpi_p2m_run);
	for (pfn = 0; pfn < end; pfn += max(nr, 1UL)) {
		unsigned long entry = xpi_p2m_entry(pfn);

		nr = xpi_p2m_run(pfn, 512, entry);
		KUNIT_ASSERT_LE(test, nr, 512UL);
		for (i = 0; i < nr; i++)
			KUNIT_ASSERT_EQ(test, entry + i, xpi_p2m_entry(pfn + i));
		if (nr < 512 && pfn + nr < xen_p2m_size)
			KUNIT_ASSERT_NE(test, entry + nr,
					xen_p2m_addr[pfn + nr]);
	}
}

/* The last frame numbers that there are. */
static void the_last_frames_do_not_wrap(struct kunit *test)
{
	unsigned long last = PHYS_PFN(~0UL);

	fixture_p2m(test, last - 3, 4, IDENTITY_FRAME(last - 3), false);
	expect_run(test, last - 3, 4, last - 3, 4);
	expect_run(test, last, 1, last, 1);
}

#define TABLE		256

static unsigned long *table;

static unsigned long table_entry(unsigned long pfn)
{
	return pfn < TABLE ? table[pfn] : INVALID_P2M_ENTRY;
}

static void fill_table(struct rnd_state *rnd)
{
	unsigned long i, entry = 0;

	for (i = 0; i < TABLE; i++) {
		unsigned int what = prandom_u32_state(rnd) % 16;

		if (what == 0)
			entry = INVALID_P2M_ENTRY;
		else if (what == 1)
			entry = FOREIGN_FRAME(i + 1);
		else if (what == 2)
			entry = IDENTITY_FRAME(i);
		else if (what < 6 || entry == INVALID_P2M_ENTRY)
			entry = prandom_u32_state(rnd) % 1024;
		else
			entry++;
		table[i] = entry;
	}
}

/* Whatever the P2M is like, the runs put together are the P2M. */
static void runs_of_any_p2m_put_together_are_the_p2m(struct kunit *test)
{
	struct xpi_gfn_run run;
	struct rnd_state rnd;
	unsigned long i, j;
	unsigned int round;

	table = kunit_kcalloc(test, TABLE, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	prandom_seed_state(&rnd, fixture_seed(test));
	kunit_activate_static_stub(test, xpi_p2m_entry, table_entry);

	for (round = 0; round < 50; round++) {
		fill_table(&rnd);
		for (i = 0; i < TABLE; i += run.nr) {
			int ret = xpi_gfn_run(i, TABLE - i, &run);
			int want = table[i] == INVALID_P2M_ENTRY ? -EINVAL :
				   table[i] & FOREIGN_FRAME_BIT ? -EOPNOTSUPP :
				   0;

			KUNIT_ASSERT_EQ(test, want, ret);
			if (ret) {
				run.nr = 1;
				continue;
			}
			KUNIT_ASSERT_GE(test, run.nr, 1UL);
			KUNIT_ASSERT_LE(test, run.nr, TABLE - i);
			for (j = 0; j < run.nr; j++)
				KUNIT_ASSERT_EQ(test, run.gfn + j,
						table[i + j] &
						~IDENTITY_FRAME_BIT);
			/* Nor could it have been longer. */
			if (i + j < TABLE)
				KUNIT_ASSERT_NE(test, table[i] + j,
						table[i + j]);
		}
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_run_of_memory_is_plain),
	KUNIT_CASE(what_is_special_is_not_plain),
	KUNIT_CASE(scattered_frames_are_runs_of_one),
	KUNIT_CASE(contiguous_frames_are_one_run),
	KUNIT_CASE(a_run_is_not_longer_than_asked_for),
	KUNIT_CASE(a_run_ends_where_the_frames_jump),
	KUNIT_CASE(descending_and_equal_frames_are_no_run),
	KUNIT_CASE(mmio_is_its_own_frame_without_the_mark),
	KUNIT_CASE(a_run_does_not_go_from_ram_into_mmio),
	KUNIT_CASE(a_run_does_not_go_from_mmio_into_ram),
	KUNIT_CASE(a_hole_has_no_frame),
	KUNIT_CASE(a_run_ends_before_a_hole),
	KUNIT_CASE(a_foreign_frame_without_a_grant_is_refused),
	KUNIT_CASE(a_granted_frame_is_a_run_by_itself),
	KUNIT_CASE(a_run_ends_before_a_foreign_frame),
	KUNIT_CASE(behind_the_end_of_the_p2m_all_is_identity),
	KUNIT_CASE(the_array_of_the_p2m_says_what_the_kernel_says),
	KUNIT_CASE(the_last_frames_do_not_wrap),
	KUNIT_CASE(runs_of_any_p2m_put_together_are_the_p2m),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-gfn",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
