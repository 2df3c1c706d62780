// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several CPUs at a time, each with a buffer of its own.  A sample is the time
 * from when all were there to when the last of them had done its batch.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bench.h"

struct bench_worker {
	struct bench_crew *crew;
	struct task_struct *task;
	void *mem;
	dma_addr_t dma;
	u64 *begin;		/* iters of each */
	u64 *end;
};

struct bench_crew {
	struct bench *b;
	struct completion done;
	atomic64_t arrived;
	bool stop;
	unsigned int nr;
	struct bench_worker worker[] __counted_by(nr);
};

/* Wait for the others; false when all is to end. */
static bool meet(struct bench_crew *crew, u64 round)
{
	u64 all = (round + 1) * crew->nr;

	/* Sleeping would have them begin one after the other. */
	atomic64_inc(&crew->arrived);
	while (atomic64_read(&crew->arrived) < all) {
		if (READ_ONCE(crew->stop))
			return false;
		cpu_relax();
		cond_resched();
	}
	return true;
}

static int work(void *data)
{
	struct bench_worker *w = data;
	struct bench *b = w->crew->b;
	u64 round, i;
	int ret = 0;

	for (round = 0; round < BENCH_WARM_UP + b->iters; round++) {
		if (!meet(w->crew, round))
			break;
		i = round < BENCH_WARM_UP ? 0 : round - BENCH_WARM_UP;
		w->begin[i] = ktime_get_ns();
		ret = bench_map_unmap(b, w->mem, &w->dma);
		w->end[i] = ktime_get_ns();
		if (ret) {
			WRITE_ONCE(w->crew->stop, true);
			break;
		}
		cond_resched();
	}
	complete(&w->crew->done);
	return ret;
}

static int worker_init(struct bench *b, struct bench_worker *w,
		       unsigned int cpu)
{
	struct task_struct *task;

	w->dma = DMA_MAPPING_ERROR;
	w->begin = kvcalloc(b->iters, sizeof(*w->begin), GFP_KERNEL);
	w->end = kvcalloc(b->iters, sizeof(*w->end), GFP_KERNEL);
	w->mem = alloc_pages_exact(b->size,
				   GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!w->begin || !w->end || !w->mem)
		return -ENOMEM;
	task = kthread_create(work, w, "pviommu-bench/%u", cpu);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	/* It may be gone before it is told to stop. */
	w->task = get_task_struct(task);
	return 0;
}

static int bench_threads_prepare(struct bench *b)
{
	unsigned int i, cpu = cpumask_first(cpu_online_mask);
	struct bench_crew *crew;
	int ret = 0;

	/* Two on one CPU would wait for each other. */
	if (!b->n || b->n > num_online_cpus() || !b->size || b->size > SZ_1M)
		return -EINVAL;
	crew = kvzalloc(struct_size(crew, worker, b->n), GFP_KERNEL);
	if (!crew)
		return -ENOMEM;
	b->priv = crew;
	crew->b = b;
	crew->nr = b->n;
	init_completion(&crew->done);
	for (i = 0; !ret && i < crew->nr; i++) {
		crew->worker[i].crew = crew;
		ret = worker_init(b, &crew->worker[i], cpu);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	return ret;
}

/* 0, or what the thread failed with; one that never ran does not count. */
static int worker_stop(struct bench_worker *w)
{
	int ret;

	if (!w->task)
		return 0;
	ret = kthread_stop(w->task);
	put_task_struct(w->task);
	w->task = NULL;
	return ret;
}

static void bench_threads_release(struct bench *b)
{
	struct bench_crew *crew = b->priv;
	unsigned int i;

	for (i = 0; crew && i < crew->nr; i++) {
		struct bench_worker *w = &crew->worker[i];

		worker_stop(w);
		if (w->mem)
			free_pages_exact(w->mem, b->size);
		kvfree(w->begin);
		kvfree(w->end);
	}
	kvfree(crew);
}

static void evaluate(struct bench *b, struct bench_crew *crew)
{
	unsigned int t;
	u64 i;

	for (i = 0; i < b->iters; i++) {
		u64 begin = crew->worker[0].begin[i];
		u64 end = crew->worker[0].end[i];

		for (t = 1; t < crew->nr; t++) {
			begin = min(begin, crew->worker[t].begin[i]);
			end = max(end, crew->worker[t].end[i]);
		}
		b->ps[BENCH_PAIR][i] = bench_ps(end - begin,
						crew->nr * b->batch);
	}
	b->ops = (BENCH_WARM_UP + b->iters) * crew->nr * b->batch;
	b->dma = crew->worker[0].dma;
}

static int bench_threads_measure(struct bench *b)
{
	struct bench_crew *crew = b->priv;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < crew->nr; i++)
		wake_up_process(crew->worker[i].task);
	for (i = 0; i < crew->nr; i++) {
		if (!wait_for_completion_interruptible(&crew->done))
			continue;
		WRITE_ONCE(crew->stop, true);
		ret = -EINTR;
		break;
	}
	for (i = 0; i < crew->nr; i++) {
		int failed = worker_stop(&crew->worker[i]);

		ret = ret ?: failed;
	}
	if (!ret)
		evaluate(b, crew);
	return ret;
}

const struct bench_case bench_threads = {
	.name = "threads",
	.prepare = bench_threads_prepare,
	.release = bench_threads_release,
	.measure = bench_threads_measure,
};
