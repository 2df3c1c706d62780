// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen without memory for page tables: another domain has a claim on nearly all
 * there is, and one frame mapped at every 512th dfn needs a table each.  Only
 * where the whole address space is ours.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "lib/domain.h"
#include "lib/frames.h"
#include "lib/machine.h"

#define STEP		512
#define BATCH		128

/* Pages that are left to Xen, and the tables that any design can make of them. */
#define ROOM		12000
#define AT_LEAST	10000

/*
 * Linux, as Debian runs it, does not schedule during a hypercall, so unmapping
 * all of it in one call would have its watchdog bark.
 */
#define UNMAP_STEP	0x400000UL

/*
 * Maps until something is refused, at every dfn but @large; @dfn is where it
 * was refused, the status is returned.
 */
static int exhaust(struct xen_iommu_op *ops, uint64_t large, uint64_t *dfn,
		   unsigned long *maps)
{
	unsigned int i;

	while (*dfn < env.caps.max_dfn - STEP * BATCH && *maps < 2 * ROOM) {
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

	check(maps_to(dfn, FRAME_NONE), "a map without memory leaves nothing",
	      "it does");
	/* The last table has room, the next there is none for. */
	expect("map that has no memory half-way",
	       do_map(dfn - 1, env.run_gfn, 2, RW), -ENOMEM);
	check(maps_to(dfn - 1, FRAME_NONE),
	      "a map that has no memory half-way leaves nothing", "it does");
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

/* Taking over takes memory, and with too little of it does not happen. */
static bool takes_over(domid_t domain, unsigned int left, uint32_t flags)
{
	struct xen_iommu_op_query_caps caps;
	int ret;

	expect("a claim on all but a few pages",
	       domain_claim(domain, machine_free_pages() - left), 0);
	ret = do_enable(flags, NULL);
	expect_either("enable with little memory", ret, 0, -ENOMEM);
	if (!ret) {
		expect("disable with little memory", do_disable(), 0);
		return true;
	}
	do_caps(&caps);
	check(caps.mode == XEN_IOMMU_MODE_host_map, "nothing is taken over",
	      "mode is %s", hyp_strmode(caps.mode));
	expect("map when nothing is taken over",
	       do_map(env.base, env.gfn[0], 1, RW), -EPERM);
	return false;
}

/* It fails at one place after the other, and at last it does not. */
static void test_takeover(domid_t domain)
{
	static const unsigned int left[] = {
		0, 8, 30, 60, 64, 66, 68, 70, 72, 80, 100, 200, 400, 1000, 10000,
	};
	unsigned int i, good = 0, clear = 0;

	expect("disable", do_disable(), 0);
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		clear += takes_over(domain, left[i], XEN_IOMMU_ENABLE_clear);
		good += takes_over(domain, left[i], 0);
	}
	check(clear && clear < i, "enable, clear, is a matter of memory",
	      "%u of %u times", clear, i);
	check(good && good < i, "enable is a matter of memory", "%u of %u times",
	      good, i);
}

static void fill(uint64_t large)
{
	struct xen_iommu_op *ops = hyp_alloc(BATCH * sizeof(*ops));
	unsigned long maps = 0;
	uint64_t dfn = 0, at;
	int status;

	expect("map 2 MiB before", do_map(large, env.large_gfn, 512, RW), 0);
	status = exhaust(ops, large, &dfn, &maps);
	expect("sparse maps until Xen has no memory", status, -ENOMEM);
	check(maps >= AT_LEAST, "a good number of sparse maps", "%lu", maps);
	printf("# %lu sparse maps, then %s\n", maps, hyp_strerr(status));
	if (status == -ENOMEM)
		without_memory(large, dfn);

	for (at = 0; at < dfn + STEP * BATCH && at < env.caps.max_dfn; at += UNMAP_STEP)
		expect("unmap of it all",
		       do_unmap(at, UNMAP_STEP, XEN_IOMMU_UNMAP_sparse, NULL), 0);
	clean(env.base, WINDOW);
	check(!count_mapped(env.base, 4096), "nothing is left of it", "something is");
	hyp_free(ops, BATCH * sizeof(*ops));
}

void test_nomem(void)
{
	long before = machine_free_pages(), after;
	domid_t domain;

	if (before < 0 || env.large_gfn == FRAME_NONE) {
		skip("Xen without memory", "no free memory told, or no 2 MiB of ours");
		return;
	}
	if (!expect("making a domain",
		    domain_create(&domain, 2 * before, false), 0))
		return;
	if (expect("a claim on Xen's memory",
		   domain_claim(domain, before - ROOM), 0)) {
		fill(env.base + 512);
		test_takeover(domain);
	}
	expect("destroying the domain", domain_destroy(domain), 0);
	after = machine_free_pages();
	check(before - after < 64, "Xen has its memory back", "%ld pages less of %ld",
	      before - after, before);
	expect("enable", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
}
