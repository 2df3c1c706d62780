/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * buffers.h: between buffers.c, which has buffers and continuations, and
 * operations.c, which has what is in them.
 */

#ifndef __PV_IOMMU_BUFFERS_H__
#define __PV_IOMMU_BUFFERS_H__

#include "private.h"

/* Operations that a buffer may hold. */
#define PV_IOMMU_MAX_OPS    1024

/* How far a hypercall is. */
struct pv_iommu_position {
    unsigned int buf, op;
    bool begun;
    struct pv_iommu_progress prog;
};

bool pv_iommu_use_space(struct domain *d, struct pv_iommu_call *call,
                        unsigned int id);
unsigned int pv_iommu_op_singles(struct pv_iommu_call *call,
                                 struct xen_iommu_op *op, unsigned int nr);
int pv_iommu_op(struct domain *d, struct pv_iommu_call *call,
                struct xen_iommu_op *op, struct pv_iommu_position *pos);

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
