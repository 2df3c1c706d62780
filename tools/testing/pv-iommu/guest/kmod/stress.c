// SPDX-License-Identifier: GPL-2.0-only
/*
 *   stress [seconds=N] [threads=N] [seed=N] [max_kb=N] [live=N] [strict=0|1]
 *
 * Threads, bound to the online CPUs in turn, map and unmap buffers of all
 * kinds and sizes up to max_kb= (default 256) at the same time, a part of them
 * with interrupts off, each keeping up to live= (default 16) mapped.  Where
 * the hypervisor can be asked, each page of each buffer is checked: after the
 * map, again before the unmap, and after it: at once when unmaps are strict,
 * else some of them when the flush queue has had time to drain.  Without
 * strict= the type of the device's domain decides about that.  Meanwhile the
 * device does what reuse.c describes.
 *
 * Fails with -EILSEQ when anything was wrong.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>

#include "dmatest.h"

#define MAX_THREADS	64
#define MAX_LIVE	256
#define NR_GONE		16

struct stress_stats {
	u64 maps;
	u64 atomic_maps;
	u64 unmaps;
	u64 frames;
	u64 alloc_failed;
	u64 map_failed;
	u64 data_bad;
	struct dmt_lookup mapped;
	struct dmt_lookup kept;
	struct dmt_lookup unmapped;
};

struct stress {
	struct dmt_dev *dmt;
	struct device *dev;
	u64 max_bytes;
	unsigned int live;
	bool lookup;
	bool strict;
};

/* A buffer that was unmapped lazily, kept until it has to be out of reach. */
struct gone {
	struct dmt_buf buf;
	struct dmt_frame *frames;
	u64 seed;
	unsigned long due;
};

struct stress_thread {
	const struct stress *st;
	struct task_struct *task;
	struct stress_stats stats;
	u64 random;
	struct dmt_buf *bufs;
	u64 *seeds;
	struct gone gone[NR_GONE];
	unsigned int next_gone;
};

/* Somebody else's pages being ours, too, shows in its first bytes. */
static void check_data(struct stress_thread *t, struct dmt_buf *buf, u64 seed)
{
	size_t first;

	if (dmt_buf_verify(buf, seed, 0, min_t(size_t, buf->size, 64), &first))
		t->stats.data_bad++;
}

/* Nothing may lead to it any more.  It ends here. */
static void check_gone(struct stress_thread *t, struct gone *g)
{
	if (t->st->lookup && g->buf.kind != DMT_COHERENT)
		dmt_lookup_frames(t->st->dmt, g->frames,
				  dmt_buf_nr_frames(&g->buf), g->buf.dir,
				  false, &t->stats.unmapped);
	check_data(t, &g->buf, g->seed);
	dmt_buf_free(t->st->dev, &g->buf);
}

/* In turn, so the next one is the oldest. */
static bool gone_is_free(struct stress_thread *t)
{
	struct gone *g = &t->gone[t->next_gone];

	if (g->buf.allocated && time_after(jiffies, g->due))
		check_gone(t, g);
	return !g->buf.allocated;
}

static void one_unmap(struct stress_thread *t, unsigned int slot)
{
	const struct stress *st = t->st;
	struct dmt_buf *buf = &t->bufs[slot];
	struct gone *g = &t->gone[t->next_gone];
	size_t i;

	t->stats.unmaps++;
	if (st->lookup)
		dmt_lookup_mapped(st->dmt, buf, &t->stats.kept);
	if (!gone_is_free(t)) {
		/* There is not that much memory: a part is checked. */
		if (buf->kind != DMT_COHERENT)
			dmt_buf_unmap(st->dev, buf);
		check_data(t, buf, t->seeds[slot]);
		dmt_buf_free(st->dev, buf);
		return;
	}
	for (i = 0; i < dmt_buf_nr_frames(buf); i++)
		dmt_buf_frame(buf, i, &g->frames[i]);
	if (buf->kind != DMT_COHERENT)
		dmt_buf_unmap(st->dev, buf);
	g->buf = *buf;
	g->seed = t->seeds[slot];
	g->due = jiffies + msecs_to_jiffies(DMT_DRAIN_MS);
	memset(buf, 0, sizeof(*buf));
	if (st->strict || g->buf.kind == DMT_COHERENT)
		check_gone(t, g);
	else
		t->next_gone = (t->next_gone + 1) % NR_GONE;
}

static void one_map(struct stress_thread *t, unsigned int slot)
{
	const struct stress *st = t->st;
	struct dmt_buf *buf = &t->bufs[slot];
	u64 r = dmt_random(&t->random);
	bool atomic = (r >> 60) < 4;
	unsigned long flags = 0;
	int ret;

	memset(buf, 0, sizeof(*buf));
	buf->kind = (r & 15) < 2 ? DMT_COHERENT : (r & 15) < 9 ? DMT_SINGLE : DMT_SG;
	buf->dir = (r >> 4) % 3;	/* bidirectional, to, from device */
	/* All magnitudes alike. */
	buf->size = 1 + dmt_random(&t->random) %
		    (st->max_bytes >> ((r >> 8) % ilog2(st->max_bytes)));
	if (buf->kind == DMT_SINGLE)
		buf->offset = (r >> 16) % 4 ? 0 : (r >> 20) % PAGE_SIZE;

	if (dmt_buf_alloc(st->dev, buf, r, GFP_KERNEL | __GFP_NOWARN)) {
		t->stats.alloc_failed++;
		return;
	}
	t->seeds[slot] = r;
	dmt_buf_fill(buf, r, 0, min_t(size_t, buf->size, 64));

	if (atomic && buf->kind != DMT_COHERENT) {
		local_irq_save(flags);
		ret = dmt_buf_map(st->dev, buf);
		local_irq_restore(flags);
		t->stats.atomic_maps++;
	} else {
		ret = dmt_buf_map(st->dev, buf);
	}
	if (ret) {
		t->stats.map_failed++;
		dmt_buf_free(st->dev, buf);
		return;
	}
	t->stats.maps++;
	t->stats.frames += dmt_buf_nr_frames(buf);
	if (st->lookup)
		dmt_lookup_mapped(st->dmt, buf, &t->stats.mapped);
}

static int stress_fn(void *data)
{
	struct stress_thread *t = data;
	unsigned int slot;

	while (!kthread_should_stop()) {
		slot = dmt_random(&t->random) % t->st->live;
		if (t->bufs[slot].allocated)
			one_unmap(t, slot);
		else
			one_map(t, slot);
		cond_resched();
	}
	for (slot = 0; slot < t->st->live; slot++)
		if (t->bufs[slot].allocated)
			one_unmap(t, slot);
	if (!t->st->strict)
		msleep(DMT_DRAIN_MS);
	for (slot = 0; slot < NR_GONE; slot++)
		if (t->gone[slot].buf.allocated)
			check_gone(t, &t->gone[slot]);
	return 0;
}

static void thread_free(struct stress_thread *t)
{
	unsigned int i;

	kvfree(t->bufs);
	kvfree(t->seeds);
	for (i = 0; i < NR_GONE; i++)
		kvfree(t->gone[i].frames);
}

static int thread_start(struct stress_thread *t, const struct stress *st,
			unsigned int nr, u64 seed)
{
	unsigned int i;

	t->st = st;
	t->random = dmt_mix(seed + nr);
	t->bufs = kvcalloc(st->live, sizeof(*t->bufs), GFP_KERNEL);
	t->seeds = kvcalloc(st->live, sizeof(*t->seeds), GFP_KERNEL);
	if (!t->bufs || !t->seeds)
		return -ENOMEM;
	for (i = 0; i < NR_GONE; i++) {
		t->gone[i].frames = kvcalloc(st->max_bytes / PAGE_SIZE + 2,
					     sizeof(*t->gone[i].frames),
					     GFP_KERNEL);
		if (!t->gone[i].frames)
			return -ENOMEM;
	}
	t->task = kthread_create(stress_fn, t, "dmatest/%u", nr);
	if (IS_ERR(t->task)) {
		int ret = PTR_ERR(t->task);

		t->task = NULL;
		return ret;
	}
	return 0;
}

static void add_lookup(struct dmt_lookup *to, const struct dmt_lookup *from)
{
	to->pages += from->pages;
	to->errors += from->errors;
	if (!to->wrong)
		to->first_wrong_dfn = from->first_wrong_dfn;
	to->wrong += from->wrong;
}

static void add_stats(struct stress_stats *to, const struct stress_stats *from)
{
	to->maps += from->maps;
	to->atomic_maps += from->atomic_maps;
	to->unmaps += from->unmaps;
	to->frames += from->frames;
	to->alloc_failed += from->alloc_failed;
	to->map_failed += from->map_failed;
	to->data_bad += from->data_bad;
	add_lookup(&to->mapped, &from->mapped);
	add_lookup(&to->kept, &from->kept);
	add_lookup(&to->unmapped, &from->unmapped);
}

static int show(struct dmt_dev *dmt, const struct stress *st,
		const struct stress_stats *sum,
		const struct dmt_reuse_stats *reuse, u64 seed)
{
	bool bad = sum->data_bad || sum->unmaps != sum->maps;

	seq_buf_printf(dmt->out, "seed %#llx\nlookup %d\nstrict %d\n", seed,
		       st->lookup, st->strict);
	seq_buf_printf(dmt->out, "maps %llu\natomic_maps %llu\nunmaps %llu\nframes %llu\n",
		       sum->maps, sum->atomic_maps, sum->unmaps, sum->frames);
	seq_buf_printf(dmt->out, "alloc_failed %llu\nmap_failed %llu\ndata_bad %llu\n",
		       sum->alloc_failed, sum->map_failed, sum->data_bad);
	bad |= dmt_lookup_show(dmt, "mapped", &sum->mapped);
	bad |= dmt_lookup_show(dmt, "kept", &sum->kept);
	bad |= dmt_lookup_show(dmt, "unmapped", &sum->unmapped);
	bad |= dmt_reuse_show(dmt, reuse);
	return bad ? -EILSEQ : 0;
}

static int run_threads(struct dmt_dev *dmt, struct stress_thread *t, u64 nr,
		       u64 seconds, u64 seed, struct dmt_reuse_stats *reuse)
{
	int cpu = -1, ret;
	u64 i;

	for (i = 0; i < nr; i++) {
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
		kthread_bind(t[i].task, cpu);
		/* Or one that never ran would vanish with what it points to. */
		get_task_struct(t[i].task);
		wake_up_process(t[i].task);
	}
	ret = dmt_reuse_for(dmt, seconds, seed, reuse);
	for (i = 0; i < nr; i++) {
		kthread_stop(t[i].task);
		put_task_struct(t[i].task);
		t[i].task = NULL;
	}
	return ret;
}

int dmt_stress(struct dmt_dev *dmt, const char *args)
{
	struct stress st = { .dmt = dmt, .dev = &dmt->pdev->dev };
	u64 seconds = 10, nr = num_online_cpus(), seed = 1, max_kb = 256, live = 16;
	u64 i, strict = dmt_is_strict(st.dev);
	struct dmt_reuse_stats reuse = {};
	struct stress_stats sum = {};
	struct stress_thread *t;
	int ret = 0, bad;

	dmt_arg_u64(args, "seconds", &seconds);
	dmt_arg_u64(args, "threads", &nr);
	dmt_arg_u64(args, "seed", &seed);
	dmt_arg_u64(args, "max_kb", &max_kb);
	dmt_arg_u64(args, "live", &live);
	dmt_arg_u64(args, "strict", &strict);
	if (!seconds || seconds > 3600 || !nr || nr > MAX_THREADS || max_kb < 8 ||
	    max_kb > 2048 || !live || live > MAX_LIVE)
		return -EINVAL;
	st.max_bytes = max_kb * 1024;
	st.live = live;
	st.strict = strict;
	st.lookup = dmt_lookup_available(dmt);

	t = kvcalloc(nr, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	for (i = 0; i < nr && !ret; i++)
		ret = thread_start(&t[i], &st, i, seed);
	if (!ret) {
		ret = run_threads(dmt, t, nr, seconds, seed, &reuse);
		for (i = 0; i < nr; i++)
			add_stats(&sum, &t[i].stats);
		bad = show(dmt, &st, &sum, &reuse, seed);
		ret = ret ?: bad;
	}
	for (i = 0; i < nr; i++) {
		if (t[i].task)
			kthread_stop(t[i].task);
		thread_free(&t[i]);
	}
	kvfree(t);
	return ret;
}
