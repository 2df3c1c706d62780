// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many operations for one frame each, side by side in one buffer: what scattered
 * memory looks like.  The hypervisor may take them together, which must not be
 * seen in what comes of each.
 */

#include <errno.h>

#include "hostile.h"
#include "lib/frames.h"

#define NR		100
/* So that they reach into another table. */
#define FIRST_DFN	(env.base + 512 - 30)
#define FRAME_TOO_HIGH	(~0UL >> 12)

struct exception {
	unsigned int at;
	int status;
};

static void fill(struct xen_iommu_op *ops)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		ops[i] = (struct xen_iommu_op) {
			.op = XEN_IOMMUOP_map,
			.u.map.dfn = FIRST_DFN + i,
			/* Never a run: backwards. */
			.u.map.gfn = env.gfn[NR - 1 - i],
			.u.map.nr_frames = 1,
			.u.map.flags = RW,
		};
}

/* Each has its own status, and is mapped if that is 0. */
static void submit(const char *name, struct xen_iommu_op *ops,
		   const struct exception *ex, unsigned int nr_ex)
{
	unsigned int i, e = 0, bad = 0;

	check(!hyp_ops(ops, NR), name, "the call fails");
	for (i = 0; i < NR; i++) {
		int want = e < nr_ex && ex[e].at == i ? ex[e++].status : 0;
		bool there = maps_to(FIRST_DFN + i, env.gfn[NR - 1 - i]);

		if (ops[i].status != want || there != !want)
			bad++;
	}
	check(!bad, name, "%u of %u are wrong", bad, NR);
	clean(FIRST_DFN, NR);
}

void test_singles(void)
{
	static const struct exception ex[] = {
		{ 3, -EPERM }, { 31, -EINVAL }, { 40, -EEXIST }, { 77, -EINVAL },
		{ 99, -ENOENT },
	};
	struct xen_iommu_op ops[NR];

	fill(ops);
	submit("single frames side by side", ops, NULL, 0);

	fill(ops);
	ops[3].u.map.gfn = FRAME_TOO_HIGH;
	ops[31].u.map.flags = 0;
	ops[77].u.map.domid = 1;
	ops[99].ctx = 0x7fff;
	expect("one in the way", do_map(FIRST_DFN + 40, env.gfn[0], 1, RW), 0);
	submit("single frames with some that are refused", ops, ex,
	       ARRAY_SIZE(ex));
	expect_empty("single frames", FIRST_DFN, NR);
}
