// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hypervisor for tests: what went wrong, so that a test need not ask the
 * driver which frames it is not to check.
 *
 * The model knows which unmaps it refused, or did without saying so, and which
 * flushes.  Frames of others have no excuse: nothing may be reached there once
 * they are unmapped and flushed, and the driver has to use them again.
 */

#include "model.h"

/* The last unmap of the frame went wrong. */
#define DOUBT_NOW	1
/* One did since the frame was mapped last. */
#define DOUBT_EVER	2

/* Longer ones are of the host map, which no domain is about. */
#define MAX_FRAMES	BIT_ULL(16)

static void doubt_range(struct model *m, u64 dfn, u64 nr)
{
	u64 i;

	for (i = 0; nr < MAX_FRAMES && i < nr; i++)
		xa_store(&m->s->doubts, dfn + i,
			 xa_mk_value(DOUBT_NOW | DOUBT_EVER), GFP_ATOMIC);
}

/* The caller cannot know that these are done: they have faults, or no status. */
void model_doubt(struct model *m, const struct xen_iommu_op *ops,
		 unsigned int nr)
{
	for (; nr--; ops++) {
		m->s = model_space_of(m, ops);
		if (ops->op == XEN_IOMMUOP_unmap)
			doubt_range(m, ops->u.unmap.dfn,
				    ops->u.unmap.nr_frames);
		else if (ops->op == XEN_IOMMUOP_flush)
			m->s->owes_flush = true;
	}
}

/* An operation as the caller made it, which was done without a fault. */
void model_settle(struct model *m, const struct xen_iommu_op *op, int status)
{
	unsigned long index;
	void *entry;

	if (op->op == XEN_IOMMUOP_map && !status) {
		xa_for_each_range(&m->s->doubts, index, entry, op->u.map.dfn,
				  op->u.map.dfn + op->u.map.nr_frames - 1)
			xa_erase(&m->s->doubts, index);
	} else if (op->op == XEN_IOMMUOP_unmap &&
		   (!status || status == -ENOENT)) {
		xa_for_each_range(&m->s->doubts, index, entry, op->u.unmap.dfn,
				  op->u.unmap.dfn + op->u.unmap.nr_frames - 1)
			xa_store(&m->s->doubts, index, xa_mk_value(DOUBT_EVER),
				 GFP_ATOMIC);
	} else if (op->op == XEN_IOMMUOP_flush && !status &&
		   op->u.flush.flags & XEN_IOMMU_FLUSH_all) {
		m->s->owes_flush = false;
	}
}

static unsigned long doubt(struct model *m, u64 dfn)
{
	void *entry = xa_load(&model_looked(m)->doubts, dfn);

	return entry ? xa_to_value(entry) : 0;
}

/*
 * Is it the hypervisor's fault if something is reached at a frame that was
 * unmapped and flushed?
 */
bool model_excused(struct model *m, u64 dfn)
{
	unsigned long flags;
	bool ret;

	spin_lock_irqsave(&m->lock, flags);
	ret = xa_load(&model_looked(m)->b2m, dfn) ? doubt(m, dfn) & DOUBT_NOW :
				      model_looked(m)->owes_flush;
	spin_unlock_irqrestore(&m->lock, flags);
	return ret;
}

/* Is there a reason why the driver may not want to use a frame again? */
bool model_doubted(struct model *m, u64 dfn)
{
	unsigned long flags;
	bool ret;

	spin_lock_irqsave(&m->lock, flags);
	ret = doubt(m, dfn);
	spin_unlock_irqrestore(&m->lock, flags);
	return ret;
}

bool model_owes_flush(struct model *m)
{
	return READ_ONCE(model_looked(m)->owes_flush);
}
