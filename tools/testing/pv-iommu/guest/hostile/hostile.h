/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile: throws everything at the hypervisor and checks each answer against
 * what include/xen/interface/iommu_op.h says.
 *
 *   main.c      options, what the machine is like, order of the groups
 *   op.c        operations and expectations
 *   pool.c      the frames that are ours to play with
 *   balloon.c   those of them that a module has
 *   handles.c   bad handles, bad sizes, bad counts
 *   forge.c     forged continuations
 *   args.c      reserved fields, unknown operations, wild dfns and gfns
 *   frames.c    frames that are not dom0's, MMIO that is not for devices
 *   domain.c    frames of another domain
 *   grant.c     those that it granted
 *   map.c       what map, unmap, flush and lookup do when all is well, and
 *               what they leave behind when it is not
 *   high.c      frames above 4 GiB
 *   singles.c   operations that the hypervisor may take together
 *   list.c      lists of frames
 *   registers.c operations in registers
 *   life.c      taking over and giving back
 *   context.c   contexts, and the tests above in one
 *   switch.c    random operations on many contexts, and devices between them
 *   refs.c      page references: held long enough, and never lost
 *   nomem.c     Xen without memory for page tables
 *   threads.c   several CPUs at once, memory changing under a call
 *   long.c      calls that are preempted
 *   fuzz.c      random operations; model.c tells what has to come of them
 */

#ifndef PVIOMMU_HOSTILE_H
#define PVIOMMU_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/hyp.h"

#define RW	(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)

/* Numbers of dfns that a test may use, from env.base on. */
#define WINDOW	0x100000UL

#define MAX_RESERVED	256

struct env {
	bool owner;		/* the address space is ours, not the driver's */
	struct xen_iommu_op_query_caps caps;
	unsigned int nr_reserved;
	struct xen_iommu_reserved_range *reserved;

	uint64_t base;		/* first dfn of the window; 1 GiB aligned */

	unsigned int pool_nr;
	uint8_t *pool;		/* pages */
	unsigned long *gfn;	/* frame of each, in the order of the pages */
	unsigned long run_gfn;	/* longest run of own frames, the module's too */
	unsigned int run_nr;
	unsigned long large_gfn;/* aligned run of 512, or FRAME_NONE */

	uint64_t seed;
	unsigned int fuzz_seconds;
	unsigned int thread_seconds;
	unsigned int cycles;
	unsigned int forgeries;
	unsigned int nth_frame;	/* of those that are not dom0's */
};

extern struct env env;

/*
 * Results.  @name says what was tried; a failure says what came instead.  To
 * skip is to fail, unless the user has said that it will happen.
 */
void pass(const char *name);
__printf(2, 3) void fail(const char *name, const char *what, ...);
__printf(2, 3) void skip(const char *name, const char *why, ...);
__printf(3, 4) bool check(bool good, const char *name, const char *what, ...);

/* op.c: operations by value; each returns the status. */
int do_caps(struct xen_iommu_op_query_caps *caps);
int do_enable(uint32_t flags, uint32_t *result);
int do_disable(void);
int do_map(uint64_t dfn, uint64_t gfn, uint32_t nr, uint16_t flags);
int do_unmap(uint64_t dfn, uint64_t nr, uint32_t flags, uint64_t *unmapped);
int do_flush(uint64_t dfn, uint64_t nr, uint32_t flags);
int do_lookup(uint64_t dfn, uint64_t *gfn, uint32_t *pgsize, uint32_t *flags);
int do_alloc(uint16_t *ctx);
int do_free(uint16_t ctx);
int do_attach(uint16_t ctx, uint32_t sbdf);
int do_device(uint32_t sbdf, struct xen_iommu_op_query_device *device);

/* Is @dfn mapped to @gfn?  FRAME_NONE: is nothing mapped? */
bool maps_to(uint64_t dfn, unsigned long gfn);
/* The number of dfns in the range with anything mapped. */
unsigned long count_mapped(uint64_t dfn, uint64_t nr);
/* Empties the window; a failure says that @name left something. */
void expect_empty(const char *name, uint64_t dfn, uint64_t nr);
/* Brings the window to its state at the start, whatever that takes. */
void clean(uint64_t dfn, uint64_t nr);

bool expect(const char *name, int got, int want);
bool expect_either(const char *name, int got, int want1, int want2);

bool is_reserved(uint64_t dfn, uint64_t nr);

/* pool.c */
int pool_init(unsigned int nr);
bool pool_is_mine(unsigned long gfn, unsigned long nr);
bool pool_unmoved(void);

/* balloon.c: the frame of the module's page; FRAME_NONE without the module. */
unsigned long balloon_gfn(void);
/* The number of frames in the module's run, from @gfn on. */
unsigned int balloon_run(unsigned long *gfn);
/*
 * "out": the page's frame goes back to Xen; "in": the page gets one again;
 * "exchange": it gets another one; "transfer DOMID REF": a domain gets it.
 */
int balloon(const char *what);

/*
 * grant.c: @nr grants of a domain are mapped, those with an odd number to read
 * only; and the frame behind one.
 */
bool grants_begin(domid_t *domain, unsigned int nr);
void grants_end(void);
unsigned long grants_frame(unsigned int ref);

/* A stream of numbers that depends on the seed only. */
uint64_t rnd(uint64_t *state);

/* PCI devices without a driver, no bridges: up to @max; how many there are. */
unsigned int idle_devices(uint32_t *sbdf, unsigned int max);

/* Seconds, since whenever. */
double now(void);

/* list.c: do_map() of frames that are in an array. */
int do_map_list(uint64_t dfn, const uint64_t *gfns, uint32_t nr, uint16_t flags);

/* registers.c: an unmap operation, a map operation, or both; either may be NULL. */
long do_regs(const struct xen_iommu_op *out, const struct xen_iommu_op *in);

/* model.c: one operation's possible outcomes, and what it changes. */
#define MODEL_MAX_OUTCOMES	8

struct model {
	uint64_t base;
	unsigned int nr;
	domid_t domain;			/* has granted pages to dom0 ... */
	unsigned int nr_grants;		/* ... as grants_begin() says */
	struct {
		unsigned long gfn;	/* FRAME_NONE: nothing */
		uint8_t flags;		/* of lookup */
	} *slot;
};

struct outcome {
	unsigned int nr;
	int status[MODEL_MAX_OUTCOMES];
};

int model_init(struct model *m, uint64_t base, unsigned int nr);
void model_free(struct model *m);
/* What may come of @op in the state of @m. */
void model_outcomes(const struct model *m, const struct xen_iommu_op *op,
		    struct outcome *out);
/* @op, as it was sent, ended with @status: is the rest of @ret right, too? */
bool model_apply(struct model *m, const struct xen_iommu_op *op,
		 const struct xen_iommu_op *ret, const char **what);
bool model_matches(const struct model *m, uint64_t *dfn);

/* The groups. */
void test_handles(void);
void test_nomem(void);
void test_continuations(void);
void test_args(void);
void test_ranges(void);
void test_frames(void);
void test_domain(void);
void test_grants(void);
void test_mmio(void);
void test_map(void);
void test_singles(void);
void test_lists(void);
void test_registers(void);
void test_large(void);
void test_high(void);
void test_not_owned(const char *when);
void test_life(void);
void test_host_map(void);
void test_contexts(void);
void test_switch(void);
void test_refs(void);
void test_cycles(void);
void test_threads(void);
void test_context_threads(void);
void test_long(void);
void test_fuzz(void);

#endif /* PVIOMMU_HOSTILE_H */
