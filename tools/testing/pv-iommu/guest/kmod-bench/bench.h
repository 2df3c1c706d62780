/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pviommu-bench: what the DMA API costs, with QEMU's edu device.
 *
 *   main.c     PCI driver, and the debugfs file: commands in, results out
 *   measure.c  samples, and what is made of them
 *   basic.c    cases: idle, hypercall, single, coherent
 *   sg.c, big.c, threads.c  one case each
 *   hold.c     for how long interrupts are off; cases: masked, wait
 *   pool.c     memory for sg and big
 */

#ifndef PVIOMMU_BENCH_H
#define PVIOMMU_BENCH_H

#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/seq_buf.h>
#include <linux/types.h>

#define BENCH_WARM_UP	4	/* samples that do not count */
#define BENCH_MAX_ITERS	10000
#define BENCH_MAX_BATCH	4096

enum bench_what {
	BENCH_PAIR,		/* map and unmap */
	BENCH_MAP,
	BENCH_UNMAP,
	BENCH_NR
};

struct bench {
	struct device *dev;
	const struct bench_case *how;

	/* The command: see main.c. */
	u64 size;
	u64 run;
	u64 pages;
	u64 mask;
	u64 n;
	u64 seed;
	u64 iters;
	u64 batch;
	u64 every;
	enum dma_data_direction dir;

	void *priv;		/* the case's */
	unsigned int depth;	/* mappings at a time, for map() and unmap() */

	/* The result. */
	u64 *ps[BENCH_NR];	/* picoseconds per operation, iters of each */
	u64 ops;
	u64 late;		/* the timer, at most; ns */
	u64 late_first;		/* the same of what does not count */
	u64 fired;
	dma_addr_t dma;		/* first seen, or DMA_MAPPING_ERROR */
};

/**
 * struct bench_case - one thing to measure
 * @name: in commands
 * @alone_from: the size from which on a batch is one operation by default
 * @prepare: check the command, set priv and depth; optional
 * @release: what prepare() did is undone, even if it did not get to its end
 * @pairs: map and unmap, batch times
 * @map: map, depth times; nothing is mapped when it fails; optional
 * @unmap: unmap all of that
 * @measure: instead of what is usual; optional
 *
 * Without pairs() these are the sums of map() and unmap().
 */
struct bench_case {
	const char *name;
	u64 alone_from;
	int (*prepare)(struct bench *b);
	void (*release)(struct bench *b);
	int (*pairs)(struct bench *b);
	int (*map)(struct bench *b);
	int (*unmap)(struct bench *b);
	int (*measure)(struct bench *b);
};

extern const struct bench_case bench_idle;
extern const struct bench_case bench_hypercall;
extern const struct bench_case bench_single;
extern const struct bench_case bench_coherent;
extern const struct bench_case bench_sg;
extern const struct bench_case bench_big;
extern const struct bench_case bench_threads;
extern const struct bench_case bench_masked;
extern const struct bench_case bench_wait;

/*
 * Two no-ops between which QEMU counts the instructions of each block, if it does
 * so at all: see bench/instructions.c, which knows these bytes.
 */
static inline void bench_counted_from_here(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .ascii \"begn\"" : : :
		     "memory");
}

static inline void bench_counted_to_here(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .ascii \"ends\"" : : :
		     "memory");
}

/* measure.c */
int bench_measure(struct bench *b);
u64 bench_ps(u64 ns, u64 ops);
unsigned int bench_depth(const struct bench *b, u64 bytes);
void bench_report(struct bench *b, struct seq_buf *out);

/* hold.c */
int bench_probed(struct bench *b, int (*measure)(struct bench *b));

/* basic.c */
int bench_map_unmap(const struct bench *b, void *mem, dma_addr_t *first);

/* pool.c */
struct bench_pool {
	struct page **page;	/* nr times 1 << order of them */
	unsigned int nr;
	unsigned int order;
};

int bench_pool_alloc(struct bench_pool *pool, u64 seed);
void bench_pool_free(struct bench_pool *pool);
int bench_pool_table(const struct bench_pool *pool, struct sg_table *sgt,
		     unsigned int nents);

#endif /* PVIOMMU_BENCH_H */
