/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * buffers.h: between buffers.c, which has buffers and continuations,
 * operations.c, which has what is in them, registers.c, which does without
 * them, and ops.c, which carries operations out.
 */

#ifndef __PV_IOMMU_BUFFERS_H__
#define __PV_IOMMU_BUFFERS_H__

#include "private.h"

/* Operations that a buffer may hold. */
#define PV_IOMMU_MAX_OPS    1024

/* ops.c */
struct pv_iommu_map_op {
    unsigned long dfn, gfn, nr;
    unsigned int flags;         /* XEN_IOMMU_MAP_* */
};

/*
 * How far an operation has come.  It travels in the guest's registers across
 * a continuation, so it may be forged: see ops.c for why that is harmless.
 */
struct pv_iommu_progress {
    unsigned long done;         /* frames */
    unsigned long count;        /* frames that were mapped */
    unsigned int err;           /* rolling back because of this errno value */
};

int pv_iommu_map(struct pv_iommu_call *call, const struct pv_iommu_map_op *op,
                 struct pv_iommu_progress *prog);
unsigned int pv_iommu_map_singles(struct pv_iommu_call *call,
                                  unsigned long dfn, const unsigned long *gfns,
                                  unsigned int nr, unsigned int flags);
int pv_iommu_map_gref(struct pv_iommu_call *call,
                      const struct pv_iommu_map_op *op, domid_t owner);
int pv_iommu_unmap(struct pv_iommu_call *call, unsigned long dfn,
                   unsigned long nr, unsigned int flags,
                   struct pv_iommu_progress *prog);
int pv_iommu_exchange(struct pv_iommu_call *call,
                      const struct pv_iommu_map_op *map, unsigned long dfn,
                      unsigned long nr, enum pv_iommu_class class);
int pv_iommu_lookup(struct pv_iommu *p, unsigned long dfn, uint64_t *gfn,
                    unsigned int *pgsize, unsigned int *flags);

/* How far a hypercall is. */
struct pv_iommu_position {
    unsigned int buf, op;
    bool begun;
    struct pv_iommu_progress prog;
};

/* Context 0 there always is, but it may not be the domain's. */
static inline int no_space(unsigned int ctx)
{
    return ctx ? -ENOENT : -EPERM;
}

/* Is [@dfn, @dfn + @nr) a range at all, and within reach? */
static inline bool bad_range(const struct pv_iommu *p, uint64_t dfn,
                             uint64_t nr)
{
    return !nr || dfn > p->max_dfn || nr - 1 > p->max_dfn - dfn;
}

static inline bool is_reserved(const struct pv_iommu *p, uint64_t dfn,
                               uint64_t nr)
{
    return pv_iommu_reserved_find(p->reserved, dfn, dfn + nr - 1);
}

/* Just for the error: the engine has its locks. */
static inline bool is_owned(const struct pv_iommu *p)
{
    return p && ACCESS_ONCE(p->state) == PV_IOMMU_owned;
}

bool pv_iommu_use_space(struct domain *d, struct pv_iommu_call *call,
                        unsigned int id);
unsigned int pv_iommu_op_singles(struct pv_iommu_call *call,
                                 struct xen_iommu_op *op, unsigned int nr);
int pv_iommu_op(struct domain *d, struct pv_iommu_call *call,
                struct xen_iommu_op *op, struct pv_iommu_position *pos);

/* registers.c */
long pv_iommu_registers(struct domain *d, unsigned int id, uint64_t map,
                        uint64_t gfn, uint64_t unmap);

/* query.c */
int pv_iommu_query_caps(struct domain *d, unsigned int max_ops,
                        struct xen_iommu_op_query_caps *caps);
int pv_iommu_query_device(struct domain *d,
                          struct xen_iommu_op_query_device *q);
int pv_iommu_query_reserved(struct domain *d,
                            struct xen_iommu_op_query_reserved *q);

#endif /* __PV_IOMMU_BUFFERS_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
