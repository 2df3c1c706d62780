// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations in registers: done as in a buffer, or not at all.
 */

#include <errno.h>
#include <stdio.h>

#include "hostile.h"
#include "lib/frames.h"

#define FORM		(XEN_IOMMU_REGS | hyp_ctx)
#define MAX		XEN_IOMMU_REGS_MAX_FRAMES
#define FRAME_TOO_HIGH	((1UL << XEN_IOMMU_REGS_SHIFT) - 1)
#define NO_FLUSH	XEN_IOMMU_REGS_no_flush

static uint64_t reg(uint64_t number, uint64_t above)
{
	return number | above << XEN_IOMMU_REGS_SHIFT;
}

static long call(uint64_t map, uint64_t gfn, uint64_t unmap)
{
	return hyp_call(__HYPERVISOR_iommu_op, FORM, map, gfn, unmap, 0);
}

static long map(uint64_t dfn, uint64_t gfn, unsigned int nr)
{
	return call(reg(dfn, nr), reg(gfn, RW), 0);
}

static long unmap(uint64_t dfn, unsigned int nr)
{
	return call(0, 0, reg(dfn, nr));
}

long do_regs(const struct xen_iommu_op *out, const struct xen_iommu_op *in)
{
	return call(in ? reg(in->u.map.dfn, in->u.map.nr_frames) : 0,
		    in ? reg(in->u.map.gfn, in->u.map.flags) : 0,
		    out ? reg(out->u.unmap.dfn, out->u.unmap.nr_frames) |
			  (out->u.unmap.flags ? NO_FLUSH : 0) : 0);
}

/* Something refused it; what is mapped from env.base on is what was: @nr frames. */
static void refused(const char *name, long got, unsigned int nr)
{
	unsigned long now;

	expect(name, got, -EAGAIN);
	now = count_mapped(env.base, 1024);
	check(now == nr, name, "%lu frames are mapped and not %u", now, nr);
}

static void test_good(void)
{
	unsigned int most = env.run_nr < MAX ? env.run_nr : MAX, i, wrong = 0;
	uint64_t dfn = env.base, flush = NO_FLUSH;

	expect("map of one", map(dfn, env.gfn[0], 1), 0);
	check(maps_to(dfn, env.gfn[0]) && count_mapped(env.base, 1024) == 1,
	      "it is there, alone", "no");
	expect("map of one, and unmap of the one before",
	       call(reg(dfn + 1, 1), reg(env.gfn[1], XEN_IOMMU_MAP_readable),
		    reg(dfn, 1) | flush), 0);
	check(maps_to(dfn + 1, env.gfn[1]) && maps_to(dfn, FRAME_NONE),
	      "one took the place of the other", "no");
	expect("the same frame elsewhere, and not where it was",
	       call(reg(dfn + 700, 1), reg(env.gfn[1], RW), reg(dfn + 1, 1)), 0);
	check(maps_to(dfn + 700, env.gfn[1]) && maps_to(dfn + 1, FRAME_NONE),
	      "it moved", "no");
	expect("unmap of it", unmap(dfn + 700, 1), 0);
	expect_empty("one frame", dfn, 1024);

	expect("map of a run", map(dfn, env.run_gfn, most), 0);
	for (i = 0; i < most; i++)
		wrong += !maps_to(dfn + i, env.run_gfn + i);
	check(!wrong, "map of a run", "%u are wrong", wrong);
	expect("lazy unmap of its middle",
	       call(0, 0, reg(dfn + 1, most - 2) | flush), 0);
	check(count_mapped(dfn, 1024) == 2, "its ends are there", "no");
	expect("flush", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	clean(dfn, 1024);
}

/* Of what cannot be done not even a part is. */
static void test_refused(void)
{
	uint64_t dfn = env.base;

	expect("two frames to begin with", map(dfn, env.run_gfn, 2), 0);
	refused("map where something is", map(dfn + 1, env.run_gfn, 1), 2);
	refused("map of two, one of them in the way", map(dfn + 1, env.run_gfn, 2), 2);
	refused("unmap of nothing", unmap(dfn + 2, 1), 2);
	refused("unmap of two and a hole", unmap(dfn, 3), 2);
	refused("unmap across tables", unmap(dfn + 511, 2), 2);
	refused("map across tables", map(dfn + 511, env.run_gfn, 2), 2);
	refused("map of a frame that is nowhere", map(dfn + 9, FRAME_TOO_HIGH, 1), 2);
	refused("the same, with an unmap",
		call(reg(dfn + 9, 1), reg(FRAME_TOO_HIGH, RW), reg(dfn, 1)), 2);
	refused("a run that ends beyond all frames",
		map(dfn + 9, FRAME_TOO_HIGH, MAX), 2);
	refused("map with an unmap of nothing",
		call(reg(dfn + 9, 1), reg(env.run_gfn, RW), reg(dfn + 20, 1)), 2);
	refused("map where something is unmapped",
		call(reg(dfn, 1), reg(env.run_gfn, RW), reg(dfn, 1)), 2);
	refused("map beyond max_dfn", map(env.caps.max_dfn + 1, env.run_gfn, 1), 2);
	refused("map that ends there", map(env.caps.max_dfn, env.run_gfn, 2), 2);
	refused("unmap beyond max_dfn", unmap(env.caps.max_dfn + 1, 1), 2);
	refused("map in a reserved range", map(0xfee00, env.run_gfn, 1), 2);
	refused("unmap in a reserved range", unmap(0xfee00, 1), 2);
	check(count_mapped(0xfee00, 1) == 0, "nothing is there", "something is");
	expect("unmap of the two", unmap(dfn, 2), 0);
	expect_empty("refused", dfn, 1024);
}

/* RAM and MMIO in one run: the part that could be mapped is not, either. */
static void test_edges(void)
{
	uint64_t dfn = env.base;

	expect("map of MMIO to read",
	       call(reg(dfn, 1), reg(0xfec00, XEN_IOMMU_MAP_readable), 0), 0);
	refused("map of MMIO that may not be written", map(dfn + 1, 0xfec00, 1), 1);
	expect("map of RAM behind it", map(dfn + 8, env.run_gfn, 1), 0);
	refused("unmap of MMIO, a hole and RAM", unmap(dfn, 9), 2);
	expect("unmap of RAM", unmap(dfn + 8, 1), 0);
	expect("unmap of MMIO", unmap(dfn, 1), 0);
	expect_empty("edges", dfn, 1024);

	if (env.large_gfn == FRAME_NONE)
		return;
	expect("a large page", do_map(dfn, env.large_gfn, 512, RW), 0);
	refused("unmap of a part of it", unmap(dfn + 5, 1), 512);
	expect("all of it, in a buffer", do_unmap(dfn, 512, 0, NULL), 0);
	/* An empty table may be left, or none. */
	expect("a frame in its place", map(dfn + 5, env.run_gfn, 1), 0);
	clean(dfn, 1024);
}

static void test_arguments(void)
{
	static const struct {
		const char *name;
		uint64_t map, gfn, unmap;
	} bad[] = {
		{ "more than may be mapped", MAX + 1, 3, 0 },
		{ "as many as there are bits", 0xfff, 3, 0 },
		{ "more than may be unmapped", 0, 0, MAX + 1 },
		{ "as many as there are bits to unmap", 0, 0, 0x7ff },
		{ "map without access", 1, 0, 0 },
		{ "access without a map", 0, 1, 0 },
		{ "map of a grant", 1, 3 | XEN_IOMMU_MAP_gref, 0 },
		{ "map of a list", 1, 3 | XEN_IOMMU_MAP_list, 0 },
		{ "map with a flag for later", 1, 3 | 0x800, 0 },
		{ "no flush of nothing", 0, 0, 0x800 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect(bad[i].name, call(reg(bad[i].map ? env.base : 0, bad[i].map),
					 reg(bad[i].gfn ? env.run_gfn : 0, bad[i].gfn),
					 reg(bad[i].unmap ? env.base : 0, bad[i].unmap)),
		       -EINVAL);
	expect("a dfn to map none at", call(env.base, 0, 0), -EINVAL);
	expect("a frame of none", call(0, env.run_gfn, 0), -EINVAL);
	expect("a dfn to unmap none at", call(0, 0, env.base), -EINVAL);
	expect("a context that is none",
	       hyp_call(__HYPERVISOR_iommu_op, XEN_IOMMU_REGS | 0xffff,
			reg(env.base, 1), reg(env.run_gfn, RW), 0, 0), -EAGAIN);
	expect_empty("bad arguments", env.base, 1024);
	expect("nothing at all", call(0, 0, 0), 0);
}

/* The reference is the frame's, whichever form has mapped and unmapped it. */
static void test_held(void)
{
	unsigned long gfn = balloon_gfn();
	uint64_t dfn = env.base;

	if (gfn == FRAME_NONE) {
		skip("references of operations in registers", "no balloon module");
		return;
	}
	expect("map of the page", map(dfn, gfn, 1), 0);
	expect("giving it back", balloon("out"), 0);
	check(frames_m2p(gfn) != M2P_INVALID, "it is kept while mapped", "it is gone");
	refused("mapping it elsewhere", map(dfn + 1, gfn, 1), 1);
	expect("lazy unmap", call(0, 0, reg(dfn, 1) | NO_FLUSH), 0);
	if (env.caps.caps & XEN_IOMMU_CAP_deferred_flush)
		check(frames_m2p(gfn) != M2P_INVALID, "it is kept until the flush",
		      "it is gone");
	expect("flush", do_flush(0, 0, XEN_IOMMU_FLUSH_all), 0);
	check(frames_m2p(gfn) == M2P_INVALID, "it goes with the flush", "it is kept");
	expect("getting a frame again", balloon("in"), 0);

	gfn = balloon_gfn();
	expect("map of the page", map(dfn, gfn, 1), 0);
	expect("giving it back", balloon("out"), 0);
	expect("strict unmap", unmap(dfn, 1), 0);
	check(frames_m2p(gfn) == M2P_INVALID, "it goes at once", "it is kept");
	expect("getting a frame again", balloon("in"), 0);
}

void test_registers(void)
{
	if (!(env.caps.caps & XEN_IOMMU_CAP_registers)) {
		expect("registers without the capability",
		       map(env.base, env.run_gfn, 1), -E2BIG);
		expect_empty("registers without the capability", env.base, 1);
		return;
	}

	clean(env.base, 1024);
	test_good();
	test_refused();
	test_edges();
	test_arguments();
	test_held();
}
