/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pviommu-dmatest: the DMA API used and checked, with QEMU's edu device.
 *
 *   main.c     PCI driver and debugfs directory of a device
 *   ctl.c      the commands: text in, "key value" lines out
 *   edu.c      the DMA engine
 *   buf.c      a buffer: allocate, map, pattern, verify, unmap
 *   lookup.c   what the hypervisor says that a bus address leads to
 *   list.c     scatterlists as drivers make them
 *   reuse.c    DMA to addresses that come back, and none to what is unmapped
 *   stress.c   threads mapping and unmapping at the same time
 *   exhaust.c  mapping until no address is left
 *   nomem.c    mapping when there is no memory for it
 *   given.c    pages that were used for DMA and are Xen's now
 *   blocks.c   how much of dom0's memory large pages could map, and a buffer of it
 *   iova.c     addresses first, memory later; where the kernel has that
 */

#ifndef PVIOMMU_DMATEST_H
#define PVIOMMU_DMATEST_H

#include <linux/dma-mapping.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#define DMT_NR_BUFS	16

enum dmt_kind {
	DMT_COHERENT,
	DMT_SINGLE,
	DMT_SG,		/* single pages, shuffled */
};

/* A device's frame, and the frame of Linux that is, or was, mapped there. */
struct dmt_frame {
	u64 dfn;
	unsigned long pfn;
};

struct dmt_buf {
	bool allocated;
	bool mapped;
	enum dmt_kind kind;
	enum dma_data_direction dir;
	size_t size;
	unsigned int offset;	/* into the first page; DMT_SINGLE only */
	void *mem;		/* DMT_COHERENT, DMT_SINGLE: begin of the memory */
	struct page **pages;	/* DMT_SG */
	struct sg_table sgt;	/* DMT_SG */
	dma_addr_t dma;		/* DMT_COHERENT, DMT_SINGLE */
};

struct dmt_dev {
	struct pci_dev *pdev;
	struct dentry *dir;
	void __iomem *bar;

	u16 ctx;		/* where the hypervisor has it: lookup.c */

	struct mutex lock;	/* everything below, and the DMA engine */
	void *scratch;		/* coherent; how data gets into the device */
	dma_addr_t scratch_dma;
	struct dmt_buf buf[DMT_NR_BUFS];
	struct seq_buf *out;	/* result of the running command */
	char *result;		/* result of the last command */
};

#define DMT_RESULT_SIZE	(64 * 1024)

/* A reproducible stream of numbers; good enough to tell buffers apart. */
static inline u64 dmt_mix(u64 x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline u64 dmt_random(u64 *state)
{
	return dmt_mix((*state)++);
}

/* The byte at @off of the pattern @seed. */
static inline u8 dmt_pattern(u64 seed, size_t off)
{
	return dmt_mix(dmt_mix(seed) ^ (off / 8)) >> (off % 8 * 8);
}

/* edu.c */
int dmt_edu_init(struct dmt_dev *dmt);
int dmt_edu_copy(struct dmt_dev *dmt, u64 addr, unsigned int len, bool to_memory);
int dmt_edu_write(struct dmt_dev *dmt, u64 addr, unsigned int len, u64 seed,
		  size_t off);
int dmt_edu_read(struct dmt_dev *dmt, u64 addr, unsigned int len);

/* buf.c */
int dmt_buf_alloc(struct device *dev, struct dmt_buf *buf, u64 seed, gfp_t gfp);
void dmt_buf_free(struct device *dev, struct dmt_buf *buf);
int dmt_buf_map(struct device *dev, struct dmt_buf *buf);
void dmt_buf_unmap(struct device *dev, struct dmt_buf *buf);
void dmt_buf_sync(struct device *dev, struct dmt_buf *buf, bool for_cpu);
u8 *dmt_buf_ptr(struct dmt_buf *buf, size_t off);
unsigned long dmt_buf_pfn(struct dmt_buf *buf, size_t off);
dma_addr_t dmt_buf_dma(struct dmt_buf *buf, size_t off);
void dmt_buf_fill(struct dmt_buf *buf, u64 seed, size_t off, size_t len);
size_t dmt_buf_verify(struct dmt_buf *buf, u64 seed, size_t off, size_t len,
		      size_t *first_bad);

void dmt_buf_frame(struct dmt_buf *buf, size_t i, struct dmt_frame *frame);
size_t dmt_buf_nr_frames(struct dmt_buf *buf);

/* blocks.c */
int dmt_blocks(struct dmt_dev *dmt, const char *args);
int dmt_aligned(struct dmt_dev *dmt, const char *args);

/* lookup.c */
struct dmt_lookup {
	u64 pages;		/* asked for */
	u64 wrong;		/* led elsewhere, or nowhere, or with other rights */
	u64 errors;		/* the hypervisor did not answer */
	u64 first_wrong_dfn;
};

bool dmt_lookup_available(struct dmt_dev *dmt);
int dmt_lookup_one(struct dmt_dev *dmt, u64 dfn, u64 *gfn, u32 *pgsize,
		   u32 *flags);
void dmt_lookup_frames(struct dmt_dev *dmt, const struct dmt_frame *frames,
		       size_t nr, enum dma_data_direction dir, bool mapped,
		       struct dmt_lookup *res);
void dmt_lookup_mapped(struct dmt_dev *dmt, struct dmt_buf *buf,
		       struct dmt_lookup *res);
int dmt_lookup_leftovers(struct dmt_dev *dmt, struct dmt_buf *buf, u64 first,
			 u64 last, struct dmt_lookup *res);
bool dmt_lookup_show(struct dmt_dev *dmt, const char *name,
		     const struct dmt_lookup *res);

/* What lazy unmapping has to be over after: the flush queue's timer is 10 ms. */
#define DMT_DRAIN_MS	250
bool dmt_is_strict(struct device *dev);

/* ctl.c */
extern const struct file_operations dmt_ctl_fops;
bool dmt_arg_u64(const char *args, const char *key, u64 *val);
bool dmt_arg_is(const char *args, const char *key, const char *val);
struct dmt_buf *dmt_arg_buf(struct dmt_dev *dmt, const char *args);

/* reuse.c */
struct dmt_reuse_stats {
	u64 rounds;
	u64 reused;		/* rounds at an address that had another buffer */
	u64 failed;		/* rounds without a buffer, or a device */
	u64 missed;		/* writes that did not arrive */
	u64 strays;		/* unmapped buffers that changed */
};

int dmt_reuse_for(struct dmt_dev *dmt, unsigned int seconds, u64 seed,
		  struct dmt_reuse_stats *stats);
bool dmt_reuse_show(struct dmt_dev *dmt, const struct dmt_reuse_stats *stats);

/* given.c */
void dmt_given_forget(void);

/* nomem.c */
void dmt_scarce_end(void);

/* The commands that have files of their own. */
int dmt_list(struct dmt_dev *dmt, const char *args);
int dmt_reuse(struct dmt_dev *dmt, const char *args);
int dmt_stress(struct dmt_dev *dmt, const char *args);
int dmt_exhaust(struct dmt_dev *dmt, const char *args);
int dmt_nomem(struct dmt_dev *dmt, const char *args);
int dmt_scarce(struct dmt_dev *dmt, const char *args);
int dmt_hog(struct dmt_dev *dmt, const char *args);
int dmt_given(struct dmt_dev *dmt, const char *args);
int dmt_iova(struct dmt_dev *dmt, const char *args);

#endif /* PVIOMMU_DMATEST_H */
