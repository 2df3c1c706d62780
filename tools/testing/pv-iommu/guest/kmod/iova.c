// SPDX-License-Identifier: GPL-2.0-only
/*
 *   iova            first the addresses, then memory for them, a part at a time:
 *                   linked in parts, a part of it unlinked and linked again,
 *                   and a link that fails half-way
 *
 * What is linked has to be reached, by lookup and by the device, and nothing
 * else.  Fails with -EILSEQ when anything was wrong.
 */

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/seq_buf.h>

#include "dmatest.h"

#define PAGES	8

struct iova {
	struct dmt_dev *dmt;
	struct device *dev;
	struct dma_iova_state state;
	u8 *mem;		/* PAGES of them, each for the same page of addresses */
	struct dmt_lookup mapped;
	struct dmt_lookup unmapped;
};

/* Are @nr pages from @first on where they should be, or nowhere? */
static void look(struct iova *v, unsigned int first, unsigned int nr, bool mapped)
{
	struct dmt_frame frames[PAGES];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		frames[i].dfn = (v->state.addr >> PAGE_SHIFT) + first + i;
		frames[i].pfn = page_to_pfn(virt_to_page(v->mem +
							 (first + i) * PAGE_SIZE));
	}
	dmt_lookup_frames(v->dmt, frames, nr, DMA_BIDIRECTIONAL, mapped,
			  mapped ? &v->mapped : &v->unmapped);
}

static int link_pages(struct iova *v, unsigned int first, unsigned int nr)
{
	return dma_iova_link(v->dev, &v->state,
			     virt_to_phys(v->mem + first * PAGE_SIZE),
			     first * PAGE_SIZE, nr * PAGE_SIZE,
			     DMA_BIDIRECTIONAL, 0);
}

static int sync_pages(struct iova *v, unsigned int first, unsigned int nr)
{
	return dma_iova_sync(v->dev, &v->state, first * PAGE_SIZE,
			     nr * PAGE_SIZE);
}

static void unlink_pages(struct iova *v, unsigned int first, unsigned int nr)
{
	dma_iova_unlink(v->dev, &v->state, first * PAGE_SIZE, nr * PAGE_SIZE,
			DMA_BIDIRECTIONAL, 0);
}

/* The device writes across the begin of a page. */
static int reaches(struct iova *v, unsigned int page, u64 seed)
{
	size_t off = page * PAGE_SIZE - 32, i;
	int ret;

	ret = dmt_edu_write(v->dmt, v->state.addr + off, 64, seed, off);
	for (i = off; !ret && i < off + 64; i++)
		if (v->mem[i] != dmt_pattern(seed, i))
			ret = -EILSEQ;
	return ret;
}

static int in_parts(struct iova *v)
{
	int ret;

	ret = link_pages(v, 0, 1) ?: link_pages(v, 1, 3) ?: link_pages(v, 4, 4) ?:
	      sync_pages(v, 0, PAGES);
	if (ret)
		return ret;
	look(v, 0, PAGES, true);
	ret = reaches(v, 1, 1) ?: reaches(v, 4, 2);

	unlink_pages(v, 1, 3);
	look(v, 0, 1, true);
	look(v, 1, 3, false);
	look(v, 4, 4, true);

	ret = ret ?: link_pages(v, 1, 3) ?: sync_pages(v, 1, 3) ?:
	      reaches(v, 4, 3);
	look(v, 0, PAGES, true);

	dma_iova_destroy(v->dev, &v->state, PAGES * PAGE_SIZE, DMA_BIDIRECTIONAL,
			 0);
	if (!dmt_is_strict(v->dev))
		msleep(DMT_DRAIN_MS);
	look(v, 0, PAGES, false);
	return ret;
}

/* Two pages go in, the third is taken. */
static int fails(struct iova *v)
{
	int ret;

	ret = link_pages(v, 4, 2) ?: sync_pages(v, 4, 2);
	if (ret)
		return ret;
	ret = link_pages(v, 2, 4);
	seq_buf_printf(v->dmt->out, "link_half_way %d\n", ret);
	ret = ret ? 0 : -EILSEQ;
	look(v, 2, 2, false);
	look(v, 4, 2, true);

	unlink_pages(v, 4, 2);
	look(v, 0, PAGES, false);
	dma_iova_free(v->dev, &v->state);
	return ret;
}

int dmt_iova(struct dmt_dev *dmt, const char *args)
{
	struct iova v = { .dmt = dmt, .dev = &dmt->pdev->dev };
	bool bad;
	int ret = 0;

	if (!dmt_lookup_available(dmt))
		return -EOPNOTSUPP;
	v.mem = alloc_pages_exact(PAGES * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!v.mem)
		return -ENOMEM;
	if (!dma_iova_try_alloc(v.dev, &v.state, 0, PAGES * PAGE_SIZE))
		ret = -EOPNOTSUPP;
	ret = ret ?: in_parts(&v);
	if (!ret && !dma_iova_try_alloc(v.dev, &v.state, 0, PAGES * PAGE_SIZE))
		ret = -EOPNOTSUPP;
	ret = ret ?: fails(&v);
	free_pages_exact(v.mem, PAGES * PAGE_SIZE);

	bad = dmt_lookup_show(dmt, "mapped", &v.mapped);
	bad |= dmt_lookup_show(dmt, "unmapped", &v.unmapped);
	return ret ?: bad ? -EILSEQ : 0;
}
