// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on many contexts, which come and go, with devices that are
 * moved between them.  The model of each says what has to come of it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

#define CONTEXTS	64
#define SLOTS		600	/* more than a leaf table */
#define DEVICES		16
#define MAX_OPS		32

struct space {
	bool there;
	unsigned int devices;
	struct model model;
};

static struct {
	struct space space[CONTEXTS + 1];	/* by number */
	unsigned int nr;
	uint32_t device[DEVICES];
	uint16_t where[DEVICES];
	unsigned int nr_devices;
	uint64_t seed;
	unsigned long ops;
	unsigned long moved;
} all;

static bool wrong(const char *what, int got, int want)
{
	char w[32];

	snprintf(w, sizeof(w), "%s", hyp_strerr(want));
	return !check(got == want, what, "%s instead of %s", hyp_strerr(got), w);
}

static bool one_alloc(void)
{
	uint16_t ctx;

	if (all.nr == CONTEXTS)
		return true;
	if (wrong("alloc", do_alloc(&ctx), 0))
		return false;
	/* The lowest that is free, so never beyond those that we want. */
	if (!check(ctx && ctx <= CONTEXTS && !all.space[ctx].there,
		   "the number of a context", "%u", ctx))
		return false;
	all.space[ctx] = (struct space){ .there = true };
	all.nr++;
	return !model_init(&all.space[ctx].model, env.base, SLOTS);
}

static bool one_free(uint16_t ctx)
{
	struct space *s = &all.space[ctx];

	if (wrong("free", do_free(ctx), !s->there ? -ENOENT :
		  s->devices ? -EBUSY : 0))
		return false;
	if (s->there && !s->devices) {
		s->there = false;
		model_free(&s->model);
		all.nr--;
	}
	return true;
}

static bool one_attach(uint16_t ctx, unsigned int i)
{
	struct xen_iommu_op_query_device device;
	bool there = !ctx || all.space[ctx].there;

	if (wrong("attach", do_attach(ctx, all.device[i]), there ? 0 : -ENOENT))
		return false;
	if (there) {
		all.space[all.where[i]].devices--;
		all.space[ctx].devices++;
		all.where[i] = ctx;
		all.moved++;
	}
	do_device(all.device[i], &device);
	return check(device.ctx == all.where[i], "where a device is", "%u, not %u",
		     device.ctx, all.where[i]);
}

static void random_op(struct xen_iommu_op *op, uint16_t ctx)
{
	uint64_t r = rnd(&all.seed), dfn = env.base + rnd(&all.seed) % SLOTS;
	uint64_t room = env.base + SLOTS - dfn;
	uint32_t nr = 1 + (r >> 8) % (room < 12 ? room : 12);

	*op = (struct xen_iommu_op){ .ctx = ctx, .status = STATUS_PRESET };
	switch (r % 8) {
	case 0 ... 2:
		op->op = XEN_IOMMUOP_map;
		op->u.map.dfn = dfn;
		op->u.map.nr_frames = env.run_nr < nr ? env.run_nr : nr;
		op->u.map.gfn = env.run_gfn + (r >> 16) %
				(env.run_nr - op->u.map.nr_frames + 1);
		op->u.map.flags = 1 + (r >> 32) % 3;
		break;
	case 3 ... 5:
		op->op = XEN_IOMMUOP_unmap;
		op->u.unmap.dfn = dfn;
		op->u.unmap.nr_frames = r & (1UL << 40) ? room : nr;
		op->u.unmap.flags = (r >> 32) % 4;
		break;
	case 6:
		op->op = XEN_IOMMUOP_flush;
		op->u.flush.dfn = dfn;
		op->u.flush.nr_frames = room;
		break;
	default:
		op->op = XEN_IOMMUOP_lookup;
		op->u.lookup.dfn = dfn;
	}
}

/* What came of an operation, against the model of its context. */
static bool right(const struct xen_iommu_op *sent, const struct xen_iommu_op *ret)
{
	struct xen_iommu_op plain = *sent;
	struct space *s = &all.space[sent->ctx];
	const char *what = "status";
	struct outcome out;
	unsigned int i;

	if (!s->there)
		return !wrong("in what is no context", ret->status, -ENOENT);
	plain.ctx = 0;
	model_outcomes(&s->model, &plain, &out);
	for (i = 0; i < out.nr && out.status[i] != ret->status; i++)
		;
	if (i < out.nr && model_apply(&s->model, &plain, ret, &what))
		return true;
	fail("switch", "%s: op %u ctx %u {%#lx %#lx %#lx} status %s", what, sent->op,
	     sent->ctx, sent->u.raw[0], sent->u.raw[1], sent->u.raw[2],
	     hyp_strerr(ret->status));
	return false;
}

static bool one_call(struct xen_iommu_op *ops, struct xen_iommu_op *sent)
{
	unsigned int i, nr = 1 + rnd(&all.seed) % MAX_OPS;
	uint16_t ctx = 1 + rnd(&all.seed) % CONTEXTS;
	struct xen_iommu_op_buf buf = { .size = nr * sizeof(*ops) };
	long ret;

	buf.h.p = ops;
	for (i = 0; i < nr; i++) {
		if (rnd(&all.seed) % 4 == 0)
			ctx = 1 + rnd(&all.seed) % CONTEXTS;
		random_op(&ops[i], ctx);
	}
	memcpy(sent, ops, nr * sizeof(*ops));
	ret = hyp_iommu_op(1, &buf);
	all.ops += nr;
	if (wrong("hypercall", ret, 0))
		return false;
	for (i = 0; i < nr; i++)
		if (!right(&sent[i], &ops[i]))
			return false;
	return true;
}

static bool step(struct xen_iommu_op *ops, struct xen_iommu_op *sent)
{
	uint64_t r = rnd(&all.seed);
	uint16_t ctx = (r >> 8) % (CONTEXTS + 1);

	switch (r % 64) {
	case 0 ... 3:
		return one_alloc();
	case 4:
		return one_free(ctx);
	case 5 ... 8:
		return !all.nr_devices ||
		       one_attach(ctx, (r >> 32) % all.nr_devices);
	default:
		return one_call(ops, sent);
	}
}

static bool finish(void)
{
	unsigned int i;
	bool good = true;
	uint64_t dfn;

	for (i = 0; i < all.nr_devices; i++)
		good = good && one_attach(0, i);
	for (i = 1; i <= CONTEXTS; i++) {
		if (!all.space[i].there)
			continue;
		hyp_ctx = i;
		good = check(model_matches(&all.space[i].model, &dfn),
			     "what a context has in the end",
			     "dfn %#lx of context %u", dfn, i) && good;
		hyp_ctx = 0;
		good = one_free(i) && good;
	}
	return good;
}

/* Those that Xen can attach by themselves. */
static void find_devices(void)
{
	struct xen_iommu_op_query_device device;
	unsigned int i, nr = idle_devices(all.device, DEVICES);

	for (i = 0; i < nr; i++) {
		do_device(all.device[i], &device);
		if (device.flags & XEN_IOMMU_DEVICE_translated && device.nr_ids == 1)
			all.device[all.nr_devices++] = all.device[i];
	}
}

void test_switch(void)
{
	struct xen_iommu_op *ops = hyp_alloc(PAGE_SIZE), *sent = malloc(PAGE_SIZE);
	double end = now() + env.fuzz_seconds;
	bool good = true;

	if (!(env.caps.caps & XEN_IOMMU_CAP_contexts)) {
		skip("group switch", "the hypervisor has no contexts");
		return;
	}
	all.seed = env.seed;
	find_devices();
	expect("disable", do_disable(), 0);
	while (good && now() < end)
		good = step(ops, sent);
	good = finish() && good;
	printf("# switch: seed %#lx, %lu operations, %u devices moved %lu times\n",
	       env.seed, all.ops, all.nr_devices, all.moved);
	check(good && all.moved > 0, "switch", "see above");
	expect("enable", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
	free(sent);
	hyp_free(ops, PAGE_SIZE);
}
