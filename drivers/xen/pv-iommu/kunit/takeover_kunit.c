// SPDX-License-Identifier: GPL-2.0-only
/* Taking the host map away, in few calls, and bringing it back. */

#include <linux/pfn.h>
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

static int machine_memory_map(struct boot_e820_entry *map, unsigned int *nr)
{
	memcpy(map, machine, min(*nr, nr_machine) * sizeof(*map));
	*nr = nr_machine;
	return machine_error;
}

static void add_ram(struct kunit *test, u64 addr, u64 size)
{
	KUNIT_ASSERT_LT(test, nr_machine, MAX_MAP);
	machine[nr_machine++] = (struct boot_e820_entry) {
		.addr = addr, .size = size, .type = E820_TYPE_RAM,
	};
}

/* The host map is what Xen maps: all of the first 4 GiB, and the memory. */
static void build_host_map(struct kunit *test, struct model *m)
{
	struct model_range *boot = kunit_kcalloc(test, MAX_MAP + 1,
						 sizeof(*boot), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, boot);
	boot[m->nr_boot++] = (struct model_range) { 0, PFN_DOWN(SZ_4G) };
	for (i = 0; i < nr_machine; i++) {
		u64 start = max_t(u64, PFN_DOWN(machine[i].addr),
				  PFN_DOWN(SZ_4G));
		u64 end = PFN_UP(machine[i].addr + machine[i].size);

		if (start < end && end <= m->caps.max_dfn + 1)
			boot[m->nr_boot++] = (struct model_range) { start, end };
	}
	m->boot = boot;
	m->max_host = 2 * MAX_MAP;
	m->host = kcalloc(m->max_host, sizeof(*m->host), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->host);
	memcpy(m->host, boot, m->nr_boot * sizeof(*boot));
	m->nr_host = m->nr_boot;
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

/* An ordinary PC: 1 MiB hole, 3 GiB below the PCI hole, 5 GiB above. */
static struct xpi *small_machine(struct kunit *test)
{
	add_ram(test, 0, 0x9fc00);
	add_ram(test, 0x100000, 3ULL * SZ_1G - 0x100000);
	add_ram(test, SZ_4G, 5ULL * SZ_1G);
	build_host_map(test, fixture_model(test));
	return hypervisor(test);
}

/* @size of memory in @parts, with a hole behind each. */
static struct xpi *big_machine(struct kunit *test, u64 size, unsigned int parts)
{
	u64 part = round_down(size / parts, PAGE_SIZE);
	unsigned int i;

	for (i = 0; i < parts; i++)
		add_ram(test, i * (part + SZ_16M), part);
	build_host_map(test, fixture_model(test));
	return hypervisor(test);
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
	xpi = big_machine(test, s->gib * SZ_1G, s->parts);
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
	KUNIT_EXPECT_LE(test, m->calls, 64U);
	KUNIT_EXPECT_LE(test, m->biggest, s->max_ops);
	kunit_info(test, "%u hypercalls", m->calls);
}

static void memory_beyond_the_highest_frame_is_left_out(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi;

	m->caps.max_dfn = PFN_DOWN(SZ_4G * 2) - 1;
	add_ram(test, SZ_4G, SZ_4G);
	add_ram(test, SZ_4G * 2, SZ_4G);
	add_ram(test, SZ_4G * 2 - SZ_1G, SZ_4G);
	build_host_map(test, m);
	xpi = hypervisor(test);
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
}

static void pages_that_are_memory_in_part_are_unmapped(struct kunit *test)
{
	struct model *m = fixture_model(test);
	struct xpi *xpi;

	add_ram(test, SZ_4G + 0x1800, 0x1000);
	build_host_map(test, m);
	xpi = hypervisor(test);
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
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
		add_ram(test, SZ_4G, SZ_1G);
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
		.times = 1, .err = *(const int *)test->param_value,
	});
	KUNIT_EXPECT_EQ(test, -ENOMEM, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 1U, m->ops[XEN_IOMMUOP_disable_modification]);
	KUNIT_EXPECT_TRUE(test, m->owned);
	KUNIT_EXPECT_EQ(test, -EALREADY, xpi_takeover(xpi));

	model_count(m);
	xpi_give_back(xpi);
	expect_given_back(test);
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
	d->active = false;

	/* And once more. */
	KUNIT_EXPECT_EQ(test, 0, xpi_takeover(xpi));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_host);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(where_xen_clears_one_call_does),
	KUNIT_CASE(where_xen_does_not_clear_all_is_unmapped),
	KUNIT_CASE(a_clear_that_was_not_done_is_made_up_for),
	KUNIT_CASE_PARAM(a_big_host_map_takes_few_calls, size_gen_params),
	KUNIT_CASE(memory_beyond_the_highest_frame_is_left_out),
	KUNIT_CASE(pages_that_are_memory_in_part_are_unmapped),
	KUNIT_CASE_PARAM(a_refused_takeover_changes_nothing, enable_gen_params),
	KUNIT_CASE(without_a_memory_map_it_gives_back),
	KUNIT_CASE(a_memory_map_that_cannot_be_is_not_believed),
	KUNIT_CASE_PARAM(a_takeover_that_fails_half_way_gives_back,
			 mishap_gen_params),
	KUNIT_CASE_PARAM(a_takeover_that_cannot_be_given_back_says_why,
			 disable_gen_params),
	KUNIT_CASE(giving_back_restores_the_host_map),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-takeover",
	.init = init,
	.test_cases = cases,
};

kunit_test_suite(suite);
