// SPDX-License-Identifier: GPL-2.0-only
/* Taking the host map away, in few calls, and bringing it back. */

#include <linux/slab.h>

#include <kunit/static_stub.h>

#include <asm/e820/types.h>

#include "../pv-iommu.h"
#include "fixture.h"

#define MAX_MAP		1100

/* The memory map of the machine, and what the test says about it. */
static struct boot_e820_entry *machine;
static unsigned int nr_machine;
static int machine_error;

/* What Xen has mapped at boot. */
static struct model_range *boot;

static int machine_memory_map(struct boot_e820_entry *map, unsigned int *nr)
{
	memcpy(map, machine, min(*nr, nr_machine) * sizeof(*map));
	*nr = nr_machine;
	return machine_error;
}

static void add_e820(struct kunit *test, struct boot_e820_entry entry)
{
	KUNIT_ASSERT_LT(test, nr_machine, MAX_MAP);
	machine[nr_machine++] = entry;
}

static void add_host(struct kunit *test, u64 start, u64 end)
{
	struct model *m = fixture_model(test);

	KUNIT_ASSERT_LT(test, m->nr_boot, MAX_MAP);
	boot[m->nr_boot++] = (struct model_range) { start, end };
	m->host[m->nr_host++] = (struct model_range) { start, end };
}

static int init(struct kunit *test)
{
	int ret = fixture_init(test);
	struct model *m = fixture_model(test);

	machine = kunit_kcalloc(test, MAX_MAP, sizeof(*machine), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, machine);
	nr_machine = 0;
	machine_error = 0;
	kunit_activate_static_stub(test, xpi_machine_memory_map,
				   machine_memory_map);

	boot = kunit_kcalloc(test, MAX_MAP, sizeof(*boot), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, boot);
	m->boot = boot;
	m->max_host = 2 * MAX_MAP;
	m->host = kcalloc(m->max_host, sizeof(*m->host), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->host);
	m->owned = false;
	m->caps.max_dfn = BIT_ULL(36) - 1;
	m->caps.flags &= ~XEN_IOMMU_CAP_clear;
	return ret;
}

static struct xpi *hypervisor(struct kunit *test)
{
	struct xpi *xpi = kunit_kzalloc(test, sizeof(*xpi), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xpi);
	xpi->backend = &model_backend;
	xpi->caps = fixture_model(test)->caps;
	return xpi;
}

/**
 * struct layout - a machine, and what Xen maps there, written by hand
 * @name: for the log
 * @e820: what XENMEM_machine_memory_map says, in bytes
 * @host: what is in the host map, in frames; each once
 * @max_dfn: the highest frame that can be mapped, or 0 for the usual one
 * @absent: so many frames are asked for that are not there (any more): Xen leaves
 *	out its own and the interrupt range, and entries may overlap
 * @ops: so many operations are made, with the flush
 */
struct layout {
	const char *name;
	struct boot_e820_entry e820[8];
	struct model_range host[6];
	u64 max_dfn;
	u64 absent;
	unsigned int ops;
};

#define RAM		E820_TYPE_RAM
#define RESERVED	E820_TYPE_RESERVED

static const struct layout layouts[] = {
	{ .name = "PC of 8 GiB",
	  .e820 = {
		{ 0, 0x9fc00, RAM }, { 0x9fc00, 0x400, RESERVED },
		{ 0xf0000, 0x10000, RESERVED }, { 0x100000, 0xbfee0000, RAM },
		{ 0xbffe0000, 0x20000, RESERVED },
		{ 0xfed1c000, 0x4000, RESERVED },
		{ 0x100000000, 0x140000000, RAM },
	  },
	  .host = { { 0x0, 0xbf400 }, { 0xbf800, 0xfee00 },
		    { 0xfef00, 0x100000 }, { 0x100000, 0x240000 } },
	  .absent = 0x500, .ops = 3,
	},
	{ .name = "nothing above 4 GiB",
	  .e820 = { { 0, 0x9fc00, RAM }, { 0x100000, 0x7fee0000, RAM } },
	  .host = { { 0x0, 0xfee00 }, { 0xfef00, 0x100000 } },
	  .absent = 0x100, .ops = 2,
	},
	{ .name = "holes and reserved parts",
	  .e820 = {
		{ 0, 0x80000000, RAM }, { 0x80000000, 0x10000000, RESERVED },
		{ 0x180000000, 0x80000000, RAM },
		{ 0x240000000, 0x40000000, RESERVED },
		{ 0x1000000000, 0x100000000, RAM },
	  },
	  .host = { { 0x0, 0x100000 }, { 0x180000, 0x200000 },
		    { 0x250000, 0x280000 }, { 0x1000000, 0x1100000 } },
	  .absent = 0x10000, .ops = 5,
	},
	{ .name = "an entry across 4 GiB",
	  .e820 = { { 0, 0x80000000, RAM }, { 0xc0000000, 0x80000000, RAM } },
	  .host = { { 0x0, 0x100000 }, { 0x100000, 0x140000 } },
	  .absent = 0, .ops = 3,
	},
	{ .name = "pages that are memory in part",
	  .e820 = {
		{ 0, 0x80000000, RAM }, { 0x100001800, 0x1000, RAM },
		{ 0x100010000, 0x10400, RAM }, { 0x100020800, 0xf800, RAM },
		{ 0x100040fff, 0x1, RAM }, { 0x100050000, 0x1001, RAM },
	  },
	  .host = { { 0x0, 0x100000 }, { 0x100001, 0x100003 },
		    { 0x100010, 0x100030 }, { 0x100040, 0x100041 },
		    { 0x100050, 0x100052 } },
	  /* Page 0x100020 is in two entries. */
	  .absent = 1, .ops = 7,
	},
	{ .name = "out of order, beyond 2^33 and in part beyond it",
	  .e820 = {
		{ 0x1c0000000, 0x100000000, RAM },
		{ 0x100000000, 0x100000000, RAM },
		{ 0x200000000, 0x100000000, RAM }, { 0, 0x80000000, RAM },
	  },
	  .host = { { 0x0, 0x100000 }, { 0x100000, 0x200000 } },
	  .max_dfn = 0x1fffff, .absent = 0x40000, .ops = 4,
	},
	{ .name = "less than 4 GiB can be mapped",
	  .e820 = { { 0, 0xc0000000, RAM }, { 0x100000000, 0x40000000, RAM } },
	  .host = { { 0x0, 0x80000 } },
	  .max_dfn = 0x7ffff, .absent = 0, .ops = 2,
	},
	{ .name = "16 TiB",
	  .e820 = { { 0, 0x80000000, RAM }, { 0x100000000, 0xfff00000000, RAM } },
	  .host = { { 0x0, 0x100000 }, { 0x100000, 0x100000000 } },
	  .absent = 0, .ops = 3,
	},
};

KUNIT_ARRAY_PARAM_DESC(layout, layouts, name);

static struct xpi *machine_of(struct kunit *test, const struct layout *l)
{
	unsigned int i;

	if (l->max_dfn)
		fixture_model(test)->caps.max_dfn = l->max_dfn;
	for (i = 0; i < ARRAY_SIZE(l->e820) && l->e820[i].type; i++)
		add_e820(test, l->e820[i]);
	for (i = 0; i < ARRAY_SIZE(l->host) && l->host[i].end; i++)
		add_host(test, l->host[i].start, l->host[i].end);
	return hypervisor(test);
}

static struct xpi *small_machine(struct kunit *test)
{
	return machine_of(test, &layouts[0]);
}

/* @gib of memory above 4 GiB in @parts, with a hole of 16 MiB behind each. */
static struct xpi *big_machine(struct kunit *test, u64 gib, unsigned int parts)
{
	u64 nr = gib * 0x40000 / parts, first = 0x100000;
	unsigned int i;

	add_host(test, 0, 0x100000);
	for (i = 0; i < parts; i++, first += nr + 0x1000) {
		add_e820(test, (struct boot_e820_entry) {
			.addr = first * 0x1000, .size = nr * 0x1000, .type = RAM,
		});
		add_host(test, first, first + nr);
	}
	return hypervisor(test);
}

static void each_host_map_is_unmapped_and_no_more(struct kunit *test)
{
	const struct layout *l = test->param_value;
	struct model *m = fixture_model(test);
	struct xpi *xpi = machine_of(test, l);

	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
	KUNIT_EXPECT_EQ(test, l->absent, m->absent);
	/* The first one took over. */
	KUNIT_EXPECT_EQ(test, l->ops + 1, m->nr_ops);
}

static void where_xen_clears_one_call_does(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi;

	m->caps.flags |= XEN_IOMMU_CAP_clear;
	xpi = small_machine(test);
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
	KUNIT_EXPECT_TRUE(test, m->owned);
}

static void where_xen_does_not_clear_all_is_unmapped(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi = small_machine(test);

	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	/* The last thing is the one flush. */
	KUNIT_EXPECT_EQ(test, 1U, m->ops[XEN_IOMMUOP_flush]);
	KUNIT_EXPECT_EQ(test, XEN_IOMMUOP_flush, m->log[m->nr_log - 1].op);
	KUNIT_EXPECT_EQ(test, 1U, m->flushes);
}

/* A hypervisor that says it clears, and then does not. */
static void a_clear_that_was_not_done_is_made_up_for(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi = small_machine(test);

	xpi->caps.flags |= XEN_IOMMU_CAP_clear;
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
}

struct size {
	u64 gib;
	unsigned int parts;
	unsigned int max_ops;
};

static const struct size sizes[] = {
	{ 8, 2, 2048 }, { 1024, 4, 2048 }, { 1024, 1000, 2048 },
	{ 1024, 1000, 128 }, { 16384, 2, 2048 }, { 16384, 1024, 2048 },
	{ 16384, 1024, 17 },
};

static void size_name(const struct size *s, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%llu GiB in %u parts, %u ops",
		 s->gib, s->parts, s->max_ops);
}

KUNIT_ARRAY_PARAM(size, sizes, size_name);

static void a_big_host_map_takes_few_calls(struct kunit *test)
{
	const struct size *s = test->param_value;
	struct model *m = fixture_model(test);
	struct xpi *xpi;

	m->caps.max_ops = s->max_ops;
	xpi = big_machine(test, s->gib, s->parts);
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
	KUNIT_EXPECT_EQ(test, 0ULL, m->absent);
	KUNIT_EXPECT_LE(test, m->calls, 64U);
	KUNIT_EXPECT_LE(test, m->biggest, s->max_ops);
	kunit_info(test, "%u hypercalls", m->calls);
}

static const int enable_errors[] = {
	-EPERM, -EOPNOTSUPP, -EALREADY, -ENOMEM, -EIO,
};

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%d", *err);
}

KUNIT_ARRAY_PARAM(enable, enable_errors, error_name);

static void a_refused_takeover_changes_nothing(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct model *m = fixture_model(test);
	struct xpi *xpi = small_machine(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_enable_modification,
		.times = 1, .err = err,
	});
	KUNIT_EXPECT_EQ(test, err, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 1U, m->calls);
	KUNIT_EXPECT_FALSE(test, m->owned);
	KUNIT_EXPECT_EQ(test, m->nr_boot, m->nr_host);
}

static void expect_given_back(struct kunit *test)
{
	struct model *m = fixture_model(test);

	KUNIT_EXPECT_FALSE(test, m->owned);
	KUNIT_EXPECT_EQ(test, m->nr_boot, m->nr_host);
	KUNIT_EXPECT_EQ(test, 1U, m->ops[XEN_IOMMUOP_disable_modification]);
}

static void without_a_memory_map_it_gives_back(struct kunit *test)
{
	struct xpi *xpi = small_machine(test);

	machine_error = -EINVAL;
	KUNIT_EXPECT_EQ(test, -EINVAL, xpi_takeover(xpi));
	expect_given_back(test);
}

static void a_memory_map_that_cannot_be_is_not_believed(struct kunit *test)
{
	struct xpi *xpi = small_machine(test);

	while (nr_machine < 1025)
		add_e820(test, layouts[0].e820[0]);
	KUNIT_EXPECT_NE(test, 0, xpi_takeover(xpi));
	expect_given_back(test);
}

struct mishap {
	const char *name;
	struct model_fault fault;
	int want;
};

static const struct mishap mishaps[] = {
	{ "unmap without memory", {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .after = 1,
		.times = 1, .err = -ENOMEM }, -ENOMEM },
	{ "unmap refused", {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap,
		.times = 1, .err = -EINVAL }, -EINVAL },
	{ "unknown status", {
		.kind = MODEL_LIE, .op = XEN_IOMMUOP_unmap,
		.times = 1, .err = 4 }, -EPROTO },
	{ "no status", {
		.kind = MODEL_MUTE, .op = XEN_IOMMUOP_unmap,
		.times = 1 }, -EPROTO },
	{ "end without an error", {
		.kind = MODEL_STOP, .op = XEN_IOMMUOP_flush,
		.times = 1, .err = 0 }, -EPROTO },
	{ "flush refused", {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush,
		.times = 1, .err = -EIO }, -EIO },
	{ "call refused", {
		.kind = MODEL_CALL, .after = 1, .times = 1, .err = -EFAULT },
		-EFAULT },
};

KUNIT_ARRAY_PARAM_DESC(mishap, mishaps, name);

static void a_takeover_that_fails_half_way_gives_back(struct kunit *test)
{
	const struct mishap *what = test->param_value;
	struct xpi *xpi = small_machine(test);

	model_fail(fixture_model(test), what->fault);
	KUNIT_EXPECT_EQ(test, what->want, xpi_takeover(xpi));
	expect_given_back(test);
}

static const int disable_errors[] = { -EPERM, -EIO };

KUNIT_ARRAY_PARAM(disable, disable_errors, error_name);

static struct xpi *cut_off;

static void note_cut_off(struct xpi *xpi)
{
	cut_off = xpi;
}

/* What went wrong first is what is said, and nothing is tried for ever. */
static void a_takeover_that_cannot_be_given_back_says_why(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi = small_machine(test);

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_unmap, .times = 1,
		.err = -ENOMEM,
	});
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_disable_modification,
		.times = 3, .err = *(const int *)test->param_value,
	});
	cut_off = NULL;
	kunit_activate_static_stub(test, xpi_claim_cut_off, note_cut_off);
	KUNIT_EXPECT_EQ(test, -ENOMEM, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 3U, m->ops[XEN_IOMMUOP_disable_modification]);
	KUNIT_EXPECT_TRUE(test, m->owned);
	KUNIT_EXPECT_PTR_EQ(test, xpi, cut_off);
	KUNIT_EXPECT_EQ(test, -EALREADY, xpi_takeover(xpi));

	model_count(m);
	xpi_give_back(xpi);
	expect_given_back(test);
}

static void giving_back_is_tried_again(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi = small_machine(test);

	kunit_activate_static_stub(test, xpi_claim_cut_off, note_cut_off);
	cut_off = NULL;
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_disable_modification,
		.times = 2, .err = *(const int *)test->param_value,
	});
	xpi_give_back(xpi);
	KUNIT_EXPECT_FALSE(test, m->owned);
	KUNIT_EXPECT_NULL(test, cut_off);
}

static void giving_back_restores_the_host_map(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi = small_machine(test);
	struct xpi_domain *d;

	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	d = fixture_domain(test);
	fixture_map_ok(test, d, 100, 1000, 8);
	xpi_give_back(xpi);
	expect_given_back(test);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(m));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_refs(m));

	/* And once more. */
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(where_xen_clears_one_call_does),
	KUNIT_CASE(where_xen_does_not_clear_all_is_unmapped),
	KUNIT_CASE(a_clear_that_was_not_done_is_made_up_for),
	KUNIT_CASE_PARAM(each_host_map_is_unmapped_and_no_more,
			 layout_gen_params),
	KUNIT_CASE_PARAM(a_big_host_map_takes_few_calls, size_gen_params),
	KUNIT_CASE_PARAM(a_refused_takeover_changes_nothing, enable_gen_params),
	KUNIT_CASE(without_a_memory_map_it_gives_back),
	KUNIT_CASE(a_memory_map_that_cannot_be_is_not_believed),
	KUNIT_CASE_PARAM(a_takeover_that_fails_half_way_gives_back,
			 mishap_gen_params),
	KUNIT_CASE_PARAM(a_takeover_that_cannot_be_given_back_says_why,
			 disable_gen_params),
	KUNIT_CASE_PARAM(giving_back_is_tried_again, disable_gen_params),
	KUNIT_CASE(giving_back_restores_the_host_map),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-takeover",
	.init = init,
	.test_cases = cases,
};

kunit_test_suite(suite);
