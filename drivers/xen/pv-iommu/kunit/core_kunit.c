// SPDX-License-Identifier: GPL-2.0-only
/* Detection: every reason for not being used, and what is reserved. */

#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kunit/static_stub.h>

#include <trace/events/printk.h>

#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "../pv-iommu.h"
#include "fixture.h"

/* What Linux knows as -ENOSYS; checkpatch wants that for syscalls only. */
#define NO_HYPERCALL	(-38)

static const char *here(void)
{
	return NULL;
}

static const char *elsewhere(void)
{
	return "it is raining";
}

static int probe_error;
static unsigned int nr_probes;
static struct xpi_caps probe_caps;

static int probe(struct xpi_caps *caps)
{
	nr_probes++;
	if (!probe_error)
		*caps = probe_caps;
	return probe_error;
}

static struct xpi_backend backend;

static struct xpi *hypervisor(struct kunit *test, int error, unsigned int mode)
{
	struct xpi *xpi = kunit_kzalloc(test, sizeof(*xpi), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xpi);
	backend = model_backend;
	backend.probe = probe;
	probe_error = error;
	probe_caps = fixture_model(test)->caps;
	probe_caps.mode = mode;
	nr_probes = 0;
	xpi->backend = &backend;
	kunit_activate_static_stub(test, xpi_why_not_here, here);
	return xpi;
}

struct reason {
	const char *name;
	int error;
	unsigned int mode;
	const char *words;	/* in the log; NULL: it is used */
};

static const struct reason reasons[] = {
	{ "host map", 0, XEN_IOMMU_MODE_host_map, NULL },
	{ "no IOMMU", 0, XEN_IOMMU_MODE_off, "no IOMMU" },
	{ "strict", 0, XEN_IOMMU_MODE_strict, "dom0-iommu=strict" },
	{ "passthrough", 0, XEN_IOMMU_MODE_passthrough,
		"dom0-iommu=passthrough" },
	{ "PVH", 0, XEN_IOMMU_MODE_guest_map, "PVH" },
	{ "ATS", 0, XEN_IOMMU_MODE_ats, "ats=on" },
	{ "owned", 0, XEN_IOMMU_MODE_owned, "another user" },
	{ "mode of the future", 0, 7, "does not know" },
	{ "mode of garbage", 0, 0xffff, "does not know" },
	{ "no hypercall", NO_HYPERCALL, 0, "does not offer" },
	{ "not allowed", -EPERM, 0, "does not let" },
	{ "another format", -EPROTO, 0, "format" },
	{ "garbage", -EFAULT, XEN_IOMMU_MODE_host_map, "does not offer" },
};

KUNIT_ARRAY_PARAM_DESC(reason, reasons, name);

/* The last line in the log that says why the driver is not used. */
static char logged[200];

static void read_log(void *unused, const char *text, size_t len)
{
	if (strnstr(text, "xen-pv-iommu: not used: ", len))
		strscpy(logged, text, min(len + 1, sizeof(logged)));
}

/* Detect, and read what is logged; true when it could be read. */
static bool detect(struct xpi *xpi, int *ret)
{
	bool reading = !register_trace_console(read_log, NULL);

	logged[0] = '\0';
	*ret = xpi_detect(xpi);
	if (reading)
		unregister_trace_console(read_log, NULL);
	tracepoint_synchronize_unregister();
	return reading;
}

static void each_reason_is_found_and_named(struct kunit *test)
{
	const struct reason *r = test->param_value;
	struct xpi *xpi = hypervisor(test, r->error, r->mode);
	bool reading;
	int ret;

	reading = detect(xpi, &ret);
	KUNIT_EXPECT_EQ(test, r->words ? -ENODEV : 0, ret);
	KUNIT_EXPECT_EQ(test, 1U, nr_probes);
	if (r->error)
		KUNIT_EXPECT_NOT_NULL(test,
				      strstr(xpi_why_no_hypercall(r->error),
					     r->words));
	if (!reading)
		kunit_skip(test, "needs tracepoints to read the log");
	if (r->words)
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(logged, r->words),
					  "'%s'", logged);
	else
		KUNIT_EXPECT_STREQ(test, "", logged);
}

static void elsewhere_the_hypervisor_is_not_asked(struct kunit *test)
{
	struct xpi *xpi = hypervisor(test, 0, XEN_IOMMU_MODE_host_map);
	bool reading;
	int ret;

	kunit_activate_static_stub(test, xpi_why_not_here, elsewhere);
	reading = detect(xpi, &ret);
	KUNIT_EXPECT_EQ(test, -ENODEV, ret);
	KUNIT_EXPECT_EQ(test, 0U, nr_probes);
	if (reading)
		KUNIT_EXPECT_NOT_NULL(test, strstr(logged, elsewhere()));
}

static void detection_keeps_what_the_hypervisor_offers(struct kunit *test)
{
	struct xpi *xpi = hypervisor(test, 0, XEN_IOMMU_MODE_host_map);

	KUNIT_EXPECT_EQ(test, 0, xpi_detect(xpi));
	KUNIT_EXPECT_MEMEQ(test, &probe_caps, &xpi->caps, sizeof(probe_caps));
}

/* What the machine is, step by step; a PV domain it cannot be made. */
static void what_is_no_pv_dom0_is_named(struct kunit *test)
{
	enum xen_domain_type type = xen_domain_type;
	u32 flags = xen_start_flags;
	const char *native, *domu, *dom0;

	if (xen_domain())
		kunit_skip(test, "this is a Xen domain");
	if (system_state >= SYSTEM_RUNNING)
		kunit_skip(test, "by now this is read-only");
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a static stub cannot be called without preemption");

	preempt_disable();
	native = xpi_why_not_here();
	xen_domain_type = XEN_HVM_DOMAIN;
	domu = xpi_why_not_here();
	xen_start_flags |= SIF_INITDOMAIN;
	dom0 = xpi_why_not_here();
	xen_start_flags = flags;
	xen_domain_type = type;
	preempt_enable();

	KUNIT_EXPECT_STREQ(test, "this is not a Xen domain", native);
	KUNIT_EXPECT_STREQ(test, "this is not dom0", domu);
	KUNIT_EXPECT_STREQ(test, "dom0 is not a PV domain", dom0);
}

/* Reserved ranges. */

static void free_reserved(void *data)
{
	struct xpi *xpi = data;

	kfree(xpi->reserved);
}

static struct xpi *reserving(struct kunit *test, unsigned int nr)
{
	struct xpi *xpi = hypervisor(test, 0, XEN_IOMMU_MODE_host_map);
	struct model *m = fixture_model(test);
	unsigned int i;

	m->reserved.ranges = kunit_kcalloc(test, nr + 1,
					   sizeof(*m->reserved.ranges),
					   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->reserved.ranges);
	m->reserved.nr = nr;
	for (i = 0; i < nr; i++)
		m->reserved.ranges[i] = (struct xen_iommu_reserved_range) {
			.start_dfn = i * 16, .nr_frames = 3, .flags = 1,
		};
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_reserved, xpi));
	return xpi;
}

static const unsigned int numbers[] = { 0, 1, 15, 16, 17, 1000, 4096 };

static void number_name(const unsigned int *nr, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%u", *nr);
}

KUNIT_ARRAY_PARAM(number, numbers, number_name);

static void all_reserved_ranges_are_read(struct kunit *test)
{
	unsigned int nr = *(const unsigned int *)test->param_value;
	struct xpi *xpi = reserving(test, nr);

	KUNIT_EXPECT_EQ(test, 0, fixture_read_reserved(xpi));
	KUNIT_ASSERT_EQ(test, nr, xpi->nr_reserved);
	KUNIT_EXPECT_MEMEQ(test, fixture_model(test)->reserved.ranges,
			   xpi->reserved, nr * sizeof(*xpi->reserved));
}

static void absurdly_many_reserved_ranges_are_refused(struct kunit *test)
{
	struct xpi *xpi = reserving(test, 20000);

	KUNIT_EXPECT_EQ(test, -ENOBUFS, fixture_read_reserved(xpi));
}

static void an_error_is_passed_on(struct kunit *test)
{
	struct xpi *xpi = reserving(test, 3);

	model_fail(fixture_model(test), (struct model_fault) {
		.kind = MODEL_STATUS, .times = 1, .err = -EFAULT,
	});
	KUNIT_EXPECT_EQ(test, -EFAULT, fixture_read_reserved(xpi));
}

static int more_and_more(u32 sbdf, struct xen_iommu_reserved_range *ranges,
			 unsigned int *nr)
{
	nr_probes++;
	*nr += 1;
	return -ENOBUFS;
}

static void a_count_that_always_grows_comes_to_an_end(struct kunit *test)
{
	struct xpi *xpi = reserving(test, 0);

	backend.query_reserved = more_and_more;
	KUNIT_EXPECT_EQ(test, -ENOBUFS, fixture_read_reserved(xpi));
	KUNIT_EXPECT_LE(test, nr_probes, 4096U);
}

static int more_than_there_is(u32 sbdf, struct xen_iommu_reserved_range *ranges,
			      unsigned int *nr)
{
	*nr = 1000000;
	return 0;
}

static void a_count_beyond_the_room_is_not_believed(struct kunit *test)
{
	struct xpi *xpi = reserving(test, 0);

	backend.query_reserved = more_than_there_is;
	KUNIT_EXPECT_EQ(test, -EPROTO, fixture_read_reserved(xpi));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(each_reason_is_found_and_named, reason_gen_params),
	KUNIT_CASE(elsewhere_the_hypervisor_is_not_asked),
	KUNIT_CASE(detection_keeps_what_the_hypervisor_offers),
	KUNIT_CASE(what_is_no_pv_dom0_is_named),
	KUNIT_CASE_PARAM(all_reserved_ranges_are_read, number_gen_params),
	KUNIT_CASE(absurdly_many_reserved_ranges_are_refused),
	KUNIT_CASE(an_error_is_passed_on),
	KUNIT_CASE(a_count_that_always_grows_comes_to_an_end),
	KUNIT_CASE(a_count_beyond_the_room_is_not_believed),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-core",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
