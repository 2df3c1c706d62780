// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forged continuations.  A preempted call comes back through registers that
 * the guest can make up.  The encoding is the hypervisor's own, so all kinds
 * are tried, half of them in that of our own hypervisor: whatever it makes of
 * that, it may not go beyond the operations that it is shown.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"

#define NR_OPS		16
#define NR_BUFS		4

/* What the operations are about, and what lies behind it and is not. */
#define RANGE		128
#define CANARIES	1000
#define NR_CANARIES	600

/* Those of our own hypervisor: see do_iommu_op() in its buffers.c. */
#define CONT_BUF_SHIFT		7
#define CONT_MAGIC		(0x5eed1UL << 13)
#define CONT_FLAGS_SHIFT	16
#define CONT_ERR_SHIFT		18
#define CONT_DONE_SHIFT		24

/* Small as often as huge. */
static uint64_t any_size(uint64_t *s)
{
	uint64_t r = rnd(s);

	return r % 2 ? rnd(s) % 80 : rnd(s) >> ((r >> 8) % 64);
}

static void forge_blind(uint64_t *arg, uint64_t *s)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		arg[i] = any_size(s);
	if (rnd(s) % 2)
		arg[0] = (arg[0] & ~0x7fUL) | rnd(s) % (NR_BUFS + 1);
}

static void forge_ours(uint64_t *arg, uint64_t *s)
{
	uint64_t r = rnd(s);

	arg[0] = CONT_MAGIC | ((r >> 8) % (NR_BUFS + 1)) << CONT_BUF_SHIFT |
		 (1 + r % NR_BUFS);
	arg[1] = any_size(s) << CONT_DONE_SHIFT |
		 ((r >> 16) % 4 ? (r >> 24) % 64 : 0) << CONT_ERR_SHIFT |
		 ((r >> 32) % 4) << CONT_FLAGS_SHIFT | (r >> 40) % (NR_OPS / NR_BUFS);
	arg[2] = any_size(s);
	arg[3] = any_size(s);
}

/* For lists: the same frames, the other way round. */
static uint64_t *gfns;

static void fill_ops(struct xen_iommu_op *ops, uint64_t *s)
{
	unsigned int n, max = env.run_nr < 32 ? env.run_nr : 32;

	memset(ops, 0, NR_OPS * sizeof(*ops));
	for (n = 0; n < NR_OPS; n++) {
		uint64_t at = env.base + rnd(s) % (RANGE - 32);

		ops[n].status = STATUS_PRESET;
		if (rnd(s) % 2) {
			bool list = rnd(s) % 2 && env.caps.caps & XEN_IOMMU_CAP_list;

			ops[n].op = XEN_IOMMUOP_map;
			ops[n].u.map.dfn = at;
			ops[n].u.map.gfn = list ? (uintptr_t)gfns : env.run_gfn;
			ops[n].u.map.nr_frames = 1 + rnd(s) % max;
			ops[n].u.map.flags = RW | (list ? XEN_IOMMU_MAP_list : 0);
		} else {
			ops[n].op = XEN_IOMMUOP_unmap;
			ops[n].u.unmap.dfn = at;
			ops[n].u.unmap.nr_frames = 1 + rnd(s) % 32;
			ops[n].u.unmap.flags = rnd(s) % 4;
		}
	}
}

/* The operations from @first on of @nr are done, and none before. */
static void only_from(const char *name, const struct xen_iommu_op *ops,
		      unsigned int first, unsigned int nr)
{
	unsigned int i, bad = 0;

	for (i = 0; i < nr; i++)
		bad += ops[i].status != (i < first ? STATUS_PRESET : 0);
	check(!bad, name, "%u of %u are otherwise", bad, nr);
}

static long continued(struct xen_iommu_op_buf *buf, unsigned int nr_bufs,
		      unsigned int at_buf, uint64_t at)
{
	return hyp_call(__HYPERVISOR_iommu_op,
			CONT_MAGIC | at_buf << CONT_BUF_SHIFT | nr_bufs,
			(unsigned long)buf, at, 0, 0);
}

/*
 * Is the encoding above still the hypervisor's?  Else forge_ours() would be no
 * more than noise.  Each part of it shows in what is done and what is not.
 */
static void test_encoding(struct xen_iommu_op *ops)
{
	struct xen_iommu_op_buf buf[2] = {
		{ .size = 2 * sizeof(*ops) }, { .size = 2 * sizeof(*ops) },
	};
	uint64_t done = 1UL << CONT_DONE_SHIFT;
	unsigned int i;

	memset(ops, 0, 4 * sizeof(*ops));
	for (i = 0; i < 4; i++) {
		ops[i].op = XEN_IOMMUOP_query_caps;
		ops[i].status = STATUS_PRESET;
	}
	buf[0].h.p = ops;
	buf[1].h.p = ops + 2;
	expect("continuation", continued(buf, 2, 1, 1), 0);
	only_from("it goes on where it says", ops, 3, 4);

	memset(ops, 0, sizeof(*ops));
	ops->op = XEN_IOMMUOP_map;
	ops->u.map.dfn = env.base;
	ops->u.map.gfn = env.run_gfn;
	ops->u.map.nr_frames = 4;
	ops->u.map.flags = RW;
	buf[0].size = sizeof(*ops);
	expect("continuation of a map", continued(buf, 1, 0, 3 * done), 0);
	expect("its status", ops->status, 0);
	check(count_mapped(env.base, 4) == 1 &&
	      maps_to(env.base + 3, env.run_gfn + 3),
	      "it maps what is not done", "%lu frames", count_mapped(env.base, 4));

	expect("continuation of a map that failed",
	       continued(buf, 1, 0, 4 * done | EEXIST << CONT_ERR_SHIFT), 0);
	expect("its status", ops->status, -EEXIST);
	check(!count_mapped(env.base, 4), "it is rolled back", "it is not");
}

static bool canaries_live(void)
{
	unsigned int i;

	for (i = 0; i < NR_CANARIES; i++)
		if (!maps_to(env.base + CANARIES + i, env.gfn[i]))
			return false;
	return true;
}

/* All that is there is ours, and goes away like anything else. */
static void check_leftovers(void)
{
	unsigned int i, strange = 0;
	uint64_t gfn;

	for (i = 0; i < RANGE; i++)
		if (!do_lookup(env.base + i, &gfn, NULL, NULL) &&
		    !pool_is_mine(gfn, 1))
			strange++;
	check(!strange, "forged continuations map own frames only", "%u others",
	      strange);
	expect("unmap after forged continuations",
	       do_unmap(env.base, WINDOW, XEN_IOMMU_UNMAP_sparse, NULL), 0);
	check(!count_mapped(env.base, 4096), "nothing is left of forged continuations",
	      "something is");
	expect("flush all", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
}

void test_continuations(void)
{
	struct xen_iommu_op *ops = hyp_alloc(PAGE_SIZE);
	struct xen_iommu_op_buf buf[NR_BUFS];
	uint64_t state = env.seed, arg[4] = {};
	bool live = true;
	unsigned int i, n;
	long ret = 0;

	gfns = hyp_alloc(PAGE_SIZE);
	for (i = 0; i < 32; i++)
		gfns[i] = env.run_gfn + (31 - i) % env.run_nr;
	test_encoding(ops);
	for (i = 0; i < NR_CANARIES; i++)
		live &= !do_map(env.base + CANARIES + i, env.gfn[i], 1, RW);
	for (n = 0; n < NR_BUFS; n++) {
		buf[n].h.p = ops + NR_OPS / NR_BUFS * n;
		buf[n].size = NR_OPS / NR_BUFS * sizeof(*ops);
	}
	for (i = 0; i < env.forgeries && !ret && live; i++) {
		if (rnd(&state) % 2)
			forge_ours(arg, &state);
		else
			forge_blind(arg, &state);
		fill_ops(ops, &state);
		ret = hyp_call(__HYPERVISOR_iommu_op, arg[0], (unsigned long)buf,
			       arg[1], arg[2], arg[3]);
		if (ret == -EFAULT || ret == -EINVAL || ret == -E2BIG ||
		    (ret == -EAGAIN && (uint32_t)arg[0] >> 16 ==
				       XEN_IOMMU_REGS >> 16))
			ret = 0;
		if (i % 1000 == 0)
			live = canaries_live();
	}
	check(!ret, "forged continuations", "%s for (%#lx, %#lx, %#lx, %#lx)",
	      hyp_strerr(ret), arg[0], arg[1], arg[2], arg[3]);
	check(live && canaries_live(),
	      "forged continuations leave alone what they do not name",
	      "they do not, after %u", i);
	check_leftovers();
	hyp_free(gfns, PAGE_SIZE);
	hyp_free(ops, PAGE_SIZE);
}
