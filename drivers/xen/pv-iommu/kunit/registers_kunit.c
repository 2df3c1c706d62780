// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations in registers: which are, what the hypervisor then sees, and what becomes
 * of those that it refuses.
 */

#include <kunit/static_stub.h>

#include "fixture.h"

static const struct xpi_backend *const backend = &xpi_buffers_backend;

#define CTX		0x123
#define ABOVE(n)	((u64)(n) << XEN_IOMMU_REGS_SHIFT)
#define RW		(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)

/**
 * struct seen - what the hypervisor was asked
 * @regs: calls with operations in registers
 * @bufs: calls with buffers
 * @form: argument of the last call in registers
 * @map: likewise
 * @gfn: likewise
 * @unmap: likewise
 * @ret: what these calls return
 * @half: one of them could not be carried out, which nobody expects
 */
static struct seen {
	unsigned int regs;
	unsigned int bufs;
	u32 form;
	u64 map;
	u64 gfn;
	u64 unmap;
	long ret;
	bool half;
} seen;

static struct model *hypervisor;

static long by_buffers(unsigned int nr_bufs, struct xen_iommu_op_buf *bufs)
{
	int ret = model_call_begin(hypervisor);

	seen.bufs++;
	if (!ret)
		ret = model_call_ops(hypervisor, bufs->h, bufs->size /
				     sizeof(struct xen_iommu_op));
	return model_call_end(hypervisor, ret);
}

/* Carries out what is asked as operations would be, if the call is to succeed. */
static long by_regs(u32 form, u64 map, u64 gfn, u64 unmap)
{
	const u64 number = ABOVE(1) - 1;
	struct xen_iommu_op ops[2] = {
		{
			.op = XEN_IOMMUOP_unmap,
			.ctx = (u16)form,
			.u.unmap.dfn = unmap & number,
			.u.unmap.nr_frames = (unmap & ~XEN_IOMMU_REGS_no_flush) >>
					     XEN_IOMMU_REGS_SHIFT,
			.u.unmap.flags = unmap & XEN_IOMMU_REGS_no_flush ?
					 XEN_IOMMU_UNMAP_no_flush : 0,
		},
		{
			.op = XEN_IOMMUOP_map,
			.ctx = (u16)form,
			.u.map.dfn = map & number,
			.u.map.nr_frames = map >> XEN_IOMMU_REGS_SHIFT,
			.u.map.gfn = gfn & number,
			.u.map.flags = gfn >> XEN_IOMMU_REGS_SHIFT,
		},
	};
	long ret = seen.ret;
	int err;

	seen.regs++;
	seen.form = form;
	seen.map = map;
	seen.gfn = gfn;
	seen.unmap = unmap;
	if (ret && ret != -EIO)
		return ret;

	/* What is mapped at must be free before, as nothing may be undone. */
	if (map && model_gfn(hypervisor, map & number) != MODEL_NOTHING)
		return -EAGAIN;
	err = model_call_begin(hypervisor);
	if (!err && unmap)
		err = model_call_ops(hypervisor, &ops[0], 1);
	if (!err && map)
		err = model_call_ops(hypervisor, &ops[1], 1);
	err = model_call_end(hypervisor, err) ?: ops[0].status ?: ops[1].status;
	/* Then these tests ask for something that can be done half. */
	seen.half |= err;
	return err ?: ret;
}

static int probe(bool registers)
{
	struct xpi_caps caps;

	hypervisor->caps.flags &= ~XEN_IOMMU_CAP_registers;
	if (registers)
		hypervisor->caps.flags |= XEN_IOMMU_CAP_registers;
	return backend->probe(&caps);
}

static int init(struct kunit *test)
{
	int ret;

	hypervisor = NULL;
	ret = fixture_init(test);
	if (ret)
		return ret;

	kunit_activate_static_stub(test, xpi_iommu_op, by_buffers);
	kunit_activate_static_stub(test, xpi_iommu_op_regs, by_regs);
	hypervisor = fixture_model(test);
	ret = probe(true);
	seen = (struct seen) {};
	return ret;
}

/* The next suite's hypervisor does not have it, until it is asked. */
static void finish(struct kunit *test)
{
	if (!hypervisor)
		return;
	KUNIT_EXPECT_FALSE(test, seen.half);
	KUNIT_EXPECT_EQ(test, 0, probe(false));
}

static struct xen_iommu_op a_map(u64 dfn, u64 gfn, u32 nr)
{
	return (struct xen_iommu_op) {
		.op = XEN_IOMMUOP_map,
		.status = XPI_STATUS_UNREACHED,
		.u.map.dfn = dfn,
		.u.map.gfn = gfn,
		.u.map.nr_frames = nr,
		.u.map.flags = RW,
	};
}

static struct xen_iommu_op an_unmap(u64 dfn, u64 nr, u32 flags)
{
	return (struct xen_iommu_op) {
		.op = XEN_IOMMUOP_unmap,
		.status = XPI_STATUS_UNREACHED,
		.u.unmap.dfn = dfn,
		.u.unmap.nr_frames = nr,
		.u.unmap.flags = flags,
	};
}

static void one_or_both_go_into_registers(struct kunit *test)
{
	struct xen_iommu_op ops[2] = { a_map(100, 7000, 3) };

	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 1));
	KUNIT_EXPECT_EQ(test, 0, ops[0].status);
	KUNIT_EXPECT_EQ(test, XEN_IOMMU_REGS, seen.form);
	KUNIT_EXPECT_EQ(test, 100 | ABOVE(3), seen.map);
	KUNIT_EXPECT_EQ(test, 7000 | ABOVE(RW), seen.gfn);
	KUNIT_EXPECT_EQ(test, 0ULL, seen.unmap);
	KUNIT_EXPECT_EQ(test, 3UL, model_nr_mapped(hypervisor));

	ops[0] = an_unmap(100, 3, XEN_IOMMU_UNMAP_no_flush);
	ops[1] = a_map(300, 8000, 1);
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 2));
	KUNIT_EXPECT_EQ(test, 0, ops[0].status);
	KUNIT_EXPECT_EQ(test, 0, ops[1].status);
	KUNIT_EXPECT_EQ(test, 3ULL, ops[0].u.unmap.nr_frames);
	KUNIT_EXPECT_EQ(test, 300 | ABOVE(1), seen.map);
	KUNIT_EXPECT_EQ(test, 100 | ABOVE(3) | XEN_IOMMU_REGS_no_flush,
			seen.unmap);
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(hypervisor));

	ops[0] = an_unmap(300, 1, 0);
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 1));
	KUNIT_EXPECT_EQ(test, 0ULL, seen.map | seen.gfn);
	KUNIT_EXPECT_EQ(test, 300 | ABOVE(1), seen.unmap);
	KUNIT_EXPECT_EQ(test, 3U, seen.regs);
	KUNIT_EXPECT_EQ(test, 0U, seen.bufs);
}

static void numbers_and_contexts_keep_all_their_bits(struct kunit *test)
{
	struct xen_iommu_op op = a_map(ABOVE(1) - 64, ABOVE(1) - 2, 64);

	/* It is not there; so the buffer says that. */
	seen.ret = -EAGAIN;
	op.ctx = CTX;
	op.u.map.flags = XEN_IOMMU_MAP_readable;
	KUNIT_EXPECT_EQ(test, 0, backend->submit(&op, 1));
	KUNIT_EXPECT_NE(test, 0, op.status);
	KUNIT_EXPECT_EQ(test, 1U, seen.bufs);
	KUNIT_EXPECT_EQ(test, XEN_IOMMU_REGS | CTX, seen.form);
	KUNIT_EXPECT_EQ(test, (ABOVE(1) - 64) | ABOVE(64), seen.map);
	KUNIT_EXPECT_EQ(test, (ABOVE(1) - 2) | ABOVE(XEN_IOMMU_MAP_readable),
			seen.gfn);
}

struct unfit {
	const char *name;
	unsigned int nr;
	struct xen_iommu_op ops[3];
};

/* Both with a boundary 12 frames behind them. */
#define A_MAP(frames, fl) {						\
	.op = XEN_IOMMUOP_map, .u.map.dfn = 500, .u.map.gfn = 5000,	\
	.u.map.nr_frames = (frames), .u.map.flags = (fl),		\
}

#define AN_UNMAP(frames, fl) {						\
	.op = XEN_IOMMUOP_unmap, .u.unmap.dfn = 1012,			\
	.u.unmap.nr_frames = (frames), .u.unmap.flags = (fl),		\
}

static const struct unfit unfit[] = {
	{ "long map", 1, { { .op = XEN_IOMMUOP_map, .u.map.dfn = 512,
		.u.map.gfn = 5000, .u.map.nr_frames = 65,
		.u.map.flags = RW } } },
	{ "long unmap", 1, { { .op = XEN_IOMMUOP_unmap, .u.unmap.dfn = 512,
		.u.unmap.nr_frames = 65 } } },
	{ "very long unmap", 1, { AN_UNMAP(1ULL << 40, 0) } },
	{ "map of none", 1, { A_MAP(0, RW) } },
	{ "unmap of none", 1, { AN_UNMAP(0, 0) } },
	{ "frame with a mark", 1, { { .op = XEN_IOMMUOP_map, .u.map.dfn = 500,
		.u.map.gfn = 5000 | ABOVE(1), .u.map.nr_frames = 1,
		.u.map.flags = RW } } },
	{ "map across a boundary", 1, { A_MAP(13, RW) } },
	{ "unmap across a boundary", 1, { AN_UNMAP(13, 0) } },
	{ "grant", 1, { A_MAP(1, RW | XEN_IOMMU_MAP_gref) } },
	{ "list", 1, { A_MAP(2, RW | XEN_IOMMU_MAP_list) } },
	{ "a domain, no grant", 1, { { .op = XEN_IOMMUOP_map, .u.map.dfn = 500,
		.u.map.gfn = 5000, .u.map.nr_frames = 1, .u.map.flags = RW,
		.u.map.domid = 1 } } },
	{ "pad", 1, { { .op = XEN_IOMMUOP_unmap, .u.unmap.dfn = 900,
		.u.unmap.nr_frames = 1, .u.unmap.pad = 1 } } },
	{ "sparse", 1, { AN_UNMAP(1, XEN_IOMMU_UNMAP_sparse) } },
	{ "map before unmap", 2, { A_MAP(1, RW), AN_UNMAP(1, 0) } },
	{ "two maps", 2, { A_MAP(1, RW), A_MAP(1, RW) } },
	{ "two unmaps", 2, { AN_UNMAP(1, 0), AN_UNMAP(1, 0) } },
	{ "unmap before long map", 2, { AN_UNMAP(1, 0), A_MAP(65, RW) } },
	{ "three", 3, { AN_UNMAP(1, 0), A_MAP(1, RW), A_MAP(1, RW) } },
	{ "flush", 1, { { .op = XEN_IOMMUOP_flush,
			  .u.flush.flags = XEN_IOMMU_FLUSH_all } } },
	{ "unmap before flush", 2, { AN_UNMAP(1, 0), {
			  .op = XEN_IOMMUOP_flush,
			  .u.flush.flags = XEN_IOMMU_FLUSH_all } } },
	{ "lookup", 1, { { .op = XEN_IOMMUOP_lookup } } },
};

static void unfit_name(const struct unfit *u, char *name)
{
	strscpy(name, u->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(unfit, unfit, unfit_name);

static void what_does_not_fit_goes_into_a_buffer(struct kunit *test)
{
	const struct unfit *u = test->param_value;
	static u64 list[2] = { 5000, 6000 };
	struct xen_iommu_op ops[3];

	memcpy(ops, u->ops, sizeof(ops));
	if (ops[0].op == XEN_IOMMUOP_map &&
	    ops[0].u.map.flags & XEN_IOMMU_MAP_list)
		ops[0].u.map.gfn = (unsigned long)list;
	backend->submit(ops, u->nr);
	KUNIT_EXPECT_EQ(test, 0U, seen.regs);
	KUNIT_EXPECT_EQ(test, 1U, seen.bufs);
}

/* -38 is what Linux knows as -ENOSYS; checkpatch wants that for syscalls only. */
static const long refusals[] = { -EAGAIN, -EINVAL, -EPERM, -38, -E2BIG };

static void refusal_name(const long *err, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%ld", *err);
}

KUNIT_ARRAY_PARAM(refusal, refusals, refusal_name);

static void what_is_refused_is_done_in_a_buffer(struct kunit *test)
{
	u64 refused = xpi_counted(XPI_REGISTERS_REFUSED);
	struct xen_iommu_op ops[2] = { a_map(100, 7000, 1) };

	seen.ret = *(const long *)test->param_value;
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 1));
	KUNIT_EXPECT_EQ(test, 0, ops[0].status);
	ops[0] = an_unmap(200, 1, XEN_IOMMU_UNMAP_no_flush);
	ops[1] = a_map(100, 8000, 1);
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 2));
	KUNIT_EXPECT_EQ(test, -ENOENT, ops[0].status);
	KUNIT_EXPECT_EQ(test, -EEXIST, ops[1].status);
	KUNIT_EXPECT_EQ(test, 2U, seen.regs);
	KUNIT_EXPECT_EQ(test, 2U, seen.bufs);
	KUNIT_EXPECT_EQ(test, refused + 2, xpi_counted(XPI_REGISTERS_REFUSED));
	KUNIT_EXPECT_EQ(test, 7000ULL, model_gfn(hypervisor, 100));
}

static void a_flush_that_fails_leaves_the_operations_done(struct kunit *test)
{
	struct xen_iommu_op ops[2] = { a_map(100, 7000, 1) };

	KUNIT_ASSERT_EQ(test, 0, backend->submit(ops, 1));
	seen.ret = -EIO;
	ops[0] = an_unmap(100, 1, 0);
	ops[1] = a_map(101, 8000, 1);
	KUNIT_EXPECT_EQ(test, -EIO, backend->submit(ops, 2));
	KUNIT_EXPECT_EQ(test, 0, ops[0].status);
	KUNIT_EXPECT_EQ(test, 0, ops[1].status);
	KUNIT_EXPECT_EQ(test, 0U, seen.bufs);
	KUNIT_EXPECT_EQ(test, 8000ULL, model_gfn(hypervisor, 101));
}

/* Mapping where something is unmapped in the same call is no matter for registers. */
static void one_place_takes_two_calls(struct kunit *test)
{
	struct xen_iommu_op ops[2] = { a_map(100, 7000, 1) };

	KUNIT_ASSERT_EQ(test, 0, backend->submit(ops, 1));
	ops[0] = an_unmap(100, 1, 0);
	ops[1] = a_map(100, 8000, 1);
	KUNIT_EXPECT_EQ(test, 0, backend->submit(ops, 2));
	KUNIT_EXPECT_EQ(test, 0, ops[0].status);
	KUNIT_EXPECT_EQ(test, 0, ops[1].status);
	KUNIT_EXPECT_EQ(test, 2U, seen.regs);
	KUNIT_EXPECT_EQ(test, 1U, seen.bufs);
	KUNIT_EXPECT_EQ(test, 8000ULL, model_gfn(hypervisor, 100));
}

static void without_the_capability_all_goes_into_buffers(struct kunit *test)
{
	struct xen_iommu_op op = a_map(100, 7000, 1);

	KUNIT_ASSERT_EQ(test, 0, probe(false));
	seen.bufs = 0;
	KUNIT_EXPECT_EQ(test, 0, backend->submit(&op, 1));
	KUNIT_EXPECT_EQ(test, 0U, seen.regs);
	KUNIT_EXPECT_EQ(test, 1U, seen.bufs);
}

/* What a driver does all day takes one call for each request, in registers. */
static void a_request_after_the_other_takes_a_call_each(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	unsigned int i;

	d->batch.backend = backend;
	for (i = 0; i < 20; i++) {
		fixture_map_ok(test, d, 100 + 2 * i, 5000 + 3 * i, 1);
		KUNIT_EXPECT_EQ(test, 1UL, xpi_domain_unmap(d, 100 + 2 * i, 1,
							    true));
	}
	KUNIT_EXPECT_EQ(test, 20U, seen.regs);
	KUNIT_EXPECT_EQ(test, 0U, seen.bufs);
	KUNIT_EXPECT_EQ(test, 1UL, model_nr_mapped(hypervisor));

	xpi_domain_flush_all(d);
	KUNIT_EXPECT_EQ(test, 1U, seen.bufs);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_mapped(hypervisor));
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(hypervisor));

	/* A strict unmapping is a call of its own. */
	for (i = 0; i < 20; i++) {
		fixture_map_ok(test, d, 300, 5000 + i, 1);
		KUNIT_EXPECT_EQ(test, 1UL, xpi_domain_unmap(d, 300, 1, false));
		xpi_domain_sync(d);
		KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(hypervisor));
	}
	KUNIT_EXPECT_EQ(test, 60U, seen.regs);
	KUNIT_EXPECT_EQ(test, 1U, seen.bufs);
	d->batch.backend = &model_backend;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(one_or_both_go_into_registers),
	KUNIT_CASE(numbers_and_contexts_keep_all_their_bits),
	KUNIT_CASE_PARAM(what_does_not_fit_goes_into_a_buffer, unfit_gen_params),
	KUNIT_CASE_PARAM(what_is_refused_is_done_in_a_buffer,
			 refusal_gen_params),
	KUNIT_CASE(a_flush_that_fails_leaves_the_operations_done),
	KUNIT_CASE(one_place_takes_two_calls),
	KUNIT_CASE(without_the_capability_all_goes_into_buffers),
	KUNIT_CASE(a_request_after_the_other_takes_a_call_each),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-registers",
	.init = init,
	.exit = finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
