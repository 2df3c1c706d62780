/* SPDX-License-Identifier: MIT */
/*
 * iommu_op.h: let the hardware domain manage its own I/O address space.
 *
 * Words used below:
 *
 *   dfn   device frame number: a bus address (IOVA) >> 12
 *   gfn   guest frame number: what this hypercall takes as a frame.  For a PV
 *         domain it is the machine frame number
 *   frame 4096 bytes, whatever the page size of the IOMMU
 *
 * Every field that is not marked OUT is an input.  Reserved fields ("pad",
 * unused flag bits) must be zero and are checked, so that later versions can
 * give them a meaning.  Each operation has the status -EINVAL when they are not,
 * or when it has a ctx that it does not take: one of the domain's contexts is
 * meant in map, unmap, flush and lookup, and in those of the contexts themselves.
 *
 * A domain has its I/O address spaces in one of two ways, never in both:
 *
 *   contexts     ctx_alloc makes an address space that is empty, ctx_attach puts
 *                a device into it.  Context 0 is what Xen made at boot, the host
 *                map: it cannot be changed, and has every device that was not
 *                attached to another context.
 *   shared mode  enable_modification takes over context 0 for all devices.
 */

#ifndef __XEN_PUBLIC_IOMMU_OP_H__
#define __XEN_PUBLIC_IOMMU_OP_H__

#include <xen/interface/xen.h>

/*
 * long HYPERVISOR_iommu_op(unsigned int nr_bufs, struct xen_iommu_op_buf *bufs)
 *
 * Each buffer is a packed array of struct xen_iommu_op.  The operations are
 * carried out in order, buffer after buffer.  One operation failing does not
 * stop those after it: look at the status of each.
 *
 * Return value:
 *   0         every operation was reached and has its status written.
 *   -ENOSYS   the hypervisor does not implement this hypercall.
 *   -EPERM    the caller is not the hardware domain, or a security module
 *             does not let it.
 *   -E2BIG    nr_bufs is above XEN_IOMMU_OP_MAX_BUFS, or a buffer holds more
 *             than query_caps.max_ops operations.  No operation was reached.
 *   -EINVAL   a buffer's size is not a multiple of the operation's size.  No
 *             operation was reached.
 *   -EFAULT   a handle could not be read or written.  The operations before
 *             the one that could not be read are done; of those whose status
 *             could not be written nothing can be said, nor whether the IOTLB
 *             was flushed.  A caller finds out which by presetting each status
 *             to a value that is no status.
 *   -EIO      every operation was reached and has its status, but the IOTLB
 *             flush at the end failed.  A later flush of everything makes up
 *             for it; frames that were unmapped may stay allocated until the
 *             domain gives its address space back.
 *
 * Unless an operation says no_flush, the IOTLB entries that it made stale are
 * gone when the hypercall returns; one flush at the end serves all of them.
 * Long calls are preempted and continued without the caller seeing it, except
 * that the registers of all five hypercall arguments may have changed.
 * nr_bufs == 0 is valid and does nothing.
 */
#define __HYPERVISOR_iommu_op			43

#define XEN_IOMMU_OP_MAX_BUFS			64

struct xen_iommu_op_buf {
	GUEST_HANDLE(void) h;	/* array of struct xen_iommu_op */
	xen_ulong_t size;	/* of that array, in bytes */
};
DEFINE_GUEST_HANDLE_STRUCT(xen_iommu_op_buf);

/*
 * With XEN_IOMMU_CAP_registers an unmap operation, a map operation, or both of
 * them fit into the arguments themselves, for callers whose registers have 64 bits:
 *
 * long HYPERVISOR_iommu_op(uint32_t form, uint64_t map, uint64_t gfn, uint64_t unmap)
 *
 *   form   XEN_IOMMU_REGS, with the ctx in the low 16 bits
 *   map    the dfn to map at; above it how many frames, or 0 to map none
 *   gfn    the first frame to map; above it XEN_IOMMU_MAP_readable, _writable;
 *          zero when none is mapped
 *   unmap  the dfn to unmap from; above it how many frames, or 0 to unmap none,
 *          and above that XEN_IOMMU_REGS_no_flush
 *
 * "Above it" is from bit XEN_IOMMU_REGS_SHIFT on.  What is unmapped has to be
 * mapped, all of it, and what is mapped at must not be, not even until then.  No
 * range may reach across a multiple of XEN_IOMMU_REGS_BOUNDARY dfns.
 *
 * Return value:
 *   0         all is done, and flushed unless no_flush is set.
 *   -EIO      all is done, but the flush failed: as with buffers.
 *   -EAGAIN   nothing is done, as something is unusual: the same operations in a
 *             buffer have the status that tells what, or succeed.
 *   -EINVAL   more than XEN_IOMMU_REGS_MAX_FRAMES; other flags; a number or flags
 *             where there are no frames, or no flags where there are frames to map.
 *             Nothing is done.
 *   -ENOSYS, -EPERM  as above.  -E2BIG  the capability is missing.
 */
#define XEN_IOMMU_REGS				0x52450000U
#define XEN_IOMMU_REGS_SHIFT			52
#define XEN_IOMMU_REGS_MAX_FRAMES		64
#define XEN_IOMMU_REGS_BOUNDARY			512
#define XEN_IOMMU_REGS_no_flush			(1ULL << 63)

/*
 * query_caps: what there is, and whether it can be had.  Always allowed to the
 * hardware domain; changes nothing.
 */
#define XEN_IOMMUOP_query_caps			1

/* The version of this interface.  It grows by bits in caps, not by versions. */
#define XEN_IOMMU_OP_VERSION			1

/* The IOMMU state of the calling domain (query_caps.mode). */
#define XEN_IOMMU_MODE_off			0 /* no IOMMU, or not in use */
#define XEN_IOMMU_MODE_host_map			1 /* can be taken over */
#define XEN_IOMMU_MODE_strict			2 /* Xen maintains dfn == mfn */
#define XEN_IOMMU_MODE_passthrough		3 /* DMA is not translated */
#define XEN_IOMMU_MODE_guest_map		4 /* Xen maintains dfn == gfn */
#define XEN_IOMMU_MODE_owned			5 /* the domain has taken over */
#define XEN_IOMMU_MODE_ats			6 /* devices have IOTLBs (ats=on) */

/* enable_modification can clear the host map in one go. */
#define XEN_IOMMU_CAP_clear			(1U << 0)
/* ctx_alloc, ctx_free and ctx_attach exist. */
#define XEN_IOMMU_CAP_contexts			(1U << 1)
/* map accepts grant references. */
#define XEN_IOMMU_CAP_gref			(1U << 2)
/* The no_flush flags are honoured; without this bit each call flushes. */
#define XEN_IOMMU_CAP_deferred_flush		(1U << 3)
/* Runs are mapped with the larger sizes of pgsize_mask where they fit. */
#define XEN_IOMMU_CAP_large_pages		(1U << 4)
/* Interrupt remapping is on: a device cannot forge other devices' MSIs. */
#define XEN_IOMMU_CAP_intremap			(1U << 5)
/* DMA is coherent with the CPU caches. */
#define XEN_IOMMU_CAP_coherent			(1U << 6)
/* lookup exists. */
#define XEN_IOMMU_CAP_lookup			(1U << 7)
/* Non-present entries may be cached: new mappings cost a flush, too. */
#define XEN_IOMMU_CAP_caching_mode		(1U << 8)
/* map accepts lists of frames. */
#define XEN_IOMMU_CAP_list			(1U << 9)
/* Operations may be in the arguments of the hypercall: XEN_IOMMU_REGS. */
#define XEN_IOMMU_CAP_registers			(1U << 10)

struct xen_iommu_op_query_caps {
	uint16_t version;	/* OUT: XEN_IOMMU_OP_VERSION */
	uint16_t mode;		/* OUT: XEN_IOMMU_MODE_* */
	uint32_t caps;		/* OUT: XEN_IOMMU_CAP_* */
	uint64_t max_dfn;	/* OUT: highest dfn that can be mapped */
	uint32_t pgsize_mask;	/* OUT: bit n set: pages of 2^n bytes */
	uint16_t nr_ctx;	/* OUT: contexts that there can be, beside 0 */
	uint16_t max_ops;	/* OUT: operations that a buffer may hold */
};

/*
 * query_reserved: the ranges of dfns that map will refuse.  In shared mode these
 * are those of all devices, and the status is -EINVAL.  In a context they are the
 * msi and bus ranges, with -EINVAL, and the identity ranges of the devices that are
 * attached to it, which are mapped there: -EEXIST.
 *
 * Status: -ENOBUFS when nr_entries was too small (nr_entries then says how
 * many there are, and as many as fitted are written), -ENOSPC when there are
 * more than the hypervisor can list, -ENOMEM, -EFAULT.
 */
#define XEN_IOMMUOP_query_reserved		2

#define XEN_IOMMU_SBDF(seg, bus, devfn)	\
	((uint32_t)(seg) << 16 | (bus) << 8 | (devfn))
#define XEN_IOMMU_RESERVED_ALL_DEVICES		(~0U)

/* Mapped dfn == mfn by Xen, always: RMRR (VT-d) or unity map (AMD-Vi). */
#define XEN_IOMMU_RESERVED_identity		(1U << 0)
/* The MSI doorbell; never translated. */
#define XEN_IOMMU_RESERVED_msi			(1U << 1)
/* ISA bus masters live here; never mapped. */
#define XEN_IOMMU_RESERVED_isa			(1U << 2)
/* Special to the bus (HyperTransport on AMD); never translated. */
#define XEN_IOMMU_RESERVED_bus			(1U << 3)

struct xen_iommu_reserved_range {
	uint64_t start_dfn;
	uint32_t nr_frames;
	uint32_t flags;		/* XEN_IOMMU_RESERVED_* */
};
DEFINE_GUEST_HANDLE_STRUCT(xen_iommu_reserved_range);

struct xen_iommu_op_query_reserved {
	uint32_t sbdf;		/* XEN_IOMMU_SBDF(), or all devices */
	uint32_t nr_entries;	/* IN: room in the array; OUT: entries */
	GUEST_HANDLE(xen_iommu_reserved_range) ranges;
	uint64_t pad;
};

/*
 * enable_modification: take context 0 over.  From here on the domain's devices
 * see what the domain maps, and the ranges that query_reserved calls identity.
 *
 * With XEN_IOMMU_ENABLE_clear the hypervisor starts the domain with an empty
 * address space, if it can (it then says XEN_IOMMU_ENABLED_cleared).  Else the
 * host map is still there, and unmap removes it: without references, because
 * the host map holds none.
 *
 * Status: -EPERM in strict mode, -EOPNOTSUPP in the other modes but host_map,
 * -EALREADY when the domain has taken over already, -EBUSY when it has contexts,
 * -EXDEV when the DMA of one of its devices is not translated (Xen's log has
 * which), -ENOMEM, -EIO.
 */
#define XEN_IOMMUOP_enable_modification		3

#define XEN_IOMMU_ENABLE_clear			(1U << 0)
#define XEN_IOMMU_ENABLED_cleared		(1U << 0)

struct xen_iommu_op_enable_modification {
	uint32_t flags;		/* XEN_IOMMU_ENABLE_* */
	uint32_t result;	/* OUT: XEN_IOMMU_ENABLED_* */
	uint64_t pad[2];
};

/*
 * disable_modification: give back.  Every mapping is dropped, every page
 * reference with it, and the host map is as it was at boot.  No argument; the
 * union is zero.
 *
 * Status: -EPERM when the domain has not taken over, -EIO.
 */
#define XEN_IOMMUOP_disable_modification	4

/*
 * map: make [dfn, dfn + nr_frames) point at [gfn, gfn + nr_frames).
 *
 * All or nothing.  The hypervisor holds a reference on each page of RAM at least
 * until the frame is unmapped and the IOTLB flushed, so that no page changes hands
 * while a device can reach it; frames of MMIO are not counted.  At least one
 * of readable and writable is set.
 *
 * With list, dfn + n points at entry n of an array of gfns, which need be neither
 * sorted nor distinct; domid is zero.  The array is in the caller's memory: gfn is
 * its virtual address, as in a guest handle, of any alignment.  It is not written,
 * and is to stay as it is until the hypercall returns: each frame is checked that
 * comes to be mapped, but of an array that changes nobody knows which these are.
 *
 * With gref it is a page that domid has granted to the domain, which must have the
 * grant mapped (GNTTABOP_map_grant_ref) while it makes this call: for writing, if
 * writable is set.  Afterwards the grant may be unmapped, and its owner may end
 * access or die, in any order: the hypervisor's reference is the mapping's own, and
 * with writable it has the page's type as well.  So until the frame is unmapped and
 * the IOTLB flushed the owner cannot exchange it, nor make a page table of it if it
 * is writable, and if the owner dies its memory does not come back.  Who serves
 * guests has both done before it unmaps the grant.
 *
 * Status:
 *   -EINVAL      reserved field, no access flag, nr_frames 0 or wrapping,
 *                beyond max_dfn, or in a reserved range; with gref nr_frames
 *                is not 1, or the reference has more than 32 bits; with list
 *                it is more than XEN_IOMMU_MAP_MAX_LIST, or gref is set, too
 *   -EEXIST      something is mapped in the range already; in a context also by
 *                the hypervisor, for a device that needs it
 *   -EPERM       context 0 when the domain has not taken over; the frame is not
 *                the domain's, nor MMIO that it may access that way; what was
 *                granted is not memory of domid
 *   -EOPNOTSUPP  gref without XEN_IOMMU_CAP_gref, list without XEN_IOMMU_CAP_list
 *   -EFAULT      the array of a list cannot be read
 *   -ESRCH       there is no domain domid
 *   -EACCES      the domain does not have the grant mapped, or for reading only
 *                while writable is set, or it is a part of a page
 *   -ENOENT      no such context
 *   -ENOMEM      no memory for page tables or for counting the frame's mappings,
 *                or too many of these
 */
#define XEN_IOMMUOP_map				5

#define XEN_IOMMU_MAP_readable			(1U << 0)
#define XEN_IOMMU_MAP_writable			(1U << 1)
/* u.map.gfn is a grant reference of domid; nr_frames is 1. */
#define XEN_IOMMU_MAP_gref			(1U << 2)
/* The caller flushes, even where non-present entries are cached. */
#define XEN_IOMMU_MAP_no_flush			(1U << 3)
/* u.map.gfn is the address of an array of nr_frames gfns, 64 bits each. */
#define XEN_IOMMU_MAP_list			(1U << 4)

/* Frames in a list. */
#define XEN_IOMMU_MAP_MAX_LIST			512

struct xen_iommu_op_map {
	uint64_t dfn;
	uint64_t gfn;
	uint32_t nr_frames;
	uint16_t flags;		/* XEN_IOMMU_MAP_* */
	uint16_t domid;		/* owner of the grant; zero without gref */
};

/*
 * unmap: afterwards nothing is mapped in [dfn, dfn + nr_frames), whether the
 * status is 0 or -ENOENT, but for what the hypervisor itself keeps mapped in a
 * context (see query_reserved): that counts as not mapped.  Large pages are split
 * as needed.
 *
 * Status:
 *   -EINVAL      reserved field, nr_frames 0 or wrapping, beyond max_dfn, or
 *                touching a reserved range without sparse
 *   -ENOENT      part of the range was not mapped (never with sparse); no such
 *                context
 *   -EPERM       context 0 when the domain has not taken over
 *   -ENOMEM      no memory to split a large page; nothing was unmapped
 *   -EIO         the IOTLB had to be flushed on the way and could not be; a part
 *                of the range may be unmapped
 */
#define XEN_IOMMUOP_unmap			6

/* The caller flushes; until then the frames stay referenced. */
#define XEN_IOMMU_UNMAP_no_flush		(1U << 0)
/* Holes are fine, and so are reserved ranges, which stay as they are. */
#define XEN_IOMMU_UNMAP_sparse			(1U << 1)

struct xen_iommu_op_unmap {
	uint64_t dfn;
	uint64_t nr_frames;	/* OUT: frames that were mapped before */
	uint32_t flags;		/* XEN_IOMMU_UNMAP_* */
	uint32_t pad;
};

/*
 * flush: every stale IOTLB entry of the range is gone when the hypercall
 * returns, and the hypervisor no longer needs the references that it kept for
 * it: it drops them now, or when the domain parts with the pages.  The hypervisor
 * may flush more.
 *
 * Status: -EINVAL for a bad range or a reserved field, -ENOENT for no such
 * context, -EPERM for context 0 when the domain has not taken over, -EIO.
 */
#define XEN_IOMMUOP_flush			7

/* The whole address space; dfn and nr_frames are zero. */
#define XEN_IOMMU_FLUSH_all			(1U << 0)

struct xen_iommu_op_flush {
	uint64_t dfn;
	uint64_t nr_frames;
	uint32_t flags;		/* XEN_IOMMU_FLUSH_* */
	uint32_t pad;
};

/*
 * ctx_alloc: make a context.  The ctx of the operation says which: OUT.  It is
 * empty: a device that is attached to it reaches nothing.  No argument; the union
 * is zero.
 *
 * Status: -EOPNOTSUPP without XEN_IOMMU_CAP_contexts, -EBUSY when the domain has
 * taken over context 0, -ENOSPC when there are query_caps.nr_ctx, -ENOMEM.
 */
#define XEN_IOMMUOP_ctx_alloc			8

/*
 * ctx_free: the end of a context: what is mapped in it is unmapped.  No argument;
 * the union is zero.
 *
 * Status: -ENOENT for no such context, -EBUSY when a device is attached to it,
 * -EOPNOTSUPP without XEN_IOMMU_CAP_contexts.
 */
#define XEN_IOMMUOP_ctx_free			9

/*
 * ctx_attach: put a device into a context; into context 0, the host map, to give
 * it back.  Devices whose DMA may carry the same requester ID move together.
 *
 * The ranges that query_reserved calls identity for these devices are mapped
 * before they move, and unmapped when the last of them that needs them is gone.
 * When the hypercall returns no translation of the context before is in the
 * IOTLB.  After an error they are where they were.
 *
 * A context is for as long as the device is the domain's.  While it is assigned to
 * another domain, ctx_attach changes where it will be when it is back.  A device
 * that is removed and added again is in context 0, unless it shares a requester
 * ID with one that is elsewhere.
 *
 * When the domain crashes, or another kernel is started, the hypervisor brings
 * all devices back to context 0.
 *
 * Status:
 *   -ENOENT      no such context
 *   -ENODEV      no such device, or not one of the domain
 *   -EXDEV       its DMA is not translated
 *   -EBUSY       a device that would have to move with it is not the domain's
 *   -EEXIST      something is mapped in an identity range of the device, or two
 *                such ranges overlap
 *   -ENOSPC      the IOMMU has no ID left to tell address spaces apart, or more
 *                devices would have to move than the hypervisor can
 *   -EPERM       the domain has taken over context 0
 *   -EOPNOTSUPP  without XEN_IOMMU_CAP_contexts
 *   -ENOMEM, -EIO
 */
#define XEN_IOMMUOP_ctx_attach			10

struct xen_iommu_op_ctx_attach {
	uint32_t sbdf;
	uint32_t pad0;
	uint64_t pad1[2];
};

/*
 * lookup: what one dfn is mapped to.  For tests and for debugging.
 *
 * Status: -ENOENT when nothing is mapped there and for no such context, -EINVAL
 * beyond max_dfn, -EPERM for context 0 when the domain has not taken over.
 */
#define XEN_IOMMUOP_lookup			11

struct xen_iommu_op_lookup {
	uint64_t dfn;
	uint64_t gfn;		/* OUT */
	uint32_t pgsize;	/* OUT: size of the page that maps it, in bytes */
	uint32_t flags;		/* OUT: XEN_IOMMU_MAP_readable, _writable, _gref */
};

/*
 * query_device: what becomes of a device's DMA.
 *
 * The requester IDs are those that its DMA may carry on the way to the IOMMU: its
 * own, those of its phantom functions, and what a bridge puts in their place.
 * Devices that have one in common cannot be told apart.  A bridge that does no DMA
 * of its own has none.
 *
 * Status: -ENODEV when the hypervisor does not know the device, -ENOBUFS when
 * nr_ids was too small (nr_ids then says how many there are, and as many as
 * fitted are written), -EFAULT.
 */
#define XEN_IOMMUOP_query_device		12

/* Its DMA is translated: it is behind an IOMMU, and that is switched on. */
#define XEN_IOMMU_DEVICE_translated		(1U << 0)
/* It is assigned to another domain. */
#define XEN_IOMMU_DEVICE_assigned		(1U << 1)
/* Its DMA is coherent with the CPU caches. */
#define XEN_IOMMU_DEVICE_coherent		(1U << 2)
/* Its IOMMU may cache non-present entries. */
#define XEN_IOMMU_DEVICE_caching_mode		(1U << 3)
/* It cannot forge the interrupts of other devices. */
#define XEN_IOMMU_DEVICE_intremap		(1U << 4)

struct xen_iommu_op_query_device {
	uint32_t sbdf;
	uint16_t flags;		/* OUT: XEN_IOMMU_DEVICE_* */
	uint16_t nr_ids;	/* IN: room in the array; OUT: IDs */
	GUEST_HANDLE(void) ids;	/* OUT: array of uint32_t, each as sbdf */
	uint32_t pgsize_mask;	/* OUT: page sizes that its IOMMU knows */
	uint16_t ctx;		/* OUT: the context that it is attached to */
	uint8_t addr_bits;	/* OUT: it reaches addresses below 2^addr_bits */
	uint8_t pad;
};

/* One operation: 32 bytes, naturally aligned, 128 in a page. */
struct xen_iommu_op {
	uint16_t op;		/* XEN_IOMMUOP_*; unknown: -EOPNOTSUPP */
	uint16_t ctx;		/* 0: the domain's shared address space */
	int32_t status;		/* OUT: 0 or a negative errno value */
	union {
		struct xen_iommu_op_query_caps query_caps;
		struct xen_iommu_op_query_reserved query_reserved;
		struct xen_iommu_op_enable_modification enable_modification;
		struct xen_iommu_op_map map;
		struct xen_iommu_op_unmap unmap;
		struct xen_iommu_op_flush flush;
		struct xen_iommu_op_ctx_attach ctx_attach;
		struct xen_iommu_op_lookup lookup;
		struct xen_iommu_op_query_device query_device;
		uint64_t raw[3];
	} u;
};
DEFINE_GUEST_HANDLE_STRUCT(xen_iommu_op);

#endif /* __XEN_PUBLIC_IOMMU_OP_H__ */
