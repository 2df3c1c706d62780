// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory in chunks of which none is the next one's neighbour, so that what is
 * made of them has as many runs as chunks.
 */

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include <xen/page.h>
#include <xen/xen.h>

#include "bench.h"

/* Does b begin where a ends: for Linux, or for the device? */
static bool follows(struct page *a, struct page *b, unsigned int order)
{
	struct page *last = a + (1UL << order) - 1;

	return page_to_pfn(b) == page_to_pfn(last) + 1 ||
	       (xen_pv_domain() &&
		xen_page_to_gfn(b) == xen_page_to_gfn(last) + 1);
}

/* As a ring, because a table can begin again at the first. */
static bool part_neighbours(struct bench_pool *pool)
{
	unsigned int i, before = pool->nr - 1;
	bool found = false;

	for (i = 0; i < pool->nr; before = i++) {
		if (!follows(pool->page[before], pool->page[i], pool->order))
			continue;
		swap(pool->page[before], pool->page[i]);
		found = true;
	}
	return found;
}

static void shuffle(struct bench_pool *pool, u64 seed)
{
	struct rnd_state state;
	unsigned int i, other, tries;

	prandom_seed_state(&state, seed);
	for (i = pool->nr; i > 1; i--) {
		/* Not within swap(), which would ask for two numbers. */
		other = prandom_u32_state(&state) % i;
		swap(pool->page[i - 1], pool->page[other]);
	}

	/*
	 * Once is enough for the PFNs of more than two.  It can make neighbours
	 * in machine memory, though.
	 */
	for (tries = 0; tries < 4 && part_neighbours(pool); tries++)
		;
}

/* nr and order are the caller's; bench_pool_free() after a failure, too. */
int bench_pool_alloc(struct bench_pool *pool, u64 seed)
{
	unsigned int i;

	pool->page = kvcalloc(pool->nr, sizeof(*pool->page), GFP_KERNEL);
	if (!pool->page)
		return -ENOMEM;
	for (i = 0; i < pool->nr; i++) {
		pool->page[i] = alloc_pages(GFP_KERNEL | __GFP_ZERO |
					    __GFP_NOWARN, pool->order);
		if (!pool->page[i])
			return -ENOMEM;
	}
	shuffle(pool, seed);
	return 0;
}

void bench_pool_free(struct bench_pool *pool)
{
	unsigned int i;

	for (i = 0; pool->page && i < pool->nr; i++)
		if (pool->page[i])
			__free_pages(pool->page[i], pool->order);
	kvfree(pool->page);
}

/* A table of so many chunks; more than there are begin again at the first. */
int bench_pool_table(const struct bench_pool *pool, struct sg_table *sgt,
		     unsigned int nents)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(sgt, nents, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, pool->page[i % pool->nr],
			    PAGE_SIZE << pool->order, 0);
	return 0;
}
