// SPDX-License-Identifier: GPL-2.0-only
/*
 * What map, unmap, flush and lookup do when all is well, and what they leave
 * behind when it is not.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

static void test_one(void)
{
	static const uint16_t access[] = {
		RW, XEN_IOMMU_MAP_readable, XEN_IOMMU_MAP_writable,
	};
	uint64_t dfn = env.base, gfn, unmapped;
	uint32_t pgsize, flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(access); i++) {
		expect("map one", do_map(dfn, env.gfn[i], 1, access[i]), 0);
		expect("lookup one", do_lookup(dfn, &gfn, &pgsize, &flags), 0);
		check(gfn == env.gfn[i] && pgsize == PAGE_SIZE && flags == access[i],
		      "lookup tells what was mapped",
		      "gfn %#lx for %#lx, size %#x, flags %#x for %#x", gfn,
		      env.gfn[i], pgsize, flags, access[i]);
		check(maps_to(dfn - 1, FRAME_NONE) && maps_to(dfn + 1, FRAME_NONE),
		      "the neighbours are not mapped", "they are");
		expect("unmap one", do_unmap(dfn, 1, 0, &unmapped), 0);
		check(unmapped == 1, "unmap counts", "%lu", unmapped);
		expect("lookup of nothing", do_lookup(dfn, NULL, NULL, NULL), -ENOENT);
	}
	expect("unmap of nothing", do_unmap(dfn, 1, 0, &unmapped), -ENOENT);
	check(!unmapped, "unmap of nothing counts nothing", "%lu", unmapped);
	expect("sparse unmap of nothing",
	       do_unmap(dfn, 1, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	check(!unmapped, "sparse unmap of nothing counts nothing", "%lu", unmapped);
}

/* Two runs overlap in every way that is possible. */
static void test_exist(void)
{
	static const struct {
		const char *name;
		int at;
		unsigned int nr;
	} tries[] = {
		{ "the same", 0, 4 }, { "its begin", -2, 3 }, { "its end", 3, 4 },
		{ "all around it", -4, 12 }, { "inside", 1, 1 },
		{ "its last frame", 3, 1 },
	};
	uint64_t dfn = env.base + 508;	/* across the end of a leaf table */
	unsigned int i, j;
	char name[64];

	if (env.run_nr < 16) {
		skip("-EEXIST", "no run of 16 frames among %u", env.pool_nr);
		return;
	}
	for (j = 0; j < 2; j++, dfn += 2) {
		expect("map four", do_map(dfn, env.run_gfn, 4,
					  XEN_IOMMU_MAP_readable), 0);
		for (i = 0; i < ARRAY_SIZE(tries); i++) {
			snprintf(name, sizeof(name), "map over %s", tries[i].name);
			expect(name, do_map(dfn + tries[i].at, env.run_gfn + 4,
					    tries[i].nr, RW), -EEXIST);
			check(count_mapped(dfn - 8, 24) == 4 &&
			      maps_to(dfn, env.run_gfn) &&
			      maps_to(dfn + 3, env.run_gfn + 3),
			      "the first mapping is as it was", "it is not, after %s",
			      name);
		}
		expect("unmap four", do_unmap(dfn, 4, 0, NULL), 0);
		expect_empty("-EEXIST", dfn - 8, 32);
	}
	/* In one hypercall: the statuses come in order. */
	{
		struct xen_iommu_op ops[4] = {};

		for (i = 0; i < 4; i++) {
			ops[i].op = XEN_IOMMUOP_map;
			ops[i].u.map.dfn = dfn;
			ops[i].u.map.gfn = env.gfn[i];
			ops[i].u.map.nr_frames = 1;
			ops[i].u.map.flags = RW;
		}
		ops[2].op = XEN_IOMMUOP_unmap;
		ops[2].u.unmap.nr_frames = 1;
		ops[2].u.unmap.flags = 0;
		ops[2].u.unmap.pad = 0;
		expect("map, map, unmap, map in one call", hyp_ops(ops, 4), 0);
		check(!ops[0].status && ops[1].status == -EEXIST &&
		      !ops[2].status && !ops[3].status,
		      "an operation that fails does not stop those after it",
		      "%d %d %d %d", ops[0].status, ops[1].status,
		      ops[2].status, ops[3].status);
		check(maps_to(dfn, env.gfn[3]), "the last one holds", "no");
		clean(dfn, 1);
	}
}

static const unsigned int lengths[] = { 2, 16, 513, 1500 };

/* A run of which only the last frame is refused leaves nothing. */
static void test_half_way(void)
{
	unsigned int i;
	uint64_t dfn;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		unsigned int nr = lengths[i];

		if (nr > env.run_nr) {
			skip("map that fails half-way", "no run of %u frames", nr);
			continue;
		}
		dfn = env.base + 100;
		expect("map in the way", do_map(dfn + nr - 1, env.gfn[0], 1, RW), 0);
		expect("map that fails at its last frame",
		       do_map(dfn, env.run_gfn, nr, RW), -EEXIST);
		check(count_mapped(dfn, nr) == 1 && maps_to(dfn + nr - 1, env.gfn[0]),
		      "a map that fails half-way leaves nothing",
		      "%lu of %u mapped", count_mapped(dfn, nr), nr);
		clean(dfn, nr);
	}
}

/* Own frames, and then the one behind the module's run. */
static void test_beyond(void)
{
	const char *name = "map that runs into somebody else's frame";
	unsigned long end = 0;
	unsigned int i, run_nr = balloon_run(&end);
	uint64_t dfn = env.base + 100, most = env.caps.max_dfn - dfn;

	end += run_nr;
	if (!run_nr || frames_m2p(end) != M2P_INVALID) {
		skip(name, "pviommu-balloon.ko is not newly loaded");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(lengths) && lengths[i] <= run_nr; i++) {
		expect(name, do_map(dfn, end + 1 - lengths[i], lengths[i], RW),
		       -EPERM);
		expect_empty(name, dfn, lengths[i]);
	}
	/* Elsewhere there may be nothing but MMIO up to the last number. */
	expect("map of more than there is",
	       do_map(dfn, end - 1, most < ~0U ? most : ~0U, RW), -EPERM);
	expect_empty("map of more than there is", dfn, 2);
}

static void test_holes(void)
{
	uint64_t dfn = env.base + 510, unmapped;

	expect("map the first", do_map(dfn, env.gfn[0], 1, RW), 0);
	expect("map the third", do_map(dfn + 2, env.gfn[1], 1, RW), 0);
	expect("map far away", do_map(dfn + 5000, env.gfn[2], 1, RW), 0);
	expect("unmap across a hole", do_unmap(dfn, 3, 0, &unmapped), -ENOENT);
	check(unmapped == 2, "unmap across a hole counts", "%lu", unmapped);
	check(!count_mapped(dfn, 3), "unmap does not stop at a hole", "it does");
	expect("map the first again", do_map(dfn, env.gfn[0], 1, RW), 0);
	expect("sparse unmap of it all",
	       do_unmap(env.base, WINDOW, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	check(unmapped == 2, "sparse unmap counts", "%lu", unmapped);
	check(!count_mapped(env.base, 8192), "sparse unmap leaves nothing", "it does");

	/* No more than was asked for. */
	expect("map three", do_map(dfn, env.run_gfn, 3, RW), 0);
	expect("unmap the middle", do_unmap(dfn + 1, 1, 0, NULL), 0);
	check(maps_to(dfn, env.run_gfn) && maps_to(dfn + 1, FRAME_NONE) &&
	      maps_to(dfn + 2, env.run_gfn + 2), "the ends stay", "no");
	clean(dfn, 3);
}

static void test_no_flush(void)
{
	uint64_t dfn = env.base;

	expect("map no_flush",
	       do_map(dfn, env.gfn[0], 1, RW | XEN_IOMMU_MAP_no_flush), 0);
	expect("unmap no_flush",
	       do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	check(maps_to(dfn, FRAME_NONE), "it is unmapped before the flush", "no");
	expect("map again before the flush", do_map(dfn, env.gfn[1], 1, RW), 0);
	expect("flush of it", do_flush(dfn, 1, 0), 0);
	check(maps_to(dfn, env.gfn[1]), "a flush does not unmap", "it does");
	expect("unmap no_flush",
	       do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("unmap of what waits for its flush",
	       do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), -ENOENT);
	expect("flush all", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	/* One frame at many places, and never more than that. */
	{
		unsigned int i, bad = 0;

		for (i = 0; i < 2000; i++)
			bad += do_map(dfn + i, env.gfn[0], 1, RW) != 0;
		check(!bad, "one frame at 2000 dfns", "%u failed", bad);
		expect("unmap of all these", do_unmap(dfn, 2000, 0, NULL), 0);
	}
}

void test_map(void)
{
	test_one();
	test_exist();
	test_half_way();
	test_beyond();
	test_holes();
	test_no_flush();
}

/* Pages of 2 MiB: made, split, and kept apart from small ones. */
void test_large(void)
{
	uint64_t dfn = env.base + 512, unmapped;
	uint32_t pgsize = 0, flags;
	unsigned long g = env.large_gfn;
	unsigned int i;

	if (g == FRAME_NONE) {
		skip("large pages", "no aligned 2 MiB among %u frames", env.pool_nr);
		return;
	}
	expect("map 2 MiB", do_map(dfn, g, 512, RW), 0);
	expect("lookup in 2 MiB", do_lookup(dfn + 300, NULL, &pgsize, &flags), 0);
	if (env.caps.caps & XEN_IOMMU_CAP_large_pages)
		check(pgsize == PAGE_SIZE * 512, "a large page is used", "%#x", pgsize);
	check(maps_to(dfn + 511, g + 511), "the end of a large page", "no");
	expect("map into a large page", do_map(dfn + 100, env.gfn[0], 1, RW), -EEXIST);
	expect("map over a large page", do_map(dfn - 1, env.run_gfn, 2, RW), -EEXIST);
	expect("large map over a large page", do_map(dfn, g, 512, RW), -EEXIST);

	expect("unmap inside a large page", do_unmap(dfn + 7, 3, 0, &unmapped), 0);
	check(unmapped == 3, "unmap inside a large page counts", "%lu", unmapped);
	check(count_mapped(dfn, 512) == 509 && maps_to(dfn + 6, g + 6) &&
	      maps_to(dfn + 10, g + 10), "the rest of the large page stays",
	      "%lu mapped", count_mapped(dfn, 512));
	expect("large map over small ones", do_map(dfn, g, 512, RW), -EEXIST);
	expect("unmap of the rest",
	       do_unmap(dfn, 512, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	check(unmapped == 509, "unmap of the rest counts", "%lu", unmapped);

	/* The same again over the emptied table, and from its edges. */
	for (i = 0; i < 20; i++) {
		unsigned int lo = i * 13 % 512, hi = 512 - (i * 29 % (512 - lo));

		expect("map 2 MiB again", do_map(dfn, g, 512, XEN_IOMMU_MAP_readable),
		       0);
		expect("unmap of a part", do_unmap(dfn + lo, hi - lo, 0, &unmapped), 0);
		check(count_mapped(dfn, 512) == 512 - (hi - lo),
		      "that part and no more", "[%u, %u)", lo, hi);
		clean(dfn, 512);
	}
	expect("map off by one dfn", do_map(dfn + 1, g, 512, RW), 0);
	do_lookup(dfn + 1, NULL, &pgsize, &flags);
	check(pgsize == PAGE_SIZE, "no large page where it does not fit", "%#x", pgsize);
	expect("unmap of it", do_unmap(dfn + 1, 512, 0, NULL), 0);
	expect_empty("large pages", env.base, 4096);
}
