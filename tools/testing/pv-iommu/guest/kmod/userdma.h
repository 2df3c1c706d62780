/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pviommu-userdma: memory for DMA that user space sees, too.
 *
 *   userdma.c         the device file and its commands
 *   userdma-kinds.c   kinds of buffers: from the DMA API, part of a page, MMIO
 *   userdma-import.c  one more: a dma-buf
 *   userdma-pin.c     one more: memory of a program, pinned as for direct I/O
 */

#ifndef PVIOMMU_USERDMA_H
#define PVIOMMU_USERDMA_H

#include <linux/dma-mapping.h>
#include <linux/types.h>

#define UDMA_MAX_PAGES	64

struct udma_buf;

/**
 * struct udma_kind - a way to get a buffer that a device reaches
 * @name: the command that gets one
 * @get: get and map one of @size bytes, set what is below in the buffer
 * @put: undo that
 * @mmap: show it to user space; may be NULL
 */
struct udma_kind {
	const char *name;
	int (*get)(struct device *dev, struct udma_buf *buf, u64 arg);
	void (*put)(struct device *dev, struct udma_buf *buf);
	int (*mmap)(struct device *dev, struct udma_buf *buf,
		    struct vm_area_struct *vma);
};

/* Where a page of a buffer is, for the device and for the hypervisor. */
struct udma_page {
	dma_addr_t dma;
	unsigned long gfn;
};

struct udma_buf {
	const struct udma_kind *kind;	/* NULL: there is none */
	size_t size;
	void *mem;			/* NULL: the kernel does not see it */
	struct udma_page pages[UDMA_MAX_PAGES];

	/* what the kinds need */
	dma_addr_t dma;
	enum dma_data_direction dir;
	unsigned int len;		/* of the part that is mapped */
	struct page *page;
	struct sg_table *sgt;
	struct dma_buf_attachment *attachment;
	struct page *pinned[UDMA_MAX_PAGES];
};

extern const struct udma_kind udma_coherent, udma_contiguous, udma_pages,
			      udma_noncontiguous, udma_page, udma_resource,
			      udma_user;
#ifdef CONFIG_DMA_SHARED_BUFFER
extern const struct udma_kind udma_import;
#endif

/* userdma-kinds.c */
int udma_map_part(struct device *dev, struct udma_buf *buf, unsigned int offset,
		  unsigned int len, enum dma_data_direction dir);
void udma_unmap_part(struct device *dev, struct udma_buf *buf);
int udma_sync_part(struct device *dev, struct udma_buf *buf, bool for_cpu);
int udma_sgtable(struct device *dev, struct udma_buf *buf);
int udma_exhaust(struct device *dev, size_t size, unsigned int *nr);

#endif /* PVIOMMU_USERDMA_H */
