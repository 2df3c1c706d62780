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

#include "buffers.h"
#include "pretend.h"

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

/* What says in the first argument that all is in registers. */
#define REGS_MASK           0xffff0000U

/* Operations are copied in and out in blocks of this many. */
#define BLOCK               PV_IOMMU_MAX_SINGLES

/* The one place that says who may do this. */
static int check_permission(const struct domain *d)
{
    if ( !is_hardware_domain(d) || pv_iommu_pretends(PRETEND_not_allowed) )
        return -EPERM;

    return xsm_resource_setup_misc(XSM_PRIV);
}

/*
 * Carry out the first of @nr operations, or some that go together, and write
 * their statuses; @done is how many.  -ERESTART leaves the first one as it was.
 */
static int do_some(struct domain *d, struct pv_iommu_call *call,
                   struct xen_iommu_op *op, unsigned int nr,
                   struct pv_iommu_position *pos, unsigned int *done)
{
    int rc;

    *done = 0;
    if ( op->op == XEN_IOMMUOP_map && !pos->prog.done && !pos->prog.err &&
         pv_iommu_use_space(d, call, op->ctx) )
        *done = pv_iommu_op_singles(call, op, nr);

    if ( !*done )
    {
        rc = pv_iommu_op(d, call, op, pos);
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
    return (op->op == XEN_IOMMUOP_map && op->u.map.nr_frames == 1 &&
            !(op->u.map.flags & (XEN_IOMMU_MAP_gref |
                                 XEN_IOMMU_MAP_list))) ||
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
        if ( buf[i].size / sizeof(struct xen_iommu_op) > PV_IOMMU_MAX_OPS )
            return -E2BIG;
    }

    return 0;
}

/* Carry out the operations of one buffer, from @pos on. */
static int do_buf(struct domain *d, struct pv_iommu_call *call,
                  const struct xen_iommu_op_buf *buf, struct pv_iommu_position *pos)
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
                         const struct pv_iommu_position *pos, unsigned int nr_bufs,
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

/* The hypercall with operations in buffers. */
static long noinline do_bufs(struct domain *d, unsigned int nr_bufs,
                             XEN_GUEST_HANDLE_PARAM(void) bufs,
                             unsigned long arg3, unsigned long arg4)
{
    struct pv_iommu_dom *dom;
    struct pv_iommu_call call;
    struct xen_iommu_op_buf buf[XEN_IOMMU_OP_MAX_BUFS];
    struct pv_iommu_position pos = {};
    unsigned int ctx = 0;
    int rc, ret;

    call_begin(&call, NULL);

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

    if ( call.p )
        ++*(rc == -ERESTART ? &call.p->stat.continuations
                            : &call.p->stat.calls);

    if ( rc == -ERESTART )
    {
        pv_iommu_defer(&call);
        return continuation(&call, &pos, nr_bufs, bufs);
    }

    ret = pv_iommu_flush_call(&call);

    return rc ?: call.rc ?: ret;
}

long do_iommu_op(unsigned int nr_bufs, XEN_GUEST_HANDLE_PARAM(void) bufs,
                 unsigned long arg3, unsigned long arg4)
{
    struct domain *d = current->domain;
    int rc;

    if ( !pv_iommu_opt.on )
        return -ENOSYS;

    rc = check_permission(d);
    if ( rc )
        return rc;

    if ( (nr_bufs & REGS_MASK) == XEN_IOMMU_REGS && pv_iommu_opt.registers )
        return pv_iommu_registers(d, nr_bufs & ~REGS_MASK,
                                  (unsigned long)bufs.p, arg3, arg4);

    return do_bufs(d, nr_bufs, bufs, arg3, arg4);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
