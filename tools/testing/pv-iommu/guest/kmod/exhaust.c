// SPDX-License-Identifier: GPL-2.0-only
/*
 *   exhaust [size=N] [max=N] [wait_ms=N]
 *
 * Maps one buffer of size= bytes (default 65536) again and again until that
 * fails or max= mappings exist (default 65536); unmaps all; then expects to
 * get as many once more.  Lazily unmapped addresses come back late: up to
 * wait_ms= (default 5000) is waited for that.  "exhausted" says whether the
 * limit was met; with a 28-bit mask it should be, with 64 bits never.
 */

#include <linux/delay.h>
#include <linux/gfp.h>
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

int dmt_exhaust(struct dmt_dev *dmt, const char *args)
{
	struct device *dev = &dmt->pdev->dev;
	u64 size = 65536, max = 65536, wait_ms = 5000, first, again;
	unsigned long begin, end;
	dma_addr_t *addrs;
	void *mem;

	dmt_arg_u64(args, "size", &size);
	dmt_arg_u64(args, "max", &max);
	dmt_arg_u64(args, "wait_ms", &wait_ms);
	if (!size || size > SZ_4M || !max || max > EXHAUST_LIMIT)
		return -EINVAL;

	mem = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
	addrs = vmalloc_array(max, sizeof(*addrs));
	if (!mem || !addrs) {
		if (mem)
			free_pages_exact(mem, size);
		vfree(addrs);
		return -ENOMEM;
	}

	first = map_all(dev, mem, size, addrs, max);
	unmap_all(dev, size, addrs, first);

	begin = jiffies;
	end = begin + msecs_to_jiffies(wait_ms);
	for (;;) {
		again = map_all(dev, mem, size, addrs, first);
		unmap_all(dev, size, addrs, again);
		if (again == first || time_after(jiffies, end))
			break;
		msleep(20);
	}
	seq_buf_printf(dmt->out, "first %llu\nagain %llu\nexhausted %d\nwaited_ms %u\n",
		       first, again, first < max, jiffies_to_msecs(jiffies - begin));

	vfree(addrs);
	free_pages_exact(mem, size);
	return again == first ? 0 : -ENOSPC;
}
