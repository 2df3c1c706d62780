// SPDX-License-Identifier: GPL-2.0-only
/* Memory of a program, pinned and mapped as for direct I/O. */

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <asm/xen/page.h>

#include "userdma.h"

/* One entry a page, even where two are neighbours. */
static int map_pages(struct device *dev, struct udma_buf *buf, unsigned int nr)
{
	struct scatterlist *sg;
	unsigned int i;
	size_t off = 0;
	int ret;

	buf->sgt = kzalloc(sizeof(*buf->sgt), GFP_KERNEL);
	if (!buf->sgt)
		return -ENOMEM;
	ret = sg_alloc_table(buf->sgt, nr, GFP_KERNEL);
	if (ret)
		goto out_free;
	for_each_sgtable_sg(buf->sgt, sg, i) {
		sg_set_page(sg, buf->pinned[i], PAGE_SIZE, 0);
		buf->pages[i].gfn = pfn_to_gfn(page_to_pfn(buf->pinned[i]));
	}
	ret = dma_map_sgtable(dev, buf->sgt, DMA_BIDIRECTIONAL, 0);
	if (ret)
		goto out_table;

	for_each_sgtable_dma_sg(buf->sgt, sg, i) {
		unsigned int n;

		for (n = 0; n < sg_dma_len(sg); n += PAGE_SIZE, off += PAGE_SIZE)
			buf->pages[off / PAGE_SIZE].dma = sg_dma_address(sg) + n;
	}
	return 0;

out_table:
	sg_free_table(buf->sgt);
out_free:
	kfree(buf->sgt);
	return ret;
}

/* @addr: in the process that writes the command */
static int user_get(struct device *dev, struct udma_buf *buf, u64 addr)
{
	int nr = buf->size / PAGE_SIZE, pinned, ret = -EFAULT;

	pinned = pin_user_pages_fast(addr, nr, FOLL_WRITE, buf->pinned);
	if (pinned == nr)
		ret = map_pages(dev, buf, nr);
	if (ret && pinned > 0)
		unpin_user_pages(buf->pinned, pinned);
	return ret;
}

static void user_put(struct device *dev, struct udma_buf *buf)
{
	dma_unmap_sgtable(dev, buf->sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(buf->sgt);
	kfree(buf->sgt);
	unpin_user_pages_dirty_lock(buf->pinned, buf->size / PAGE_SIZE, true);
}

const struct udma_kind udma_user = { "user", user_get, user_put, NULL };
