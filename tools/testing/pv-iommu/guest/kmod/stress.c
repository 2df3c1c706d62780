// SPDX-License-Identifier: GPL-2.0-only
/*
 *   stress [seconds=N] [threads=N] [seed=N] [max_kb=N] [live=N] [strict=0|1]
 *
 * Threads, bound to the online CPUs in turn, map and unmap buffers of all
 * kinds and sizes up to max_kb= (default 256) at the same time, a part of them
 * with interrupts off, each keeping up to live= (default 16) mapped.  Where
 * the hypervisor can be asked, each page of each buffer is checked: after the
 * map, again before the unmap, and, when unmaps are strict, after it.  Without
 * strict= the type of the device's domain decides about that.
 *
 * Fails with -EILSEQ when anything was wrong.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/iommu.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>

#include "dmatest.h"

#define MAX_THREADS	64
#define MAX_LIVE	256

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
	struct device *dev;
	u64 max_bytes;
	unsigned int live;
	bool lookup;
	bool strict;
};

struct stress_thread {
	const struct stress *st;
	struct task_struct *task;
	struct stress_stats stats;
	u64 random;
	struct dmt_buf *bufs;
	u64 *seeds;
	u64 *dfns;
};

static void one_unmap(struct stress_thread *t, unsigned int slot)
{
	const struct stress *st = t->st;
	struct dmt_buf *buf = &t->bufs[slot];
	size_t first;

	if (st->lookup)
		dmt_lookup_mapped(buf, &t->stats.kept);
	if (buf->kind != DMT_COHERENT) {
		if (st->lookup && st->strict)
			dmt_buf_dfns(buf, t->dfns);
		dmt_buf_unmap(st->dev, buf);
		if (st->lookup && st->strict)
			dmt_lookup_unmapped(buf, t->dfns, &t->stats.unmapped);
	}
	/* Somebody else's pages being ours, too, shows here. */
	if (dmt_buf_verify(buf, t->seeds[slot], 0, min_t(size_t, buf->size, 64),
			   &first))
		t->stats.data_bad++;
	t->stats.unmaps++;
	dmt_buf_free(st->dev, buf);
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
		dmt_lookup_mapped(buf, &t->stats.mapped);
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
	return 0;
}

static void thread_free(struct stress_thread *t)
{
	kvfree(t->bufs);
	kvfree(t->seeds);
	kvfree(t->dfns);
}

static int thread_start(struct stress_thread *t, const struct stress *st,
			unsigned int nr, u64 seed)
{
	t->st = st;
	t->random = dmt_mix(seed + nr);
	t->bufs = kvcalloc(st->live, sizeof(*t->bufs), GFP_KERNEL);
	t->seeds = kvcalloc(st->live, sizeof(*t->seeds), GFP_KERNEL);
	t->dfns = kvcalloc(st->max_bytes / PAGE_SIZE + 2, sizeof(*t->dfns),
			   GFP_KERNEL);
	if (!t->bufs || !t->seeds || !t->dfns)
		return -ENOMEM;
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

static bool show_lookup(struct dmt_dev *dmt, const char *name,
			const struct dmt_lookup *res)
{
	seq_buf_printf(dmt->out, "%s_pages %llu\n%s_wrong %llu\n%s_errors %llu\n",
		       name, res->pages, name, res->wrong, name, res->errors);
	if (res->wrong)
		seq_buf_printf(dmt->out, "%s_first_wrong_dfn %#llx\n", name,
			       res->first_wrong_dfn);
	return res->wrong || res->errors;
}

static int show(struct dmt_dev *dmt, const struct stress *st,
		const struct stress_stats *sum, u64 seed)
{
	bool bad = sum->data_bad || sum->unmaps != sum->maps;

	seq_buf_printf(dmt->out, "seed %#llx\nlookup %d\nstrict %d\n", seed,
		       st->lookup, st->strict);
	seq_buf_printf(dmt->out, "maps %llu\natomic_maps %llu\nunmaps %llu\nframes %llu\n",
		       sum->maps, sum->atomic_maps, sum->unmaps, sum->frames);
	seq_buf_printf(dmt->out, "alloc_failed %llu\nmap_failed %llu\ndata_bad %llu\n",
		       sum->alloc_failed, sum->map_failed, sum->data_bad);
	bad |= show_lookup(dmt, "mapped", &sum->mapped);
	bad |= show_lookup(dmt, "kept", &sum->kept);
	bad |= show_lookup(dmt, "unmapped", &sum->unmapped);
	return bad ? -EILSEQ : 0;
}

static bool domain_is_strict(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type == IOMMU_DOMAIN_DMA;
}

static void run_threads(struct stress_thread *t, u64 nr, u64 seconds)
{
	int cpu = -1;
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
	schedule_timeout_interruptible(seconds * HZ);
	for (i = 0; i < nr; i++) {
		kthread_stop(t[i].task);
		put_task_struct(t[i].task);
		t[i].task = NULL;
	}
}

int dmt_stress(struct dmt_dev *dmt, const char *args)
{
	struct stress st = { .dev = &dmt->pdev->dev };
	u64 seconds = 10, nr = num_online_cpus(), seed = 1, max_kb = 256, live = 16;
	u64 i, strict = domain_is_strict(st.dev);
	struct stress_stats sum = {};
	struct stress_thread *t;
	int ret = 0;

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
	st.lookup = dmt_lookup_available();

	t = kvcalloc(nr, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	for (i = 0; i < nr && !ret; i++)
		ret = thread_start(&t[i], &st, i, seed);
	if (!ret) {
		run_threads(t, nr, seconds);
		for (i = 0; i < nr; i++)
			add_stats(&sum, &t[i].stats);
		ret = show(dmt, &st, &sum, seed);
	}
	for (i = 0; i < nr; i++) {
		if (t[i].task)
			kthread_stop(t[i].task);
		thread_free(&t[i]);
	}
	kvfree(t);
	return ret;
}
