/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace events of the PV-IOMMU driver. */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM xen_pv_iommu

#if !defined(_XEN_PV_IOMMU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _XEN_PV_IOMMU_TRACE_H

#include <linux/tracepoint.h>

#include <xen/interface/iommu_op.h>

TRACE_EVENT(xpi_map,
	    TP_PROTO(u64 dfn, u64 gfn, u32 nr_frames, u16 flags, u16 domid),
	    TP_ARGS(dfn, gfn, nr_frames, flags, domid),
	    TP_STRUCT__entry(__field(u64, dfn)
			     __field(u64, gfn)
			     __field(u32, nr_frames)
			     __field(u16, flags)
			     __field(u16, domid)),
	    TP_fast_assign(__entry->dfn = dfn;
			   __entry->gfn = gfn;
			   __entry->nr_frames = nr_frames;
			   __entry->flags = flags;
			   __entry->domid = domid;),
	    TP_printk("dfn=%#llx %s=%#llx domid=%u nr_frames=%u %s%s",
		      __entry->dfn,
		      __entry->flags & XEN_IOMMU_MAP_gref ? "gref" :
		      __entry->flags & XEN_IOMMU_MAP_list ? "list" : "gfn",
		      __entry->gfn, __entry->domid, __entry->nr_frames,
		      __entry->flags & XEN_IOMMU_MAP_readable ? "r" : "-",
		      __entry->flags & XEN_IOMMU_MAP_writable ? "w" : "-"));

TRACE_EVENT(xpi_unmap,
	    TP_PROTO(const struct xen_iommu_op *op),
	    TP_ARGS(op),
	    TP_STRUCT__entry(__field(u64, dfn)
			     __field(u64, nr_frames)
			     __field(u32, flags)),
	    TP_fast_assign(__entry->dfn = op->u.unmap.dfn;
			   __entry->nr_frames = op->u.unmap.nr_frames;
			   __entry->flags = op->u.unmap.flags;),
	    TP_printk("dfn=%#llx nr_frames=%llu%s", __entry->dfn,
		      __entry->nr_frames,
		      __entry->flags & XEN_IOMMU_UNMAP_no_flush ? " lazy" : ""));

/* The values are those of enum xpi_cause. */
#define XPI_SHOW_CAUSE(cause)			\
	__print_symbolic(cause,			\
			 { 0, "sync_map" },	\
			 { 1, "sync" },		\
			 { 2, "flush_all" },	\
			 { 3, "full" })

TRACE_EVENT(xpi_submit,
	    TP_PROTO(unsigned int cause, unsigned int nr_ops),
	    TP_ARGS(cause, nr_ops),
	    TP_STRUCT__entry(__field(unsigned int, cause)
			     __field(unsigned int, nr_ops)),
	    TP_fast_assign(__entry->cause = cause;
			   __entry->nr_ops = nr_ops;),
	    TP_printk("cause=%s nr_ops=%u", XPI_SHOW_CAUSE(__entry->cause),
		      __entry->nr_ops));

TRACE_EVENT(xpi_failed,
	    TP_PROTO(const struct xen_iommu_op *op),
	    TP_ARGS(op),
	    TP_STRUCT__entry(__field(u64, dfn)
			     __field(u64, nr_frames)
			     __field(int, status)
			     __field(bool, map)),
	    TP_fast_assign(__entry->map = op->op == XEN_IOMMUOP_map;
			   __entry->dfn = op->u.map.dfn;
			   __entry->nr_frames = __entry->map ? op->u.map.nr_frames :
								       op->u.unmap.nr_frames;
			   __entry->status = op->status;),
	    TP_printk("%s dfn=%#llx nr_frames=%llu status=%d",
		      __entry->map ? "map" : "unmap", __entry->dfn,
		      __entry->nr_frames, __entry->status));

#endif /* _XEN_PV_IOMMU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
