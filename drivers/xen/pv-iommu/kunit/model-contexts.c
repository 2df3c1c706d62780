// SPDX-License-Identifier: GPL-2.0-only
/* A hypervisor for tests: contexts, and which device is in which. */

#include <linux/errno.h>

#include "model.h"

bool model_has_context(struct model *m, u16 ctx)
{
	return !ctx || (ctx < MODEL_CONTEXTS && m->contexts & BIT(ctx));
}

/* The one that an operation is about; nobody looks at that of a wrong one. */
struct model_space *model_space_of(struct model *m,
				   const struct xen_iommu_op *op)
{
	return &m->spaces[model_has_context(m, op->ctx) ? op->ctx : 0];
}

static bool any_device(struct model *m, u16 ctx)
{
	unsigned long index;
	void *entry;

	xa_for_each(&m->devices, index, entry)
		if (xa_to_value(entry) == ctx)
			return true;
	return false;
}

int model_context(struct model *m, struct xen_iommu_op *op)
{
	if (m->owned)
		return op->op == XEN_IOMMUOP_ctx_alloc ? -EBUSY : -EPERM;

	switch (op->op) {
	case XEN_IOMMUOP_ctx_alloc:
		op->ctx = 1 + ffz(m->contexts >> 1);
		if (op->ctx >= MODEL_CONTEXTS)
			return -ENOSPC;
		m->contexts |= BIT(op->ctx);
		return 0;
	case XEN_IOMMUOP_ctx_free:
		if (!op->ctx || !model_has_context(m, op->ctx))
			return -ENOENT;
		if (any_device(m, op->ctx))
			return -EBUSY;
		model_drop(m);
		m->contexts &= ~BIT(op->ctx);
		return 0;
	default:
		if (!model_has_context(m, op->ctx))
			return -ENOENT;
		xa_store(&m->devices, op->u.ctx_attach.sbdf,
			 xa_mk_value(op->ctx), GFP_ATOMIC);
		return 0;
	}
}

int model_query_device(struct model *m,
		       struct xen_iommu_op_query_device *query)
{
	query->ctx = model_context_of(m, query->sbdf);
	query->flags = XEN_IOMMU_DEVICE_translated |
		       (m->away ? XEN_IOMMU_DEVICE_assigned : 0);
	query->addr_bits = 39;
	query->nr_ids = 1;
	return -ENOBUFS;
}

/* Where a device is; those that nobody attached are in 0. */
u16 model_context_of(struct model *m, u32 sbdf)
{
	void *entry = xa_load(&m->devices, sbdf);

	return entry ? xa_to_value(entry) : 0;
}
