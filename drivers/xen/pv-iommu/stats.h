/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters, each named after what caused the event.
 *
 * They only ever grow, except the gauges near the end.
 */

#ifndef _XEN_PV_IOMMU_STATS_H
#define _XEN_PV_IOMMU_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

enum xpi_counter {
	XPI_HYPERCALLS,		/* every one, of whatever kind */
	XPI_REGISTERS,		/* with operations in registers */
	XPI_REGISTERS_REFUSED,	/* of them, done again with a buffer */
	XPI_SUBMIT_SYNC_MAP,	/* because mappings are about to be used */
	XPI_SUBMIT_SYNC,	/* because of a strict unmap */
	XPI_SUBMIT_FLUSH_ALL,	/* because a flush queue drains */
	XPI_SUBMIT_FULL,	/* because the buffer was full */
	XPI_SUBMIT_RETRY,	/* because something failed before */
	XPI_OPS_MAP,
	XPI_OPS_UNMAP,		/* strict */
	XPI_OPS_UNMAP_LAZY,
	XPI_OPS_FLUSH,
	XPI_FRAMES_MAP,
	XPI_FRAMES_GRANTED,	/* of them, other domains' */
	XPI_FRAMES_UNMAP,
	XPI_WAITS,		/* callers that waited for another CPU's submission */
	XPI_FLUSHES,		/* submissions that flush the IOTLB */
	XPI_FLUSH_ALL_EMPTY,	/* flush requests with nothing to flush */
	XPI_MAP_FAILED,		/* map operations refused for good */
	XPI_MAP_REFUSED,	/* mappings refused before any hypercall */
	XPI_UNMAP_FAILED,	/* unmap operations refused for good */
	XPI_UNMAP_ABSENT,	/* unmap operations that found nothing */
	XPI_FLUSH_FAILED,
	XPI_QUARANTINED,	/* frames put into quarantine */
	XPI_QUARANTINE_FREED,	/* frames that a later unmap got out */
	/* Gauges: they count down, too, and only their sum has a meaning. */
	XPI_QUEUED_UNMAPS,	/* unmap operations that wait in a queue */
	XPI_SHADOW_TABLES,	/* pages in use for shadow tables */
	/* Not summed up: the most that any CPU has seen. */
	XPI_WAITED_CALLS,	/* submissions that ended while one caller waited */
	XPI_NR_COUNTERS
};

struct xpi_counters {
	u64 val[XPI_NR_COUNTERS];
};

DECLARE_PER_CPU(struct xpi_counters, xpi_counters);

/* Any context. */
static inline void xpi_count(enum xpi_counter counter, u64 n)
{
	this_cpu_add(xpi_counters.val[counter], n);
}

/* Any context; an interrupt in between can have it forgotten. */
static inline void xpi_count_most(enum xpi_counter counter, u64 n)
{
	struct xpi_counters *counters = get_cpu_ptr(&xpi_counters);

	if (n > counters->val[counter])
		WRITE_ONCE(counters->val[counter], n);
	put_cpu_ptr(&xpi_counters);
}

u64 xpi_counted(enum xpi_counter counter);

struct dentry;
extern struct dentry *xpi_debugfs;

void xpi_stats_init(void);
void xpi_stats_exit(void);

#endif /* _XEN_PV_IOMMU_STATS_H */
