/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * operations.c: what is in the buffers of the hypercall, see public/iommu_op.h:
 * arguments are checked here, and statuses made.
 */

#include <xen/event.h>
#include <xen/guest_access.h>

#include "buffers.h"

static int op_enable(struct domain *d,
                     struct xen_iommu_op_enable_modification *e, bool begun)
{
    bool cleared = false;
    int rc;

    if ( (e->flags & ~XEN_IOMMU_ENABLE_clear) || e->pad[0] || e->pad[1] )
        return -EINVAL;

    rc = pv_iommu_enable(
        d, pv_iommu_opt.clear && (e->flags & XEN_IOMMU_ENABLE_clear),
        begun, &cleared);
    if ( rc != -ERESTART )
        e->result = !rc && cleared ? XEN_IOMMU_ENABLED_cleared : 0;

    return rc;
}

/*
 * The operations from here on are about another address space, or the first
 * one: what is owed to the one before is flushed.  Returns whether there is one
 * to work on.
 */
bool pv_iommu_use_space(struct domain *d, struct pv_iommu_call *call,
                        unsigned int id)
{
    struct pv_iommu_dom *dom = ACCESS_ONCE(dom_iommu(d)->pv);

    if ( call->p && call->p->id != id )
    {
        call->rc = pv_iommu_flush_call(call) ?: call->rc;
        call->p = NULL;
    }

    if ( !call->p && dom )
        call->p = pv_iommu_space(dom, id);

    return is_owned(call->p);
}

/*
 * Map together what operations from @op on, of @nr, have single frames for, at
 * consecutive dfns of one table: this is what scattered memory looks like, and
 * the first of it.  Returns how many operations are done, none if there is
 * anything unusual.
 */
unsigned int pv_iommu_op_singles(struct pv_iommu_call *call,
                                 struct xen_iommu_op *op, unsigned int nr)
{
    const struct xen_iommu_op_map *first = &op->u.map;
    unsigned long gfns[PV_IOMMU_MAX_SINGLES];
    unsigned int n, max;

    /* Other flags, and errors, are op_map()'s. */
    if ( first->flags & ~(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable) ||
         !first->flags )
        return 0;

    max = min_t(unsigned int, min(nr, PV_IOMMU_MAX_SINGLES),
                PV_IOMMU_ENTRIES - (first->dfn & (PV_IOMMU_ENTRIES - 1)));

    for ( n = 0; n < max; ++n )
    {
        const struct xen_iommu_op_map *m = &op[n].u.map;

        if ( op[n].op != XEN_IOMMUOP_map || op[n].ctx != op->ctx || m->domid ||
             m->flags != first->flags || m->nr_frames != 1 ||
             m->dfn != first->dfn + n )
            break;
        gfns[n] = m->gfn;
    }

    if ( !n || bad_range(call->p, first->dfn, n) ||
         is_reserved(call->p, first->dfn, n) )
        return 0;

    n = pv_iommu_map_singles(call, first->dfn, gfns, n, first->flags);

    for ( max = 0; max < n; ++max )
        op[max].status = 0;

    return n;
}

/*
 * Map the frames of a list, some of one table at a time, as far as it goes before
 * something more urgent is to be done.  Undoing it is pv_iommu_map()'s.
 */
static int map_list(struct pv_iommu_call *call,
                    const struct pv_iommu_map_op *op,
                    struct pv_iommu_progress *prog)
{
    XEN_GUEST_HANDLE_PARAM(uint64_t) h =
        guest_handle_from_ptr(_p(op->gfn), uint64_t);

    if ( prog->done > op->nr )
        return -EINVAL;

    while ( !prog->err && prog->done < op->nr )
    {
        unsigned long gfns[PV_IOMMU_MAX_SINGLES], dfn = op->dfn + prog->done;
        unsigned int n = min_t(unsigned long, op->nr - prog->done,
                               PV_IOMMU_MAX_SINGLES);
        int rc = 0;

        n = min_t(unsigned int, n,
                  PV_IOMMU_ENTRIES - (dfn & (PV_IOMMU_ENTRIES - 1)));
        if ( copy_from_guest_offset(gfns, h, prog->done, n) )
            rc = -EFAULT;
        else
            n = pv_iommu_map_singles(call, dfn, gfns, n, op->flags);

        /* Only alone it tells why not. */
        if ( !rc && unlikely(!n) )
        {
            const struct pv_iommu_map_op one = {
                .dfn = dfn, .gfn = gfns[0], .nr = 1, .flags = op->flags,
            };
            struct pv_iommu_progress alone = {};

            rc = pv_iommu_map(call, &one, &alone);
            n = 1;
        }

        if ( unlikely(rc) )
        {
            prog->err = -rc;
            prog->count = 0;
            break;
        }

        prog->done += n;

        if ( prog->done < op->nr && hypercall_preempt_check() )
            return -ERESTART;
    }

    return prog->err ? pv_iommu_map(call, op, prog) : 0;
}

static int op_map(struct pv_iommu_call *call, unsigned int ctx,
                  struct xen_iommu_op_map *m, struct pv_iommu_progress *prog)
{
    const struct pv_iommu_map_op op = {
        .dfn = m->dfn,
        .gfn = m->gfn,
        .nr = m->nr_frames,
        .flags = m->flags,
    };

    if ( op.flags & ~(XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable |
                      XEN_IOMMU_MAP_gref | XEN_IOMMU_MAP_no_flush |
                      XEN_IOMMU_MAP_list) )
        return -EINVAL;

    if ( ((op.flags & XEN_IOMMU_MAP_gref) && !pv_iommu_has_gref()) ||
         ((op.flags & XEN_IOMMU_MAP_list) && !pv_iommu_opt.list) )
        return -EOPNOTSUPP;

    if ( !(op.flags & (XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)) ||
         (op.flags & XEN_IOMMU_MAP_gref ? op.nr != 1 || op.gfn >> 32
                                        : m->domid) ||
         (op.flags & XEN_IOMMU_MAP_list &&
          (op.nr > XEN_IOMMU_MAP_MAX_LIST || op.flags & XEN_IOMMU_MAP_gref)) )
        return -EINVAL;

    if ( !is_owned(call->p) )
        return no_space(ctx);

    if ( bad_range(call->p, op.dfn, op.nr) )
        return -EINVAL;

    if ( is_reserved(call->p, op.dfn, op.nr) )
        return -EINVAL;

    if ( op.flags & XEN_IOMMU_MAP_list )
        return map_list(call, &op, prog);

    return op.flags & XEN_IOMMU_MAP_gref
           ? pv_iommu_map_gref(call, &op, m->domid)
           : pv_iommu_map(call, &op, prog);
}

static int op_unmap(struct pv_iommu_call *call, unsigned int ctx,
                    struct xen_iommu_op_unmap *u,
                    struct pv_iommu_progress *prog)
{
    int rc;

    if ( u->pad || (u->flags & ~(XEN_IOMMU_UNMAP_no_flush |
                                 XEN_IOMMU_UNMAP_sparse)) )
        return -EINVAL;

    if ( !is_owned(call->p) )
        return no_space(ctx);

    if ( bad_range(call->p, u->dfn, u->nr_frames) )
        return -EINVAL;

    if ( u->nr_frames > 1 && !(u->flags & XEN_IOMMU_UNMAP_sparse) &&
         is_reserved(call->p, u->dfn, u->nr_frames) )
        return -EINVAL;

    rc = pv_iommu_unmap(call, u->dfn, u->nr_frames, u->flags, prog);

    /* At a single frame that is reserved nothing is found to unmap. */
    if ( unlikely(rc == -ENOENT) && u->nr_frames == 1 &&
         is_reserved(call->p, u->dfn, 1) )
        return -EINVAL;

    if ( rc != -ERESTART )
        u->nr_frames = prog->count;

    return rc;
}

static int op_flush(struct pv_iommu_call *call, unsigned int ctx,
                    const struct xen_iommu_op_flush *f)
{
    if ( f->pad || (f->flags & ~XEN_IOMMU_FLUSH_all) )
        return -EINVAL;

    if ( f->flags & XEN_IOMMU_FLUSH_all )
    {
        if ( f->dfn || f->nr_frames )
            return -EINVAL;
    }
    else if ( call->p ? bad_range(call->p, f->dfn, f->nr_frames)
                      : !f->nr_frames )
        return -EINVAL;

    if ( !is_owned(call->p) )
        return no_space(ctx);

    if ( f->flags & XEN_IOMMU_FLUSH_all )
        ranges_add(&call->ranges, 0, call->p->max_dfn);
    else
        ranges_add(&call->ranges, f->dfn, f->dfn + f->nr_frames - 1);

    return pv_iommu_flush(call, true);
}

static int op_lookup(struct pv_iommu_call *call, unsigned int ctx,
                     struct xen_iommu_op_lookup *l)
{
    if ( !is_owned(call->p) )
        return no_space(ctx);

    if ( l->dfn > call->p->max_dfn )
        return -EINVAL;

    return pv_iommu_lookup(call->p, l->dfn, &l->gfn, &l->pgsize, &l->flags);
}

static bool is_zero(const struct xen_iommu_op *op)
{
    return !op->u.raw[0] && !op->u.raw[1] && !op->u.raw[2];
}

/* What makes and fills contexts. */
static int do_context_op(struct domain *d, struct xen_iommu_op *op, bool begun)
{
    const struct xen_iommu_op_ctx_attach *a = &op->u.ctx_attach;

    if ( !pv_iommu_max_contexts() )
        return -EOPNOTSUPP;

    switch ( op->op )
    {
    case XEN_IOMMUOP_ctx_alloc:
        return op->ctx || !is_zero(op) ? -EINVAL
                                       : pv_iommu_ctx_alloc(d, &op->ctx);

    case XEN_IOMMUOP_ctx_free:
        return !is_zero(op) ? -EINVAL : pv_iommu_ctx_free(d, op->ctx, begun);

    default:
        return a->pad0 || a->pad1[0] || a->pad1[1]
               ? -EINVAL : pv_iommu_ctx_attach(d, op->ctx, a->sbdf);
    }
}

/* What is about one address space. */
static int do_space_op(struct domain *d, struct pv_iommu_call *call,
                       struct xen_iommu_op *op, struct pv_iommu_position *pos)
{
    pv_iommu_use_space(d, call, op->ctx);

    switch ( op->op )
    {
    case XEN_IOMMUOP_map:
        return op_map(call, op->ctx, &op->u.map, &pos->prog);

    case XEN_IOMMUOP_unmap:
        return op_unmap(call, op->ctx, &op->u.unmap, &pos->prog);

    case XEN_IOMMUOP_flush:
        return op_flush(call, op->ctx, &op->u.flush);

    default:
        return op_lookup(call, op->ctx, &op->u.lookup);
    }
}

/* -ERESTART leaves the operation as it was, with where it is in @pos. */
int pv_iommu_op(struct domain *d, struct pv_iommu_call *call,
                struct xen_iommu_op *op, struct pv_iommu_position *pos)
{
    switch ( op->op )
    {
    case XEN_IOMMUOP_query_caps:
        return op->ctx ? -EINVAL : pv_iommu_query_caps(d, PV_IOMMU_MAX_OPS,
                                                       &op->u.query_caps);

    case XEN_IOMMUOP_query_reserved:
        return op->ctx ? -EINVAL
                       : pv_iommu_query_reserved(d, &op->u.query_reserved);

    case XEN_IOMMUOP_query_device:
        return op->ctx ? -EINVAL
                       : pv_iommu_query_device(d, &op->u.query_device);

    case XEN_IOMMUOP_enable_modification:
        return op->ctx ? -EINVAL
                       : op_enable(d, &op->u.enable_modification, pos->begun);

    case XEN_IOMMUOP_disable_modification:
        return op->ctx || !is_zero(op) ? -EINVAL
                                       : pv_iommu_disable(d, pos->begun);

    case XEN_IOMMUOP_ctx_alloc:
    case XEN_IOMMUOP_ctx_free:
    case XEN_IOMMUOP_ctx_attach:
        return do_context_op(d, op, pos->begun);

    case XEN_IOMMUOP_map:
    case XEN_IOMMUOP_unmap:
    case XEN_IOMMUOP_flush:
    case XEN_IOMMUOP_lookup:
        return do_space_op(d, call, op, pos);

    default:
        return -EOPNOTSUPP;
    }
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
