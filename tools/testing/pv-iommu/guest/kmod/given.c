// SPDX-License-Identifier: GPL-2.0-only
/*
 *   given size=N    remember: use that much memory for DMA, then free it
 *   given           how many of these pages are Xen's now ("given"), and how
 *                   many have another machine frame than then ("moved")
 *
 * For tests of ballooning: what is taken from Linux and given to Xen should
 * have been reached by a device before.
 */

#include <linux/kernel.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <asm/xen/page.h>

#include "dmatest.h"

struct place {
	unsigned long pfn;
	unsigned long gfn;
};

static struct place *places;
static size_t nr_places;

void dmt_given_forget(void)
{
	kvfree(places);
	places = NULL;
	nr_places = 0;
}

static int remember(struct dmt_dev *dmt, u64 size)
{
	struct dmt_buf buf = {
		.kind = DMT_SG, .dir = DMA_FROM_DEVICE, .size = size,
	};
	struct device *dev = &dmt->pdev->dev;
	size_t i, nr = dmt_buf_nr_frames(&buf);
	int ret;

	dmt_given_forget();
	places = kvmalloc_array(nr, sizeof(*places), GFP_KERNEL);
	if (!places)
		return -ENOMEM;
	ret = dmt_buf_alloc(dev, &buf, 1, GFP_KERNEL);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++) {
		places[i].pfn = dmt_buf_pfn(&buf, i * PAGE_SIZE);
		places[i].gfn = pfn_to_gfn(places[i].pfn);
	}
	nr_places = nr;
	ret = dmt_buf_map(dev, &buf);
	if (!ret) {
		ret = dmt_edu_write(dmt, dmt_buf_dma(&buf, 0), 64, 1, 0);
		dmt_buf_unmap(dev, &buf);
	}
	dmt_buf_free(dev, &buf);
	return ret;
}

int dmt_given(struct dmt_dev *dmt, const char *args)
{
	size_t i, given = 0, moved = 0;
	u64 size;

	if (dmt_arg_u64(args, "size", &size))
		return size && size <= SZ_1G ? remember(dmt, size) : -EINVAL;

	for (i = 0; i < nr_places; i++) {
		unsigned long entry = __pfn_to_mfn(places[i].pfn);

		given += entry == INVALID_P2M_ENTRY;
		moved += entry != INVALID_P2M_ENTRY && entry != places[i].gfn;
	}
	seq_buf_printf(dmt->out, "pages %zu\ngiven %zu\nmoved %zu\n", nr_places,
		       given, moved);
	return 0;
}
