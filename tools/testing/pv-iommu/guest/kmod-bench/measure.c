// SPDX-License-Identifier: GPL-2.0-only
/* Samples, and what is made of them. */

#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/sort.h>

#include "bench.h"

/* What is mapped at a time: xen-swiotlb has 64 MiB, for all devices. */
#define MAX_MAPPED	SZ_16M

/* Thousandths, because a batch can be much faster than its clock's tick. */
u64 bench_ps(u64 ns, u64 ops)
{
	return div64_u64(ns * 1000, ops);
}

/* How many mappings of so many bytes there can be at a time. */
unsigned int bench_depth(const struct bench *b, u64 bytes)
{
	return clamp_t(u64, div64_u64(MAX_MAPPED, bytes), 1, b->batch);
}

static int sample_pairs(struct bench *b, u64 i)
{
	u64 begin, end;
	int ret;

	begin = ktime_get_ns();
	bench_counted_from_here();
	ret = b->how->pairs(b);
	bench_counted_to_here();
	end = ktime_get_ns();

	b->ps[BENCH_PAIR][i] = bench_ps(end - begin, b->batch);
	b->ops += b->batch;
	return ret;
}

static int sample_halves(struct bench *b, u64 i)
{
	u64 begin, middle, end;
	int ret;

	begin = ktime_get_ns();
	ret = b->how->map(b);
	middle = ktime_get_ns();
	if (ret)
		return ret;
	ret = b->how->unmap(b);
	end = ktime_get_ns();

	b->ps[BENCH_MAP][i] = bench_ps(middle - begin, b->depth);
	b->ps[BENCH_UNMAP][i] = bench_ps(end - middle, b->depth);
	if (!b->how->pairs)
		b->ps[BENCH_PAIR][i] = bench_ps(end - begin, b->depth);
	b->ops += b->depth;
	return ret;
}

static int pass(struct bench *b, int (*sample)(struct bench *b, u64 i))
{
	u64 i;
	int ret;

	for (i = 0; i < BENCH_WARM_UP + b->iters; i++) {
		if (i == BENCH_WARM_UP)
			b->late_first = xchg(&b->late, 0);
		/* The first real sample overwrites those of the warm-up. */
		ret = sample(b, i < BENCH_WARM_UP ? 0 : i - BENCH_WARM_UP);
		if (ret)
			return ret;
		cond_resched();
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}

int bench_measure(struct bench *b)
{
	int ret = 0;

	if (b->how->pairs)
		ret = pass(b, sample_pairs);
	if (!ret && b->how->map)
		ret = pass(b, sample_halves);
	return ret;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void put(struct seq_buf *out, const char *key, const struct bench *b,
		enum bench_what what, unsigned int percent)
{
	u64 i = div_u64((b->iters - 1) * percent, 100);
	u32 rest;
	u64 ns = div_u64_rem(b->ps[what][i], 1000, &rest);

	seq_buf_printf(out, "%s %llu.%03u\n", key, ns, rest);
}

void bench_report(struct bench *b, struct seq_buf *out)
{
	unsigned int i;

	for (i = 0; i < BENCH_NR; i++)
		sort(b->ps[i], b->iters, sizeof(*b->ps[i]), compare, NULL);

	put(out, "ns", b, BENCH_PAIR, 50);
	put(out, "p10", b, BENCH_PAIR, 10);
	put(out, "p90", b, BENCH_PAIR, 90);
	put(out, "min", b, BENCH_PAIR, 0);
	if (b->how->map) {
		put(out, "map_ns", b, BENCH_MAP, 50);
		put(out, "unmap_ns", b, BENCH_UNMAP, 50);
	}
	seq_buf_printf(out, "iters %llu\nops %llu\n", b->iters, b->ops);
	if (b->every)
		seq_buf_printf(out, "late %llu\nlate_first %llu\nfired %llu\n",
			       b->late, b->late_first, b->fired);
	if (b->dma != DMA_MAPPING_ERROR)
		seq_buf_printf(out, "dma %#llx\n", (u64)b->dma);
}
