// SPDX-License-Identifier: GPL-2.0-only
/* A hypervisor for tests: setting it up, and looking at what it has. */

#include <linux/string.h>

#include "mirror.h"
#include "model.h"

/* Count from here on. */
void model_count(struct model *m)
{
	m->calls = 0;
	m->nr_ops = 0;
	m->flushes = 0;
	m->biggest = 0;
	m->splits = 0;
	m->absent = 0;
	m->fired = 0;
	m->nr_log = 0;
	memset(m->ops, 0, sizeof(m->ops));
}

void model_fail(struct model *m, struct model_fault fault)
{
	struct model_fault *f;

	for (f = m->faults; f < m->faults + ARRAY_SIZE(m->faults); f++)
		if (!f->times) {
			*f = fault;
			return;
		}
	WARN(1, "no room for another fault");
}

void model_heal(struct model *m)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	memset(m->faults, 0, sizeof(m->faults));
	spin_unlock_irqrestore(&m->lock, flags);
}

/* From here on the tests' looks are about this context. */
void model_look_at(struct model *m, u16 ctx)
{
	m->look = ctx;
}

static u64 look(struct model *m, struct xarray *xa, u64 dfn, bool gfn)
{
	unsigned long flags;
	u64 ret = MODEL_NOTHING;
	void *entry;

	spin_lock_irqsave(&m->lock, flags);
	if (m->mirror)
		mirror_look(m->mirror, dfn);
	entry = xa_load(xa, dfn);
	if (entry)
		ret = gfn ? model_entry_gfn(entry) : xa_to_value(entry) & 3;
	spin_unlock_irqrestore(&m->lock, flags);
	return ret;
}

/* What the tables say about a dfn. */
u64 model_gfn(struct model *m, u64 dfn)
{
	return look(m, &model_looked(m)->b2m, dfn, true);
}

u64 model_flags(struct model *m, u64 dfn)
{
	return look(m, &model_looked(m)->b2m, dfn, false);
}

/* Is it in a large page? */
bool model_large(struct model *m, u64 dfn)
{
	return xa_load(&model_looked(m)->large, dfn / MODEL_LARGE);
}

/* Where a device ends up at a dfn: its IOTLB comes first. */
u64 model_access(struct model *m, u64 dfn)
{
	unsigned long flags;
	void *entry;

	spin_lock_irqsave(&m->lock, flags);
	entry = xa_load(&model_looked(m)->iotlb, dfn);
	if (!entry && !xa_load(&model_looked(m)->fresh, dfn)) {
		entry = xa_load(&model_looked(m)->b2m, dfn);
		if (entry)
			xa_store(&model_looked(m)->iotlb, dfn, entry, GFP_ATOMIC);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return entry ? model_entry_gfn(entry) : MODEL_NOTHING;
}

unsigned long model_refs(struct model *m, u64 gfn)
{
	unsigned long flags, ret;
	void *entry;

	spin_lock_irqsave(&m->lock, flags);
	entry = xa_load(&m->refs, gfn);
	ret = entry ? xa_to_value(entry) : 0;
	spin_unlock_irqrestore(&m->lock, flags);
	return ret;
}

static unsigned long count(struct model *m, struct xarray *xa)
{
	unsigned long flags, index, n = 0;
	void *entry;

	spin_lock_irqsave(&m->lock, flags);
	xa_for_each(xa, index, entry)
		n++;
	spin_unlock_irqrestore(&m->lock, flags);
	return n;
}

unsigned long model_nr_mapped(struct model *m)
{
	return count(m, &model_looked(m)->b2m);
}

unsigned long model_nr_large(struct model *m)
{
	return count(m, &model_looked(m)->large);
}

/* Frames that are referenced, however often. */
unsigned long model_nr_refs(struct model *m)
{
	return count(m, &m->refs);
}

/* Cached entries that are not what is mapped now. */
unsigned long model_nr_stale(struct model *m)
{
	unsigned long flags, index, n = 0;
	void *entry;

	spin_lock_irqsave(&m->lock, flags);
	xa_for_each(&model_looked(m)->iotlb, index, entry)
		if (xa_load(&model_looked(m)->b2m, index) != entry)
			n++;
	xa_for_each(&model_looked(m)->fresh, index, entry)
		n++;
	spin_unlock_irqrestore(&m->lock, flags);
	return n;
}
