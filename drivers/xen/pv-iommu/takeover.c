// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking the host map away, and bringing it back.
 *
 * Where the hypervisor can clear it, one hypercall does.  Where it cannot, the
 * host map is still there after we took over, and is unmapped from here: all
 * of the first 4 GiB, where the hypervisor may have mapped more than memory,
 * and above that what the memory map of the machine says.
 */

#define pr_fmt(fmt) "xen-pv-iommu: " fmt

#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "pv-iommu.h"
#include "stats.h"

/* Xen hands out no more entries than this. */
#define MAX_E820	1024

/* How often the hypervisor is asked to restore the host map. */
#define MAX_TRIES	3

/* Each entry of the memory map, the first 4 GiB, and a flush. */
#define MAX_OPS		(MAX_E820 + 2)

static void add_unmap(struct xpi *xpi, struct xen_iommu_op *ops,
		      unsigned int *nr, u64 start, u64 end)
{
	end = min(end, xpi->caps.max_dfn + 1);
	if (start >= end)
		return;

	ops[(*nr)++] = (struct xen_iommu_op) {
		.op = XEN_IOMMUOP_unmap,
		.status = XPI_STATUS_UNREACHED,
		.u.unmap.dfn = start,
		.u.unmap.nr_frames = end - start,
		.u.unmap.flags = XEN_IOMMU_UNMAP_no_flush |
				 XEN_IOMMU_UNMAP_sparse,
	};
}

/* The operations that unmap the whole host map; their number, or an error. */
static int fill_unmaps(struct xpi *xpi, struct xen_iommu_op *ops)
{
	unsigned int i, nr = 0, nr_map = MAX_E820;
	struct boot_e820_entry *map;
	int ret;

	map = kcalloc(nr_map, sizeof(*map), GFP_KERNEL);
	if (!map)
		return -ENOMEM;

	ret = xpi_machine_memory_map(map, &nr_map);
	if (!ret && nr_map > MAX_E820)
		ret = -EPROTO;
	if (ret)
		goto out;

	add_unmap(xpi, ops, &nr, 0, PFN_DOWN(SZ_4G));
	for (i = 0; i < nr_map; i++)
		add_unmap(xpi, ops, &nr,
			  max_t(u64, PFN_DOWN(map[i].addr), PFN_DOWN(SZ_4G)),
			  PFN_UP(map[i].addr + map[i].size));

	ops[nr++] = (struct xen_iommu_op) {
		.op = XEN_IOMMUOP_flush,
		.status = XPI_STATUS_UNREACHED,
		.u.flush.flags = XEN_IOMMU_FLUSH_all,
	};
	ret = nr;
out:
	kfree(map);
	return ret;
}

/* Unmap the host map, in as few hypercalls as hold the operations. */
static int clear_host_map(struct xpi *xpi, u64 *frames, unsigned int *calls)
{
	struct xen_iommu_op *ops;
	int i, done, nr, ret;

	ops = kvcalloc(MAX_OPS, sizeof(*ops), GFP_KERNEL);
	if (!ops)
		return -ENOMEM;

	nr = fill_unmaps(xpi, ops);
	ret = min(nr, 0);
	for (done = 0; !ret && done < nr; done += xpi->caps.max_ops, ++*calls)
		ret = xpi->backend->submit(ops + done,
					   min_t(unsigned int, nr - done,
						 xpi->caps.max_ops));

	for (i = 0; !ret && i < nr; i++) {
		ret = ops[i].status > 0 ? -EPROTO : ops[i].status;
		if (ops[i].op == XEN_IOMMUOP_unmap)
			*frames += ops[i].u.unmap.nr_frames;
	}

	kvfree(ops);
	return ret;
}

/**
 * xpi_takeover() - have an empty address space for dom0's devices
 * @xpi: the hypervisor
 *
 * Context: Process context; no device that dom0 drives does DMA.
 * Return: 0, or a negative errno, with the host map in place.
 */
int xpi_takeover(struct xpi *xpi)
{
	ktime_t start = ktime_get();
	unsigned int calls = 1;
	u64 frames = 0;
	bool cleared;
	int ret;

	/* Each device leaves the host map by itself. */
	if (xpi_has_contexts(xpi)) {
		ret = xpi->backend->ctx_alloc(&xpi->blocked_ctx);
		atomic_set(&xpi->nr_ctx, 1);
		if (!ret)
			pr_info("took over: each group of devices gets an address space of its own\n");
		return ret;
	}

	ret = xpi->backend->enable(xpi->caps.flags & XEN_IOMMU_CAP_clear,
				   &cleared);
	if (ret)
		return ret;

	if (!cleared) {
		ret = clear_host_map(xpi, &frames, &calls);
		if (ret) {
			xpi_give_back(xpi);
			return ret;
		}
	}

	if (cleared)
		pr_info("took over: host map cleared by the hypervisor, %u hypercall, %lld us\n",
			calls, ktime_us_delta(ktime_get(), start));
	else
		pr_info("took over: host map of %llu frames unmapped, %u hypercalls, %lld us\n",
			frames, calls, ktime_us_delta(ktime_get(), start));
	return 0;
}

/**
 * xpi_give_back() - have the host map again, and no mapping of ours
 * @xpi: the hypervisor
 *
 * If the hypervisor does not restore it, no device can do DMA any more.
 *
 * Context: Process context; no device that dom0 drives does DMA.
 */
void xpi_give_back(struct xpi *xpi)
{
	unsigned int tries;
	int ret;

	/* Each device is back in the host map by now. */
	if (xpi_has_contexts(xpi)) {
		ret = xpi->backend->ctx_free(xpi->blocked_ctx);
		if (ret)
			pr_err("a context is not given back (%d)\n", ret);
		return;
	}

	for (tries = 0; tries < MAX_TRIES; tries++) {
		ret = xpi->backend->disable();
		if (!ret)
			return;
	}

	pr_err("the hypervisor did not restore the host map (%d): no DMA until reboot\n",
	       ret);
	xpi_claim_cut_off(xpi);
}
