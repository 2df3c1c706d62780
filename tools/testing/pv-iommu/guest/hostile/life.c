// SPDX-License-Identifier: GPL-2.0-only
/* Taking over and giving back. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "lib/frames.h"

/* What all operations say while the address space is not the domain's. */
void test_not_owned(const char *when)
{
	struct xen_iommu_op_query_caps caps;
	uint64_t dfn = env.base;
	char name[64];

	snprintf(name, sizeof(name), "map %s", when);
	expect(name, do_map(dfn, env.gfn[0], 1, RW), -EPERM);
	snprintf(name, sizeof(name), "unmap %s", when);
	expect(name, do_unmap(dfn, 1, 0, NULL), -EPERM);
	expect(name, do_unmap(dfn, 1, XEN_IOMMU_UNMAP_sparse, NULL), -EPERM);
	snprintf(name, sizeof(name), "flush %s", when);
	expect(name, do_flush(dfn, 1, 0), -EPERM);
	expect(name, do_flush(0, 0, XEN_IOMMU_FLUSH_all), -EPERM);
	snprintf(name, sizeof(name), "lookup %s", when);
	expect(name, do_lookup(dfn, NULL, NULL, NULL), -EPERM);
	snprintf(name, sizeof(name), "disable %s", when);
	expect(name, do_disable(), -EPERM);
	snprintf(name, sizeof(name), "query_caps %s", when);
	expect(name, do_caps(&caps), 0);
	check(caps.mode == XEN_IOMMU_MODE_host_map, name, "mode is %s",
	      hyp_strmode(caps.mode));
}

void test_life(void)
{
	struct xen_iommu_op_query_caps caps;
	struct xen_iommu_op ops[6] = {};
	uint32_t result = 0;
	unsigned int i;

	expect("enable twice", do_enable(0, NULL), -EALREADY);
	expect("enable twice, clear", do_enable(XEN_IOMMU_ENABLE_clear, NULL),
	       -EALREADY);

	/* Mapped, unmapped and unflushed when it is given back. */
	expect("map before disable", do_map(env.base, env.gfn[0], 1, RW), 0);
	expect("map before disable", do_map(env.base + 1, env.gfn[1], 1, RW), 0);
	expect("unmap no_flush before disable",
	       do_unmap(env.base + 1, 1, XEN_IOMMU_UNMAP_no_flush, NULL), 0);
	expect("disable", do_disable(), 0);
	expect("disable twice", do_disable(), -EPERM);
	test_not_owned("after disable");
	expect("enable after disable", do_enable(XEN_IOMMU_ENABLE_clear, &result), 0);
	if (env.caps.caps & XEN_IOMMU_CAP_clear)
		check(result & XEN_IOMMU_ENABLED_cleared, "it says that it is clear",
		      "result %#x", result);
	check(!count_mapped(env.base, 4096), "nothing comes back after enable",
	      "something does");
	expect("query_caps when owned", do_caps(&caps), 0);
	check(caps.mode == XEN_IOMMU_MODE_owned, "query_caps when owned", "mode is %s",
	      hyp_strmode(caps.mode));

	for (i = 0; i < 20; i++) {
		expect("map and disable", do_map(env.base + i * 1000, env.run_gfn,
						 env.run_nr < 600 ? env.run_nr : 600,
						 RW), 0);
		expect("disable again", do_disable(), 0);
		expect("enable again", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
	}

	/* All of it in one call, with operations before and after. */
	ops[0].op = XEN_IOMMUOP_map;
	ops[0].u.map.dfn = env.base;
	ops[0].u.map.gfn = env.gfn[0];
	ops[0].u.map.nr_frames = 1;
	ops[0].u.map.flags = RW;
	ops[1].op = XEN_IOMMUOP_disable_modification;
	ops[2] = ops[0];
	ops[3].op = XEN_IOMMUOP_enable_modification;
	ops[3].u.enable_modification.flags = XEN_IOMMU_ENABLE_clear;
	ops[4] = ops[0];
	ops[5] = ops[3];
	expect("map, disable, map, enable, map, enable in one call",
	       hyp_ops(ops, 6), 0);
	check(!ops[0].status && !ops[1].status && ops[2].status == -EPERM &&
	      !ops[3].status && !ops[4].status && ops[5].status == -EALREADY,
	      "their statuses", "%d %d %d %d %d %d", ops[0].status, ops[1].status,
	      ops[2].status, ops[3].status, ops[4].status, ops[5].status);
	check(maps_to(env.base, env.gfn[0]), "what was mapped last is there", "no");
	clean(env.base, WINDOW);
}

/* Without clear the host map is there, and holds no references. */
void test_host_map(void)
{
	uint32_t result = ~0U;
	unsigned long type, mapped = 0;
	uint64_t unmapped, gfn;
	unsigned int i;

	expect("disable before the host map", do_disable(), 0);
	expect("enable without clear", do_enable(0, &result), 0);
	check(!(result & XEN_IOMMU_ENABLED_cleared), "it says that it is not clear",
	      "result %#x", result);
	for (i = 0; i < env.pool_nr; i++)
		mapped += !do_lookup(env.gfn[i], &gfn, NULL, NULL) && gfn == env.gfn[i];
	check(mapped == env.pool_nr, "the host map has our frames", "%lu of %u", mapped,
	      env.pool_nr);

	expect("map over the host map", do_map(env.gfn[0], env.gfn[1], 1, RW), -EEXIST);
	expect("unmap of the host map", do_unmap(env.gfn[0], 1, 0, &unmapped), 0);
	check(unmapped == 1 && maps_to(env.gfn[0], FRAME_NONE),
	      "one frame of it is gone", "%lu", unmapped);
	/* It was part of something larger, of which all else stays. */
	for (i = 1, mapped = 0; i < env.pool_nr; i++)
		mapped += maps_to(env.gfn[i], env.gfn[i]);
	check(mapped == env.pool_nr - 1 && maps_to(env.gfn[0] - 1, env.gfn[0] - 1),
	      "the rest of it stays", "%lu of %u", mapped, env.pool_nr - 1);
	expect("map instead of the host map", do_map(env.gfn[0], env.gfn[1], 1, RW), 0);
	expect("unmap of that", do_unmap(env.gfn[0], 1, 0, NULL), 0);

	/* A reference dropped that was never taken would free the page. */
	expect("unmap of all of the host map",
	       do_unmap(0, env.caps.max_dfn + 1, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	printf("# the host map had %lu frames\n", unmapped);
	for (i = 0; i < env.pool_nr; i++) {
		type = env.gfn[i];
		if (frames_types(&type, 1) || type == FRAME_XTAB)
			break;
	}
	check(i == env.pool_nr, "frames outlive the unmapping of the host map",
	      "frame %u of %u is no more", i, env.pool_nr);
	expect("unmap of nothing at all",
	       do_unmap(0, env.caps.max_dfn + 1, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	check(!unmapped, "nothing is left of the host map", "%lu", unmapped);

	expect("disable after the host map", do_disable(), 0);
	expect("enable with clear", do_enable(XEN_IOMMU_ENABLE_clear, NULL), 0);
	for (i = 0, mapped = 0; i < env.pool_nr; i++)
		mapped += !maps_to(env.gfn[i], FRAME_NONE);
	if (env.caps.caps & XEN_IOMMU_CAP_clear)
		check(!mapped, "the host map is gone after enable with clear",
		      "%lu of %u", mapped, env.pool_nr);
	else
		expect("unmap of the host map",
		       do_unmap(0, env.caps.max_dfn + 1, XEN_IOMMU_UNMAP_sparse, NULL), 0);
}
