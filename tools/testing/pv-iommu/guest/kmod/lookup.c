// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hypervisor says that a bus address leads to, which is what the
 * device really reaches: the DMA layer's own view is not asked.
 */

#include <linux/bsearch.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/stddef.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>

#include <xen/interface/iommu_op.h>
#include <xen/xen.h>

#include "dmatest.h"

#define BATCH		16
#define UNREACHED	1	/* preset; no errno */

#define MAP_RW		(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)

static int submit(struct xen_iommu_op *ops, unsigned int nr)
{
	struct xen_iommu_op_buf buf = { .size = nr * sizeof(*ops) };
	unsigned int i;

	set_xen_guest_handle(buf.h, ops);
	for (i = 0; i < nr; i++)
		ops[i].status = UNREACHED;
	return xen_single_call(__HYPERVISOR_iommu_op, 1, (unsigned long)&buf,
			       0, 0, 0);
}

/* The context that the device is in; 0 where all devices share one. */
static u16 context_of(struct pci_dev *pdev)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_device,
		.u.query_device.sbdf =
			XEN_IOMMU_SBDF(pci_domain_nr(pdev->bus),
				       pdev->bus->number, pdev->devfn),
	};

	/* There is no room for its requester IDs, so the status is an error. */
	return submit(&op, 1) ? 0 : op.u.query_device.ctx;
}

/**
 * dmt_lookup_available() - is there a hypervisor to ask?
 * @dmt: the device; where it is now is where later calls look
 *
 * Return: whether it can be asked, and what the device is in is dom0's.
 */
bool dmt_lookup_available(struct dmt_dev *dmt)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_query_caps };

	if (!xen_pv_domain() || submit(&op, 1) || op.status ||
	    !(op.u.query_caps.caps & XEN_IOMMU_CAP_lookup) ||
	    op.u.query_caps.max_ops < BATCH)
		return false;

	dmt->ctx = context_of(dmt->pdev);
	return dmt->ctx || op.u.query_caps.mode == XEN_IOMMU_MODE_owned;
}

int dmt_lookup_one(struct dmt_dev *dmt, u64 dfn, u64 *gfn, u32 *pgsize,
		   u32 *flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_lookup,
		.u.lookup.dfn = dfn,
	};
	int ret;

	if (!dmt_lookup_available(dmt))
		return -ENODEV;
	op.ctx = dmt->ctx;
	ret = submit(&op, 1);
	if (ret || op.status)
		return ret ?: op.status;
	*gfn = op.u.lookup.gfn;
	*pgsize = op.u.lookup.pgsize;
	*flags = op.u.lookup.flags;
	return 0;
}

static bool rights_ok(enum dma_data_direction dir, u32 flags)
{
	flags &= MAP_RW;
	if (dir == DMA_BIDIRECTIONAL)
		return flags == MAP_RW;
	if (dir == DMA_TO_DEVICE)
		return flags == XEN_IOMMU_MAP_readable;
	/* Some hardware has no write-only mappings. */
	return flags & XEN_IOMMU_MAP_writable;
}

static void wrong(struct dmt_lookup *res, u64 dfn)
{
	if (!res->wrong++)
		res->first_wrong_dfn = dfn;
}

/* What do up to %BATCH device frames lead to?  False when the call failed. */
static bool ask(struct dmt_dev *dmt, struct xen_iommu_op *ops,
		const struct dmt_frame *frames, unsigned int nr,
		struct dmt_lookup *res)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		ops[i].op = XEN_IOMMUOP_lookup;
		ops[i].ctx = dmt->ctx;
		ops[i].u.lookup.dfn = frames[i].dfn;
	}
	res->pages += nr;
	if (submit(ops, nr)) {
		res->errors += nr;
		return false;
	}
	for (i = 0; i < nr; i++)
		if (ops[i].status && ops[i].status != -ENOENT)
			res->errors++;
	return true;
}

/**
 * dmt_lookup_frames() - is each frame mapped, or unmapped, as it should be?
 * @dmt: the device
 * @frames: where which frame is or was mapped
 * @nr: how many
 * @dir: how they are mapped
 * @mapped: false: none may lead there.  Another buffer may be there by now,
 *	but its frames are its own as long as those of @frames are not free
 * @res: counts of this are added
 */
void dmt_lookup_frames(struct dmt_dev *dmt, const struct dmt_frame *frames,
		       size_t nr, enum dma_data_direction dir, bool mapped,
		       struct dmt_lookup *res)
{
	struct xen_iommu_op ops[BATCH] = {};
	size_t i, j, n;

	for (i = 0; i < nr; i += n) {
		n = min_t(size_t, BATCH, nr - i);
		if (!ask(dmt, ops, frames + i, n, res))
			continue;
		for (j = 0; j < n; j++) {
			bool ours = !ops[j].status && ops[j].u.lookup.gfn ==
				    pfn_to_gfn(frames[i + j].pfn);

			if (mapped ? !ours || !rights_ok(dir, ops[j].u.lookup.flags) :
				     ours)
				wrong(res, frames[i + j].dfn);
		}
	}
}

void dmt_lookup_mapped(struct dmt_dev *dmt, struct dmt_buf *buf,
		       struct dmt_lookup *res)
{
	size_t i, n, nr = dmt_buf_nr_frames(buf);
	struct dmt_frame frames[BATCH];

	for (i = 0; i < nr; i += n) {
		for (n = 0; n < BATCH && i + n < nr; n++)
			dmt_buf_frame(buf, i + n, &frames[n]);
		dmt_lookup_frames(dmt, frames, n, buf->dir, true, res);
	}
}

static int compare_gfns(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/**
 * dmt_lookup_leftovers() - does any address lead to a buffer that has none?
 * @dmt: the device
 * @buf: not mapped
 * @first: first device frame to look at
 * @last: last one
 * @res: each frame that leads into @buf counts as wrong
 *
 * Return: 0 or -ENOMEM.
 */
int dmt_lookup_leftovers(struct dmt_dev *dmt, struct dmt_buf *buf, u64 first,
			 u64 last, struct dmt_lookup *res)
{
	size_t i, n, nr = dmt_buf_nr_frames(buf);
	struct xen_iommu_op ops[BATCH] = {};
	struct dmt_frame frames[BATCH];
	u64 *gfns;

	gfns = kvmalloc_array(nr, sizeof(*gfns), GFP_KERNEL);
	if (!gfns)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		gfns[i] = pfn_to_gfn(dmt_buf_pfn(buf, i ? i * PAGE_SIZE -
						 buf->offset : 0));
	sort(gfns, nr, sizeof(*gfns), compare_gfns, NULL);

	for (; first <= last; first += n) {
		n = min_t(u64, BATCH, last - first + 1);
		for (i = 0; i < n; i++)
			frames[i].dfn = first + i;
		if (!ask(dmt, ops, frames, n, res))
			continue;
		for (i = 0; i < n; i++) {
			u64 gfn = ops[i].u.lookup.gfn;

			if (!ops[i].status && bsearch(&gfn, gfns, nr, sizeof(gfn),
						      compare_gfns))
				wrong(res, first + i);
		}
		cond_resched();
	}
	kvfree(gfns);
	return 0;
}

/* Returns whether anything was wrong. */
bool dmt_lookup_show(struct dmt_dev *dmt, const char *name,
		     const struct dmt_lookup *res)
{
	seq_buf_printf(dmt->out, "%s_pages %llu\n%s_wrong %llu\n%s_errors %llu\n",
		       name, res->pages, name, res->wrong, name, res->errors);
	if (res->wrong)
		seq_buf_printf(dmt->out, "%s_first_wrong_dfn %#llx\n", name,
			       res->first_wrong_dfn);
	return res->wrong || res->errors;
}

/* Is unmapping over when it returns, or only when the flush queue drains? */
bool dmt_is_strict(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type == IOMMU_DOMAIN_DMA;
}
