// SPDX-License-Identifier: GPL-2.0-only
/*
 *   reuse [seconds=N] [seed=N]
 *
 * Maps one small buffer after the other, whose addresses come back again and
 * again, and has the device write into each.  After unmapping, a buffer is kept
 * for a while, filled with a pattern of its own: no byte of it may change, even
 * though the device, and the IOMMU's cache, know its address, and write there for
 * another buffer.  Fails with -EILSEQ when one changed, or when a write did not
 * arrive.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>

#include "dmatest.h"
#include "edu.h"

#define KEPT	64

struct kept {
	struct dmt_buf buf;
	dma_addr_t dma;
	u64 poison;
};

struct reuse {
	struct dmt_dev *dmt;
	struct dmt_reuse_stats *stats;
	u64 random;
	struct kept kept[KEPT];
};

static void bury(struct kept *k, u64 poison)
{
	k->dma = k->buf.dma;
	k->poison = poison;
	dmt_buf_fill(&k->buf, poison, 0, k->buf.size);
}

static void dig_up(struct reuse *r, struct kept *k)
{
	size_t first;

	if (!k->buf.allocated)
		return;
	if (dmt_buf_verify(&k->buf, k->poison, 0, k->buf.size, &first))
		r->stats->strays++;
	dmt_buf_free(&r->dmt->pdev->dev, &k->buf);
}

static bool known(struct reuse *r, const struct kept *now)
{
	unsigned int i;

	for (i = 0; i < KEPT; i++)
		if (&r->kept[i] != now && r->kept[i].buf.allocated &&
		    r->kept[i].dma == now->buf.dma)
			return true;
	return false;
}

/* The device writes pattern @seed, which it has, to @off; did it arrive? */
static bool arrives(struct reuse *r, struct dmt_buf *buf, u64 seed, size_t off,
		    unsigned int len)
{
	size_t i;

	if (dmt_edu_copy(r->dmt, buf->dma + off, len, true))
		return false;
	dmt_buf_sync(&r->dmt->pdev->dev, buf, true);
	for (i = 0; i < len; i++)
		if (*dmt_buf_ptr(buf, off + i) != dmt_pattern(seed, i))
			return false;
	return true;
}

static void one_round(struct reuse *r, struct kept *k, u64 seed)
{
	struct device *dev = &r->dmt->pdev->dev;
	u64 random = dmt_random(&r->random);
	size_t off;
	unsigned int len;

	dig_up(r, k);
	k->buf.kind = DMT_SINGLE;
	k->buf.dir = DMA_FROM_DEVICE;
	k->buf.size = PAGE_SIZE << (random % 3);
	if (dmt_buf_alloc(dev, &k->buf, 0, GFP_KERNEL | __GFP_NOWARN)) {
		r->stats->failed++;
		return;
	}
	if (dmt_buf_map(dev, &k->buf)) {
		r->stats->failed++;
		dmt_buf_free(dev, &k->buf);
		return;
	}
	r->stats->reused += known(r, k);
	len = 1 + (random >> 8) % EDU_MAX_COPY;
	off = (random >> 24) % (k->buf.size - len);
	if (!arrives(r, &k->buf, seed, off, len))
		r->stats->missed++;
	dmt_buf_unmap(dev, &k->buf);
	bury(k, random);
	r->stats->rounds++;
}

/**
 * dmt_reuse_for() - what is described above
 * @dmt: the device
 * @seconds: how long
 * @seed: decides about sizes and places
 * @stats: counts of this are added
 *
 * Context: Process context, @dmt->lock held.
 * Return: 0 or a negative errno when it could not be done.
 */
int dmt_reuse_for(struct dmt_dev *dmt, unsigned int seconds, u64 seed,
		  struct dmt_reuse_stats *stats)
{
	unsigned long end = jiffies + seconds * HZ;
	struct reuse *r;
	unsigned int i;
	int ret;

	r = kvzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->dmt = dmt;
	r->stats = stats;
	r->random = seed;
	/* What the device writes stays in it, so that a round costs one copy. */
	for (i = 0; i < EDU_MAX_COPY; i++)
		((u8 *)dmt->scratch)[i] = dmt_pattern(seed, i);
	ret = dmt_edu_copy(dmt, dmt->scratch_dma, EDU_MAX_COPY, false);
	for (i = 0; !ret && time_before(jiffies, end); i++) {
		one_round(r, &r->kept[i % KEPT], seed);
		/* Or the flush queue has the address when the next one asks. */
		msleep(20);
	}
	for (i = 0; i < KEPT; i++)
		dig_up(r, &r->kept[i]);
	kvfree(r);
	return ret;
}

/* Returns whether anything was wrong. */
bool dmt_reuse_show(struct dmt_dev *dmt, const struct dmt_reuse_stats *stats)
{
	seq_buf_printf(dmt->out, "rounds %llu\nreused %llu\nfailed %llu\n",
		       stats->rounds, stats->reused, stats->failed);
	seq_buf_printf(dmt->out, "missed %llu\nstrays %llu\n", stats->missed,
		       stats->strays);
	return stats->failed || stats->missed || stats->strays;
}

int dmt_reuse(struct dmt_dev *dmt, const char *args)
{
	struct dmt_reuse_stats stats = {};
	u64 seconds = 10, seed = 1;
	int ret;

	dmt_arg_u64(args, "seconds", &seconds);
	dmt_arg_u64(args, "seed", &seed);
	if (!seconds || seconds > 3600)
		return -EINVAL;
	ret = dmt_reuse_for(dmt, seconds, seed, &stats);
	return dmt_reuse_show(dmt, &stats) ? -EILSEQ : ret;
}
