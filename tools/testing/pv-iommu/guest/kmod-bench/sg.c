// SPDX-License-Identifier: GPL-2.0-only
/* Scatterlists of single pages. */

#include <linux/errno.h>
#include <linux/slab.h>

#include "bench.h"

#define MAX_PAGES	4096

struct bench_lists {
	struct bench_pool pool;
	unsigned int nr;
	struct sg_table table[];	/* of the same pages; depth of them */
};

static int bench_sg_prepare(struct bench *b)
{
	unsigned int i;
	struct bench_lists *l;
	int ret;

	if (!b->pages || b->pages > MAX_PAGES)
		return -EINVAL;
	b->depth = bench_depth(b, b->pages * PAGE_SIZE);
	l = kvzalloc(struct_size(l, table, b->depth), GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	b->priv = l;
	l->nr = b->depth;
	l->pool.nr = b->pages;
	ret = bench_pool_alloc(&l->pool, b->seed);
	for (i = 0; !ret && i < l->nr; i++)
		ret = bench_pool_table(&l->pool, &l->table[i], b->pages);
	return ret;
}

static void bench_sg_release(struct bench *b)
{
	struct bench_lists *l = b->priv;
	unsigned int i;

	if (!l)
		return;
	for (i = 0; i < l->nr; i++)
		sg_free_table(&l->table[i]);
	bench_pool_free(&l->pool);
	kvfree(l);
}

static int bench_sg_pairs(struct bench *b)
{
	struct bench_lists *l = b->priv;
	struct scatterlist *sgl = l->table[0].sgl;
	u64 i;

	for (i = 0; i < b->batch; i++) {
		if (!dma_map_sg(b->dev, sgl, b->pages, b->dir))
			return -EIO;
		if (b->dma == DMA_MAPPING_ERROR)
			b->dma = sg_dma_address(sgl);
		dma_unmap_sg(b->dev, sgl, b->pages, b->dir);
	}
	return 0;
}

static void bench_sg_unmap_some(struct bench *b, unsigned int nr)
{
	struct bench_lists *l = b->priv;
	unsigned int i;

	for (i = 0; i < nr; i++)
		dma_unmap_sg(b->dev, l->table[i].sgl, b->pages, b->dir);
}

static int bench_sg_map(struct bench *b)
{
	struct bench_lists *l = b->priv;
	unsigned int i;

	for (i = 0; i < l->nr; i++) {
		if (!dma_map_sg(b->dev, l->table[i].sgl, b->pages, b->dir)) {
			bench_sg_unmap_some(b, i);
			return -EIO;
		}
	}
	return 0;
}

static int bench_sg_unmap(struct bench *b)
{
	struct bench_lists *l = b->priv;

	bench_sg_unmap_some(b, l->nr);
	return 0;
}

const struct bench_case bench_sg = {
	.name = "sg",
	.prepare = bench_sg_prepare,
	.release = bench_sg_release,
	.pairs = bench_sg_pairs,
	.map = bench_sg_map,
	.unmap = bench_sg_unmap,
};
