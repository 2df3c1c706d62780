// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue: who waits for whose call.  As many CPUs as there are, up to eight, share
 * one domain, over a hypervisor whose call takes as long as the others need to queue
 * something.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/smp.h>

#include "fixture.h"

#define THREADS		8U
#define ROUNDS		25U
/* Even where the host has fewer CPUs than the machine. */
#define PATIENCE_MS	5000

/**
 * struct crowd - threads that all map and wait
 * @test: the test
 * @d: their domain
 * @busy: threads that are not at the end
 * @undone: operations that are queued and not done; each thread has one at most
 * @calls: that have ended
 * @ops: operations in them
 * @left_behind: of the operations that were queued when a call ended, those that the
 *	next one did not have
 * @waiting: operations that were queued when a call ended
 * @stuck: calls that gave up to wait for threads which ought to have come back
 * @behind: operations that the next call has to have
 */
struct crowd {
	struct kunit *test;
	struct xpi_domain *d;
	atomic_t busy;
	atomic_t undone;
	unsigned int calls;
	unsigned int ops;
	unsigned int left_behind;
	unsigned int waiting;
	unsigned int stuck;
	unsigned int behind;
};

struct person {
	struct crowd *crowd;
	struct completion done;
	unsigned int id;
	unsigned int longest;	/* calls that ended while it waited once */
	unsigned int errors;
};

static struct crowd *the_crowd;

/* With the submit lock held, which guards what is counted here. */
static int slow_submit(struct xen_iommu_op *ops, unsigned int nr)
{
	struct crowd *c = the_crowd;
	ktime_t until = ktime_add_ms(ktime_get(), PATIENCE_MS);
	unsigned int i;

	c->ops += nr;
	if (nr < c->behind)
		c->left_behind += c->behind - nr;

	/* Who was in the call before has left, and come back, by then. */
	while (atomic_read(&c->undone) < atomic_read(&c->busy)) {
		if (ktime_after(ktime_get(), until)) {
			c->stuck++;
			break;
		}
		cpu_relax();
	}

	for (i = 0; i < nr; i++)
		ops[i].status = 0;
	WRITE_ONCE(c->calls, c->calls + 1);
	c->behind = atomic_sub_return(nr, &c->undone);
	c->waiting += c->behind;
	return 0;
}

static void slow_relax(void)
{
	cpu_relax();
}

static const struct xpi_backend slow_backend = {
	.submit = slow_submit, .relax = slow_relax,
};

static int join_in(void *data)
{
	struct person *p = data;
	struct crowd *c = p->crowd;
	unsigned int i, before;

	/* For the P2M of the test. */
	current->kunit_test = c->test;
	for (i = 0; i < ROUNDS; i++) {
		unsigned long dfn = p->id * ROUNDS + i, mapped;

		before = READ_ONCE(c->calls);
		if (xpi_domain_map(c->d, dfn, dfn, 1, FIXTURE_RW, GFP_KERNEL,
				   &mapped))
			p->errors++;
		atomic_inc(&c->undone);
		if (xpi_domain_sync_map(c->d, dfn, 1))
			p->errors++;
		p->longest = max(p->longest, READ_ONCE(c->calls) - before);
	}
	atomic_dec(&c->busy);
	current->kunit_test = NULL;
	complete(&p->done);
	return 0;
}

static void crowd_gathers(struct kunit *test, struct crowd *c, unsigned int nr,
			  struct person *people)
{
	unsigned int i;

	c->test = test;
	c->d = fixture_domain(test);
	/* Tables, which no thread is to wait for. */
	for (i = 0; i < nr * ROUNDS; i++)
		fixture_map_ok(test, c->d, i, i, 1);
	fixture_unmap_strict(test, c->d, 0, nr * ROUNDS);
	atomic_set(&c->busy, nr);
	the_crowd = c;
	c->d->batch.backend = &slow_backend;

	for (i = 0; i < nr; i++) {
		struct task_struct *t;

		people[i].crowd = c;
		people[i].id = i;
		init_completion(&people[i].done);
		t = kthread_run_on_cpu(join_in, &people[i],
				       cpumask_nth(i, cpu_online_mask),
				       "xpi-wait/%u");
		KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	}
	for (i = 0; i < nr; i++)
		wait_for_completion(&people[i].done);
	c->d->batch.backend = &model_backend;
}

/*
 * All that wait when a call ends are in the next; all whose call has ended leave at
 * once, also while the next is under way; and so two calls are enough for everybody
 * to have had a turn.
 */
static void all_who_wait_share_the_next_call(struct kunit *test)
{
	unsigned int nr = min(THREADS, num_online_cpus()), i;
	u64 most = xpi_counted(XPI_WAITED_CALLS);
	struct person people[THREADS] = {};
	struct crowd c = {};

	fixture_needs_two_cpus(test);
	crowd_gathers(test, &c, nr, people);
	kunit_info(test, "%u threads, %u operations in %u calls; %u waited for the next call, %u of them longer",
		   nr, c.ops, c.calls, c.waiting, c.left_behind);

	KUNIT_EXPECT_EQ(test, 0U, c.stuck);
	KUNIT_EXPECT_EQ(test, nr * ROUNDS, c.ops);
	KUNIT_EXPECT_EQ(test, 0U, c.left_behind);
	KUNIT_EXPECT_GT(test, c.waiting, 0U);
	KUNIT_EXPECT_LE(test, c.calls, 2 * ROUNDS + nr);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, 0U, people[i].errors);
		KUNIT_EXPECT_LE(test, people[i].longest, 2U);
	}
	KUNIT_EXPECT_LE(test, xpi_counted(XPI_WAITED_CALLS), max(most, 2ULL));
}

/**
 * struct interrupted - somebody who waits, and is interrupted
 * @d: the domain
 * @cpu: on which
 * @csd: the interrupt
 * @came: that it came
 * @in_time: it did while the call was under way
 */
struct interrupted {
	struct xpi_domain *d;
	int cpu;
	call_single_data_t csd;
	atomic_t came;
	bool in_time;
};

static void interrupt(void *data)
{
	struct interrupted *w = data;

	atomic_set(&w->came, 1);
}

static void wait_for_flush(void *data)
{
	struct interrupted *w = data;

	WRITE_ONCE(w->cpu, raw_smp_processor_id());
	xpi_domain_flush_all(w->d);
}

static void interrupt_it(void *data)
{
	struct interrupted *w = data;
	unsigned int i;

	INIT_CSD(&w->csd, interrupt, w);
	smp_call_function_single_async(READ_ONCE(w->cpu), &w->csd);
	for (i = 0; i < PATIENCE_MS && !atomic_read(&w->came); i++)
		mdelay(1);
	w->in_time = atomic_read(&w->came);
}

static void who_waits_can_be_interrupted(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct interrupted w = { .d = d };
	struct fixture_race race = {
		.work = wait_for_flush, .during = interrupt_it, .data = &w,
	};

	fixture_map_ok(test, d, 100, 1000, 8);
	KUNIT_ASSERT_EQ(test, 8UL, xpi_domain_unmap(d, 100, 8, true));
	fixture_race_begin(test, &race, 1);
	xpi_domain_flush_all(d);
	fixture_race_end(test, &race);
	KUNIT_EXPECT_TRUE(test, w.in_time);
}

static void other_maps(void *data)
{
	unsigned long mapped;

	xpi_domain_map(data, 200, 2000, 8, FIXTURE_RW, GFP_KERNEL, &mapped);
}

/* Mapping would have to wait for a flush that succeeds. */
static void other_unmaps(void *data)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		xpi_domain_unmap(data, 200 + i, 1, true);
}

/* The queue lock is free during every call, those that mend something included. */
static void others_queue_while_a_call_is_made_again(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	struct fixture_race race = {
		.work = other_maps, .data = d, .free = true,
	};

	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_map, .times = 1,
		.err = -EAGAIN,
	});
	/* In the second call, for the first operation. */
	fixture_race_begin(test, &race, 8);
	fixture_map_ok(test, d, 100, 1000, 8);
	fixture_race_end(test, &race);
	KUNIT_EXPECT_EQ(test, 2U, m->calls);
	KUNIT_EXPECT_EQ(test, 0, xpi_domain_sync_map(d, 200, 8));
	KUNIT_EXPECT_EQ(test, 16UL, model_nr_mapped(m));
}

static void others_queue_while_a_flush_is_made_up_for(struct kunit *test)
{
	struct xpi_domain *d = fixture_domain(test);
	struct model *m = fixture_model(test);
	struct fixture_race race = {
		.work = other_unmaps, .data = d, .free = true,
	};

	fixture_map_ok(test, d, 200, 2000, 8);
	fixture_map_ok(test, d, 100, 1000, 1);
	KUNIT_ASSERT_EQ(test, 1UL, xpi_domain_unmap(d, 100, 1, true));
	model_fail(m, (struct model_fault) {
		.kind = MODEL_STATUS, .op = XEN_IOMMUOP_flush, .times = 1,
		.err = -EIO,
	});
	/* After the unmap and the flush that fails. */
	fixture_race_begin(test, &race, 2);
	xpi_domain_flush_all(d);
	fixture_race_end(test, &race);
	KUNIT_EXPECT_EQ(test, 2U, m->ops[XEN_IOMMUOP_flush]);
	KUNIT_EXPECT_EQ(test, 0UL, model_nr_stale(m));
	KUNIT_EXPECT_EQ(test, 8U, d->batch.nr);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(all_who_wait_share_the_next_call),
	KUNIT_CASE(who_waits_can_be_interrupted),
	KUNIT_CASE(others_queue_while_a_call_is_made_again),
	KUNIT_CASE(others_queue_while_a_flush_is_made_up_for),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-wait",
	.init = fixture_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
