// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames above 4 GiB: nothing of a frame's number is lost on the way, in
 * whatever company it comes.
 */

#include "hostile.h"
#include "lib/frames.h"

#define FRAME_4G	0x100000UL
#define NR		64

/* As many as there are of NR frames above 4 GiB, scattered. */
static unsigned int find(unsigned long *gfn)
{
	unsigned int i, nr = 0;

	for (i = 0; i < env.pool_nr && nr < NR; i++)
		if (env.gfn[i] >= FRAME_4G)
			gfn[nr++] = env.gfn[i];
	return nr;
}

static void one_by_one(const unsigned long *gfn, unsigned int nr)
{
	static const uint16_t access[] = {
		RW, XEN_IOMMU_MAP_readable, XEN_IOMMU_MAP_writable,
	};
	uint64_t got;
	uint32_t flags;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		uint16_t want = access[i % ARRAY_SIZE(access)];
		int ret;

		expect("map above 4 GiB", do_map(env.base + i, gfn[i], 1, want), 0);
		ret = do_lookup(env.base + i, &got, NULL, &flags);
		check(!ret && got == gfn[i] && flags == want,
		      "lookup above 4 GiB", "%s: %#lx for %#lx, flags %#x for %#x",
		      hyp_strerr(ret), got, gfn[i], flags, want);
	}
	expect("unmap above 4 GiB", do_unmap(env.base, nr, 0, NULL), 0);
}

/* From the last frame but one on, the end is in another table. */
static void runs(void)
{
	unsigned long g = env.run_gfn;
	uint64_t dfn = env.base + 511;

	expect("map of a run above 4 GiB", do_map(dfn, g, env.run_nr, RW), 0);
	check(maps_to(dfn, g) && maps_to(dfn + 1, g + 1) &&
	      maps_to(dfn + env.run_nr - 1, g + env.run_nr - 1),
	      "a run above 4 GiB is where it was mapped", "no");
	expect("unmap of a run above 4 GiB", do_unmap(dfn, env.run_nr, 0, NULL), 0);
}

static void two_megabytes(void)
{
	unsigned long g = env.large_gfn;
	uint64_t dfn = env.base + 512;
	uint32_t pgsize = 0;

	expect("map of 2 MiB above 4 GiB", do_map(dfn, g, 512, RW), 0);
	do_lookup(dfn, NULL, &pgsize, NULL);
	check(pgsize == 512 * PAGE_SIZE && maps_to(dfn, g) &&
	      maps_to(dfn + 300, g + 300), "a large page above 4 GiB", "size %#x",
	      pgsize);
	expect("unmap in its middle", do_unmap(dfn + 100, 1, 0, NULL), 0);
	check(maps_to(dfn + 99, g + 99) && maps_to(dfn + 101, g + 101),
	      "the parts of a large page above 4 GiB", "no");
	clean(dfn, 512);
}

void test_high(void)
{
	unsigned long gfn[NR];
	unsigned int nr = find(gfn);

	if (nr < NR) {
		skip("frames above 4 GiB", "%u of %u are", nr, env.pool_nr);
		return;
	}
	one_by_one(gfn, nr);
	if (env.run_gfn < FRAME_4G || env.large_gfn < FRAME_4G) {
		skip("runs above 4 GiB", "the longest is at %#lx", env.run_gfn);
		return;
	}
	runs();
	two_megabytes();
}
