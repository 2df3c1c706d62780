// SPDX-License-Identifier: GPL-2.0-only
/* Contexts: their life, who is in them, and the other tests in one. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

/* An operation as it comes. */
static int raw(uint16_t nr, uint16_t ctx, uint64_t a, uint64_t b, uint64_t c)
{
	struct xen_iommu_op op = { .op = nr, .ctx = ctx, .u.raw = { a, b, c } };

	return hyp_one(&op);
}

static void test_shared(void)
{
	uint32_t device;
	uint16_t ctx;

	expect("alloc in shared mode", do_alloc(&ctx), -EBUSY);
	expect("free in shared mode", do_free(1), -ENOENT);
	if (idle_devices(&device, 1))
		expect("attach in shared mode", do_attach(0, device), -EPERM);
}

static void test_fields(void)
{
	unsigned int i;
	uint16_t ctx;

	expect("alloc", do_alloc(&ctx), 0);
	for (i = 0; i < 3; i++) {
		expect("alloc with an argument",
		       raw(XEN_IOMMUOP_ctx_alloc, 0, i == 0, i == 1, i == 2), -EINVAL);
		expect("free with an argument",
		       raw(XEN_IOMMUOP_ctx_free, ctx, i == 0, i == 1, i == 2), -EINVAL);
		if (i)
			expect("attach with a pad",
			       raw(XEN_IOMMUOP_ctx_attach, ctx, 0, i == 1, i == 2),
			       -EINVAL);
	}
	expect("attach with a pad", raw(XEN_IOMMUOP_ctx_attach, ctx, 1UL << 32, 0, 0),
	       -EINVAL);
	expect("alloc with a context", raw(XEN_IOMMUOP_ctx_alloc, 1, 0, 0, 0), -EINVAL);
	expect("query_device with a context",
	       raw(XEN_IOMMUOP_query_device, 1, 0, 0, 0), -EINVAL);
	expect("free of context 0", do_free(0), -ENOENT);
	expect("free of a number that is no context", do_free(0xffff), -ENOENT);
	expect("free", do_free(ctx), 0);
	expect("free twice", do_free(ctx), -ENOENT);
	expect("map in what was freed",
	       raw(XEN_IOMMUOP_map, ctx, env.base, env.gfn[0],
		   1 | (uint64_t)RW << 32), -ENOENT);
	expect("map in context 0", do_map(env.base, env.gfn[0], 1, RW), -EPERM);
}

/* As many as there can be, and then one more. */
static void test_all(void)
{
	unsigned int nr = env.caps.nr_ctx, i;
	bool *there = calloc(nr + 1, 1);
	uint16_t ctx;

	for (i = 0; i < nr; i++) {
		if (!expect("alloc of all", do_alloc(&ctx), 0) ||
		    !check(ctx && ctx <= nr && !there[ctx], "each is a new one",
			   "%u", ctx))
			break;
		there[ctx] = true;
	}
	expect("one more than that", do_alloc(&ctx), -ENOSPC);
	expect("enable while there are contexts",
	       do_enable(XEN_IOMMU_ENABLE_clear, NULL), -EBUSY);
	for (i = 1; i <= nr; i++)
		if (there[i])
			expect("free of all", do_free(i), 0);
	free(there);
}

static void test_devices(void)
{
	struct xen_iommu_op_query_device device;
	unsigned int nr, i;
	uint32_t sbdf[32];
	uint16_t one, two;

	nr = idle_devices(sbdf, 32);
	if (!nr) {
		skip("devices", "there is none without a driver");
		return;
	}
	expect("alloc", do_alloc(&one), 0);
	expect("alloc", do_alloc(&two), 0);
	expect("attach of no device", do_attach(one, XEN_IOMMU_SBDF(0, 0xfe, 0xff)),
	       -ENODEV);
	expect("query of no device",
	       do_device(XEN_IOMMU_SBDF(0, 0xfe, 0xff), &device), -ENODEV);
	for (i = 0; i < nr; i++) {
		int ret = do_device(sbdf[i], &device);

		/* IDs there are, and no room was given for them. */
		if (!expect_either("query", ret, -ENOBUFS, 0) ||
		    !(device.flags & XEN_IOMMU_DEVICE_translated))
			continue;
		check(!device.ctx, "it is in context 0", "in %u", device.ctx);
		expect("attach", do_attach(one, sbdf[i]), 0);
		do_device(sbdf[i], &device);
		check(device.ctx == one, "it is where it was put", "in %u", device.ctx);
		expect("free of its context", do_free(one), -EBUSY);
		expect("attach again", do_attach(one, sbdf[i]), 0);
		expect("attach to a context that is none", do_attach(0x7fff, sbdf[i]),
		       -ENOENT);
		expect("attach to another", do_attach(two, sbdf[i]), 0);
		expect("attach to context 0", do_attach(0, sbdf[i]), 0);
		do_device(sbdf[i], &device);
		check(!device.ctx, "it is back", "in %u", device.ctx);
	}
	expect("free", do_free(one), 0);
	expect("free", do_free(two), 0);
}

/* A page that dom0 parts with is kept as long as any context has it. */
static void test_page_in_two(void)
{
	unsigned long gfn = balloon_gfn();
	uint16_t one, two, other;

	if (gfn == FRAME_NONE) {
		skip("a page in two contexts", "the module is not there");
		return;
	}
	expect("alloc", do_alloc(&one), 0);
	expect("alloc", do_alloc(&two), 0);
	/* While there is any context Xen keeps its records of pages. */
	expect("alloc of one that has no page", do_alloc(&other), 0);
	hyp_ctx = one;
	expect("map in one", do_map(env.base, gfn, 1, RW), 0);
	hyp_ctx = two;
	expect("map in the other", do_map(env.base + 5, gfn, 1, RW), 0);
	hyp_ctx = one;
	expect("unmap in one, lazily",
	       do_unmap(env.base, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("giving the page back", balloon("out"), 0);
	check(frames_m2p(gfn) != M2P_INVALID, "it is kept for the other",
	      "frame %#lx was given away", gfn);
	expect("free of one", do_free(one), 0);
	check(frames_m2p(gfn) != M2P_INVALID, "it is still kept",
	      "frame %#lx was given away", gfn);
	expect("free of the other, with the page mapped", do_free(two), 0);
	check(frames_m2p(gfn) == M2P_INVALID, "it goes with the last that has it",
	      "frame %#lx is still referenced", gfn);
	expect("getting a frame again", balloon("in"), 0);
	hyp_ctx = 0;
	expect("free of one that has no page", do_free(other), 0);

	gfn = balloon_gfn();
	expect("alloc", do_alloc(&one), 0);
	expect("alloc", do_alloc(&two), 0);
	hyp_ctx = one;
	expect("map in one", do_map(env.base, gfn, 1, RW), 0);
	expect("unmap in one, lazily",
	       do_unmap(env.base, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	hyp_ctx = two;
	expect("map in the other", do_map(env.base, gfn, 1, RW), 0);
	expect("unmap in the other, lazily",
	       do_unmap(env.base, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("giving the page back", balloon("out"), 0);
	check(frames_m2p(gfn) == M2P_INVALID, "what waits for flushes goes at once",
	      "frame %#lx is still referenced", gfn);
	expect("getting a frame again", balloon("in"), 0);
	hyp_ctx = 0;
	expect("free", do_free(one), 0);
	expect("free", do_free(two), 0);
}

/* Operations of one call for several contexts, in any order. */
static void test_one_call(void)
{
	struct xen_iommu_op ops[40] = {};
	uint16_t ctx[4];
	unsigned int i;
	bool right = true;
	uint64_t gfn;

	for (i = 0; i < ARRAY_SIZE(ctx); i++)
		expect("alloc", do_alloc(&ctx[i]), 0);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i].op = XEN_IOMMUOP_map;
		ops[i].ctx = ctx[i % ARRAY_SIZE(ctx)];
		ops[i].u.map.dfn = env.base + i / ARRAY_SIZE(ctx);
		ops[i].u.map.gfn = env.gfn[i];
		ops[i].u.map.nr_frames = 1;
		ops[i].u.map.flags = RW;
	}
	expect("maps in four contexts by one call", hyp_ops(ops, ARRAY_SIZE(ops)), 0);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		hyp_ctx = ctx[i % ARRAY_SIZE(ctx)];
		right &= !ops[i].status &&
			 !do_lookup(env.base + i / ARRAY_SIZE(ctx), &gfn, NULL, NULL) &&
			 gfn == env.gfn[i];
	}
	check(right, "each is where it belongs", "not all");
	for (i = 0; i < ARRAY_SIZE(ctx); i++) {
		hyp_ctx = ctx[i];
		check(count_mapped(env.base, 100) == 10, "and no more than that",
		      "%lu", count_mapped(env.base, 100));
	}
	hyp_ctx = 0;
	for (i = 0; i < ARRAY_SIZE(ctx); i++)
		expect("free with something mapped", do_free(ctx[i]), 0);
}

/* What the other groups say of the shared address space holds in a context. */
static void test_groups(void)
{
	static void (*const groups[])(void) = {
		test_map, test_singles, test_lists, test_registers, test_large,
		test_high, test_frames, test_domain, test_grants, test_mmio,
		test_refs, test_cycles,
	};
	unsigned int i;
	uint16_t ctx;

	expect("alloc for the other groups", do_alloc(&ctx), 0);
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		hyp_ctx = ctx;
		groups[i]();
		check(!count_mapped(env.base, 8192), "the context is empty again",
		      "not after group %u", i);
		clean(env.base, WINDOW);
	}
	hyp_ctx = 0;
	expect("free", do_free(ctx), 0);
}

void test_contexts(void)
{
	if (!(env.caps.caps & XEN_IOMMU_CAP_contexts)) {
		skip("group contexts", "the hypervisor has none");
		return;
	}
	test_shared();
	expect("disable", do_disable(), 0);
	test_fields();
	test_all();
	test_devices();
	test_page_in_two();
	test_one_call();
	test_groups();
	test_context_threads();
	expect("enable after contexts", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
}
