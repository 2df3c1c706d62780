/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls from user space, through /dev/xen/privcmd. */

#ifndef PVIOMMU_HYP_H
#define PVIOMMU_HYP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/interface/iommu_op.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL

#define __printf(a, b)	__attribute((__format__(printf, a, b)))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Written to each status before a call: no errno, so it tells "not reached". */
#define STATUS_PRESET	0x5a5a5a5a

/* 0, or a negative errno when there is no privcmd device. */
int hyp_open(void);
int hyp_fd(void);

/* What the hypervisor returned: negative errno values stay negative. */
long hyp_call(unsigned long nr, unsigned long a1, unsigned long a2,
	      unsigned long a3, unsigned long a4, unsigned long a5);
long hyp_iommu_op(unsigned long nr_bufs, const void *bufs);

/* Zeroed pages that are present and stay where they are. */
void *hyp_alloc(size_t bytes);
void hyp_free(void *p, size_t bytes);

/* The context of a thread's map, unmap, flush and lookup operations that name none. */
extern __thread uint16_t hyp_ctx;

/*
 * @nr operations at @ops as one buffer.  @ops is used in place; the statuses
 * are preset here.
 */
long hyp_ops(struct xen_iommu_op *ops, unsigned int nr);

/*
 * One operation by value.  Returns the result of the hypercall when that is
 * not 0, else the status.  The OUT fields are copied back.
 */
int hyp_one(struct xen_iommu_op *op);

/* From the form of lspci -D, for example 0000:00:02.0. */
bool hyp_sbdf(const char *s, uint32_t *out);

/* "0", "-EINVAL", or "-123" when the number has no name. */
const char *hyp_strerr(long err);
const char *hyp_strmode(unsigned int mode);
const char *hyp_strcap(unsigned int bit);

#endif /* PVIOMMU_HYP_H */
