// SPDX-License-Identifier: GPL-2.0-only
/* Kinds of buffers, each with the part of the DMA API that goes with it. */

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/xen/page.h>

#include "userdma.h"

/* The kernel sees all of it at buf->mem, the device from buf->dma on. */
static int set_pages(struct udma_buf *buf)
{
	size_t off;

	for (off = 0; off < buf->size; off += PAGE_SIZE) {
		struct udma_page *page = &buf->pages[off / PAGE_SIZE];
		void *p = buf->mem + off;

		page->dma = buf->dma + off;
		page->gfn = pfn_to_gfn(is_vmalloc_addr(p) ?
				       vmalloc_to_pfn(p) : virt_to_pfn(p));
	}
	return 0;
}

static int get_attrs(struct device *dev, struct udma_buf *buf, u64 attrs)
{
	buf->mem = dma_alloc_attrs(dev, buf->size, &buf->dma, GFP_KERNEL, attrs);
	return buf->mem ? set_pages(buf) : -ENOMEM;
}

static int coherent_get(struct device *dev, struct udma_buf *buf, u64 arg)
{
	return get_attrs(dev, buf, 0);
}

static void coherent_put(struct device *dev, struct udma_buf *buf)
{
	dma_free_attrs(dev, buf->size, buf->mem, buf->dma, 0);
}

static int coherent_mmap(struct device *dev, struct udma_buf *buf,
			 struct vm_area_struct *vma)
{
	return dma_mmap_attrs(dev, vma, buf->mem, buf->dma, buf->size, 0);
}

const struct udma_kind udma_coherent = {
	"coherent", coherent_get, coherent_put, coherent_mmap,
};

static int contiguous_get(struct device *dev, struct udma_buf *buf, u64 arg)
{
	return get_attrs(dev, buf, DMA_ATTR_FORCE_CONTIGUOUS);
}

static void contiguous_put(struct device *dev, struct udma_buf *buf)
{
	dma_free_attrs(dev, buf->size, buf->mem, buf->dma,
		       DMA_ATTR_FORCE_CONTIGUOUS);
}

static int contiguous_mmap(struct device *dev, struct udma_buf *buf,
			   struct vm_area_struct *vma)
{
	return dma_mmap_attrs(dev, vma, buf->mem, buf->dma, buf->size,
			      DMA_ATTR_FORCE_CONTIGUOUS);
}

const struct udma_kind udma_contiguous = {
	"contiguous", contiguous_get, contiguous_put, contiguous_mmap,
};

static int pages_get(struct device *dev, struct udma_buf *buf, u64 arg)
{
	buf->page = dma_alloc_pages(dev, buf->size, &buf->dma,
				    DMA_BIDIRECTIONAL, GFP_KERNEL);
	if (!buf->page)
		return -ENOMEM;
	buf->mem = page_address(buf->page);
	return set_pages(buf);
}

static void pages_put(struct device *dev, struct udma_buf *buf)
{
	dma_free_pages(dev, buf->size, buf->page, buf->dma, DMA_BIDIRECTIONAL);
}

static int pages_mmap(struct device *dev, struct udma_buf *buf,
		      struct vm_area_struct *vma)
{
	return dma_mmap_pages(dev, vma, buf->size, buf->page);
}

const struct udma_kind udma_pages = {
	"pages", pages_get, pages_put, pages_mmap,
};

static int noncontiguous_get(struct device *dev, struct udma_buf *buf, u64 arg)
{
	buf->sgt = dma_alloc_noncontiguous(dev, buf->size, DMA_BIDIRECTIONAL,
					   GFP_KERNEL, 0);
	if (!buf->sgt)
		return -ENOMEM;
	buf->mem = dma_vmap_noncontiguous(dev, buf->size, buf->sgt);
	if (!buf->mem) {
		dma_free_noncontiguous(dev, buf->size, buf->sgt,
				       DMA_BIDIRECTIONAL);
		return -ENOMEM;
	}
	/* What the DMA API promises: one piece for the device. */
	buf->dma = sg_dma_address(buf->sgt->sgl);
	return set_pages(buf);
}

static void noncontiguous_put(struct device *dev, struct udma_buf *buf)
{
	dma_vunmap_noncontiguous(dev, buf->mem);
	dma_free_noncontiguous(dev, buf->size, buf->sgt, DMA_BIDIRECTIONAL);
}

static int noncontiguous_mmap(struct device *dev, struct udma_buf *buf,
			      struct vm_area_struct *vma)
{
	return dma_mmap_noncontiguous(dev, vma, buf->size, buf->sgt);
}

const struct udma_kind udma_noncontiguous = {
	"noncontiguous", noncontiguous_get, noncontiguous_put,
	noncontiguous_mmap,
};

/*
 * A page of which a part is mapped, by udma_map_part(): what is around the part
 * is what a device that is not trusted must not reach.
 */
static int page_get(struct device *dev, struct udma_buf *buf, u64 arg)
{
	if (buf->size != PAGE_SIZE)
		return -EINVAL;
	buf->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!buf->page)
		return -ENOMEM;
	buf->mem = page_address(buf->page);
	buf->pages[0].gfn = pfn_to_gfn(page_to_pfn(buf->page));
	buf->pages[0].dma = DMA_MAPPING_ERROR;
	return 0;
}

static void page_put(struct device *dev, struct udma_buf *buf)
{
	udma_unmap_part(dev, buf);
	__free_page(buf->page);
}

static int page_mmap(struct device *dev, struct udma_buf *buf,
		     struct vm_area_struct *vma)
{
	return vm_map_pages(vma, &buf->page, 1);
}

const struct udma_kind udma_page = {
	"page", page_get, page_put, page_mmap,
};

/**
 * udma_map_part() - map a part of a buffer of the kind "page"
 * @dev: the device
 * @buf: the buffer; it says where the part is when this succeeds
 * @offset: where it begins
 * @len: bytes
 * @dir: direction
 *
 * Return: 0 or a negative errno.
 */
int udma_map_part(struct device *dev, struct udma_buf *buf, unsigned int offset,
		  unsigned int len, enum dma_data_direction dir)
{
	if (buf->kind != &udma_page || buf->len || !len || offset >= PAGE_SIZE ||
	    len > PAGE_SIZE - offset)
		return -EINVAL;
	buf->dma = dma_map_single(dev, buf->mem + offset, len, dir);
	if (dma_mapping_error(dev, buf->dma))
		return -EIO;
	buf->len = len;
	buf->dir = dir;
	buf->pages[0].dma = buf->dma;
	return 0;
}

/* Does nothing when nothing is mapped. */
void udma_unmap_part(struct device *dev, struct udma_buf *buf)
{
	if (!buf->len)
		return;
	dma_unmap_single(dev, buf->dma, buf->len, buf->dir);
	buf->len = 0;
	buf->pages[0].dma = DMA_MAPPING_ERROR;
}

int udma_sync_part(struct device *dev, struct udma_buf *buf, bool for_cpu)
{
	if (!buf->len)
		return -EINVAL;
	if (for_cpu)
		dma_sync_single_for_cpu(dev, buf->dma, buf->len, buf->dir);
	else
		dma_sync_single_for_device(dev, buf->dma, buf->len, buf->dir);
	return 0;
}

/* MMIO of another device, for peer-to-peer DMA; @arg is where it is. */
static int resource_get(struct device *dev, struct udma_buf *buf, u64 arg)
{
	size_t off;

	buf->dma = dma_map_resource(dev, arg, buf->size, DMA_BIDIRECTIONAL, 0);
	if (dma_mapping_error(dev, buf->dma))
		return -EIO;
	for (off = 0; off < buf->size; off += PAGE_SIZE) {
		buf->pages[off / PAGE_SIZE].dma = buf->dma + off;
		buf->pages[off / PAGE_SIZE].gfn = PHYS_PFN(arg + off);
	}
	return 0;
}

static void resource_put(struct device *dev, struct udma_buf *buf)
{
	dma_unmap_resource(dev, buf->dma, buf->size, DMA_BIDIRECTIONAL, 0);
}

const struct udma_kind udma_resource = {
	"resource", resource_get, resource_put, NULL,
};

/**
 * udma_sgtable() - does dma_get_sgtable() name the buffer's own pages?
 * @dev: the device
 * @buf: a buffer of the kind "coherent" or "contiguous"
 *
 * Return: 0; -EILSEQ when it names others; another negative errno.
 */
int udma_sgtable(struct device *dev, struct udma_buf *buf)
{
	unsigned long attrs = 0;
	struct sg_page_iter iter;
	struct sg_table sgt;
	size_t nr = 0;
	int ret;

	if (buf->kind == &udma_contiguous)
		attrs = DMA_ATTR_FORCE_CONTIGUOUS;
	else if (buf->kind != &udma_coherent)
		return -EINVAL;
	ret = dma_get_sgtable_attrs(dev, &sgt, buf->mem, buf->dma, buf->size,
				    attrs);
	if (ret)
		return ret;
	for_each_sgtable_page(&sgt, &iter, 0) {
		if (nr * PAGE_SIZE >= buf->size ||
		    pfn_to_gfn(page_to_pfn(sg_page_iter_page(&iter))) !=
		    buf->pages[nr].gfn)
			ret = -EILSEQ;
		nr++;
	}
	sg_free_table(&sgt);
	return nr * PAGE_SIZE == buf->size ? ret : -EILSEQ;
}

#define EXHAUST_MAX	2048

/**
 * udma_exhaust() - map the same memory again and again, until it fails
 * @dev: the device
 * @size: of the memory; when it is no multiple of a page a device that is not
 *	  trusted needs a bounce buffer for each
 * @nr: OUT: how often it worked
 *
 * Return: 0 when it failed in the end, -ENOSPC when it did not.
 */
int udma_exhaust(struct device *dev, size_t size, unsigned int *nr)
{
	dma_addr_t *dma = kvcalloc(EXHAUST_MAX, sizeof(*dma), GFP_KERNEL);
	void *mem = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
	unsigned int i;

	*nr = 0;
	while (dma && mem && *nr < EXHAUST_MAX) {
		dma[*nr] = dma_map_single(dev, mem, size, DMA_TO_DEVICE);
		if (dma_mapping_error(dev, dma[*nr]))
			break;
		(*nr)++;
	}
	for (i = 0; i < *nr; i++)
		dma_unmap_single(dev, dma[i], size, DMA_TO_DEVICE);
	if (mem)
		free_pages_exact(mem, size);
	kvfree(dma);
	if (!dma || !mem)
		return -ENOMEM;
	return *nr < EXHAUST_MAX ? 0 : -ENOSPC;
}
