// SPDX-License-Identifier: GPL-2.0-only
/*
 *   nomem [kind=sg|single] [size=N] [leave=N]
 *
 * Takes all memory that can be had in atomic context, but for leave= pages
 * (default 0), and tries to map a buffer of size= bytes (default 8 MiB; single: 4
 * MiB), which needs page tables that are not there.  That has to fail; nothing
 * of the buffer may be mapped anywhere afterwards, and mapping has to work as
 * soon as there is memory.  The whole range of the device's mask is looked
 * through for that, so it should be small.
 *
 *   scarce [left=N]
 *
 * Takes memory until no more than left= MiB of it are free, and keeps it; without
 * left= gives it back.
 *
 *   hog [times=N] [ms=N] [pause=N]
 *
 * Takes the same memory times= (default 20) times, keeps it for ms= (default 5)
 * and leaves pause= (default 20) ms between.  Who can wait for memory waits until
 * then.
 */

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>
#include <linux/stop_machine.h>
#include <linux/swap.h>

#include "dmatest.h"

/* Until there is none left; @gfp says how deep to reach. */
static void take(struct list_head *pages, gfp_t gfp)
{
	struct page *page;

	while ((page = alloc_page(gfp | __GFP_NOWARN))) {
		list_add(&page->lru, pages);
		if (!irqs_disabled())
			cond_resched();
	}
}

static void give(struct list_head *pages, u64 max)
{
	while (max-- && !list_empty(pages)) {
		struct page *page = list_first_entry(pages, struct page, lru);

		list_del(&page->lru);
		__free_page(page);
		if (!irqs_disabled())
			cond_resched();
	}
}

struct without {
	struct device *dev;
	struct dmt_buf *buf;
	u64 leave;
	int ret;
};

/*
 * All other CPUs stand still: nobody else wants memory meanwhile, and none of them
 * reclaims or frees what the mapping could then have.
 */
static int map_stopped(void *data)
{
	struct without *w = data;
	LIST_HEAD(pages);

	take(&pages, GFP_ATOMIC);
	give(&pages, w->leave);
	w->ret = dmt_buf_map(w->dev, w->buf);
	give(&pages, U64_MAX);
	return 0;
}

/* dma_map_*() with nothing left for it to allocate. */
static int map_without(struct device *dev, struct dmt_buf *buf, u64 leave)
{
	struct without w = { .dev = dev, .buf = buf, .leave = leave };

	return stop_machine(map_stopped, &w, NULL) ?: w.ret;
}

/* Is a page of the buffer mapped anywhere that the device can address? */
static bool is_left(struct dmt_dev *dmt, struct dmt_buf *buf, const char *name,
		    int *ret)
{
	struct device *dev = &dmt->pdev->dev;
	struct dmt_lookup left = {};

	if (!dmt_is_strict(dev))
		msleep(DMT_DRAIN_MS);
	*ret = dmt_lookup_leftovers(dmt, buf, 0, dma_get_mask(dev) >> PAGE_SHIFT,
				    &left);
	return dmt_lookup_show(dmt, name, &left);
}

static int check(struct dmt_dev *dmt, struct dmt_buf *buf, u64 leave)
{
	struct device *dev = &dmt->pdev->dev;
	struct dmt_lookup mapped = {};
	bool bad;
	int ret;

	ret = map_without(dev, buf, leave);
	seq_buf_printf(dmt->out, "refused %d\n", ret);
	if (!ret) {
		dmt_buf_unmap(dev, buf);
		return -EILSEQ;
	}

	bad = is_left(dmt, buf, "left", &ret);
	ret = ret ?: dmt_buf_map(dev, buf);
	seq_buf_printf(dmt->out, "with_memory %d\n", ret);
	if (ret)
		return ret;
	dmt_lookup_mapped(dmt, buf, &mapped);
	dmt_buf_unmap(dev, buf);
	bad |= dmt_lookup_show(dmt, "mapped", &mapped);

	/* What was only queued when it failed is done by now. */
	bad |= is_left(dmt, buf, "late", &ret);
	return ret ?: bad ? -EILSEQ : 0;
}

int dmt_nomem(struct dmt_dev *dmt, const char *args)
{
	struct dmt_buf buf = {
		.kind = DMT_SG, .dir = DMA_BIDIRECTIONAL, .size = SZ_8M,
	};
	struct device *dev = &dmt->pdev->dev;
	u64 leave = 0, size;
	int ret;

	if (dmt_arg_is(args, "kind", "single")) {
		buf.kind = DMT_SINGLE;
		buf.size = SZ_4M;
	}
	size = buf.size;
	dmt_arg_u64(args, "size", &size);
	dmt_arg_u64(args, "leave", &leave);
	if (!size || size > SZ_256M || !dmt_lookup_available(dmt))
		return -EINVAL;
	buf.size = size;
	ret = dmt_buf_alloc(dev, &buf, 1, GFP_KERNEL);
	if (ret)
		return ret;
	ret = check(dmt, &buf, leave);
	dmt_buf_free(dev, &buf);
	return ret;
}

static LIST_HEAD(kept);

void dmt_scarce_end(void)
{
	give(&kept, U64_MAX);
}

int dmt_scarce(struct dmt_dev *dmt, const char *args)
{
	u64 left, nr = 0;

	if (!dmt_arg_u64(args, "left", &left)) {
		dmt_scarce_end();
		return 0;
	}
	while (nr_free_pages() > left << (20 - PAGE_SHIFT)) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NORETRY |
					       __GFP_NOWARN);

		if (!page)
			return -ENOMEM;
		list_add(&page->lru, &kept);
		nr++;
		cond_resched();
	}
	seq_buf_printf(dmt->out, "taken %llu\n", nr);
	return 0;
}

/* Nobody is to be killed for what will be back in a moment. */
static int on_oom(struct notifier_block *nb, unsigned long unused, void *freed)
{
	*(unsigned long *)freed += 1;
	return NOTIFY_OK;
}

int dmt_hog(struct dmt_dev *dmt, const char *args)
{
	struct notifier_block nb = { .notifier_call = on_oom };
	u64 times = 20, ms = 5, pause = 20, i;

	register_oom_notifier(&nb);
	dmt_arg_u64(args, "times", &times);
	dmt_arg_u64(args, "ms", &ms);
	dmt_arg_u64(args, "pause", &pause);
	for (i = 0; i < times && !fatal_signal_pending(current); i++) {
		LIST_HEAD(pages);

		take(&pages, GFP_NOWAIT);
		take(&pages, GFP_ATOMIC);
		msleep(ms);
		give(&pages, U64_MAX);
		msleep(pause);
	}
	unregister_oom_notifier(&nb);
	seq_buf_printf(dmt->out, "times %llu\n", i);
	return 0;
}
