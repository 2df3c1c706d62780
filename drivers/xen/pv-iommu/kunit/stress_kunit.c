// SPDX-License-Identifier: GPL-2.0-only
/*
 * All CPUs work on one domain at once, and hand each other the addresses that
 * they are done with.  Before an address goes to anybody, nothing may be
 * reached at it any more; that is the one rule of lazy unmapping.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/prandom.h>

#include "fixture.h"

#define SLOTS		512
#define SLOT_FRAMES	8
#define QUEUE		24
#define MSECS		1500

/* Where addresses are kept that anybody may take. */
struct pool {
	spinlock_t lock;	/* guards what follows */
	unsigned int free[SLOTS];
	unsigned int nr;
};

struct worker {
	struct stress *s;
	struct task_struct *task;
	struct completion done;
	struct rnd_state rnd;
	unsigned int id;
	unsigned int lazy[QUEUE];
	unsigned int nr_lazy;
	unsigned long rounds;
	unsigned long maps;
	unsigned long bad_mapped;	/* mapped, but not to what it should */
	unsigned long bad_free;		/* free, but something is reached */
	unsigned long excused;		/* which the hypervisor refused */
	unsigned long bad_kept;		/* in quarantine without a reason */
	unsigned long given;		/* frames that were checked */
	unsigned long errors;
};

struct stress {
	struct kunit *test;
	struct model *m;
	struct xpi_domain *d;
	struct pool pool;
	unsigned int nr_workers;
	struct worker *workers;
	unsigned long until;
	bool faults;
};

static int take(struct pool *pool, struct rnd_state *rnd)
{
	int slot = -1;

	spin_lock(&pool->lock);
	if (pool->nr) {
		unsigned int i = prandom_u32_state(rnd) % pool->nr;

		slot = pool->free[i];
		pool->free[i] = pool->free[--pool->nr];
	}
	spin_unlock(&pool->lock);
	return slot;
}

static void check_free(struct worker *w, u64 dfn)
{
	struct model *m = w->s->m;

	w->given++;
	if (xpi_shadow_get(&w->s->d->shadow, dfn) & XPI_SHADOW_QUARANTINED &&
	    !model_doubted(m, dfn))
		w->bad_kept++;
	if (model_access(m, dfn) == MODEL_NOTHING)
		return;
	if (model_excused(m, dfn))
		w->excused++;
	else
		w->bad_free++;
}

/* To be called when nothing may be reached at the address any more. */
static void give(struct worker *w, unsigned int slot)
{
	struct xpi_domain *d = w->s->d;
	struct pool *pool = &w->s->pool;
	unsigned long flags;
	unsigned int i;

	/* Nothing is under way, nor is it queued. */
	spin_lock_irqsave(&d->batch.submit_lock, flags);
	spin_lock(&d->batch.lock);
	for (i = 0; i < SLOT_FRAMES; i++)
		check_free(w, slot * SLOT_FRAMES + i);
	spin_unlock(&d->batch.lock);
	spin_unlock_irqrestore(&d->batch.submit_lock, flags);

	spin_lock(&pool->lock);
	pool->free[pool->nr++] = slot;
	spin_unlock(&pool->lock);
}

static void flush(struct worker *w)
{
	xpi_domain_flush_all(w->s->d);
	while (w->nr_lazy)
		give(w, w->lazy[--w->nr_lazy]);
}

static void unmap(struct worker *w, unsigned int slot, unsigned long nr)
{
	bool lazy = prandom_u32_state(&w->rnd) % 4;
	struct xpi_domain *d = w->s->d;

	if (xpi_domain_unmap(d, slot * SLOT_FRAMES, nr, lazy) != nr)
		w->errors++;
	if (!lazy) {
		xpi_domain_sync(d);
		give(w, slot);
		return;
	}
	w->lazy[w->nr_lazy++] = slot;
	if (w->nr_lazy == QUEUE)
		flush(w);
}

/* One address: map it, look at it, unmap it. */
static void use(struct worker *w, unsigned int slot)
{
	unsigned long pfn = (w->id * SLOTS + slot) * SLOT_FRAMES, mapped, i;
	u64 dfn = slot * SLOT_FRAMES;
	struct xpi_domain *d = w->s->d;
	int ret;

	ret = xpi_domain_map(d, dfn, pfn, SLOT_FRAMES, FIXTURE_RW, GFP_KERNEL,
			     &mapped);
	/* The API may sleep, and go on elsewhere, between the two. */
	if (prandom_u32_state(&w->rnd) % 8 == 0)
		cond_resched();
	ret = ret ?: xpi_domain_sync_map(d, dfn, SLOT_FRAMES);
	if (ret) {
		if (!w->s->faults)
			w->errors++;
		unmap(w, slot, mapped);
		return;
	}
	w->maps++;
	for (i = 0; i < SLOT_FRAMES; i++)
		if (model_access(w->s->m, dfn + i) !=
		    fixture_p2m_entry(pfn + i))
			w->bad_mapped++;
	unmap(w, slot, SLOT_FRAMES);
}

static int work(void *data)
{
	struct worker *w = data;
	int slot;

	/* For the P2M of the test. */
	current->kunit_test = w->s->test;
	while (time_before(jiffies, READ_ONCE(w->s->until))) {
		slot = take(&w->s->pool, &w->rnd);
		if (slot < 0)
			flush(w);
		else
			use(w, slot);
		w->rounds++;
	}
	current->kunit_test = NULL;
	complete(&w->done);
	return 0;
}

static struct stress *start(struct kunit *test, bool faults)
{
	struct stress *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u64 seed = fixture_seed(test);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->test = test;
	s->m = fixture_model(test);
	s->m->caps.flags |= XEN_IOMMU_CAP_list;
	s->d = fixture_domain(test);
	s->faults = faults;
	s->nr_workers = 2 * num_online_cpus();
	s->workers = kunit_kcalloc(test, s->nr_workers, sizeof(*s->workers),
				   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->workers);
	spin_lock_init(&s->pool.lock);
	for (i = 0; i < SLOTS; i++)
		s->pool.free[s->pool.nr++] = i;

	s->until = jiffies + msecs_to_jiffies(MSECS);
	for (i = 0; i < s->nr_workers; i++) {
		struct worker *w = &s->workers[i];

		w->s = s;
		w->id = i;
		init_completion(&w->done);
		prandom_seed_state(&w->rnd, seed + i);
		w->task = kthread_run_on_cpu(work, w, i % num_online_cpus(),
					     "xpi-stress/%u");
		KUNIT_ASSERT_FALSE(test, IS_ERR(w->task));
	}
	return s;
}

static unsigned long finish(struct stress *s)
{
	unsigned long bad_mapped = 0, bad_free = 0, errors = 0, rounds = 0;
	unsigned long maps = 0, excused = 0, bad_kept = 0, given = 0;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++) {
		struct worker *w = &s->workers[i];

		wait_for_completion(&w->done);
		bad_mapped += w->bad_mapped;
		bad_free += w->bad_free;
		errors += w->errors;
		rounds += w->rounds;
		maps += w->maps;
		excused += w->excused;
		bad_kept += w->bad_kept;
		given += w->given;
	}
	kunit_info(s->test, "%u threads, %lu rounds, %lu mapped, %u calls",
		   s->nr_workers, rounds, maps, s->m->calls);
	kunit_info(s->test, "%lu frames handed on, %lu of them excused", given,
		   excused);
	KUNIT_EXPECT_LE(s->test, excused, s->faults ? given / 16 : 0);
	KUNIT_EXPECT_EQ(s->test, 0UL, bad_kept);
	KUNIT_EXPECT_EQ(s->test, 0UL, bad_mapped);
	KUNIT_EXPECT_EQ(s->test, 0UL, bad_free);
	KUNIT_EXPECT_EQ(s->test, 0UL, errors);
	KUNIT_EXPECT_EQ(s->test, 0U, s->m->stale);
	KUNIT_EXPECT_EQ(s->test, 0U, s->m->not_preset);
	KUNIT_EXPECT_GT(s->test, maps, 100UL);
	return maps;
}

static void expect_empty(struct stress *s)
{
	xpi_domain_flush_all(s->d);
	KUNIT_EXPECT_EQ(s->test, 0UL, model_nr_stale(s->m));
	KUNIT_EXPECT_EQ(s->test, 0UL, model_nr_mapped(s->m));
	KUNIT_EXPECT_EQ(s->test, 0UL, model_nr_refs(s->m));
	KUNIT_EXPECT_EQ(s->test, 0UL, s->d->nr_refused);
}

static void all_cpus_map_and_unmap(struct kunit *test)
{
	u64 ops_map = xpi_counted(XPI_OPS_MAP);
	u64 ops_unmap = xpi_counted(XPI_OPS_UNMAP) +
			xpi_counted(XPI_OPS_UNMAP_LAZY);
	u64 ops_flush = xpi_counted(XPI_OPS_FLUSH);
	u64 frames = xpi_counted(XPI_FRAMES_MAP);
	u64 queued = xpi_counted(XPI_QUEUED_UNMAPS);
	struct stress *s = start(test, false);
	unsigned long maps;

	maps = finish(s);
	expect_empty(s);

	/* No operation was lost, and none was made twice. */
	KUNIT_EXPECT_EQ(test, ops_map + s->m->ops[XEN_IOMMUOP_map],
			xpi_counted(XPI_OPS_MAP));
	KUNIT_EXPECT_EQ(test, ops_unmap + s->m->ops[XEN_IOMMUOP_unmap],
			xpi_counted(XPI_OPS_UNMAP) +
			xpi_counted(XPI_OPS_UNMAP_LAZY));
	KUNIT_EXPECT_EQ(test, ops_flush + s->m->ops[XEN_IOMMUOP_flush],
			xpi_counted(XPI_OPS_FLUSH));
	KUNIT_EXPECT_EQ(test, frames + maps * SLOT_FRAMES,
			xpi_counted(XPI_FRAMES_MAP));
	KUNIT_EXPECT_EQ(test, queued, xpi_counted(XPI_QUEUED_UNMAPS));
}

static void all_cpus_work_while_the_hypervisor_fails(struct kunit *test)
{
	static const int errors[] = { -EAGAIN, -ENOMEM, -EPERM, -EIO, -EFAULT };
	struct stress *s = start(test, true);
	struct rnd_state rnd;
	unsigned int n;

	prandom_seed_state(&rnd, fixture_seed(test));
	for (n = 0; time_before(jiffies, s->until); n++) {
		struct model_fault f = {
			.kind = prandom_u32_state(&rnd) % MODEL_NR_KINDS,
			.after = prandom_u32_state(&rnd) % 32,
			.times = 1 + prandom_u32_state(&rnd) % 3,
			.err = errors[prandom_u32_state(&rnd) %
				      ARRAY_SIZE(errors)],
		};

		if (f.kind == MODEL_NO_FLUSH)
			f.err = -EIO;
		model_heal(s->m);
		spin_lock_irq(&s->m->lock);
		model_fail(s->m, f);
		spin_unlock_irq(&s->m->lock);
		/* However seldom a busy host lets us come to it. */
		if (n < 20)
			WRITE_ONCE(s->until, jiffies + msecs_to_jiffies(MSECS));
		usleep_range(1000, 3000);
	}
	model_heal(s->m);
	finish(s);

	/* Nothing stays in quarantine once nothing fails. */
	for (n = 0; n < SLOTS; n++) {
		fixture_map_ok(test, s->d, n * SLOT_FRAMES, 0, SLOT_FRAMES);
		fixture_unmap_strict(test, s->d, n * SLOT_FRAMES, SLOT_FRAMES);
	}
	KUNIT_EXPECT_FALSE(test, s->d->batch.flush_failed);
	expect_empty(s);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(all_cpus_map_and_unmap),
	KUNIT_CASE_SLOW(all_cpus_work_while_the_hypervisor_fails),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-stress",
	.init = fixture_init_both,
	.exit = fixture_exit_both,
	.test_cases = cases,
};

kunit_test_suite(suite);
