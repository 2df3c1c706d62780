// SPDX-License-Identifier: GPL-2.0-only
/* The frames that are ours to play with. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hostile.h"
#include "lib/frames.h"

#define LARGE	512

/* env.gfn[] and the module's run, sorted. */
static unsigned long *sorted;
static unsigned int sorted_nr;

static int cmp(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

static void find_runs(void)
{
	unsigned int i, start = 0;

	env.large_gfn = FRAME_NONE;
	for (i = 1; i <= sorted_nr; i++) {
		unsigned long gfn = sorted[start];
		unsigned long aligned = (gfn + LARGE - 1) & ~(LARGE - 1UL);

		if (i < sorted_nr && sorted[i] == sorted[i - 1] + 1)
			continue;
		if (i - start > env.run_nr) {
			env.run_gfn = gfn;
			env.run_nr = i - start;
		}
		if (aligned + LARGE <= gfn + (i - start))
			env.large_gfn = aligned;
		start = i;
	}
}

int pool_init(unsigned int nr)
{
	unsigned long run = 0;
	unsigned int i, run_nr = balloon_run(&run);

	env.pool = hyp_alloc(nr * PAGE_SIZE);
	env.gfn = calloc(nr, sizeof(*env.gfn));
	sorted_nr = nr + run_nr;
	sorted = calloc(sorted_nr, sizeof(*sorted));
	if (!env.pool || !env.gfn || !sorted)
		return -ENOMEM;

	env.pool_nr = nr;
	for (i = 0; i < nr; i++) {
		env.gfn[i] = frames_gfn(env.pool + i * PAGE_SIZE);
		if (env.gfn[i] == FRAME_NONE)
			return -ENXIO;
	}
	memcpy(sorted, env.gfn, nr * sizeof(*sorted));
	for (i = 0; i < run_nr; i++)
		sorted[nr + i] = run + i;
	qsort(sorted, sorted_nr, sizeof(*sorted), cmp);
	find_runs();
	return 0;
}

bool pool_is_mine(unsigned long gfn, unsigned long nr)
{
	const unsigned long *p = bsearch(&gfn, sorted, sorted_nr,
					 sizeof(*sorted), cmp);
	unsigned long i;

	if (!p || nr > sorted_nr || p + nr > sorted + sorted_nr)
		return false;
	for (i = 1; i < nr; i++)
		if (p[i] != gfn + i)
			return false;
	return true;
}

/* Would Linux move a page of ours, all of the results would mean nothing. */
bool pool_unmoved(void)
{
	unsigned int i;

	for (i = 0; i < env.pool_nr; i++)
		if (frames_gfn(env.pool + i * PAGE_SIZE) != env.gfn[i])
			return false;
	return true;
}
