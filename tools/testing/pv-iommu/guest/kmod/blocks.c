// SPDX-License-Identifier: GPL-2.0-only
/*
 *   blocks   of the blocks of 2 MiB that dom0's memory has ("blocks"), how many are
 *            in one piece in the machine, and begin where a large page can
 *            ("aligned")
 *   aligned buf=I
 *            a single buffer, for both directions, that is such a block
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>

#include <asm/xen/page.h>

#include "dmatest.h"

#define BLOCK	(SZ_2M / PAGE_SIZE)

static bool is_aligned(unsigned long pfn)
{
	unsigned long mfn = __pfn_to_mfn(pfn), i;

	if (mfn % BLOCK)
		return false;
	for (i = 1; i < BLOCK; i++)
		if (__pfn_to_mfn(pfn + i) != mfn + i)
			return false;
	return true;
}

int dmt_blocks(struct dmt_dev *dmt, const char *args)
{
	unsigned int blocks = 0, aligned = 0;
	unsigned long pfn;

	for (pfn = 0; pfn < xen_p2m_size; pfn += BLOCK) {
		unsigned long mfn = __pfn_to_mfn(pfn);

		if (mfn == INVALID_P2M_ENTRY ||
		    mfn & (FOREIGN_FRAME_BIT | IDENTITY_FRAME_BIT))
			continue;
		blocks++;
		aligned += is_aligned(pfn);
	}
	seq_buf_printf(dmt->out, "blocks %u\naligned %u\n", blocks, aligned);
	return 0;
}

/*
 * The allocator does not say what it has.  What does not fit is held until something
 * does, or it would be handed out again; the first word of each leads to the next.
 */
static void *alloc_aligned(void)
{
	void *mem, *others = NULL;

	while ((mem = alloc_pages_exact(SZ_2M, GFP_KERNEL | __GFP_NORETRY |
					       __GFP_NOWARN))) {
		if (is_aligned(page_to_pfn(virt_to_page(mem))))
			break;
		*(void **)mem = others;
		others = mem;
	}
	while (others) {
		void *next = *(void **)others;

		free_pages_exact(others, SZ_2M);
		others = next;
	}
	return mem;
}

int dmt_aligned(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf *buf = dmt_arg_buf(dmt, args);

	if (!buf || buf->allocated)
		return -EINVAL;
	memset(buf, 0, sizeof(*buf));
	buf->mem = alloc_aligned();
	if (!buf->mem)
		return -ENOMEM;
	buf->kind = DMT_SINGLE;
	buf->dir = DMA_BIDIRECTIONAL;
	buf->size = SZ_2M;
	buf->allocated = true;
	return 0;
}
