// SPDX-License-Identifier: GPL-2.0-only
/* What Linux has mapped: its tree, at all sizes, and from two CPUs at once. */

#include <kunit/static_stub.h>
#include <kunit/test-bug.h>

#include <linux/completion.h>
#include <linux/kthread.h>

#include "fixture.h"

#define ENTRIES		(PAGE_SIZE / sizeof(u64))

static void destroy_tree(void *data)
{
	struct xpi_shadow *sh = data;

	if (sh->root)
		xpi_shadow_destroy(sh);
}

static struct xpi_shadow *tree(struct kunit *test, u64 max_dfn)
{
	struct xpi_shadow *sh = kunit_kzalloc(test, sizeof(*sh), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sh);
	KUNIT_ASSERT_EQ(test, 0, xpi_shadow_init(sh, max_dfn));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, destroy_tree, sh));
	return sh;
}

static u64 *slot(struct kunit *test, struct xpi_shadow *sh, u64 dfn)
{
	u64 *entry = xpi_shadow_entries_alloc(sh, dfn, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, entry);
	return entry;
}

struct width {
	unsigned int bits;
	unsigned int levels;
};

static const struct width widths[] = {
	{ 12, 1 }, { 21, 1 }, { 22, 2 }, { 30, 2 }, { 31, 3 },
	{ 39, 3 }, { 40, 4 }, { 48, 4 }, { 52, 5 }, { 57, 5 }, { 64, 6 },
};

static void width_name(const struct width *w, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%u bits", w->bits);
}

KUNIT_ARRAY_PARAM(width, widths, width_name);

static void a_tree_has_the_levels_that_its_width_needs(struct kunit *test)
{
	const struct width *w = test->param_value;
	struct xpi_shadow *sh = tree(test, BIT_ULL(w->bits - PAGE_SHIFT) - 1);

	KUNIT_EXPECT_EQ(test, w->levels, sh->levels);
}

static void first_and_last_frame_have_entries_of_their_own(struct kunit *test)
{
	const struct width *w = test->param_value;
	u64 max = BIT_ULL(w->bits - PAGE_SHIFT) - 1;
	struct xpi_shadow *sh = tree(test, max);

	*slot(test, sh, 0) = 1;
	*slot(test, sh, max) |= 2;
	*slot(test, sh, max / 2) |= 4;
	KUNIT_EXPECT_EQ(test, max ? 2 : 7, xpi_shadow_get(sh, max));
	if (max) {
		KUNIT_EXPECT_EQ(test, 1, xpi_shadow_get(sh, 0));
		KUNIT_EXPECT_EQ(test, 4, xpi_shadow_get(sh, max / 2));
	}
}

static void beyond_the_tree_there_is_nothing(struct kunit *test)
{
	const struct width *w = test->param_value;
	u64 max = BIT_ULL(w->bits - PAGE_SHIFT) - 1;
	struct xpi_shadow *sh = tree(test, max);

	*slot(test, sh, 0) = 1;
	KUNIT_EXPECT_NULL(test, xpi_shadow_entries(sh, max + 1));
	KUNIT_EXPECT_NULL(test, xpi_shadow_entries_alloc(sh, max + 1,
							 GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, xpi_shadow_entries_alloc(sh, ~0ULL, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, xpi_shadow_get(sh, max + 1));
	KUNIT_EXPECT_EQ(test, 0, xpi_shadow_get(sh, ~0ULL));
}

static void looking_up_allocates_nothing(struct kunit *test)
{
	struct xpi_shadow *sh = tree(test, BIT_ULL(36) - 1);
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);

	KUNIT_EXPECT_NULL(test, xpi_shadow_entries(sh, 12345));
	KUNIT_EXPECT_EQ(test, 0, xpi_shadow_get(sh, 12345));
	KUNIT_EXPECT_EQ(test, tables, xpi_counted(XPI_SHADOW_TABLES));
}

static void a_table_has_its_entries_in_a_row(struct kunit *test)
{
	struct xpi_shadow *sh = tree(test, BIT_ULL(27) - 1);
	u64 *first, *last;

	first = xpi_shadow_entries_alloc(sh, 512 * 7, GFP_KERNEL);
	last = xpi_shadow_entries_alloc(sh, 512 * 7 + 511, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, first + 511, last);
	KUNIT_EXPECT_PTR_EQ(test, first + 1,
			    xpi_shadow_entries(sh, 512 * 7 + 1));
}

/* More tables than are kept, and twice those that are kept at one place. */
static void what_was_found_lately_is_what_the_tree_has(struct kunit *test)
{
	const unsigned int nr = 3 * XPI_SHADOW_RECENT;
	struct xpi_shadow *sh = tree(test, nr * ENTRIES - 1);
	unsigned int round, i;

	for (i = 0; i < nr; i++)
		*slot(test, sh, i * ENTRIES + i) = i + 1;

	for (round = 0; round < 2 * nr; round++) {
		u64 *entry;

		/* Each with the others of its place in between, and once more. */
		i = round / 2 * (XPI_SHADOW_RECENT + 1) % nr;
		entry = xpi_shadow_entries(sh, i * ENTRIES + i);
		KUNIT_ASSERT_NOT_NULL(test, entry);
		KUNIT_EXPECT_EQ(test, i + 1, *entry);
		KUNIT_EXPECT_PTR_EQ(test, slot(test, sh, i * ENTRIES + i),
				    entry);
	}
}

static void neighbours_share_tables(struct kunit *test)
{
	struct xpi_shadow *sh = tree(test, BIT_ULL(27) - 1);
	u64 tables;

	slot(test, sh, 0);
	tables = xpi_counted(XPI_SHADOW_TABLES);
	slot(test, sh, 511);
	KUNIT_EXPECT_EQ(test, tables, xpi_counted(XPI_SHADOW_TABLES));
	slot(test, sh, 512);
	KUNIT_EXPECT_EQ(test, tables + 1, xpi_counted(XPI_SHADOW_TABLES));
}

static void the_end_of_a_tree_frees_all_its_tables(struct kunit *test)
{
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);
	struct xpi_shadow *sh = tree(test, BIT_ULL(40) - 1);
	u64 i;

	for (i = 0; i < 40; i++)
		slot(test, sh, BIT_ULL(i));
	KUNIT_EXPECT_GT(test, xpi_counted(XPI_SHADOW_TABLES), tables + 60);
	xpi_shadow_destroy(sh);
	KUNIT_EXPECT_EQ(test, tables, xpi_counted(XPI_SHADOW_TABLES));
}

/* Where the tests have their run: in the second table of a tree. */
#define RUN_DFN		ENTRIES
#define RUN_ENTRY	(0x12345000ULL | XPI_SHADOW_VALID | XPI_SHADOW_READ)

static struct xpi_shadow *tree_with_run(struct kunit *test, u64 entry)
{
	struct xpi_shadow *sh = tree(test, BIT_ULL(27) - 1);
	u64 *run = xpi_shadow_run_alloc(sh, RUN_DFN + 7, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, run);
	KUNIT_ASSERT_EQ(test, 0ULL, *run);
	*run = entry;
	return sh;
}

static unsigned int differ_from_run(struct xpi_shadow *sh)
{
	unsigned int wrong = 0;
	u64 i;

	for (i = 0; i < ENTRIES; i++)
		if (xpi_shadow_get(sh, RUN_DFN + i) !=
		    RUN_ENTRY + i * PAGE_SIZE)
			wrong++;
	return wrong;
}

static void a_run_has_the_entries_of_its_frames(struct kunit *test)
{
	struct xpi_shadow *sh = tree_with_run(test, RUN_ENTRY);

	KUNIT_EXPECT_EQ(test, 0U, differ_from_run(sh));
	KUNIT_EXPECT_EQ(test, 0ULL, xpi_shadow_get(sh, RUN_DFN - 1));
	KUNIT_EXPECT_EQ(test, 0ULL, xpi_shadow_get(sh, RUN_DFN + ENTRIES));
	KUNIT_EXPECT_NULL(test, xpi_shadow_entries(sh, RUN_DFN));
	KUNIT_EXPECT_PTR_EQ(test, xpi_shadow_run(sh, RUN_DFN),
			    xpi_shadow_run(sh, RUN_DFN + ENTRIES - 1));
}

static void a_run_that_is_split_has_the_same_entries(struct kunit *test)
{
	struct xpi_shadow *sh = tree_with_run(test, RUN_ENTRY);
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);
	u64 *entry;

	KUNIT_EXPECT_TRUE(test, xpi_shadow_split(sh, RUN_DFN + 3));
	KUNIT_EXPECT_EQ(test, tables + 1, xpi_counted(XPI_SHADOW_TABLES));
	KUNIT_EXPECT_EQ(test, 0U, differ_from_run(sh));
	entry = xpi_shadow_entries(sh, RUN_DFN + 3);
	KUNIT_ASSERT_NOT_NULL(test, entry);
	KUNIT_EXPECT_EQ(test, RUN_ENTRY + 3 * PAGE_SIZE, *entry);

	/* There is nothing left to split, nor was there elsewhere. */
	KUNIT_EXPECT_FALSE(test, xpi_shadow_split(sh, RUN_DFN));
	KUNIT_EXPECT_FALSE(test, xpi_shadow_split(sh, RUN_DFN + ENTRIES));
	KUNIT_EXPECT_FALSE(test, xpi_shadow_split(sh, BIT_ULL(20)));
}

/* Who only wants a table must not take a valid run from under its owner. */
static void only_a_run_that_is_not_valid_gives_way(struct kunit *test)
{
	struct xpi_shadow *sh = tree_with_run(test, RUN_ENTRY);
	u64 *entry;

	KUNIT_EXPECT_NULL(test, xpi_shadow_entries_alloc(sh, RUN_DFN,
							 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0U, differ_from_run(sh));

	*xpi_shadow_run(sh, RUN_DFN) = XPI_SHADOW_QUARANTINED;
	entry = xpi_shadow_entries_alloc(sh, RUN_DFN + 9, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, entry);
	KUNIT_EXPECT_TRUE(test, *entry & XPI_SHADOW_QUARANTINED);
	KUNIT_EXPECT_FALSE(test, *entry & XPI_SHADOW_VALID);
}

static void there_is_no_run_beyond_the_tree(struct kunit *test)
{
	struct xpi_shadow *sh = tree(test, 2 * ENTRIES - 1);

	KUNIT_EXPECT_NOT_NULL(test, xpi_shadow_run_alloc(sh, 2 * ENTRIES - 1,
							 GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, xpi_shadow_run_alloc(sh, 2 * ENTRIES,
						     GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, xpi_shadow_run(sh, ~0ULL));

	/* One table holds the whole of this tree. */
	sh = tree(test, ENTRIES - 1);
	KUNIT_EXPECT_NULL(test, xpi_shadow_run_alloc(sh, 0, GFP_KERNEL));
}

static u64 *no_page(gfp_t gfp)
{
	return NULL;
}

/* Without memory for others, split runs elsewhere until there is none in reserve. */
static void use_up_reserve(struct kunit *test, struct xpi_shadow *sh)
{
	u64 *run, dfn = 2 * RUN_DFN;
	unsigned int i;

	for (i = 0; i <= XPI_SHADOW_RESERVED; i++, dfn += ENTRIES) {
		run = xpi_shadow_run_alloc(sh, dfn, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, run);
		*run = RUN_ENTRY;
	}

	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	for (i = 0, dfn = 2 * RUN_DFN; i < XPI_SHADOW_RESERVED;
	     i++, dfn += ENTRIES)
		KUNIT_EXPECT_TRUE(test, xpi_shadow_split(sh, dfn));
	KUNIT_EXPECT_FALSE(test, xpi_shadow_split(sh, dfn));
	kunit_deactivate_static_stub(test, xpi_shadow_page);
}

static void what_was_taken_from_the_reserve_is_replaced(struct kunit *test)
{
	struct xpi_shadow *sh = tree_with_run(test, RUN_ENTRY);

	use_up_reserve(test, sh);
	xpi_shadow_reserve(sh, GFP_KERNEL);
	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	KUNIT_EXPECT_TRUE(test, xpi_shadow_split(sh, RUN_DFN));
	KUNIT_EXPECT_EQ(test, 0U, differ_from_run(sh));
	kunit_deactivate_static_stub(test, xpi_shadow_page);
}

static void without_memory_a_tree_stays_as_it_is(struct kunit *test)
{
	struct xpi_shadow *sh = tree_with_run(test, RUN_ENTRY);

	use_up_reserve(test, sh);
	kunit_activate_static_stub(test, xpi_shadow_page, no_page);
	KUNIT_EXPECT_FALSE(test, xpi_shadow_split(sh, RUN_DFN));
	KUNIT_EXPECT_NULL(test, xpi_shadow_entries_alloc(sh, 0, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, xpi_shadow_run_alloc(sh, BIT_ULL(20),
						     GFP_KERNEL));
	kunit_deactivate_static_stub(test, xpi_shadow_page);
	KUNIT_EXPECT_EQ(test, 0U, differ_from_run(sh));
}

/* What another CPU puts in place while a table is allocated for it. */
struct rival {
	struct xpi_shadow *sh;
	u64 run;	/* or 0 for a table */
	u64 *entry;	/* OUT: that table's */
};

static u64 *page_that_comes_late(gfp_t gfp)
{
	struct kunit *test = kunit_get_current_test();
	struct rival *rival = test->priv;

	kunit_deactivate_static_stub(test, xpi_shadow_page);
	if (rival->run)
		*xpi_shadow_run(rival->sh, RUN_DFN) = rival->run;
	else
		rival->entry = xpi_shadow_entries_alloc(rival->sh, RUN_DFN, gfp);
	return (u64 *)__get_free_page(gfp);
}

/* Another CPU's table is as good, and a run of its own is left alone. */
static void a_table_that_comes_late_is_freed(struct kunit *test)
{
	struct rival rival = { .sh = tree_with_run(test, 0) };
	u64 tables = xpi_counted(XPI_SHADOW_TABLES);
	u64 *entry;

	test->priv = &rival;
	kunit_activate_static_stub(test, xpi_shadow_page, page_that_comes_late);
	entry = xpi_shadow_entries_alloc(rival.sh, RUN_DFN, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, entry);
	KUNIT_EXPECT_PTR_EQ(test, rival.entry, entry);
	KUNIT_EXPECT_EQ(test, tables + 1, xpi_counted(XPI_SHADOW_TABLES));

	rival.sh = tree_with_run(test, 0);
	rival.run = RUN_ENTRY;
	tables = xpi_counted(XPI_SHADOW_TABLES);
	kunit_activate_static_stub(test, xpi_shadow_page, page_that_comes_late);
	KUNIT_EXPECT_NULL(test, xpi_shadow_entries_alloc(rival.sh, RUN_DFN,
							 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0U, differ_from_run(rival.sh));
	KUNIT_EXPECT_EQ(test, tables, xpi_counted(XPI_SHADOW_TABLES));
}

#define TABLES		400

struct installer {
	struct xpi_shadow *sh;
	struct completion *go;
	struct completion done;
	u64 *got[TABLES];
};

static int install(void *data)
{
	struct installer *in = data;
	unsigned int i;

	wait_for_completion(in->go);
	for (i = 0; i < TABLES; i++)
		in->got[i] = xpi_shadow_entries_alloc(in->sh, i * ENTRIES,
						      GFP_KERNEL);
	complete(&in->done);
	return 0;
}

/* Whoever comes second has to take the first one's table, and free its own. */
static void two_cpus_install_the_same_tables(struct kunit *test)
{
	struct installer *in = kunit_kcalloc(test, 2, sizeof(*in), GFP_KERNEL);
	struct xpi_shadow *sh = tree(test, BIT_ULL(27) - 1);
	DECLARE_COMPLETION_ONSTACK(go);
	unsigned int i, differ = 0;
	u64 tables;

	KUNIT_ASSERT_NOT_NULL(test, in);
	fixture_needs_two_cpus(test);
	tables = xpi_counted(XPI_SHADOW_TABLES);

	for (i = 0; i < 2; i++) {
		struct task_struct *t;

		in[i].sh = sh;
		in[i].go = &go;
		init_completion(&in[i].done);
		t = kthread_create(install, &in[i], "xpi-install/%u", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(t));
		kthread_bind(t, i);
		wake_up_process(t);
	}
	complete_all(&go);
	for (i = 0; i < 2; i++)
		wait_for_completion(&in[i].done);

	for (i = 0; i < TABLES; i++)
		if (!in[0].got[i] || in[0].got[i] != in[1].got[i])
			differ++;
	KUNIT_EXPECT_EQ(test, 0U, differ);
	/* One for each, and one above them. */
	KUNIT_EXPECT_EQ(test, tables + TABLES + 1,
			xpi_counted(XPI_SHADOW_TABLES));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(a_tree_has_the_levels_that_its_width_needs,
			 width_gen_params),
	KUNIT_CASE_PARAM(first_and_last_frame_have_entries_of_their_own,
			 width_gen_params),
	KUNIT_CASE_PARAM(beyond_the_tree_there_is_nothing, width_gen_params),
	KUNIT_CASE(looking_up_allocates_nothing),
	KUNIT_CASE(a_table_has_its_entries_in_a_row),
	KUNIT_CASE(what_was_found_lately_is_what_the_tree_has),
	KUNIT_CASE(neighbours_share_tables),
	KUNIT_CASE(the_end_of_a_tree_frees_all_its_tables),
	KUNIT_CASE(a_run_has_the_entries_of_its_frames),
	KUNIT_CASE(a_run_that_is_split_has_the_same_entries),
	KUNIT_CASE(only_a_run_that_is_not_valid_gives_way),
	KUNIT_CASE(there_is_no_run_beyond_the_tree),
	KUNIT_CASE(without_memory_a_tree_stays_as_it_is),
	KUNIT_CASE(what_was_taken_from_the_reserve_is_replaced),
	KUNIT_CASE(a_table_that_comes_late_is_freed),
	KUNIT_CASE(two_cpus_install_the_same_tables),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-shadow",
	.test_cases = cases,
};

kunit_test_suite(suite);
