/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * buffers.c: the hypercall in its "buffers" format, see public/iommu_op.h.
 */

#include <xen/err.h>
#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/nospec.h>

#include <xsm/xsm.h>

#include "private.h"

/*
 * Continuations.  Where we are travels in the registers of the arguments: in
 * the unused bits of the first, which are zero (or -E2BIG) in a fresh call,
 * and in two more arguments, which only continuations have.  Nothing of that
 * is trusted, nor is there any state to be lost or mixed up when the guest
 * takes an interrupt in between and calls us from there.
 */
#define CONT_NR_MASK        0x7fU       /* arg 1: nr_bufs */
#define CONT_BUF_SHIFT      7           /*        buffer */
#define CONT_BUF_MASK       0x3fU
#define CONT_MAGIC_SHIFT    13
#define CONT_MAGIC          0x5eed1U

#define CONT_OP_MASK        0x7fffUL    /* arg 3: operation in the buffer */
#define CONT_FAILED         (1UL << 15) /*        a flush on the way failed */
#define CONT_FLUSH          (1UL << 16) /*        a flush is owed */
#define CONT_BEGUN          (1UL << 17) /*        the operation has begun */
#define CONT_ERR_SHIFT      18          /*        -err, when rolling back */
#define CONT_ERR_MASK       0x3fUL
#define CONT_DONE_SHIFT     24          /*        frames done */
#define CONT_CTX_SHIFT      52          /* arg 4: context that is flushed */
#define CONT_COUNT_MASK     ((1UL << CONT_CTX_SHIFT) - 1) /* frames counted */

#define MAX_OPS             1024
/* Operations are copied in and out in blocks of this many. */
#define BLOCK               PV_IOMMU_MAX_SINGLES

struct position {
    unsigned int buf, op;
    bool begun;
    struct pv_iommu_progress prog;
};

/* The one place that says who may do this. */
static int check_permission(const struct domain *d)
{
    if ( !is_hardware_domain(d) || pv_iommu_pretends(PRETEND_not_allowed) )
        return -EPERM;

    return xsm_resource_setup_misc(XSM_PRIV);
}

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

/* Is [@dfn, @dfn + @nr) a range at all, and within reach? */
static bool bad_range(const struct pv_iommu *p, uint64_t dfn, uint64_t nr)
{
    return !nr || dfn > p->max_dfn || nr - 1 > p->max_dfn - dfn;
}

static bool is_reserved(const struct pv_iommu *p, uint64_t dfn, uint64_t nr)
{
    return pv_iommu_reserved_find(p->reserved, dfn, dfn + nr - 1);
}

/* Just for the error: the engine has its locks. */
static bool is_owned(const struct pv_iommu *p)
{
    return p && ACCESS_ONCE(p->state) == PV_IOMMU_owned;
}

/*
 * The operations from here on are about another address space, or the first
 * one: what is owed to the one before is flushed.  Returns whether there is one
 * to work on.
 */
static bool use_space(struct domain *d, struct pv_iommu_call *call,
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
static unsigned int map_singles(struct pv_iommu_call *call,
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

/* Context 0 there always is, but it may not be the domain's. */
static int no_space(unsigned int ctx)
{
    return ctx ? -ENOENT : -EPERM;
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
                      XEN_IOMMU_MAP_gref | XEN_IOMMU_MAP_no_flush) )
        return -EINVAL;

    if ( op.flags & XEN_IOMMU_MAP_gref )
        return -EOPNOTSUPP;

    if ( m->domid ||
         !(op.flags & (XEN_IOMMU_MAP_readable | XEN_IOMMU_MAP_writable)) )
        return -EINVAL;

    if ( !is_owned(call->p) )
        return no_space(ctx);

    if ( bad_range(call->p, op.dfn, op.nr) )
        return -EINVAL;

    if ( is_reserved(call->p, op.dfn, op.nr) )
        return -EINVAL;

    return pv_iommu_map(call, &op, prog);
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

    return f->flags & XEN_IOMMU_FLUSH_all
           ? pv_iommu_flush(call, true, 0, call->p->max_dfn)
           : pv_iommu_flush(call, true, f->dfn, f->dfn + f->nr_frames - 1);
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
                       struct xen_iommu_op *op, struct position *pos)
{
    use_space(d, call, op->ctx);

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
static int do_op(struct domain *d, struct pv_iommu_call *call,
                 struct xen_iommu_op *op, struct position *pos)
{
    switch ( op->op )
    {
    case XEN_IOMMUOP_query_caps:
        return op->ctx ? -EINVAL : pv_iommu_query_caps(d, MAX_OPS,
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
 * Carry out the first of @nr operations, or some that go together, and write
 * their statuses; @done is how many.  -ERESTART leaves the first one as it was.
 */
static int do_some(struct domain *d, struct pv_iommu_call *call,
                   struct xen_iommu_op *op, unsigned int nr,
                   struct position *pos, unsigned int *done)
{
    int rc;

    *done = 0;
    if ( op->op == XEN_IOMMUOP_map && !pos->prog.done && !pos->prog.err &&
         use_space(d, call, op->ctx) )
        *done = map_singles(call, op, nr);

    if ( !*done )
    {
        rc = do_op(d, call, op, pos);
        pos->begun = rc == -ERESTART;
        if ( rc == -ERESTART )
            return rc;
        op->status = rc;
        *done = 1;
    }

    memset(&pos->prog, 0, sizeof(pos->prog));
    pos->op += *done;

    return 0;
}

/* Not worth to look whether something more urgent is to be done. */
static bool is_short(const struct xen_iommu_op *op)
{
    return (op->op == XEN_IOMMUOP_map && op->u.map.nr_frames == 1) ||
           (op->op == XEN_IOMMUOP_unmap && op->u.unmap.nr_frames == 1);
}

/* Get the descriptors, all at once: checked before anything is done. */
static int get_bufs(struct xen_iommu_op_buf *buf, unsigned int nr_bufs,
                    XEN_GUEST_HANDLE_PARAM(void) bufs)
{
    unsigned int i;

    if ( copy_from_guest(buf, guest_handle_cast(bufs, xen_iommu_op_buf_t),
                         nr_bufs) )
        return -EFAULT;

    for ( i = 0; i < nr_bufs; ++i )
    {
        if ( buf[i].size % sizeof(struct xen_iommu_op) )
            return -EINVAL;
        if ( buf[i].size / sizeof(struct xen_iommu_op) > MAX_OPS )
            return -E2BIG;
    }

    return 0;
}

/* Carry out the operations of one buffer, from @pos on. */
static int do_buf(struct domain *d, struct pv_iommu_call *call,
                  const struct xen_iommu_op_buf *buf, struct position *pos)
{
    XEN_GUEST_HANDLE_PARAM(xen_iommu_op_t) h =
        guest_handle_cast(buf->h, xen_iommu_op_t);
    unsigned int nr = buf->size / sizeof(struct xen_iommu_op);

    while ( pos->op < nr )
    {
        struct xen_iommu_op op[BLOCK];
        unsigned int i, start = pos->op;
        unsigned int n = min_t(unsigned int, nr - start, BLOCK);
        int rc = 0;

        if ( call->begun && hypercall_preempt_check() )
            return -ERESTART;
        call->begun = true;

        if ( copy_from_guest_offset(op, h, start, n) )
        {
            /* Maybe not the first one, and those before it count. */
            n = 1;
            if ( copy_from_guest_offset(op, h, start, n) )
                return -EFAULT;
        }

        for ( i = 0; i < n && !rc; )
        {
            unsigned int done = 0;

            if ( i && !is_short(&op[i]) && hypercall_preempt_check() )
                rc = -ERESTART;
            else
                rc = do_some(d, call, &op[i], n - i, pos, &done);
            i += done;
        }

        if ( i && copy_to_guest_offset(h, start, op, i) )
            return -EFAULT;

        if ( rc )
            return rc;
    }

    return 0;
}

static long continuation(const struct pv_iommu_call *call,
                         const struct position *pos, unsigned int nr_bufs,
                         XEN_GUEST_HANDLE_PARAM(void) bufs)
{
    const struct pv_iommu_progress *prog = &pos->prog;

    return hypercall_create_continuation(
        __HYPERVISOR_iommu_op, "ihll",
        nr_bufs | pos->buf << CONT_BUF_SHIFT | CONT_MAGIC << CONT_MAGIC_SHIFT,
        bufs,
        pos->op | (call->flush ? CONT_FLUSH : 0) |
        (call->rc ? CONT_FAILED : 0) |
        (pos->begun ? CONT_BEGUN : 0) |
        (prog->err & CONT_ERR_MASK) << CONT_ERR_SHIFT |
        prog->done << CONT_DONE_SHIFT,
        (prog->count & CONT_COUNT_MASK) |
        (call->p ? call->p->id + 0UL : 0) << CONT_CTX_SHIFT);
}

long do_iommu_op(unsigned int nr_bufs, XEN_GUEST_HANDLE_PARAM(void) bufs,
                 unsigned long arg3, unsigned long arg4)
{
    struct domain *d = current->domain;
    struct pv_iommu_dom *dom;
    struct pv_iommu_call call = { .first = ~0UL };
    struct xen_iommu_op_buf buf[XEN_IOMMU_OP_MAX_BUFS];
    struct position pos = {};
    unsigned int ctx = 0;
    int rc, ret;

    if ( !pv_iommu_opt.on )
        return -ENOSYS;

    rc = check_permission(d);
    if ( rc )
        return rc;

    if ( nr_bufs >> CONT_MAGIC_SHIFT == CONT_MAGIC )
    {
        pos.buf = (nr_bufs >> CONT_BUF_SHIFT) & CONT_BUF_MASK;
        pos.op = arg3 & CONT_OP_MASK;
        call.flush = arg3 & CONT_FLUSH;
        call.rc = arg3 & CONT_FAILED ? -EIO : 0;
        pos.begun = arg3 & CONT_BEGUN;
        pos.prog.err = (arg3 >> CONT_ERR_SHIFT) & CONT_ERR_MASK;
        pos.prog.done = arg3 >> CONT_DONE_SHIFT;
        pos.prog.count = arg4 & CONT_COUNT_MASK;
        ctx = arg4 >> CONT_CTX_SHIFT;
        nr_bufs &= CONT_NR_MASK;
    }

    if ( nr_bufs > XEN_IOMMU_OP_MAX_BUFS )
        return -E2BIG;

    rc = get_bufs(buf, nr_bufs, bufs);
    if ( rc )
        return rc;

    dom = ACCESS_ONCE(dom_iommu(d)->pv);
    if ( dom )
        call.p = pv_iommu_space(dom, ctx);
    if ( !call.p )
        call.flush = false;

    for ( ; !rc && pos.buf < nr_bufs; ++pos.buf, pos.op = 0 )
    {
        rc = do_buf(d, &call,
                    &buf[array_index_nospec(pos.buf, ARRAY_SIZE(buf))], &pos);
        if ( rc )
            break;
    }

    if ( dom )
        ++*(rc == -ERESTART ? &dom->stat.continuations : &dom->stat.calls);

    if ( rc == -ERESTART )
    {
        pv_iommu_defer(&call);
        return continuation(&call, &pos, nr_bufs, bufs);
    }

    ret = pv_iommu_flush_call(&call);

    return rc ?: call.rc ?: ret;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
