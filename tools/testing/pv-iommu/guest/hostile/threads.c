// SPDX-License-Identifier: GPL-2.0-only
/* Several CPUs at once, memory changing under a call. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
	uint16_t ctx;
	bool ctx_goes;		/* another thread frees it, and makes it again */
};

/* A frame that another thread gives back, or FRAME_NONE. */
static unsigned long leaving = FRAME_NONE;

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
		if (r & 0x2000 && leaving != FRAME_NONE) {
			op->u.map.gfn = __atomic_load_n(&leaving, __ATOMIC_RELAXED);
			op->u.map.nr_frames = 1;
		}
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
		return w->ctx_goes || op->op == XEN_IOMMUOP_lookup ||
		       (op->op == XEN_IOMMUOP_unmap &&
			!(op->u.unmap.flags & XEN_IOMMU_UNMAP_sparse));
	case -EPERM:
		return w->not_owned_is_fine ||
		       (leaving != FRAME_NONE && op->op == XEN_IOMMUOP_map);
	default:
		return false;
	}
}

/* An unmapping, a mapping, or both, in registers. */
static void race_regs(struct worker *w, uint64_t *s)
{
	struct xen_iommu_op out, in;
	uint64_t which = rnd(s) % 3;
	long ret;

	do {
		race_op(&out, s);
	} while (out.op != XEN_IOMMUOP_unmap);
	do {
		race_op(&in, s);
	} while (in.op != XEN_IOMMUOP_map || in.u.map.nr_frames > 24);
	out.u.unmap.nr_frames = 1 + out.u.unmap.nr_frames % 3;
	in.u.map.flags = RW;
	ret = do_regs(which == 1 ? NULL : &out, which == 2 ? NULL : &in);
	if (ret && ret != -EAGAIN)
		w->bad_ret = ret;
	w->done += !ret;
	w->calls++;
}

static void *race(void *arg)
{
	struct xen_iommu_op *ops = hyp_alloc(PAGE_SIZE);
	struct worker *w = arg;
	uint64_t s = env.seed + w->nr;
	unsigned int i;
	long ret;

	bind_cpu(w->nr);
	hyp_ctx = w->ctx;
	while (!stopped() && !w->bad_ret && !w->bad_status) {
		unsigned int n = 1 + rnd(&s) % BATCH;
		struct xen_iommu_op_buf buf = { .size = n * sizeof(*ops) };

		if (env.caps.caps & XEN_IOMMU_CAP_registers)
			for (i = rnd(&s) % BATCH; i; i--)
				race_regs(w, &s);
		for (i = 0; i < n; i++) {
			race_op(&ops[i], &s);
			ops[i].ctx = hyp_ctx;
		}
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

/* A context comes and goes; there is no other, so it has the same number each time. */
static void *come_and_go(void *arg)
{
	struct worker *w = arg;
	uint16_t ctx;

	bind_cpu(w->nr);
	while (!stopped() && !w->bad_status) {
		w->bad_status = do_free(w->ctx) ?: do_alloc(&ctx);
		if (!w->bad_status && ctx != w->ctx)
			w->bad_status = -EEXIST;
		w->done += !w->bad_status;
		w->calls++;
	}
	return NULL;
}

/* Why the page has no frame now, or 0. */
static int page_is_out;

/* A page loses its frame and gets another one, while it is mapped here and there. */
static void *give_back(void *arg)
{
	struct worker *w = arg;

	bind_cpu(w->nr);
	while (!stopped() && !w->bad_status) {
		w->bad_status = balloon("out");
		/* As long as they are mapped, frames that have left count as dom0's. */
		do {
			page_is_out = balloon("in");
			w->calls++;
		} while (page_is_out == -ENOMEM && !stopped());
		if (page_is_out != -ENOMEM)
			w->bad_status = w->bad_status ?: page_is_out;
		__atomic_store_n(&leaving, balloon_gfn(), __ATOMIC_RELAXED);
		w->done += !w->bad_status;
	}
	return NULL;
}

/* Nothing that the threads had mapped keeps a frame, when it is unmapped. */
static void expect_unreferenced(const char *name)
{
	unsigned long gfn = balloon_gfn();

	expect("giving back the page", balloon("out"), 0);
	check(frames_m2p(gfn) == M2P_INVALID, name, "frame %#lx is kept", gfn);
	expect("getting a frame again", balloon("in"), 0);
}

void test_context_threads(void)
{
	struct worker w[MAX_THREADS] = {};
	uint16_t ctx[2];
	unsigned int i;

	expect("alloc", do_alloc(&ctx[0]), 0);
	for (i = 0; i < 3; i++) {
		w[i].ctx = ctx[0];
		w[i].ctx_goes = true;
	}
	run(w, 2, race, 1, come_and_go, "threads in a context that comes and goes");

	expect("alloc of a second", do_alloc(&ctx[1]), 0);
	memset(w, 0, sizeof(w));
	for (i = 0; i < 4; i++)
		w[i].ctx = ctx[i % 2];
	run(w, 4, race, 0, NULL, "threads with the same frames in two contexts");
	leaving = balloon_gfn();
	if (leaving != FRAME_NONE) {
		memset(w, 0, sizeof(w));
		for (i = 0; i < 4; i++)
			w[i].ctx = ctx[i % 2];
		run(w, 4, race, 1, give_back,
		    "threads in two contexts with a frame that leaves");
		leaving = FRAME_NONE;
	}
	for (i = 0; i < 2; i++) {
		hyp_ctx = ctx[i];
		clean(env.base, WINDOW);
		check(!count_mapped(env.base, 2048), "nothing is left of the threads",
		      "something is");
	}
	if (page_is_out)
		expect("getting a frame at last", balloon("in"), 0);
	if (balloon_gfn() != FRAME_NONE)
		expect_unreferenced("no reference is left of the threads");
	hyp_ctx = 0;
	for (i = 0; i < 2; i++)
		expect("free", do_free(ctx[i]), 0);
}
