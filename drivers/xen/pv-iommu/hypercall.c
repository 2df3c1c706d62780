// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only file that enters the hypervisor.
 *
 * The buffers format of iommu_op, and in short calls registers: see
 * include/xen/interface/iommu_op.h, whose layout is checked here.
 */

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/stddef.h>

#include <asm/xen/hypercall.h>

#include <xen/interface/memory.h>
#include <xen/xen.h>

#include "hypercall.h"
#include "stats.h"

static_assert(sizeof(struct xen_iommu_op_buf) == 16);
static_assert(sizeof(struct xen_iommu_op) == 32);
static_assert(offsetof(struct xen_iommu_op, status) == 4);
static_assert(offsetof(struct xen_iommu_op, u) == 8);
static_assert(sizeof(struct xen_iommu_reserved_range) == 16);
static_assert(sizeof(struct xen_iommu_op_query_caps) == 24);
static_assert(offsetof(struct xen_iommu_op_query_caps, max_dfn) == 8);
static_assert(offsetof(struct xen_iommu_op_query_caps, max_ops) == 22);
static_assert(sizeof(struct xen_iommu_op_query_reserved) == 24);
static_assert(offsetof(struct xen_iommu_op_query_reserved, ranges) == 8);
static_assert(sizeof(struct xen_iommu_op_enable_modification) == 24);
static_assert(sizeof(struct xen_iommu_op_map) == 24);
static_assert(offsetof(struct xen_iommu_op_map, nr_frames) == 16);
static_assert(offsetof(struct xen_iommu_op_map, flags) == 20);
static_assert(sizeof(struct xen_iommu_op_unmap) == 24);
static_assert(offsetof(struct xen_iommu_op_unmap, flags) == 16);
static_assert(sizeof(struct xen_iommu_op_flush) == 24);
static_assert(sizeof(struct xen_iommu_op_ctx_attach) == 24);
static_assert(sizeof(struct xen_iommu_op_query_device) == 24);
static_assert(offsetof(struct xen_iommu_op_query_device, ids) == 8);
static_assert(offsetof(struct xen_iommu_op_query_device, addr_bits) == 22);
static_assert(sizeof(struct xen_iommu_op_lookup) == 24);
static_assert(offsetof(struct xen_iommu_op_lookup, pgsize) == 16);

/* What a buffer may hold, as the hypervisor said it; 1 until it was asked. */
static unsigned int max_ops_per_buf = 1;

/* Operations may be in registers. */
static bool use_registers;

/* Buffers of one hypercall: enough, and still small enough for the stack. */
#define MAX_BUFS	16

VISIBLE_IF_KUNIT long xpi_iommu_op(unsigned int nr_bufs,
				   struct xen_iommu_op_buf *bufs)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_iommu_op, nr_bufs, bufs);

	xpi_count(XPI_HYPERCALLS, 1);
	return xen_single_call(__HYPERVISOR_iommu_op, nr_bufs,
			       (unsigned long)bufs, 0, 0, 0);
}

VISIBLE_IF_KUNIT long xpi_iommu_op_regs(u32 form, u64 map, u64 gfn, u64 unmap)
{
	KUNIT_STATIC_STUB_REDIRECT(xpi_iommu_op_regs, form, map, gfn, unmap);

	xpi_count(XPI_HYPERCALLS, 1);
	return xen_single_call(__HYPERVISOR_iommu_op, form, map, gfn, unmap, 0);
}

/* By itself, since many kernels clear such an array each time they come by. */
static noinline int submit_many(struct xen_iommu_op *ops, unsigned int nr)
{
	struct xen_iommu_op_buf bufs[MAX_BUFS];
	unsigned int nr_bufs = 0;

	while (nr && nr_bufs < MAX_BUFS) {
		unsigned int n = min(nr, max_ops_per_buf);

		set_xen_guest_handle(bufs[nr_bufs].h, ops);
		bufs[nr_bufs].size = n * sizeof(*ops);
		nr_bufs++;
		ops += n;
		nr -= n;
	}

	return xpi_iommu_op(nr_bufs, bufs);
}

/* A frame number, and what is above it in a register. */
static u64 reg(u64 number, u64 above)
{
	return number | above << XEN_IOMMU_REGS_SHIFT;
}

/* A range of few frames, on one side of each boundary that registers may not cross. */
static bool range_fits(u64 dfn, u64 nr_frames)
{
	return nr_frames - 1 < XEN_IOMMU_REGS_MAX_FRAMES &&
	       !(dfn >> XEN_IOMMU_REGS_SHIFT) &&
	       dfn / XEN_IOMMU_REGS_BOUNDARY ==
	       (dfn + nr_frames - 1) / XEN_IOMMU_REGS_BOUNDARY;
}

/* What registers hold, see XEN_IOMMU_REGS, of an operation; 0: they do not hold it. */
static __always_inline u64 unmap_reg(const struct xen_iommu_op *op)
{
	if (op->op != XEN_IOMMUOP_unmap ||
	    !range_fits(op->u.unmap.dfn, op->u.unmap.nr_frames) ||
	    op->u.unmap.pad || op->u.unmap.flags & ~XEN_IOMMU_UNMAP_no_flush)
		return 0;

	return reg(op->u.unmap.dfn, op->u.unmap.nr_frames) |
	       (op->u.unmap.flags ? XEN_IOMMU_REGS_no_flush : 0);
}

static __always_inline u64 map_reg(const struct xen_iommu_op *op)
{
	if (op->op != XEN_IOMMUOP_map ||
	    !range_fits(op->u.map.dfn, op->u.map.nr_frames) ||
	    op->u.map.gfn >> XEN_IOMMU_REGS_SHIFT || op->u.map.domid ||
	    op->u.map.flags & ~(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable))
		return 0;

	return reg(op->u.map.dfn, op->u.map.nr_frames);
}

static u64 gfn_reg(const struct xen_iommu_op *op)
{
	return reg(op->u.map.gfn, op->u.map.flags);
}

/* The operations are in a buffer. */
static noinline int submit_buffer(struct xen_iommu_op *ops, unsigned int nr)
{
	struct xen_iommu_op_buf buf;

	if (unlikely(nr > max_ops_per_buf))
		return submit_many(ops, nr);

	set_xen_guest_handle(buf.h, ops);
	buf.size = nr * sizeof(*ops);
	return xpi_iommu_op(1, &buf);
}

/*
 * One or two operations, which may be what most hypercalls are for: a mapping, an
 * unmapping, or an unmapping and then a mapping.
 */
static int submit_few(struct xen_iommu_op *ops, unsigned int nr)
{
	const struct xen_iommu_op *last = &ops[nr - 1];
	u64 unmap = unmap_reg(ops), map = 0, gfn = 0;
	int ret;

	if (nr == 2 || !unmap) {
		map = map_reg(last);
		gfn = gfn_reg(last);
		if (!map || (nr == 2 && (!unmap || ops->ctx != last->ctx)))
			return submit_buffer(ops, nr);
	}

	xpi_count(XPI_REGISTERS, 1);
	ret = xpi_iommu_op_regs(XEN_IOMMU_REGS | ops->ctx, map, gfn, unmap);
	if (unlikely(ret && ret != -EIO)) {
		xpi_count(XPI_REGISTERS_REFUSED, 1);
		return submit_buffer(ops, nr);
	}

	ops[0].status = 0;
	ops[nr - 1].status = 0;
	return ret;
}

static int buffers_submit(struct xen_iommu_op *ops, unsigned int nr)
{
	return nr && nr <= 2 && use_registers ? submit_few(ops, nr) :
						submit_buffer(ops, nr);
}

/* One operation that is not part of the fast path; its status or an error. */
static int buffers_one(struct xen_iommu_op *op)
{
	int ret;

	op->status = XPI_STATUS_UNREACHED;
	ret = buffers_submit(op, 1);
	if (ret)
		return ret;
	return op->status > 0 ? -EPROTO : op->status;
}

static int buffers_probe(struct xpi_caps *caps)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_caps,
		.status = XPI_STATUS_UNREACHED,
	};
	/*
	 * Another interface with this number takes "1" for "query capabilities
	 * into this pointer" and would write more than a buffer descriptor.
	 */
	union {
		struct xen_iommu_op_buf buf;
		u8 room[64];
	} arg = {};
	int ret;

	set_xen_guest_handle(arg.buf.h, &op);
	arg.buf.size = sizeof(op);
	ret = xpi_iommu_op(1, &arg.buf);
	if (ret)
		return ret;
	if (op.status == XPI_STATUS_UNREACHED ||
	    op.u.query_caps.version != XEN_IOMMU_OP_VERSION ||
	    !op.u.query_caps.max_ops)
		return -EPROTO;
	if (op.status)
		return op.status;

	max_ops_per_buf = op.u.query_caps.max_ops;
	use_registers = op.u.query_caps.caps & XEN_IOMMU_CAP_registers;
	*caps = (struct xpi_caps) {
		.mode = op.u.query_caps.mode,
		.flags = op.u.query_caps.caps,
		/* So that one more is still an address. */
		.max_dfn = min(op.u.query_caps.max_dfn,
			       (U64_MAX >> PAGE_SHIFT) - 1),
		.pgsize_mask = op.u.query_caps.pgsize_mask,
		.max_ops = max_ops_per_buf * MAX_BUFS,
		.nr_ctx = op.u.query_caps.nr_ctx,
	};
	return 0;
}

static int buffers_query_reserved(u32 sbdf,
				  struct xen_iommu_reserved_range *ranges,
				  unsigned int *nr)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_reserved,
		.u.query_reserved.sbdf = sbdf,
		.u.query_reserved.nr_entries = *nr,
	};
	int ret;

	set_xen_guest_handle(op.u.query_reserved.ranges, ranges);
	ret = buffers_one(&op);
	*nr = op.u.query_reserved.nr_entries;
	return ret;
}

static int buffers_enable(bool clear, bool *cleared)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_enable_modification,
		.u.enable_modification.flags =
			clear ? XEN_IOMMU_ENABLE_clear : 0,
	};
	int ret;

	ret = buffers_one(&op);
	*cleared = op.u.enable_modification.result & XEN_IOMMU_ENABLED_cleared;
	return ret;
}

static int buffers_disable(void)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_disable_modification };

	return buffers_one(&op);
}

static int buffers_query_device(u32 sbdf, u16 *flags, u16 *ctx)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_device,
		.u.query_device.sbdf = sbdf,
	};
	int ret = buffers_one(&op);

	/* It has more requester IDs than none, for which there is no room. */
	if (ret && ret != -ENOBUFS)
		return ret;

	*flags = op.u.query_device.flags;
	*ctx = op.u.query_device.ctx;
	return 0;
}

static int buffers_ctx_alloc(u16 *ctx)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_ctx_alloc };
	int ret = buffers_one(&op);

	*ctx = op.ctx;
	return ret ?: *ctx ? 0 : -EPROTO;
}

static int buffers_ctx_free(u16 ctx)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_ctx_free, .ctx = ctx };

	return buffers_one(&op);
}

static int buffers_ctx_attach(u16 ctx, u32 sbdf)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_ctx_attach,
		.ctx = ctx,
		.u.ctx_attach.sbdf = sbdf,
	};

	return buffers_one(&op);
}

static void buffers_relax(void)
{
	HYPERVISOR_sched_op(SCHEDOP_yield, NULL);
}

const struct xpi_backend xpi_buffers_backend = {
	.name = "buffers",
	.probe = buffers_probe,
	.query_reserved = buffers_query_reserved,
	.query_device = buffers_query_device,
	.enable = buffers_enable,
	.disable = buffers_disable,
	.ctx_alloc = buffers_ctx_alloc,
	.ctx_free = buffers_ctx_free,
	.ctx_attach = buffers_ctx_attach,
	.submit = buffers_submit,
	.relax = buffers_relax,
};

/**
 * xpi_machine_memory_map() - the memory map of the machine, not of dom0
 * @map: array for it
 * @nr: IN: room in @map; OUT: entries
 *
 * Context: Process context.
 * Return: 0, -EINVAL when @map is too small, or another negative errno.
 */
int xpi_machine_memory_map(struct boot_e820_entry *map, unsigned int *nr)
{
	struct xen_memory_map memmap = { .nr_entries = *nr };
	int ret;

	KUNIT_STATIC_STUB_REDIRECT(xpi_machine_memory_map, map, nr);

	set_xen_guest_handle(memmap.buffer, map);
	ret = HYPERVISOR_memory_op(XENMEM_machine_memory_map, &memmap);
	*nr = memmap.nr_entries;
	return ret;
}
