// SPDX-License-Identifier: GPL-2.0-only
/*
 *   exhaust [size=N] [max=N] [wait_ms=N]
 *
 * Maps one buffer of size= bytes (default 65536) again and again until that
 * fails or max= mappings exist (default 65536); unmaps all; then expects to
 * get as many once more.  Lazily unmapped addresses come back late: up to
 * wait_ms= (default 5000) is waited for that.  "exhausted" says whether the
 * limit was met; with a 28-bit mask it should be, with 64 bits never.  When it
 * was met, no address in the mask may lead to the buffer in the end.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/vmalloc.h>

#include "dmatest.h"

#define EXHAUST_LIMIT	0x100000

static u64 map_all(struct device *dev, void *mem, size_t size, dma_addr_t *addrs,
		   u64 max)
{
	u64 n;

	for (n = 0; n < max; n++) {
		addrs[n] = dma_map_single_attrs(dev, mem, size, DMA_TO_DEVICE,
						DMA_ATTR_NO_WARN);
		if (dma_mapping_error(dev, addrs[n]))
			break;
		cond_resched();
	}
	return n;
}

static void unmap_all(struct device *dev, size_t size, dma_addr_t *addrs, u64 n)
{
	while (n--) {
		dma_unmap_single(dev, addrs[n], size, DMA_TO_DEVICE);
		cond_resched();
	}
}

/* As many again, which lazy unmapping may delay. */
static u64 map_again(struct device *dev, void *mem, size_t size,
		     dma_addr_t *addrs, u64 first, u64 wait_ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(wait_ms);
	u64 again;

	for (;;) {
		again = map_all(dev, mem, size, addrs, first);
		unmap_all(dev, size, addrs, again);
		if (again == first || time_after(jiffies, end))
			return again;
		msleep(20);
	}
}

static int check(struct dmt_dev *dmt, struct dmt_buf *buf, dma_addr_t *addrs,
		 u64 max, u64 wait_ms)
{
	struct device *dev = &dmt->pdev->dev;
	struct dmt_lookup left = {};
	u64 first, again;
	int ret = 0;

	first = map_all(dev, buf->mem, buf->size, addrs, max);
	unmap_all(dev, buf->size, addrs, first);
	again = map_again(dev, buf->mem, buf->size, addrs, first, wait_ms);
	seq_buf_printf(dmt->out, "first %llu\nagain %llu\nexhausted %d\n", first,
		       again, first < max);
	if (first < max && dmt_lookup_available(dmt)) {
		if (!dmt_is_strict(dev))
			msleep(DMT_DRAIN_MS);
		ret = dmt_lookup_leftovers(dmt, buf, 0,
					   dma_get_mask(dev) >> PAGE_SHIFT,
					   &left);
		if (dmt_lookup_show(dmt, "left", &left) && !ret)
			ret = -EILSEQ;
	}
	return again == first ? ret : -ENOSPC;
}

int dmt_exhaust(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf buf = { .kind = DMT_SINGLE, .dir = DMA_TO_DEVICE };
	u64 size = 65536, max = 65536, wait_ms = 5000;
	dma_addr_t *addrs;
	int ret;

	dmt_arg_u64(args, "size", &size);
	dmt_arg_u64(args, "max", &max);
	dmt_arg_u64(args, "wait_ms", &wait_ms);
	if (!size || size > SZ_4M || !max || max > EXHAUST_LIMIT)
		return -EINVAL;

	addrs = vmalloc_array(max, sizeof(*addrs));
	if (!addrs)
		return -ENOMEM;
	buf.size = size;
	ret = dmt_buf_alloc(&dmt->pdev->dev, &buf, 0, GFP_KERNEL);
	if (!ret) {
		ret = check(dmt, &buf, addrs, max, wait_ms);
		dmt_buf_free(&dmt->pdev->dev, &buf);
	}
	vfree(addrs);
	return ret;
}
