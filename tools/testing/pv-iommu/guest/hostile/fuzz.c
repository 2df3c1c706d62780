// SPDX-License-Identifier: GPL-2.0-only
/* Random operations; model.c tells what has to come of them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

#define SLOTS		1200	/* more than two leaf tables */
#define MAX_BUFS	8
#define MAX_OPS		128	/* in a buffer */
#define NR_GRANTS	8
#define MAX_LIST	40
#define NR_LISTS	(MAX_BUFS * (MAX_OPS + 1) * MAX_LIST + MAX_LIST)

/* Arrays of lists, one after the other: more than a call has. */
static uint64_t *lists;
static unsigned int next_list;

static const uint64_t wild[] = {
	0, 1, 2, 511, 512, 513, 0xfed, 0xfedff, 0xfee00, 0xfeeff, 0xfef00, 0xfffff,
	0x100000, 0x7fffffff, 0x80000000, 0xffffffff, 1UL << 32, 1UL << 36,
	1UL << 40, 1UL << 51, 1UL << 52, 1UL << 63, ~0UL, ~0UL - 1, ~0UL - 511,
};

static uint64_t any(uint64_t *s)
{
	uint64_t r = rnd(s);

	if (r % 3 == 0)
		return wild[(r >> 8) % ARRAY_SIZE(wild)];
	return rnd(s) >> ((r >> 8) % 64);
}

/* A run of own frames, or not quite. */
static void random_frames(struct xen_iommu_op_map *map, uint64_t *s)
{
	uint64_t r = rnd(s);

	if (r % 64 == 0 && env.large_gfn != FRAME_NONE) {
		map->gfn = env.large_gfn;
		map->nr_frames = 512;
	} else if (r % 4) {
		map->nr_frames = 1 + (r >> 8) % (env.run_nr < 40 ? env.run_nr : 40);
		map->gfn = env.run_gfn +
			   (r >> 16) % (env.run_nr - map->nr_frames + 1);
	} else {
		map->nr_frames = 1;
		map->gfn = env.gfn[(r >> 16) % env.pool_nr];
	}
}

/* A granted page in their place, or nearly one. */
static void random_grant(const struct model *m, struct xen_iommu_op_map *map,
			 uint64_t *s)
{
	map->gfn = rnd(s) % (m->nr_grants + 1);
	map->nr_frames = 1;
	map->flags |= XEN_IOMMU_MAP_gref;
	map->domid = m->domain;
}

/*
 * Or a list, of frames that are own ones but for some.  The array is left alone
 * until its operation has been looked at.
 */
static void random_list(struct xen_iommu_op_map *map, uint64_t *s)
{
	uint64_t *list;
	unsigned int i;

	if (next_list + MAX_LIST > NR_LISTS)
		next_list = 0;
	list = lists + next_list;
	map->nr_frames = 1 + rnd(s) % MAX_LIST;
	next_list += map->nr_frames;
	for (i = 0; i < map->nr_frames; i++)
		list[i] = env.gfn[rnd(s) % env.pool_nr];
	if (rnd(s) % 16 == 0)
		list[rnd(s) % map->nr_frames] |= 1UL << (40 + rnd(s) % 24);
	map->gfn = (uintptr_t)list;
	map->flags |= XEN_IOMMU_MAP_list;
}

static void random_op(const struct model *m, struct xen_iommu_op *op, uint64_t *s)
{
	uint64_t r = rnd(s), dfn = env.base + rnd(s) % SLOTS;
	uint64_t room = env.base + SLOTS - dfn;

	memset(op, 0, sizeof(*op));
	switch (r % 16) {
	case 0 ... 5:
		op->op = XEN_IOMMUOP_map;
		random_frames(&op->u.map, s);
		op->u.map.dfn = dfn;
		if (op->u.map.nr_frames == 512 && (r & 0x100))
			op->u.map.dfn = env.base + 512 * ((r >> 9) % 2);
		op->u.map.flags = 1 + (r >> 10) % 3;
		if (r & 0x1000)
			op->u.map.flags |= XEN_IOMMU_MAP_no_flush;
		if ((r >> 24) % 4 == 0)
			random_list(&op->u.map, s);
		if (op->u.map.dfn + op->u.map.nr_frames > env.base + SLOTS)
			op->u.map.dfn = env.base;
		if (m->nr_grants && (r >> 16) % 4 == 0 &&
		    !(op->u.map.flags & XEN_IOMMU_MAP_list))
			random_grant(m, &op->u.map, s);
		break;
	case 6 ... 10:
		op->op = XEN_IOMMUOP_unmap;
		op->u.unmap.dfn = dfn;
		op->u.unmap.nr_frames = 1 + (r >> 8) % (r & 0x80 ? room :
							room < 8 ? room : 8);
		op->u.unmap.flags = (r >> 32) % 4;
		break;
	case 11:
		op->op = XEN_IOMMUOP_flush;
		op->u.flush.dfn = dfn;
		op->u.flush.nr_frames = 1 + (r >> 8) % room;
		break;
	case 12:
		op->op = XEN_IOMMUOP_flush;
		op->u.flush.flags = XEN_IOMMU_FLUSH_all;
		break;
	case 13 ... 14:
		op->op = XEN_IOMMUOP_lookup;
		op->u.lookup.dfn = dfn;
		break;
	default:
		op->op = XEN_IOMMUOP_query_caps;
	}
}

/* Some garbage in it, or nothing but garbage. */
static void mutate(struct xen_iommu_op *op, uint64_t *s)
{
	uint64_t r = rnd(s);

	switch (r % 8) {
	case 0:
		op->op = any(s);
		break;
	case 1:
		op->ctx = any(s);
		break;
	case 2:
		op->u.raw[(r >> 8) % 3] = any(s);
		break;
	case 3:
		op->u.raw[(r >> 8) % 3] ^= 1UL << ((r >> 16) % 64);
		break;
	case 4:
		op->op = (r >> 8) % 13;
		break;
	case 5:
		op->u.raw[0] = any(s);
		op->u.raw[1] = any(s);
		op->u.raw[2] = any(s);
		break;
	case 6:
		/* Frames of ours with something else in the upper bits. */
		op->u.raw[(r >> 8) % 2] |= 1UL << (36 + (r >> 16) % 28);
		break;
	default:
		op->u.raw[2] = (op->u.raw[2] & ~0xffffffffUL) | (uint32_t)any(s);
	}
}

/* Is an array among those that random_list() makes? */
static bool is_list(uint64_t gfn, uint64_t nr)
{
	uint64_t offset = gfn - (uintptr_t)lists;

	return !(offset % sizeof(*lists)) && nr <= NR_LISTS &&
	       offset / sizeof(*lists) <= NR_LISTS - nr;
}

static bool in_window(uint64_t dfn, uint64_t nr)
{
	return dfn >= env.base && dfn + nr <= env.base + SLOTS && dfn + nr > dfn;
}

/*
 * Garbage may ask for something that is allowed but not ours to ask for: a
 * frame of dom0 that has another owner in Linux, a dfn of the driver's, the
 * end of the takeover.
 */
static bool is_ours_to_ask(const struct model *m, const struct xen_iommu_op *op)
{
	struct outcome out;

	if (op->op == XEN_IOMMUOP_query_reserved ||
	    op->op == XEN_IOMMUOP_query_device)
		return false;	/* takes a handle: see args.c and handles.c */
	if (op->op == XEN_IOMMUOP_map && op->u.map.flags & XEN_IOMMU_MAP_list &&
	    !is_list(op->u.map.gfn, op->u.map.nr_frames))
		return false;	/* so does that: see list.c */
	model_outcomes(m, op, &out);
	if (out.status[0] && out.status[0] != -EPERM && out.status[0] != -ENOENT &&
	    out.status[0] != -EEXIST)
		return true;
	switch (op->op) {
	case XEN_IOMMUOP_map:
		/* Beyond all RAM and MMIO, or within what is ours. */
		if (!in_window(op->u.map.dfn, op->u.map.nr_frames))
			return false;
		if (op->u.map.flags & (XEN_IOMMU_MAP_gref | XEN_IOMMU_MAP_list))
			return true;
		return pool_is_mine(op->u.map.gfn, op->u.map.nr_frames) ||
		       op->u.map.gfn >> 40;
	case XEN_IOMMUOP_unmap:
		return in_window(op->u.unmap.dfn, op->u.unmap.nr_frames);
	case XEN_IOMMUOP_disable_modification:
		return op->ctx;
	case XEN_IOMMUOP_lookup:
		return in_window(op->u.lookup.dfn, 1);
	default:
		return true;
	}
}

static void describe(const char *what, unsigned int index,
		     const struct xen_iommu_op *op, const struct xen_iommu_op *ret,
		     const struct outcome *out)
{
	char want[160] = "";
	unsigned int i;

	for (i = 0; i < out->nr; i++) {
		strcat(want, " ");
		strcat(want, hyp_strerr(out->status[i]));
	}
	fail("fuzz", "%s", what);
	printf("# number %u was op %u ctx %u {%#lx %#lx %#lx}\n", index, op->op,
	       op->ctx, op->u.raw[0], op->u.raw[1], op->u.raw[2]);
	printf("# came back {%#lx %#lx %#lx} status %s, allowed:%s\n",
	       ret->u.raw[0], ret->u.raw[1], ret->u.raw[2],
	       hyp_strerr(ret->status), want);
}

/* One operation after the call: was it right? */
static bool verify(struct model *m, unsigned int index, const struct xen_iommu_op *op,
		   const struct xen_iommu_op *ret)
{
	const char *what = "status";
	struct outcome out;
	unsigned int i;

	model_outcomes(m, op, &out);
	for (i = 0; i < out.nr && out.status[i] != ret->status; i++)
		;
	if (i == out.nr || !model_apply(m, op, ret, &what)) {
		describe(what, index, op, ret, &out);
		return false;
	}
	return true;
}

/* What fits into registers, or nearly so. */
static void random_short(const struct model *m, struct xen_iommu_op *op, uint16_t nr,
			 uint64_t *s)
{
	do {
		random_op(m, op, s);
	} while (op->op != nr ||
		 (nr == XEN_IOMMUOP_map ? op->u.map.flags & ~RW ||
					  op->u.map.nr_frames > 0xfff :
					  op->u.unmap.flags & XEN_IOMMU_UNMAP_sparse ||
					  op->u.unmap.nr_frames > 0x7ff));
}

struct fuzz {
	struct model model;
	uint64_t state;
	struct xen_iommu_op *ops;	/* what goes to the hypervisor */
	struct xen_iommu_op *sent;	/* a copy */
	unsigned long calls;
	unsigned long nr_ops;
	unsigned long nr_regs;		/* calls in registers that were done */
};

/* Done as in a buffer, or not at all; which of the two, is the hypervisor's choice. */
static bool one_short_call(struct fuzz *f)
{
	struct xen_iommu_op ops[2], *out = &ops[0], *in = &ops[1];
	unsigned int which = 1 + rnd(&f->state) % 3, i;
	bool too_long;
	long ret;

	random_short(&f->model, out, XEN_IOMMUOP_unmap, &f->state);
	random_short(&f->model, in, XEN_IOMMUOP_map, &f->state);
	ret = do_regs(which & 1 ? out : NULL, which & 2 ? in : NULL);
	f->calls++;
	too_long = (which & 1 && out->u.unmap.nr_frames > XEN_IOMMU_REGS_MAX_FRAMES) ||
		   (which & 2 && in->u.map.nr_frames > XEN_IOMMU_REGS_MAX_FRAMES);
	if (ret == (too_long ? -EINVAL : -EAGAIN))
		return true;
	if (ret || too_long) {
		fail("fuzz", "hypercall in registers returned %s", hyp_strerr(ret));
		return false;
	}
	if (which == 3 && in->u.map.dfn < out->u.unmap.dfn + out->u.unmap.nr_frames &&
	    out->u.unmap.dfn < in->u.map.dfn + in->u.map.nr_frames) {
		fail("fuzz", "mapped in registers where something was unmapped");
		return false;
	}
	f->nr_regs++;
	/* All of it was mapped, or it would not be done: no status but 0 is right. */
	for (i = 0; i < 2; i++)
		if (which & 1 << i && !verify(&f->model, i, &ops[i], &ops[i]))
			return false;
	return true;
}

static bool one_call(struct fuzz *f)
{
	struct xen_iommu_op_buf buf[MAX_BUFS];
	unsigned int nr_bufs = 1 + rnd(&f->state) % MAX_BUFS, nr = 0, i, n;
	unsigned int max = env.caps.max_ops < MAX_OPS ? env.caps.max_ops : MAX_OPS;
	long ret;

	for (i = 0; i < nr_bufs; i++) {
		n = rnd(&f->state) % (rnd(&f->state) % 4 ? 8 : max + 1);
		buf[i].h.p = f->ops + nr;
		buf[i].size = n * sizeof(*f->ops);
		nr += n;
	}
	for (i = 0; i < nr; i++) {
		do {
			random_op(&f->model, &f->ops[i], &f->state);
			if (rnd(&f->state) % 8 == 0)
				mutate(&f->ops[i], &f->state);
		} while (!is_ours_to_ask(&f->model, &f->ops[i]));
		f->ops[i].status = STATUS_PRESET;
	}
	memcpy(f->sent, f->ops, nr * sizeof(*f->ops));
	ret = hyp_iommu_op(nr_bufs, buf);
	f->calls++;
	f->nr_ops += nr;
	if (ret) {
		fail("fuzz", "hypercall returned %s", hyp_strerr(ret));
		return false;
	}
	for (i = 0; i < nr; i++)
		if (!verify(&f->model, i, &f->sent[i], &f->ops[i]))
			return false;
	return true;
}

void test_fuzz(void)
{
	size_t bytes = MAX_BUFS * (MAX_OPS + 1) * sizeof(struct xen_iommu_op);
	struct fuzz f = { .state = env.seed };
	double end = now() + env.fuzz_seconds;
	bool good = true;
	unsigned int i;
	uint64_t dfn;

	f.ops = hyp_alloc(bytes);
	f.sent = malloc(bytes);
	/* What nothing was written to yet is the frame 0, which is MMIO. */
	lists = hyp_alloc(NR_LISTS * sizeof(*lists));
	if (!f.ops || !f.sent || !lists || model_init(&f.model, env.base, SLOTS)) {
		fail("fuzz", "no memory");
		return;
	}
	for (i = 0; i < NR_LISTS; i++)
		lists[i] = env.gfn[i % env.pool_nr];
	if (env.caps.caps & XEN_IOMMU_CAP_gref &&
	    grants_begin(&f.model.domain, NR_GRANTS))
		f.model.nr_grants = NR_GRANTS;
	clean(env.base, SLOTS);
	while (good && now() < end) {
		good = env.caps.caps & XEN_IOMMU_CAP_registers &&
		       rnd(&f.state) % 2 ? one_short_call(&f) : one_call(&f);
		if (good && f.calls % 256 == 0 && !model_matches(&f.model, &dfn)) {
			fail("fuzz", "dfn %#lx is not what the model says", dfn);
			good = false;
		}
	}
	printf("# fuzz: seed %#lx, %lu calls, %lu operations, %lu calls in registers\n",
	       env.seed, f.calls, f.nr_ops, f.nr_regs);
	check(f.nr_regs || !(env.caps.caps & XEN_IOMMU_CAP_registers),
	      "some operations in registers were done", "of %lu calls none", f.calls);
	if (good && !model_matches(&f.model, &dfn)) {
		fail("fuzz", "dfn %#lx is not what the model says", dfn);
		good = false;
	}
	if (!good)
		printf("# repeat with: hostile -s %#lx -g fuzz (failed in call %lu)\n",
		       env.seed, f.calls);
	check(good, "fuzz", "see above");
	clean(env.base, SLOTS);
	do_flush(0, 0, XEN_IOMMU_FLUSH_all);
	if (f.model.nr_grants)
		grants_end();
	model_free(&f.model);
	free(f.sent);
	hyp_free(lists, NR_LISTS * sizeof(*lists));
	hyp_free(f.ops, bytes);
}
