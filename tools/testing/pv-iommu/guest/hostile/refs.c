// SPDX-License-Identifier: GPL-2.0-only
/* Page references: held long enough, and never lost. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"
#include "lib/machine.h"

/* Page-table pages that may come and go with what was mapped where. */
#define SLACK	1024

/* Does anything, above all a mapping for devices, keep the frame dom0's? */
static bool kept(unsigned long gfn)
{
	/* Xen clears the entry when, and only when, it frees the frame. */
	return frames_m2p(gfn) != M2P_INVALID;
}

static void out_then(unsigned long gfn, const char *name)
{
	expect(name, balloon("out"), 0);
	check(kept(gfn), name, "frame %#lx was given away while mapped", gfn);
}

static void gone(unsigned long gfn, const char *name)
{
	check(!kept(gfn), name, "frame %#lx is still referenced", gfn);
	expect("getting a frame again", balloon("in"), 0);
}

static void test_held(void)
{
	unsigned long gfn = balloon_gfn();
	uint64_t dfn = env.base;

	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	out_then(gfn, "a mapped page that dom0 gives back is kept");
	check(maps_to(dfn, gfn), "it is still mapped", "it is not");
	expect("map of it elsewhere, when it is not dom0's any more",
	       do_map(dfn + 1, gfn, 1, RW), -EPERM);
	expect("strict unmap", do_unmap(dfn, 1, 0, NULL), 0);
	gone(gfn, "it goes with a strict unmap");

	gfn = balloon_gfn();
	expect("map of the page", do_map(dfn, gfn, 1, XEN_IOMMU_MAP_readable), 0);
	out_then(gfn, "a page mapped read-only is kept");
	expect("unmap no_flush", do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	if (env.caps.caps & XEN_IOMMU_CAP_deferred_flush)
		check(kept(gfn), "it is kept until the flush",
		      "frame %#lx was given away before the flush", gfn);
	expect("flush", do_flush(dfn, 1, 0), 0);
	gone(gfn, "it goes with the flush");

	gfn = balloon_gfn();
	expect("map of the page, once", do_map(dfn, gfn, 1, RW), 0);
	expect("map of the page, twice", do_map(dfn + 600, gfn, 1, RW), 0);
	expect("unmap no_flush", do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("map of the page, again", do_map(dfn, gfn, 1, RW), 0);
	out_then(gfn, "a page mapped twice is kept");
	expect("flush all", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	check(kept(gfn), "the flush drops no more than was unmapped", "it does");
	expect("unmap of one", do_unmap(dfn, 1, 0, NULL), 0);
	check(kept(gfn), "it is kept for the other mapping", "it is not");
	expect("unmap of the other", do_unmap(dfn + 600, 1, 0, NULL), 0);
	gone(gfn, "it goes with the last");

	gfn = balloon_gfn();
	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	expect("strict unmap", do_unmap(dfn, 1, 0, NULL), 0);
	expect("giving back a page that was mapped before", balloon("out"), 0);
	gone(gfn, "what was mapped before is gone at once");

	/* No flush waits any more when the other mapping goes. */
	gfn = balloon_gfn();
	expect("map of the page, once", do_map(dfn, gfn, 1, RW), 0);
	expect("map of the page, twice", do_map(dfn + 600, gfn, 1, RW), 0);
	expect("unmap no_flush", do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	out_then(gfn, "a page that is still mapped once is kept");
	expect("unmap of the other", do_unmap(dfn + 600, 1, 0, NULL), 0);
	gone(gfn, "it goes with the other");

	/* Xen cannot wait for a flush that may never come, so it flushes. */
	gfn = balloon_gfn();
	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	expect("unmap no_flush", do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("giving back a page that was not flushed", balloon("out"), 0);
	gone(gfn, "what was only to be flushed is gone at once");

	gfn = balloon_gfn();
	expect("giving back a page that is not mapped", balloon("out"), 0);
	check(!kept(gfn), "a page that is not mapped is gone at once", "it is not");
	expect("map of what is not dom0's any more", do_map(dfn, gfn, 1, RW), -EPERM);
	expect("getting a frame again", balloon("in"), 0);
}

/* Xen counts large mappings by groups of so many frames, aligned in the machine. */
#define GROUP	16

/*
 * Have the page's frame among others, and map them all: twice, as the first time Xen
 * has to look at each frame.  Returns the first, or 0.
 */
static unsigned long map_group(uint64_t dfn)
{
	unsigned long first;

	if (!expect("a group of frames of dom0's around the page", balloon("group"), 0))
		return 0;
	first = balloon_gfn() & ~(GROUP - 1UL);
	expect("map of the group", do_map(dfn, first, GROUP, RW), 0);
	expect("unmap of the group", do_unmap(dfn, GROUP, 0, NULL), 0);
	return expect("map of the group, again", do_map(dfn, first, GROUP, RW), 0) ?
	       first : 0;
}

static void test_group(void)
{
	uint64_t dfn = env.base, other = dfn + 600;
	unsigned long gfn, first = map_group(dfn);

	if (!first)
		return;
	gfn = balloon_gfn();
	expect("map of the group elsewhere", do_map(other, first, GROUP, RW), 0);
	expect("unmap of the page alone", do_unmap(dfn + (gfn - first), 1, 0, NULL), 0);
	out_then(gfn, "a page of a group is kept");
	expect("unmap of the group", do_unmap(other, GROUP, 0, NULL), 0);
	gone(gfn, "it goes with the group");
	expect("unmap of the others", do_unmap(dfn, GROUP, XEN_IOMMU_UNMAP_sparse, NULL),
	       0);

	first = map_group(dfn);
	if (!first)
		return;
	gfn = balloon_gfn();
	out_then(gfn, "a page that only a group has is kept");
	expect("map of a group with what is not dom0's",
	       do_map(other, first, GROUP, RW), -EPERM);
	expect("unmap of one half", do_unmap(dfn, GROUP / 2, 0, NULL), 0);
	expect("unmap of the other half",
	       do_unmap(dfn + GROUP / 2, GROUP / 2, 0, NULL), 0);
	gone(gfn, "it goes with its half");

	first = map_group(dfn);
	if (!first)
		return;
	gfn = balloon_gfn();
	expect("unmap of the group, no_flush",
	       do_unmap(dfn, GROUP, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("giving back a page of it", balloon("out"), 0);
	gone(gfn, "what only has to be flushed with a group is gone at once");

	/* A mapping that fails behind the group leaves the counts as they were. */
	first = map_group(dfn);
	if (!first)
		return;
	gfn = balloon_gfn();
	expect("map in the way", do_map(other + GROUP, env.gfn[0], 1, RW), 0);
	expect_either("map over it", do_map(other, first, GROUP + 1, RW),
		      -EEXIST, -EPERM);
	expect("unmap of the group", do_unmap(dfn, GROUP, 0, NULL), 0);
	expect("giving back a page of it", balloon("out"), 0);
	gone(gfn, "no count of a group is left");
	clean(dfn, 1024);
}

/* Operations that fail take no reference, or give it back. */
static void test_failed(void)
{
	unsigned long gfn = balloon_gfn();
	uint64_t dfn = env.base;

	expect("map in the way", do_map(dfn + 1, env.gfn[0], 1, RW), 0);
	expect("map over it", do_map(dfn + 1, gfn, 1, RW), -EEXIST);
	/* The next frame may not be dom0's: both ways are failures half-way. */
	expect_either("map that fails half-way", do_map(dfn, gfn, 2, RW),
		      -EEXIST, -EPERM);
	do_map(dfn + 100, gfn, 0, RW);
	do_map(dfn, gfn, 1, 0);
	do_map(env.caps.max_dfn, gfn, 2, RW);
	do_map(0xfee00, gfn, 1, RW);
	expect("giving back the page", balloon("out"), 0);
	gone(gfn, "failed maps leave no reference");
	clean(dfn, 1024);

	if (!env.owner || hyp_ctx)
		return;
	gfn = balloon_gfn();
	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	expect("map of the page", do_map(env.caps.max_dfn / 3, gfn, 1, RW), 0);
	expect("unmap no_flush", do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	out_then(gfn, "a mapped page is kept");
	expect("disable with the page mapped", do_disable(), 0);
	gone(gfn, "giving back drops all references");
	expect("enable", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
}

/* As swiotlb-xen makes a buffer contiguous: Xen takes frames for others. */
static void test_exchange(void)
{
	unsigned long gfn = balloon_gfn(), other;
	uint64_t dfn = env.base;

	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	check(balloon("exchange"), "a mapped page is not exchanged", "it is");
	check(kept(gfn) && maps_to(dfn, gfn) && balloon_gfn() == gfn,
	      "the exchange that failed changes nothing",
	      "frame %#lx is the page's for %#lx", balloon_gfn(), gfn);
	/* Its record has to be as before, too. */
	expect("map of it elsewhere", do_map(dfn + 1, gfn, 1, RW), 0);
	expect("unmap of both", do_unmap(dfn, 2, 0, NULL), 0);
	expect("exchange of what was mapped before", balloon("exchange"), 0);
	other = balloon_gfn();
	check(other != gfn && !kept(gfn), "the exchanged frame is gone",
	      "frame %#lx, then %#lx", gfn, other);
	expect("map of the frame that is gone", do_map(dfn, gfn, 1, RW), -EPERM);

	gfn = other;
	expect("map of the new frame", do_map(dfn, gfn, 1, RW), 0);
	expect("unmap no_flush", do_unmap(dfn, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("exchange of what was not flushed", balloon("exchange"), 0);
	check(!kept(gfn), "what was only to be flushed is exchanged", "it is kept");

	gfn = balloon_gfn();
	expect("map of the page", do_map(dfn, gfn, 1, RW), 0);
	expect("map of the page, twice", do_map(dfn + 600, gfn, 1, RW), 0);
	expect("unmap of one", do_unmap(dfn, 1, 0, NULL), 0);
	check(balloon("exchange"), "a page that is still mapped is not exchanged",
	      "it is");
	out_then(gfn, "it is kept after that");
	expect("unmap of the other", do_unmap(dfn + 600, 1, 0, NULL), 0);
	gone(gfn, "it goes with the last, after that");
	expect("exchange of what was never mapped", balloon("exchange"), 0);
}

void test_refs(void)
{
	if (balloon_gfn() == FRAME_NONE) {
		skip("page references", "pviommu-balloon.ko is not loaded");
		return;
	}
	test_held();
	test_group();
	test_failed();
	test_exchange();
}

/* Maps and unmaps the page in each operation pair; all that can leak would. */
static void cycle(uint64_t dfn, unsigned long gfn, unsigned int cycles)
{
	struct xen_iommu_op *ops = hyp_alloc(PAGE_SIZE);
	unsigned int i, n, bad = 0, max = PAGE_SIZE / sizeof(*ops);
	uint64_t state = env.seed;

	if (max > env.caps.max_ops)
		max = env.caps.max_ops;
	max &= ~1U;
	for (i = 0; i < cycles; i += max / 2) {
		memset(ops, 0, PAGE_SIZE);
		for (n = 0; n < max; n += 2) {
			uint64_t at = dfn + rnd(&state) % 4096;
			bool lazy = rnd(&state) % 2;

			ops[n].op = XEN_IOMMUOP_map;
			ops[n].u.map.dfn = at;
			ops[n].u.map.gfn = gfn;
			ops[n].u.map.nr_frames = 1;
			ops[n].u.map.flags = RW |
				(lazy ? XEN_IOMMU_MAP_no_flush : 0);
			ops[n + 1].op = XEN_IOMMUOP_unmap;
			ops[n + 1].u.unmap.dfn = at;
			ops[n + 1].u.unmap.nr_frames = 1;
			ops[n + 1].u.unmap.flags =
				lazy ? XEN_IOMMU_UNMAP_no_flush : 0;
		}
		if (hyp_ops(ops, max))
			bad++;
		for (n = 0; n < max; n++)
			bad += ops[n].status != 0;
	}
	expect("flush after the cycles", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	check(!bad, "map and unmap again and again", "%u statuses bad in %u cycles",
	      bad, cycles);
	hyp_free(ops, PAGE_SIZE);
}

void test_cycles(void)
{
	unsigned long gfn = balloon_gfn();
	long before, after;

	/* Whatever is kept for next time is there after the first round. */
	cycle(env.base, env.gfn[0], 4096);
	before = machine_free_pages();
	cycle(env.base, env.gfn[0], env.cycles);
	after = machine_free_pages();
	if (before < 0)
		skip("Xen's free memory after the cycles", "%s", hyp_strerr(before));
	else
		check(before - after < SLACK, "Xen's free memory after the cycles",
		      "%ld pages less", before - after);
	printf("# %u cycles of map and unmap; Xen's free pages: %ld, then %ld\n",
	       env.cycles, before, after);

	if (gfn == FRAME_NONE) {
		skip("references after the cycles", "pviommu-balloon.ko is not loaded");
		return;
	}
	cycle(env.base, gfn, env.cycles);
	expect("giving back the page", balloon("out"), 0);
	gone(gfn, "no reference is left after the cycles");
}
