// SPDX-License-Identifier: GPL-2.0-only
/* The wire format: what goes into the hypercall, and what comes out of it. */

#include <kunit/static_stub.h>

#include "fixture.h"

static const struct xpi_backend *const backend = &xpi_buffers_backend;

#define DEVICE	XEN_IOMMU_SBDF(1, 0x40, 0x1a)

/* What the hypervisor saw of the last hypercall. */
static unsigned int last_nr_bufs;
static unsigned int last_size[XEN_IOMMU_OP_MAX_BUFS];
static struct model *hypervisor;

/* What becomes of the answer to query_caps. */
static void (*bend_caps)(struct xen_iommu_op *op);

static long hypercall(unsigned int nr_bufs, struct xen_iommu_op_buf *bufs)
{
	struct model *m = hypervisor;
	unsigned int i;
	int ret;

	last_nr_bufs = nr_bufs;
	if (nr_bufs > XEN_IOMMU_OP_MAX_BUFS)
		return -E2BIG;
	for (i = 0; i < nr_bufs; i++) {
		last_size[i] = bufs[i].size;
		if (bufs[i].size % sizeof(struct xen_iommu_op))
			return -EINVAL;
		if (bufs[i].size / sizeof(struct xen_iommu_op) >
		    m->caps.max_ops)
			return -E2BIG;
	}

	ret = model_call_begin(m);
	for (i = 0; !ret && i < nr_bufs; i++)
		ret = model_call_ops(m, bufs[i].h, bufs[i].size /
				     sizeof(struct xen_iommu_op));
	ret = model_call_end(m, ret);

	if (bend_caps)
		bend_caps(bufs[0].h);
	return ret;
}

/* Not even where the hypervisor that was asked before this one has them. */
static long no_registers(u32 form, u64 map, u64 gfn, u64 unmap)
{
	return -E2BIG;
}

static int init(struct kunit *test)
{
	int ret = fixture_init(test);

	hypervisor = fixture_model(test);
	hypervisor->caps.max_ops = 4;
	bend_caps = NULL;
	kunit_activate_static_stub(test, xpi_iommu_op, hypercall);
	kunit_activate_static_stub(test, xpi_iommu_op_regs, no_registers);
	return ret;
}

static void probing_reads_the_capabilities(struct kunit *test)
{
	struct xpi_caps caps = {};

	KUNIT_EXPECT_EQ(test, 0, backend->probe(&caps));
	KUNIT_EXPECT_EQ(test, 1U, hypervisor->calls);
	KUNIT_EXPECT_EQ(test, 1U, hypervisor->ops[XEN_IOMMUOP_query_caps]);
	KUNIT_EXPECT_EQ(test, hypervisor->caps.mode, caps.mode);
	KUNIT_EXPECT_EQ(test, hypervisor->caps.flags, caps.flags);
	KUNIT_EXPECT_EQ(test, hypervisor->caps.max_dfn, caps.max_dfn);
	KUNIT_EXPECT_EQ(test, hypervisor->caps.pgsize_mask, caps.pgsize_mask);
	/* Of 16 buffers. */
	KUNIT_EXPECT_EQ(test, 16 * 4U, caps.max_ops);
}

static const int call_errors[] = { -38, -EPERM, -EFAULT, -E2BIG };

static void error_name(const int *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%d", *err);
}

KUNIT_ARRAY_PARAM(call, call_errors, error_name);

static void probing_tells_why_it_cannot(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct xpi_caps caps;

	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_CALL, .times = 1, .err = err,
	});
	KUNIT_EXPECT_EQ(test, err, backend->probe(&caps));
}

static void next_version(struct xen_iommu_op *op)
{
	op->u.query_caps.version = XEN_IOMMU_OP_VERSION + 1;
}

static void no_ops(struct xen_iommu_op *op)
{
	op->u.query_caps.max_ops = 0;
}

static void untouched(struct xen_iommu_op *op)
{
	op->status = XPI_STATUS_UNREACHED;
}

static void refused(struct xen_iommu_op *op)
{
	op->status = -EPERM;
}

static void another_version_is_another_protocol(struct kunit *test)
{
	struct xpi_caps caps;

	bend_caps = next_version;
	KUNIT_EXPECT_EQ(test, -EPROTO, backend->probe(&caps));
	bend_caps = no_ops;
	KUNIT_EXPECT_EQ(test, -EPROTO, backend->probe(&caps));
	bend_caps = untouched;
	KUNIT_EXPECT_EQ(test, -EPROTO, backend->probe(&caps));
	bend_caps = refused;
	KUNIT_EXPECT_EQ(test, -EPERM, backend->probe(&caps));
}

/* Format B: (1, pointer) is "query the capabilities into this". */
static long another_interface(unsigned int subop, struct xen_iommu_op_buf *arg)
{
	memset(arg, 0xff, 40);
	return subop == 1 ? 0 : -EINVAL;
}

static void another_interface_with_this_number_is_told_apart(struct kunit *test)
{
	struct xpi_caps caps;

	kunit_activate_static_stub(test, xpi_iommu_op, another_interface);
	KUNIT_EXPECT_EQ(test, -EPROTO, backend->probe(&caps));
}

static void garbage_for_the_highest_frame_is_bounded(struct kunit *test)
{
	struct xpi_caps caps;

	hypervisor->caps.max_dfn = ~0ULL;
	KUNIT_EXPECT_EQ(test, 0, backend->probe(&caps));
	KUNIT_EXPECT_LE(test, caps.max_dfn, (~0ULL >> PAGE_SHIFT) - 1);
}

static void fill(struct xen_iommu_op *ops, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ops[i] = (struct xen_iommu_op) {
			.op = XEN_IOMMUOP_map,
			.status = XPI_STATUS_UNREACHED,
			.u.map.dfn = 100 + i,
			.u.map.gfn = 7000 + 3 * i,
			.u.map.nr_frames = 1,
			.u.map.flags = XEN_IOMMU_MAP_readable,
		};
}

static void many_operations_are_spread_over_buffers(struct kunit *test)
{
	struct xen_iommu_op ops[10];
	struct xpi_caps caps;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, backend->probe(&caps));
	model_count(hypervisor);
	fill(ops, 10);
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 10));
	KUNIT_EXPECT_EQ(test, 1U, hypervisor->calls);
	KUNIT_EXPECT_EQ(test, 3U, last_nr_bufs);
	KUNIT_EXPECT_EQ(test, 4 * 32U, last_size[0]);
	KUNIT_EXPECT_EQ(test, 4 * 32U, last_size[1]);
	KUNIT_EXPECT_EQ(test, 2 * 32U, last_size[2]);
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, 0, ops[i].status);
		KUNIT_EXPECT_EQ(test, 7000 + 3 * i,
				model_gfn(hypervisor, 100 + i));
	}
}

static void as_many_as_are_offered_fit_one_call(struct kunit *test)
{
	struct xen_iommu_op *ops;
	struct xpi_caps caps;

	KUNIT_ASSERT_EQ(test, 0, backend->probe(&caps));
	model_count(hypervisor);
	ops = kunit_kcalloc(test, caps.max_ops, sizeof(*ops), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ops);
	fill(ops, caps.max_ops);
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, caps.max_ops));
	KUNIT_EXPECT_EQ(test, (unsigned long)caps.max_ops,
			model_nr_mapped(hypervisor));
	KUNIT_EXPECT_EQ(test, 1U, hypervisor->calls);
}

static void the_result_of_a_call_is_passed_on(struct kunit *test)
{
	int err = *(const int *)test->param_value;
	struct xen_iommu_op ops[3];

	fill(ops, 3);
	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_STOP, .after = 1, .times = 1, .err = err,
	});
	KUNIT_EXPECT_EQ(test, err, backend->submit(ops, 3));
	KUNIT_EXPECT_EQ(test, 0, ops[0].status);
	KUNIT_EXPECT_EQ(test, XPI_STATUS_UNREACHED, ops[1].status);
}

static void reserved_ranges_are_asked_for_a_device(struct kunit *test)
{
	struct xen_iommu_reserved_range there[3] = {
		{ 10, 2, XEN_IOMMU_RESERVED_identity },
		{ 0xfee00, 256, XEN_IOMMU_RESERVED_msi },
		{ 20, 5, XEN_IOMMU_RESERVED_bus },
	};
	struct xen_iommu_reserved_range got[3] = {};
	unsigned int nr = 2;

	hypervisor->reserved.ranges = there;
	hypervisor->reserved.nr = 3;
	KUNIT_EXPECT_EQ(test, -ENOBUFS,
			backend->query_reserved(DEVICE, got, &nr));
	KUNIT_EXPECT_EQ(test, 3U, nr);
	KUNIT_EXPECT_EQ(test, 0ULL, got[2].start_dfn);
	KUNIT_EXPECT_EQ(test, 0, backend->query_reserved(DEVICE, got, &nr));
	KUNIT_EXPECT_EQ(test, 3U, nr);
	KUNIT_EXPECT_MEMEQ(test, there, got, sizeof(there));
	KUNIT_EXPECT_EQ(test, DEVICE,
			hypervisor->log[1].u.query_reserved.sbdf);
}

static void a_context_comes_and_goes_by_its_number(struct kunit *test)
{
	u16 one, two;

	hypervisor->owned = false;
	KUNIT_EXPECT_EQ(test, 0, backend->ctx_alloc(&one));
	KUNIT_EXPECT_EQ(test, 0, backend->ctx_alloc(&two));
	KUNIT_EXPECT_NE(test, one, two);
	KUNIT_EXPECT_EQ(test, 0, backend->ctx_attach(two, DEVICE));
	KUNIT_EXPECT_EQ(test, two, hypervisor->log[2].ctx);
	KUNIT_EXPECT_EQ(test, DEVICE, hypervisor->log[2].u.ctx_attach.sbdf);
	KUNIT_EXPECT_EQ(test, 0, backend->ctx_free(one));
	KUNIT_EXPECT_EQ(test, one, hypervisor->log[3].ctx);
	KUNIT_EXPECT_EQ(test, -ENOENT, backend->ctx_free(one));
	KUNIT_EXPECT_EQ(test, -ENOENT, backend->ctx_attach(one, DEVICE));
	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_STATUS, .times = 1, .err = -ENOSPC,
	});
	KUNIT_EXPECT_EQ(test, -ENOSPC, backend->ctx_alloc(&one));
}

static void a_device_has_capabilities_without_room_for_its_ids(struct kunit *test)
{
	u16 flags, ctx, in;

	KUNIT_EXPECT_EQ(test, 0, backend->query_device(DEVICE, &flags, &ctx));
	KUNIT_EXPECT_EQ(test, XEN_IOMMU_DEVICE_translated, flags);
	KUNIT_EXPECT_EQ(test, 0, ctx);
	KUNIT_EXPECT_EQ(test, DEVICE, hypervisor->log[0].u.query_device.sbdf);
	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_STATUS, .times = 1, .err = -ENODEV,
	});
	KUNIT_EXPECT_EQ(test, -ENODEV, backend->query_device(DEVICE, &flags, &ctx));

	hypervisor->owned = false;
	KUNIT_ASSERT_EQ(test, 0, backend->ctx_alloc(&in));
	KUNIT_ASSERT_EQ(test, 0, backend->ctx_attach(in, DEVICE));
	KUNIT_EXPECT_EQ(test, 0, backend->query_device(DEVICE, &flags, &ctx));
	KUNIT_EXPECT_EQ(test, in, ctx);
}

static void taking_over_says_what_it_wants_and_gets(struct kunit *test)
{
	bool cleared;

	hypervisor->owned = false;
	KUNIT_EXPECT_EQ(test, 0, backend->enable(false, &cleared));
	KUNIT_EXPECT_FALSE(test, cleared);
	KUNIT_EXPECT_EQ(test, -EALREADY, backend->enable(true, &cleared));
	KUNIT_EXPECT_EQ(test, 0, backend->disable());
	KUNIT_EXPECT_EQ(test, -EPERM, backend->disable());
	KUNIT_EXPECT_EQ(test, 0, backend->enable(true, &cleared));
	KUNIT_EXPECT_TRUE(test, cleared);
}

static void one_operation_without_a_proper_status_is_an_error(struct kunit *test)
{
	bool cleared;

	hypervisor->owned = false;
	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_MUTE, .times = 1,
	});
	KUNIT_EXPECT_EQ(test, -EPROTO, backend->enable(true, &cleared));
	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_LIE, .times = 1, .err = 3,
	});
	KUNIT_EXPECT_EQ(test, -EPROTO, backend->disable());
	model_fail(hypervisor, (struct model_fault) {
		.kind = MODEL_CALL, .times = 1, .err = -EFAULT,
	});
	KUNIT_EXPECT_EQ(test, -EFAULT, backend->disable());
}

static struct kunit_case cases[] = {
	KUNIT_CASE(probing_reads_the_capabilities),
	KUNIT_CASE_PARAM(probing_tells_why_it_cannot, call_gen_params),
	KUNIT_CASE(another_version_is_another_protocol),
	KUNIT_CASE(another_interface_with_this_number_is_told_apart),
	KUNIT_CASE(garbage_for_the_highest_frame_is_bounded),
	KUNIT_CASE(many_operations_are_spread_over_buffers),
	KUNIT_CASE(as_many_as_are_offered_fit_one_call),
	KUNIT_CASE_PARAM(the_result_of_a_call_is_passed_on, call_gen_params),
	KUNIT_CASE(reserved_ranges_are_asked_for_a_device),
	KUNIT_CASE(a_context_comes_and_goes_by_its_number),
	KUNIT_CASE(a_device_has_capabilities_without_room_for_its_ids),
	KUNIT_CASE(taking_over_says_what_it_wants_and_gets),
	KUNIT_CASE(one_operation_without_a_proper_status_is_an_error),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-hypercall",
	.init = init,
	.test_cases = cases,
};

kunit_test_suite(suite);
