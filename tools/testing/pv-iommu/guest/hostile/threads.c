// SPDX-License-Identifier: GPL-2.0-only
/* Several CPUs at once, memory changing under a call, signals. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "lib/frames.h"

#define MAX_THREADS	8
#define SLOTS		700
#define BATCH		64

static bool stop;

struct worker {
	pthread_t thread;
	unsigned int nr;
	unsigned long calls;
	unsigned long done;	/* operations with status 0 */
	long bad_ret;		/* what the hypercall must not return */
	int bad_status;
	unsigned int bad_op;
	bool not_owned_is_fine;
};

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void bind_cpu(unsigned int nr)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(nr % (cpus > 0 ? cpus : 1), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void race_op(struct xen_iommu_op *op, uint64_t *s)
{
	uint64_t r = rnd(s), dfn = env.base + rnd(s) % SLOTS;

	memset(op, 0, sizeof(*op));
	op->status = STATUS_PRESET;
	switch (r % 8) {
	case 0 ... 3:
		op->op = XEN_IOMMUOP_map;
		op->u.map.dfn = dfn;
		op->u.map.gfn = env.run_gfn;
		op->u.map.nr_frames = 1 + (r >> 8) % (env.run_nr < 24 ? env.run_nr : 24);
		op->u.map.flags = RW | (r & 0x1000 ? XEN_IOMMU_MAP_no_flush : 0);
		if (r % 61 == 0 && env.large_gfn != FRAME_NONE) {
			op->u.map.dfn = env.base;
			op->u.map.gfn = env.large_gfn;
			op->u.map.nr_frames = 512;
		}
		break;
	case 4 ... 5:
		op->op = XEN_IOMMUOP_unmap;
		op->u.unmap.dfn = dfn;
		op->u.unmap.nr_frames = 1 + (r >> 8) % 32;
		op->u.unmap.flags = (r >> 16) % 4;
		break;
	case 6:
		op->op = XEN_IOMMUOP_flush;
		if (r & 0x100)
			op->u.flush.flags = XEN_IOMMU_FLUSH_all;
		else
			op->u.flush.dfn = dfn;
		op->u.flush.nr_frames = r & 0x100 ? 0 : 1;
		break;
	default:
		op->op = XEN_IOMMUOP_lookup;
		op->u.lookup.dfn = dfn;
	}
}

/* What can come of it when others do the same at the same time. */
static bool status_possible(const struct worker *w, const struct xen_iommu_op *op)
{
	switch (op->status) {
	case 0:
		return true;
	case -EEXIST:
		return op->op == XEN_IOMMUOP_map;
	case -ENOENT:
		return op->op == XEN_IOMMUOP_lookup ||
		       (op->op == XEN_IOMMUOP_unmap &&
			!(op->u.unmap.flags & XEN_IOMMU_UNMAP_sparse));
	case -EPERM:
		return w->not_owned_is_fine;
	default:
		return false;
	}
}

static void *race(void *arg)
{
	struct xen_iommu_op *ops = hyp_alloc(PAGE_SIZE);
	struct worker *w = arg;
	uint64_t s = env.seed + w->nr;
	unsigned int i;
	long ret;

	bind_cpu(w->nr);
	while (!stopped() && !w->bad_ret && !w->bad_status) {
		unsigned int n = 1 + rnd(&s) % BATCH;
		struct xen_iommu_op_buf buf = { .size = n * sizeof(*ops) };

		for (i = 0; i < n; i++)
			race_op(&ops[i], &s);
		buf.h.p = ops;
		ret = hyp_iommu_op(1, &buf);
		w->bad_ret = ret;
		for (i = 0; i < n; i++) {
			if (!status_possible(w, &ops[i])) {
				w->bad_status = ops[i].status;
				w->bad_op = ops[i].op;
			}
			w->done += !ops[i].status;
		}
		w->calls++;
	}
	return NULL;
}

/* Takes the address space over and gives it back all the time. */
static void *toggle(void *arg)
{
	struct worker *w = arg;

	bind_cpu(w->nr);
	while (!stopped() && !w->bad_status) {
		int off = do_disable();
		int on = do_enable(XEN_IOMMU_ENABLE_clear, NULL);

		/* Another thread that does the same may have been faster. */
		if (off && off != -EPERM)
			w->bad_status = off;
		if (on && on != -EALREADY)
			w->bad_status = on;
		w->done += !off + !on;
		w->calls++;
	}
	return NULL;
}

static void run(struct worker *w, unsigned int nr, void *(*fn)(void *),
		unsigned int nr2, void *(*fn2)(void *), const char *name)
{
	unsigned int i, started = 0;
	unsigned long calls = 0, done = 0;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (i = 0; i < nr + nr2; i++) {
		w[i].nr = i;
		w[i].not_owned_is_fine = fn2 == toggle;
		if (!pthread_create(&w[i].thread, NULL, i < nr ? fn : fn2, &w[i]))
			started++;
		else
			break;
	}
	sleep(env.thread_seconds);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < started; i++) {
		pthread_join(w[i].thread, NULL);
		calls += w[i].calls;
		done += w[i].done;
		check(!w[i].bad_ret && !w[i].bad_status, name,
		      "thread %u: returned %ld, op %u: %s", i, w[i].bad_ret,
		      w[i].bad_op, hyp_strerr(w[i].bad_status));
	}
	check(done, name, "nothing succeeded");
	printf("# %s: %u threads, %lu calls, %lu operations succeeded\n", name,
	       started, calls, done);
}

/*
 * A second thread changes what the hypervisor reads, while it reads it: the
 * descriptors, the operations, and whether there is memory at all.
 */
static struct {
	struct xen_iommu_op_buf *buf;
	struct xen_iommu_op *ops;	/* two pages; the second comes and goes */
} shared;

static void *call_shared(void *arg)
{
	struct worker *w = arg;
	uint64_t s = env.seed ^ 0xca11;
	long ret;

	bind_cpu(w->nr);
	while (!stopped() && !w->bad_ret) {
		ret = hyp_iommu_op(1 + rnd(&s) % 4, shared.buf);
		if (ret && ret != -EFAULT && ret != -EINVAL && ret != -E2BIG)
			w->bad_ret = ret;
		w->done += !ret;
		w->calls++;
	}
	return NULL;
}

static void *scribble(void *arg)
{
	static const uint64_t sizes[] = { 0, 32, 4096, 8192, 33, ~0UL, 1UL << 40 };
	uint8_t *second = (uint8_t *)shared.ops + PAGE_SIZE;
	struct worker *w = arg;
	uint64_t s = env.seed ^ w->nr;
	unsigned int i;

	bind_cpu(w->nr);
	while (!stopped()) {
		uint64_t r = rnd(&s);
		struct xen_iommu_op op;

		i = r % 4;
		shared.buf[i].size = sizes[(r >> 8) % (r & 0x40 ? 7 : 4)];
		shared.buf[i].h.p = r & 0x30 ? (void *)(shared.ops + (r >> 16) % 200) :
			(void *)(0xffff800000000000UL + ((r >> 16) << 12));
		race_op(&op, &s);
		/* Without the second page writing there is a signal: see below. */
		shared.ops[(r >> 32) % 128] = op;
		if (r % 16 == 0)
			mprotect(second, PAGE_SIZE, PROT_NONE);
		else if (r % 16 == 1)
			mprotect(second, PAGE_SIZE, PROT_READ);
		else if (r % 16 == 2)
			madvise(second, PAGE_SIZE, MADV_DONTNEED);
		else
			mprotect(second, PAGE_SIZE, PROT_READ | PROT_WRITE);
		w->done++;
	}
	mprotect(second, PAGE_SIZE, PROT_READ | PROT_WRITE);
	return NULL;
}

static void test_changing_memory(void)
{
	struct worker w[MAX_THREADS] = {};
	bool bad = false;
	unsigned int i;
	uint64_t gfn;

	shared.buf = hyp_alloc(PAGE_SIZE);
	shared.ops = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(shared.ops, 0, 2 * PAGE_SIZE);
	run(w, 1, call_shared, 1, scribble, "memory that changes during the call");
	for (i = 0; i < SLOTS; i++)
		bad |= !do_lookup(env.base + i, &gfn, NULL, NULL) &&
		       !pool_is_mine(gfn, 1);
	check(!bad, "only own frames got mapped by that", "other frames did");
	clean(env.base, WINDOW);
	check(!count_mapped(env.base, 2048), "nothing is left of it", "something is");
	munmap(shared.ops, 2 * PAGE_SIZE);
	hyp_free(shared.buf, PAGE_SIZE);
}

void test_threads(void)
{
	struct worker w[MAX_THREADS] = {};

	clean(env.base, WINDOW);
	run(w, 2, race, 0, NULL, "two threads on the same dfns");
	clean(env.base, WINDOW);
	check(!count_mapped(env.base, 2048), "nothing is left of the two threads",
	      "something is");
	memset(w, 0, sizeof(w));
	run(w, 4, race, 0, NULL, "four threads on the same dfns");
	clean(env.base, WINDOW);
	check(!count_mapped(env.base, 2048), "nothing is left of the four threads",
	      "something is");
	test_changing_memory();

	if (!env.owner)
		return;
	memset(w, 0, sizeof(w));
	run(w, 3, race, 1, toggle, "threads while another gives the space back");
	memset(w, 0, sizeof(w));
	run(w, 1, race, 3, toggle, "three threads that take over and give back");
	do_enable(XEN_IOMMU_ENABLE_clear, NULL);
	clean(env.base, WINDOW);
	check(!count_mapped(env.base, 2048), "nothing is left of these threads",
	      "something is");
}

static unsigned int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/*
 * One call of 64 buffers, which takes long enough to be preempted, with a
 * signal pending every millisecond.
 */
static void long_call(struct xen_iommu_op *ops, unsigned int per_buf, bool map)
{
	struct xen_iommu_op_buf *buf = hyp_alloc(PAGE_SIZE);
	unsigned int i, nr = XEN_IOMMU_OP_MAX_BUFS * per_buf, bad = 0;
	const char *name = map ? "long call of maps, with signals" :
				 "long call of unmaps, with signals";
	long ret;

	memset(ops, 0, nr * sizeof(*ops));
	for (i = 0; i < nr; i++) {
		ops[i].status = STATUS_PRESET;
		ops[i].op = map ? XEN_IOMMUOP_map : XEN_IOMMUOP_unmap;
		ops[i].u.map.dfn = env.base + 3 * i;
		if (map) {
			ops[i].u.map.gfn = env.gfn[i % env.pool_nr];
			ops[i].u.map.nr_frames = 1;
			ops[i].u.map.flags = RW;
		} else {
			ops[i].u.unmap.nr_frames = 1;
		}
	}
	for (i = 0; i < XEN_IOMMU_OP_MAX_BUFS; i++) {
		buf[i].h.p = ops + i * per_buf;
		buf[i].size = per_buf * sizeof(*ops);
	}
	ret = hyp_iommu_op(XEN_IOMMU_OP_MAX_BUFS, buf);
	expect(name, ret, 0);
	for (i = 0; i < nr; i++)
		bad += ops[i].status != 0;
	check(!bad, name, "%u of %u statuses", bad, nr);
	hyp_free(buf, PAGE_SIZE);
}

static void long_range(void)
{
	uint64_t unmapped = 0;

	if (env.run_nr < 1024) {
		skip("map of a long range with signals", "longest run: %u frames",
		     env.run_nr);
		return;
	}
	expect("map of a long range with signals",
	       do_map(env.base + 1, env.run_gfn, env.run_nr, RW), 0);
	check(maps_to(env.base + 1, env.run_gfn) &&
	      maps_to(env.base + env.run_nr, env.run_gfn + env.run_nr - 1) &&
	      count_mapped(env.base, env.run_nr + 2) == env.run_nr,
	      "the long range is mapped", "not all of it");
	/* The last frame is in the way: long enough to be rolled back in parts. */
	expect("a long range that fails at its end",
	       do_map(env.base + 2 - env.run_nr, env.run_gfn, env.run_nr, RW), -EEXIST);
	check(!count_mapped(env.base + 2 - env.run_nr, env.run_nr - 1),
	      "a long range that fails leaves nothing", "it does");
	expect("unmap of a long range with signals",
	       do_unmap(env.base, WINDOW, XEN_IOMMU_UNMAP_sparse, &unmapped), 0);
	check(unmapped == env.run_nr, "the long range is unmapped", "%lu of %u",
	      unmapped, env.run_nr);
}

void test_long(void)
{
	struct itimerval every = { .it_interval.tv_usec = 1000,
				   .it_value.tv_usec = 1000 };
	struct sigaction act = { .sa_handler = on_alarm };
	unsigned int per_buf = env.caps.max_ops < 256 ? env.caps.max_ops : 256;
	size_t bytes = XEN_IOMMU_OP_MAX_BUFS * per_buf * sizeof(struct xen_iommu_op);
	struct xen_iommu_op *ops = hyp_alloc(bytes);
	unsigned int i;

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (i = 0; i < 3; i++) {
		long_call(ops, per_buf, true);
		long_call(ops, per_buf, false);
		long_range();
	}
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_REAL, &every, NULL);
	printf("# %u signals\n", alarms);
	expect_empty("long calls", env.base, WINDOW);
	hyp_free(ops, bytes);
}
