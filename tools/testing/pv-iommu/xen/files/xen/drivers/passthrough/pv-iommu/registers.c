/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * registers.c: the hypercall in its "registers" format, see public/iommu_op.h:
 * what device drivers do most, with nothing to be copied.
 */

#include "buffers.h"

#define NUMBER_MASK     ((1UL << XEN_IOMMU_REGS_SHIFT) - 1)

/* How many frames, or which flags, are above the number in a register. */
static unsigned int above(uint64_t reg)
{
    return reg >> XEN_IOMMU_REGS_SHIFT;
}

long pv_iommu_registers(struct domain *d, unsigned int id, uint64_t map,
                        uint64_t gfn, uint64_t unmap)
{
    struct pv_iommu_dom *dom = ACCESS_ONCE(dom_iommu(d)->pv);
    enum pv_iommu_class class = unmap & XEN_IOMMU_REGS_no_flush
                                ? PV_IOMMU_lazy : PV_IOMMU_strict;
    unsigned long dfn = unmap & NUMBER_MASK;
    unsigned int nr = above(unmap & ~XEN_IOMMU_REGS_no_flush);
    struct pv_iommu_call call;
    const struct pv_iommu_map_op op = {
        .dfn = map & NUMBER_MASK,
        .gfn = gfn & NUMBER_MASK,
        .nr = above(map),
        .flags = above(gfn),
    };
    int rc;

    BUILD_BUG_ON(XEN_IOMMU_REGS_BOUNDARY != PV_IOMMU_ENTRIES);

    if ( op.nr > XEN_IOMMU_REGS_MAX_FRAMES || nr > XEN_IOMMU_REGS_MAX_FRAMES ||
         (op.flags & ~(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)) ||
         !op.nr != !op.flags || (!op.nr && (map | gfn)) || (!nr && unmap) )
        return -EINVAL;

    call_begin(&call, dom ? pv_iommu_space(dom, id) : NULL);

    /* What is wrong, and how, is for the status of an operation to say. */
    if ( !is_owned(call.p) ||
         (op.nr && (bad_range(call.p, op.dfn, op.nr) ||
                    op.dfn % PV_IOMMU_ENTRIES + op.nr > PV_IOMMU_ENTRIES ||
                    is_reserved(call.p, op.dfn, op.nr))) ||
         (nr && bad_range(call.p, dfn, nr)) )
        return -EAGAIN;

    rc = pv_iommu_exchange(&call, &op, dfn, nr, class);
    if ( rc )
        return rc;

    ++call.p->stat.calls;

    return call.flush || call.ranges.nr ? pv_iommu_flush_call(&call) : 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
