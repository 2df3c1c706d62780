// SPDX-License-Identifier: GPL-2.0-only
/* A buffer: allocate, map, pattern, verify, unmap. */

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dmatest.h"

static void free_pages_array(struct page **pages, size_t nr)
{
	while (nr--)
		if (pages[nr])
			__free_page(pages[nr]);
	kvfree(pages);
}

static int alloc_sg(struct dmt_buf *buf, u64 seed, gfp_t gfp)
{
	size_t nr = DIV_ROUND_UP(buf->size, PAGE_SIZE), i;
	int ret;

	buf->pages = kvcalloc(nr, sizeof(*buf->pages), gfp);
	if (!buf->pages)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		buf->pages[i] = alloc_page(gfp | __GFP_ZERO);
		if (!buf->pages[i])
			goto nomem;
	}
	/* The allocator hands out neighbours; a shuffled list has hardly any. */
	for (i = nr; i > 1; i--) {
		size_t other = dmt_random(&seed) % i;

		swap(buf->pages[i - 1], buf->pages[other]);
	}

	/*
	 * One entry a page even where two of them ended up adjacent: merging
	 * is the DMA layer's business here.
	 */
	ret = sg_alloc_table(&buf->sgt, nr, gfp);
	if (!ret) {
		struct scatterlist *sg;
		unsigned int n;

		for_each_sgtable_sg(&buf->sgt, sg, n)
			sg_set_page(sg, buf->pages[n],
				    min(PAGE_SIZE, buf->size - n * PAGE_SIZE), 0);
		return 0;
	}
nomem:
	free_pages_array(buf->pages, nr);
	return -ENOMEM;
}

/**
 * dmt_buf_alloc() - memory for a buffer
 * @dev: the device
 * @buf: kind, dir, size and offset are the caller's, the rest is set here
 * @seed: decides the order of the pages of a DMT_SG buffer
 * @gfp: as usual
 *
 * A coherent buffer is mapped by that, too.
 */
int dmt_buf_alloc(struct device *dev, struct dmt_buf *buf, u64 seed, gfp_t gfp)
{
	int ret = 0;

	if (!buf->size || buf->offset >= PAGE_SIZE ||
	    (buf->offset && buf->kind != DMT_SINGLE))
		return -EINVAL;

	switch (buf->kind) {
	case DMT_COHERENT:
		buf->dir = DMA_BIDIRECTIONAL;
		buf->mem = dma_alloc_coherent(dev, buf->size, &buf->dma, gfp);
		buf->mapped = buf->mem;
		ret = buf->mem ? 0 : -ENOMEM;
		break;
	case DMT_SINGLE:
		buf->mem = alloc_pages_exact(buf->offset + buf->size,
					     gfp | __GFP_ZERO);
		ret = buf->mem ? 0 : -ENOMEM;
		break;
	case DMT_SG:
		ret = alloc_sg(buf, seed, gfp);
		break;
	}
	buf->allocated = !ret;
	return ret;
}

/* The buffer must not be mapped; a coherent one always is until here. */
void dmt_buf_free(struct device *dev, struct dmt_buf *buf)
{
	if (!buf->allocated)
		return;

	switch (buf->kind) {
	case DMT_COHERENT:
		dma_free_coherent(dev, buf->size, buf->mem, buf->dma);
		break;
	case DMT_SINGLE:
		free_pages_exact(buf->mem, buf->offset + buf->size);
		break;
	case DMT_SG:
		sg_free_table(&buf->sgt);
		free_pages_array(buf->pages, DIV_ROUND_UP(buf->size, PAGE_SIZE));
		break;
	}
	memset(buf, 0, sizeof(*buf));
}

int dmt_buf_map(struct device *dev, struct dmt_buf *buf)
{
	int ret = 0;

	if (buf->kind == DMT_SG) {
		ret = dma_map_sgtable(dev, &buf->sgt, buf->dir, 0);
	} else if (buf->kind == DMT_SINGLE) {
		buf->dma = dma_map_single(dev, buf->mem + buf->offset, buf->size,
					  buf->dir);
		if (dma_mapping_error(dev, buf->dma))
			ret = -ENOMEM;
	}
	buf->mapped = !ret;
	return ret;
}

void dmt_buf_unmap(struct device *dev, struct dmt_buf *buf)
{
	if (buf->kind == DMT_SG)
		dma_unmap_sgtable(dev, &buf->sgt, buf->dir, 0);
	else if (buf->kind == DMT_SINGLE)
		dma_unmap_single(dev, buf->dma, buf->size, buf->dir);
	if (buf->kind != DMT_COHERENT)
		buf->mapped = false;
}

void dmt_buf_sync(struct device *dev, struct dmt_buf *buf, bool for_cpu)
{
	if (!buf->mapped)
		return;
	if (buf->kind == DMT_SG && for_cpu)
		dma_sync_sgtable_for_cpu(dev, &buf->sgt, buf->dir);
	else if (buf->kind == DMT_SG)
		dma_sync_sgtable_for_device(dev, &buf->sgt, buf->dir);
	else if (buf->kind == DMT_SINGLE && for_cpu)
		dma_sync_single_for_cpu(dev, buf->dma, buf->size, buf->dir);
	else if (buf->kind == DMT_SINGLE)
		dma_sync_single_for_device(dev, buf->dma, buf->size, buf->dir);
}

u8 *dmt_buf_ptr(struct dmt_buf *buf, size_t off)
{
	if (buf->kind == DMT_SG)
		return page_address(buf->pages[off / PAGE_SIZE]) + off % PAGE_SIZE;
	return buf->mem + buf->offset + off;
}

unsigned long dmt_buf_pfn(struct dmt_buf *buf, size_t off)
{
	void *p = dmt_buf_ptr(buf, off);

	return is_vmalloc_addr(p) ? vmalloc_to_pfn(p) : page_to_pfn(virt_to_page(p));
}

dma_addr_t dmt_buf_dma(struct dmt_buf *buf, size_t off)
{
	struct scatterlist *sg;
	unsigned int i;

	if (buf->kind != DMT_SG)
		return buf->dma + off;
	for_each_sgtable_dma_sg(&buf->sgt, sg, i) {
		if (off < sg_dma_len(sg))
			return sg_dma_address(sg) + off;
		off -= sg_dma_len(sg);
	}
	return DMA_MAPPING_ERROR;
}

void dmt_buf_fill(struct dmt_buf *buf, u64 seed, size_t off, size_t len)
{
	for (; len; len--, off++)
		*dmt_buf_ptr(buf, off) = dmt_pattern(seed, off);
}

/* The number of bytes that differ. */
size_t dmt_buf_verify(struct dmt_buf *buf, u64 seed, size_t off, size_t len,
		      size_t *first_bad)
{
	size_t bad = 0;

	for (; len; len--, off++) {
		if (*dmt_buf_ptr(buf, off) == dmt_pattern(seed, off))
			continue;
		if (!bad++)
			*first_bad = off;
	}
	return bad;
}

size_t dmt_buf_nr_frames(struct dmt_buf *buf)
{
	return DIV_ROUND_UP(buf->offset + buf->size, PAGE_SIZE);
}

/* Frame number @i of a mapped buffer. */
void dmt_buf_frame(struct dmt_buf *buf, size_t i, struct dmt_frame *frame)
{
	size_t off = i ? i * PAGE_SIZE - buf->offset : 0;

	frame->dfn = dmt_buf_dma(buf, off) >> PAGE_SHIFT;
	frame->pfn = dmt_buf_pfn(buf, off);
}
