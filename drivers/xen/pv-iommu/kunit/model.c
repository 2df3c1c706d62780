// SPDX-License-Identifier: GPL-2.0-only
/* A hypervisor for tests: calls, operations, and what goes wrong in them. */

#include <linux/errno.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mirror.h"
#include "model.h"

/* There is one at a time, as there is one hypervisor. */
static struct model *the_model;

/* The faults of operations, and not of calls. */
#define OP_FAULTS	(BIT(MODEL_STATUS) | BIT(MODEL_LIE) | \
			 BIT(MODEL_MUTE) | BIT(MODEL_STOP) | \
			 BIT(MODEL_NO_TABLE) | BIT(MODEL_PARTLY))

/* Can an operation have this fault? */
static bool suits(struct model *m, const struct model_fault *f,
		  const struct xen_iommu_op *op)
{
	if (f->op && f->op != op->op)
		return false;

	switch (f->kind) {
	case MODEL_NO_TABLE:
		return op->op == XEN_IOMMUOP_unmap &&
		       model_needs_split(m, op->u.unmap.dfn,
					 op->u.unmap.nr_frames);
	case MODEL_PARTLY:
		return op->op == XEN_IOMMUOP_unmap;
	default:
		return true;
	}
}

/* The fault of these kinds that is due now, if any; @op is NULL for calls. */
static struct model_fault *next_fault(struct model *m, unsigned long kinds,
				      const struct xen_iommu_op *op)
{
	struct model_fault *f;

	for (f = m->faults; f < m->faults + ARRAY_SIZE(m->faults); f++) {
		if (!f->times || !(BIT(f->kind) & kinds) ||
		    (op && !suits(m, f, op)))
			continue;
		if (f->after) {
			f->after--;
			continue;
		}
		if (f->times != MODEL_ALWAYS)
			f->times--;
		m->fired++;
		return f;
	}
	return NULL;
}

static int query_reserved(struct model *m,
			  struct xen_iommu_op_query_reserved *query)
{
	unsigned int room = query->nr_entries;

	query->nr_entries = m->reserved.nr;
	memcpy(query->ranges, m->reserved.ranges,
	       min(room, m->reserved.nr) * sizeof(*m->reserved.ranges));
	return room < m->reserved.nr ? -ENOBUFS : 0;
}

static int query_caps(struct model *m, struct xen_iommu_op_query_caps *query)
{
	*query = (struct xen_iommu_op_query_caps) {
		.version = XEN_IOMMU_OP_VERSION,
		.mode = m->caps.mode,
		.caps = m->caps.flags,
		.max_dfn = m->caps.max_dfn,
		.pgsize_mask = m->caps.pgsize_mask,
		.max_ops = m->caps.max_ops,
		.nr_ctx = m->caps.nr_ctx,
	};
	return 0;
}

static int carry_out(struct model *m, struct xen_iommu_op *op)
{
	bool cleared = false;
	int ret;

	switch (op->op) {
	case XEN_IOMMUOP_query_caps:
		return query_caps(m, &op->u.query_caps);
	case XEN_IOMMUOP_query_reserved:
		return query_reserved(m, &op->u.query_reserved);
	case XEN_IOMMUOP_enable_modification:
		ret = model_enable(m, op->u.enable_modification.flags &
				   XEN_IOMMU_ENABLE_clear, &cleared);
		op->u.enable_modification.result =
			cleared ? XEN_IOMMU_ENABLED_cleared : 0;
		return ret;
	case XEN_IOMMUOP_disable_modification:
		return model_disable(m);
	}

	if (op->op >= XEN_IOMMUOP_ctx_alloc &&
	    op->op <= XEN_IOMMUOP_ctx_attach)
		return model_context(m, op);
	if (op->op == XEN_IOMMUOP_query_device)
		return model_query_device(m, &op->u.query_device);

	if (!model_has_context(m, op->ctx))
		return -ENOENT;
	if (!op->ctx && !m->owned)
		return -EPERM;

	switch (op->op) {
	case XEN_IOMMUOP_map:
		return model_map(m, &op->u.map);
	case XEN_IOMMUOP_unmap:
		return model_unmap(m, &op->u.unmap);
	case XEN_IOMMUOP_flush:
		return model_flush(m, &op->u.flush);
	case XEN_IOMMUOP_lookup:
		return model_lookup(m, &op->u.lookup);
	default:
		return -EOPNOTSUPP;
	}
}

static int do_op(struct model *m, struct xen_iommu_op *op)
{
	struct xen_iommu_op asked = *op;
	int status = carry_out(m, op);

	if (m->mirror)
		mirror_add(m->mirror, &asked, op, status);
	return status;
}

/* A flush on the way has failed; only one that is asked for makes up for it. */
static int do_half_of_unmap(struct model *m, struct xen_iommu_op *op)
{
	struct xen_iommu_op half = *op;

	half.u.unmap.nr_frames = DIV_ROUND_UP(op->u.unmap.nr_frames, 2);
	half.u.unmap.flags |= XEN_IOMMU_UNMAP_no_flush | XEN_IOMMU_UNMAP_sparse;
	do_op(m, &half);
	op->u.unmap.nr_frames = half.u.unmap.nr_frames;
	m->s->owes_flush = true;
	return -EIO;
}

static void note_op(struct model *m, const struct xen_iommu_op *op, int status)
{
	if (op->status != XPI_STATUS_UNREACHED)
		m->not_preset++;
	if (op->op < ARRAY_SIZE(m->ops))
		m->ops[op->op]++;
	if (m->nr_log < ARRAY_SIZE(m->log)) {
		m->log[m->nr_log] = *op;
		m->log[m->nr_log].status = status;
		m->nr_log++;
	}
}

/* Lock, and count a call; an error when it is to do nothing at all. */
int model_call_begin(struct model *m) __acquires(&m->lock)
{
	struct model_fault *fault;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	m->irq_flags = flags;
	m->calls++;
	fault = next_fault(m, BIT(MODEL_CALL), NULL);
	return fault ? fault->err : 0;
}

/* Do an operation, unless it has a fault that makes it fail. */
static int try_op(struct model *m, struct xen_iommu_op *op,
		  struct model_fault *fault)
{
	if (fault && fault->kind == MODEL_PARTLY)
		return do_half_of_unmap(m, op);
	if (!fault || (fault->kind != MODEL_STATUS &&
		       fault->kind != MODEL_NO_TABLE))
		return do_op(m, op);

	/* Failing, it has unmapped nothing, and says so. */
	if (op->op == XEN_IOMMUOP_unmap)
		op->u.unmap.nr_frames = 0;
	return fault->kind == MODEL_STATUS ? fault->err : -ENOMEM;
}

/* Returns false when the call ends before the operation. */
static bool one_op(struct model *m, struct xen_iommu_op *op, int *ret)
{
	struct xen_iommu_op asked = *op;
	struct model_fault *fault;
	int status;

	if (m->hook && m->nr_ops == m->hook_op) {
		void (*hook)(struct model *m, void *data) = m->hook;

		m->hook = NULL;
		spin_unlock(&m->lock);
		hook(m, m->hook_data);
		spin_lock(&m->lock);
	}

	m->s = model_space_of(m, op);
	fault = next_fault(m, OP_FAULTS, op);
	if (fault && fault->kind == MODEL_STOP) {
		*ret = fault->err;
		return false;
	}

	status = try_op(m, op, fault);
	if (fault)
		model_doubt(m, &asked, 1);
	else
		model_settle(m, &asked, status);
	note_op(m, op, status);
	m->nr_ops++;

	if (fault && fault->kind == MODEL_LIE)
		status = fault->err;
	if (!fault || fault->kind != MODEL_MUTE)
		op->status = status;
	return true;
}

int model_call_ops(struct model *m, struct xen_iommu_op *ops, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	m->biggest = max(m->biggest, nr);
	for (i = 0; i < nr && one_op(m, &ops[i], &ret); i++)
		;
	model_doubt(m, ops + i, nr - i);
	if (m->mirror)
		mirror_submit(m->mirror);
	return ret;
}

/* Flush what the call made stale in a space; not if it has that fault. */
static void flush_space(struct model *m, const struct model_fault *fault)
{
	if (list_empty(&m->s->strict) && !m->s->flush_new)
		return;

	if (fault) {
		/* Only a flush that is asked for makes up for it. */
		list_splice_tail_init(&m->s->strict, &m->s->lazy);
		m->s->owes_flush = true;
	} else {
		model_flush_list(m, &m->s->strict, 0, ~0ULL);
		model_flush_new(m, 0, ~0ULL);
	}
	m->s->flush_new = false;
}

/* Flush what the call made stale, and unlock. */
int model_call_end(struct model *m, int ret) __releases(&m->lock)
{
	struct model_fault *fault = NULL;
	bool any = false;
	unsigned int i;

	for (i = 0; i < MODEL_CONTEXTS; i++)
		any |= !list_empty(&m->spaces[i].strict) ||
		       m->spaces[i].flush_new;
	if (any)
		fault = next_fault(m, BIT(MODEL_NO_FLUSH), NULL);
	if (fault)
		ret = ret ?: fault->err;

	for (i = 0; i < MODEL_CONTEXTS; i++) {
		m->s = &m->spaces[i];
		flush_space(m, fault);
	}
	spin_unlock_irqrestore(&m->lock, m->irq_flags);
	return ret;
}

static int backend_submit(struct xen_iommu_op *ops, unsigned int nr)
{
	struct model *m = the_model;
	int ret = model_call_begin(m);

	if (!ret && nr > m->caps.max_ops)
		ret = -E2BIG;
	if (ret)
		model_doubt(m, ops, nr);
	else
		ret = model_call_ops(m, ops, nr);
	return model_call_end(m, ret);
}

static int backend_one(struct xen_iommu_op *op)
{
	int ret;

	op->status = XPI_STATUS_UNREACHED;
	ret = backend_submit(op, 1);
	return ret ?: op->status;
}

static int backend_probe(struct xpi_caps *caps)
{
	*caps = the_model->caps;
	return 0;
}

static int backend_query_reserved(u32 sbdf,
				  struct xen_iommu_reserved_range *ranges,
				  unsigned int *nr)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_reserved,
		.u.query_reserved.nr_entries = *nr,
		.u.query_reserved.ranges = ranges,
	};
	int ret = backend_one(&op);

	*nr = op.u.query_reserved.nr_entries;
	return ret;
}

static int backend_enable(bool clear, bool *cleared)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_enable_modification,
		.u.enable_modification.flags = clear,
	};
	int ret = backend_one(&op);

	*cleared = op.u.enable_modification.result;
	return ret;
}

static int backend_disable(void)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_disable_modification };

	return backend_one(&op);
}

static int backend_ctx_alloc(u16 *ctx)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_ctx_alloc };
	int ret = backend_one(&op);

	*ctx = op.ctx;
	return ret;
}

static int backend_ctx_free(u16 ctx)
{
	struct xen_iommu_op op = { .op = XEN_IOMMUOP_ctx_free, .ctx = ctx };

	return backend_one(&op);
}

static int backend_ctx_attach(u16 ctx, u32 sbdf)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_ctx_attach,
		.ctx = ctx,
		.u.ctx_attach.sbdf = sbdf,
	};

	return backend_one(&op);
}

static int backend_query_device(u32 sbdf, u16 *flags, u16 *ctx)
{
	struct xen_iommu_op op = {
		.op = XEN_IOMMUOP_query_device,
		.u.query_device.sbdf = sbdf,
	};
	int ret = backend_one(&op);

	*flags = op.u.query_device.flags;
	*ctx = op.u.query_device.ctx;
	/* There was no room for the requester IDs. */
	return ret == -ENOBUFS ? 0 : ret;
}

/* Nobody else wants the CPU there. */
static void backend_relax(void)
{
	cpu_relax();
}

const struct xpi_backend model_backend = {
	.name = "model",
	.probe = backend_probe,
	.query_reserved = backend_query_reserved,
	.query_device = backend_query_device,
	.enable = backend_enable,
	.disable = backend_disable,
	.ctx_alloc = backend_ctx_alloc,
	.ctx_free = backend_ctx_free,
	.ctx_attach = backend_ctx_attach,
	.submit = backend_submit,
	.relax = backend_relax,
};

static void model_destroy(void *data)
{
	struct model *m = data;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	for (m->s = m->spaces; m->s < m->spaces + MODEL_CONTEXTS; m->s++)
		model_drop(m);
	xa_destroy(&m->refs);
	xa_destroy(&m->devices);
	spin_unlock_irqrestore(&m->lock, flags);
	kfree(m->host);
	the_model = NULL;
}

/**
 * model_create() - a hypervisor that can do all, and that was taken over
 * @test: it goes with this test
 *
 * Return: the hypervisor; the test ends here without memory.
 */
struct model *model_create(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_NULL(test, the_model);
	spin_lock_init(&m->lock);
	for (m->s = m->spaces; m->s < m->spaces + MODEL_CONTEXTS; m->s++) {
		xa_init(&m->s->b2m);
		xa_init(&m->s->large);
		xa_init(&m->s->iotlb);
		xa_init(&m->s->fresh);
		xa_init(&m->s->doubts);
		INIT_LIST_HEAD(&m->s->strict);
		INIT_LIST_HEAD(&m->s->lazy);
	}
	xa_init(&m->refs);
	xa_init(&m->devices);
	m->owned = true;
	m->caps = (struct xpi_caps) {
		.mode = XEN_IOMMU_MODE_host_map,
		.flags = XEN_IOMMU_CAP_clear | XEN_IOMMU_CAP_deferred_flush |
			 XEN_IOMMU_CAP_large_pages | XEN_IOMMU_CAP_coherent |
			 XEN_IOMMU_CAP_lookup,
		.max_dfn = BIT_ULL(27) - 1,
		.pgsize_mask = SZ_4K | SZ_2M | SZ_1G,
		.max_ops = 128 * 16,
		.nr_ctx = MODEL_CONTEXTS - 1,
	};
	the_model = m;
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, model_destroy, m));
	return m;
}
