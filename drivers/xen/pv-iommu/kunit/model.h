/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hypervisor for tests: iommu_op as include/xen/interface/iommu_op.h says,
 * with devices behind it whose IOTLB forgets nothing until it is flushed, and
 * with faults where a test wants them.
 */

#ifndef _XEN_PV_IOMMU_KUNIT_MODEL_H
#define _XEN_PV_IOMMU_KUNIT_MODEL_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include <kunit/test.h>

#include "../hypercall.h"

/* RAM ends here; what follows is MMIO that dom0 may access. */
#define MODEL_MMIO_GFN		BIT_ULL(40)
/* And here is the end of all. */
#define MODEL_END_GFN		(MODEL_MMIO_GFN + BIT_ULL(20))

/* The domain that grants pages, and the frame of its grant 0 and so on. */
#define MODEL_GUEST		7
#define MODEL_GRANT_GFN		BIT_ULL(39)

/* Frames of a large page. */
#define MODEL_LARGE		512

/* For struct model_fault's @times. */
#define MODEL_ALWAYS		UINT_MAX

enum model_fault_kind {
	MODEL_STATUS,		/* not done, and has this status */
	MODEL_LIE,		/* done, and has this status all the same */
	MODEL_MUTE,		/* done, but the status is not written */
	MODEL_STOP,		/* the call ends before it and returns this */
	MODEL_CALL,		/* the call does nothing and returns this */
	MODEL_NO_FLUSH,		/* all is done but a flush; the call returns this */
	MODEL_NO_TABLE,		/* a large page cannot be split; -ENOMEM */
	MODEL_PARTLY,		/* half of an unmap is done, not flushed; -EIO */
	MODEL_NR_KINDS,
};

/**
 * struct model_fault - something that goes wrong
 * @kind: what
 * @op: in operations of this kind; 0: in all it is for.  Not for calls
 * @after: so many go well first
 * @times: so often then
 * @err: the status or the return value
 */
struct model_fault {
	enum model_fault_kind kind;
	u16 op;
	unsigned int after;
	unsigned int times;
	int err;
};

struct mirror;

struct model_range {
	u64 start;
	u64 end;
};

struct model_reserved {
	struct xen_iommu_reserved_range *ranges;
	unsigned int nr;
};

/* Contexts, with the one that is the host map or shared by all devices. */
#define MODEL_CONTEXTS		16

/**
 * struct model_space - one address space
 * @b2m: what is mapped: dfn -> mapping
 * @large: which parts of it are large pages: dfn / MODEL_LARGE -> true
 * @iotlb: what devices have cached: dfn -> mapping.  They access all that is
 *	mapped all the time, so that whatever is mapped is in here
 * @fresh: mappings that no device sees before the next flush, as it has the dfn
 *	cached as not present: dfn -> mapping.  In caching mode only
 * @doubts: what unmaps that went wrong were about: see model-doubt.c
 * @owes_flush: the last flush that was asked for went wrong
 * @strict: unmapped in this call, to be flushed at its end
 * @flush_new: this call is to flush what is @fresh at its end
 * @lazy: unmapped, to be flushed when the caller wants it
 */
struct model_space {
	struct xarray b2m;
	struct xarray large;
	struct xarray iotlb;
	struct xarray fresh;
	struct xarray doubts;
	bool owes_flush;
	struct list_head strict;
	bool flush_new;
	struct list_head lazy;
};

/**
 * struct model - the hypervisor
 * @lock: guards what follows
 * @irq_flags: of the call that is under way
 * @caps: what it offers
 * @mirror: the real one that does the same, or NULL
 * @reserved: ranges that it does not map
 * @owns: is a frame of RAM dom0's?  NULL: all are
 * @owner: for @owns
 * @grants: of %MODEL_GUEST that dom0 has mapped, a bit each
 * @grants_write: those of them that it has mapped for writing
 * @owned: dom0 has taken over
 * @contexts: which there are, a bit each
 * @host: what is left of the host map
 * @nr_host: ranges in @host
 * @max_host: room in @host
 * @boot: the host map at boot
 * @nr_boot: ranges in @boot
 * @spaces: by context; 0 is the one that all devices share once dom0 has taken over
 * @s: the one that this operation is about
 * @look: the one that the tests' looks are about
 * @devices: those that were attached to a context: sbdf -> context
 * @away: all devices are another domain's
 * @splits: large pages that were split
 * @refs: references on frames: gfn -> number
 * @faults: what goes wrong
 * @fired: how often it did
 * @hook: called, without @lock, before operation @hook_op is done
 * @hook_op: counted from 0 since model_count()
 * @hook_data: for @hook
 * @calls: submissions
 * @ops: operations that were reached, by kind
 * @nr_ops: all of them
 * @flushes: IOTLB flushes
 * @biggest: most operations in one call
 * @not_preset: operations whose status was not preset
 * @stale: mappings that were made over what is still cached
 * @absent: frames that were to be unmapped where nothing was mapped
 * @log: the first operations that were reached, as they were when done
 * @nr_log: of them
 */
struct model {
	spinlock_t lock;	/* guards what follows */
	unsigned long irq_flags;
	struct xpi_caps caps;
	struct mirror *mirror;
	struct model_reserved reserved;
	bool (*owns)(struct model *m, u64 gfn);
	void *owner;
	u64 grants;
	u64 grants_write;
	bool owned;
	unsigned long contexts;
	struct model_range *host;
	unsigned int nr_host;
	unsigned int max_host;
	const struct model_range *boot;
	unsigned int nr_boot;
	struct model_space spaces[MODEL_CONTEXTS];
	struct model_space *s;
	u16 look;
	struct xarray devices;
	bool away;
	unsigned int splits;
	struct xarray refs;
	struct model_fault faults[4];
	unsigned int fired;
	void (*hook)(struct model *m, void *data);
	unsigned int hook_op;
	void *hook_data;

	unsigned int calls;
	unsigned int ops[XEN_IOMMUOP_query_device + 1];
	unsigned int nr_ops;
	unsigned int flushes;
	unsigned int biggest;
	unsigned int not_preset;
	unsigned int stale;
	u64 absent;
	struct xen_iommu_op log[64];
	unsigned int nr_log;
};

extern const struct xpi_backend model_backend;

/* model.c */
struct model *model_create(struct kunit *test);
int model_enable(struct model *m, bool clear, bool *cleared);
int model_disable(struct model *m);
int model_call_begin(struct model *m);
int model_call_ops(struct model *m, struct xen_iommu_op *ops, unsigned int nr);
int model_call_end(struct model *m, int ret);

/* model-contexts.c, called with the lock held */
bool model_has_context(struct model *m, u16 ctx);
struct model_space *model_space_of(struct model *m,
				   const struct xen_iommu_op *op);
int model_context(struct model *m, struct xen_iommu_op *op);
int model_query_device(struct model *m,
		       struct xen_iommu_op_query_device *query);

/* model-ops.c, likewise */
int model_map(struct model *m, const struct xen_iommu_op_map *map);
int model_unmap(struct model *m, struct xen_iommu_op_unmap *unmap);
int model_flush(struct model *m, const struct xen_iommu_op_flush *flush);
int model_lookup(struct model *m, struct xen_iommu_op_lookup *lookup);
void model_flush_new(struct model *m, u64 start, u64 nr);
void model_flush_list(struct model *m, struct list_head *list, u64 start,
		      u64 nr);
void model_drop(struct model *m);

/* model-large.c, likewise */
void model_make_large(struct model *m, u64 dfn, u64 gfn, u64 nr);
bool model_is_large(struct model *m, u64 dfn);
bool model_needs_split(struct model *m, u64 dfn, u64 nr);
void model_split(struct model *m, u64 dfn, u64 nr);

/* model-doubt.c, likewise */
void model_doubt(struct model *m, const struct xen_iommu_op *ops,
		 unsigned int nr);
void model_settle(struct model *m, const struct xen_iommu_op *op, int status);

/* For tests: where a device is. */
u16 model_context_of(struct model *m, u32 sbdf);

/* For tests: what the driver cannot help, and what it may have to assume. */
bool model_excused(struct model *m, u64 dfn);
bool model_doubted(struct model *m, u64 dfn);
bool model_owes_flush(struct model *m);

/* model-look.c, for tests to look at it */
void model_count(struct model *m);
void model_fail(struct model *m, struct model_fault fault);
void model_heal(struct model *m);
void model_look_at(struct model *m, u16 ctx);
u64 model_gfn(struct model *m, u64 dfn);
u64 model_flags(struct model *m, u64 dfn);
bool model_large(struct model *m, u64 dfn);
u64 model_access(struct model *m, u64 dfn);
unsigned long model_refs(struct model *m, u64 gfn);
unsigned long model_nr_mapped(struct model *m);
unsigned long model_nr_large(struct model *m);
unsigned long model_nr_refs(struct model *m);
unsigned long model_nr_stale(struct model *m);

/* From model_gfn(), model_access(): nothing there. */
#define MODEL_NOTHING		(~0ULL)

static inline struct model_space *model_looked(struct model *m)
{
	return &m->spaces[m->look];
}

/* A mapping, as it is in an xarray. */
static inline void *model_entry(u64 gfn, u64 flags)
{
	return xa_mk_value(gfn << 2 | flags);
}

static inline u64 model_entry_gfn(void *entry)
{
	return xa_to_value(entry) >> 2;
}

#endif /* _XEN_PV_IOMMU_KUNIT_MODEL_H */
