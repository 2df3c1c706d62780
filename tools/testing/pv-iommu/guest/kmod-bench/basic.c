// SPDX-License-Identifier: GPL-2.0-only
/* The cases that are little more than a loop around one call. */

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <asm/xen/hypercall.h>

#include <xen/interface/version.h>
#include <xen/xen.h>

#include "bench.h"

/* What measuring itself costs. */
static int bench_idle_pairs(struct bench *b)
{
	u64 i;

	for (i = 0; i < b->batch; i++)
		barrier();
	return 0;
}

const struct bench_case bench_idle = {
	.name = "idle",
	.pairs = bench_idle_pairs,
};

static int bench_hypercall_prepare(struct bench *b)
{
	return xen_domain() ? 0 : -EOPNOTSUPP;
}

static int bench_hypercall_pairs(struct bench *b)
{
	u64 i;

	for (i = 0; i < b->batch; i++)
		if (HYPERVISOR_xen_version(XENVER_version, NULL) < 0)
			return -EIO;
	return 0;
}

const struct bench_case bench_hypercall = {
	.name = "hypercall",
	.prepare = bench_hypercall_prepare,
	.pairs = bench_hypercall_pairs,
};

struct bench_buf {
	void *mem;
	dma_addr_t *dma;	/* depth of them */
};

static int bench_single_prepare(struct bench *b)
{
	struct bench_buf *s;

	if (!b->size || b->size > SZ_1M)
		return -EINVAL;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	b->priv = s;
	b->depth = bench_depth(b, b->size);
	s->dma = kvcalloc(b->depth, sizeof(*s->dma), GFP_KERNEL);
	s->mem = alloc_pages_exact(b->size,
				   GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	return s->dma && s->mem ? 0 : -ENOMEM;
}

static void bench_single_release(struct bench *b)
{
	struct bench_buf *s = b->priv;

	if (!s)
		return;
	if (s->mem)
		free_pages_exact(s->mem, b->size);
	kvfree(s->dma);
	kfree(s);
}

/* One batch; @first is where the first mapping ever goes to. */
int bench_map_unmap(const struct bench *b, void *mem, dma_addr_t *first)
{
	dma_addr_t dma;
	u64 i;

	for (i = 0; i < b->batch; i++) {
		dma = dma_map_single(b->dev, mem, b->size, b->dir);
		if (dma_mapping_error(b->dev, dma))
			return -EIO;
		if (*first == DMA_MAPPING_ERROR)
			*first = dma;
		dma_unmap_single(b->dev, dma, b->size, b->dir);
	}
	return 0;
}

static int bench_single_pairs(struct bench *b)
{
	struct bench_buf *s = b->priv;

	return bench_map_unmap(b, s->mem, &b->dma);
}

static void bench_single_unmap_some(struct bench *b, unsigned int nr)
{
	struct bench_buf *s = b->priv;
	unsigned int i;

	for (i = 0; i < nr; i++)
		dma_unmap_single(b->dev, s->dma[i], b->size, b->dir);
}

static int bench_single_map(struct bench *b)
{
	struct bench_buf *s = b->priv;
	unsigned int i;

	for (i = 0; i < b->depth; i++) {
		s->dma[i] = dma_map_single(b->dev, s->mem, b->size, b->dir);
		if (dma_mapping_error(b->dev, s->dma[i])) {
			bench_single_unmap_some(b, i);
			return -EIO;
		}
	}
	return 0;
}

static int bench_single_unmap(struct bench *b)
{
	bench_single_unmap_some(b, b->depth);
	return 0;
}

const struct bench_case bench_single = {
	.name = "single",
	.prepare = bench_single_prepare,
	.release = bench_single_release,
	.pairs = bench_single_pairs,
	.map = bench_single_map,
	.unmap = bench_single_unmap,
};

static int bench_coherent_prepare(struct bench *b)
{
	return b->size && b->size <= SZ_64M ? 0 : -EINVAL;
}

static int bench_coherent_pairs(struct bench *b)
{
	dma_addr_t dma;
	void *mem;
	u64 i;

	for (i = 0; i < b->batch; i++) {
		mem = dma_alloc_coherent(b->dev, b->size, &dma,
					 GFP_KERNEL | __GFP_NOWARN);
		if (!mem)
			return -ENOMEM;
		if (b->dma == DMA_MAPPING_ERROR)
			b->dma = dma;
		dma_free_coherent(b->dev, b->size, mem, dma);
	}
	return 0;
}

const struct bench_case bench_coherent = {
	.name = "coherent",
	.alone_from = SZ_64K,
	.prepare = bench_coherent_prepare,
	.pairs = bench_coherent_pairs,
};
