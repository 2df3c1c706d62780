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

#define FORGERIES	200000
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

static void fill_ops(struct xen_iommu_op *ops, uint64_t *s)
{
	unsigned int n, max = env.run_nr < 32 ? env.run_nr : 32;

	memset(ops, 0, NR_OPS * sizeof(*ops));
	for (n = 0; n < NR_OPS; n++) {
		uint64_t at = env.base + rnd(s) % (RANGE - 32);

		ops[n].status = STATUS_PRESET;
		if (rnd(s) % 2) {
			ops[n].op = XEN_IOMMUOP_map;
			ops[n].u.map.dfn = at;
			ops[n].u.map.gfn = env.run_gfn;
			ops[n].u.map.nr_frames = 1 + rnd(s) % max;
			ops[n].u.map.flags = RW;
		} else {
			ops[n].op = XEN_IOMMUOP_unmap;
			ops[n].u.unmap.dfn = at;
			ops[n].u.unmap.nr_frames = 1 + rnd(s) % 32;
			ops[n].u.unmap.flags = rnd(s) % 4;
		}
	}
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

	for (i = 0; i < NR_CANARIES; i++)
		live &= !do_map(env.base + CANARIES + i, env.gfn[i], 1, RW);
	for (n = 0; n < NR_BUFS; n++) {
		buf[n].h.p = ops + NR_OPS / NR_BUFS * n;
		buf[n].size = NR_OPS / NR_BUFS * sizeof(*ops);
	}
	for (i = 0; i < FORGERIES && !ret && live; i++) {
		if (rnd(&state) % 2)
			forge_ours(arg, &state);
		else
			forge_blind(arg, &state);
		fill_ops(ops, &state);
		ret = hyp_call(__HYPERVISOR_iommu_op, arg[0], (unsigned long)buf,
			       arg[1], arg[2], arg[3]);
		if (ret == -EFAULT || ret == -EINVAL || ret == -E2BIG)
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
	hyp_free(ops, PAGE_SIZE);
}
