// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hypervisor says that a bus address leads to, which is what the
 * device really reaches: the DMA layer's own view is not asked.
 */

#include <linux/errno.h>
#include <linux/slab.h>
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

/* Is there a hypervisor to ask, and is the address space dom0's? */
bool dmt_lookup_available(void)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_query_caps };

	return xen_pv_domain() && !submit(&op, 1) && !op.status &&
	       op.u.query_caps.caps & XEN_IOMMU_CAP_lookup &&
	       op.u.query_caps.mode == XEN_IOMMU_MODE_owned &&
	       op.u.query_caps.max_ops >= BATCH;
}

int dmt_lookup_one(u64 dfn, u64 *gfn, u32 *pgsize, u32 *flags)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_lookup,
		.u.lookup.dfn = dfn,
	};
	int ret;

	if (!xen_pv_domain())
		return -ENODEV;
	ret = submit(&op, 1);
	if (ret || op.status)
		return ret ?: op.status;
	*gfn = op.u.lookup.gfn;
	*pgsize = op.u.lookup.pgsize;
	*flags = op.u.lookup.flags;
	return 0;
}

size_t dmt_buf_nr_frames(struct dmt_buf *buf)
{
	return DIV_ROUND_UP(buf->offset + buf->size, PAGE_SIZE);
}

/* Offset into the buffer of its frame number @i. */
static size_t frame_off(struct dmt_buf *buf, size_t i)
{
	return i ? i * PAGE_SIZE - buf->offset : 0;
}

void dmt_buf_dfns(struct dmt_buf *buf, u64 *dfns)
{
	size_t i, nr = dmt_buf_nr_frames(buf);

	for (i = 0; i < nr; i++)
		dfns[i] = dmt_buf_dma(buf, frame_off(buf, i)) >> PAGE_SHIFT;
}

static bool rights_ok(struct dmt_buf *buf, u32 flags)
{
	flags &= MAP_RW;
	if (buf->kind == DMT_COHERENT || buf->dir == DMA_BIDIRECTIONAL)
		return flags == MAP_RW;
	if (buf->dir == DMA_TO_DEVICE)
		return flags == XEN_IOMMU_MAP_readable;
	/* Some hardware has no write-only mappings. */
	return flags & XEN_IOMMU_MAP_writable;
}

static void wrong(struct dmt_lookup *res, u64 dfn)
{
	if (!res->wrong++)
		res->first_wrong_dfn = dfn;
}

/*
 * One batch: looks @nr dfns up.  Without @mapped no answer is right that leads
 * to the frame of the buffer that was there; another buffer may be there by
 * now, and its frames are its own, because ours are not free yet.
 */
static void check_batch(struct dmt_buf *buf, size_t first, const u64 *dfns,
			unsigned int nr, bool mapped, struct dmt_lookup *res)
{
	struct xen_iommu_op ops[BATCH] = {};
	unsigned int i;

	for (i = 0; i < nr; i++) {
		ops[i].op = XEN_IOMMUOP_lookup;
		ops[i].u.lookup.dfn = dfns[i];
	}
	res->pages += nr;
	if (submit(ops, nr)) {
		res->errors += nr;
		return;
	}
	for (i = 0; i < nr; i++) {
		unsigned long pfn = dmt_buf_pfn(buf, frame_off(buf, first + i));
		bool ours = !ops[i].status &&
			    ops[i].u.lookup.gfn == pfn_to_gfn(pfn);

		if (ops[i].status && ops[i].status != -ENOENT)
			res->errors++;
		else if (mapped ? !ours || !rights_ok(buf, ops[i].u.lookup.flags) :
				  ours)
			wrong(res, dfns[i]);
	}
}

void dmt_lookup_mapped(struct dmt_buf *buf, struct dmt_lookup *res)
{
	size_t i, n, nr = dmt_buf_nr_frames(buf);
	u64 dfns[BATCH];

	for (i = 0; i < nr; i += n) {
		for (n = 0; n < BATCH && i + n < nr; n++)
			dfns[n] = dmt_buf_dma(buf, frame_off(buf, i + n)) >> PAGE_SHIFT;
		check_batch(buf, i, dfns, n, true, res);
	}
}

void dmt_lookup_unmapped(struct dmt_buf *buf, const u64 *dfns,
			 struct dmt_lookup *res)
{
	size_t i, n, nr = dmt_buf_nr_frames(buf);

	for (i = 0; i < nr; i += n) {
		n = min_t(size_t, BATCH, nr - i);
		check_batch(buf, i, dfns + i, n, false, res);
	}
}
