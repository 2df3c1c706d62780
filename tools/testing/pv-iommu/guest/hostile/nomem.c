// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen without memory for page tables: one frame mapped at every 512th dfn
 * needs a table each.  Only where the whole address space is ours.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"
#include "lib/machine.h"

#define STEP		512
#define BATCH		128

/* More would take too long, and more than memory to fill with tables. */
#define AT_MOST		500000

/*
 * Linux, as Debian runs it, does not schedule during a hypercall, so unmapping
 * all of it in one call would have its watchdog bark.
 */
#define UNMAP_STEP	0x400000UL

/* Any design has to manage that many tables before it gives up. */
#define AT_LEAST	10000

/*
 * Maps until something is refused, at every dfn but @large; @dfn is where it
 * was refused, the status is returned.
 */
static int exhaust(struct xen_iommu_op *ops, uint64_t large, uint64_t *dfn,
		   unsigned long *maps)
{
	unsigned int i;

	while (*dfn < env.caps.max_dfn - STEP * BATCH && *maps < AT_MOST) {
		memset(ops, 0, BATCH * sizeof(*ops));
		for (i = 0; i < BATCH; i++) {
			ops[i].op = XEN_IOMMUOP_map;
			ops[i].u.map.dfn = *dfn + i * STEP;
			ops[i].u.map.gfn = env.gfn[0];
			ops[i].u.map.nr_frames = 1;
			ops[i].u.map.flags = RW;
			/* All of the aperture but what is reserved. */
			if (ops[i].u.map.dfn == large ||
			    is_reserved(ops[i].u.map.dfn, 1))
				ops[i].op = XEN_IOMMUOP_query_caps;
		}
		if (hyp_ops(ops, BATCH))
			return -EFAULT;
		for (i = 0; i < BATCH; i++) {
			if (ops[i].status)
				return ops[i].status;
			(*maps)++;
			*dfn += STEP;
		}
	}
	return 0;
}

/* While there is nothing left. */
static void without_memory(uint64_t large, uint64_t dfn)
{
	unsigned int before = count_mapped(large, 512), i;
	uint64_t unmapped = 0;
	int got;

	got = do_unmap(large + 7, 1, 0, &unmapped);
	expect_either("unmap inside a large page without memory", got, 0, -ENOMEM);
	check(count_mapped(large, 512) == before - (got ? 0 : 1),
	      "all or nothing, without memory", "%lu of %u are left",
	      count_mapped(large, 512), before);
	for (i = 1; i < 100; i++)
		if (do_map(dfn + i * STEP, env.gfn[1], 1, RW) == 0)
			do_unmap(dfn + i * STEP, 1, 0, NULL);
	expect("lookup without memory", do_lookup(dfn - STEP, NULL, NULL, NULL), 0);
	expect("unmap without memory", do_unmap(dfn - STEP, 1, 0, NULL), 0);
}

void test_nomem(void)
{
	struct xen_iommu_op *ops = hyp_alloc(BATCH * sizeof(*ops));
	uint64_t large = env.base + 512, dfn = 0, at;
	long before = machine_free_pages(), after;
	unsigned long maps = 0;
	int status;

	if (before < 0 || env.large_gfn == FRAME_NONE) {
		skip("Xen without memory", "no free memory told, or no 2 MiB of ours");
		return;
	}
	expect("map 2 MiB before", do_map(large, env.large_gfn, 512, RW), 0);
	status = exhaust(ops, large, &dfn, &maps);
	check(!status || status == -ENOMEM, "sparse maps until Xen has no memory",
	      "%s at %#lx", hyp_strerr(status), dfn);
	check(maps >= AT_LEAST, "a good number of sparse maps", "%lu", maps);
	printf("# %lu sparse maps, then %s; Xen's free pages: %ld, then %ld\n", maps,
	       hyp_strerr(status), before, machine_free_pages());
	if (status == -ENOMEM) {
		check(maps_to(dfn, FRAME_NONE), "a map without memory leaves nothing",
		      "it does");
		without_memory(large, dfn);
	} else {
		skip("Xen without memory", "it has more than %lu tables need", maps);
	}

	for (at = 0; at < dfn + STEP * BATCH && at < env.caps.max_dfn; at += UNMAP_STEP)
		expect("unmap of it all",
		       do_unmap(at, UNMAP_STEP, XEN_IOMMU_UNMAP_sparse, NULL), 0);
	clean(env.base, WINDOW);
	check(!count_mapped(env.base, 4096), "nothing is left of it", "something is");
	expect("disable", do_disable(), 0);
	after = machine_free_pages();
	check(before - after < 64, "Xen has its memory back", "%ld pages less of %ld",
	      before - after, before);
	expect("enable", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
	hyp_free(ops, BATCH * sizeof(*ops));
}
