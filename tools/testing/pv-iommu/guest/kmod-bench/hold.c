// SPDX-License-Identifier: GPL-2.0-only
/*
 * For how long interrupts are off at most.  A timer that comes again and again on
 * the CPU that measures is late by what is left of such a stretch when it is due,
 * be that in Linux or in a hypercall; nearly all of one that is longer than the
 * timer's interval, and of shorter ones by chance, which many of them give.
 */

#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/prandom.h>

#include <asm/xen/hypercall.h>

#include <xen/interface/version.h>
#include <xen/xen.h>

#include "bench.h"

struct bench_probe {
	struct hrtimer timer;
	struct rnd_state random;
	struct bench *b;
};

/* At no fixed distance, so that it does not keep in step with what it is to hit. */
static ktime_t next(struct bench_probe *probe)
{
	u64 every = probe->b->every;

	return ktime_add_ns(ktime_get(), every +
			    prandom_u32_state(&probe->random) % every);
}

static enum hrtimer_restart fire(struct hrtimer *timer)
{
	struct bench_probe *probe = container_of(timer, struct bench_probe,
						 timer);
	u64 late = ktime_to_ns(ktime_sub(ktime_get(),
					 hrtimer_get_expires(timer)));

	probe->b->late = max(probe->b->late, late);
	probe->b->fired++;
	hrtimer_set_expires(timer, next(probe));
	return HRTIMER_RESTART;
}

/* Measure, with the timer running. */
int bench_probed(struct bench *b, int (*measure)(struct bench *b))
{
	struct bench_probe probe = { .b = b };
	int ret;

	prandom_seed_state(&probe.random, b->seed);
#ifdef BENCH_HAS_HRTIMER_SETUP
	hrtimer_setup_on_stack(&probe.timer, fire, CLOCK_MONOTONIC,
			       HRTIMER_MODE_ABS_PINNED_HARD);
#else
	hrtimer_init_on_stack(&probe.timer, CLOCK_MONOTONIC,
			      HRTIMER_MODE_ABS_PINNED_HARD);
	probe.timer.function = fire;
#endif
	migrate_disable();
	hrtimer_start(&probe.timer, next(&probe), HRTIMER_MODE_ABS_PINNED_HARD);
	ret = measure(b);
	hrtimer_cancel(&probe.timer);
	migrate_enable();
	destroy_hrtimer_on_stack(&probe.timer);
	return ret;
}

static int bench_masked_prepare(struct bench *b)
{
	return xen_domain() ? 0 : -EOPNOTSUPP;
}

static int null_hypercalls(u64 nr)
{
	int ret = 0;

	while (ret >= 0 && nr--)
		ret = HYPERVISOR_xen_version(XENVER_version, NULL);
	return ret < 0 ? -EIO : 0;
}

/*
 * A stretch of known length.  It has to be some way to the next one, in which the
 * timer would else be due always when as much has gone by as it is set for.
 */
static int bench_masked_pairs(struct bench *b)
{
	unsigned long flags;
	int ret;

	local_irq_save(flags);
	ret = null_hypercalls(b->batch);
	local_irq_restore(flags);
	return ret ?: null_hypercalls(b->batch);
}

const struct bench_case bench_masked = {
	.name = "masked",
	.prepare = bench_masked_prepare,
	.pairs = bench_masked_pairs,
};

/* Others work meanwhile. */
static int bench_wait_measure(struct bench *b)
{
	return msleep_interruptible(b->size) ? -EINTR : 0;
}

const struct bench_case bench_wait = {
	.name = "wait",
	.measure = bench_wait_measure,
};
