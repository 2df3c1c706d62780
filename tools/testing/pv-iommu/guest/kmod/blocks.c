// SPDX-License-Identifier: GPL-2.0-only
/*
 *   blocks   of the blocks of 2 MiB that dom0's memory has ("blocks"), how many are
 *            in one piece in the machine, and begin where a large page can
 *            ("aligned")
 */

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
