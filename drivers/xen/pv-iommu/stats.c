// SPDX-License-Identifier: GPL-2.0-only
/* Counters, and the file in debugfs that shows them. */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>

#include "stats.h"

DEFINE_PER_CPU(struct xpi_counters, xpi_counters);

/* Of the driver, in debugfs. */
struct dentry *xpi_debugfs;

static const char *const names[XPI_NR_COUNTERS] = {
	[XPI_HYPERCALLS]	= "hypercalls",
	[XPI_REGISTERS]		= "registers",
	[XPI_REGISTERS_REFUSED]	= "registers_refused",
	[XPI_SUBMIT_SYNC_MAP]	= "submit_sync_map",
	[XPI_SUBMIT_SYNC]	= "submit_sync",
	[XPI_SUBMIT_FLUSH_ALL]	= "submit_flush_all",
	[XPI_SUBMIT_FULL]	= "submit_full",
	[XPI_SUBMIT_RETRY]	= "submit_retry",
	[XPI_OPS_MAP]		= "ops_map",
	[XPI_OPS_UNMAP]		= "ops_unmap",
	[XPI_OPS_UNMAP_LAZY]	= "ops_unmap_lazy",
	[XPI_OPS_FLUSH]		= "ops_flush",
	[XPI_FRAMES_MAP]	= "frames_map",
	[XPI_FRAMES_GRANTED]	= "frames_granted",
	[XPI_FRAMES_UNMAP]	= "frames_unmap",
	[XPI_WAITS]		= "waits",
	[XPI_FLUSHES]		= "flushes",
	[XPI_FLUSH_ALL_EMPTY]	= "flush_all_empty",
	[XPI_MAP_FAILED]	= "map_failed",
	[XPI_MAP_REFUSED]	= "map_refused",
	[XPI_UNMAP_FAILED]	= "unmap_failed",
	[XPI_UNMAP_ABSENT]	= "unmap_absent",
	[XPI_FLUSH_FAILED]	= "flush_failed",
	[XPI_QUARANTINED]	= "quarantined",
	[XPI_QUARANTINE_FREED]	= "quarantine_freed",
	[XPI_QUEUED_UNMAPS]	= "queued_unmaps",
	[XPI_SHADOW_TABLES]	= "shadow_tables",
	[XPI_WAITED_CALLS]	= "waited_calls",
};

/* Context: Any. */
u64 xpi_counted(enum xpi_counter counter)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu) {
		u64 val = READ_ONCE(per_cpu(xpi_counters, cpu).val[counter]);

		sum = counter == XPI_WAITED_CALLS ? max(sum, val) : sum + val;
	}
	return sum;
}

static int stats_show(struct seq_file *m, void *unused)
{
	enum xpi_counter i;

	for (i = 0; i < XPI_NR_COUNTERS; i++)
		seq_printf(m, "%s %llu\n", names[i], xpi_counted(i));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Context: Process context.  Without debugfs there is nothing to see. */
void xpi_stats_init(void)
{
	xpi_debugfs = debugfs_create_dir("xen-pv-iommu", NULL);
	debugfs_create_file("stats", 0444, xpi_debugfs, NULL, &stats_fops);
}

/* Context: Process context. */
void xpi_stats_exit(void)
{
	debugfs_remove_recursive(xpi_debugfs);
}
