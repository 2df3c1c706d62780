// SPDX-License-Identifier: GPL-2.0-only
/* A dma-buf of somebody else's, as a driver imports it. */

#include <linux/dma-buf.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

#include <asm/xen/page.h>

#include "userdma.h"

/* MODULE_IMPORT_NS() takes a string or a word, as the kernel is. */
MODULE_INFO(import_ns, "DMA_BUF");

/* The pages for Linux and those for the device are two lists of their own. */
static int set_pages(struct udma_buf *buf)
{
	struct sg_dma_page_iter dma_iter;
	struct sg_page_iter iter;
	size_t nr = 0, dma_nr = 0;

	for_each_sgtable_page(buf->sgt, &iter, 0) {
		struct page *page = sg_page_iter_page(&iter);

		if (nr < UDMA_MAX_PAGES)
			buf->pages[nr++].gfn = pfn_to_gfn(page_to_pfn(page));
	}
	for_each_sgtable_dma_page(buf->sgt, &dma_iter, 0)
		if (dma_nr < UDMA_MAX_PAGES)
			buf->pages[dma_nr++].dma =
				sg_page_iter_dma_address(&dma_iter);
	return nr == dma_nr && nr * PAGE_SIZE == buf->size ? 0 : -EINVAL;
}

static void import_put(struct device *dev, struct udma_buf *buf)
{
	struct dma_buf *dmabuf = buf->attachment->dmabuf;

	if (buf->sgt)
		dma_buf_unmap_attachment_unlocked(buf->attachment, buf->sgt,
						  DMA_BIDIRECTIONAL);
	dma_buf_detach(dmabuf, buf->attachment);
	dma_buf_put(dmabuf);
}

/* @fd: of the process that writes the command; its size is to be the buffer's */
static int import_get(struct device *dev, struct udma_buf *buf, u64 fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buf->attachment = dma_buf_attach(dmabuf, dev);
	if (IS_ERR(buf->attachment)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(buf->attachment);
	}
	buf->sgt = dma_buf_map_attachment_unlocked(buf->attachment,
						   DMA_BIDIRECTIONAL);
	if (IS_ERR(buf->sgt)) {
		ret = PTR_ERR(buf->sgt);
		buf->sgt = NULL;
	} else {
		ret = set_pages(buf);
	}
	if (ret)
		import_put(dev, buf);
	return ret;
}

const struct udma_kind udma_import = { "import", import_get, import_put, NULL };
