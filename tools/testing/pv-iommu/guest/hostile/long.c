// SPDX-License-Identifier: GPL-2.0-only
/* Calls that take long enough to be preempted, with signals meanwhile. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "hostile.h"

static unsigned int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/*
 * One call of 64 buffers, which takes long enough to be preempted, with a
 * signal pending every millisecond.
 */
static void long_call(struct xen_iommu_op *ops, unsigned int per_buf, bool map)
{
	struct xen_iommu_op_buf *buf = hyp_alloc(PAGE_SIZE);
	unsigned int i, nr = XEN_IOMMU_OP_MAX_BUFS * per_buf, bad = 0;
	const char *name = map ? "long call of maps, with signals" :
				 "long call of unmaps, with signals";
	long ret;

	memset(ops, 0, nr * sizeof(*ops));
	for (i = 0; i < nr; i++) {
		ops[i].status = STATUS_PRESET;
		ops[i].op = map ? XEN_IOMMUOP_map : XEN_IOMMUOP_unmap;
		ops[i].u.map.dfn = env.base + 3 * i;
		if (map) {
			ops[i].u.map.gfn = env.gfn[i % env.pool_nr];
			ops[i].u.map.nr_frames = 1;
			ops[i].u.map.flags = RW;
		} else {
			ops[i].u.unmap.nr_frames = 1;
		}
	}
	for (i = 0; i < XEN_IOMMU_OP_MAX_BUFS; i++) {
		buf[i].h.p = ops + i * per_buf;
		buf[i].size = per_buf * sizeof(*ops);
	}
	ret = hyp_iommu_op(XEN_IOMMU_OP_MAX_BUFS, buf);
	expect(name, ret, 0);
	for (i = 0; i < nr; i++)
		bad += ops[i].status != 0;
	check(!bad, name, "%u of %u statuses", bad, nr);
	hyp_free(buf, PAGE_SIZE);
}

static void long_range(void)
{
	uint64_t unmapped = 0;

	if (env.run_nr < 1024) {
		skip("map of a long range with signals", "longest run: %u frames",
		     env.run_nr);
		return;
	}
	expect("map of a long range with signals",
	       do_map(env.base + 1, env.run_gfn, env.run_nr, RW), 0);
	check(maps_to(env.base + 1, env.run_gfn) &&
	      maps_to(env.base + env.run_nr, env.run_gfn + env.run_nr - 1) &&
	      count_mapped(env.base, env.run_nr + 2) == env.run_nr,
	      "the long range is mapped", "not all of it");
	/* The last frame is in the way: long enough to be rolled back in parts. */
	expect("a long range that fails at its end",
	       do_map(env.base + 2 - env.run_nr, env.run_gfn, env.run_nr, RW), -EEXIST);
	check(!count_mapped(env.base + 2 - env.run_nr, env.run_nr - 1),
	      "a long range that fails leaves nothing", "it does");
	expect("unmap of a long range with signals",
	       do_unmap(env.base, WINDOW, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	check(unmapped == env.run_nr, "the long range is unmapped", "%lu of %u",
	      unmapped, env.run_nr);
}

void test_long(void)
{
	struct itimerval every = { .it_interval.tv_usec = 1000,
				   .it_value.tv_usec = 1000 };
	struct sigaction act = { .sa_handler = on_alarm };
	unsigned int per_buf = env.caps.max_ops < 256 ? env.caps.max_ops : 256;
	size_t bytes = XEN_IOMMU_OP_MAX_BUFS * per_buf * sizeof(struct xen_iommu_op);
	struct xen_iommu_op *ops = hyp_alloc(bytes);
	unsigned int i;

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (i = 0; i < 3; i++) {
		long_call(ops, per_buf, true);
		long_call(ops, per_buf, false);
		long_range();
	}
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_REAL, &every, NULL);
	printf("# %u signals\n", alarms);
	expect_empty("long calls", env.base, WINDOW);
	hyp_free(ops, bytes);
}
