// SPDX-License-Identifier: GPL-2.0-only
/*
 *   list [shape=stream|odd] [entries=N] [pages=N] [max_seg=N] [boundary=N]
 *        [dir=to|from|both] [edu=N] [seed=N]
 *
 * Maps a scatterlist as drivers make them, checks it, and unmaps it.  Each of
 * entries= (default 64) is up to pages= (default 1) pages, in no order.
 *
 *   stream  what a long buffer is made of: it begins somewhere in the first
 *           page and ends somewhere in the last, all between are whole pages.
 *           A device sees one segment if max_seg= and boundary= let it
 *   odd     each entry begins and ends anywhere, so there is nothing to join
 *
 * Checked are the segments (their number is for the caller to judge): that they
 * are as long as the entries together, none longer than max_seg= (default 64
 * MiB) or across a multiple of boundary= (a mask, default 4 GiB - 1); that each
 * page of each entry is where it should be, in the hypervisor, and is gone after
 * unmapping; and at edu= (default 2) random places the device's DMA, with what
 * lies around it.  Fails with -EILSEQ when anything was wrong.
 */

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <asm/xen/page.h>

#include "dmatest.h"

#define MAX_ENTRIES	65536
#define MAX_COPY	1024
#define AROUND		64

struct piece {
	void *mem;
	unsigned int offset;
	unsigned int length;
};

struct list {
	struct dmt_dev *dmt;
	enum dma_data_direction dir;
	bool odd;
	u64 entries;
	u64 pages;
	u64 max_seg;
	u64 boundary;
	u64 random;

	struct piece *pieces;
	struct sg_table sgt;
	struct dmt_frame *frames;
	size_t nr_frames;
	size_t bytes;

	u64 bad_segs;		/* too long, or across a boundary */
	u64 bad_pieces;		/* parts of an entry that no segment has */
	u64 bad_dma;		/* bytes that came over wrong, or beside */
};

static size_t piece_size(const struct piece *p)
{
	return PAGE_ALIGN(p->offset + p->length);
}

/* A whole one, or one that begins and ends anywhere. */
static void shape(struct list *l, struct piece *p, bool begin, bool end)
{
	u64 nr = 1 + dmt_random(&l->random) % l->pages;

	p->offset = begin ? dmt_random(&l->random) % PAGE_SIZE : 0;
	p->length = nr * PAGE_SIZE - p->offset;
	if (end)
		p->length -= dmt_random(&l->random) % min_t(u64, p->length, PAGE_SIZE);
}

static int alloc_pieces(struct list *l)
{
	u64 i;

	l->pieces = kvcalloc(l->entries, sizeof(*l->pieces), GFP_KERNEL);
	if (!l->pieces)
		return -ENOMEM;
	for (i = 0; i < l->entries; i++) {
		struct piece *p = &l->pieces[i];

		shape(l, p, l->odd || !i, l->odd || i == l->entries - 1);
		l->bytes += p->length;
		l->nr_frames += piece_size(p) >> PAGE_SHIFT;
		p->mem = alloc_pages_exact(piece_size(p), GFP_KERNEL | __GFP_ZERO);
		if (!p->mem)
			return -ENOMEM;
	}
	return 0;
}

/* The allocator hands out neighbours.  Whatever has the same size can change. */
static void shuffle(struct list *l)
{
	u64 i;

	for (i = l->entries; i > 1; i--) {
		struct piece *p = &l->pieces[i - 1];
		struct piece *other = &l->pieces[dmt_random(&l->random) % i];

		if (piece_size(p) == piece_size(other))
			swap(p->mem, other->mem);
	}
}

static int alloc_list(struct list *l)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = alloc_pieces(l);
	if (ret)
		return ret;
	shuffle(l);
	ret = sg_alloc_table(&l->sgt, l->entries, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&l->sgt, sg, i)
		sg_set_page(sg, virt_to_page(l->pieces[i].mem),
			    l->pieces[i].length, l->pieces[i].offset);
	l->frames = kvcalloc(l->nr_frames, sizeof(*l->frames), GFP_KERNEL);
	return l->frames ? 0 : -ENOMEM;
}

static void free_list(struct list *l)
{
	u64 i;

	for (i = 0; l->pieces && i < l->entries; i++)
		if (l->pieces[i].mem)
			free_pages_exact(l->pieces[i].mem,
					 piece_size(&l->pieces[i]));
	kvfree(l->pieces);
	kvfree(l->frames);
	sg_free_table(&l->sgt);
}

static void check_segs(struct list *l)
{
	struct scatterlist *sg;
	size_t sum = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(&l->sgt, sg, i) {
		u64 len = sg_dma_len(sg);

		if (!len || len > l->max_seg ||
		    (sg_dma_address(sg) & l->boundary) + len - 1 > l->boundary)
			l->bad_segs++;
		sum += len;
	}
	if (sum != l->bytes)
		l->bad_segs++;
}

/* Go through entries and segments in step, and note where each page should be. */
static void note_frames(struct list *l)
{
	struct scatterlist *sg, *seg = l->sgt.sgl;
	unsigned int i, segs = 1, seg_off = 0, off, len;
	struct dmt_frame *frame = l->frames;

	for_each_sgtable_sg(&l->sgt, sg, i) {
		for (off = 0; off < sg->length; off += len) {
			unsigned int at = sg->offset + off;
			dma_addr_t dma;

			len = min_t(unsigned int, sg->length - off,
				    PAGE_SIZE - offset_in_page(at));
			if (seg_off == sg_dma_len(seg) && segs < l->sgt.nents) {
				seg = sg_next(seg);
				seg_off = 0;
				segs++;
			}
			dma = sg_dma_address(seg) + seg_off;
			if (offset_in_page(dma) != offset_in_page(at) ||
			    len > sg_dma_len(seg) - seg_off)
				l->bad_pieces++;
			frame->dfn = dma >> PAGE_SHIFT;
			frame->pfn = page_to_pfn(sg_page(sg)) + PFN_DOWN(at);
			frame++;
			seg_off += len;
		}
	}
}

/* How many runs of machine frames there are in it. */
static u64 count_runs(struct list *l)
{
	u64 runs = 1;
	size_t i;

	for (i = 1; i < l->nr_frames; i++)
		if (pfn_to_gfn(l->frames[i].pfn) !=
		    pfn_to_gfn(l->frames[i - 1].pfn) + 1)
			runs++;
	return runs;
}

static size_t peek(struct list *l, u8 *to, size_t off, size_t len)
{
	dma_sync_sgtable_for_cpu(&l->dmt->pdev->dev, &l->sgt, l->dir);
	return sg_pcopy_to_buffer(l->sgt.sgl, l->sgt.orig_nents, to, len, off);
}

/* The device writes there, and only there. */
static int check_write(struct list *l, u8 *window, u64 addr, size_t off,
		       unsigned int len, u64 seed)
{
	size_t begin = off - min_t(size_t, off, AROUND), n, i;
	u8 *after = window + MAX_COPY + 2 * AROUND;
	int ret;

	n = peek(l, window, begin, off - begin + len + AROUND);
	ret = dmt_edu_write(l->dmt, addr, len, seed, off);
	if (ret)
		return ret;
	if (peek(l, after, begin, off - begin + len + AROUND) != n)
		return -EIO;
	for (i = 0; i < n; i++) {
		size_t at = begin + i;
		bool inside = at >= off && at < off + len;

		l->bad_dma += after[i] != (inside ? dmt_pattern(seed, at) :
					   window[i]);
	}
	return 0;
}

static int check_read(struct list *l, u8 *window, u64 addr, size_t off,
		      unsigned int len, u64 seed)
{
	u8 *data = l->dmt->scratch;
	unsigned int i;
	int ret;

	for (i = 0; i < len; i++)
		window[i] = dmt_pattern(seed, off + i);
	if (sg_pcopy_from_buffer(l->sgt.sgl, l->sgt.orig_nents, window, len,
				 off) != len)
		return -EIO;
	dma_sync_sgtable_for_device(&l->dmt->pdev->dev, &l->sgt, l->dir);
	ret = dmt_edu_read(l->dmt, addr, len);
	if (ret)
		return ret;
	for (i = 0; i < len; i++)
		l->bad_dma += data[i] != window[i];
	return 0;
}

/* DMA at a random place, as far as the segment goes there. */
static int check_dma(struct list *l, u8 *window)
{
	size_t off = dmt_random(&l->random) % l->bytes, seg_off = off;
	u64 seed = dmt_random(&l->random);
	struct scatterlist *sg;
	unsigned int i, len;
	u64 addr;
	int ret = 0;

	for_each_sgtable_dma_sg(&l->sgt, sg, i) {
		if (seg_off < sg_dma_len(sg))
			break;
		seg_off -= sg_dma_len(sg);
	}
	if (i == l->sgt.nents)
		return -EIO;
	addr = sg_dma_address(sg) + seg_off;
	len = min_t(size_t, sg_dma_len(sg) - seg_off, MAX_COPY);
	if (l->dir != DMA_TO_DEVICE)
		ret = check_write(l, window, addr, off, len, seed);
	if (!ret && l->dir != DMA_FROM_DEVICE)
		ret = check_read(l, window, addr, off, len, ~seed);
	return ret;
}

static int check_mapped(struct list *l, u64 edu)
{
	struct dmt_lookup res = {};
	u8 *window;
	int ret = 0;

	check_segs(l);
	note_frames(l);
	dmt_lookup_frames(l->dmt, l->frames, l->nr_frames, l->dir, true, &res);

	window = kmalloc(2 * (MAX_COPY + 2 * AROUND), GFP_KERNEL);
	if (!window)
		return -ENOMEM;
	while (edu-- && !ret)
		ret = check_dma(l, window);
	kfree(window);

	seq_buf_printf(l->dmt->out, "segs %u\nbytes %zu\nruns %llu\n",
		       l->sgt.nents, l->bytes, count_runs(l));
	seq_buf_printf(l->dmt->out, "bad_segs %llu\nbad_pieces %llu\nbad_dma %llu\n",
		       l->bad_segs, l->bad_pieces, l->bad_dma);
	if (dmt_lookup_show(l->dmt, "mapped", &res) && !ret)
		ret = -EILSEQ;
	return l->bad_segs || l->bad_pieces || l->bad_dma ? -EILSEQ : ret;
}

static int check_unmapped(struct list *l)
{
	struct dmt_lookup res = {};

	if (!dmt_is_strict(&l->dmt->pdev->dev))
		msleep(DMT_DRAIN_MS);
	dmt_lookup_frames(l->dmt, l->frames, l->nr_frames, l->dir, false,
			  &res);
	return dmt_lookup_show(l->dmt, "unmapped", &res) ? -EILSEQ : 0;
}

static int run(struct list *l, u64 edu)
{
	struct device *dev = &l->dmt->pdev->dev;
	int ret, late;

	ret = alloc_list(l);
	if (!ret)
		ret = dma_map_sgtable(dev, &l->sgt, l->dir, 0);
	if (!ret) {
		ret = check_mapped(l, edu);
		dma_unmap_sgtable(dev, &l->sgt, l->dir, 0);
		late = check_unmapped(l);
		ret = ret ?: late;
	}
	free_list(l);
	return ret;
}

int dmt_list(struct dmt_dev *dmt, const char *args)
{
	struct list l = {
		.dmt = dmt, .dir = DMA_BIDIRECTIONAL, .entries = 64, .pages = 1,
		.max_seg = SZ_64M, .boundary = DMA_BIT_MASK(32),
		.odd = dmt_arg_is(args, "shape", "odd"), .random = 1,
	};
	struct device *dev = &dmt->pdev->dev;
	unsigned long old_boundary = dma_get_seg_boundary(dev);
	unsigned int old_max_seg = dma_get_max_seg_size(dev);
	u64 edu = 2;
	int ret;

	dmt_arg_u64(args, "entries", &l.entries);
	dmt_arg_u64(args, "pages", &l.pages);
	dmt_arg_u64(args, "max_seg", &l.max_seg);
	dmt_arg_u64(args, "boundary", &l.boundary);
	dmt_arg_u64(args, "seed", &l.random);
	dmt_arg_u64(args, "edu", &edu);
	if (dmt_arg_is(args, "dir", "to"))
		l.dir = DMA_TO_DEVICE;
	else if (dmt_arg_is(args, "dir", "from"))
		l.dir = DMA_FROM_DEVICE;
	/* No driver has entries that are beyond its own device. */
	if (!l.entries || l.entries > MAX_ENTRIES || !l.pages || l.pages > 256 ||
	    l.max_seg > UINT_MAX || l.pages * PAGE_SIZE > l.max_seg ||
	    l.boundary & (l.boundary + 1) ||
	    l.pages * PAGE_SIZE > l.boundary)
		return -EINVAL;
	if (!dmt_lookup_available(dmt))
		return -EOPNOTSUPP;

	dma_set_max_seg_size(dev, l.max_seg);
	dma_set_seg_boundary(dev, l.boundary);
	ret = run(&l, edu);
	dma_set_max_seg_size(dev, old_max_seg);
	dma_set_seg_boundary(dev, old_boundary);
	return ret;
}
