/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver asks of a hypervisor.
 *
 * Above this header the rest of the driver knows no hypercall and no wire
 * format; operations are struct xen_iommu_op whatever the hypervisor speaks.
 */

#ifndef _XEN_PV_IOMMU_HYPERCALL_H
#define _XEN_PV_IOMMU_HYPERCALL_H

#include <linux/types.h>

#include <asm/bootparam.h>

#include <xen/interface/iommu_op.h>

/* Preset in every status: the hypervisor did not reach the operation. */
#define XPI_STATUS_UNREACHED	S32_MAX

/**
 * struct xpi_caps - what the hypervisor offers
 * @mode: state of dom0's IOMMU, XEN_IOMMU_MODE_*
 * @flags: capabilities, XEN_IOMMU_CAP_*
 * @max_dfn: highest frame number that can be mapped
 * @pgsize_mask: page sizes that the hypervisor can use, in bytes
 * @max_ops: operations that fit one submission
 * @nr_ctx: contexts that there can be
 */
struct xpi_caps {
	u16 mode;
	u32 flags;
	u64 max_dfn;
	u32 pgsize_mask;
	unsigned int max_ops;
	unsigned int nr_ctx;
};

/**
 * struct xpi_backend - one way to talk to the hypervisor
 * @name: of the wire format, for the log
 * @probe: fill in the capabilities; changes nothing.  -ENOSYS without the
 *	hypercall, -EPERM when not allowed, -EPROTO when something else answers
 * @query_reserved: the reserved ranges of a device, or of all.  @nr is the room in
 *	@ranges and becomes the number of ranges; -ENOBUFS when that is more
 * @query_device: what becomes of a device's DMA, XEN_IOMMU_DEVICE_*, and the context
 *	that it is in; -ENODEV when the hypervisor does not know it
 * @enable: take over; @clear asks for an empty address space, @cleared tells
 * @disable: give back
 * @ctx_alloc: make a context, an address space that is empty; only with
 *	%XEN_IOMMU_CAP_contexts, as the next two
 * @ctx_free: the end of a context that no device is in
 * @ctx_attach: put a device into a context, 0 being the host map.  When it returns
 *	the IOTLB has nothing of the one before
 * @submit: carry out operations in order, with a status for each, and with all
 *	IOTLB flushing done that they ask for.  Any context, does not sleep.
 *	0, or a negative errno: -EIO with every status written is a failed
 *	flush, anything else leaves %XPI_STATUS_UNREACHED in the operations
 *	that it did not reach
 * @relax: let somebody else have the CPU, if anybody wants it.  Any context
 */
struct xpi_backend {
	const char *name;
	int (*probe)(struct xpi_caps *caps);
	int (*query_reserved)(u32 sbdf, struct xen_iommu_reserved_range *ranges,
			      unsigned int *nr);
	int (*query_device)(u32 sbdf, u16 *flags, u16 *ctx);
	int (*enable)(bool clear, bool *cleared);
	int (*disable)(void);
	int (*ctx_alloc)(u16 *ctx);
	int (*ctx_free)(u16 ctx);
	int (*ctx_attach)(u16 ctx, u32 sbdf);
	int (*submit)(struct xen_iommu_op *ops, unsigned int nr);
	void (*relax)(void);
};

extern const struct xpi_backend xpi_buffers_backend;

int xpi_machine_memory_map(struct boot_e820_entry *map, unsigned int *nr);

#if IS_ENABLED(CONFIG_KUNIT)
long xpi_iommu_op(unsigned int nr_bufs, struct xen_iommu_op_buf *bufs);
long xpi_iommu_op_regs(u32 form, u64 map, u64 gfn, u64 unmap);
#endif

#endif /* _XEN_PV_IOMMU_HYPERCALL_H */
